//! Single and half precision stay close to double precision, and graphs are only built where they are wanted.

use lzn_latent::{Solver, ZoneFlow};
use lzn_torch::zones::{self, Zones, alignment};
use ndarray::Array2;
use tch::{Kind, Tensor};

use crate::common::{Problem, tensor};

/// Latents, their gradient, the alignment loss of the latents and its gradient.
fn outcome(flow: &ZoneFlow, problem: &Problem, kind: Kind) -> [Tensor; 4] {
    let anchors = tensor(&problem.anchors, kind).set_requires_grad(true);
    let zones = Zones { anchors: &anchors, weights: None };
    let latents = zones::to_latents(flow, &zones, &problem.owners(), &tensor(&problem.noise, kind)).unwrap();
    (&latents * tensor(&problem.cotangent, kind)).sum(kind).backward();
    let way_gradient = anchors.grad().copy();
    let mut anchors = anchors;
    anchors.zero_grad();
    let zones = Zones { anchors: &anchors, weights: None };
    let points = tensor(&problem.noise, kind);
    let assignment = zones::to_anchors(flow, &points, &zones, &problem.owners()).unwrap();
    let loss = alignment::log_loss(&assignment.own_log_probs, 0.2);
    loss.backward();
    [latents.detach(), way_gradient, loss.detach(), anchors.grad()]
}

fn relative(got: &Tensor, expected: &Tensor) -> f64 {
    ((got.to_kind(Kind::Double) - expected).norm() / expected.norm()).double_value(&[])
}

#[test]
fn single_precision_is_close_on_wide_tight_distant_and_nearly_equal_anchors() {
    let plain = || Problem::new(11, 40, 40, 64, 1.0, false);
    let changed = |change: &dyn Fn(&mut Array2<f64>)| {
        let mut problem = plain();
        change(&mut problem.anchors);
        // What single precision cannot represent is not the algorithm's doing.
        problem.anchors.mapv_inplace(|x| f64::from(x as f32));
        problem.noise.mapv_inplace(|x| f64::from(x as f32));
        problem
    };
    let nearly_equal = |a: &mut Array2<f64>| {
        for j in 0..20 {
            let copy = a.row(j).to_owned() + 1e-3;
            a.row_mut(j + 20).assign(&copy);
        }
    };
    let cases: [(&str, Problem); 4] = [
        ("wide", changed(&|_| {})),
        ("tight", changed(&|a| *a *= 0.05)),
        ("distant", changed(&|a| *a += 30.0)),
        ("nearly equal", changed(&nearly_equal)),
    ];
    for (name, problem) in &cases {
        for flow in [ZoneFlow::new(Solver::euler(20)).unwrap(), ZoneFlow::new(Solver::dpm(20)).unwrap()] {
            let (got, expected) = (outcome(&flow, problem, Kind::Float), outcome(&flow, problem, Kind::Double));
            let limits = [1e-5, 1e-4, 1e-5, 1e-3];
            for ((got, expected), limit) in got.iter().zip(&expected).zip(limits) {
                let error = relative(got, expected);
                assert!(error < limit, "{name}, {:?}: {error:e} of {limit:e}", flow.to_latents_plan());
            }
        }
    }
}

#[test]
fn half_precision_inputs_are_computed_in_single_precision() {
    let problem = Problem::new(12, 8, 8, 6, 1.0, false);
    let flow = ZoneFlow::new(Solver::euler(20)).unwrap();
    for kind in [Kind::Half, Kind::BFloat16] {
        let rounded = |array: &Array2<f64>| tensor(array, kind);
        let anchors = rounded(&problem.anchors).set_requires_grad(true);
        let zones = Zones { anchors: &anchors, weights: None };
        let latents = zones::to_latents(&flow, &zones, &problem.owners(), &rounded(&problem.noise)).unwrap();
        assert_eq!(latents.kind(), kind);
        latents.sum(kind).backward();
        assert_eq!(anchors.grad().kind(), kind);
        let single = anchors.detach().to_kind(Kind::Float);
        let zones = Zones { anchors: &single, weights: None };
        let noise = rounded(&problem.noise).to_kind(Kind::Float);
        let expected = zones::to_latents(&flow, &zones, &problem.owners(), &noise).unwrap();
        assert_eq!(latents.detach(), expected.to_kind(kind));
    }
}

#[test]
fn hopeless_samples_have_a_finite_loss_with_a_gradient() {
    // Probabilities around exp(-1e6): zero in any floating-point format.
    let anchors = Tensor::from_slice(&[-100_f32, 100.0]).reshape([2, 1]).set_requires_grad(true);
    let latents = Tensor::from_slice(&[5_f32, -5.0]).reshape([2, 1]).set_requires_grad(true);
    let owners = Tensor::from_slice(&[0_i64, 1]);
    let flow = ZoneFlow::new(Solver::euler(100)).unwrap();
    let zones = Zones { anchors: &anchors, weights: None };
    let assignment = zones::to_anchors(&flow, &latents, &zones, &owners).unwrap();
    assert_eq!(assignment.own_log_probs.get(99).exp().sum(Kind::Float).double_value(&[]), 0.0);
    let loss = alignment::log_loss(&assignment.own_log_probs, 0.2);
    loss.backward();
    assert!(loss.double_value(&[]).is_finite() && loss.double_value(&[]) > 1e3);
    for leaf in [&anchors, &latents] {
        let gradient = leaf.grad();
        assert!(gradient.isfinite().all().int64_value(&[]) == 1 && gradient.norm().double_value(&[]) > 0.0);
    }
}

#[test]
fn no_graph_is_built_without_need() {
    let problem = Problem::new(13, 5, 5, 3, 1.0, false);
    let flow = ZoneFlow::new(Solver::dpm(10)).unwrap();
    let anchors = tensor(&problem.anchors, Kind::Float).set_requires_grad(true);
    let zones = Zones { anchors: &anchors, weights: None };
    let noise = tensor(&problem.noise, Kind::Float);
    assert!(zones::to_latents(&flow, &zones, &problem.owners(), &noise).unwrap().requires_grad());
    let quiet = tch::no_grad(|| zones::to_latents(&flow, &zones, &problem.owners(), &noise).unwrap());
    assert!(!quiet.requires_grad());
    assert!(!zones::decide(&flow, &noise, &zones).unwrap().requires_grad());
}
