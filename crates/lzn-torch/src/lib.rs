//! The bridge to libtorch: zone operations as differentiable tensor operations, parameters, shared network blocks, tensor files.

pub mod autograd;
pub mod dist;
pub mod error;
pub mod files;
pub mod install;
pub mod nn;
pub mod params;
pub mod pickled;
pub mod precision;
mod shared;
pub mod zones;

pub use error::TorchError;
pub use params::{Init, ParamStore, Scope};
pub use precision::Precision;
pub use shared::Shared;
