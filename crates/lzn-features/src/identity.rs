//! Who made the features, and what numbers made of them may be called.

use serde::{Deserialize, Serialize};

/// The network, its weights and what it saw: to be printed beside every number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Name for numbers, for instance `EffNetLite0`; of weights that nobody has published with the first digits of their digest.
    pub network: String,
    /// SHA-256 of the file of weights in hexadecimal; for a LeNet, of its parameters themselves.
    pub weights_sha256: String,
    /// What these weights are known as, when the digest is a known one.
    pub weights: Option<String>,
    /// Name of the protocol by which images become inputs.
    pub protocol: String,
    /// Numbers in the pooled features of an image.
    pub dimension: usize,
    /// Whether this is the network of FID with its weights of 2015-12-05: only then may a number be called FID.
    pub genuine_fid: bool,
}

/// A distance between the features of two sets of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Distance {
    /// Fréchet distance of pooled features.
    Frechet,
    /// Fréchet distance of an earlier layer.
    SpatialFrechet,
    /// Squared maximum mean discrepancy of pooled features with the cubic kernel.
    Kernel,
}

impl Distance {
    /// The name with the genuine network, and the one with any other.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Frechet => ("FID", "FD"),
            Self::SpatialFrechet => ("sFID", "sFD"),
            Self::Kernel => ("KID", "KD"),
        }
    }
}

/// How many generated images the bare name stands for.
const CUSTOMARY: usize = 50_000;

/// The name of a distance between real images and `generated` ones: `FID` only with the genuine network and 50,000
/// images, `FID-10k` with another number, `FD-EffNetLite0` with another network.
///
/// ```
/// use lzn_features::{Distance, Identity, metric_name};
///
/// let mut identity = Identity {
///     network: "InceptionV3".into(),
///     weights_sha256: String::new(),
///     weights: None,
///     protocol: "clean-fid".into(),
///     dimension: 2048,
///     genuine_fid: true,
/// };
/// assert_eq!(metric_name(Distance::Frechet, &identity, 50_000), "FID");
/// assert_eq!(metric_name(Distance::Frechet, &identity, 10_000), "FID-10k");
/// assert_eq!(metric_name(Distance::Kernel, &identity, 1_024), "KID-1024");
/// identity.genuine_fid = false;
/// assert_eq!(metric_name(Distance::Frechet, &identity, 50_000), "FD-InceptionV3");
/// ```
pub fn metric_name(distance: Distance, identity: &Identity, generated: usize) -> String {
    let (genuine, other) = distance.names();
    match (identity.genuine_fid, generated) {
        (false, _) => format!("{other}-{}", identity.network),
        (true, CUSTOMARY) => genuine.to_owned(),
        (true, n) if n > 0 && n.is_multiple_of(1000) => format!("{genuine}-{}k", n / 1000),
        (true, n) => format!("{genuine}-{n}"),
    }
}
