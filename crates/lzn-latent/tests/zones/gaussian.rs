//! The latents of all anchors together are Gaussian, and each lies in its own zone.

use lzn_latent::{Solver, nearest};
use ndarray::Axis;

use crate::common::{anchors, each, flow, normal};

#[test]
fn latents_of_all_anchors_together_have_the_moments_of_the_normal_distribution() {
    let (n, dim, draws) = (128, 16, 16);
    let points = normal(20, n, dim);
    let owners: Vec<usize> = (0..n * draws).map(|i| i % n).collect();
    let latents =
        flow(Solver::euler(400)).to_latents(&anchors(&points), &owners, normal(21, n * draws, dim).view()).unwrap();
    let samples = (n * draws) as f64;
    let five_errors = 5.0 / samples.sqrt();
    let mean = latents.mean_axis(Axis(0)).unwrap();
    assert!(mean.iter().all(|m| m.abs() < five_errors), "{mean}");
    let covariance = latents.t().dot(&latents) / samples;
    for ((i, j), c) in covariance.indexed_iter() {
        let (expected, spread) = if i == j { (1.0, 2_f64.sqrt()) } else { (0.0, 1.0) };
        assert!((c - expected).abs() < spread * five_errors, "covariance {i}, {j}: {c}");
    }
    let (third, fourth) = (latents.mapv(|z| z.powi(3)).mean().unwrap(), latents.mapv(|z| z.powi(4)).mean().unwrap());
    let all = (samples * dim as f64).sqrt();
    assert!(third.abs() < 5.0 * 15_f64.sqrt() / all, "third moment {third}");
    assert!((fourth - 3.0).abs() < 5.0 * 96_f64.sqrt() / all, "fourth moment {fourth}");
}

#[test]
fn with_a_thousand_steps_the_way_back_leads_to_the_own_anchor() {
    let (n, dim) = (60, 32);
    for (scale, seed) in [(1.0, 22), (0.2, 23)] {
        let points = anchors(&(normal(seed, n, dim) * scale));
        let flow = flow(Solver::euler(1000));
        let latents = flow.to_latents(&points, &each(n), normal(24, n, dim).view()).unwrap();
        let assignment = flow.to_anchors(latents.view(), &points, Some(&each(n))).unwrap();
        assert_eq!(nearest(assignment.end_points.view(), &points).unwrap(), each(n), "scale {scale}");
        // And it is sure of it.
        assert!(assignment.own_log_probs.unwrap().row(999).iter().all(|log_prob| *log_prob > -1e-6));
    }
}

#[test]
fn noise_shrunk_to_nothing_gives_the_middle_of_the_zone() {
    // Two equal zones of a line: the middles are the quartiles of the normal distribution.
    let pair = anchors(&ndarray::array![[-1.0], [1.0]]);
    let latents = flow(Solver::euler(4000)).to_latents(&pair, &[0, 1], ndarray::array![[0.0], [0.0]].view()).unwrap();
    let quartile = crate::common::normal_quantile(0.75);
    assert!((latents[[1, 0]] - quartile).abs() < 1e-3 && (latents[[0, 0]] + quartile).abs() < 1e-3);
}
