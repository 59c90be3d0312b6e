//! Training by the recipe.

use lzn_random::{Purpose, Stream};
use ndarray::Axis;
use tch::{Device, Tensor};

use super::{Labelled, LeNet, Recipe, Record, Standard};
use crate::net::to_tensor;
use crate::{FeatureError, FeatureNet};

const MOMENTUM: f64 = 0.9;

impl LeNet {
    /// Trains a network on images `[N, C, H, W]` with 1 or 3 channels and sides of at least 4 pixels; `test`, if there
    /// is any, only measures it. `progress` is told the number of finished steps and of all steps.
    ///
    /// The same data and recipe give the same network on the same machine and number of threads.
    ///
    /// # Errors
    /// [`FeatureError::Training`] for data or settings of which no network can be made.
    pub fn train(
        data: &Labelled<'_>,
        test: Option<&Labelled<'_>>,
        classes: usize,
        recipe: &Recipe,
        device: Device,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Self, FeatureError> {
        data.check(data.shape(), classes)?;
        if let Some(test) = test {
            test.check(data.shape(), classes)?;
        }
        check(recipe)?;
        let mut net = Self::new(Record::new(recipe, data, classes), device);
        descend(&net, data, &mut progress)?;
        net.standard = standard(&net, data)?;
        net.record.dead_features = net.standard.dead();
        net.record.training_accuracy = accuracy(&net, data)?;
        net.record.test_accuracy = test.map(|test| accuracy(&net, test)).transpose()?;
        net.identify()?;
        Ok(net)
    }
}

fn check(recipe: &Recipe) -> Result<(), FeatureError> {
    let rate = recipe.learning_rate;
    if recipe.epochs == 0 || recipe.batch_size == 0 || !(rate.is_finite() && rate > 0.0) {
        return Err(FeatureError::Training(format!(
            "epochs ({}), batch size ({}) and learning rate ({rate}) must be positive",
            recipe.epochs, recipe.batch_size
        )));
    }
    Ok(())
}

/// All steps.
fn descend(net: &LeNet, data: &Labelled<'_>, progress: &mut impl FnMut(usize, usize)) -> Result<(), FeatureError> {
    let recipe = &net.record.recipe;
    let parameters: Vec<Tensor> = net.store.trainable().into_iter().map(|(_, tensor)| tensor).collect();
    let velocities: Vec<Tensor> = parameters.iter().map(Tensor::zeros_like).collect();
    let steps = data.labels.len().div_ceil(recipe.batch_size) * recipe.epochs;
    let mut step = 0;
    for epoch in 0..recipe.epochs {
        let mut order: Vec<usize> = (0..data.labels.len()).collect();
        Stream::new(recipe.seed, Purpose::SHUFFLE, [epoch as u64, 0, 0]).shuffle(&mut order);
        for batch in order.chunks(recipe.batch_size) {
            let rate = recipe.learning_rate * (1.0 - step as f64 / steps as f64);
            let loss = loss(net, data, batch)?;
            let gradients = Tensor::f_run_backward(&[&loss], &parameters, false, false)?;
            tch::no_grad(|| -> Result<(), FeatureError> {
                for ((parameter, velocity), gradient) in parameters.iter().zip(&velocities).zip(&gradients) {
                    let mut velocity = velocity.shallow_clone();
                    let _ = velocity.f_mul_scalar_(MOMENTUM)?.f_add_(gradient)?;
                    let _ = parameter.shallow_clone().f_sub_(&velocity.f_mul_scalar(rate)?)?;
                }
                Ok(())
            })?;
            step += 1;
            progress(step, steps);
        }
    }
    Ok(())
}

fn loss(net: &LeNet, data: &Labelled<'_>, batch: &[usize]) -> Result<Tensor, FeatureError> {
    let images = data.images.select(Axis(0), batch);
    let inputs = to_tensor(&net.protocol().apply(images.view())?, net.device())?;
    let labels: Vec<i64> = batch.iter().map(|index| data.labels[*index]).collect();
    let labels = Tensor::from_slice(&labels).f_to_device(net.device())?;
    Ok(net.layers.forward(&inputs)?.scores.f_cross_entropy_loss(
        &labels,
        None::<&Tensor>,
        tch::Reduction::Mean,
        -100,
        0.0,
    )?)
}

/// Mean and deviation of each feature over the training images.
fn standard(net: &LeNet, data: &Labelled<'_>) -> Result<Standard, FeatureError> {
    // The network still has the standard that changes nothing.
    let features = net.features(data.images)?.pooled.mapv(f64::from);
    let mean = features.mean_axis(Axis(0)).unwrap_or_default();
    let deviation = features.std_axis(Axis(0), 0.0);
    Ok(Standard { mean: mean.mapv(|x| x as f32), deviation: deviation.mapv(|x| x as f32) })
}

fn accuracy(net: &LeNet, data: &Labelled<'_>) -> Result<f64, FeatureError> {
    let scores = net.features(data.images)?.logits.unwrap_or_default();
    let right = scores.rows().into_iter().zip(data.labels).filter(|(row, label)| highest(row) == **label).count();
    Ok(right as f64 / data.labels.len() as f64)
}

/// The position of the largest score, the first of equals.
fn highest(row: &ndarray::ArrayView1<'_, f32>) -> i64 {
    let better =
        |best: (usize, f32), (position, score): (usize, &f32)| if *score > best.1 { (position, *score) } else { best };
    row.iter().enumerate().fold((0, f32::NEG_INFINITY), better).0 as i64
}
