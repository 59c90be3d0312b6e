//! What a map that gives every zone its share of the Gaussian must satisfy, without knowing the map.

use lzn_latent::{Anchors, Solver, ZoneFlow};
use ndarray::{Array2, Axis};

use crate::common::{anchors, each, flow, normal};
use crate::converged::converged;

const DIM: usize = 4;
const N: usize = 12;

/// Determinant by elimination with pivots.
fn log_abs_det(mut m: Array2<f64>) -> f64 {
    let n = m.nrows();
    let mut log = 0.0;
    for k in 0..n {
        let pivot = (k..n).max_by(|a, b| m[[*a, k]].abs().total_cmp(&m[[*b, k]].abs())).unwrap();
        for c in 0..n {
            m.swap([k, c], [pivot, c]);
        }
        log += m[[k, k]].abs().ln();
        for r in k + 1..n {
            let factor = m[[r, k]] / m[[k, k]];
            for c in k..n {
                m[[r, c]] -= factor * m[[k, c]];
            }
        }
    }
    log
}

/// The Jacobians of all samples' latents in their noise, one row of each per pull.
fn jacobians(flow: &ZoneFlow, set: &Anchors<f64>, owners: &[usize], noise: &Array2<f64>) -> Vec<Array2<f64>> {
    let trace = flow.trace_latents(set, owners, noise.view()).unwrap();
    let mut all = vec![Array2::zeros((DIM, DIM)); owners.len()];
    for k in 0..DIM {
        let mut unit = Array2::zeros(noise.raw_dim());
        unit.column_mut(k).fill(1.0);
        let rows = trace.vjp(unit.view()).unwrap().noise;
        all.iter_mut().zip(rows.rows()).for_each(|(jacobian, row)| jacobian.row_mut(k).assign(&row));
    }
    all
}

/// `ln |det d latent / d noise| - (|latent|^2 - |noise|^2) / 2 - ln c_own`, 0 for the exact map.
fn residuals(flow: &ZoneFlow, set: &Anchors<f64>, log_shares: &[f64], noise: &Array2<f64>) -> Vec<f64> {
    let owners: Vec<usize> = (0..noise.nrows()).map(|i| i % set.len()).collect();
    let latents = flow.to_latents(set, &owners, noise.view()).unwrap();
    let half_square = |all: &Array2<f64>, i: usize| 0.5 * all.row(i).dot(&all.row(i));
    let jacobians = jacobians(flow, set, &owners, noise);
    let residual = |(i, jacobian): (usize, Array2<f64>)| {
        log_abs_det(jacobian) - half_square(&latents, i) + half_square(noise, i) - log_shares[owners[i]]
    };
    jacobians.into_iter().enumerate().map(residual).collect()
}

fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64).sqrt()
}

#[test]
fn densities_change_as_the_share_of_the_zone_demands() {
    let weights = normal(520, 1, N).row(0).mapv(|x| (0.5 * x).exp());
    let log_shares: Vec<f64> = weights.iter().map(|w| (w / weights.sum()).ln()).collect();
    let set = anchors(&normal(521, N, DIM)).with_weights(weights).unwrap();
    let noise = normal(522, 4 * N, DIM);
    let at = |flow: &ZoneFlow| rms(&residuals(flow, &set, &log_shares, &noise));
    // Second order, in the gradient too.
    let errors = [64, 128, 256].map(|n| at(&converged(n)));
    assert!(errors[0] > 3.0 * errors[1] && errors[1] > 3.0 * errors[2], "{errors:?}");
    assert!(errors[2] < 1e-3, "{errors:?}");
    let (published, ours) = (at(&flow(Solver::euler(20))), at(&flow(Solver::default())));
    assert!(ours < 0.5 * published && ours < 0.2, "{ours} and {published}");
}

#[test]
fn two_noises_of_one_anchor_come_no_farther_apart() {
    let (n, dim) = (40, 8);
    let set = anchors(&normal(523, n, dim));
    let (first, second) = (normal(524, n, dim), normal(525, n, dim));
    // Also noises that are near each other, where the map is as good as linear.
    for apart in [1.0, 1e-1, 1e-3] {
        let other = &first + &((&second - &first) * apart);
        for flow in [converged(64), flow(Solver::euler(200))] {
            let a = flow.to_latents(&set, &each(n), first.view()).unwrap();
            let b = flow.to_latents(&set, &each(n), other.view()).unwrap();
            for ((a, b), (e, f)) in a.rows().into_iter().zip(b.rows()).zip(first.rows().into_iter().zip(other.rows())) {
                let (after, before) = (&a - &b, &e - &f);
                let (after, before) = (after.dot(&after).sqrt(), before.dot(&before).sqrt());
                assert!(after <= before * (1.0 + 1e-4), "{before:e} became {after:e}");
            }
        }
    }
}

#[test]
fn jacobians_of_latents_do_not_amplify() {
    let set = anchors(&normal(526, N, DIM));
    for flow in [converged(64), flow(Solver::default()), flow(Solver::euler(100)), flow(Solver::dpm(100))] {
        for jacobian in jacobians(&flow, &set, &each(N), &normal(527, N, DIM)) {
            // The largest singular value, by powers of J'J.
            let mut v = normal(528, 1, DIM).row(0).to_owned();
            let square = jacobian.t().dot(&jacobian);
            let mut value = 0.0;
            for _ in 0..200 {
                v = square.dot(&v);
                value = v.dot(&v).sqrt();
                v /= value;
            }
            assert!(value.sqrt() < 1.0 + 1e-2, "singular value {}", value.sqrt());
        }
    }
}

#[test]
fn pooled_latents_of_our_solver_are_normal() {
    let (n, dim, draws) = (128, 16, 24);
    let set = anchors(&normal(529, n, dim));
    let owners: Vec<usize> = (0..n * draws).map(|i| i % n).collect();
    let samples = (n * draws) as f64;
    let latents = flow(Solver::default()).to_latents(&set, &owners, normal(530, n * draws, dim).view()).unwrap();
    let five_errors = 5.0 / samples.sqrt();
    assert!(latents.mean_axis(Axis(0)).unwrap().iter().all(|m| m.abs() < five_errors));
    let covariance = latents.t().dot(&latents) / samples;
    for ((i, j), c) in covariance.indexed_iter() {
        let (expected, spread) = if i == j { (1.0, 2_f64.sqrt()) } else { (0.0, 1.0) };
        assert!((c - expected).abs() < spread * five_errors, "covariance {i}, {j}: {c}");
    }
    // The mean square over all: four standard errors of it, and the solver's own 4e-3.
    let square = latents.mapv(|z| z * z).mean().unwrap();
    assert!((square - 1.0).abs() < 4.0 * (2.0 / (samples * dim as f64)).sqrt() + 4e-3, "{square}");
    // No direction is longer than chance allows: the edge of Marchenko and Pastur.
    let mut v = normal(531, 1, dim).row(0).to_owned();
    let mut largest = 0.0;
    for _ in 0..300 {
        v = covariance.dot(&v);
        largest = v.dot(&v).sqrt();
        v /= largest;
    }
    let edge = (1.0 + (dim as f64 / samples).sqrt()).powi(2);
    assert!(largest < edge + five_errors * 0.5, "{largest}, edge {edge}");
}
