//! Very many anchors, approximated by a sample: error, limits, weights, gradients.

use lzn_latent::{Anchors, Sampling, Solver, ZoneFlow, nearest};
use ndarray::{Array1, Array2, Axis, s};

use crate::common::{anchors, distance, each, flow, normal, relative_error};

const ALL: usize = 4096;

fn rms(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    ((a - b).mapv(|x| x * x).sum() / a.len() as f64).sqrt()
}

fn sampling(count: usize, neighbours: usize) -> Sampling {
    Sampling { count, neighbours, seed: 5 }
}

fn spread_out(rows: usize) -> Vec<usize> {
    (0..rows).map(|i| (i * 397 + 11) % ALL).collect()
}

#[test]
fn the_error_is_as_stated_and_falls_with_the_sample_and_the_neighbours() {
    let (rows, dim) = (96, 64);
    let all = anchors(&normal(300, ALL, dim));
    let (owners, noise) = (spread_out(rows), normal(301, rows, dim));
    let flow = ZoneFlow::default();
    let exact = flow.to_latents(&all, &owners, noise.view()).unwrap();
    let error = |count, neighbours| {
        let latents = all.sampled(sampling(count, neighbours)).unwrap().to_latents(&flow, &owners, noise.view());
        rms(&latents.unwrap(), &exact)
    };
    let (few, more, alone) = (error(256, 32), error(1024, 32), error(256, 0));
    assert!(few < 5e-2 && more < 2e-2, "{few} {more}");
    assert!(more < 0.7 * few, "four times as many: {few} {more}");
    assert!(few < 0.6 * alone, "with neighbours {few}, without {alone}");
}

#[test]
fn the_estimate_is_the_error_on_the_rows_given() {
    let (rows, dim) = (40, 64);
    let all = anchors(&normal(302, ALL, dim));
    let (owners, noise) = (spread_out(rows), normal(303, rows, dim));
    let flow = ZoneFlow::default();
    let sampled = all.sampled(sampling(128, 4)).unwrap();
    let estimate = sampled.estimate_error(&flow, &owners, noise.view()).unwrap();
    let latents = sampled.to_latents(&flow, &owners, noise.view()).unwrap();
    let expected = rms(&latents, &flow.to_latents(&all, &owners, noise.view()).unwrap());
    assert!((estimate.rms - expected).abs() < 1e-15);
    // One pass, and at most 128 + 40 (1 + 4) of 4,096 anchors beside it, once more for the start.
    assert!(estimate.share > 1.0 / 19.0 && estimate.share < 1.0 / 19.0 + 1.3 * 328.0 / 4096.0, "{}", estimate.share);
    let none = sampled.estimate_error(&flow, &[], Array2::zeros((0, dim)).view()).unwrap();
    assert_eq!((none.rms, none.share), (0.0, 1.0));
}

#[test]
fn a_sample_of_all_is_exact() {
    let (n, dim) = (200, 6);
    let weights = Array1::from_shape_fn(n, |j| if j == 7 { 0.0 } else { 1.0 + (j % 3) as f64 });
    let all = anchors(&normal(304, n, dim)).with_weights(weights).unwrap();
    let (owners, noise) = (vec![0, 5, 199, 5], normal(305, 4, dim));
    let flow = ZoneFlow::default();
    // The anchor of weight zero is not needed.
    let sampled = all.sampled(sampling(n - 1, 3)).unwrap();
    assert!(!sampled.sample().contains(&7) && sampled.sample().len() == n - 1);
    let (trace, exact) = (
        sampled.trace_latents(&flow, &owners, noise.view()).unwrap(),
        flow.trace_latents(&all, &owners, noise.view()).unwrap(),
    );
    assert_eq!((trace.latents(), trace.share()), (exact.latents(), 1.0));
    let cotangent = normal(306, 4, dim);
    assert_eq!(trace.vjp(cotangent.view()).unwrap(), exact.vjp(cotangent.view()).unwrap());
    let back = sampled.to_anchors(&flow, trace.latents(), Some(&owners)).unwrap();
    assert_eq!(back, flow.to_anchors(trace.latents(), &all, Some(&owners)).unwrap());
}

#[test]
fn neighbours_of_all_are_exact_to_rounding() {
    let (n, dim) = (150, 6);
    let all = anchors(&normal(307, n, dim));
    let (owners, noise) = (each(70), normal(308, 70, dim));
    for solver in [Solver::default(), Solver::euler(12)] {
        let flow = flow(solver);
        let exact = flow.to_latents(&all, &owners, noise.view()).unwrap();
        // Every sampled anchor is a neighbour too, and the groups are computed with all.
        let latents = all.sampled(sampling(5, n)).unwrap().to_latents(&flow, &owners, noise.view()).unwrap();
        assert!(distance(&latents, &exact) < 1e-11);
        // Owners alone leave nobody to stand for the rest.
        let sampled = all.sampled(sampling(1, 0)).unwrap();
        let owners = vec![sampled.sample()[0]];
        let latents = sampled.to_latents(&flow, &owners, noise.slice(s![..1, ..])).unwrap();
        let exact = flow.to_latents(&all, &owners, noise.slice(s![..1, ..])).unwrap();
        assert!(distance(&latents, &exact) < 1e-11);
    }
}

#[test]
fn duplicates_of_the_own_anchor_are_seen_whether_sampled_or_not() {
    let (rows, dim) = (48, 32);
    let mut points = normal(309, ALL, dim);
    let shift = 0.05 / (dim as f64).sqrt();
    let (originals, mut copies) = points.view_mut().split_at(Axis(0), ALL / 2);
    copies.assign(&(&originals + shift));
    let all = anchors(&points);
    let sampled = all.sampled(sampling(512, 32)).unwrap();
    let alone = |own: &usize| !sampled.sample().contains(own) && !sampled.sample().contains(&(own + ALL / 2));
    let owners: Vec<usize> = (0..ALL / 2).filter(alone).take(rows).collect();
    let noise = normal(310, rows, dim);
    let flow = ZoneFlow::default();
    let latents = sampled.to_latents(&flow, &owners, noise.view()).unwrap();
    let exact = flow.to_latents(&all, &owners, noise.view()).unwrap();
    // Along the line between original and copy the border of their zones decides.
    let along = |latents: &Array2<f64>| latents.sum_axis(Axis(1)) / (dim as f64).sqrt();
    let off = along(&latents) - along(&exact);
    assert!(off.iter().all(|x| x.abs() < 0.3), "{off}");
    assert!(rms(&latents, &exact) < 6e-2, "{}", rms(&latents, &exact));
    let moved = rms(
        &exact,
        &flow.to_latents(&anchors(&points.slice(s![..ALL / 2, ..]).to_owned()), &owners, noise.view()).unwrap(),
    );
    assert!(moved > 2.0 * rms(&latents, &exact), "the copies matter: {moved}");
}

#[test]
fn weights_count_as_copies_do() {
    let (rows, dim) = (32, 32);
    let points = normal(311, ALL, dim);
    let weights = Array1::from_shape_fn(ALL, |j| [0.5, 1.0, 4.0][j % 3]);
    let all = anchors(&points).with_weights(weights.clone()).unwrap();
    let (owners, noise) = (spread_out(rows), normal(312, rows, dim));
    let flow = ZoneFlow::default();
    let exact = flow.to_latents(&all, &owners, noise.view()).unwrap();
    let error = |all: &Anchors<f64>| {
        let latents = all.sampled(sampling(512, 32)).unwrap().to_latents(&flow, &owners, noise.view()).unwrap();
        rms(&latents, &exact)
    };
    let (weighted, ignored) = (error(&all), error(&anchors(&points)));
    assert!(weighted < 5e-2 && ignored > 1.4 * weighted, "{weighted} {ignored}");
    // A common factor is nothing.
    let scaled = anchors(&points).with_weights(weights * 1000.0).unwrap();
    assert!((error(&scaled) - weighted).abs() < 1e-9);
}

#[test]
fn gradients_are_those_of_the_approximation() {
    // With a grid that does not depend on the anchors, and in double precision, differences of values are exact enough. All anchors
    // are neighbours but those that differ by far, so that the choice of neighbours does not change under small steps.
    let (n, dim, rows) = (120, 3, 70);
    let points = normal(313, n, dim);
    let weights = Array1::from_shape_fn(n, |j| 1.0 + 0.5 * (j as f64).sin());
    let (owners, noise) = ((0..rows).map(|i| i % 10).collect::<Vec<_>>(), normal(314, rows, dim));
    let cotangent = normal(315, rows, dim);
    let flow = flow(Solver::Euler { steps: 12, start: 0.1 });
    let sampled = |points: &Array2<f64>, log_weights: &Array1<f64>| {
        anchors(points).with_weights(&weights * &log_weights.mapv(f64::exp)).unwrap().sampled(sampling(40, 0)).unwrap()
    };
    let value = |points: &Array2<f64>, log_weights: &Array1<f64>, noise: &Array2<f64>| {
        (&sampled(points, log_weights).to_latents(&flow, &owners, noise.view()).unwrap() * &cotangent).sum()
    };
    let zero = Array1::zeros(n);
    let trace = sampled(&points, &zero).trace_latents(&flow, &owners, noise.view()).unwrap();
    let gradients = trace.vjp(cotangent.view()).unwrap();
    let (a, w, e) = (normal(316, n, dim), normal(317, 1, n).row(0).to_owned(), normal(318, rows, dim));
    let h = 1e-6;
    let at = |h: f64| value(&(&points + &(&a * h)), &(&w * h), &(&noise + &(&e * h)));
    let difference = (at(h) - at(-h)) / (2.0 * h);
    let product = (&gradients.anchors * &a).sum() + (&gradients.log_weights * &w).sum() + (&gradients.noise * &e).sum();
    assert!((difference - product).abs() < 1e-6 * product.abs().max(1.0), "{difference} {product}");
    // A common factor of all weights changes nothing, nor does moving all anchors.
    assert!(gradients.log_weights.sum().abs() < 1e-10);
    let idle = (0..n).find(|j| *j >= 10 && !trace_sample(&points, *j)).unwrap();
    assert!(gradients.anchors.row(idle).iter().all(|g| *g == 0.0) && gradients.log_weights[idle] != 0.0);
}

/// Whether anchor `j` is in the sample of [`gradients_are_those_of_the_approximation`].
fn trace_sample(points: &Array2<f64>, j: usize) -> bool {
    anchors(points).sampled(sampling(40, 0)).unwrap().sample().contains(&j)
}

#[test]
fn gradients_come_near_those_of_the_exact_flow() {
    let (rows, dim) = (64, 64);
    let all = anchors(&normal(319, ALL, dim));
    let (owners, noise) = (spread_out(rows), normal(320, rows, dim));
    let (flow, cotangent) = (ZoneFlow::default(), normal(321, rows, dim));
    let exact = flow.trace_latents(&all, &owners, noise.view()).unwrap().vjp(cotangent.view()).unwrap();
    let sampled = all.sampled(sampling(1024, 32)).unwrap();
    let got = sampled.trace_latents(&flow, &owners, noise.view()).unwrap().vjp(cotangent.view()).unwrap();
    let error = relative_error(&got.noise, exact.noise.view());
    assert!(error < 0.1, "{error}");
}

#[test]
fn latents_are_led_back_to_their_anchors() {
    let (rows, dim) = (70, 64);
    let all = anchors(&normal(322, ALL, dim));
    let (owners, noise) = (spread_out(rows), normal(323, rows, dim));
    let flow = ZoneFlow::default();
    let latents = flow.to_latents(&all, &owners, noise.view()).unwrap();
    let sampled = all.sampled(sampling(512, 32)).unwrap();
    let assignment = sampled.to_anchors(&flow, latents.view(), None).unwrap();
    assert!(assignment.own_log_probs.is_none());
    let back = nearest(assignment.end_points.view(), &all).unwrap();
    let hits = back.iter().zip(&owners).filter(|(got, own)| got == own).count();
    assert!(hits * 10 >= rows * 9, "{hits} of {rows}");
    let owned = sampled.to_anchors(&flow, latents.view(), Some(&owners)).unwrap();
    let log_probs = owned.own_log_probs.unwrap();
    // Before anything is known an anchor has its share.
    assert!(log_probs.row(0).iter().all(|l| (l + (ALL as f64).ln()).abs() < 1e-9));
    let sure = log_probs.row(log_probs.nrows() - 1).iter().filter(|l| **l > -0.01).count();
    assert!(sure * 10 >= rows * 9, "{sure} of {rows}");
}

#[test]
fn what_cannot_be_sampled_is_refused() {
    let all = anchors(&normal(324, 300, 4));
    let error = all.sampled(sampling(0, 3)).unwrap_err();
    assert!(error.to_string().contains("at least 1 anchor"), "{error}");
    let sampled = all.sampled(sampling(10, 3)).unwrap();
    let flow = ZoneFlow::default();
    let refused =
        |owners: &[usize], noise: Array2<f64>| sampled.to_latents(&flow, owners, noise.view()).unwrap_err().to_string();
    assert!(refused(&[0], normal(325, 1, 3)).contains("`noise` has shape"));
    assert!(refused(&[300], normal(325, 1, 4)).contains("there are only 300 anchors"));
    let mut bad = normal(326, 130, 4);
    bad[[129, 0]] = f64::NAN;
    assert!(refused(&each(130), bad.clone()).contains("row 129"));
    assert!(sampled.to_anchors(&flow, bad.view(), None).unwrap_err().to_string().contains("row 129"));
    let trace = sampled.trace_latents(&flow, &[1], normal(327, 1, 4).view()).unwrap();
    assert!(trace.vjp(normal(328, 2, 4).view()).is_err());
}

#[test]
fn the_result_does_not_depend_on_threads() {
    use lzn_latent::Parallel;
    let all = anchors(&normal(329, 1000, 8));
    let (owners, noise) = (each(200), normal(330, 200, 8));
    let sampled = all.sampled(sampling(100, 4)).unwrap();
    let results = [Parallel::No, Parallel::Rayon].map(|parallel| {
        let flow = ZoneFlow::default().with_parallel(parallel);
        let trace = sampled.trace_latents(&flow, &owners, noise.view()).unwrap();
        let gradients = trace.vjp(noise.view()).unwrap();
        (trace.latents().to_owned(), gradients, sampled.to_anchors(&flow, noise.view(), Some(&owners)).unwrap())
    });
    assert_eq!(results[0], results[1]);
}
