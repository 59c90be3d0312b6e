//! Rows that are still in free flight are not evaluated: against a plain loop that evaluates all of them.

use lzn_latent::{Anchors, Solver};
use ndarray::{Array1, Array2, ArrayView1};

use crate::common::{distance, each, flow, normal};
use crate::converged::{clusters, duplicates};

const N: usize = 48;
const DIM: usize = 16;
const START: f64 = 1e-4;

/// Euler's rule in `t` for `x`, as published, everything evaluated at every step.
fn dense_euler(points: &Array2<f64>, weights: &Array1<f64>, noise: &Array2<f64>, steps: usize) -> Array2<f64> {
    let one = |i: usize| {
        let mut x = &points.row(i) * (1.0 - START) + &noise.row(i) * START;
        for k in 0..steps {
            let step = (1.0 - START) / steps as f64;
            let t = START + step * k as f64;
            let logit = |j: usize, a: ArrayView1<'_, f64>| {
                let apart = &x - &(&a * (1.0 - t));
                weights[j].ln() - apart.dot(&apart) / (2.0 * t * t)
            };
            let logits: Vec<f64> = points.rows().into_iter().enumerate().map(|(j, a)| logit(j, a)).collect();
            let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let w: Array1<f64> = logits.iter().map(|l| (l - most).exp()).collect();
            let mean = w.dot(points) / w.sum();
            x = &x + &((&x - &mean) * (step / t));
        }
        x
    };
    let rows: Vec<f64> = (0..noise.nrows()).flat_map(|i| one(i).to_vec()).collect();
    Array2::from_shape_vec(noise.raw_dim(), rows).unwrap()
}

#[test]
fn skipping_free_flight_changes_nothing_that_shows() {
    let weights = normal(560, 1, N).row(0).mapv(|x| (0.5 * x).exp());
    let noise = normal(561, N, DIM).mapv(|x| f64::from(x as f32));
    let sets =
        [normal(562, N, DIM), normal(562, N, DIM) * 5.0, clusters(563, N, DIM, 0.01), duplicates(565, N, DIM, 0.1)];
    let mut skipped = 0;
    for points in sets {
        let points = points.mapv(|x| f64::from(x as f32));
        let weights = weights.mapv(|x| f64::from(x as f32));
        let expected = dense_euler(&points, &weights, &noise, 20);
        let flow = flow(Solver::euler(20));
        let set = Anchors::new(points.clone()).unwrap().with_weights(weights.clone()).unwrap();
        let trace = flow.trace_latents(&set, &each(N), noise.view()).unwrap();
        skipped += 20 * N - trace.work().evaluations;
        // Rounding of the plain loop: near the anchors it loses eps / t^2 in the logits.
        let error = distance(&trace.latents().to_owned(), &expected);
        assert!(error < 1e-9, "double precision: {error:e}");
        let narrow = Anchors::new(points.mapv(|x| x as f32)).unwrap().with_weights(weights.mapv(|x| x as f32)).unwrap();
        let latents = flow.to_latents(&narrow, &each(N), noise.mapv(|x| x as f32).view()).unwrap();
        // Rounding of numbers of size 4, not what was skipped: its share is 1e-7.
        let error = distance(&latents.mapv(f64::from), &expected);
        assert!(error < 3e-6, "single precision: {error:e}");
    }
    assert!(skipped > 20 * N / 2, "only {skipped} of {} evaluations were skipped", 4 * 20 * N);
}

/// Beyond its start a row's others weigh less than the mass of the horizon, and at ten times the start nothing.
#[test]
fn rows_start_where_others_begin_to_count() {
    let (points, noise) = (normal(567, N, DIM), normal(568, N, DIM));
    let set = Anchors::new(points.clone()).unwrap();
    let starts = flow(Solver::default()).trace_latents(&set, &each(N), noise.view()).unwrap().starts();
    for (i, start) in starts.iter().enumerate() {
        let others = |tau: f64| -> f64 {
            let weight = |j: usize| {
                let b = &points.row(j) - &points.row(i);
                (tau * noise.row(i).dot(&b) - 0.5 * tau * tau * b.dot(&b)).exp()
            };
            (0..N).filter(|j| *j != i).map(weight).sum()
        };
        // Unless it begins at the merging clock of all, a tenth.
        assert!(others(start * 1.02) < 0.1 || *start <= starts.fold(0.0, |a, b| f64::max(a, *b)));
        assert!(others(10.0 * start) < 1e-12);
    }
}
