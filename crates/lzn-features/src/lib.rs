//! Networks whose features metrics compare: Inception, EfficientNet-Lite0, a LeNet, and any TorchScript file.
//!
//! A distance between sets of images is a statistic of features, and the features decide what it means. So each network
//! here says who it is ([`Identity`]: its weights by their digest, the protocol by which images become inputs), and
//! [`metric_name`] says what a number may be called. All are [`FeatureNet`]s: images in, features out.

mod conv;
mod digest;
pub mod efficientnet;
mod error;
mod identity;
pub mod inception;
pub mod lenet;
mod net;
mod torchscript;
mod weights;

pub use digest::digest_of_files;
pub use efficientnet::EfficientNetLite0;
pub use error::FeatureError;
pub use identity::{Distance, Identity, metric_name};
pub use inception::Inception;
pub use lenet::LeNet;
pub use net::{FeatureNet, Features};
pub use torchscript::TorchScript;
pub use weights::Weights;
