//! Making a packed file.

use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;

use super::fingerprint::fingerprint;
use super::format::{Contents, Entry, Footer, HEADER, MAGIC, NO_LABEL, Part, Prepared, Source, VERSION};
use crate::decode::{fit, unreadable};
use crate::{DataError, Dataset, ImageConfig, Sample};

/// How images are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackOptions {
    /// Size and colour of the images, which must be those of the data sets.
    pub config: ImageConfig,
    /// Keep the images as large as they are, for random crops; `config` then fixes their colour alone.
    pub whole: bool,
    /// Leave out images that cannot be decoded, and name them, instead of stopping.
    pub skip_bad: bool,
}

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackReport {
    /// Number of images.
    pub images: usize,
    /// Length of the file, in bytes.
    pub bytes: u64,
    /// Messages that name the images that were left out.
    pub left_out: Vec<String>,
}

/// Images that are decoded before they are written, all threads together.
const CHUNK: usize = 256;

/// Decodes the images of `parts` (such as `train` and `test`) and writes them to `out`, which is there completely or not at all. `source` is the file
/// or folder that they come from; when it changes, the packed file is refused as stale. `progress` is told the images that are done.
///
/// # Errors
/// Those of reading an image; [`DataError::Io`] when `out` cannot be written; [`DataError::Empty`] when nothing is left.
pub fn pack(
    parts: &[(&str, &dyn Dataset)],
    source: &Path,
    out: &Path,
    options: &PackOptions,
    mut progress: impl FnMut(usize),
) -> Result<PackReport, DataError> {
    // Before reading: what changes meanwhile makes the file stale.
    let fingerprint = fingerprint(source)?;
    let path = source.canonicalize().map_err(|error| DataError::Io { path: source.to_owned(), source: error })?;
    let mut report = PackReport { images: 0, bytes: 0, left_out: Vec::new() };
    let written = lzn_files::replace(out, Failure::Io, |file| {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        let (entries, left_out) = (Vec::new(), Vec::new());
        let mut packer = Packer { file: &mut file, at: HEADER as u64, entries, left_out, options, cut: false };
        report = packer.write(parts, Source { path, fingerprint }, &mut progress)?;
        Ok(file.flush()?)
    });
    match written {
        Ok(()) => Ok(report),
        Err(Failure::Data(error)) => Err(error),
        Err(Failure::Io(source)) => Err(DataError::Io { path: out.to_owned(), source }),
    }
}

enum Failure {
    Io(std::io::Error),
    Data(DataError),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

struct Packer<'a, W> {
    file: &'a mut W,
    at: u64,
    entries: Vec<Entry>,
    left_out: Vec<String>,
    options: &'a PackOptions,
    /// Whether any image lost pixels.
    cut: bool,
}

impl<W: Write> Packer<'_, W> {
    fn write(
        &mut self,
        parts: &[(&str, &dyn Dataset)],
        source: Source,
        progress: &mut impl FnMut(usize),
    ) -> Result<PackReport, Failure> {
        self.file.write_all(MAGIC)?;
        self.file.write_all(&VERSION.to_le_bytes())?;
        self.file.write_all(&[0; 4])?;
        let mut stated = Vec::new();
        for (name, data) in parts {
            let (before, mut texts) = (self.entries.len(), Vec::new());
            for start in (0..data.len()).step_by(CHUNK) {
                let range = start..data.len().min(start + CHUNK);
                let count = range.len();
                for outcome in read_all(*data, range, self.options) {
                    texts.extend(self.add(outcome)?);
                }
                progress(count);
            }
            let count = self.entries.len() - before;
            if count == 0 {
                let remedy = "no image of it can be read";
                return Err(DataError::Empty { path: source.path.join(name), remedy }.into());
            }
            if !data.has_texts() {
                texts.clear();
            }
            let (name, class_names) = ((*name).to_owned(), data.class_names().to_vec());
            stated.push(Part { name, class_names, partly_labelled: data.partly_labelled(), texts, count });
        }
        self.finish(source, stated)
    }

    /// Writes an image; gives its text, or nothing if it was left out.
    fn add(&mut self, outcome: Result<(Sample, bool), DataError>) -> Result<Option<Option<String>>, Failure> {
        let (Sample { image, label, text }, cut) = match outcome {
            Err(error) if self.options.skip_bad && error.is_bad_image() => {
                self.left_out.push(error.to_string());
                return Ok(None);
            }
            outcome => outcome?,
        };
        self.cut |= cut;
        let (_, height, width) = image.dim();
        let bytes: Vec<u8> = image.iter().copied().collect();
        self.file.write_all(&bytes)?;
        self.entries.push(Entry {
            offset: self.at,
            height: height as u32,
            width: width as u32,
            label: label.map_or(NO_LABEL, |label| label as i32),
            crc32: crc32fast::hash(&bytes),
        });
        self.at += bytes.len() as u64;
        Ok(Some(text))
    }

    fn finish(&mut self, source: Source, parts: Vec<Part>) -> Result<PackReport, Failure> {
        let ImageConfig { size, colour, resize, background } = self.options.config;
        let prepared = (!self.options.whole).then_some(Prepared { size, resize });
        let left_out = std::mem::take(&mut self.left_out);
        let contents = Contents { source, colour, background, prepared, whole: !self.cut, parts, left_out };
        let json = serde_json::to_vec(&contents).map_err(std::io::Error::other)?;
        let entries: Vec<u8> = self.entries.iter().flat_map(|entry| entry.to_bytes()).collect();
        let mut sum = crc32fast::Hasher::new();
        sum.update(&entries);
        sum.update(&json);
        let start = self.at + entries.len() as u64;
        let mut footer = Footer { entries: self.at, contents: start, length: 0, crc32: sum.finalize() };
        footer.length = start + json.len() as u64 + footer.to_bytes().len() as u64;
        for bytes in [entries, json, footer.to_bytes()] {
            self.file.write_all(&bytes)?;
        }
        Ok(PackReport { images: self.entries.len(), bytes: footer.length, left_out: contents.left_out })
    }
}

/// A sample as it is packed, and whether it lost pixels.
fn prepare(data: &dyn Dataset, index: usize, options: &PackOptions) -> Result<(Sample, bool), DataError> {
    let whole = data.read_whole(index)?;
    if options.whole {
        return Ok((whole, false));
    }
    let size = whole.image.dim();
    let name = || Path::new("image").join(index.to_string());
    let image = fit(whole.image.view(), &options.config).map_err(|error| unreadable(&name(), error.to_string()))?;
    let cut = options.config.resize.is_some() || image.dim() != size;
    Ok((Sample { image, ..whole }, cut))
}

/// Reads samples on all processors, and gives them in order.
fn read_all(data: &dyn Dataset, range: Range<usize>, options: &PackOptions) -> Vec<Result<(Sample, bool), DataError>> {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let indices: Vec<usize> = range.collect();
    std::thread::scope(|scope| {
        let share = indices.len().div_ceil(threads).max(1);
        let start = |indices: &'_ [usize]| {
            let indices = indices.to_vec();
            scope.spawn(move || indices.into_iter().map(|index| prepare(data, index, options)).collect::<Vec<_>>())
        };
        let workers: Vec<_> = indices.chunks(share).map(start).collect();
        let lost = || DataError::Panicked { step: 0, message: "a thread that decodes images".to_owned() };
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|_| vec![Err(lost())])).collect()
    })
}
