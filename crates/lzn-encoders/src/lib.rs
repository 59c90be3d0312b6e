//! Encoders that give each sample its anchor: NCSN++ and ResNet for images, and label anchors.
//!
//! An encoder turns samples of one data type into anchors `[B, d]`, points of the space whose zones the sampled latents fill.

mod anchors;
pub mod config;
pub mod error;
mod heads;
pub mod image;
pub mod label;
pub mod resnet;

pub use anchors::{ImageAnchors, Represented};
pub use config::ImageEncoderConfig;
pub use error::EncoderError;
pub use image::ImageEncoder;
pub use label::LabelAnchors;
pub use resnet::{BlockKind, ResNet, ResNetConfig, StemKind};
