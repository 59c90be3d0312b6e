//! CIFAR-10 in all the forms in which it is distributed: equal images, and refusals that name the batch.

mod support;

use std::fs;
use std::path::Path;

use lzn_data::{ArrayDataset, DataError, Dataset, Split, cifar10};
use support::{gzip, tar};
use tempfile::TempDir;

const PIXELS: usize = 3072;

/// Pixels of image `number` of a batch.
fn pixels(batch: usize, number: usize) -> Vec<u8> {
    (0..PIXELS).map(|at| (at * 7 + number * 31 + batch * 101) as u8).collect()
}

fn label(batch: usize, number: usize) -> u8 {
    ((batch * 3 + number) % 10) as u8
}

/// Images of each batch.
const IMAGES: usize = 4;

fn binary(batch: usize) -> Vec<u8> {
    (0..IMAGES).flat_map(|number| [vec![label(batch, number)], pixels(batch, number)].concat()).collect()
}

/// As `pickle.dump(..., protocol=2)` of Python 2 with NumPy writes it, with the instructions that the distributed files have.
fn python(batch: usize) -> Vec<u8> {
    let data: Vec<u8> = (0..IMAGES).flat_map(|number| pixels(batch, number)).collect();
    let labels: Vec<u8> = (0..IMAGES).flat_map(|number| [b'K', label(batch, number)]).collect();
    [
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03U\x06labelsq\x04]q\x05(".as_slice(),
        &labels,
        b"eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\0\x85U\x01b\x87Rq\x09(K\x01",
        b"K\x04M\0\x0c\x86cnumpy\ndtype\nq\nU\x02u1K\0K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89T",
        &(data.len() as u32).to_le_bytes(),
        &data,
        b"tbu.",
    ]
    .concat()
}

/// Batches by name, those to train on and that to be judged by.
fn batches(make: fn(usize) -> Vec<u8>, ending: &str) -> Vec<(String, Vec<u8>)> {
    let train = (1..=5).map(|batch| (format!("data_batch_{batch}{ending}"), make(batch)));
    train.chain([(format!("test_batch{ending}"), make(6))]).collect()
}

fn write(folder: &Path, files: &[(String, Vec<u8>)]) {
    fs::create_dir_all(folder).expect("a folder");
    files.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).expect("written"));
}

fn check(data: &ArrayDataset, batches: std::ops::RangeInclusive<usize>) {
    assert_eq!(data.len(), batches.clone().count() * IMAGES);
    assert_eq!(data.class_names()[3], "cat");
    for (index, (batch, number)) in batches.flat_map(|batch| (0..IMAGES).map(move |n| (batch, n))).enumerate() {
        let sample = data.read(index).expect("in range");
        assert_eq!(sample.label, Some(i64::from(label(batch, number))));
        assert_eq!(
            sample.image.iter().copied().collect::<Vec<_>>(),
            pixels(batch, number),
            "batch {batch}, image {number}"
        );
    }
}

#[test]
fn all_forms_hold_the_same_images() {
    let folder = TempDir::new().expect("a folder");
    let root = folder.path();
    let prefixed = |files: &[(String, Vec<u8>)], prefix: &str| -> Vec<(String, Vec<u8>)> {
        files.iter().map(|(name, bytes)| (format!("{prefix}/{name}"), bytes.clone())).collect()
    };
    let mut places = Vec::new();
    for (make, ending, inner) in
        [(binary as fn(usize) -> Vec<u8>, ".bin", "cifar-10-batches-bin"), (python, "", "cifar-10-batches-py")]
    {
        let files = batches(make, ending);
        write(&root.join(inner), &files);
        write(&root.join("above").join(inner).join(inner), &files);
        let archive = tar(&prefixed(&files, inner));
        let name = if ending.is_empty() { "cifar-10-python.tar" } else { "cifar-10-binary.tar" };
        write(root, &[(name.to_owned(), archive.clone()), (format!("{name}.gz"), gzip(&archive))]);
        places.extend([
            root.join(inner),
            root.join("above").join(inner),
            root.join(name),
            root.join(format!("{name}.gz")),
        ]);
    }
    // Nothing but the archive.
    let alone = root.join("alone");
    let archive = root.join("cifar-10-python.tar.gz");
    write(&alone, &[("cifar-10-python.tar.gz".to_owned(), fs::read(archive).expect("written before"))]);
    places.push(alone);
    for place in places {
        check(&cifar10::open(&place, Split::Train).unwrap_or_else(|error| panic!("{error}")), 1..=5);
        check(&cifar10::open(&place, Split::Test).unwrap_or_else(|error| panic!("{error}")), 6..=6);
    }
}

#[test]
fn what_is_wrong_with_a_batch_is_said_with_its_name() {
    let folder = TempDir::new().expect("a folder");
    let root = folder.path();
    let message = |files: &[(&str, Vec<u8>)]| {
        let _ = fs::remove_dir_all(root.join("x"));
        write(
            &root.join("x"),
            &files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect::<Vec<_>>(),
        );
        cifar10::open(&root.join("x"), Split::Test).expect_err("refused").to_string()
    };
    let none = message(&[]);
    assert!(none.contains("test_batch") && none.contains("cifar-10-binary.tar.gz"), "{none}");
    let mut long = binary(6);
    long.push(0);
    for bytes in [long, binary(6)[..3000].to_vec(), vec![]] {
        let got = message(&[("test_batch.bin", bytes)]);
        assert!(got.contains("test_batch.bin: has") && got.contains("no whole number of 3073"), "{got}");
    }
    let mut wrong = binary(6);
    wrong[3073] = 10;
    let got = message(&[("test_batch.bin", wrong)]);
    assert!(got.contains("test_batch.bin: label 10 at position 1 is outside 0..10"), "{got}");
    let mut hostile = b"cos\nsystem\n(U\x04trueq\0tR.".to_vec();
    let got = message(&[("test_batch", hostile.clone())]);
    assert!(
        got.contains("test_batch") && got.contains("`os.system`") && got.contains("nothing in it was run"),
        "{got}"
    );
    hostile = python(6);
    hostile.truncate(5000);
    assert!(message(&[("test_batch", hostile)]).contains("bytes wanted"));
    let floats: Vec<u8> = {
        let file = python(6);
        let at = file.windows(2).position(|two| two == b"u1").expect("its kind of number");
        [&file[..at], b"f8", &file[at + 2..]].concat()
    };
    assert!(message(&[("test_batch", floats)]).contains("an array of `f8`"));
}

#[test]
fn damaged_archives_are_refused_by_name() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("cifar-10-binary.tar.gz");
    let whole = gzip(&tar(&batches(binary, ".bin")));
    for bytes in [&whole[..whole.len() / 2], b"text", b""] {
        fs::write(&path, bytes).expect("written");
        let error = cifar10::open(&path, Split::Train).expect_err("refused");
        assert!(matches!(error, DataError::Damaged { .. } | DataError::Missing { .. }), "{error}");
        assert!(error.to_string().contains("cifar-10-binary.tar.gz"), "{error}");
    }
}
