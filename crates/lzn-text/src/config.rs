//! The table `[model.text]` of a configuration.

use lzn_torch::nn::NetworkError;
use serde::{Deserialize, Serialize};

/// Text as a data type: how long texts may be, and the networks that read and write them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextConfig {
    /// Most bytes of a text in UTF-8, 1 to 4,096.
    pub max_bytes: usize,
    /// The network that gives texts their anchors. Without it texts are written only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder: Option<TextEncoderConfig>,
    /// The network that writes texts. Without it texts are read, and looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoder: Option<TextDecoderConfig>,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self { max_bytes: 80, encoder: None, decoder: None }
    }
}

/// Options of the transformer that gives texts their anchors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextEncoderConfig {
    /// Numbers per token; a multiple of `heads`.
    pub width: usize,
    /// Blocks of attention and two dense layers, at least 1.
    pub layers: usize,
    /// Heads of the attention, at least 1.
    pub heads: usize,
    /// Probability of dropout in training, in [0, 1).
    pub dropout: f64,
}

impl Default for TextEncoderConfig {
    fn default() -> Self {
        Self { width: 96, layers: 2, heads: 4, dropout: 0.0 }
    }
}

impl TextEncoderConfig {
    pub(crate) fn shape(&self, max_bytes: usize) -> Result<Shape, NetworkError> {
        let Self { width, layers, heads, dropout } = *self;
        // BEGIN and END are read too.
        let positions = max_bytes.saturating_add(2);
        Shape { width: width as i64, layers, heads: heads as i64, dropout, max_bytes, positions }.checked()
    }
}

/// Options of the transformer that writes texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextDecoderConfig {
    /// Numbers per token; a multiple of `heads`.
    pub width: usize,
    /// Blocks of attention and two dense layers, at least 1.
    pub layers: usize,
    /// Heads of the attention, at least 1.
    pub heads: usize,
    /// Probability of dropout in training, in [0, 1).
    pub dropout: f64,
    /// Tokens before the text that the latent is turned into, at least 1.
    pub prefix_tokens: usize,
}

impl Default for TextDecoderConfig {
    fn default() -> Self {
        Self { width: 96, layers: 2, heads: 4, dropout: 0.0, prefix_tokens: 4 }
    }
}

impl TextDecoderConfig {
    pub(crate) fn shape(&self, max_bytes: usize) -> Result<Shape, NetworkError> {
        let Self { width, layers, heads, dropout, prefix_tokens } = *self;
        NetworkError::require("prefix_tokens", prefix_tokens as f64, prefix_tokens >= 1, "be at least 1")?;
        // After the prefix BEGIN is read; END is said, never read.
        let positions = prefix_tokens.saturating_add(max_bytes).saturating_add(1);
        Shape { width: width as i64, layers, heads: heads as i64, dropout, max_bytes, positions }.checked()
    }
}

/// What both transformers have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) width: i64,
    pub(crate) layers: usize,
    pub(crate) heads: i64,
    pub(crate) dropout: f64,
    pub(crate) max_bytes: usize,
    /// Most tokens in a row.
    pub(crate) positions: usize,
}

/// Most bytes that a text may be allowed to have: attention takes memory as the square.
const MOST_BYTES: usize = 4096;

impl Shape {
    /// Before anything is registered: what is refused leaves no parameters behind.
    fn checked(self) -> Result<Self, NetworkError> {
        for (key, value) in [("layers", self.layers as i64), ("heads", self.heads), ("width", self.width)] {
            NetworkError::require(key, value as f64, value >= 1, "be at least 1")?;
        }
        let divides = self.width % self.heads == 0;
        NetworkError::require("width", self.width as f64, divides, "be a multiple of `heads`")?;
        let fits = (0.0..1.0).contains(&self.dropout);
        NetworkError::require("dropout", self.dropout, fits, "lie in [0, 1)")?;
        let fits = (1..=MOST_BYTES).contains(&self.max_bytes);
        NetworkError::require("max_bytes", self.max_bytes as f64, fits, "lie in 1 to 4,096")?;
        Ok(self)
    }
}
