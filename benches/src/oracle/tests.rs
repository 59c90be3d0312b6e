//! The oracle against closed forms, finite differences and itself.

use ndarray::{Array2, ArrayView2};

use super::*;
use crate::families::{Family, normal};
use crate::problem::Setting;

fn rms(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    ((a - b).mapv(|x| x * x).sum() / a.len() as f64).sqrt()
}

fn inner(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> f64 {
    (&a * &b).sum()
}

/// The standard normal distribution function, by Simpson's rule.
fn normal_cdf(x: f64) -> f64 {
    let density = |s: f64| (-0.5 * s * s).exp() / std::f64::consts::TAU.sqrt();
    let (n, h) = (400, x / 400.0);
    let inner: f64 = (1..n).map(|i| if i % 2 == 1 { 4.0 } else { 2.0 } * density(h * f64::from(i))).sum();
    0.5 + h / 3.0 * (density(0.0) + inner + density(x))
}

#[test]
fn finer_steps_change_nothing_on_any_family() {
    for family in Family::STUDIED {
        let problem = Setting::batch(family, 96, 32).problem();
        let [some, more] = [1, 2].map(|pieces| solve_finer(&problem, pieces));
        let gradient = rms(&some.anchors, &more.anchors) / rms(&more.anchors, &Array2::zeros(more.anchors.raw_dim()));
        let noise = rms(&some.noise, &more.noise);
        let latents = rms(&some.latents, &more.latents);
        assert!(latents < 1e-6 && noise < 1e-5 && gradient < 1e-5, "{family}: {latents:e} {noise:e} {gradient:e}");
    }
}

/// Anchors at the corners of a cube: every coordinate is a problem of its own with two anchors, whose zones are half-lines.
#[test]
fn at_the_corners_of_a_cube_every_coordinate_is_a_quantile() {
    let corner = |j: usize, axis: usize| if j >> axis & 1 == 1 { 1.0 } else { -1.0 };
    let anchors = Array2::from_shape_fn((16, 4), |(j, axis)| corner(j, axis));
    let noise = normal(3, "noise", 16, 4);
    let problem = Problem { anchors, owners: (0..16).collect(), cotangent: noise.clone(), noise };
    let latents = solve(&problem).latents;
    for ((i, axis), z) in latents.indexed_iter() {
        let expected = 0.5 * f64::from(corner(i, axis) > 0.0) + 0.5 * normal_cdf(problem.noise[[i, axis]]);
        assert!((normal_cdf(*z) - expected).abs() < 1e-6, "row {i}, axis {axis}");
    }
}

#[test]
fn gradients_are_finite_differences() {
    let problem = Setting::batch(Family::Encoder, 12, 3).problem();
    let solved = solve(&problem);
    let (by_anchors, by_noise) = (normal(5, "direction", 12, 3) * 0.26, normal(6, "direction", 12, 3));
    let along = |step: f64| {
        let moved = Problem {
            anchors: &problem.anchors + &(&by_anchors * step),
            noise: &problem.noise + &(&by_noise * step),
            ..problem.clone()
        };
        inner(solve(&moved).latents.view(), problem.cotangent.view())
    };
    let difference = (along(1e-5) - along(-1e-5)) / 2e-5;
    let product = inner(solved.anchors.view(), by_anchors.view()) + inner(solved.noise.view(), by_noise.view());
    assert!((difference / product - 1.0).abs() < 1e-6, "{difference} {product}");
}

#[test]
fn converged_latents_are_in_their_own_zones_and_bare_noise_is_not() {
    for family in Family::STUDIED {
        let problem = Setting::batch(family, 96, 32).problem();
        let latents = solve(&problem).latents;
        assert_eq!(hits(&problem, &latents), Hits { own: 96, of: 96 }, "{family}");
        assert!(hits(&problem, &problem.noise).rate() < 0.2, "{family}");
    }
}

#[test]
fn fewer_samples_have_the_same_latents() {
    let problem = Setting::batch(Family::Normal, 80, 8).problem();
    let some = problem.with_samples(5);
    // Steps are chosen for the samples that go together, so it holds to the error that is left.
    let [some, all] = [&some, &problem].map(|problem| solve_finer(problem, 4).latents);
    let kept: Vec<usize> = (0..5).map(|i| i * 16).collect();
    assert!(rms(&some, &all.select(Axis(0), &kept)) < 1e-8);
}
