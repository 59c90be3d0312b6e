//! Counter-based random streams: every draw is a function of (seed, purpose, indices).
//!
//! Nothing in the project draws from a global generator. A stream is opened for one purpose at one place, so a run that is
//! stopped and resumed, or cut into other batches, or spread over other threads, draws the same numbers:
//!
//! ```
//! use lzn_random::{Purpose, Stream};
//!
//! let draw = || Stream::new(7, Purpose::SAMPLE_NOISE, [3, 0, 0]).normals(4);
//! assert_eq!(draw(), draw());
//! assert_ne!(draw(), Stream::new(7, Purpose::SAMPLE_NOISE, [4, 0, 0]).normals(4));
//! ```

use rand::{Rng, RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// What a stream is for. Streams of different purposes are independent, whatever their seed and indices.
///
/// Crates outside the workspace open their own: `Purpose::new("my-crate/noise")`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Purpose(u64);

impl Purpose {
    /// First values of parameters; indices `[position in the part, 0, 0]`.
    pub const INITIALISE: Self = Self::new("initialise");
    /// Order of a data set; indices `[epoch, 0, 0]`.
    pub const SHUFFLE: Self = Self::new("shuffle");
    /// Random transforms of one sample; indices `[epoch, sample, view]`.
    pub const AUGMENT: Self = Self::new("augment");
    /// Latent noise in training; indices `[step, rank, 0]`.
    pub const LATENT_NOISE: Self = Self::new("latent-noise");
    /// Image noise of Rectified Flow in training; indices `[step, rank, 0]`.
    pub const FLOW_NOISE: Self = Self::new("flow-noise");
    /// Times of Rectified Flow in training; indices `[step, rank, 0]`.
    pub const FLOW_TIME: Self = Self::new("flow-time");
    /// Dropout masks; indices `[step, rank, 0]`.
    pub const DROPOUT: Self = Self::new("dropout");
    /// Latent of one generated sample; indices `[sample, 0, 0]`.
    pub const SAMPLE_LATENT: Self = Self::new("sample-latent");
    /// Start image of one generated sample; indices `[sample, 0, 0]`.
    pub const SAMPLE_NOISE: Self = Self::new("sample-noise");
    /// Choices in one generated text; indices `[sample, 0, 0]`.
    pub const SAMPLE_TEXT: Self = Self::new("sample-text");

    /// A purpose of one's own; equal names give equal purposes.
    pub const fn new(name: &str) -> Self {
        // FNV-1a, because it can run at compile time.
        let bytes = name.as_bytes();
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut i = 0;
        while i < bytes.len() {
            hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            i += 1;
        }
        Self(hash)
    }
}

/// A stream of random numbers, fixed by `(seed, purpose, indices)`.
///
/// The generator is ChaCha with 8 rounds. Seed, purpose and the first two indices are its key and the third is its stream
/// number, so distinct arguments always give distinct streams.
#[derive(Debug, Clone)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// Opens the stream.
    pub fn new(seed: u64, purpose: Purpose, indices: [u64; 3]) -> Self {
        let mut key = [0; 32];
        for (chunk, word) in key.chunks_exact_mut(8).zip([seed, purpose.0, indices[0], indices[1]]) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(indices[2]);
        Self(generator)
    }

    /// The next 64 random bits, for instance to seed a foreign generator.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A uniform number in `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    /// A uniform index in `0..end`; 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.0.random_range(0..end) }
    }

    /// `n` standard normal numbers.
    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.0.sample::<f32, _>(StandardNormal)).collect()
    }

    /// `n` standard normal numbers in double precision. They are not the widened values of [`Stream::normals`].
    pub fn normals_f64(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.0.sample::<f64, _>(StandardNormal)).collect()
    }

    /// `n` uniform numbers in `[low, high)`.
    pub fn uniforms(&mut self, n: usize, low: f64, high: f64) -> Vec<f32> {
        (0..n).map(|_| (low + (high - low) * self.uniform()) as f32).collect()
    }

    /// Puts `items` into a uniformly random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        items.shuffle(&mut self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_changes_the_stream() {
        let first = |seed, purpose, indices| Stream::new(seed, purpose, indices).bits();
        let base = first(1, Purpose::SHUFFLE, [2, 3, 4]);
        assert_eq!(base, first(1, Purpose::SHUFFLE, [2, 3, 4]));
        for other in [
            first(2, Purpose::SHUFFLE, [2, 3, 4]),
            first(1, Purpose::AUGMENT, [2, 3, 4]),
            first(1, Purpose::SHUFFLE, [3, 3, 4]),
            first(1, Purpose::SHUFFLE, [2, 4, 4]),
            first(1, Purpose::SHUFFLE, [2, 3, 5]),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let n = 200_000;
        let draws = Stream::new(0, Purpose::LATENT_NOISE, [0; 3]).normals(n);
        let mean = draws.iter().map(|x| f64::from(*x)).sum::<f64>() / n as f64;
        let variance = draws.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / n as f64 - mean * mean;
        // Five standard errors.
        assert!(mean.abs() < 5.0 / (n as f64).sqrt(), "mean {mean}");
        assert!((variance - 1.0).abs() < 5.0 * (2.0 / n as f64).sqrt(), "variance {variance}");
    }

    #[test]
    fn shuffle_is_a_permutation_and_below_stays_below() {
        let mut order: Vec<usize> = (0..100).collect();
        let mut stream = Stream::new(3, Purpose::SHUFFLE, [0; 3]);
        stream.shuffle(&mut order);
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
        assert!((0..1000).all(|_| stream.below(7) < 7));
        assert_eq!(stream.below(0), 0);
    }
}
