//! How fast this machine multiplies matrices: MKL through libtorch, in the shapes of zoning.

use std::time::Instant;

use tch::{Device, Kind, Tensor};

use crate::contenders::Precision;

/// Every product is repeated for about this many seconds, and the fastest counts.
const SECONDS: f64 = 0.3;

/// Seconds that the seven products of one evaluation, forward and backward, take by themselves: `14 B N d` operations.
///
/// Three are of the shape `[B, d] x [d, N]` (logits, forward and once more backward, and their cotangent), two are
/// `[B, N] x [N, d]` (mean, and cotangent of the state), two `[N, B] x [B, d]` (gradients of the anchors).
#[must_use]
pub fn product_seconds([samples, anchors, dim]: [usize; 3], precision: Precision) -> f64 {
    let kind = match precision {
        Precision::F32 => Kind::Float,
        Precision::F64 => Kind::Double,
    };
    let [b, n, d] = [samples, anchors, dim].map(|size| size as i64);
    let full = |size: [i64; 2]| Tensor::ones(size, (kind, Device::Cpu));
    let (rows, points, weights) = (full([b, d]), full([n, d]), full([b, n]));
    let logits = fastest(&rows, &points.tr(), &mut full([b, n]));
    let mean = fastest(&weights, &points, &mut full([b, d]));
    let gradient = fastest(&weights.tr(), &rows, &mut full([n, d]));
    3.0 * logits + 2.0 * mean + 2.0 * gradient
}

/// Least seconds of one product into `result`.
fn fastest(left: &Tensor, right: &Tensor, result: &mut Tensor) -> f64 {
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    while begin.elapsed().as_secs_f64() < SECONDS {
        let start = Instant::now();
        let _ = left.matmul_out(result, right);
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}
