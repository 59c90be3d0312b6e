//! Classifies with label anchors that are learned by exact gradients: no network, no libtorch.
//!
//! ```sh
//! cargo run --release -p lzn-latent --example classify
//! ```
//!
//! In a Latent Zoning Network a label is one more data type with anchors of its own, and to classify is to go from one set of
//! zones to another:
//!
//! ```text
//! measurements = anchors of the samples ──to_latents──▶ latent ──to_anchors over the label anchors──▶ label
//! ```
//!
//! The data are made here: four classes that differ in two directions of six, and vary far more, and all alike, in the other
//! four. Distances between measurements look at the wrong directions. Zones do not: all samples together fill a standard
//! normal distribution, so directions in which they vary much are drawn together. Compared on samples whose labels were used
//! nowhere:
//!
//! 1. the nearest class mean of the measurements,
//! 2. zones whose anchors are the class means of the latents,
//! 3. zones whose anchors have learned, from random ones, along the gradient of the alignment loss: how sure the flow is of the
//!    right label on its way ([`ZoneFlow::trace_anchors`], [`alignment::probability_loss`],
//!    [`AnchorTrace::vjp`](lzn_latent::AnchorTrace::vjp)).
//!
//! The samples' own zones are computed for all samples together, with and without label: that step sees no labels.

#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use std::error::Error;

use lzn_latent::{Anchors, LatentError, Solver, ZoneFlow, alignment, nearest};
use ndarray::{Array2, ArrayView2, Axis, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

const CLASSES: usize = 4;
const DIM: usize = 6;
const TRAINING: usize = 400;
const TEST: usize = 400;
const UPDATES: usize = 150;

fn main() -> Result<(), Box<dyn Error>> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let (points, labels) = samples(&mut random);
    let (known, hidden) = labels.split_at(TRAINING);
    let plain = {
        let (training, test) = points.view().split_at(Axis(0), TRAINING);
        accuracy(&nearest(test, &Anchors::new(class_means(training, known))?)?, hidden)
    };

    let latents = latents(&points)?;
    let (training, test) = latents.view().split_at(Axis(0), TRAINING);
    let of_means = accuracy(&classify(test, &class_means(training, known))?, hidden);

    let start = normal(&mut random, CLASSES, DIM);
    let guessed = accuracy(&classify(test, &start)?, hidden);
    let learned = accuracy(&classify(test, &learn(training, known, start)?)?, hidden);

    println!("accuracy on {TEST} samples");
    println!("  nearest class mean      {:5.1} %", 100.0 * plain);
    println!("  zones of class means    {:5.1} %", 100.0 * of_means);
    println!("  zones of random anchors {:5.1} %", 100.0 * guessed);
    println!("  the same after learning {:5.1} %", 100.0 * learned);
    assert!(plain < 0.6 && guessed < 0.5, "the task must not be easy: {plain}, {guessed}");
    assert!(of_means > 0.85, "zones of class means: {of_means}");
    assert!(learned > 0.9 && learned > of_means, "learned zones: {learned}");
    Ok(())
}

/// Measurements `[N, DIM]` and their labels: the first two directions tell the class, the others are loud and do not.
fn samples(random: &mut ChaCha8Rng) -> (Array2<f64>, Vec<usize>) {
    let labels: Vec<usize> = (0..TRAINING + TEST).map(|i| i % CLASSES).collect();
    let mut points = normal(random, labels.len(), DIM);
    for (mut point, label) in points.rows_mut().into_iter().zip(&labels) {
        let angle = std::f64::consts::TAU * (*label as f64) / CLASSES as f64;
        point[0] += 3.0 * angle.cos();
        point[1] += 3.0 * angle.sin();
        point.slice_mut(s![2..]).mapv_inplace(|x| 10.0 * x);
    }
    (points, labels)
}

/// The middle of every sample's zone: noise of zero, carried to the prior.
fn latents(points: &Array2<f64>) -> Result<Array2<f64>, LatentError> {
    let owners: Vec<usize> = (0..points.nrows()).collect();
    let noise = Array2::zeros(points.raw_dim());
    ZoneFlow::new(Solver::euler(40))?.to_latents(&Anchors::new(points.clone())?, &owners, noise.view())
}

/// Follows each latent to a label anchor.
fn classify(latents: ArrayView2<'_, f64>, label_anchors: &Array2<f64>) -> Result<Vec<usize>, LatentError> {
    let anchors = Anchors::new(label_anchors.clone())?;
    let flow = ZoneFlow::new(Solver::euler(40))?;
    nearest(flow.to_anchors(latents, &anchors, None)?.end_points.view(), &anchors)
}

/// Adam (Kingma and Ba, 2015) on the label anchors, with steps that shrink to nothing.
fn learn(latents: ArrayView2<'_, f64>, labels: &[usize], start: Array2<f64>) -> Result<Array2<f64>, LatentError> {
    let flow = ZoneFlow::new(Solver::euler(20))?;
    let mut anchors = start;
    let (mut mean, mut square) = (Array2::<f64>::zeros(anchors.raw_dim()), Array2::<f64>::zeros(anchors.raw_dim()));
    for update in 1..=UPDATES {
        let checked = Anchors::new(anchors.clone())?;
        let trace = flow.trace_anchors(latents, &checked, labels)?;
        // The first fifth of the way does not count: so near the prior every label is as likely as every other.
        let loss = alignment::probability_loss(trace.own_log_probs(), 0.2)?;
        let gradient = trace.vjp(None, Some(loss.gradient.view()))?.anchors;
        if update % 30 == 0 {
            println!("update {update:3}: alignment loss {:.4}", loss.value);
        }
        mean = 0.9 * mean + 0.1 * &gradient;
        square = 0.99 * square + 0.01 * &gradient * &gradient;
        let rate = 0.1 * (1.0 - update as f64 / UPDATES as f64);
        let step = |beta: f64| 1.0 - beta.powi(update as i32);
        anchors = anchors - rate / step(0.9) * &mean / (&square / step(0.99)).mapv(|x| x.sqrt() + 1e-8);
    }
    Ok(anchors)
}

fn normal(random: &mut ChaCha8Rng, rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_simple_fn((rows, columns), || random.sample(StandardNormal))
}

fn class_means(points: ArrayView2<'_, f64>, labels: &[usize]) -> Array2<f64> {
    let mut means = Array2::zeros((CLASSES, points.ncols()));
    let mut counts = [0.0; CLASSES];
    for (point, label) in points.rows().into_iter().zip(labels) {
        means.row_mut(*label).scaled_add(1.0, &point);
        counts[*label] += 1.0;
    }
    for (mut mean, count) in means.axis_iter_mut(Axis(0)).zip(counts) {
        mean /= count;
    }
    means
}

fn accuracy(decisions: &[usize], labels: &[usize]) -> f64 {
    decisions.iter().zip(labels).filter(|(decision, label)| decision == label).count() as f64 / labels.len() as f64
}
