//! Gradients against central differences of the same function.

use lzn_torch::zones::{self, Zones, alignment};
use tch::{Kind, Tensor};

use crate::common::{Problem, flows, tensor};

/// Compares the gradients of `function` with differences along a random direction over all `inputs` together.
fn check(inputs: &[Tensor], function: impl Fn(&[Tensor]) -> Tensor, seed: u64) {
    let leaves: Vec<Tensor> = inputs.iter().map(|x| x.copy().set_requires_grad(true)).collect();
    function(&leaves).backward();
    let mut stream = lzn_random::Stream::new(seed, lzn_random::Purpose::new("test/direction"), [0; 3]);
    let directions: Vec<Tensor> =
        inputs.iter().map(|x| Tensor::from_slice(&stream.normals_f64(x.numel())).reshape(x.size())).collect();
    let along: f64 =
        leaves.iter().zip(&directions).map(|(x, v)| (x.grad() * v).sum(Kind::Double).double_value(&[])).sum();
    let at = |step: f64| {
        let moved: Vec<Tensor> = inputs.iter().zip(&directions).map(|(x, v)| x + v * step).collect();
        tch::no_grad(|| function(&moved)).double_value(&[])
    };
    // Fourth order. The best step is not known in advance: the flow bends within 1 / tau, rounding forbids tiny steps.
    let difference = |h: f64| (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
    let error = [1e-3, 1e-4, 1e-5].map(|h| (difference(h) - along).abs()).into_iter().fold(f64::INFINITY, f64::min);
    assert!(error < 1e-7 * along.abs().max(1.0), "{along} differs by {error:e}");
}

#[test]
fn gradients_of_latents_match_differences() {
    let problem = Problem::new(5, 7, 9, 4, 0.8, true);
    let weights = problem.weights(Kind::Double).unwrap() + 0.1;
    for (seed, flow) in flows().into_iter().enumerate() {
        let inputs = [tensor(&problem.anchors, Kind::Double), tensor(&problem.noise, Kind::Double), weights.copy()];
        let function = |x: &[Tensor]| {
            let zones = Zones { anchors: &x[0], weights: Some(&x[2]) };
            let latents = zones::to_latents(&flow, &zones, &problem.owners(), &x[1]).unwrap();
            (latents * tensor(&problem.cotangent, Kind::Double)).sum(Kind::Double)
        };
        check(&inputs, function, seed as u64);
    }
}

#[test]
fn gradients_of_assignments_match_differences() {
    // More anchors than dimensions, and fewer.
    let problems = [Problem::new(6, 6, 8, 3, 0.7, true), Problem::new(6, 4, 8, 5, 0.7, true)];
    let pairs = problems.into_iter().flat_map(|problem| flows().into_iter().map(move |flow| (problem.clone(), flow)));
    for (seed, (problem, flow)) in pairs.enumerate() {
        let weights = problem.weights(Kind::Double).unwrap() + 0.1;
        let inputs = [tensor(&problem.anchors, Kind::Double), tensor(&problem.noise, Kind::Double), weights.copy()];
        let function = |x: &[Tensor]| {
            let zones = Zones { anchors: &x[0], weights: Some(&x[2]) };
            let assignment = zones::to_anchors(&flow, &x[1], &zones, &problem.owners()).unwrap();
            let end_points = (assignment.end_points * tensor(&problem.cotangent, Kind::Double)).sum(Kind::Double);
            alignment::log_loss(&assignment.own_log_probs, 0.2) + end_points
        };
        check(&inputs, function, seed as u64);
    }
}

#[test]
fn gradients_of_the_composition_match_differences() {
    // Latents of one set of anchors, aligned with another set: the unsupervised objective.
    let (first, second) = (Problem::new(7, 6, 6, 4, 0.8, false), Problem::new(8, 6, 6, 4, 0.8, false));
    let owners = Tensor::arange(6, (Kind::Int64, tch::Device::Cpu));
    let flow = &flows()[1];
    let function = |x: &[Tensor]| {
        let latents = zones::to_latents(
            flow,
            &Zones { anchors: &x[0], weights: None },
            &owners,
            &tensor(&first.noise, Kind::Double),
        );
        let zones = Zones { anchors: &x[1], weights: None };
        let assignment = zones::to_anchors(flow, &latents.unwrap(), &zones, &owners).unwrap();
        alignment::probability_loss(&assignment.own_log_probs, 0.2)
    };
    check(&[tensor(&first.anchors, Kind::Double), tensor(&second.anchors, Kind::Double)], function, 9);
}
