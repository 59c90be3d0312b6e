//! Cross-entropy of a linear classifier, and its gradient.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::LinearProbe;

/// Rows that are summed at once. Fixed, so that the order of additions does not depend on the number of threads.
const ROWS: usize = 512;

/// Sums over rows: the loss, how many are right, and the gradient.
pub(super) struct Sums {
    pub(super) loss: f64,
    pub(super) correct: u64,
    pub(super) weights: Array2<f32>,
    pub(super) bias: Array1<f32>,
}

/// Sums over the rows of a batch, with the gradient of the summed loss.
pub(super) fn with_gradient(probe: &LinearProbe, rows: ArrayView2<'_, f32>, labels: &[i64]) -> Sums {
    let parts = in_parts(rows, labels, |rows, labels| {
        let mut scores = probe.raw_scores(rows);
        let (loss, correct) = differentiate(&mut scores, labels);
        let mut weights = Array2::zeros(probe.weights.raw_dim());
        general_mat_mul(1.0, &rows.t(), &scores, 0.0, &mut weights);
        Sums { loss, correct, weights, bias: scores.sum_axis(Axis(0)) }
    });
    let zero = Sums {
        loss: 0.0,
        correct: 0,
        weights: Array2::zeros(probe.weights.raw_dim()),
        bias: Array1::zeros(probe.bias.raw_dim()),
    };
    parts.into_iter().fold(zero, |mut sum, part| {
        sum.loss += part.loss;
        sum.correct += part.correct;
        sum.weights += &part.weights;
        sum.bias += &part.bias;
        sum
    })
}

/// The summed loss over rows and how many are right.
pub(super) fn alone(probe: &LinearProbe, rows: ArrayView2<'_, f32>, labels: &[i64]) -> (f64, u64) {
    let parts = in_parts(rows, labels, |rows, labels| differentiate(&mut probe.raw_scores(rows), labels));
    parts.into_iter().fold((0.0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
}

/// `work` on parts of the rows, on threads; results in order.
fn in_parts<R: Send>(
    rows: ArrayView2<'_, f32>,
    labels: &[i64],
    work: impl Fn(ArrayView2<'_, f32>, &[i64]) -> R + Sync,
) -> Vec<R> {
    let parts: Vec<_> = rows.axis_chunks_iter(Axis(0), ROWS).zip(labels.chunks(ROWS)).collect();
    parts.into_par_iter().map(|(rows, labels)| work(rows, labels)).collect()
}

/// Turns scores into the gradient of the summed loss by them, `softmax(scores) - one_hot(label)`; returns the loss
/// and how many labels have the highest score.
fn differentiate(scores: &mut Array2<f32>, labels: &[i64]) -> (f64, u64) {
    let (mut loss, mut correct) = (0.0, 0);
    for (mut row, &label) in scores.outer_iter_mut().zip(labels) {
        let label = label as usize;
        let (best, largest) = row
            .iter()
            .enumerate()
            .fold((0, f32::NEG_INFINITY), |best, (class, &score)| if score > best.1 { (class, score) } else { best });
        correct += u64::from(best == label);
        let own = f64::from(row[label] - largest);
        row.mapv_inplace(|score| (score - largest).exp());
        let sum: f64 = row.iter().map(|&weight| f64::from(weight)).sum();
        loss += sum.ln() - own;
        row.mapv_inplace(|weight| (f64::from(weight) / sum) as f32);
        row[label] -= 1.0;
    }
    (loss, correct)
}
