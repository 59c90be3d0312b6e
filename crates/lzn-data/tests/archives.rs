//! Tar shards and the tar files of ImageNet, read in place.

mod support;

use std::fs;
use std::path::Path;

use lzn_data::{Colour, DataError, Dataset, ImageConfig, Split, imagenet, webdataset};
use support::{gzip, picture, tar};
use tempfile::TempDir;

const CONFIG: ImageConfig = ImageConfig { size: 4, colour: Colour::Rgb, resize: None, background: None };

fn members(files: &[(&str, &[u8])]) -> Vec<u8> {
    tar(&files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect::<Vec<_>>())
}

/// Red of the first pixel, and the label, of every image.
fn all(data: &dyn Dataset) -> Vec<(u8, Option<i64>)> {
    let read = |index| {
        let sample = data.read(index).expect("readable");
        (sample.image[[0, 0, 0]], sample.label)
    };
    (0..data.len()).map(read).collect()
}

#[test]
fn shards_are_read_in_order_with_labels_and_captions() {
    let folder = TempDir::new().expect("a folder");
    let root = folder.path();
    let [a, b, c] = [1, 2, 3].map(|value| picture(value, 6, 4));
    let first = members(&[
        ("x/1.cls", b"2"),
        ("x/1.png", &a),
        ("x/1.txt", "größe".as_bytes()),
        ("x/2.png", &b),
        ("x/2.json", br#"{"label": 0, "url": "none"}"#),
        ("notes.md", b"nothing"),
    ]);
    fs::write(root.join("b-0001.tar"), members(&[("3.jpg", &c), ("3.cls", b" 1\n"), ("3.json", b"{}")]))
        .expect("written");
    fs::write(root.join("a-0000.tar"), first).expect("written");
    let data = webdataset::open(root, CONFIG).expect("opened");
    assert_eq!(all(&data), [(1, Some(2)), (2, Some(0)), (3, Some(1))]);
    assert_eq!(data.class_names(), ["0", "1", "2"]);
    assert!(data.has_texts());
    assert_eq!(data.text(0).expect("read").as_deref(), Some("größe"));
    assert_eq!(data.read(0).expect("read").text.as_deref(), Some("größe"));
    assert_eq!((data.text(1).expect("read"), data.text(9).is_err()), (None, true));
    assert_eq!(data.read_whole(0).expect("read").image.dim(), (3, 4, 6));

    fs::write(root.join("classes.txt"), "cat\ndog\nfox\n").expect("written");
    assert_eq!(webdataset::open(root, CONFIG).expect("opened").class_names()[2], "fox");
    fs::write(root.join("classes.txt"), "cat\n").expect("written");
    let message = webdataset::open(root, CONFIG).expect_err("too few").to_string();
    assert!(message.contains("classes.txt: names 1 classes, but there is a label 2"), "{message}");
}

#[test]
fn the_kept_list_is_used_and_made_again_when_the_shard_or_the_list_changes() {
    let folder = TempDir::new().expect("a folder");
    let (path, list) = (folder.path().join("s.tar"), folder.path().join(".s.tar.lzn-index"));
    let one = picture(1, 4, 4);
    fs::write(&path, members(&[("1.png", &one), ("2.png", &one)])).expect("written");
    let names = || {
        let data = webdataset::open(&path, CONFIG).expect("opened");
        (0..data.len()).map(|index| lzn_data::Store::name(data.store(), index)).collect::<Vec<_>>()
    };
    assert_eq!(names(), [path.join("1.png"), path.join("2.png")]);
    // A list whose checksum is right is believed, so it is used.
    let text = fs::read_to_string(&list).expect("kept").replace("2.png", "renamed.png");
    let (content, _) = text.trim_end().rsplit_once('\n').expect("lines");
    let forged = format!("{content}\ncrc32 {:08x}\n", crc32fast::hash(content.as_bytes()));
    fs::write(&list, forged).expect("written");
    assert_eq!(names(), [path.join("1.png"), path.join("renamed.png")]);
    // A damaged one is not, nor is one of another state of the shard.
    fs::write(&list, fs::read_to_string(&list).expect("kept").replace("renamed", "forged")).expect("written");
    assert_eq!(names(), [path.join("1.png"), path.join("2.png")]);
    fs::write(&path, members(&[("3.png", &one)])).expect("written");
    assert_eq!(names(), [path.join("3.png")]);
}

#[test]
fn bad_shards_and_samples_are_named() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("s.tar");
    let message = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("written");
        webdataset::open(&path, CONFIG).expect_err("refused").to_string()
    };
    let one = picture(1, 4, 4);
    let good = members(&[("1.png", &one), ("1.cls", b"0")]);
    for (bytes, expected) in [
        (gzip(&good), "unpack it with gunzip"),
        (good[..600].to_vec(), "ends before its member `1.png`"),
        (vec![7; 2000], "is no tar file"),
        (members(&[("1.txt", b"text")]), "no images"),
        (members(&[("1.png", &one), ("1.cls", b"one")]), "its member `1.cls` is not a whole number"),
        (members(&[("1.png", &one), ("1.cls", b"-1")]), "has the label -1"),
        (members(&[("1.png", &one), ("1.cls", b"99999999999")]), "has the label 99999999999"),
        (members(&[("1.png", &one), ("1.json", b"[")]), "its member `1.json` is not as expected"),
        (members(&[("1.png", &one), ("1.cls", b"0"), ("2.png", &one)]), "1 of 2 images have a label"),
    ] {
        let got = message(&bytes);
        assert!(got.starts_with(&path.display().to_string()) && got.contains(expected), "{expected}: {got}");
    }
    fs::write(&path, members(&[("a/1.png", b"no picture")])).expect("written");
    let got = webdataset::open(&path, CONFIG).expect("listed").read(0).expect_err("no picture").to_string();
    assert!(got.starts_with(&format!("{}: not a readable PNG", path.join("a/1.png").display())), "{got}");
}

/// An element of a file of MATLAB.
fn element(kind: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn array(class: u32, sides: [u32; 2], name: &str, content: &[u8]) -> Vec<u8> {
    let head = [element(6, &words(&[class, 0])), element(5, &words(&sides)), element(1, name.as_bytes())].concat();
    element(14, &[head, content.to_vec()].concat())
}

/// `synsets` of `meta.mat`: number, WordNet name, number of children. Numbers in the least type that holds them, as MATLAB writes them, and in
/// the short form of elements.
fn meta(synsets: &[(u8, &str, u8)]) -> Vec<u8> {
    let short = |value: u8| {
        [2u16.to_le_bytes(), 1u16.to_le_bytes()].concat().into_iter().chain([value, 0, 0, 0]).collect::<Vec<u8>>()
    };
    let mut content = element(5, &words(&[16]));
    let names = ["ILSVRC2012_ID", "WNID", "num_children"];
    content.extend(element(1, &names.map(|name| format!("{name:\0<16}")).concat().into_bytes()));
    for (number, name, children) in synsets {
        let letters: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        content.extend(array(6, [1, 1], "", &short(*number)));
        content.extend(array(4, [1, name.len() as u32], "", &element(4, &letters)));
        content.extend(array(6, [1, 1], "", &short(*children)));
    }
    let synsets = array(2, [synsets.len() as u32, 1], "synsets", &content);
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &synsets).expect("in memory");
    let packed = packed.finish().expect("in memory");
    let mut file = format!("{:<124}", "MATLAB 5.0 MAT-file").into_bytes();
    file.extend([0, 1, b'I', b'M']);
    file.extend([15u32.to_le_bytes(), (packed.len() as u32).to_le_bytes()].concat());
    file.extend(packed);
    file
}

/// A stand-in of the official files: two classes, whose numbers and names are in different orders.
fn official(root: &Path) {
    let class = |images: &[(&str, u8)]| {
        members(
            &images
                .iter()
                .map(|(name, value)| (*name, picture(*value, 8, 6)))
                .collect::<Vec<_>>()
                .iter()
                .map(|(name, bytes)| (*name, bytes.as_slice()))
                .collect::<Vec<_>>(),
        )
    };
    let late = class(&[("n02_2.JPEG", 22), ("n02_1.JPEG", 21)]);
    let early = class(&[("n01_1.JPEG", 11)]);
    fs::write(root.join("ILSVRC2012_img_train.tar"), members(&[("n02.tar", &late), ("n01.tar", &early)]))
        .expect("written");
    let [one, two, three] = [31, 32, 33].map(|value| picture(value, 8, 6));
    let validation = members(&[
        ("ILSVRC2012_val_00000002.JPEG", &two),
        ("ILSVRC2012_val_00000001.JPEG", &one),
        ("ILSVRC2012_val_00000003.JPEG", &three),
    ]);
    fs::write(root.join("ILSVRC2012_img_val.tar"), validation).expect("written");
    let meta = meta(&[(1, "n02", 0), (2, "n01", 0), (3, "n00", 2)]);
    let devkit = members(&[
        ("ILSVRC2012_devkit_t12/data/meta.mat", &meta),
        ("ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", b"2\n1\n1\n"),
    ]);
    fs::write(root.join("ILSVRC2012_devkit_t12.tar.gz"), gzip(&devkit)).expect("written");
}

#[test]
fn imagenet_is_read_from_its_official_files() {
    let folder = TempDir::new().expect("a folder");
    official(folder.path());
    let train = imagenet::open(folder.path(), Split::Train, CONFIG).expect("opened");
    assert_eq!(train.class_names(), ["n01", "n02"]);
    assert_eq!(all(&train), [(11, Some(0)), (21, Some(1)), (22, Some(1))]);
    let test = imagenet::open(folder.path(), Split::Test, CONFIG).expect("opened");
    assert_eq!(test.class_names(), train.class_names());
    assert_eq!(all(&test), [(31, Some(0)), (32, Some(1)), (33, Some(1))]);
    // Once more with the list that was kept.
    assert_eq!(all(&imagenet::open(folder.path(), Split::Train, CONFIG).expect("opened")), all(&train));
}

#[test]
fn a_devkit_that_does_not_fit_is_named() {
    let folder = TempDir::new().expect("a folder");
    official(folder.path());
    let devkit = folder.path().join("ILSVRC2012_devkit_t12.tar.gz");
    let message = |truth: &[u8], meta: &[u8]| {
        let files = [("meta.mat", meta), ("ILSVRC2012_validation_ground_truth.txt", truth)];
        fs::write(&devkit, gzip(&members(&files))).expect("written");
        imagenet::open(folder.path(), Split::Test, CONFIG).expect_err("refused").to_string()
    };
    let good = meta(&[(1, "n02", 0), (2, "n01", 0)]);
    assert!(message(b"1\n2\n", &good).contains("has 3 images"));
    assert!(message(b"1\n2\n7\n", &good).contains("line 3 is the number of no class"));
    assert!(message(b"1\n2\nx\n", &good).contains("line 3 is not a whole number"));
    for damaged in [&good[..100], &good[..150], b"text".as_slice()] {
        let got = message(b"1\n2\n1\n", damaged);
        assert!(got.contains("meta.mat") && got.contains("download the devkit again"), "{got}");
    }
    fs::remove_file(&devkit).expect("removed");
    let error = imagenet::open(folder.path(), Split::Test, CONFIG).expect_err("refused");
    assert!(matches!(&error, DataError::Missing { .. }) && error.to_string().contains("meta.mat"), "{error}");
}
