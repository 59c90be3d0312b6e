//! Normal draws from a seed. `lzn-latent` takes noise as an argument and does not care where it is from.

use std::f64::consts::TAU;

use lzn_latent::ndarray::Array2;

/// SplitMix64 (Steele, Lea and Flood 2014) and the transform of Box and Muller.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A uniform number in `(0, 1]`.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        ((bits >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal numbers, `[rows, columns]`.
    pub(crate) fn normal(&mut self, rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_simple_fn((rows, columns), || {
            let radius = (-2.0 * self.uniform().ln()).sqrt();
            radius * (TAU * self.uniform()).cos()
        })
    }
}
