//! Encoders that give each sample its anchor: NCSN++ image encoder and label anchors.
//!
//! An encoder turns samples of one data type into anchors `[B, d]`, points of the space whose zones the sampled latents fill.

pub mod config;
pub mod error;
mod heads;
pub mod image;
pub mod label;

pub use config::ImageEncoderConfig;
pub use error::EncoderError;
pub use image::ImageEncoder;
pub use label::LabelAnchors;
