//! Metrics as pure accumulators, and the pictures that show them.
//!
//! A [`Metric`] is given batches and owns no loop: [`Accuracy`], [`Confusion`], [`MeanVar`]. Several workers can fill
//! one each and merge them. Pictures are [`Picture`]s: [`grid`] lays out images as they are, [`plot`] draws curves and
//! matrices. Nothing here knows networks, trainers or libtorch.

mod accuracy;
mod canvas;
mod confusion;
pub mod distribution;
mod error;
pub mod grid;
mod metric;
mod moments;
mod picture;
pub mod plot;

pub use accuracy::{Accuracy, Predictions};
pub use confusion::{Confusion, ConfusionMatrix};
pub use error::EvalError;
pub use grid::image_grid;
pub use metric::Metric;
pub use moments::{MeanVar, Moments};
pub use picture::Picture;
