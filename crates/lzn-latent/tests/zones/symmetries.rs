//! What moving, turning, reordering and repeating anchors does.

use lzn_latent::{Anchors, alignment};
use ndarray::{Array1, Array2, Axis, concatenate};

use crate::common::{anchors, distance, each, flow, normal, solvers, stream};

/// A random rotation: Gram-Schmidt on normal draws.
fn rotation(seed: u64, dim: usize) -> Array2<f64> {
    let mut q = normal(seed, dim, dim);
    for i in 0..dim {
        for j in 0..i {
            let (done, projection) = (q.row(j).to_owned(), q.row(j).dot(&q.row(i)));
            q.row_mut(i).scaled_add(-projection, &done);
        }
        let length = q.row(i).dot(&q.row(i)).sqrt();
        q.row_mut(i).mapv_inplace(|x| x / length);
    }
    q
}

#[test]
fn turning_anchors_and_noise_turns_latents_and_end_points() {
    let (points, noise, turn) = (normal(30, 12, 6), normal(31, 12, 6), rotation(32, 6));
    for solver in solvers() {
        let flow = flow(solver);
        let latents = flow.to_latents(&anchors(&points), &each(12), noise.view()).unwrap();
        let turned = anchors(&points.dot(&turn));
        let expected = latents.dot(&turn);
        assert!(distance(&flow.to_latents(&turned, &each(12), noise.dot(&turn).view()).unwrap(), &expected) < 1e-11);
        let (plain, back) = (
            flow.to_anchors(latents.view(), &anchors(&points), Some(&each(12))).unwrap(),
            flow.to_anchors(expected.view(), &turned, Some(&each(12))).unwrap(),
        );
        assert!(distance(&back.end_points, &plain.end_points.dot(&turn)) < 1e-8);
    }
}

#[test]
fn moving_all_anchors_leaves_zones_as_they_are() {
    let (points, noise) = (normal(33, 12, 6), normal(34, 12, 6));
    let shift = Array1::from_elem(6, 100.0);
    for solver in solvers() {
        let flow = flow(solver);
        let (here, there) = (anchors(&points), anchors(&(&points + &shift)));
        let difference = flow.to_latents(&there, &each(12), noise.view()).unwrap()
            - flow.to_latents(&here, &each(12), noise.view()).unwrap();
        // Plans that stop short of t = 1 keep that share of the anchor.
        let kept = match flow.to_latents_plan().end_point() {
            lzn_latent::EndPoint::State { t, .. } => 1.0 - t,
            _ => 0.0,
        };
        assert!(difference.iter().all(|x| (x - kept * 100.0).abs() < 1e-10), "{solver:?}");
    }
}

#[test]
fn the_order_of_anchors_and_samples_does_not_matter() {
    let (points, noise) = (normal(35, 9, 4), normal(36, 9, 4));
    let mut order = each(9);
    stream(37).shuffle(&mut order);
    for solver in solvers() {
        let flow = flow(solver);
        let plain = flow.to_latents(&anchors(&points), &each(9), noise.view()).unwrap();
        // Anchor `order[i]` now stands at place i, and so does its sample.
        let mixed = anchors(&points.select(Axis(0), &order));
        let latents = flow.to_latents(&mixed, &each(9), noise.select(Axis(0), &order).view()).unwrap();
        assert!(distance(&latents, &plain.select(Axis(0), &order)) < 1e-12);
    }
}

#[test]
fn a_subset_of_samples_gets_what_it_gets_among_all() {
    let (points, noise) = (normal(38, 11, 4), normal(39, 11, 4));
    let rows = [7, 2, 9];
    for solver in solvers() {
        let flow = flow(solver);
        let all = flow.to_latents(&anchors(&points), &each(11), noise.view()).unwrap();
        let some = flow.to_latents(&anchors(&points), &rows, noise.select(Axis(0), &rows).view()).unwrap();
        assert!(distance(&some, &all.select(Axis(0), &rows)) < 1e-13);
    }
}

#[test]
fn a_doubled_weight_is_an_anchor_given_twice() {
    let (points, noise) = (normal(40, 6, 3), normal(41, 6, 3));
    let twice = concatenate![Axis(0), points, points.slice(ndarray::s![2..3, ..])];
    let mut weights = Array1::ones(6);
    weights[2] = 2.0;
    for solver in solvers() {
        let flow = flow(solver);
        let heavy = anchors(&points).with_weights(weights.clone()).unwrap();
        let double = anchors(&twice);
        let latents = flow.to_latents(&heavy, &each(6), noise.view()).unwrap();
        assert!(distance(&latents, &flow.to_latents(&double, &each(6), noise.view()).unwrap()) < 1e-10);

        let one = flow.to_anchors(latents.view(), &heavy, Some(&each(6))).unwrap();
        let two = flow.to_anchors(latents.view(), &double, Some(&each(6))).unwrap();
        assert!(distance(&one.end_points, &two.end_points) < 1e-9);
        // Twins share their probability.
        let (mut one, two) = (one.own_log_probs.unwrap().mapv(f64::exp), two.own_log_probs.unwrap().mapv(f64::exp));
        one.column_mut(2).mapv_inplace(|p| 0.5 * p);
        assert!(distance(&one, &two) < 1e-9);
    }
}

#[test]
fn a_weight_of_zero_takes_the_anchor_away_and_a_common_factor_changes_nothing() {
    let (points, noise) = (normal(42, 6, 3), normal(43, 5, 3));
    let mut weights = Array1::from_elem(6, 3.0);
    weights[5] = 0.0;
    let without = anchors(&points.slice(ndarray::s![..5, ..]).to_owned());
    let with = anchors(&points).with_weights(weights).unwrap();
    for solver in solvers() {
        let flow = flow(solver);
        let expected = flow.trace_latents(&without, &each(5), noise.view()).unwrap();
        let trace = flow.trace_latents(&with, &each(5), noise.view()).unwrap();
        assert!(distance(&trace.latents().to_owned(), &expected.latents().to_owned()) < 1e-11);
        let gradients = trace.vjp(noise.view()).unwrap();
        assert!(gradients.anchors.row(5).iter().all(|g| *g == 0.0));
        assert_eq!(gradients.log_weights[5], 0.0);
        let (a, b) = (
            flow.to_anchors(noise.view(), &with, Some(&each(5))).unwrap(),
            flow.to_anchors(noise.view(), &without, Some(&each(5))).unwrap(),
        );
        assert!(distance(&a.end_points, &b.end_points) < 1e-9);
        let loss =
            |own: &Option<Array2<f64>>| alignment::probability_loss(own.as_ref().unwrap().view(), 0.2).unwrap().value;
        assert!((loss(&a.own_log_probs) - loss(&b.own_log_probs)).abs() < 1e-9);
    }
}

#[test]
fn equal_anchors_share_their_zone_and_stay_finite() {
    let noise = normal(44, 4, 3);
    let same = Anchors::new(Array2::from_elem((4, 3), 1.7)).unwrap();
    for solver in solvers() {
        let flow = flow(solver);
        let trace = flow.trace_latents(&same, &each(4), noise.view()).unwrap();
        if matches!(solver, lzn_latent::Solver::Euler { .. }) {
            assert_eq!(trace.latents(), noise);
        }
        assert!(trace.vjp(noise.view()).unwrap().anchors.iter().all(|g| g.is_finite()));
        let own = flow.to_anchors(noise.view(), &same, Some(&each(4))).unwrap().own_log_probs.unwrap();
        assert!(own.iter().all(|log_prob| (log_prob.exp() - 0.25).abs() < 1e-12));
    }
}
