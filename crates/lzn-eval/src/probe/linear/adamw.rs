//! AdamW.

use ndarray::{Array, ArrayView, Dimension, Zip};

/// Decay of the moments, and what keeps the step finite; the usual values.
const BETAS: (f64, f64) = (0.9, 0.999);
const EPSILON: f32 = 1e-8;

/// Moments of one array of parameters (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019):
///
/// ```text
/// p -= rate decay p
/// m = b1 m + (1 - b1) g,    v = b2 v + (1 - b2) g^2
/// p -= rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + 1e-8)
/// ```
pub(super) struct AdamW<D: Dimension> {
    first: Array<f32, D>,
    second: Array<f32, D>,
    steps: i32,
}

impl<D: Dimension> AdamW<D> {
    pub(super) fn new(shape: D) -> Self {
        Self { first: Array::zeros(shape.clone()), second: Array::zeros(shape), steps: 0 }
    }

    /// One step of `parameters` against `gradient`.
    pub(super) fn step(
        &mut self,
        parameters: &mut Array<f32, D>,
        gradient: ArrayView<'_, f32, D>,
        rate: f64,
        decay: f64,
    ) {
        self.steps = self.steps.saturating_add(1);
        let correction = |beta: f64| 1.0 - beta.powi(self.steps);
        let step = (rate / correction(BETAS.0)) as f32;
        let root = correction(BETAS.1).sqrt() as f32;
        let keep = (1.0 - rate * decay) as f32;
        let (b1, b2) = (BETAS.0 as f32, BETAS.1 as f32);
        let (new1, new2) = ((1.0 - BETAS.0) as f32, (1.0 - BETAS.1) as f32);
        let moments = Zip::from(parameters).and(gradient).and(&mut self.first).and(&mut self.second);
        moments.for_each(|parameter, &gradient, first, second| {
            *first = b1 * *first + new1 * gradient;
            *second = b2 * *second + new2 * gradient * gradient;
            *parameter = keep * *parameter - step * *first / (second.sqrt() / root + EPSILON);
        });
    }
}
