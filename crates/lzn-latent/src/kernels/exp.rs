//! The exponential function without branches, so that compilers can vectorise loops over it.
//!
//! `exp(x) = 2^n exp(r)` with `n` the nearest integer of `x / ln 2` and `|r| <= ln(2) / 2`, where the Taylor series is short. `n`
//! is found by adding a number so large that the sum has no fractional bits left, and `2^n` by shifting `n` into the exponent:
//! a conversion of float to integer would saturate, which does not vectorise.

/// Logits below this are as good as minus infinity in single precision.
const LEAST_F32: f32 = -87.0;
/// The same in double precision.
const LEAST_F64: f64 = -708.0;

/// `exp(x)` for `x <= 0`, exactly 0 below -87, else to 2e-7 of itself.
#[inline(always)]
pub(crate) fn exp_f32(x: f32) -> f32 {
    /// 1.5 * 2^23.
    const ROUNDER: f32 = 12_582_912.0;
    /// The leading bits of ln 2, few enough that `n` times them is exact, and the rest.
    const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);
    let inside = if x > LEAST_F32 { x } else { LEAST_F32 };
    let shifted = inside * std::f32::consts::LOG2_E + ROUNDER;
    let n = shifted - ROUNDER;
    let r = (inside - n * LN_2.0) - n * LN_2.1;
    let series = 1.0 / 5040.0;
    let series = series * r + 1.0 / 720.0;
    let series = series * r + 1.0 / 120.0;
    let series = series * r + 1.0 / 24.0;
    let series = series * r + 1.0 / 6.0;
    let series = series * r + 0.5;
    let series = series * r + 1.0;
    let series = series * r + 1.0;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    if x > LEAST_F32 { series * power } else { 0.0 }
}

/// `exp(x)` for `x <= 0`, exactly 0 below -708, else to 1e-15 of itself.
#[inline(always)]
pub(crate) fn exp_f64(x: f64) -> f64 {
    /// 1.5 * 2^52.
    const ROUNDER: f64 = 6_755_399_441_055_744.0;
    /// The leading bits of ln 2, few enough that `n` times them is exact, and the rest.
    const LN_2: (f64, f64) = (0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10);
    /// 1 / 13!, 1 / 12!, ..., 1.
    const SERIES: [f64; 14] = {
        let mut series = [1.0; 14];
        let mut i = 1;
        while i < 14 {
            series[13 - i] = series[14 - i] / i as f64;
            i += 1;
        }
        series
    };
    let inside = if x > LEAST_F64 { x } else { LEAST_F64 };
    let shifted = inside * std::f64::consts::LOG2_E + ROUNDER;
    let n = shifted - ROUNDER;
    let r = (inside - n * LN_2.0) - n * LN_2.1;
    let mut series = SERIES[0];
    for term in &SERIES[1..] {
        series = series * r + term;
    }
    let power = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52));
    if x > LEAST_F64 { series * power } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_agree_with_those_of_the_standard_library() {
        for i in 0..200_000 {
            let x = -87.0 * f64::from(i) / 200_000.0;
            let single = f64::from(exp_f32(x as f32)) / f64::from(x as f32).exp() - 1.0;
            let double = exp_f64(8.0 * x) / (8.0 * x).exp() - 1.0;
            assert!(single.abs() < 2e-7, "exp_f32({x}) is off by {single:e}");
            assert!(double.abs() < 1e-15, "exp_f64({}) is off by {double:e}", 8.0 * x);
        }
    }

    #[test]
    fn the_ends_of_the_range_are_exact() {
        assert_eq!((exp_f32(0.0), exp_f64(0.0)), (1.0, 1.0));
        assert_eq!((exp_f32(-88.0), exp_f64(-709.0)), (0.0, 0.0));
        assert_eq!((exp_f32(f32::NEG_INFINITY), exp_f64(f64::NEG_INFINITY)), (0.0, 0.0));
        assert!(exp_f32(-86.9) >= f32::MIN_POSITIVE && exp_f64(-707.9) >= f64::MIN_POSITIVE);
    }
}
