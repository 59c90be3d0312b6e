//! Features for tests.

use lzn_random::{Purpose, Stream};
use ndarray::Array2;

/// `[rows, dimension]` standard normal numbers.
pub(crate) fn normal(seed: u64, rows: usize, dimension: usize) -> Array2<f32> {
    let values = Stream::new(seed, Purpose::new("lzn-eval/test-features"), [0; 3]).normals(rows * dimension);
    Array2::from_shape_vec((rows, dimension), values).unwrap()
}
