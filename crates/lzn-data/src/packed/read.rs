//! Reading a packed file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::ArrayView3;

use super::fingerprint::fingerprint;
use super::format::{Contents, ENTRY, Entry, FOOTER, Footer, HEADER, MAGIC, NO_LABEL, Part, Prepared, VERSION};
use super::map::Map;
use crate::decode::{fit, unreadable};
use crate::{Colour, DataError, Dataset, ImageConfig, ImageShape, Look, Sample, dataset::check_index};

/// A packed file that was checked.
#[derive(Debug)]
struct Packed {
    path: PathBuf,
    map: Map,
    contents: Contents,
    /// Bytes before the entries.
    entries: usize,
}

/// What a packed file holds, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedInfo {
    /// The file or folder that it was made of.
    pub source: PathBuf,
    /// Grey or colour.
    pub colour: Colour,
    /// [`ImageConfig::background`].
    pub background: Option<[u8; 3]>,
    /// Size of the images and [`ImageConfig::resize`]; `None` if they have the sizes that they had.
    pub prepared: Option<(usize, Option<usize>)>,
    /// Names and numbers of images of its parts.
    pub parts: Vec<(String, usize)>,
    /// Messages that name the images which could not be read when it was made.
    pub left_out: Vec<String>,
}

/// One part of a packed file as a data set.
#[derive(Debug, Clone)]
pub struct PackedImages {
    packed: Arc<Packed>,
    /// Number of the part, and of its first image.
    part: usize,
    first: usize,
    config: ImageConfig,
}

impl PackedImages {
    /// Opens a part of a file of [`pack`](super::pack), `train` or `test`; `None` if it has no such part.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Io`]; [`DataError::Damaged`] when the file is not whole, or of another version;
    /// [`DataError::Stale`] when what it was made of is there and has changed; [`DataError::PackedOtherwise`] when `config` asks for
    /// images that cannot be made of those in the file.
    pub fn open(path: &Path, part: &str, config: ImageConfig) -> Result<Option<Self>, DataError> {
        config.check()?;
        let packed = Packed::open(path)?;
        packed.check_source()?;
        packed.check_config(&config)?;
        let Some(number) = packed.contents.parts.iter().position(|own| own.name == part) else { return Ok(None) };
        let first = packed.contents.parts[..number].iter().map(|part| part.count).sum();
        Ok(Some(Self { packed: Arc::new(packed), part: number, first, config }))
    }

    /// What a packed file holds. That its source has changed is no error here.
    ///
    /// # Errors
    /// As [`PackedImages::open`].
    pub fn info(path: &Path) -> Result<PackedInfo, DataError> {
        let Contents { source, colour, background, prepared, parts, left_out, .. } = Packed::open(path)?.contents;
        let prepared = prepared.map(|Prepared { size, resize }| (size, resize));
        let parts = parts.into_iter().map(|part| (part.name, part.count)).collect();
        Ok(PackedInfo { source: source.path, colour, background, prepared, parts, left_out })
    }

    fn part(&self) -> &Part {
        &self.packed.contents.parts[self.part]
    }

    fn entry(&self, index: usize) -> Result<Entry, DataError> {
        check_index(index, self.len())?;
        Ok(self.packed.entry(self.first + index))
    }
}

impl Packed {
    fn open(path: &Path) -> Result<Self, DataError> {
        let map = Map::open(path)?;
        let (contents, entries) = check(&map).map_err(|reason| {
            let remedy = "make it again with `lzn data pack`";
            DataError::Damaged { path: path.to_owned(), reason, remedy }
        })?;
        Ok(Self { path: path.to_owned(), map, contents, entries })
    }

    /// A file that is moved to where its source is not is taken as it is.
    fn check_source(&self) -> Result<(), DataError> {
        let source = &self.contents.source;
        if source.path.exists() && fingerprint(&source.path)? != source.fingerprint {
            return Err(DataError::Stale { path: self.path.clone(), source_path: source.path.clone() });
        }
        Ok(())
    }

    fn check_config(&self, config: &ImageConfig) -> Result<(), DataError> {
        let wanted = Prepared { size: config.size, resize: config.resize };
        let fits = self.contents.colour == config.colour
            && self.contents.background == config.background
            && self.contents.prepared.is_none_or(|own| own == wanted);
        if fits {
            return Ok(());
        }
        let contents = &self.contents;
        Err(DataError::PackedOtherwise {
            path: self.path.clone(),
            packed: words(contents.colour, contents.background, contents.prepared),
            wanted: words(config.colour, config.background, Some(wanted)),
        })
    }

    fn entry(&self, number: usize) -> Entry {
        let bytes = self.map[self.entries + number * ENTRY..].first_chunk();
        // All entries were seen when the file was opened.
        bytes.map_or(Entry { offset: 0, height: 0, width: 0, label: NO_LABEL, crc32: 0 }, Entry::from_bytes)
    }
}

/// How images were prepared, or are to be, in words.
fn words(colour: Colour, background: Option<[u8; 3]>, prepared: Option<Prepared>) -> String {
    let size = match prepared {
        Some(Prepared { size, resize: Some(resize) }) => format!("{size} pixels after a resize to {resize}"),
        Some(Prepared { size, resize: None }) => format!("{size} pixels"),
        None => "their own sizes".to_owned(),
    };
    let behind = background.map(|colour| format!(", over {colour:?}")).unwrap_or_default();
    format!("{size}, {} channels{behind}", colour.channels())
}

/// Everything but the pixels: their checksums are looked at when they are.
fn check(file: &[u8]) -> Result<(Contents, usize), String> {
    if !file.starts_with(MAGIC) {
        return Err("is no packed file".to_owned());
    }
    let version = file[MAGIC.len()..].first_chunk().map_or(0, |version| u32::from_le_bytes(*version));
    if version != VERSION {
        return Err(format!("is of version {version} of packed files, and this program reads {VERSION}"));
    }
    let footer = file.last_chunk::<FOOTER>().filter(|_| file.len() >= HEADER + FOOTER).and_then(Footer::from_bytes);
    let footer = footer.ok_or("is not whole: its end is missing")?;
    let end = file.len() - FOOTER;
    let place = |at: u64| usize::try_from(at).ok().filter(|at| (HEADER..=end).contains(at));
    let (Some(entries), Some(contents)) = (place(footer.entries), place(footer.contents)) else {
        return Err("is damaged: its end is that of another file".to_owned());
    };
    if footer.length != file.len() as u64 || entries > contents {
        return Err(format!("is not whole: it has {} bytes of {}", file.len(), footer.length));
    }
    if crc32fast::hash(&file[entries..end]) != footer.crc32 {
        return Err("is damaged: its table of contents does not have its checksum".to_owned());
    }
    let stated: Contents = serde_json::from_slice(&file[contents..end])
        .map_err(|error| format!("has contents that are not understood ({error})"))?;
    let (all, rest) = file[entries..contents].as_chunks::<ENTRY>();
    let count = stated.parts.iter().try_fold(0usize, |sum, part| sum.checked_add(part.count));
    if !rest.is_empty() || count != Some(all.len()) {
        return Err("is damaged: it does not have as many images as it says".to_owned());
    }
    if stated.parts.iter().any(|part| !part.texts.is_empty() && part.texts.len() != part.count) {
        return Err("is damaged: it does not have as many texts as images".to_owned());
    }
    let mut entries_of = all.iter().map(Entry::from_bytes);
    for part in &stated.parts {
        for entry in entries_of.by_ref().take(part.count) {
            let label = usize::try_from(entry.label).ok();
            let labelled = label.is_some_and(|it| it < part.class_names.len());
            let absent = entry.label == NO_LABEL && (part.class_names.is_empty() || part.partly_labelled);
            if !lies_within(&entry, stated.colour, entries) || !(labelled || absent) {
                return Err("is damaged: an image has an impossible place or label".to_owned());
            }
        }
    }
    Ok((stated, entries))
}

fn lies_within(entry: &Entry, colour: Colour, end: usize) -> bool {
    let length = u64::from(entry.height).checked_mul(u64::from(entry.width));
    let length = length.and_then(|pixels| pixels.checked_mul(colour.channels() as u64)).filter(|length| *length > 0);
    let last = length.and_then(|length| entry.offset.checked_add(length));
    entry.offset >= HEADER as u64 && last.is_some_and(|last| last <= end as u64)
}

impl Dataset for PackedImages {
    fn len(&self) -> usize {
        self.part().count
    }

    fn image_shape(&self) -> ImageShape {
        self.config.shape()
    }

    fn class_names(&self) -> &[String] {
        &self.part().class_names
    }

    fn read(&self, index: usize) -> Result<Sample, DataError> {
        let entry = self.entry(index)?;
        let image = self.pixels(index, &entry)?;
        let image = match self.packed.contents.prepared {
            Some(_) => image.to_owned(),
            None => fit(image, &self.config).map_err(|error| unreadable(&self.name(index), error.to_string()))?,
        };
        Ok(Sample { image, label: label(&entry), text: self.text(index)? })
    }

    fn read_whole(&self, index: usize) -> Result<Sample, DataError> {
        if !self.packed.contents.whole {
            return Err(DataError::PackedCut { path: self.packed.path.clone() });
        }
        let entry = self.entry(index)?;
        Ok(Sample { image: self.pixels(index, &entry)?.to_owned(), label: label(&entry), text: self.text(index)? })
    }

    fn label(&self, index: usize) -> Result<Option<i64>, DataError> {
        Ok(label(&self.entry(index)?))
    }

    fn partly_labelled(&self) -> bool {
        self.part().partly_labelled
    }

    fn has_texts(&self) -> bool {
        !self.part().texts.is_empty()
    }

    fn text(&self, index: usize) -> Result<Option<String>, DataError> {
        check_index(index, self.len())?;
        Ok(self.part().texts.get(index).cloned().flatten())
    }

    fn look(&self, index: usize) -> Result<Look, DataError> {
        let entry = self.entry(index)?;
        self.pixels(index, &entry)?;
        let mode = if self.packed.contents.colour == Colour::Grey { "grey" } else { "rgb" };
        Ok(Look { height: entry.height as usize, width: entry.width as usize, mode })
    }
}

impl PackedImages {
    fn name(&self, index: usize) -> PathBuf {
        self.packed.path.join(format!("{} {index}", self.part().name))
    }

    fn pixels(&self, index: usize, entry: &Entry) -> Result<ArrayView3<'_, u8>, DataError> {
        let shape = (self.config.colour.channels(), entry.height as usize, entry.width as usize);
        let start = entry.offset as usize;
        // Its end was compared with that of the pixels when the file was opened.
        let bytes = &self.packed.map[start..start + shape.0 * shape.1 * shape.2];
        if crc32fast::hash(bytes) != entry.crc32 {
            let reason = "its pixels do not have their checksum; pack again".to_owned();
            return Err(unreadable(&self.name(index), reason));
        }
        ArrayView3::from_shape(shape, bytes).map_err(|error| unreadable(&self.name(index), error.to_string()))
    }
}

fn label(entry: &Entry) -> Option<i64> {
    (entry.label != NO_LABEL).then_some(i64::from(entry.label))
}
