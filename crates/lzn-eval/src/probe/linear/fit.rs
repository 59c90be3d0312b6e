//! The training loop of the probe.

use lzn_random::{Purpose, Stream};
use ndarray::{Array1, Array2, Axis, CowArray, Ix2};

use super::adamw::AdamW;
use super::loss::{alone, with_gradient};
use super::{Epoch, LabelledFeatures, LinearProbe, LinearProbeConfig, LinearProbeReport, OPERATION, Standardisation};
use crate::EvalError;

/// First weights; indices `[0, 0, 0]`.
const INITIALISE: Purpose = Purpose::new("linear-probe/initialise");
/// Order of the rows; indices `[epoch, 0, 0]`.
const SHUFFLE: Purpose = Purpose::new("linear-probe/shuffle");

pub(super) fn fit(
    train: &LabelledFeatures<'_>,
    test: &LabelledFeatures<'_>,
    config: &LinearProbeConfig,
) -> Result<LinearProbeReport, EvalError> {
    let standardisation = config.standardise.then(|| Standardisation::fit(train.features()));
    let (rows, test_rows) = (prepared(train, standardisation.as_ref()), prepared(test, standardisation.as_ref()));
    let mut probe = first(rows.ncols(), train.classes(), config.seed);
    probe.standardisation.clone_from(&standardisation);
    let mut weights = AdamW::new(probe.weights.raw_dim());
    let mut bias = AdamW::new(probe.bias.raw_dim());
    let steps_per_epoch = rows.nrows().div_ceil(config.batch);
    let mut curve = Vec::with_capacity(config.epochs);
    let mut order: Vec<usize> = (0..rows.nrows()).collect();
    for epoch in 0..config.epochs {
        order.sort_unstable();
        Stream::new(config.seed, SHUFFLE, [epoch as u64, 0, 0]).shuffle(&mut order);
        let (mut loss, mut correct) = (0.0, 0);
        for (batch, indices) in order.chunks(config.batch).enumerate() {
            let labels: Vec<i64> = indices.iter().map(|&index| train.labels()[index]).collect();
            let sums = with_gradient(&probe, rows.select(Axis(0), indices).view(), &labels);
            let rate = config.rate(epoch * steps_per_epoch + batch, config.epochs * steps_per_epoch);
            let mean = 1.0 / indices.len() as f32;
            weights.step(&mut probe.weights, (sums.weights * mean).view(), rate, config.weight_decay);
            bias.step(&mut probe.bias, (sums.bias * mean).view(), rate, config.weight_decay);
            loss += sums.loss;
            correct += sums.correct;
        }
        let (test_loss, test_correct) = alone(&probe, test_rows.view(), test.labels());
        let (n, m) = (rows.nrows() as f64, test_rows.nrows() as f64);
        let point = Epoch {
            train_loss: loss / n,
            train_accuracy: correct as f64 / n,
            test_loss: test_loss / m,
            test_accuracy: test_correct as f64 / m,
        };
        // Weights that are not numbers show in the test loss of the same epoch.
        if !(point.train_loss.is_finite() && point.test_loss.is_finite()) {
            return Err(EvalError::NotANumber { operation: OPERATION, row: 0 });
        }
        curve.push(point);
    }
    Ok(LinearProbeReport { probe, curve })
}

/// Features as the probe sees them.
fn prepared<'a>(of: &LabelledFeatures<'a>, standardisation: Option<&Standardisation>) -> CowArray<'a, f32, Ix2> {
    match standardisation {
        Some(standardisation) => standardisation.apply(of.features()).into(),
        None => of.features().into(),
    }
}

/// A probe as a fully connected layer of torch starts: weights and bias uniform within one over the root of `d`.
fn first(d: usize, classes: usize, seed: u64) -> LinearProbe {
    let bound = 1.0 / (d as f64).sqrt();
    let mut stream = Stream::new(seed, INITIALISE, [0; 3]);
    let weights = stream.uniforms(d * classes, -bound, bound);
    let bias = Array1::from(stream.uniforms(classes, -bound, bound));
    let mut weights = weights.into_iter();
    let weights = Array2::from_shape_simple_fn((d, classes), || weights.next().unwrap_or_default());
    LinearProbe { weights, bias, standardisation: None }
}
