//! Measuring a trained model, and what is drawn of it.
//!
//! Each file here holds one kind of measurement as functions of a model and data; [`evaluate`] runs those that a configuration asks
//! for, keeps finished pieces in [`Parts`], and tells a [`Progress`] how far it is.

mod accuracy;
mod checks;
mod classify;
mod distribution;
mod features;
mod figures;
mod generate;
mod interpolate;
mod measure;
mod network;
mod parts;
mod progress;
mod reconstruct;
mod report;
mod representation;
mod retrieval;
mod run;

pub use accuracy::SweepPoint;
pub use checks::Nearest;
pub use classify::{ClassWeights, ClassifyOptions, Encoded, classify, classify_among};
pub use distribution::{Comparison, compare};
pub use features::{FeatureCache, Reference, cache_folder, digest, drawn_features};
pub use generate::{GenerateOptions, Generated, NamedSampler, generate};
pub use interpolate::interpolate;
pub use measure::{Better, Group, Measure};
pub use network::{feature_net, pretrained_net};
pub use parts::Parts;
pub use progress::{Progress, Silent};
pub use reconstruct::{ReconstructOptions, Reconstructions, reconstruct};
pub use report::{ReportOf, counts, report, shown};
pub use representation::probe_features;
pub use run::{EvaluateOptions, Evaluation, evaluate};
