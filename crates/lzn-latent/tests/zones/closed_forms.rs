//! Cases whose exact solution is known.

use lzn_latent::{Anchors, Solver};
use ndarray::{Array1, Array2, array};

use crate::common::{anchors, distance, flow, normal, normal_cdf, normal_quantile, solvers, stream};

#[test]
fn a_single_anchor_gives_back_the_noise_to_the_last_bit() {
    let noise = normal(1, 5, 4);
    let alone = anchors(&normal(2, 1, 4));
    for steps in [1, 3, 50] {
        let latents = flow(Solver::euler(steps)).to_latents(&alone, &[0; 5], noise.view()).unwrap();
        assert_eq!(latents, noise);
    }
}

#[test]
fn a_single_anchor_is_where_every_latent_ends() {
    let point = normal(3, 1, 4);
    let latents = normal(4, 6, 4);
    let assignment = flow(Solver::euler(10)).to_anchors(latents.view(), &anchors(&point), Some(&[0; 6])).unwrap();
    assert!(
        assignment.end_points.rows().into_iter().all(|row| distance(&row.to_owned(), &point.row(0).to_owned()) < 1e-14)
    );
    // It is alone at every step: probability one.
    assert!(assignment.own_log_probs.unwrap().iter().all(|log_prob| *log_prob == 0.0));
}

/// Theorem 1 of the paper: start the flow of the anchors -1, +1 at distance g from the data; the noise carries a sample over
/// to the other zone with probability Phi((g - 1) / g). By symmetry the border of the zones is the origin, and the sample
/// starts at x = (1 - g) a + g e, so it is wrong exactly when g e < -(1 - g).
#[test]
fn two_anchors_on_a_line_are_confused_as_often_as_theorem_1_says() {
    let pair = Anchors::new(array![[-1.0], [1.0]]).unwrap();
    let samples = 20_000;
    let noise = normal(5, samples, 1);
    for gap in [0.9, 0.6, 0.4] {
        let flow = flow(Solver::Euler { steps: 200, start: gap });
        let latents = flow.to_latents(&pair, &vec![1; samples], noise.view()).unwrap();
        let wrong = latents.iter().filter(|z| **z < 0.0).count() as f64 / samples as f64;
        let expected = normal_cdf((gap - 1.0) / gap);
        let standard_error = (expected * (1.0 - expected) / samples as f64).sqrt();
        assert!((wrong - expected).abs() < 4.0 * standard_error, "gap {gap}: {wrong} against {expected}");
        // Not only as often: exactly these.
        for (z, e) in latents.iter().zip(&noise) {
            let start = (1.0 - gap) + gap * e;
            assert_eq!(*z < 0.0, start < 0.0, "noise {e}");
        }
    }
}

/// In one dimension the flow is the monotone map that gives each anchor its share of the probability, in order:
/// latent = Phi^-1(sum of the shares to the left + own share * Phi(noise)).
#[test]
fn on_a_line_latents_are_quantiles_whatever_the_places_and_weights() {
    let places = array![[-2.0], [-0.3], [0.1], [3.0]];
    let weights = array![0.4, 0.1, 0.3, 0.2];
    let line = Anchors::new(places).unwrap().with_weights(weights.clone()).unwrap();
    let noise: Array2<f64> = array![[-1.3], [0.0], [0.7], [2.0]];
    // Second order: four times the steps, a sixteenth of the error.
    let mut last = f64::INFINITY;
    for steps in [500, 2000, 8000] {
        let flow = flow(Solver::DpmSolver { steps, order: 2, start: 1e-3, end: 1e-9 });
        let mut worst: f64 = 0.0;
        for own in 0..4 {
            let latents = flow.to_latents(&line, &[own; 4], noise.view()).unwrap();
            let left: f64 = weights.iter().take(own).sum();
            for (z, e) in latents.iter().zip(&noise) {
                worst = worst.max((z - normal_quantile(left + weights[own] * normal_cdf(*e))).abs());
            }
        }
        assert!(worst < last / 12.0, "{steps} steps: {worst:e} after {last:e}");
        last = worst;
    }
    assert!(last < 1e-5, "{last:e}");
}

/// The corners of a cube are products of pairs, so every coordinate is the flow of two anchors on a line.
#[test]
fn on_the_corners_of_a_cube_every_coordinate_is_its_own_line() {
    let dim = 5;
    let corners = Array2::from_shape_fn((1 << dim, dim), |(j, k)| if j >> k & 1 == 1 { 1.0 } else { -1.0 });
    let noise = normal(6, 1 << dim, dim);
    let owners: Vec<usize> = (0..1 << dim).collect();
    let latents = flow(Solver::euler(4000)).to_latents(&anchors(&corners), &owners, noise.view()).unwrap();
    let expected = Array2::from_shape_fn(latents.raw_dim(), |(i, k)| {
        let left = if corners[[i, k]] > 0.0 { 0.5 } else { 0.0 };
        normal_quantile(left + 0.5 * normal_cdf(noise[[i, k]]))
    });
    assert!(distance(&latents, &expected) < 2e-3, "{:e}", distance(&latents, &expected));
    // And without any error of the solver: the same as one pair on a line with the same steps.
    let pair = Anchors::new(array![[-1.0], [1.0]]).unwrap();
    for solver in solvers() {
        let latents = flow(solver).to_latents(&anchors(&corners), &owners, noise.view()).unwrap();
        for k in 0..dim {
            let sides: Vec<usize> = (0..1 << dim).map(|j| j >> k & 1).collect();
            let alone =
                flow(solver).to_latents(&pair, &sides, noise.column(k).to_owned().insert_axis(ndarray::Axis(1)).view());
            assert!(distance(&latents.column(k).to_owned(), &alone.unwrap().column(0).to_owned()) < 1e-11);
        }
    }
}

#[test]
fn what_is_orthogonal_to_all_anchors_stays_as_it_was() {
    let mut points = normal(7, 6, 5);
    points.column_mut(3).fill(0.7);
    let noise = normal(8, 6, 5);
    let latents = flow(Solver::euler(30)).to_latents(&anchors(&points), &[0, 1, 2, 3, 4, 5], noise.view()).unwrap();
    assert!(distance(&latents.column(3).to_owned(), &noise.column(3).to_owned()) < 1e-12);
    assert!(distance(&latents, &noise) > 0.1);
}

#[test]
fn at_the_prior_every_anchor_has_its_share() {
    let weights: Array1<f64> = (0..7).map(|_| stream(9).uniform() + 0.1).collect();
    let total = weights.sum();
    let set = anchors(&normal(10, 7, 3)).with_weights(weights.clone()).unwrap();
    let log_probs = flow(Solver::euler(5)).all_log_probs(normal(11, 4, 3).view(), &set).unwrap();
    for row in log_probs.index_axis(ndarray::Axis(0), 0).rows() {
        assert!(row.iter().zip(&weights).all(|(log_prob, w)| (log_prob.exp() - w / total).abs() < 1e-15));
    }
}
