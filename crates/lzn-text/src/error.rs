//! What can go wrong in this crate.

use lzn_torch::nn::NetworkError;

/// An error of texts or of their networks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// A text is longer than the network was built for.
    #[error(
        "the text \"{text}\" has {bytes} bytes, but the limit is {limit} (`max_bytes`); shorten it, or train with a higher limit"
    )]
    TooLong {
        /// The text, or its beginning.
        text: String,
        /// Its length in bytes of UTF-8.
        bytes: usize,
        /// The most bytes that there may be.
        limit: usize,
    },
    /// A network cannot be built, or cannot take what it is given.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// There is not one stream of random numbers for each text.
    #[error("{streams} streams for {rows} latents; give one for each")]
    Streams {
        /// Number of streams.
        streams: usize,
        /// Number of latents.
        rows: usize,
    },
    /// A setting of the writing of texts means nothing.
    #[error("`{setting}` must {rule}, got {got}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What must hold, as the end of a sentence.
        rule: &'static str,
        /// What came.
        got: f64,
    },
    /// Texts and their anchors do not belong together, or there are none.
    #[error("a bank of {texts} texts needs {texts} anchors and at least one, got anchors of shape {anchors:?}")]
    Bank {
        /// Number of texts.
        texts: usize,
        /// Shape of the anchors.
        anchors: Vec<i64>,
    },
    /// The tensor library refused an operation.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}
