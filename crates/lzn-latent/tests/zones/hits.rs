//! Latents of the default solver lie in the zones of their anchors, and go back to them.

use lzn_latent::{Anchors, Solver, ZoneFlow, nearest};
use ndarray::Array2;

use crate::common::{each, flow, normal};
use crate::converged::{converged, families};

const N: usize = 192;
const DIM: usize = 200;
/// Samples of every anchor.
const DRAWS: usize = 4;

/// Fraction of the latents that this flow carries back to their own anchors.
fn hits(back: &ZoneFlow, set: &Anchors<f64>, latents: &Array2<f64>) -> f64 {
    let end = back.to_anchors(latents.view(), set, None).unwrap().end_points;
    let owners = nearest(end.view(), set).unwrap();
    owners.iter().enumerate().filter(|(i, owner)| i % N == **owner).count() as f64 / latents.nrows() as f64
}

#[test]
fn latents_of_the_default_lie_in_their_zones_and_exact_ones_are_recognised() {
    let exact = converged(48);
    for (name, set) in families(N, DIM) {
        let owners: Vec<usize> = (0..DRAWS * N).map(|i| i % N).collect();
        let noise = normal(580, owners.len(), DIM);
        let latents = |flow: &ZoneFlow| flow.to_latents(&set, &owners, noise.view()).unwrap();
        let truth = latents(&exact);
        let (ours, reference) = (latents(&flow(Solver::default())), latents(&flow(Solver::euler(20))));
        let rate = hits(&exact, &set, &ours);
        assert!(rate >= 0.985, "{name}: {rate} of the latents lie in their zones");
        assert!(hits(&exact, &set, &reference) < rate, "{name}: no better than Euler");
        assert!(hits(&exact, &set, &truth) >= 0.995, "{name}: the exact flow does not return");
        let recognised = hits(&flow(Solver::default()), &set, &truth);
        assert!(recognised >= 0.99, "{name}: {recognised} of exact latents recognised");
        let rms = (&ours - &truth).mapv(|e| e * e).mean().unwrap().sqrt();
        assert!(rms <= 6e-3, "{name}: rms error {rms:e}");
    }
}

#[test]
fn gradients_of_the_default_are_near_the_converged_ones_at_any_scale() {
    let (noise, g) = (normal(581, N, DIM), normal(582, N, DIM));
    for scale in [0.3, 1.0, 3.0] {
        let set = Anchors::new(normal(583, N, DIM) * scale).unwrap();
        let gradient =
            |flow: &ZoneFlow| flow.trace_latents(&set, &each(N), noise.view()).unwrap().vjp(g.view()).unwrap().anchors;
        let cosine = |a: &Array2<f64>, b: &Array2<f64>| {
            let size = |a: &Array2<f64>| (a * a).sum().sqrt();
            (a * b).sum() / (size(a) * size(b))
        };
        let exact = gradient(&converged(64));
        let (ours, reference) = (gradient(&flow(Solver::default())), gradient(&flow(Solver::euler(20))));
        assert!(cosine(&ours, &exact) >= 0.999, "scale {scale}: {}", cosine(&ours, &exact));
        assert!(cosine(&reference, &exact) < cosine(&ours, &exact), "scale {scale}");
    }
}

/// The reverse schedule of our solver depends on anchors and weights alone, so in the latents differences are exact.
#[test]
fn reverse_gradients_of_the_default_match_differences_in_the_latents() {
    let (n, dim) = (12, 3);
    let set = Anchors::new(normal(584, n, dim)).unwrap();
    let set = set.with_weights(normal(585, 1, n).row(0).mapv(|x| (0.4 * x).exp())).unwrap();
    let flow = flow(Solver::default());
    let (latents, direction, g) = (normal(596, n, dim), normal(587, n, dim), normal(588, n, dim));
    let trace = flow.trace_anchors(latents.view(), &set, &each(n)).unwrap();
    // Samples that go elsewhere end in -1e3 and worse; what counts are digits, so every record is of size one.
    let record = trace.own_log_probs().mapv(|l| 1.0 / (1.0 + l * l));
    let through = trace.vjp(Some(g.view()), Some(record.view())).unwrap().latents;
    let value = |h: f64| {
        let moved = &latents + &(&direction * h);
        let back = flow.trace_anchors(moved.view(), &set, &each(n)).unwrap();
        assert_eq!(back.own_log_probs().dim(), record.dim(), "a row has arrived elsewhere");
        (&back.end_points() * &g).sum() + (&back.own_log_probs() * &record).sum()
    };
    let along = (&through * &direction).sum();
    let difference = |h: f64| (8.0 * (value(h) - value(-h)) - (value(2.0 * h) - value(-2.0 * h))) / (12.0 * h);
    let error = [1e-4, 1e-5, 1e-6].map(|h| (difference(h) - along).abs() / along.abs().max(1.0));
    let error = error.into_iter().fold(f64::INFINITY, f64::min);
    assert!(error < 1e-7, "{error:e}");
}

#[test]
fn hopeless_labels_have_finite_log_probabilities_and_gradients() {
    let (n, dim) = (16, 8);
    let points = normal(589, n, dim) * 50.0;
    for solver in [Solver::default(), Solver::euler(50), Solver::dpm(50)] {
        let flow = flow(solver);
        let (narrow, wide) = (Anchors::new(points.mapv(|x| x as f32)).unwrap(), Anchors::new(points.clone()).unwrap());
        // Euler's own would not be in their zones at this scale.
        let middle = normal(590, n, dim) * 0.3;
        let latents = ZoneFlow::default().to_latents(&wide, &each(n), middle.view()).unwrap();
        let wrong: Vec<usize> = (0..n).map(|i| (i + 1) % n).collect();
        let trace = flow.trace_anchors(latents.mapv(|x| x as f32).view(), &narrow, &wrong).unwrap();
        let own = trace.own_log_probs();
        assert!(own.iter().all(|l| l.is_finite()), "{solver:?}");
        // Beyond what a probability in single precision can hold, and the gradient is there all the same.
        if solver != Solver::default() {
            assert!(own.iter().any(|l| *l < -1000.0), "{solver:?}");
        } else {
            assert!(own.iter().any(|l| *l < -10.0), "{solver:?}: {own}");
        }
        let loss = lzn_latent::alignment::log_loss(own, 0.2).unwrap();
        let gradients = trace.vjp(None, Some(loss.gradient.view())).unwrap();
        assert!(gradients.latents.iter().chain(&gradients.anchors).all(|g| g.is_finite()), "{solver:?}");
        // At this scale a coarse grid may carry a latent to a label that is not its own, which then is not hopeless.
        let hopeless: Vec<usize> = (0..n).filter(|i| own[[own.nrows() - 1, *i]] < -10.0).collect();
        assert!(hopeless.len() >= n / 2, "{solver:?}: {hopeless:?}");
        let pulled = |i: &usize| gradients.latents.row(*i).iter().any(|g| *g != 0.0);
        assert!(hopeless.iter().all(pulled), "{solver:?}");
    }
}
