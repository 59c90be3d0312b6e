//! Texts side by side.

use tch::{Device, Tensor};

use crate::TextError;
use crate::tokens::{PADDING, encode};

/// Texts as rows of tokens: `[B, L]` int64, each `BEGIN`, bytes, `END`, then `PADDING` up to the longest of the batch.
#[derive(Debug)]
pub struct TextBatch {
    tokens: Tensor,
}

impl TextBatch {
    /// The tokens of `texts` on `device`.
    ///
    /// # Errors
    /// [`TextError::TooLong`] names the first text of more than `max_bytes` bytes.
    pub fn new<S: AsRef<str>>(texts: &[S], max_bytes: usize, device: Device) -> Result<Self, TextError> {
        let rows = texts.iter().map(|text| encode(text.as_ref(), max_bytes)).collect::<Result<Vec<_>, _>>()?;
        let longest = rows.iter().map(Vec::len).max().unwrap_or(2);
        let padded = rows.iter().flat_map(|row| row.iter().copied().chain(std::iter::repeat(PADDING)).take(longest));
        let tokens = Tensor::from_slice(&padded.collect::<Vec<_>>());
        Ok(Self { tokens: tokens.view([rows.len() as i64, longest as i64]).to_device(device) })
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.tokens.size()[0] as usize
    }

    /// Whether there are no texts.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All tokens, `[B, L]` int64.
    pub fn tokens(&self) -> &Tensor {
        &self.tokens
    }

    /// Where there is no padding, `[B, L]` bool.
    pub(crate) fn present(&self) -> Tensor {
        self.tokens.ne(PADDING)
    }

    /// What a decoder reads, all tokens but the last of each row, and what it is to say there, all but the first: both
    /// `[B, L - 1]`.
    pub(crate) fn shifted(&self) -> (Tensor, Tensor) {
        let count = self.tokens.size()[1] - 1;
        (self.tokens.narrow(1, 0, count), self.tokens.narrow(1, 1, count))
    }
}
