//! CMMD: the maximum mean discrepancy of normalised features under a Gaussian kernel.

use ndarray::ArrayView2;
use serde::Serialize;

use super::checks::check_pair;
use super::pairs::Kernel;
use crate::EvalError;

const OPERATION: &str = "CMMD";

/// The bandwidth of the publication.
const SIGMA: f64 = 10.0;

/// The factor by which it is reported.
const SCALE: f64 = 1000.0;

/// A CMMD, and what it was computed from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cmmd {
    /// 1,000 times the squared discrepancy, not negative but for rounding.
    pub value: f64,
    /// Bandwidth of the kernel, 10.
    pub sigma: f64,
    /// Real rows.
    pub n_real: usize,
    /// Generated rows.
    pub n_generated: usize,
    /// Numbers in a row.
    pub dimension: usize,
}

/// The distance of two sets `[N, d]` and `[M, d]` of CLIP embeddings: rows are divided by their length, the kernel is
/// `exp(-|x - y|^2 / (2 sigma^2))` with `sigma = 10`, and pairs of a row with itself are counted (the V-statistic, biased), as
/// published (Jayasumana and others, "Rethinking FID", 2024).
///
/// On the unit sphere the kernel is between 0.98 and 1. What is summed is how far it is from 1, so that no digits are lost.
///
/// # Errors
/// [`EvalError::TooFew`] for an empty set or dimension 0, [`EvalError::Dimension`], [`EvalError::NotANumber`], also for a row of zeros, which has
/// no direction.
pub fn cmmd(real: ArrayView2<'_, f32>, generated: ArrayView2<'_, f32>) -> Result<Cmmd, EvalError> {
    check_pair(OPERATION, real, generated, 1)?;
    for set in [real, generated] {
        if let Some(row) = set.rows().into_iter().position(|row| row.iter().all(|x| *x == 0.0)) {
            return Err(EvalError::NotANumber { operation: OPERATION, row });
        }
    }
    let value = |product: f64| ((product - 1.0) / (SIGMA * SIGMA)).exp_m1();
    let kernel = Kernel { value, normalise: true };
    let (n, m) = (real.nrows() as f64, generated.nrows() as f64);
    let within = |set, count: f64| {
        let sum = kernel.within(set);
        (sum.different + sum.same) / (count * count)
    };
    let between = kernel.between(real, generated) / (n * m);
    Ok(Cmmd {
        value: SCALE * (within(real, n) + within(generated, m) - 2.0 * between),
        sigma: SIGMA,
        n_real: real.nrows(),
        n_generated: generated.nrows(),
        dimension: real.ncols(),
    })
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::distribution::samples::normal;

    #[test]
    fn it_is_the_v_statistic_of_the_kernel_and_blind_to_lengths() {
        let (real, generated) = (normal(1, 30, 5), normal(2, 20, 5) + 0.5);
        let unit = |set: &Array2<f32>| {
            let set = set.mapv(f64::from);
            let lengths = set.mapv(|x| x * x).sum_axis(ndarray::Axis(1)).mapv(f64::sqrt);
            set / lengths.insert_axis(ndarray::Axis(1))
        };
        let mean = |x: &Array2<f32>, y: &Array2<f32>| {
            let (x, y) = (unit(x), unit(y));
            let pairs =
                x.rows().into_iter().flat_map(|x| y.rows().into_iter().map(move |y| (&x - &y).mapv(|e| e * e).sum()));
            pairs.map(|square| (-square / 200.0).exp()).sum::<f64>() / (x.nrows() * y.nrows()) as f64
        };
        let expected = 1000.0 * (mean(&real, &real) + mean(&generated, &generated) - 2.0 * mean(&real, &generated));
        let found = cmmd(real.view(), generated.view()).unwrap();
        assert!((found.value - expected).abs() < 1e-10, "{} {expected}", found.value);
        assert_eq!((found.n_real, found.n_generated, found.dimension), (30, 20, 5));
        let longer = cmmd((&real * 4.0).view(), (&generated * 2.0).view()).unwrap();
        assert!((longer.value - found.value).abs() < 1e-12);
        assert!(cmmd(real.view(), real.view()).unwrap().value.abs() < 1e-12);
    }

    #[test]
    fn rows_without_direction_are_refused() {
        let (good, mut zero) = (normal(1, 4, 2), normal(2, 4, 2));
        zero.row_mut(3).fill(0.0);
        assert!(matches!(cmmd(good.view(), zero.view()), Err(EvalError::NotANumber { row: 3, .. })));
        assert!(matches!(cmmd(good.view(), normal(1, 4, 3).view()), Err(EvalError::Dimension { .. })));
        assert!(matches!(cmmd(normal(1, 0, 2).view(), good.view()), Err(EvalError::TooFew { .. })));
    }
}
