//! What trains, freezes and averages on its own.

use std::borrow::Cow;
use std::fmt;

use lzn_torch::{ParamStore, Scope};

/// The name of a part of a model: the first word of its tensors in files, and the key of its table in `[train]`.
///
/// Names are open: a data type brings its own, such as `text.encoder`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartName(Cow<'static, str>);

impl PartName {
    /// The image encoder.
    pub const ENCODER: Self = Self(Cow::Borrowed("encoder"));
    /// The velocity network.
    pub const DECODER: Self = Self(Cow::Borrowed("decoder"));
    /// The label anchors.
    pub const LABELS: Self = Self(Cow::Borrowed("labels"));

    /// A name of one's own.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether tensors of one part could be taken for those of the other.
    pub(crate) fn clashes(&self, other: &Self) -> bool {
        let within = |a: &str, b: &str| a == b || a.strip_prefix(b).is_some_and(|rest| rest.starts_with('.'));
        within(&self.0, &other.0) || within(&other.0, &self.0)
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A network with its parameters.
#[derive(Debug)]
pub struct Part<N> {
    /// The network.
    pub net: N,
    /// Its parameters, in registration order.
    pub params: ParamStore,
}

impl<N> Part<N> {
    /// Builds a network that registers its parameters in `params`.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn new<E>(params: ParamStore, make: impl FnOnce(&Scope) -> Result<N, E>) -> Result<Self, E> {
        Ok(Self { net: make(&params.root())?, params })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_whose_tensors_could_be_confused_clash() {
        let clash = |a: &'static str, b: &'static str| PartName::new(a).clashes(&PartName::new(b));
        assert!(clash("text", "text") && clash("text", "text.encoder") && clash("text.encoder", "text"));
        assert!(!clash("encoder", "text.encoder") && !clash("text", "texture"));
    }
}
