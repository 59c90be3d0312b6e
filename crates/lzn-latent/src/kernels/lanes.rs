//! Sums and maxima over slices in a fixed order that vectorises: one partial result per lane, lanes combined at the end.

use crate::Real;

/// Partial results that are kept apart: a whole vector of the widest instruction set in single precision.
pub(crate) const LANES: usize = 16;

/// The largest element, and at least `floor`.
#[inline(always)]
pub(crate) fn largest<F: Real>(row: &[F], floor: F) -> F {
    let mut lanes = [floor; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = if *x > *lane { *x } else { *lane };
        }
    }
    let all = lanes.iter().chain(rest);
    all.fold(floor, |largest, x| if *x > largest { *x } else { largest })
}

/// The largest `f(a_j, b_j)` over two slices of equal length; minus infinity for none.
#[inline(always)]
pub(crate) fn largest_of<F: Real>(a: &[F], b: &[F], f: impl Fn(F, F) -> F) -> F {
    let mut lanes = [F::neg_infinity(); LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let raise = |lane: &mut F, x: F| *lane = if x > *lane { x } else { *lane };
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            raise(lane, f(*a, *b));
        }
    }
    for ((lane, a), b) in lanes.iter_mut().zip(a_rest).zip(b_rest) {
        raise(lane, f(*a, *b));
    }
    largest(&lanes, F::neg_infinity())
}

/// `sum_j f(a_j, b_j)` over two slices of equal length.
#[inline(always)]
pub(crate) fn sum_of<F: Real>(a: &[F], b: &[F], f: impl Fn(F, F) -> F) -> F {
    let mut lanes = [F::zero(); LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += f(*a, *b);
        }
    }
    let mut total = F::zero();
    for lane in lanes {
        total += lane;
    }
    for (a, b) in a_rest.iter().zip(b_rest) {
        total += f(*a, *b);
    }
    total
}

/// `sum_j f(a_j, b_j)` in double precision.
#[inline(always)]
pub(crate) fn sum_of_wide<F: Real>(a: &[F], b: &[F], f: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += f(a.wide(), b.wide());
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| f(a.wide(), b.wide())).sum();
    lanes.iter().sum::<f64>() + rest
}

/// `sum_j a_j b_j`.
#[inline(always)]
pub(crate) fn dot<F: Real>(a: &[F], b: &[F]) -> F {
    sum_of(a, b, |a, b| a * b)
}
