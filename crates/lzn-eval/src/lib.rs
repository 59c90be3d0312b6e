//! Metrics as pure accumulators, and the pictures that show them.
//!
//! A [`Metric`] is given batches and owns no loop: [`Accuracy`], [`Confusion`], [`MeanVar`]. Several workers can fill
//! one each and merge them. [`grid`] lays out images as they are, [`plot`] draws numbers; both give a [`Drawing`], as pixels
//! or as shapes. [`report`] puts all of it on one page. Nothing here knows networks, trainers or libtorch.
//!
//! | question | answered by |
//! |---|---|
//! | how far are generated images from real ones? | [`distribution`], with [`mod@reference`] statistics from files |
//! | does the generator copy its training images, or prefer classes? | [`Memorisation`] on [`neighbours`], [`ClassCounts`] |
//! | are images reconstructed? | [`reconstruction`] |
//! | is the right class found, and is confidence to be believed? | [`Accuracy`], [`Confusion`], [`Calibration`], [`wilson_interval`] |
//! | is the right text found for an image, and the right image for a text? | [`Recall`], [`exact_match`] |
//! | what do features know of the labels? | [`probe`] |
//! | how do images, features and labels come in and out? | [`arrays`] |

mod accuracy;
pub mod arrays;
mod calibration;
mod canvas;
mod class_shares;
mod confusion;
pub mod distribution;
mod drawing;
mod error;
mod finite;
pub mod grid;
mod interval;
mod memorisation;
mod metric;
mod moments;
pub mod neighbours;
mod picture;
pub mod plot;
pub mod probe;
pub mod projection;
pub mod reconstruction;
pub mod reference;
pub mod report;
mod retrieval;

pub use accuracy::{Accuracy, Predictions};
pub use calibration::{Calibration, Reliability, ReliabilityBin};
pub use class_shares::{ClassCounts, ClassShares};
pub use confusion::{Confusion, ConfusionMatrix};
pub use drawing::Drawing;
pub use error::EvalError;
pub use grid::image_grid;
pub use interval::{WilsonInterval, wilson_interval};
pub use memorisation::Memorisation;
pub use metric::Metric;
pub use moments::{MeanVar, Moments};
pub use picture::Picture;
pub use retrieval::{Ranking, Recall, Recalled, exact_match};
