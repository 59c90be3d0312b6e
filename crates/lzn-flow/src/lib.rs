//! Rectified Flow: path, loss, NCSN++ velocity network and samplers.
//!
//! The image clock of this crate runs from noise (`t = 0`) to image (`t = 1`), after Liu et al. 2022: the path between an image
//! and its noise is `x_t = t image + (1 - t) noise`, its velocity `image - noise`. A [`VelocityField`] estimates the mean
//! velocity at `x_t`; a [`Sampler`] integrates it in either direction.
//!
//! The other clock of the project, latent time, never appears here: latents are a condition that [`VelocityNet`] is given.

pub mod config;
pub mod error;
pub mod field;
pub mod net;
pub mod path;
pub mod quantise;
pub mod sampler;

pub use config::{Progressive, ProgressiveInput, TimeEmbeddingKind, VelocityNetConfig};
pub use error::FlowError;
pub use field::VelocityField;
pub use net::{VelocityNet, VelocityNetInput};
pub use path::RectifiedFlow;
pub use quantise::to_uint8;
pub use sampler::{ErrorControl, Sampled, Sampler};
