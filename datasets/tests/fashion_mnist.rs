//! The embedded Fashion-MNIST is what its card says.

use std::io::Read;

use flate2::read::GzDecoder;
use lzn_datasets::fashion_mnist::{CLASS_NAMES, Files, SIDE, TEST, TRAIN};
use sha2::{Digest, Sha256};

const CARD: &str = include_str!("../fashion-mnist/README.md");

fn unpack(bytes: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut output).expect("valid gzip");
    output
}

/// The big-endian header numbers of an IDX file, magic number first.
fn header(file: &[u8], numbers: usize) -> Vec<u32> {
    file.chunks_exact(4).take(numbers).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]])).collect()
}

fn all_files() -> [(&'static str, &'static [u8]); 4] {
    [
        (TRAIN.images_path, TRAIN.images),
        (TRAIN.labels_path, TRAIN.labels),
        (TEST.images_path, TEST.images),
        (TEST.labels_path, TEST.labels),
    ]
}

#[test]
fn files_have_the_sizes_and_digests_of_the_card() {
    for (path, bytes) in all_files() {
        let name = path.rsplit('/').next().expect("a file name");
        let (packed, unpacked) = (Sha256::digest(bytes), Sha256::digest(unpack(bytes)));
        let row = format!("| `{name}` | {} | `{packed:x}` | `{unpacked:x}` |", bytes.len());
        assert!(CARD.lines().any(|line| line == row), "the card has no row\n{row}");
    }
}

#[test]
fn named_paths_lead_to_the_embedded_files() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    for (path, bytes) in all_files() {
        assert_eq!(std::fs::read(root.join(path)).expect(path), bytes, "{path}");
    }
}

#[test]
fn both_parts_hold_a_thousand_images_of_every_class() {
    for Files { images, images_path, labels, labels_path } in [TRAIN, TEST] {
        let (images, labels) = (unpack(images), unpack(labels));
        let side = SIDE as u32;
        assert_eq!(header(&images, 4), [0x803, 10_000, side, side], "{images_path}");
        assert_eq!(images.len(), 16 + 10_000 * SIDE * SIDE, "{images_path}");
        assert_eq!(header(&labels, 2), [0x801, 10_000], "{labels_path}");

        let mut counts = [0; CLASS_NAMES.len()];
        for &label in &labels[8..] {
            counts[usize::from(label)] += 1;
        }
        assert_eq!(counts, [1000; CLASS_NAMES.len()], "{labels_path}");
    }
}

#[test]
fn the_card_names_every_class_in_label_order() {
    let row = format!("| class | {} |", CLASS_NAMES.join(" | "));
    assert!(CARD.contains(&row), "the card has no row {row}");
}
