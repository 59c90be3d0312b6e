//! Extreme anchors, and threads, with every solver.

use lzn_latent::{Anchors, LatentError, Parallel, Real, Solver, ZoneFlow, nearest};
use ndarray::{Array1, Array2, Axis, concatenate, s};

use crate::common::{distance, each, flow, normal, stream};
use crate::converged::{clusters, duplicates};

fn all() -> [Solver; 5] {
    [Solver::euler(20), Solver::dpm(20), Solver::default(), Solver::multistep(1), Solver::multistep(2)]
}

/// Runs everything; what comes out must be finite.
fn survives<F: Real>(name: &str, points: &Array2<f64>, weights: Option<&Array1<f64>>, solver: Solver) -> Array2<f64> {
    let (n, dim) = points.dim();
    let mut set = Anchors::new(points.mapv(F::of)).unwrap();
    if let Some(weights) = weights {
        set = set.with_weights(weights.mapv(F::of)).unwrap();
    }
    let owners: Vec<usize> = match weights {
        Some(weights) => each(n).into_iter().filter(|j| weights[*j] > 0.0).collect(),
        None => each(n),
    };
    let noise = normal(620, n, dim).select(Axis(0), &owners).mapv(F::of);
    let flow = flow(solver);
    let trace = flow.trace_latents(&set, &owners, noise.view()).unwrap();
    let gradients = trace.vjp(noise.view()).unwrap();
    let finite = |what: &str, all: &[F]| {
        assert!(all.iter().all(|x| x.is_finite()), "{name}, {solver:?}: {what} not finite");
    };
    finite("latents", trace.latents().as_slice().unwrap());
    finite("gradient of anchors", gradients.anchors.as_slice().unwrap());
    finite("gradient of noise", gradients.noise.as_slice().unwrap());
    finite("gradient of log-weights", gradients.log_weights.as_slice().unwrap());
    let back = flow.trace_anchors(trace.latents(), &set, &owners).unwrap();
    finite("end points", back.end_points().to_owned().as_slice().unwrap());
    finite("log-probabilities", back.own_log_probs().to_owned().as_slice().unwrap());
    assert!(back.own_log_probs().iter().all(|l| *l <= F::of(1e-5)), "{name}, {solver:?}: a probability above one");
    let pulled = back.vjp(Some(noise.view()), None).unwrap();
    finite("reverse gradient of latents", pulled.latents.as_slice().unwrap());
    finite("reverse gradient of anchors", pulled.anchors.as_slice().unwrap());
    trace.latents().mapv(Real::wide)
}

#[test]
fn extreme_anchors_are_survived_in_both_precisions() {
    let (n, dim) = (12, 5);
    let base = normal(621, n, dim);
    let twins = concatenate![Axis(0), base, base.slice(s![..4, ..])];
    let sets = [
        ("alone", base.slice(s![..1, ..]).to_owned()),
        ("all equal", Array2::from_elem((n, dim), 0.3)),
        ("exact duplicates", twins),
        ("1e-6 apart", duplicates(622, n, dim, 1e-6)),
        ("norms of 1e-8", &base * 1e-8),
        ("norms of 1e4", &base * 1e4),
        ("norms of 1e-8 to 1e4", Array2::from_shape_fn((n, dim), |(i, k)| base[[i, k]] * 10f64.powi(i as i32 - 7))),
        ("one dimension", base.slice(s![.., ..1]).to_owned()),
    ];
    for (name, points) in sets {
        for solver in all() {
            survives::<f64>(name, &points, None, solver);
            survives::<f32>(name, &points, None, solver);
            let mut weights = Array1::from_shape_fn(points.nrows(), |j| 10f64.powi(j as i32 % 7 - 3));
            survives::<f32>(name, &points, Some(&weights), solver);
            if points.nrows() > 3 {
                weights[1] = 0.0;
                weights[3] = 0.0;
                survives::<f64>(name, &points, Some(&weights), solver);
                survives::<f32>(name, &points, Some(&weights), solver);
            }
        }
    }
}

#[test]
fn alone_or_all_in_one_place_ours_gives_back_the_noise_to_the_last_bit() {
    for solver in [Solver::multistep(1), Solver::multistep(2), Solver::default()] {
        for (points, limit) in [(normal(623, 1, 4), 0.0), (Array2::from_elem((6, 4), 0.7), 0.0)] {
            let n = points.nrows();
            let latents = survives::<f64>("one place", &points, None, solver);
            assert!(distance(&latents, &normal(620, n, 4)) <= limit, "{solver:?}");
        }
    }
}

#[test]
fn anchors_a_millionth_apart_are_told_apart() {
    // In double precision also the way back finds the right one of the two.
    let points = duplicates(624, 24, 6, 1e-6);
    let set = Anchors::new(points).unwrap();
    let flow = flow(Solver::default());
    let latents = flow.to_latents(&set, &each(24), (normal(626, 24, 6) * 0.5).view()).unwrap();
    let back = flow.to_anchors(latents.view(), &set, None).unwrap();
    let owners = nearest(back.end_points.view(), &set).unwrap();
    let right = owners.iter().enumerate().filter(|(i, owner)| i == *owner).count();
    assert!(right >= 23, "{right} of 24: {owners:?}");
}

#[test]
fn what_is_not_finite_is_refused_with_its_row_by_every_solver() {
    let set = Anchors::new(normal(627, 4, 3)).unwrap();
    for solver in all() {
        let flow = flow(solver);
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut points = normal(628, 4, 3);
            points[[2, 1]] = bad;
            let refused = |error: LatentError| {
                assert!(matches!(&error, LatentError::NonFinite { rows, .. } if rows.first() == [2]), "{error}");
                assert!(error.to_string().contains("row 2"), "{error}");
            };
            refused(Anchors::new(points.clone()).unwrap_err());
            refused(flow.to_latents(&set, &each(4), points.view()).unwrap_err());
            refused(flow.to_anchors(points.view(), &set, None).unwrap_err());
            let noise = normal(629, 4, 3);
            refused(flow.trace_latents(&set, &each(4), noise.view()).unwrap().vjp(points.view()).unwrap_err());
            let back = flow.trace_anchors(noise.view(), &set, &each(4)).unwrap();
            refused(back.vjp(Some(points.view()), None).unwrap_err());
        }
    }
}

#[test]
fn sequential_and_parallel_results_of_our_solver_are_equal_to_the_last_bit() {
    let (n, batch, dim) = (60, 1500, 5);
    for (i, points) in
        [normal(630, n, dim), clusters(631, n, dim, 0.001), duplicates(633, n, dim, 1e-3)].iter().enumerate()
    {
        let set = Anchors::new(points.clone()).unwrap();
        let set = set.with_weights(normal(635, 1, n).row(0).mapv(f64::abs)).unwrap();
        let mut draws = stream(636);
        let owners: Vec<usize> = (0..batch).map(|_| draws.below(n)).collect();
        let noise = normal(637, batch, dim);
        let parallel = flow(Solver::default());
        let run = |flow: &ZoneFlow| {
            let trace = flow.trace_latents(&set, &owners, noise.view()).unwrap();
            let back = flow.trace_anchors(noise.view(), &set, &owners).unwrap();
            let record = back.own_log_probs().mapv(|l| 1.0 / (1.0 + l * l));
            assert!(i == 0 || trace.work().pairs > 0, "no row had to catch up");
            (
                (trace.latents().to_owned(), trace.starts(), trace.work()),
                trace.vjp(noise.view()).unwrap(),
                (back.end_points().to_owned(), back.own_log_probs().to_owned()),
                back.vjp(Some(noise.view()), Some(record.view())).unwrap(),
            )
        };
        assert_eq!(run(&parallel), run(&parallel.clone().with_parallel(Parallel::No)));
    }
}
