//! How far a set of generated images is from a set of real ones, judged by features.
//!
//! A network turns every image into a row of numbers; what follows is statistics, and here. So a value is named after three things:
//! how images were resized and rounded, which network with which weights, and which statistic of how many rows. The first two
//! are not known here; results carry what is known: the value, the numbers of rows `n_real` and `n_generated`, the dimension and
//! all settings.
//!
//! # Which metric says what
//!
//! | metric | takes | answers | beware |
//! |---|---|---|---|
//! | [`frechet_distance`] | features, or mean and covariance | how far apart are the Gaussians of the sets | biased by about `d / N`: compare equal `N` only |
//! | [`frechet_extrapolation`] | the same | without that bias of the generated set | a straight line through noise |
//! | [`kid`] | features | how far apart are the sets, in all their moments up to the third | unbiased, can be negative |
//! | [`cmmd`] | CLIP embeddings | the same in all moments | biased |
//! | [`inception_score`] | logits | are images clear and varied | knows no real images |
//! | [`neighbour_metrics`] | features | precision and density: how real are images; recall and coverage: how much is missing | depends on `N` and `k` |
//!
//! FID is the Frechet distance of the 2,048 features before the last layer of one certain Inception network; **sFID** is the same
//! distance of 2,023 spatial features from its middle (the first seven channels of `mixed_6/conv`, 17 x 17 each); FD-DINOv2 and the like
//! are the same of other networks. None needs another function.
//!
//! # Conventions
//!
//! * Rows are images. Real comes first, generated second, everywhere; it matters for the neighbours, and is asserted there.
//! * Features are float32, everything that is added up is float64.
//! * Covariances have `N - 1` in the denominator. Deviations over splits and subsets have their number, as the tools that print them.
//! * Features are collected by a [`crate::Metric`]: [`FeatureMoments`] where the Frechet distance is all that is wanted (33 MB at 2,048
//!   numbers, however many images), else [`FeatureTable`] (410 MB for 50,000 images).
//! * [`bootstrap_mean`] gives confidence intervals for means over independent values. Frechet and neighbour metrics have none by
//!   resampling: repeated rows are not what they expect. Repeat the generation with other seeds instead.
//!
//! ```
//! use lzn_eval::Metric;
//! use lzn_eval::distribution::{FeatureTable, NeighbourRule, frechet_distance, kid, neighbour_metrics};
//! use ndarray::Array2;
//!
//! // Batches as they come from a network.
//! let batch = |offset: f32| Array2::from_shape_fn((50, 3), |(i, j)| ((i * 7 + j * 13) as f32).sin() + offset);
//! let (mut real, mut generated) = (FeatureTable::new(3)?, FeatureTable::new(3)?);
//! real.update(batch(0.0).view())?;
//! generated.update(batch(0.5).view())?;
//!
//! let (real, generated) = (real.finish()?, generated.finish()?);
//! let distance = frechet_distance(real.view(), generated.view())?;
//! assert!((distance.value - 3.0 * 0.25).abs() < 1e-6);
//! assert!(kid(real.view(), generated.view())?.value > 0.0);
//! let shares = neighbour_metrics(real.view(), generated.view(), &[NeighbourRule::PRDC])?;
//! assert!(shares[0].coverage <= 1.0);
//! # Ok::<(), lzn_eval::EvalError>(())
//! ```

mod bootstrap;
mod checks;
mod cmmd;
mod frechet;
mod gaussian;
mod inception_score;
mod kid;
mod moments;
mod neighbours;
mod pairs;
#[cfg(test)]
mod samples;
mod table;

pub use bootstrap::{Interval, bootstrap, bootstrap_mean};
pub use cmmd::{Cmmd, cmmd};
pub use frechet::{
    FeatureSet, FrechetDistance, FrechetExtrapolation, extrapolation_sizes, frechet_distance, frechet_extrapolation,
};
pub use gaussian::Gaussian;
pub use inception_score::{InceptionScore, Splits, inception_score};
pub use kid::{
    KernelDistance, KernelDistances, KidParts, Subset, kid, kid_biased, kid_blocks, kid_seeded_subsets, kid_subsets,
};
pub use moments::FeatureMoments;
pub use neighbours::{Boundary, NeighbourCounts, NeighbourMetrics, NeighbourRule, neighbour_metrics, neighbour_radii};
pub use table::FeatureTable;
