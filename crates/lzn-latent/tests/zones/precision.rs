//! Single precision against double precision on the hard sets of anchors.

use lzn_latent::{Anchors, Solver, alignment};
use ndarray::{Array2, s};

use crate::common::{each, flow, normal, relative_error};

const DIM: usize = 64;
const N: usize = 64;

/// A set of anchors that single precision represents exactly, and how close to double precision single precision comes.
struct HardSet {
    name: &'static str,
    points: Array2<f64>,
    /// Relative errors of latents and of the gradient.
    limits: (f64, f64),
}

/// Rounding of the products z.a_j is relative to |z| |a_j|. It only shows where anchors are much closer than that and the
/// solver resolves them.
fn hard_sets() -> Vec<HardSet> {
    let duplicates = |distance: f64| {
        let mut points = normal(70, N, DIM);
        let offsets = normal(71, N / 2, DIM) * (distance / (DIM as f64).sqrt());
        let copies = &points.slice(s![..N / 2, ..]) + &offsets;
        points.slice_mut(s![N / 2.., ..]).assign(&copies);
        points
    };
    let set =
        |name, points: Array2<f64>, limits| HardSet { name, points: points.mapv(|x| f64::from(x as f32)), limits };
    let usual = (1e-6, 1e-5);
    vec![
        set("plain", normal(70, N, DIM), usual),
        set("duplicates at 0.1", duplicates(0.1), usual),
        set("duplicates at 0.001", duplicates(0.001), (1e-5, 1e-4)),
        set("far from the origin", normal(70, N, DIM) + 100.0, usual),
        set("scaled by 10", normal(70, N, DIM) * 10.0, usual),
        set("within 0.01", normal(70, N, DIM) * 0.01, usual),
    ]
}

fn widen(array: &Array2<f32>) -> Array2<f64> {
    array.mapv(f64::from)
}

#[test]
fn latents_and_gradients_in_single_precision_are_those_of_double_precision() {
    let noise = normal(72, N, DIM).mapv(|x| x as f32);
    for HardSet { name, points, limits } in hard_sets() {
        for solver in [Solver::euler(20), Solver::dpm(20), Solver::euler(1000)] {
            let flow = flow(solver);
            let wide = Anchors::new(points.clone()).unwrap();
            let expected = flow.trace_latents(&wide, &each(N), widen(&noise).view()).unwrap();
            let gradient = expected.vjp(widen(&noise).view()).unwrap();
            let narrow = Anchors::new(points.mapv(|x| x as f32)).unwrap();
            let got = flow.trace_latents(&narrow, &each(N), noise.view()).unwrap();
            let error = relative_error(&widen(&got.latents().to_owned()), expected.latents());
            assert!(error < limits.0, "{name}, {solver:?}: latents off by {error:e}");
            let error = relative_error(&widen(&got.vjp(noise.view()).unwrap().anchors), gradient.anchors.view());
            assert!(error < limits.1, "{name}, {solver:?}: gradient off by {error:e}");
        }
    }
}

#[test]
fn assignments_in_single_precision_are_those_of_double_precision() {
    for HardSet { name, points, .. } in hard_sets() {
        let flow = flow(Solver::euler(50));
        let wide = Anchors::new(points.clone()).unwrap();
        // Latents in the middle of the zones: at their borders the problem itself amplifies rounding without bound.
        let shrunk = normal(73, N, DIM).mapv(|x| f64::from((0.3 * x) as f32));
        let latents = flow.to_latents(&wide, &each(N), shrunk.view()).unwrap().mapv(|x| x as f32);
        let expected = flow.trace_anchors(widen(&latents).view(), &wide, &each(N)).unwrap();
        let loss = alignment::log_loss(expected.own_log_probs(), 0.2).unwrap();
        let gradient = expected.vjp(None, Some(loss.gradient.view())).unwrap();

        let narrow = Anchors::new(points.mapv(|x| x as f32)).unwrap();
        let got = flow.trace_anchors(latents.view(), &narrow, &each(N)).unwrap();
        let same_steps = loss.gradient.mapv(|x| x as f32);
        let got_gradient = got.vjp(None, Some(same_steps.view())).unwrap();
        let probs = |log_probs: Array2<f64>| log_probs.mapv(f64::exp);
        let expected_probs = probs(expected.own_log_probs().to_owned());
        let error = relative_error(&probs(widen(&got.own_log_probs().to_owned())), expected_probs.view());
        assert!(error < 1e-4, "{name}: probabilities off by {error:e}");
        let error = relative_error(&widen(&got.end_points().to_owned()), expected.end_points());
        assert!(error < 1e-4, "{name}: end points off by {error:e}");
        let error = relative_error(&widen(&got_gradient.anchors), gradient.anchors.view());
        assert!(error < 1e-3, "{name}: gradient off by {error:e}");
    }
}

#[test]
fn probabilities_that_underflow_leave_loss_and_gradient_finite() {
    let anchors = Anchors::new(ndarray::array![[-100_f32], [100.0]]).unwrap();
    let latents = ndarray::array![[5_f32], [-5.0]];
    let flow = flow(Solver::euler(100));
    let trace = flow.trace_anchors(latents.view(), &anchors, &[0, 1]).unwrap();
    assert!(trace.own_log_probs().row(99).iter().all(|log_prob| log_prob.exp() == 0.0 && log_prob.is_finite()));
    let loss = alignment::log_loss(trace.own_log_probs(), 0.2).unwrap();
    let gradient = trace.vjp(None, Some(loss.gradient.view())).unwrap();
    assert!(loss.value.is_finite() && loss.value > 1e3);
    assert!(gradient.latents.iter().all(|g| g.is_finite() && *g != 0.0));
}

#[test]
fn losses_next_to_zero_keep_their_digits_in_single_precision() {
    // One minus the probability of the own anchor is below the spacing of single-precision numbers at 1.
    let points = ndarray::array![[-1.0_f64], [1.0]];
    let latents = ndarray::array![[-1.0_f64], [1.0]];
    let flow = flow(Solver::euler(4));
    let loss = |own: ndarray::ArrayView2<'_, f64>| alignment::log_loss(own, 0.2).unwrap().value;
    let wide = flow.to_anchors(latents.view(), &Anchors::new(points.clone()).unwrap(), Some(&[0, 1])).unwrap();
    let narrow = Anchors::new(points.mapv(|x| x as f32)).unwrap();
    let single = flow.to_anchors(latents.mapv(|x| x as f32).view(), &narrow, Some(&[0, 1])).unwrap();
    let expected = loss(wide.own_log_probs.unwrap().view());
    let got = loss(widen(&single.own_log_probs.unwrap()).view());
    assert!(expected > 0.0 && expected < f64::from(f32::EPSILON) / 2.0, "{expected:e}");
    assert!((got - expected).abs() < 1e-4 * expected, "{got:e} against {expected:e}");
}
