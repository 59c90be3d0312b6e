//! IDX, the files of Fashion-MNIST.

use std::path::Path;

use lzn_data::idx;

use super::answer;
use crate::{Envelope, Seed, Target};

pub(super) const TARGET: Target = Target { name: "idx", seeds, words: &[b"\x1f\x8b", b"\0\0\x08\x03"], read };

fn seeds() -> Vec<Seed> {
    let file = |numbers: &[u32], count: u8| -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).chain((0..count).map(|value| value % 10)).collect()
    };
    let files = [file(&[0x803, 3, 2, 4], 24), file(&[0x801, 3], 3)];
    let packed = files.iter().map(|bytes| Seed::plain(Envelope::Gzip.around(bytes)));
    let inside = files.iter().map(|bytes| Seed::inside(Envelope::Gzip, bytes.clone()));
    files.iter().cloned().map(Seed::plain).chain(packed).chain(inside).collect()
}

fn read(path: &Path) -> String {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return format!("refused: {error}"),
    };
    match idx::images(path, &bytes) {
        Ok(images) => format!("read images {:?}", images.dim()),
        Err(error) => answer(idx::labels(path, &bytes), |labels| format!("labels {}, {error}", labels.len())),
    }
}
