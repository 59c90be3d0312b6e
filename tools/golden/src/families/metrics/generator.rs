//! The inputs of the cases: numbers by formula, the same in every language.

use anyhow::{Context, Result};
use ndarray::Array3;

use crate::Case;

/// The `i`-th output of the SplitMix64 generator (Steele et al. 2014).
pub(super) fn bits(seed: u64, i: u64) -> u64 {
    let z = seed.wrapping_add((i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The image that the case calls `name`: the key `images` has seed, height, width and channels. `[C, H, W]`.
pub(super) fn image(case: &Case, name: &str) -> Result<Array3<u8>> {
    let images: std::collections::BTreeMap<String, [usize; 4]> = case.get("images")?;
    let [seed, height, width, channels] = *images.get(name).with_context(|| format!("`images` has no `{name}`"))?;
    let bytes = (0..height * width * channels).map(|i| (bits(seed as u64, i as u64) >> 56) as u8).collect();
    Ok(Array3::from_shape_vec((height, width, channels), bytes)?.permuted_axes([2, 0, 1]))
}

/// A hash of a name (FNV-1a, 64 bits): the seed of a tensor's values.
pub(super) fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Uniform in `[0, 1)`.
pub(super) fn uniform(seed: u64, i: u64) -> f64 {
    (bits(seed, i) >> 11) as f64 / (1_u64 << 53) as f64
}
