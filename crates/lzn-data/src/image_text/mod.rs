//! Folders of images with a table that says what they show: image-text pairs.

mod csv;
mod hold_out;
mod rows;
mod table;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::decode::read_file;
use crate::encoded::{EncodedImages, Store};
use crate::{DataError, ImageConfig, Split};
use rows::Row;

/// The images that a table names, with the texts and labels that stand beside them.
///
/// The table is `captions.csv`, `metadata.csv` or `metadata.jsonl` (one JSON object a line, as the ImageFolder of Hugging Face has it), and lies in
/// the folder itself or in its parts `train`, and `test` or `val`. A row names a file, relative to the table or to the folder `images` beside
/// it, and may have a text, a label, both or neither; an empty cell is none. One image may have several rows, one for each text.
///
/// Labels that are whole numbers are the numbers of classes; others are names, numbered in their order byte by byte.
pub type ImageTexts = EncodedImages<Pairs>;

/// Which columns, or fields, of a table mean what, and what is held out to be judged by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableConfig {
    /// The column of file names; the first of `file` and `file_name` that is there unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The column of texts; the first of `text`, `caption` and `name` that is there unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The column of labels; the first of `label`, `class` and `category` that is there unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Share of the pairs that are held out as the part `test` where the folder has no parts, in (0, 1). Rows with an equal text or an
    /// equal file stay on one side, so variants of one thing that share its name do not leak; which side is a function of text and file
    /// names alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_out: Option<f64>,
}

/// One image of a table.
#[derive(Debug, Clone)]
struct Pair {
    path: PathBuf,
    label: Option<i64>,
    text: Option<String>,
}

/// Image files with their labels and texts.
#[derive(Debug, Clone)]
pub struct Pairs {
    pairs: Arc<[Pair]>,
    partly_labelled: bool,
    has_texts: bool,
}

impl Store for Pairs {
    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn label(&self, index: usize) -> Option<i64> {
        self.pairs[index].label
    }

    fn partly_labelled(&self) -> bool {
        self.partly_labelled
    }

    fn has_texts(&self) -> bool {
        self.has_texts
    }

    fn text(&self, index: usize) -> Result<Option<String>, DataError> {
        Ok(self.pairs[index].text.clone())
    }

    fn name(&self, index: usize) -> PathBuf {
        self.pairs[index].path.clone()
    }

    fn bytes(&self, index: usize) -> Result<Vec<u8>, DataError> {
        read_file(&self.pairs[index].path)
    }
}

/// Opens one part of a folder; `None` if there is no such part.
///
/// # Errors
/// [`DataError::Missing`] and [`DataError::Io`]; [`DataError::Table`] names table, line and remedy; [`DataError::HoldOut`] when a share is
/// asked for that is none, or of a folder that has its parts; [`DataError::Empty`] when nothing is left;
/// [`DataError::ImageSizeZero`] and [`DataError::ResizeBelowSize`].
pub fn open(
    folder: &Path,
    split: Split,
    config: &TableConfig,
    images: ImageConfig,
) -> Result<Option<ImageTexts>, DataError> {
    let (train, test) = match parts(folder) {
        Some((train, test)) => {
            if config.hold_out.is_some() {
                return Err(DataError::HoldOut { path: folder.to_owned(), rule: "belongs to folders without parts" });
            }
            (rows::read(&train, config)?, test.map(|test| rows::read(&test, config)).transpose()?)
        }
        None => hold_out::cut(folder, rows::read(folder, config)?, config.hold_out)?,
    };
    // Classes are those of both parts, so that a label means the same in each.
    let classes = Classes::of(train.iter().chain(test.iter().flatten()));
    let Some(rows) = (match split {
        Split::Train => Some(train),
        Split::Test => test,
    }) else {
        return Ok(None);
    };
    if rows.is_empty() {
        return Err(DataError::Empty { path: folder.to_owned(), remedy: "name images in its table" });
    }
    let pairs: Vec<Pair> = rows.into_iter().map(|row| classes.pair(row)).collect();
    let labelled = pairs.iter().filter(|pair| pair.label.is_some()).count();
    let has_texts = pairs.iter().any(|pair| pair.text.is_some());
    let partly_labelled = !classes.names.is_empty() && labelled < pairs.len();
    ImageTexts::new(Pairs { pairs: pairs.into(), partly_labelled, has_texts }, classes.names, images).map(Some)
}

/// Whether there is a table, in the folder or in its parts.
pub(crate) fn is_here(folder: &Path) -> bool {
    table::find(folder).is_some() || parts(folder).is_some()
}

/// The folders of the parts, each with a table of its own.
fn parts(folder: &Path) -> Option<(PathBuf, Option<PathBuf>)> {
    let find =
        |split: Split| split.folders().iter().map(|name| folder.join(name)).find(|part| table::find(part).is_some());
    find(Split::Train).map(|train| (train, find(Split::Test)))
}

/// Most classes that numbers may ask for: names are made for all of them.
const MOST_CLASSES: i64 = 1 << 20;

/// Names of classes, and their numbers.
struct Classes {
    names: Vec<String>,
    numbers: HashMap<String, i64>,
}

impl Classes {
    fn of<'a>(rows: impl Iterator<Item = &'a Row>) -> Self {
        let labels: BTreeSet<&str> = rows.filter_map(|row| row.label.as_deref()).collect();
        let number = |label: &&str| label.parse::<i64>().ok().filter(|number| (0..MOST_CLASSES).contains(number));
        let numbers: Option<Vec<i64>> = labels.iter().map(number).collect();
        let names: Vec<String> = match numbers.as_deref().and_then(|numbers| numbers.iter().max()) {
            Some(most) => (0..=*most).map(|number| number.to_string()).collect(),
            None => labels.iter().map(|label| (*label).to_owned()).collect(),
        };
        let place = |(at, label): (usize, &&str)| {
            let own = numbers.as_ref().map_or(at as i64, |numbers| numbers[at]);
            ((*label).to_owned(), own)
        };
        Self { numbers: labels.iter().enumerate().map(place).collect(), names }
    }

    fn pair(&self, Row { path, text, label }: Row) -> Pair {
        Pair { path, text, label: label.and_then(|label| self.numbers.get(&label).copied()) }
    }
}

/// Where the files of a table are: beside it, or in `images` beside it, whichever has the first.
fn root(folder: &Path, first: &str) -> PathBuf {
    let below = folder.join("images");
    if !folder.join(first).is_file() && below.join(first).is_file() { below } else { folder.to_owned() }
}

/// Whether a name stays in the folder that it is relative to.
fn stays_inside(name: &str) -> bool {
    !name.is_empty()
        && Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// The text of a table, and errors of reading it.
fn text_of(path: &Path) -> Result<String, DataError> {
    let bytes = fs::read(path).map_err(|source| DataError::Io { path: path.to_owned(), source })?;
    String::from_utf8(bytes).map_err(|error| {
        let line =
            error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        DataError::Table {
            path: path.to_owned(),
            line,
            reason: "is no text in UTF-8".to_owned(),
            remedy: "save it as UTF-8",
        }
    })
}
