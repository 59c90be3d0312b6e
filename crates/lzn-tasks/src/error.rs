//! What can go wrong in this crate.

use std::path::PathBuf;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {}", path.display(), unread(error))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is not valid TOML, or has an unknown key or a value of the wrong type.
    #[error("{}:{line}:{column}: {message}{}", path.display(), hint(suggestion.as_deref()))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
        /// The key that was probably meant.
        suggestion: Option<String>,
    },
    /// An override cannot be applied.
    #[error("--set {text}: {reason}")]
    Override {
        /// The override as given.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// A value breaks a rule.
    #[error("`{key}` {rule}")]
    Invalid {
        /// The dotted key.
        key: String,
        /// The rule, and the value where it helps.
        rule: String,
    },
}

fn unread(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            "no such file; tools/configs/ of the repository holds configurations to start from".to_owned()
        }
        std::io::ErrorKind::IsADirectory => "it is a folder; give the TOML file of a configuration".to_owned(),
        std::io::ErrorKind::InvalidData => "it is no text; give the TOML file of a configuration".to_owned(),
        _ => format!("cannot be read: {error}; check the permissions and the disk"),
    }
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

/// The first few names of a list.
fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        few if few.len() <= 12 => few.join(", "),
        many => format!("{}, ... {} in all", many[..10].join(", "), many.len()),
    }
}

/// An error of training or of using a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A data type that the model does not have.
    #[error("the model has no data type `{name}`; there are: {}", listed(known))]
    NoType {
        /// The name that was asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A data type without an encoder.
    #[error("`{name}` has no encoder in this model, so nothing can start from it: {remedy}")]
    NoEncoder {
        /// The data type.
        name: String,
        /// How to come by one.
        remedy: &'static str,
    },
    /// A data type without a decoder.
    #[error("`{name}` has no decoder in this model, so nothing can lead to it: {remedy}")]
    NoDecoder {
        /// The data type.
        name: String,
        /// How to come by one.
        remedy: &'static str,
    },
    /// A decoder that a data type does not have.
    #[error("`{name}` has no decoder `{decoder}`; there are: {}", listed(known))]
    DecoderName {
        /// The data type.
        name: String,
        /// The decoder that was asked for.
        decoder: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A data type whose samples have no written form.
    #[error(
        "samples of `{name}` can neither be typed nor written: register the type with a format, or run the task from code"
    )]
    NoFormat {
        /// The data type.
        name: String,
    },
    /// A data type that cannot be registered.
    #[error("`{name}` cannot be registered: the model has {what} already; choose another name")]
    Registered {
        /// The data type.
        name: String,
        /// What is there.
        what: String,
    },
    /// Samples of another kind than needed.
    #[error("expected {wanted}, got {got}")]
    Samples {
        /// What was expected.
        wanted: &'static str,
        /// What there is.
        got: &'static str,
    },
    /// A batch without samples of a type that an objective needs.
    #[error("the batch has no samples of `{name}`; it has: {}", listed(there))]
    Absent {
        /// The data type.
        name: String,
        /// Those that the batch has.
        there: Vec<String>,
    },
    /// Several workers cannot tell which of their samples are equal.
    #[error(
        "equal samples of `{name}` share a zone, and several workers cannot tell which are equal: let its encoder return \
         `Placed::shared(..).told_apart_by(..)`, or train in one process"
    )]
    NotTold {
        /// The data type.
        name: String,
    },
    /// Batches that cannot be trained on by several workers.
    #[error("{problem}: several workers need equal shares of every batch; {remedy}, or train in one process")]
    Shares {
        /// What is uneven.
        problem: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A decoder that learns nothing of its own.
    #[error("the decoder learns nothing of its own, so there is nothing to reconstruct: remove the objective")]
    NothingToLearn,
    /// A decoder was given no latents.
    #[error("the decoder needs latents and was given none")]
    LatentsNeeded,
    /// A decoder reads anchors, which only samples have.
    #[error(
        "the decoder of `{name}` reads anchors, which only samples have, no latents: start from samples, or train with decision = \"zones\""
    )]
    AnchorsNeeded {
        /// The data type.
        name: String,
    },
    /// Nothing to look latents up in.
    #[error("there are no texts to look up: train with texts, or give some")]
    NoBank,
    /// A target that is drawn, asked for what it most probably is.
    #[error(
        "`{target}` is drawn and not looked up, so there are no likeliest ones: ask for `label` or `text:retrieval`, or without --top"
    )]
    Unranked {
        /// The target of the task.
        target: String,
    },
    /// A decoder that is told nothing of the source.
    #[error("the decoder of `{name}` draws from noise alone and is told nothing of the source: start from the prior")]
    Deaf {
        /// The data type.
        name: String,
    },
    /// Another number of inputs than the source takes.
    #[error("the source `{source_of}` takes {wanted} inputs, got {got}")]
    Inputs {
        /// The source.
        source_of: String,
        /// Inputs that it takes.
        wanted: usize,
        /// Inputs that it was given.
        got: usize,
    },
    /// An input of the wrong kind.
    #[error("the source `{source_of}` takes {wanted}, and was given something else")]
    Input {
        /// The source.
        source_of: String,
        /// What it takes.
        wanted: &'static str,
    },
    /// Sources that belong together have different numbers of samples.
    #[error("sources that belong together need as many samples each, got {counts:?}: repeat or remove some")]
    Uneven {
        /// Samples of each.
        counts: Vec<usize>,
    },
    /// A weight of a mixture that is none.
    #[error("the weight of `{name}` in a mixture must be finite and greater than 0, got {weight}")]
    Weight {
        /// The data type.
        name: String,
        /// Its weight.
        weight: f64,
    },
    /// Latents of another shape than the model's.
    #[error("latents must be rows of {dim} numbers, got an array {got:?}")]
    LatentShape {
        /// Shape of the array.
        got: Vec<i64>,
        /// Dimension of the latent space.
        dim: usize,
    },
    /// A class that nobody knows.
    #[error("no class is called `{name}`; there are: {}", known.join(", "))]
    ClassName {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A place where samples cannot be read or written.
    #[error("{}: {rule}", path.display())]
    Place {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong, and what could be given.
        rule: &'static str,
    },
    /// An error of a data type or objective of your own.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
    /// A run of a program of its own, which this one cannot build.
    #[error("{}: the model was built by a program of its own, not from a configuration: use that program", path.display())]
    Custom {
        /// The file.
        path: PathBuf,
    },
    /// An objective compares two views of every image, and the batch has one.
    #[error("an objective compares two views of every image, and the batch has one: give the step a second view")]
    MissingView,
    /// Labels are needed and the data has none.
    #[error(
        "the configuration uses labels, and the data set has none: point `data.path` to a folder with one sub-folder per class, or remove [model.labels] and `model.label_conditional`"
    )]
    NoLabels,
    /// A data base of LMDB, and a program without a reader for it.
    #[error(
        "`data.source` is \"lmdb\", and this program was built without it: build again with `--features lmdb`, which needs a C compiler"
    )]
    NoLmdb,
    /// The images of a data set are of another shape than configured.
    #[error(
        "the images of the data set are {got}; set `data.image_size` and `data.channels` to match (configured: {size} x {size}, {channels} channels)"
    )]
    ImageShape {
        /// Shape of the images.
        got: lzn_data::ImageShape,
        /// Configured size.
        size: usize,
        /// Configured channels.
        channels: usize,
    },
    /// A network cannot be built as configured.
    #[error("[{table}]: {source}")]
    Network {
        /// Its table in the configuration.
        table: &'static str,
        /// What is wrong; the message names the key.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The images to be judged by have other classes than the model.
    #[error(
        "the test images have other classes ({}) than the training images ({}), so that labels would mean other things; \
         give both parts of `data.path` the same class folders",
        listed(test),
        listed(train)
    )]
    TestClasses {
        /// Names of the classes of the training images, by label.
        train: Vec<String>,
        /// Those of the test images.
        test: Vec<String>,
    },
    /// A label that is no class of the data.
    #[error("label {label} is not in 0..{classes}")]
    Label {
        /// The label.
        label: i64,
        /// Number of classes.
        classes: usize,
    },
    /// The decoder must be told a label, and there is none.
    #[error("the decoder is conditional on labels and the model cannot infer them: give labels")]
    LabelsNeeded,
    /// A file is not a weights file of this project.
    #[error(
        "{}: not a weights file of lzn: {reason}; give a run folder, or a weights.safetensors that `lzn train` wrote",
        path.display()
    )]
    NotWeights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A run that is to be compared was not evaluated.
    #[error("{0}: {reason}; run `lzn eval {0} --metrics all` first", run.display())]
    NotEvaluated {
        /// The run folder.
        run: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A checkpoint in the published layout does not fit the configuration.
    #[error(
        "{}: does not fit the configuration: {}; give the configuration that it was trained with",
        path.display(),
        problems.join("; ")
    )]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// One clause for everything that is missing, left over or of another shape.
        problems: Vec<String>,
    },
    /// A checkpoint would be imported into a run that has its own.
    #[error("{} holds a run that was trained already; choose a new folder", path.display())]
    AlreadyTrained {
        /// The run folder.
        path: PathBuf,
    },
    /// A run cannot be written in the published layout.
    #[error("`{key}` is {value}, which the published code does not know: export such a run as safetensors")]
    Unpublished {
        /// The key of the configuration.
        key: String,
        /// Its value.
        value: String,
    },
    /// A file of PyTorch.
    #[error(transparent)]
    Pickle(#[from] lzn_pickle::PtError),
    /// Zones, parameters or tensor files.
    #[error(transparent)]
    Torch(#[from] lzn_torch::TorchError),
    /// The velocity network or a sampler.
    #[error(transparent)]
    Flow(#[from] lzn_flow::FlowError),
    /// An encoder.
    #[error(transparent)]
    Encoder(#[from] lzn_encoders::EncoderError),
    /// A text, or a network of texts.
    #[error(transparent)]
    Text(#[from] lzn_text::TextError),
    /// The data set.
    #[error(transparent)]
    Data(#[from] lzn_data::DataError),
    /// No network can compare the images.
    #[error(
        "no features to compare images by: {0}; give --feature-net and --weights, or set [evaluate.metrics] (docs/evaluation.md)"
    )]
    FeatureNet(String),
    /// A feature network.
    #[error(transparent)]
    Features(#[from] lzn_features::FeatureError),
    /// Files of arrays.
    #[error(transparent)]
    Arrays(#[from] lzn_eval::arrays::ArrayError),
    /// The run folder.
    #[error(transparent)]
    Run(#[from] crate::run::RunError),
    /// A metric or a picture.
    #[error(transparent)]
    Eval(#[from] lzn_eval::EvalError),
    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Tch(#[from] tch::TchError),
}

impl TaskError {
    /// Whether there are no zones, since their anchors or points are not finite or too large: such a step is skipped.
    pub(crate) fn is_without_zones(&self) -> bool {
        use lzn_latent::LatentError::{NonFinite, Overflow};
        matches!(self, Self::Torch(lzn_torch::TorchError::Latent(NonFinite { .. } | Overflow { .. })))
    }

    /// Whether work was given up because the run was asked to stop.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        let interrupted = |error: &(dyn std::error::Error + 'static)| {
            matches!(error.downcast_ref(), Some(crate::run::RunError::Interrupted))
        };
        match self {
            Self::Run(error) => interrupted(error),
            other => std::iter::successors(std::error::Error::source(other), |error| error.source()).any(interrupted),
        }
    }
}
