//! The inputs of the cases: numbers by formula, the same in every language.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use ndarray::Array3;

use crate::Case;

/// Seeds that are tried where a case names none.
pub(super) const SEEDS: u64 = 1 << 24;

/// Seed, height, width and channels of an image.
type Source = (u64, usize, usize, usize);

/// Images of the published cases that say nothing of theirs.
const PUBLISHED: [(&str, Source); 5] = [
    ("a", (21, 224, 224, 3)),
    ("b", (22, 224, 224, 3)),
    ("c32", (12, 32, 32, 3)),
    ("c64x48", (13, 64, 48, 3)),
    ("c320", (15, 320, 320, 3)),
];

/// The `i`-th output of the SplitMix64 generator (Steele et al. 2014).
pub(super) fn bits(seed: u64, i: u64) -> u64 {
    let z = seed.wrapping_add((i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The images of a case by name, `[C, H, W]`: those that the key `images` lists; without it, those in whose tensors' names `mark`
/// comes next.
pub(super) fn images(case: &Case, mark: &str) -> Result<BTreeMap<String, Array3<u8>>> {
    let sources: BTreeMap<String, Source> = match case.find("images")? {
        Some(sources) => sources,
        None => {
            let names = case.names().filter_map(|tensor| tensor.split_once(mark)).map(|(name, _)| name);
            names.map(|name| Ok((name.to_owned(), source(case, name)?))).collect::<Result<_>>()?
        }
    };
    ensure!(!sources.is_empty(), "key `images` lists none");
    sources.into_iter().map(|(name, source)| Ok((name, image(source)?))).collect()
}

/// What the first bytes of an image and its name tell, or what was published, where `images` is missing.
fn source(case: &Case, name: &str) -> Result<Source> {
    let first = &case.meta[name]["first8"];
    let Some(shown) = first.as_array().filter(|bytes| !bytes.is_empty()) else {
        let published = PUBLISHED.iter().find(|(known, _)| *known == name).map(|(_, source)| *source);
        return published.with_context(|| format!("no key `images` with [seed, height, width, channels] of `{name}`"));
    };
    let (height, width, channels) = size(name).with_context(|| format!("no key `images` with the size of `{name}`"))?;
    let begins = |seed: &u64| (0..).zip(shown).all(|(i, byte)| byte.as_u64() == Some(bits(*seed, i) >> 56));
    let seed = (0..SEEDS).find(begins);
    let seed =
        seed.with_context(|| format!("no seed below {SEEDS} gives an image `{name}` that begins with {first}"))?;
    Ok((seed, height, width, channels))
}

/// Height, width and channels that a name such as `g28` or `c64x48` tells.
fn size(name: &str) -> Option<(usize, usize, usize)> {
    let (channels, sides) = match name.strip_prefix('g') {
        Some(sides) => (1, sides),
        None => (3, name.strip_prefix('c')?),
    };
    let (height, width) = sides.split_once('x').unwrap_or((sides, sides));
    Some((height.parse().ok()?, width.parse().ok()?, channels))
}

fn image((seed, height, width, channels): Source) -> Result<Array3<u8>> {
    let bytes = (0..height * width * channels).map(|i| (bits(seed, i as u64) >> 56) as u8).collect();
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
