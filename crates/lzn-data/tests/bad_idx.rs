//! Every kind of bad IDX file is refused with a message that names the file and the remedy.

use std::{fs, io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};
use lzn_data::{ArrayDataset, DataError, Dataset, Split, fashion_mnist};
use tempfile::TempDir;

const IMAGES: &str = "t10k-images-idx3-ubyte";
const LABELS: &str = "t10k-labels-idx1-ubyte";

fn idx(magic: u32, dimensions: &[u32], elements: &[u8]) -> Vec<u8> {
    let numbers = std::iter::once(&magic).chain(dimensions).flat_map(|number| number.to_be_bytes());
    numbers.chain(elements.iter().copied()).collect()
}

fn images(count: u32) -> Vec<u8> {
    let pixels: Vec<u8> = (0..count * 28 * 28).map(|position| (position % 251) as u8).collect();
    idx(0x803, &[count, 28, 28], &pixels)
}

fn labels(labels: &[u8]) -> Vec<u8> {
    idx(0x801, &[labels.len() as u32], labels)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

/// A folder with a test set of these two files.
fn folder(image_name: &str, images: &[u8], label_name: &str, labels: &[u8]) -> TempDir {
    let folder = TempDir::new().expect("temporary folder");
    fs::write(folder.path().join(image_name), images).expect("written");
    fs::write(folder.path().join(label_name), labels).expect("written");
    folder
}

fn read(folder: &TempDir) -> Result<ArrayDataset, DataError> {
    fashion_mnist::folder(folder.path(), Split::Test)
}

/// Asserts that this pair of raw files is refused, naming `culprit`, with a message that ends like this.
fn refused(images: &[u8], labels: &[u8], culprit: &str, ending: &str) {
    let folder = folder(IMAGES, images, LABELS, labels);
    let message = read(&folder).expect_err(ending).to_string();
    let path = folder.path().join(culprit);
    assert_eq!(message, format!("{}{ending}", path.display()));
}

#[test]
fn raw_and_gzipped_files_are_read_alike() {
    let (images, labels) = (images(3), labels(&[9, 0, 4]));
    let raw = read(&folder(IMAGES, &images, LABELS, &labels)).expect("raw");
    let packed = read(&folder(&format!("{IMAGES}.gz"), &gzip(&images), &format!("{LABELS}.gz"), &gzip(&labels)))
        .expect("packed");
    assert_eq!(raw, packed);
    assert_eq!((raw.labels(), raw.images().dim()), (&[9, 0, 4][..], (3, 1, 28, 28)));
    let pixels: Vec<u8> = raw.images().iter().copied().collect();
    assert_eq!(pixels, images[16..]);
    assert_eq!(raw.class_names()[9], "Ankle boot");
}

#[test]
fn the_embedded_sets_are_complete_and_balanced() {
    for split in [Split::Train, Split::Test] {
        let data = fashion_mnist::embedded(split).expect("embedded");
        assert_eq!((data.len(), data.images().dim(), data.classes()), (10_000, (10_000, 1, 28, 28), 10));
        for class in 0..10 {
            assert_eq!(data.labels().iter().filter(|&&label| label == class).count(), 1000, "class {class}");
        }
    }
}

#[test]
fn a_missing_file_is_named_with_the_way_to_get_it() {
    let empty = TempDir::new().expect("temporary folder");
    let message = read(&empty).expect_err("nothing there").to_string();
    let path = empty.path().join(format!("{IMAGES}.gz"));
    assert!(message.starts_with(&format!("{}: no such file or folder", path.display())), "{message}");
    for part in ["`t10k-images-idx3-ubyte` was looked for too", "apt-get install dataset-fashion-mnist", "README.md"] {
        assert!(message.contains(part), "{message}");
    }
    fs::write(empty.path().join(IMAGES), images(1)).expect("written");
    assert!(read(&empty).expect_err("no labels").to_string().contains(LABELS));
    let nowhere = fashion_mnist::folder(&empty.path().join("nowhere"), Split::Train).expect_err("no folder");
    assert!(matches!(nowhere, DataError::Missing { .. }));
}

#[test]
fn a_truncated_file_is_refused_in_header_and_body() {
    let whole = images(2);
    let rest = "copy or download it again";
    refused(&whole[..1000], &labels(&[0, 1]), IMAGES, &format!(": truncated: 1000 of 1584 bytes (unpacked); {rest}"));
    refused(&whole[..10], &labels(&[0, 1]), IMAGES, &format!(": truncated: 10 of 16 bytes (unpacked); {rest}"));
    refused(&whole, &labels(&[0, 1])[..9], LABELS, &format!(": truncated: 9 of 10 bytes (unpacked); {rest}"));
    refused(&[], &labels(&[0, 1]), IMAGES, &format!(": truncated: 0 of 16 bytes (unpacked); {rest}"));
}

#[test]
fn a_huge_count_in_the_header_is_truncation_not_memory() {
    let claims = idx(0x803, &[u32::MAX, u32::MAX, u32::MAX], &[0; 100]);
    let folder = folder(IMAGES, &claims, LABELS, &labels(&[0]));
    assert!(matches!(read(&folder), Err(DataError::Truncated { got: 116, expected: u64::MAX, .. })));
}

#[test]
fn a_truncated_gzip_file_is_refused_wherever_it_is_cut() {
    let packed = gzip(&images(2));
    for length in [3, 12, packed.len() / 2, packed.len() - 1] {
        let folder = folder(&format!("{IMAGES}.gz"), &packed[..length], LABELS, &labels(&[0, 1]));
        let error = read(&folder).expect_err("cut");
        assert!(
            matches!(&error, DataError::Truncated { path, .. } if path.ends_with(format!("{IMAGES}.gz"))),
            "{error}"
        );
    }
}

#[test]
fn a_flipped_bit_in_a_gzip_file_is_refused_by_its_checksum() {
    let mut packed = gzip(&images(2));
    let last_of_checksum = packed.len() - 5;
    packed[last_of_checksum] ^= 1;
    let folder = folder(&format!("{IMAGES}.gz"), &packed, LABELS, &labels(&[0, 1]));
    let message = read(&folder).expect_err("checksum").to_string();
    assert!(message.contains(&format!("{IMAGES}.gz: damaged gzip file (")), "{message}");
    assert!(message.ends_with("copy or download it again"), "{message}");
}

#[test]
fn bytes_after_the_content_are_refused_raw_and_gzipped() {
    let longer = [images(1), vec![0]].concat();
    let ending = ": more than the 800 bytes (unpacked) that its header promises; copy or download it again";
    refused(&longer, &labels(&[0]), IMAGES, ending);

    let name = format!("{IMAGES}.gz");
    for packed in [gzip(&longer), [gzip(&images(1)), gzip(&[0])].concat()] {
        let error = read(&folder(&name, &packed, LABELS, &labels(&[0]))).expect_err("trailing");
        assert!(matches!(error, DataError::TrailingBytes { expected: 800, .. }), "{error}");
    }
    let rubbish = [gzip(&images(1)), b"rubbish".to_vec()].concat();
    assert!(read(&folder(&name, &rubbish, LABELS, &labels(&[0]))).is_err());
}

#[test]
fn a_wrong_magic_number_is_refused() {
    let magic = |number: u32| idx(number, &[1, 28, 28], &[0; 784]);
    let images_ending = ", but IDX images start with 0x00000803; give the file of the images";
    refused(&magic(0x804), &labels(&[0]), IMAGES, &format!(": magic number 0x00000804{images_ending}"));
    // Swapped files are the usual reason.
    refused(
        &images(1),
        &images(1),
        LABELS,
        ": magic number 0x00000803, but IDX labels start with 0x00000801; give the file of the labels",
    );
}

#[test]
fn images_of_another_size_are_refused() {
    let wide = idx(0x803, &[1, 28, 32], &[0; 28 * 32]);
    refused(
        &wide,
        &labels(&[0]),
        IMAGES,
        ": images of 28 x 32 pixels (height x width), expected 28 x 28; give a file of this data set",
    );
}

#[test]
fn a_file_without_images_is_refused() {
    let ending = ": no images; give a file with at least one image";
    refused(&images(0), &labels(&[]), IMAGES, ending);
    refused(&idx(0x803, &[0, u32::MAX, u32::MAX], &[]), &labels(&[]), IMAGES, ending);
}

#[test]
fn unequal_counts_name_both_files() {
    let folder = folder(IMAGES, &images(2), LABELS, &labels(&[0, 1, 2]));
    let name = |name: &str| Path::new(folder.path()).join(name).display().to_string();
    assert_eq!(
        read(&folder).expect_err("2 is not 3").to_string(),
        format!("{} holds 2 images but {} holds 3 labels; give two files of the same set", name(IMAGES), name(LABELS))
    );
}

#[test]
fn a_label_outside_the_classes_is_refused() {
    refused(
        &images(2),
        &labels(&[9, 10]),
        LABELS,
        ": label 10 at position 1 is outside 0..10; correct the labels or give the file of this data set",
    );
}
