//! Drawings of numbers: [`Curves`] over training steps, [`confusion`] matrices, a [`Scatter`] of points among zones,
//! [`Bars`] with their spread over seeds, and the [`reliability`] of a classifier's confidence.

mod axes;
mod bars;
mod chart;
mod curves;
mod heat_map;
mod palette;
mod reliability;
mod scatter;
mod smooth;

pub use bars::Bars;
pub use curves::{Curves, Panel, Range};
pub use heat_map::confusion;
pub(crate) use palette::ON_DARK;
pub use reliability::reliability;
pub use scatter::{Scatter, Span, ZoneMap};
