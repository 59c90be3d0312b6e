//! Drawings of numbers: [`Curves`] over training steps, and [`confusion`] matrices.

mod axes;
mod chart;
mod curves;
mod heat_map;
mod smooth;

pub use curves::{Curves, Panel, Range};
pub use heat_map::confusion;
