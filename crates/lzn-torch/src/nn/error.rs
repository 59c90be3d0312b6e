//! Why a network cannot be built, or cannot take what it is given.

/// A configuration describes no network, or an input does not fit the network.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A value lies outside its range.
    #[error("`{key}` is {got}, but it must {rule}")]
    Range {
        /// The key of the configuration.
        key: &'static str,
        /// Its value.
        got: f64,
        /// What values are allowed, as the end of a sentence.
        rule: &'static str,
    },
    /// A list that needs at least one entry has none.
    #[error("`{key}` is empty; {remedy}")]
    Empty {
        /// The key of the configuration.
        key: &'static str,
        /// What to write instead.
        remedy: &'static str,
    },
    /// The image is not a multiple of the patches and halvings that the network applies to it.
    #[error(
        "images of {size} pixels cannot be cut into patches of {patch_size} (`patch_size`) and then halved {halvings} \
         times (`ch_mult` has {} entries): the size must be a multiple of {}",
        halvings + 1,
        patch_size << halvings
    )]
    ImageSize {
        /// Pixels along each side.
        size: usize,
        /// Pixels along each side of a patch.
        patch_size: usize,
        /// How often the network halves the resolution.
        halvings: usize,
    },
    /// A key names a resolution that no feature map of the network has.
    #[error(
        "`{key}` names resolution {resolution}, but the feature maps have resolutions {reached:?}; name only these"
    )]
    Resolution {
        /// The key of the configuration.
        key: &'static str,
        /// The resolution that was asked for.
        resolution: usize,
        /// The resolutions that exist.
        reached: Vec<usize>,
    },
    /// A layer would have channels that group normalisation cannot divide.
    #[error(
        "`nf` and `ch_mult` lead to a layer of {channels} channels, which cannot be normalised in {groups} groups \
         (a quarter of the channels, at most 32); choose `nf` as a multiple of 4 and above 128 as a multiple of 32"
    )]
    Groups {
        /// Channels of the layer.
        channels: usize,
        /// Groups that the rule gives.
        groups: usize,
    },
    /// An argument does not have the shape that the network was built for.
    #[error("`{argument}` has shape {got:?}, the network expects {expected}")]
    Input {
        /// The name of the argument.
        argument: &'static str,
        /// The shape that was needed, in numbers and letters.
        expected: String,
        /// The shape that came.
        got: Vec<i64>,
    },
    /// The network was built with an input that the call does not give, or the other way round.
    #[error("the network was built {} `{argument}`, but the call {}", if *needed { "with" } else { "without" },
        if *needed { "gives none" } else { "gives one" })]
    Presence {
        /// The name of the argument.
        argument: &'static str,
        /// Whether the network needs it.
        needed: bool,
    },
}

impl NetworkError {
    /// Refuses `got` under `key` unless `holds`; `rule` ends the sentence "it must ...".
    ///
    /// # Errors
    /// [`NetworkError::Range`].
    pub fn require(key: &'static str, got: f64, holds: bool, rule: &'static str) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self::Range { key, got, rule }) }
    }

    /// Refuses a tensor that is not of the expected shape; -1 stands for any length.
    ///
    /// # Errors
    /// [`NetworkError::Input`].
    pub fn require_shape(argument: &'static str, tensor: &tch::Tensor, expected: &[i64]) -> Result<(), Self> {
        let got = tensor.size();
        let fits = got.len() == expected.len() && got.iter().zip(expected).all(|(g, e)| g == e || *e == -1);
        if fits { Ok(()) } else { Err(Self::Input { argument, expected: format!("{expected:?}"), got }) }
    }
}
