//! Criterion benches, with rivals beside ours.
//!
//! Each bench is a file under `benches/`; what several of them need is here. Inputs are made outside the measured loop from
//! fixed seeds, and every result is looked at before it is timed. `cargo bench -p lzn-benches -- --test` runs each bench once.

use lzn_random::{Purpose, Stream};
use ndarray::Array2;

/// A matrix of standard normal draws in single precision.
///
/// # Example
/// ```
/// assert_eq!(lzn_benches::normal(1, 3, 4), lzn_benches::normal(1, 3, 4));
/// assert_ne!(lzn_benches::normal(1, 3, 4), lzn_benches::normal(2, 3, 4));
/// ```
pub fn normal(seed: u64, rows: usize, columns: usize) -> Array2<f32> {
    let mut stream = Stream::new(seed, Purpose::new("bench"), [0; 3]);
    Array2::from_shape_fn((rows, columns), |_| stream.normals(1)[0])
}
