//! Which anchors stand for all: chosen by a counter-based hash, so that the same seed gives the same sample everywhere.

/// The mixing function of SplitMix64 (Steele, Lea and Flood 2014): every bit of the result depends on every bit of the input.
fn mix(counter: u64) -> u64 {
    let x = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// `count` of the `candidates`, in ascending order: those whose `mix(mix(seed) ^ index)` is smallest. Any subset of this size is
/// as likely as any other; a larger `count` with the same seed gives a superset.
pub(super) fn draw(candidates: impl Iterator<Item = usize>, count: usize, seed: u64) -> Vec<usize> {
    let seed = mix(seed);
    let mut keyed: Vec<(u64, usize)> = candidates.map(|index| (mix(seed ^ index as u64), index)).collect();
    if count < keyed.len() {
        keyed.select_nth_unstable(count);
        keyed.truncate(count);
    }
    let mut sample: Vec<usize> = keyed.into_iter().map(|(_, index)| index).collect();
    sample.sort_unstable();
    sample
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn every_anchor_is_drawn_equally_often() {
        let (n, count, seeds) = (50, 10, 4000);
        let mut drawn = vec![0_usize; n];
        for seed in 0..seeds {
            let sample = draw(0..n, count, seed);
            assert_eq!(sample.len(), count);
            assert!(sample.is_sorted_by(|a, b| a < b));
            sample.iter().for_each(|index| drawn[*index] += 1);
        }
        // Five standard errors of a binomial share of 1/5.
        let expected = 0.2 * seeds as f64;
        assert!(drawn.iter().all(|d| (*d as f64 - expected).abs() < 5.0 * (0.8 * expected).sqrt()), "{drawn:?}");
    }

    #[test]
    fn a_larger_sample_contains_the_smaller_one() {
        let (few, many) = (draw(0..1000, 20, 3), draw(0..1000, 200, 3));
        assert!(few.iter().all(|index| many.contains(index)));
        assert_ne!(few, draw(0..1000, 20, 4));
        assert_eq!(draw(0..5, 9, 0), [0, 1, 2, 3, 4]);
    }
}
