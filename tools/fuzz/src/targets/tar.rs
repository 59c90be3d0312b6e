//! Tar shards, the tar files of ImageNet, and its devkit: everything that is in them is read, pictures are decoded.

use std::path::Path;

use lzn_data::{Colour, Dataset, ImageConfig, webdataset};

use super::answer;
use crate::envelope::member;
use crate::{Envelope, Seed, Target};

pub(super) const TARGET: Target = Target {
    name: "tar",
    seeds,
    words: &[
        b"ustar  \0",
        b"ustar\x0000",
        b"0",
        b"5",
        b"L",
        b"x",
        b"S",
        b"././@LongLink",
        b"77777777777\0",
        b"\x80\0\0\0",
        b"\xff\xff\xff\xff",
        b".cls",
        b".json",
        b".png",
        b".jpg",
        b"../",
        b"/",
        b"{\"label\": 1}",
        b"22 path=a.png\n",
        b"30 size=99999999999999\n",
        b"GNU.sparse",
    ],
    read,
};

/// A grey picture of 2 x 2 pixels.
const PNG: &[u8] = include_bytes!("seed.png");

fn seeds() -> Vec<Seed> {
    let end = vec![0; 1024];
    let plain = [
        member("1.png", b'0', PNG),
        member("1.cls", b'0', b"2"),
        member("2.png", b'0', PNG),
        member("2.cls", b'0', b"0"),
        end.clone(),
    ];
    let json = [
        member("a/1.json", b'0', br#"{"label": 1}"#),
        member("a/1.png", b'0', PNG),
        member("a/1.txt", b'0', b"text"),
        end.clone(),
    ];
    let name = format!("{}.png\0", "long".repeat(40));
    let long = [member("././@LongLink", b'L', name.as_bytes()), member("short.png", b'0', PNG), end.clone()];
    let pax = [member("pax", b'x', b"14 path=1.png\n"), member("x", b'0', PNG), end];
    let files = [plain.concat(), json.concat(), long.concat(), pax.concat()];
    let whole = files.iter().map(|file| Seed::plain(Envelope::Tar.around(file)));
    whole.chain(files.iter().map(|file| Seed::inside(Envelope::Tar, file.clone()))).collect()
}

fn read(path: &Path) -> String {
    let config = ImageConfig { size: 2, colour: Colour::Grey, resize: None, background: None };
    // The list that is kept would be that of another input.
    let list = path.with_file_name(format!(".{}.lzn-index", path.file_name().unwrap_or_default().to_string_lossy()));
    let _ = std::fs::remove_file(&list);
    let outcome = webdataset::open(path, config);
    let _ = std::fs::remove_file(list);
    answer(outcome, |data| read_all(&data))
}

/// The first images and captions.
fn read_all(data: &lzn_data::webdataset::WebDataset) -> String {
    let mut kinds = Vec::new();
    for index in 0..data.len().min(20) {
        let text = match (data.read(index), data.text(index)) {
            (Ok(sample), Ok(caption)) => format!("image {:?} {}", sample.label.is_some(), caption.is_some()),
            (Err(error), _) | (_, Err(error)) => error.to_string(),
        };
        kinds.push(text);
    }
    kinds.join("; ")
}
