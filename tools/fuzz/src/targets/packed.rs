//! Packed files. Their checksums refuse nearly everything, which is what is tried here.

use std::path::Path;

use lzn_data::{ArrayDataset, Colour, Dataset, ImageConfig, PackOptions, PackedImages, pack};
use ndarray::Array4;

use super::answer;
use crate::{Seed, Target};

pub(super) const TARGET: Target =
    Target { name: "packed", seeds, words: &[b"LZNPACK\n", b"KCAPNZL\n", b"\"count\":9"], read };

const CONFIG: ImageConfig = ImageConfig { size: 2, colour: Colour::Grey, resize: None, background: None };

fn seeds() -> Vec<Seed> {
    let make = || {
        let folder = tempfile::tempdir().ok()?;
        let (source, out) = (folder.path().join("source"), folder.path().join("out"));
        std::fs::create_dir(&source).ok()?;
        let data = ArrayDataset::unlabelled(Array4::zeros((3, 1, 2, 2))).ok()?;
        let options = PackOptions { config: CONFIG, whole: true, skip_bad: false };
        pack(&[("train", &data)], &source, &out, &options, |_| {}).ok()?;
        std::fs::read(out).ok()
    };
    make().into_iter().map(Seed::plain).collect()
}

fn read(path: &Path) -> String {
    answer(PackedImages::open(path, "train", CONFIG), |data| match data {
        Some(data) => {
            (0..data.len()).map(|index| answer(data.read(index), |_| "image".to_owned())).collect::<Vec<_>>().join("; ")
        }
        None => "no part".to_owned(),
    })
}
