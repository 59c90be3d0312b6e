//! Our solver does not see what zones do not see: place, scale, order and repetition of anchors.

use lzn_latent::{Anchors, Solver, ZoneFlow};
use ndarray::{Array1, Array2, Axis, concatenate, s};

use crate::common::{anchors, distance, each, flow, normal, stream};
use crate::converged::{clusters, converged, duplicates};

const N: usize = 40;
const DIM: usize = 6;

fn ours() -> [ZoneFlow; 4] {
    [Solver::multistep(1), Solver::multistep(3), Solver::default(), Solver::multistep(40)].map(flow)
}

/// Plain anchors, and sets with rows that have to catch up.
fn sets() -> [Array2<f64>; 3] {
    [normal(540, N, DIM), clusters(541, N, DIM, 0.01), duplicates(543, N, DIM, 1e-2)]
}

fn weights() -> Array1<f64> {
    normal(545, 1, N).row(0).mapv(|x| (0.5 * x).exp())
}

fn size(array: &Array2<f64>) -> f64 {
    array.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[test]
fn the_scale_of_anchors_does_not_matter_and_gradients_scale_against_it() {
    let noise = normal(546, N, DIM);
    let scale = 7.3;
    for points in sets() {
        for flow in ours() {
            let run = |points: &Array2<f64>| {
                let set = anchors(points).with_weights(weights()).unwrap();
                let trace = flow.trace_latents(&set, &each(N), noise.view()).unwrap();
                let back = flow.to_anchors(trace.latents(), &set, Some(&each(N))).unwrap();
                (trace.latents().to_owned(), trace.vjp(noise.view()).unwrap(), back)
            };
            let (plain, scaled) = (run(&points), run(&(&points * scale)));
            assert!(distance(&plain.0, &scaled.0) < 1e-11, "{:e}", distance(&plain.0, &scaled.0));
            let gradient = &scaled.1.anchors * scale - &plain.1.anchors;
            assert!(size(&gradient) < 1e-9 * size(&plain.1.anchors), "{:e}", size(&gradient));
            assert!(distance(&plain.1.noise, &scaled.1.noise) < 1e-9);
            assert!(distance(&(plain.2.end_points * scale), &scaled.2.end_points) < 1e-8 * scale);
            assert_eq!(plain.2.own_log_probs.unwrap().dim(), scaled.2.own_log_probs.unwrap().dim());
        }
    }
}

#[test]
fn the_place_of_anchors_does_not_matter() {
    let noise = normal(547, N, DIM);
    for points in sets() {
        for flow in ours() {
            let run = |points: &Array2<f64>| flow.to_latents(&anchors(points), &each(N), noise.view()).unwrap();
            let difference = distance(&run(&points), &run(&(&points + 100.0)));
            // The moved anchors themselves are rounded, by 1e-14, and the nearest of them are 1e-2 apart.
            assert!(difference < 1e-10, "{difference:e}");
        }
    }
}

#[test]
fn latents_turn_with_the_anchors() {
    let noise = normal(548, N, DIM);
    // A reflection is a rotation too.
    let mut axis = normal(549, 1, DIM).row(0).to_owned();
    axis /= axis.dot(&axis).sqrt();
    let turn = |all: &Array2<f64>| {
        let along = all.dot(&axis);
        let mut turned = all.clone();
        turned.rows_mut().into_iter().zip(&along).for_each(|(mut row, x)| row.scaled_add(-2.0 * x, &axis));
        turned
    };
    for points in sets() {
        for flow in ours() {
            let run = |points: &Array2<f64>, noise: &Array2<f64>| {
                flow.to_latents(&anchors(points), &each(N), noise.view()).unwrap()
            };
            let difference = distance(&run(&turn(&points), &turn(&noise)), &turn(&run(&points, &noise)));
            assert!(difference < 1e-10, "{difference:e}");
        }
    }
}

#[test]
fn the_order_of_anchors_does_not_matter() {
    let noise = normal(550, N, DIM);
    let mut order = each(N);
    stream(551).shuffle(&mut order);
    for points in sets() {
        for flow in ours() {
            let run = |points: Array2<f64>, noise: Array2<f64>| {
                flow.to_latents(&anchors(&points), &each(N), noise.view()).unwrap()
            };
            let mixed = run(points.select(Axis(0), &order), noise.select(Axis(0), &order));
            let plain = run(points.clone(), noise.clone()).select(Axis(0), &order);
            assert!(distance(&mixed, &plain) < 1e-11);
        }
    }
}

/// Starts are searched from where all `N` anchors have faded, to half a per cent, and `N` counts an anchor given twice as two and a
/// zone without weight as one. A start that moves by that much moves a latent by up to `0.005 T` times the rate there, a fifth of the
/// distance `D` of the next anchor, with `T D` about 4: 4e-3. Converged, the two are the same.
#[test]
fn repeated_anchors_are_weights_and_anchors_without_weight_are_none() {
    let (points, noise) = (normal(552, N, DIM), normal(553, N, DIM));
    let twice = anchors(&concatenate![Axis(0), points, points.slice(s![2..3, ..])]);
    let mut doubled = Array1::ones(N);
    doubled[2] = 2.0;
    let doubled = anchors(&points).with_weights(doubled).unwrap();
    let mut gone = Array1::from_elem(N + 1, 3.0);
    gone[N] = 0.0;
    let gone = anchors(&concatenate![Axis(0), points, normal(554, 1, DIM)]).with_weights(gone).unwrap();
    let mut fading = Array1::from_elem(N + 1, 1.0);
    fading[N] = 1e-12;
    let fading = anchors(&concatenate![Axis(0), points, normal(554, 1, DIM)]).with_weights(fading).unwrap();
    let plain = anchors(&points);
    for (flow, limit) in [(converged(512), 1e-4), (flow(Solver::multistep(40)), 5e-3), (flow(Solver::default()), 5e-3)]
    {
        let run = |set: &Anchors<f64>| flow.to_latents(set, &each(N), noise.view()).unwrap();
        for (a, b) in [(&twice, &doubled), (&gone, &plain), (&fading, &plain)] {
            let difference = distance(&run(a), &run(b));
            assert!(difference < limit, "{difference:e}");
        }
    }
}

#[test]
fn gradients_of_anchors_sum_to_zero_and_converge_to_upright() {
    let (noise, g) = (normal(555, N, DIM), normal(556, N, DIM));
    for points in sets() {
        let set = anchors(&points);
        let gradient =
            |flow: &ZoneFlow| flow.trace_latents(&set, &each(N), noise.view()).unwrap().vjp(g.view()).unwrap().anchors;
        for flow in ours() {
            let gradient = gradient(&flow);
            let sum = gradient.sum_axis(Axis(0));
            assert!(sum.iter().all(|x| x.abs() < 1e-11 * size(&gradient)), "{sum}");
        }
        let radial = |flow: &ZoneFlow| {
            let gradient = gradient(flow);
            ((&gradient * &points).sum() / (size(&gradient) * size(&points))).abs()
        };
        let (rough, fine) = (radial(&converged(32)), radial(&converged(256)));
        assert!(fine < 1e-3 && fine <= rough.max(1e-6), "{rough:e}, then {fine:e}");
    }
}

#[test]
fn gradients_are_linear_in_the_cotangent() {
    let noise = normal(557, N, DIM);
    let (g, h) = (normal(558, N, DIM), normal(559, N, DIM));
    for points in sets() {
        let set = anchors(&points).with_weights(weights()).unwrap();
        for flow in ours().into_iter().chain([flow(Solver::euler(20)), flow(Solver::dpm(20))]) {
            let trace = flow.trace_latents(&set, &each(N), noise.view()).unwrap();
            let pull = |g: &Array2<f64>| trace.vjp(g.view()).unwrap();
            let (a, b, both) = (pull(&g), pull(&h), pull(&(&g * 2.0 - &h * 0.5)));
            let anchors = &a.anchors * 2.0 - &b.anchors * 0.5 - &both.anchors;
            assert!(size(&anchors) < 1e-10 * size(&both.anchors));
            assert!(distance(&(&a.noise * 2.0 - &b.noise * 0.5), &both.noise) < 1e-11);
        }
    }
}
