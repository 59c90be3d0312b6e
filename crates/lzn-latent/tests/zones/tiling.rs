//! Threads and tiles change nothing.

use lzn_latent::{Parallel, Solver};

use crate::common::{anchors, distance, flow, normal, stream};

#[test]
fn sequential_and_parallel_results_are_equal_to_the_last_bit() {
    // Several tiles, and several groups of tiles.
    let (n, batch, dim) = (37, 2500, 5);
    let set = anchors(&normal(80, n, dim)).with_weights(normal(81, n, 1).column(0).mapv(f64::abs)).unwrap();
    let mut draws = stream(82);
    let owners: Vec<usize> = (0..batch).map(|_| draws.below(n)).collect();
    let (noise, record) = (normal(83, batch, dim), normal(84, 6, batch));
    let parallel = flow(Solver::dpm(6));
    let sequential = parallel.clone().with_parallel(Parallel::No);
    let run = |flow: &lzn_latent::ZoneFlow| {
        let trace = flow.trace_latents(&set, &owners, noise.view()).unwrap();
        let back = flow.trace_anchors(noise.view(), &set, &owners).unwrap();
        (
            trace.latents().to_owned(),
            trace.vjp(noise.view()).unwrap(),
            back.own_log_probs().to_owned(),
            back.vjp(Some(noise.view()), Some(record.view())).unwrap(),
        )
    };
    assert_eq!(run(&parallel), run(&sequential));
}

/// From here on threads share a tile and what gradients are collected in.
const SHARED: usize = 1 << 20;

#[test]
fn threads_that_share_a_tile_change_no_bit() {
    let (batch, dim) = (70, 256);
    let n = SHARED / dim + 5;
    let set = anchors(&normal(90, n, dim)).with_weights(normal(91, n, 1).column(0).mapv(f64::abs)).unwrap();
    let owners: Vec<usize> = (0..batch).collect();
    let (noise, record) = (normal(92, batch, dim), normal(93, 3, batch));
    let parallel = flow(Solver::multistep(3));
    let sequential = parallel.clone().with_parallel(Parallel::No);
    let run = |flow: &lzn_latent::ZoneFlow| {
        let back = flow.trace_anchors(noise.view(), &set, &owners).unwrap();
        let steps = back.own_log_probs().nrows();
        let record = ndarray::Array2::from_shape_fn((steps, batch), |(k, i)| record[[k % 3, i]]);
        (
            flow.trace_latents(&set, &owners, noise.view()).unwrap().vjp(noise.view()).unwrap(),
            back.vjp(Some(noise.view()), Some(record.view())).unwrap(),
        )
    };
    assert_eq!(run(&parallel), run(&sequential));
}

#[test]
fn one_collector_for_all_gives_the_gradients_of_many() {
    // Anchors without weight make the set large, and are not there otherwise.
    let (few, dim, batch) = (30, 32, 40);
    let many = SHARED / dim + 1;
    let (points, noise) = (normal(94, many, dim), normal(95, batch, dim));
    let (g, record) = (normal(96, batch, dim), normal(97, 20, batch));
    let owners: Vec<usize> = (0..batch).map(|i| i % few).collect();
    let small = anchors(&points.slice(ndarray::s![..few, ..]).to_owned());
    // The flow centres the anchors it is given, which no result may depend on.
    let weights = (0..many).map(|j| if j < few { 1.0 } else { 0.0 }).collect();
    let large = anchors(&points).with_weights(weights).unwrap();
    let gradients = |set| {
        let flow = flow(Solver::euler(20));
        let forth = flow.trace_latents(set, &owners, noise.view()).unwrap().vjp(g.view()).unwrap();
        (forth, flow.trace_anchors(noise.view(), set, &owners).unwrap().vjp(None, Some(record.view())).unwrap())
    };
    let ((forth, back), (of_large, back_of_large)) = (gradients(&small), gradients(&large));
    let part = |all: &ndarray::Array2<f64>| all.slice(ndarray::s![..few, ..]).to_owned();
    for (expected, found) in [
        (&forth.anchors, &part(&of_large.anchors)),
        (&forth.noise, &of_large.noise),
        (&back.anchors, &part(&back_of_large.anchors)),
        (&back.latents, &back_of_large.latents),
    ] {
        let scale = expected.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        assert!(distance(found, expected) < 1e-11 * scale, "{:e} of {scale:e}", distance(found, expected));
    }
}

#[test]
fn a_sample_does_not_depend_on_the_others_in_its_batch() {
    let (n, batch, dim) = (20, 300, 4);
    let set = anchors(&normal(85, n, dim));
    let mut draws = stream(86);
    let owners: Vec<usize> = (0..batch).map(|_| draws.below(n)).collect();
    let noise = normal(87, batch, dim);
    let flow = flow(Solver::euler(20));
    let together = flow.to_latents(&set, &owners, noise.view()).unwrap();
    for i in [0, 127, 128, 299] {
        let alone = flow.to_latents(&set, &owners[i..=i], noise.slice(ndarray::s![i..=i, ..])).unwrap();
        assert!(distance(&alone.row(0).to_owned(), &together.row(i).to_owned()) < 1e-13);
    }
}

#[test]
fn no_samples_give_no_latents() {
    let set = anchors(&normal(88, 3, 2));
    let nothing = ndarray::Array2::zeros((0, 2));
    let flow = flow(Solver::euler(4));
    assert_eq!(flow.to_latents(&set, &[], nothing.view()).unwrap().dim(), (0, 2));
    let assignment = flow.to_anchors(nothing.view(), &set, Some(&[])).unwrap();
    assert_eq!((assignment.end_points.dim(), assignment.own_log_probs.unwrap().dim()), ((0, 2), (4, 0)));
}
