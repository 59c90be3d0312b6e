//! What can go wrong in this crate.

use std::path::PathBuf;

use crate::ImageShape;

/// An error of the data layer. The message alone names the file or value and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder of a data set does not exist.
    #[error("{}: no such file or folder; {remedy}", path.display())]
    Missing {
        /// What was looked for.
        path: PathBuf,
        /// How to get it.
        remedy: String,
    },
    /// A file or folder exists but cannot be read.
    #[error("{}: cannot be read: {source}; check the permissions and the disk", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The gzip layer of a file is damaged.
    #[error("{}: damaged gzip file ({reason}); copy or download it again", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        reason: String,
    },
    /// A file ends before its content does.
    #[error("{}: truncated: {got} of {expected} bytes (unpacked); copy or download it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Unpacked length that the header promises, in bytes.
        expected: u64,
        /// Unpacked length found, in bytes.
        got: u64,
    },
    /// A file goes on after its content.
    #[error(
        "{}: more than the {expected} bytes (unpacked) that its header promises; copy or download it again",
        path.display()
    )]
    TrailingBytes {
        /// The file.
        path: PathBuf,
        /// Unpacked length that the header promises, in bytes.
        expected: u64,
    },
    /// A file is not an IDX file of the right kind.
    #[error(
        "{}: magic number {got:#010x}, but IDX {kind} start with {expected:#010x}; give the file of the {kind}",
        path.display()
    )]
    Magic {
        /// The file.
        path: PathBuf,
        /// `images` or `labels`.
        kind: &'static str,
        /// The number that this kind of file starts with.
        expected: u32,
        /// The number found.
        got: u32,
    },
    /// A file's images do not have the size of the data set.
    #[error(
        "{}: images of {} x {} pixels (height x width), expected {} x {}; give a file of this data set",
        path.display(), got[0], got[1], expected[0], expected[1]
    )]
    ImageSize {
        /// The file.
        path: PathBuf,
        /// Height and width of the data set, in pixels.
        expected: [usize; 2],
        /// Height and width found, in pixels.
        got: [usize; 2],
    },
    /// Images and labels do not belong together.
    #[error(
        "{} holds {image_count} images but {} holds {label_count} labels; give two files of the same set",
        images.display(), labels.display()
    )]
    CountMismatch {
        /// The file of the images.
        images: PathBuf,
        /// Number of images.
        image_count: usize,
        /// The file of the labels.
        labels: PathBuf,
        /// Number of labels.
        label_count: usize,
    },
    /// A label names no class.
    #[error(
        "{}: label {label} at position {position} is outside 0..{classes}; \
         correct the labels or give the file of this data set",
        path.display()
    )]
    LabelOutOfRange {
        /// The file.
        path: PathBuf,
        /// Position of the label, from 0.
        position: usize,
        /// The label.
        label: i64,
        /// Number of classes.
        classes: usize,
    },
    /// A data set has no images.
    #[error("{}: no images; {remedy}", path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
        /// What to put there.
        remedy: &'static str,
    },
    /// A folder has both images and class folders, so it is not clear whether its images have labels.
    #[error(
        "{}: images such as `{image}` lie beside class folders such as `{class}`; \
         move them into a class folder, or the folders away",
        path.display()
    )]
    MixedFolder {
        /// The folder.
        path: PathBuf,
        /// An image in it.
        image: String,
        /// A sub-folder in it.
        class: String,
    },
    /// An image file cannot be decoded.
    #[error("{}: not a readable PNG or JPEG image ({reason}); replace or remove it", path.display())]
    UnreadableImage {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        reason: String,
    },
    /// A file is not what it should be, or damaged.
    #[error("{}: {reason}; {remedy}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A line of a table of images is not as it should be.
    #[error("{}: line {line} {reason}; {remedy}", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A part of a data set cannot be held out.
    #[error("{}: `data.table.hold_out` {rule}", path.display())]
    HoldOut {
        /// The folder.
        path: PathBuf,
        /// The rule that is broken.
        rule: &'static str,
    },
    /// A pickle of Python is damaged, or holds something else.
    #[error(transparent)]
    Pickle(lzn_pickle::PtError),
    /// A packed file was made of something that has changed since.
    #[error(
        "{}: stale, for {} has changed since it was made; make it again with `lzn data pack`",
        path.display(), source_path.display()
    )]
    Stale {
        /// The packed file.
        path: PathBuf,
        /// What it was made of.
        source_path: PathBuf,
    },
    /// A packed file holds images that were prepared in another way.
    #[error(
        "{}: packed with {packed}, but the configuration asks for {wanted}; \
         pack again, or change `data.image_size`, `data.resize`, `data.channels` and `data.background`",
        path.display()
    )]
    PackedOtherwise {
        /// The packed file.
        path: PathBuf,
        /// What it holds.
        packed: String,
        /// What was asked for.
        wanted: String,
    },
    /// Random crops are cut out of whole images, and a packed file has only the middle of them.
    #[error("{}: holds images that were cut and resized, but random crops need whole ones; pack again without --size", path.display())]
    PackedCut {
        /// The packed file.
        path: PathBuf,
    },
    /// So many images cannot be read that it is not a matter of single files.
    #[error("sample {index} and those that could stand in for it, {tried} in all, are unreadable; check the data set")]
    NoReadableImage {
        /// The sample that was asked for.
        index: usize,
        /// How many were tried.
        tried: usize,
    },
    /// Images were asked for with no pixels.
    #[error("the `size` of images must be at least 1 pixel, got 0")]
    ImageSizeZero,
    /// Images were asked for that are larger than what they are cut out of.
    #[error("`resize` {resize} must be at least the image size of {size} pixels, which is cut out of the middle")]
    ResizeBelowSize {
        /// Pixels of the shorter side before the cut.
        resize: usize,
        /// Pixels after it.
        size: usize,
    },
    /// A sample was asked for that the data set does not have.
    #[error("sample {index} was asked for, but the data set has {len} (the first is 0)")]
    IndexOutOfRange {
        /// The index.
        index: usize,
        /// Number of samples.
        len: usize,
    },
    /// A data set gave an image of another shape than it declares.
    #[error(
        "sample {index} has shape {got}, but its data set declares {expected}; correct the data set's `image_shape`"
    )]
    SampleShape {
        /// Index of the sample.
        index: usize,
        /// The declared shape.
        expected: ImageShape,
        /// The shape of the image.
        got: ImageShape,
    },
    /// A sample has no label in a data set that does not say that some have none.
    #[error(
        "sample {index} has no label, but its data set has classes; label all samples, none, or let `partly_labelled` say so"
    )]
    MissingLabel {
        /// Index of the sample.
        index: usize,
    },
    /// Batches of no images.
    #[error("`batch_size` must be at least 1, got 0")]
    BatchSizeZero,
    /// A training batch needs more images than there are.
    #[error("`batch_size` {batch_size} is larger than the data set of {len} images; choose at most {len}")]
    BatchTooLarge {
        /// The batch size asked for.
        batch_size: usize,
        /// Number of images.
        len: usize,
    },
    /// Batches that cannot be shared among workers.
    #[error(
        "`batch_size` {batch_size} cannot be divided into equal shares for {of} workers: choose a multiple of {of}, or another number of \
         workers"
    )]
    Share {
        /// The batch size.
        batch_size: usize,
        /// The number of the worker, from 0.
        rank: usize,
        /// Number of workers.
        of: usize,
    },
    /// A plan was made for a data set of another length.
    #[error(
        "the batch plan is for {plan} images, but the data set has {len}; make the plan from the data set's length"
    )]
    PlanLength {
        /// Length the plan was made for.
        plan: usize,
        /// Length of the data set.
        len: usize,
    },
    /// Random shifts could push an image out of sight.
    #[error("`augment.shift` {shift} must be smaller than the image side of {side} pixels")]
    ShiftTooLarge {
        /// The shift asked for, in pixels.
        shift: usize,
        /// The shorter side of the images, in pixels.
        side: usize,
    },
    /// A random change of images has a parameter that means nothing.
    #[error("`augment.{key}` must {rule}, got {got}")]
    AugmentValue {
        /// The key, below `augment`.
        key: String,
        /// What must hold of the value.
        rule: String,
        /// The value.
        got: String,
    },
    /// A data set panicked while a batch was read.
    #[error("reading the batch of step {step} panicked: {message}; this is a fault of the data set's code")]
    Panicked {
        /// The step.
        step: u64,
        /// What the panic said.
        message: String,
    },
    /// A worker thread could not be started.
    #[error("cannot start a data worker thread: {source}; choose fewer `workers`")]
    Thread {
        /// What the system says.
        source: std::io::Error,
    },
    /// All worker threads ended although batches were due.
    #[error("all data worker threads ended before the batch of step {step} was ready; start the run again")]
    WorkersLost {
        /// The step.
        step: u64,
    },
}

impl DataError {
    /// Whether a single image is to blame, which may be left out ([`SkipBad`](crate::SkipBad)), and not a file or disk.
    pub fn is_bad_image(&self) -> bool {
        matches!(self, Self::UnreadableImage { .. })
    }
}
