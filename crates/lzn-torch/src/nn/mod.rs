//! Network blocks that the velocity decoder and the image encoder share.
//!
//! Both are NCSN++ networks (Song et al. 2021, appendix H; the residual blocks are those of BigGAN): [`BackboneOptions`] are
//! checked once into a [`Layout`], from which [`DownPath`] and its neighbours are built. Blocks trust the layout, so their
//! forward passes return plain tensors; networks check the shapes of what callers hand them before the first block runs.

mod attention;
mod down_path;
mod error;
mod layers;
mod layout;
mod resample;
mod residual;
mod stem;

pub use attention::SelfAttention;
pub use down_path::{DownPath, Features};
pub use error::NetworkError;
pub use layers::{Conv2d, GroupNorm, Linear, NetworkInNetwork};
pub use layout::{BackboneOptions, BlockStyle, ImageShape, Layout, Level, Tap};
pub use resample::{Direction, Resampling};
pub use residual::{ResidualBlock, residual_sum};
pub use stem::SpaceToDepth;
