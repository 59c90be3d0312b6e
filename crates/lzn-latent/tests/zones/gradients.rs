//! Hand-derived gradients against differences, and against what they must satisfy.

use lzn_latent::{Anchors, Solver, alignment};
use ndarray::{Array1, Array2, Axis};

use crate::common::{anchors, each, flow, normal, solvers, stream};

/// Everything that a flow depends on.
#[derive(Clone)]
struct Inputs {
    anchors: Array2<f64>,
    points: Array2<f64>,
    log_weights: Array1<f64>,
}

impl Inputs {
    fn new(seed: u64, anchors: usize, batch: usize, dim: usize) -> Self {
        let log_weights = Array1::from_vec(stream(seed + 100).normals_f64(anchors)) * 0.5;
        Self { anchors: normal(seed, anchors, dim), points: normal(seed + 1, batch, dim), log_weights }
    }

    fn moved(&self, direction: &Self, step: f64) -> Self {
        Self {
            anchors: &self.anchors + &(&direction.anchors * step),
            points: &self.points + &(&direction.points * step),
            log_weights: &self.log_weights + &(&direction.log_weights * step),
        }
    }

    fn set(&self) -> Anchors<f64> {
        anchors(&self.anchors).with_weights(self.log_weights.mapv(f64::exp)).unwrap()
    }

    /// Inner product over all three.
    fn dot(&self, anchors: &Array2<f64>, points: &Array2<f64>, log_weights: &Array1<f64>) -> f64 {
        (&self.anchors * anchors).sum() + (&self.points * points).sum() + self.log_weights.dot(log_weights)
    }
}

/// Central differences of fourth order along `direction`, at the step that fits best: the flow bends within 1 / tau, and
/// rounding forbids tiny steps.
fn error_against_differences(along: f64, value: impl Fn(f64) -> f64) -> f64 {
    let difference = |h: f64| (8.0 * (value(h) - value(-h)) - (value(2.0 * h) - value(-2.0 * h))) / (12.0 * h);
    let errors = [1e-3, 1e-4, 1e-5].map(|h| (difference(h) - along).abs() / along.abs().max(1.0));
    errors.into_iter().fold(f64::INFINITY, f64::min)
}

#[test]
fn gradients_of_latents_match_differences_in_anchors_noise_and_log_weights() {
    let owners = [0, 3, 3, 1, 6, 2, 5, 4, 0];
    for (seed, solver) in (200..).zip(solvers()) {
        let flow = flow(solver);
        let (inputs, direction) = (Inputs::new(seed, 7, 9, 3), Inputs::new(seed + 10, 7, 9, 3));
        let cotangent = normal(seed + 20, 9, 3);
        let set = inputs.set();
        let gradients = flow.trace_latents(&set, &owners, inputs.points.view()).unwrap().vjp(cotangent.view()).unwrap();
        let along = direction.dot(&gradients.anchors, &gradients.noise, &gradients.log_weights);
        let value = |h: f64| {
            let moved = inputs.moved(&direction, h);
            (flow.to_latents(&moved.set(), &owners, moved.points.view()).unwrap() * &cotangent).sum()
        };
        let error = error_against_differences(along, value);
        assert!(error < 1e-8, "{solver:?}: {error:e}");
    }
}

#[test]
fn gradients_of_assignments_match_differences_in_latents_anchors_and_log_weights() {
    let owners = [0, 3, 3, 1, 4, 2, 5, 4];
    for (seed, solver) in (300..).zip(solvers()) {
        let flow = flow(solver);
        let (inputs, direction) = (Inputs::new(seed, 6, 8, 3), Inputs::new(seed + 10, 6, 8, 3));
        let cotangent = normal(seed + 20, 8, 3);
        let record = normal(seed + 30, solver.steps(), 8);
        let set = inputs.set();
        let trace = flow.trace_anchors(inputs.points.view(), &set, &owners).unwrap();
        let gradients = trace.vjp(Some(cotangent.view()), Some(record.view())).unwrap();
        let along = direction.dot(&gradients.anchors, &gradients.latents, &gradients.log_weights);
        let value = |h: f64| {
            let moved = inputs.moved(&direction, h);
            let assignment = flow.to_anchors(moved.points.view(), &moved.set(), Some(&owners)).unwrap();
            (assignment.end_points * &cotangent).sum() + (assignment.own_log_probs.unwrap() * &record).sum()
        };
        let error = error_against_differences(along, value);
        assert!(error < 1e-7, "{solver:?}: {error:e}");
    }
}

#[test]
fn gradients_of_the_alignment_losses_match_differences() {
    let log_probs = normal(50, 6, 5).mapv(|x| -x.abs());
    let direction = normal(51, 6, 5);
    for loss in [alignment::probability_loss::<f64>, alignment::log_loss::<f64>] {
        for cut_off in [0.0, 0.4, 0.9] {
            let along = (&loss(log_probs.view(), cut_off).unwrap().gradient * &direction).sum();
            let value = |h: f64| loss((&log_probs + &(&direction * h)).view(), cut_off).unwrap().value;
            assert!(error_against_differences(along, value) < 1e-9);
        }
    }
}

#[test]
fn vjps_add_up_and_a_pair_of_traces_composes() {
    let (first, second, noise) = (anchors(&normal(52, 5, 4)), anchors(&normal(53, 5, 4)), normal(54, 5, 4));
    let flow = flow(Solver::dpm(10));
    let trace = flow.trace_latents(&first, &each(5), noise.view()).unwrap();
    let aligned = flow.trace_anchors(trace.latents(), &second, &each(5)).unwrap();
    let loss = alignment::log_loss(aligned.own_log_probs(), 0.2).unwrap();
    let through = aligned.vjp(None, Some(loss.gradient.view())).unwrap();
    let gradient = trace.vjp(through.latents.view()).unwrap().anchors;
    let direction = normal(55, 5, 4);
    let value = |h: f64| {
        let moved = anchors(&(first.points().to_owned() + &(&direction * h)));
        let latents = flow.to_latents(&moved, &each(5), noise.view()).unwrap();
        let own = flow.to_anchors(latents.view(), &second, Some(&each(5))).unwrap().own_log_probs.unwrap();
        alignment::log_loss(own.view(), 0.2).unwrap().value
    };
    let error = error_against_differences((&gradient * &direction).sum(), value);
    assert!(error < 1e-8, "{error:e}");
}

#[test]
fn samples_without_a_cotangent_at_a_step_change_nothing() {
    let (batch, owners): (usize, Vec<usize>) = (40, (0..40).map(|row| row % 6).collect());
    for (seed, solver) in (400..).zip(solvers()) {
        let (flow, inputs) = (flow(solver), Inputs::new(seed, 6, batch, 3));
        let trace = flow.trace_anchors(inputs.points.view(), &inputs.set(), &owners).unwrap();
        let all = normal(seed + 10, trace.own_log_probs().nrows(), batch);
        // One step of each sample, as the alignment losses have it, and all the others.
        let mut best = Array2::zeros(all.raw_dim());
        (0..batch).for_each(|row| best[[7 * row % all.nrows(), row]] = all[[7 * row % all.nrows(), row]]);
        let rest = &all - &best;
        let [all, best, rest] = [all, best, rest].map(|record| trace.vjp(None, Some(record.view())).unwrap());
        for (all, one, other) in [
            (&all.latents, &best.latents, &rest.latents),
            (&all.anchors, &best.anchors, &rest.anchors),
            (
                &all.log_weights.insert_axis(Axis(1)),
                &best.log_weights.insert_axis(Axis(1)),
                &rest.log_weights.insert_axis(Axis(1)),
            ),
        ] {
            let (size, error) = (largest(all), largest(&(all - one - other)));
            assert!(size > 0.1 && error < 1e-11 * size, "{solver:?}: {error:e} of {size}");
        }
    }
}

fn largest(matrix: &Array2<f64>) -> f64 {
    matrix.iter().fold(0.0, |most, x| x.abs().max(most))
}

/// Moving all anchors changes no latent, and scaling them changes none of the exact flow.
#[test]
fn gradients_of_anchors_sum_to_zero_and_stand_upright_on_the_anchors() {
    let (points, noise) = (normal(56, 30, 6), normal(57, 30, 6));
    let set = anchors(&points);
    let flow = flow(Solver::euler(2000));
    let gradient =
        flow.trace_latents(&set, &each(30), noise.view()).unwrap().vjp(normal(58, 30, 6).view()).unwrap().anchors;
    let size = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    assert!(gradient.sum_axis(ndarray::Axis(0)).iter().all(|sum| sum.abs() < 1e-10 * size));
    // Scaling is exact in the limit of many steps only.
    let radial = (&gradient * &points).sum() / (size * points.iter().map(|x| x * x).sum::<f64>().sqrt());
    assert!(radial.abs() < 1e-3, "{radial:e}");
}
