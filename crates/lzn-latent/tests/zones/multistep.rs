//! Our solver where the exact solution is known.
//!
//! It has three errors. Its steps are of second order. The first step takes zero for the rate before, which adds half a step of
//! the rate at the start: first order, but that rate is small. And it starts where the other zones together weigh a part (a fifth at six evaluations) of the
//! own one, so that it misses what the path has moved by then: with `e^l` the relative weight of a rival at the start `T`, at
//! most `sqrt(D) e^l / (D T - s)` for each (a tail of the Gaussian), whatever the number of evaluations. The flow contracts,
//! so none grows on the way.

use lzn_latent::{Anchors, Solver, ZoneFlow};
use ndarray::{Array1, Array2, array};

use crate::common::{anchors, distance, each, flow, normal, normal_cdf, normal_quantile};
use crate::converged::{Converged, converged};

/// Four anchors on a line, shares, and their exact latents for `noise`.
struct Line {
    set: Anchors<f64>,
    owners: Vec<usize>,
    noise: Array2<f64>,
    exact: Array2<f64>,
}

/// Anchors on a line through `origin` along `direction` (a unit vector), in order.
fn line(origin: &Array1<f64>, direction: &Array1<f64>, across: bool) -> Line {
    let places = [-2.0, -0.3, 0.1, 3.0];
    let weights = array![0.4, 0.1, 0.3, 0.2];
    let dim = origin.len();
    let points = Array2::from_shape_fn((4, dim), |(j, k)| origin[k] + places[j] * direction[k]);
    let set = anchors(&points).with_weights(weights.clone()).unwrap();
    let draws = [-1.3, 0.0, 0.7, 2.0];
    let owners: Vec<usize> = (0..16).map(|i| i / 4).collect();
    let aside = normal(500, 16, dim);
    let (mut noise, mut exact) = (Array2::zeros((16, dim)), Array2::zeros((16, dim)));
    for (i, own) in owners.iter().enumerate() {
        let e: f64 = draws[i % 4];
        let left: f64 = weights.iter().take(*own).sum();
        let z = normal_quantile(left + weights[*own] * normal_cdf(e));
        let mut rest = aside.row(i).to_owned();
        let along = rest.dot(direction);
        rest.scaled_add(-along, direction);
        let rest = if across { rest } else { Array1::zeros(dim) };
        noise.row_mut(i).assign(&(&rest + &(direction * e)));
        exact.row_mut(i).assign(&(&rest + &(direction * z)));
    }
    Line { set, owners, noise, exact }
}

impl Line {
    fn errors(&self, flow: &ZoneFlow) -> Array2<f64> {
        flow.to_latents(&self.set, &self.owners, self.noise.view()).unwrap() - &self.exact
    }
}

fn largest(errors: &Array2<f64>) -> f64 {
    errors.iter().fold(0.0, |most, e| most.max(e.abs()))
}

#[test]
fn on_a_line_latents_are_quantiles_with_second_order() {
    let one = line(&array![0.0], &array![1.0], false);
    let mut direction = normal(501, 1, 5).row(0).to_owned();
    direction /= direction.dot(&direction).sqrt();
    let in_space = line(&normal(502, 1, 5).row(0).to_owned(), &direction, true);
    for line in [one, in_space] {
        let errors = [128, 256, 512].map(|n| largest(&line.errors(&converged(n))));
        assert!(errors[0] > 3.0 * errors[1] && errors[1] > 3.0 * errors[2], "{errors:?}");
        assert!(errors[2] < 2e-4, "{errors:?}");
    }
}

/// What a path moves before the clock at which the others together weigh `mass`, at most, with the noise frozen.
fn missed(line: &Line, mass: f64) -> Vec<f64> {
    let log_weights = line.set.log_weights().unwrap();
    let of = |i: usize| {
        let own = line.owners[i];
        let rivals: Vec<[f64; 3]> = (0..line.set.len())
            .filter(|&j| j != own)
            .map(|j| {
                let b = &line.set.points().row(j) - &line.set.points().row(own);
                [b.dot(&b), line.noise.row(i).dot(&b), log_weights[j] - log_weights[own]]
            })
            .collect();
        let weight = |tau: f64, [d, s, share]: &[f64; 3]| (tau * s - 0.5 * tau * tau * d + share).exp();
        let mut tau = 1e3;
        while rivals.iter().map(|rival| weight(tau, rival)).sum::<f64>() < mass {
            tau *= 0.999;
        }
        rivals.iter().map(|rival| rival[0].sqrt() * weight(tau, rival) / (tau * rival[0] - rival[1])).sum()
    };
    (0..line.owners.len()).map(of).collect()
}

#[test]
fn with_many_evaluations_only_what_lies_before_the_start_is_missed() {
    let line = line(&array![0.0], &array![1.0], false);
    // Our solver's weight at the start where there are many evaluations.
    let missed = missed(&line, 0.1);
    for (error, missed) in line.errors(&flow(Solver::multistep(512))).iter().zip(&missed) {
        // A row that catches up starts earlier, but leaves its far anchors out until they weigh as much, so as much again.
        assert!(error.abs() < 2.0 * missed + 2e-4, "{error:e}, at most {missed:e} missed");
    }
}

#[test]
fn the_default_is_near_the_quantiles() {
    let line = line(&array![0.0], &array![1.0], false);
    let errors = line.errors(&flow(Solver::default()));
    // A line is the hardest case: all that the start leaves out, up to 0.05, lies in one dimension.
    assert!(largest(&errors) < 0.08, "{errors}");
}

/// The corners of a cube are products of pairs: every coordinate is Phi^-1(half [a = +1] + half Phi(e)).
#[test]
fn on_the_corners_of_a_cube_every_coordinate_is_its_own_quantile() {
    let dim = 5;
    let n = 1 << dim;
    let corners = Array2::from_shape_fn((n, dim), |(j, k)| if j >> k & 1 == 1 { 1.0 } else { -1.0 });
    let noise = normal(503, n, dim);
    let exact = Array2::from_shape_fn((n, dim), |(i, k)| {
        let left = if corners[[i, k]] > 0.0 { 0.5 } else { 0.0 };
        normal_quantile(left + 0.5 * normal_cdf(noise[[i, k]]))
    });
    let run = |flow: ZoneFlow| flow.to_latents(&anchors(&corners), &each(n), noise.view()).unwrap();
    let errors = [128, 256, 512].map(|evaluations| distance(&run(converged(evaluations)), &exact));
    assert!(errors[0] > 3.0 * errors[1] && errors[1] > 3.0 * errors[2] && errors[2] < 2e-4, "{errors:?}");
    let difference = run(flow(Solver::multistep(8))) - &exact;
    let rms = (difference.mapv(|e| e * e).mean().unwrap()).sqrt();
    assert!(rms < 0.02, "{rms:e}");
}

#[test]
fn steps_are_of_second_order_where_the_start_has_no_weight() {
    let (points, noise) = (anchors(&normal(504, 9, 3)), normal(505, 9, 3));
    // With the mass of the default, the errors of the first steps remain: of first order, but for two kinds of rows.
    for (mass, expected, tolerance) in [(0.1, 1.0, 0.5), (1e-7, 2.0, 0.25)] {
        let run = |evaluations| {
            let flow = ZoneFlow::new(Converged { evaluations, mass }).unwrap();
            flow.to_latents(&points, &each(9), noise.view()).unwrap()
        };
        let exact = run(4096);
        let order = (distance(&run(128), &exact) / distance(&run(256), &exact)).log2();
        assert!((order - expected).abs() < tolerance, "mass {mass}: order {order}");
    }
}

#[test]
fn both_published_solvers_and_ours_have_the_same_limit() {
    let (points, noise) = (anchors(&normal(506, 8, 3)), normal(507, 8, 3));
    let run = |flow: ZoneFlow| flow.to_latents(&points, &each(8), noise.view()).unwrap();
    let published = run(flow(Solver::DpmSolver { steps: 20_000, order: 2, start: 1e-3, end: 1e-6 }));
    let error = distance(&run(converged(1024)), &published);
    assert!(error < 2e-5, "{error:e}");
}

/// While their order holds, the places of anchors on a line do not matter: neither do they to a gradient.
#[test]
fn gradients_of_anchors_vanish_along_their_line() {
    let mut direction = normal(504, 1, 5).row(0).to_owned();
    direction /= direction.dot(&direction).sqrt();
    let line = line(&normal(505, 1, 5).row(0).to_owned(), &direction, true);
    let cotangent = normal(506, 16, 5);
    let along = |evaluations| {
        let trace = converged(evaluations).trace_latents(&line.set, &line.owners, line.noise.view()).unwrap();
        let gradient = trace.vjp(cotangent.view()).unwrap().anchors;
        largest(&gradient.dot(&direction).insert_axis(ndarray::Axis(1)))
    };
    let errors = [64, 128, 256].map(along);
    assert!(errors[0] > 3.0 * errors[1] && errors[1] > 3.0 * errors[2], "{errors:?}");
    assert!(errors[2] < 1e-3, "{errors:?}");
}
