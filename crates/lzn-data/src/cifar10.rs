//! CIFAR-10 (Krizhevsky 2009) from its own files, binary or of Python, in a folder or straight from the archive that is distributed.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use lzn_pickle::{Limits, Plain, Value};
use ndarray::{Array4, ArrayView1, Axis, s};

use crate::{ArrayDataset, DataError, Split, decode::io_error, tar};

/// The classes in the order of their labels.
pub const CLASS_NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Height and width in pixels.
const SIDE: usize = 32;
/// Red, green and blue, one plane after the other.
const PIXELS: usize = 3 * SIDE * SIDE;

/// Largest file that is read, in bytes; the batches have 31 MB.
const LARGEST: u64 = 64 << 20;

/// Files of the five training batches and of the test batch; those of Python have no ending.
fn names(split: Split) -> Vec<String> {
    match split {
        Split::Train => (1..=5).map(|number| format!("data_batch_{number}")).collect(),
        Split::Test => vec!["test_batch".to_owned()],
    }
}

/// Where a folder may have the files: in it, or in what the archives unpack to.
const FOLDERS: [&str; 3] = ["", "cifar-10-batches-bin", "cifar-10-batches-py"];

/// The archives as they are distributed.
pub(crate) const ARCHIVES: [&str; 2] = ["cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"];

/// 50,000 images to train on or 10,000 to test on, `[3, 32, 32]`, with [`CLASS_NAMES`].
///
/// `path` is a folder with the batches (`data_batch_1.bin` ... of the binary version, or `data_batch_1` ... of the Python version), a
/// folder with one of the two unpacked below it, or with an archive in it; or the archive itself (`.tar.gz` or `.tar`), which is read without
/// being unpacked. A batch may have any number of images.
///
/// # Errors
/// [`DataError::Missing`] names what was looked for; [`DataError::Damaged`], [`DataError::Pickle`] and
/// [`DataError::LabelOutOfRange`] name the batch.
pub fn open(path: &Path, split: Split) -> Result<ArrayDataset, DataError> {
    let names = names(split);
    let found = if path.is_dir() { of_folder(path, &names)? } else { of_archive(path, &names)? };
    let mut batches = Vec::with_capacity(names.len());
    for name in &names {
        let batch = found.get(&format!("{name}.bin")).map(|(path, bytes)| binary(path, bytes));
        let batch = batch.or_else(|| found.get(name).map(|(path, bytes)| python(path, bytes)));
        batches.push(batch.ok_or_else(|| missing(path, &names))??);
    }
    assemble(path, &batches)
}

/// Whether a folder or file looks like CIFAR-10.
pub(crate) fn is_here(path: &Path) -> bool {
    if path.is_file() {
        return path.file_name().is_some_and(|name| ARCHIVES.iter().any(|archive| name == *archive));
    }
    let batch =
        |folder: &&str| ["data_batch_1.bin", "data_batch_1"].iter().any(|name| path.join(folder).join(name).is_file());
    FOLDERS.iter().any(batch) || ARCHIVES.iter().any(|archive| path.join(archive).is_file())
}

type Found = HashMap<String, (PathBuf, Vec<u8>)>;

fn of_folder(path: &Path, names: &[String]) -> Result<Found, DataError> {
    for folder in FOLDERS.map(|folder| path.join(folder)) {
        let mut found = Found::new();
        for name in names.iter().flat_map(|name| [format!("{name}.bin"), name.clone()]) {
            let file = folder.join(&name);
            if !file.is_file() {
                continue;
            }
            let length = fs::metadata(&file).map_or(0, |data| data.len());
            if length > LARGEST {
                return Err(damaged(&file, format!("has {length} bytes, more than any batch")));
            }
            let bytes = fs::read(&file).map_err(|source| io_error(&file, source, "copy it there again"))?;
            found.insert(name, (file, bytes));
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    match ARCHIVES.map(|archive| path.join(archive)).iter().find(|archive| archive.is_file()) {
        Some(archive) => of_archive(archive, names),
        None => Err(missing(path, names)),
    }
}

fn of_archive(path: &Path, names: &[String]) -> Result<Found, DataError> {
    let wanted: Vec<String> = names.iter().flat_map(|name| [format!("{name}.bin"), name.clone()]).collect();
    tar::collect(path, &wanted.iter().map(String::as_str).collect::<Vec<_>>(), LARGEST)
}

fn missing(path: &Path, names: &[String]) -> DataError {
    let remedy = format!(
        "`{}.bin` (binary version) or `{}` (Python version) should be there, in a folder {} or {}, or in {} or {}; \
         they are at https://www.cs.toronto.edu/~kriz/cifar.html",
        names.join(".bin`, `"),
        names.join("`, `"),
        FOLDERS[1],
        FOLDERS[2],
        ARCHIVES[0],
        ARCHIVES[1]
    );
    DataError::Missing { path: path.join(&names[0]), remedy }
}

/// Images `[n, 3072]`, row-major, with their labels, and the file that they are from.
struct Batch<'a> {
    path: &'a Path,
    pixels: Vec<u8>,
    labels: Vec<i64>,
}

/// The binary version: a label and the pixels of each image, one after the other.
fn binary<'a>(path: &'a Path, bytes: &[u8]) -> Result<Batch<'a>, DataError> {
    let (records, rest) = bytes.as_chunks::<{ 1 + PIXELS }>();
    if records.is_empty() || !rest.is_empty() {
        return Err(damaged(path, format!("has {} bytes, which are no whole number of {}", bytes.len(), 1 + PIXELS)));
    }
    let labels = records.iter().map(|record| i64::from(record[0])).collect();
    let pixels = records.iter().flat_map(|record| &record[1..]).copied().collect();
    Ok(Batch { path, pixels, labels })
}

/// The Python version: a dict with an array `data` and a list `labels`.
fn python<'a>(path: &'a Path, bytes: &[u8]) -> Result<Batch<'a>, DataError> {
    let limits = Limits { pickle_bytes: LARGEST, ..Limits::default() };
    let plain = Plain::read(path, bytes, &limits).map_err(DataError::Pickle)?;
    let root = plain.root();
    let wrong = |key: &str, what: &str| damaged(path, format!("has no `{key}` that is {what}"));
    let data = root.get("data").and_then(Value::byte_array);
    let (shape, pixels) = data.ok_or_else(|| wrong("data", "an array of bytes"))?;
    if shape.len() != 2 || shape[1] != PIXELS || shape[0] == 0 {
        return Err(damaged(path, format!("has images of shape {shape:?}, expected [images, {PIXELS}]")));
    }
    let labels = root.get("labels").and_then(Value::items);
    let labels: Option<Vec<i64>> = labels.ok_or_else(|| wrong("labels", "a list"))?.map(Value::int).collect();
    let labels = labels.ok_or_else(|| wrong("labels", "a list of whole numbers"))?;
    if labels.len() != shape[0] {
        return Err(damaged(path, format!("has {} images but {} labels", shape[0], labels.len())));
    }
    Ok(Batch { path, pixels: pixels.to_vec(), labels })
}

fn assemble(path: &Path, batches: &[Batch<'_>]) -> Result<ArrayDataset, DataError> {
    let classes = CLASS_NAMES.len();
    for Batch { path, labels, .. } in batches {
        let outside = |label: &i64| !(0..classes as i64).contains(label);
        if let Some(position) = labels.iter().position(outside) {
            let path = (*path).to_owned();
            return Err(DataError::LabelOutOfRange { path, position, label: labels[position], classes });
        }
    }
    let count = batches.iter().map(|batch| batch.labels.len()).sum();
    let mut images = Array4::zeros((count, 3, SIDE, SIDE));
    let mut start = 0;
    for Batch { pixels, labels, .. } in batches {
        let mut slots = images.slice_mut(s![start..start + labels.len(), .., .., ..]);
        for (mut slot, pixels) in slots.axis_iter_mut(Axis(0)).zip(pixels.chunks_exact(PIXELS)) {
            slot.iter_mut().zip(ArrayView1::from(pixels)).for_each(|(slot, pixel)| *slot = *pixel);
        }
        start += labels.len();
    }
    let labels = batches.iter().flat_map(|batch| batch.labels.iter().copied()).collect();
    ArrayDataset::from_files(images, path, labels, path, CLASS_NAMES.map(str::to_owned).to_vec())
}

fn damaged(path: &Path, reason: String) -> DataError {
    DataError::Damaged { path: path.to_owned(), reason, remedy: "copy or download it again" }
}
