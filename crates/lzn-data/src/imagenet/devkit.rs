//! The devkit: what the validation images show.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::mat;
use crate::{DataError, tar};

/// The archive and the folder that it unpacks to.
const ARCHIVE: &str = "ILSVRC2012_devkit_t12.tar.gz";
const FOLDER: &str = "ILSVRC2012_devkit_t12/data";

/// Numbers, WordNet names and places in the hierarchy of all classes.
const META: &str = "meta.mat";
/// The number of the class of each validation image, one a line, in the order of their names.
const TRUTH: &str = "ILSVRC2012_validation_ground_truth.txt";

/// Largest file in it, in bytes; `meta.mat` has 80 kB.
const LARGEST: u64 = 16 << 20;

/// Classes and labels.
#[derive(Debug)]
pub(super) struct Devkit {
    /// Where it was read from.
    pub(super) path: PathBuf,
    /// WordNet names of the classes that images have, sorted.
    pub(super) class_names: Vec<String>,
    /// Labels of the validation images.
    pub(super) truth: Vec<usize>,
}

pub(super) fn open(folder: &Path) -> Result<Devkit, DataError> {
    let path = folder.join(ARCHIVE);
    let [meta, truth] = if path.is_file() {
        let mut found = tar::collect(&path, &[META, TRUTH], LARGEST)?;
        [META, TRUTH].map(|name| found.remove(name))
    } else {
        [META, TRUTH].map(|name| {
            let file = folder.join(FOLDER).join(name);
            fs::read(&file).ok().map(|bytes| (file, bytes))
        })
    };
    let (Some((meta_path, meta)), Some((truth_path, truth))) = (meta, truth) else {
        let remedy = format!("{META} and {TRUTH} of the devkit are needed; put {ARCHIVE} or {FOLDER} there");
        return Err(DataError::Missing { path, remedy });
    };
    let classes = classes(&meta_path, &meta)?;
    let mut class_names: Vec<String> = classes.values().cloned().collect();
    class_names.sort();
    class_names.dedup();
    let wrong = |line: usize, what: &str| damaged(&truth_path, format!("line {line} {what}"));
    let text = std::str::from_utf8(&truth).map_err(|_| damaged(&truth_path, "is no text".to_owned()))?;
    let label = |(line, number): (usize, &str)| {
        let number = number.trim().parse::<u32>().map_err(|_| wrong(line + 1, "is not a whole number"))?;
        let name = classes.get(&number).ok_or_else(|| wrong(line + 1, "is the number of no class"))?;
        class_names.binary_search(name).map_err(|_| wrong(line + 1, "is the number of no class"))
    };
    let truth = text.trim_end().lines().enumerate().map(label).collect::<Result<_, _>>()?;
    Ok(Devkit { path: truth_path, class_names, truth })
}

/// WordNet names by the number of the class; classes that others belong to have no images.
fn classes(path: &Path, bytes: &[u8]) -> Result<HashMap<u32, String>, DataError> {
    let read = || {
        let synsets = mat::Struct::read(bytes, "synsets")?;
        let (numbers, names) = (synsets.numbers("ILSVRC2012_ID")?, synsets.texts("WNID")?);
        let children = synsets.numbers("num_children")?;
        let leaves = numbers.into_iter().zip(names).zip(children).filter(|(_, children)| *children == 0.0);
        Ok(leaves.map(|((number, name), _)| (number as u32, name)).collect::<HashMap<_, _>>())
    };
    match read() {
        Ok(classes) if classes.is_empty() => Err(damaged(path, "names no classes".to_owned())),
        outcome => outcome.map_err(|reason: String| damaged(path, reason)),
    }
}

fn damaged(path: &Path, reason: String) -> DataError {
    DataError::Damaged { path: path.to_owned(), reason, remedy: "download the devkit again" }
}
