//! Values and gradients are those of the host, which derives its gradients by hand.

use lzn_latent::{alignment as host_alignment, nearest as host_nearest};
use lzn_torch::zones::{self, Zones, alignment};
use tch::Kind;

use crate::common::{Problem, flows, relative_error, tensor, values};

const TOLERANCE: f64 = 1e-10;

/// Sizes with fewer, as many and more samples than anchors, tight and wide.
fn problems() -> Vec<Problem> {
    vec![
        Problem::new(1, 9, 6, 5, 1.0, false),
        Problem::new(2, 5, 12, 3, 0.3, true),
        Problem::new(3, 20, 20, 16, 1.5, true),
        Problem::new(4, 1, 3, 4, 1.0, false),
        // Fewer anchors than dimensions, as labels are.
        Problem::new(5, 6, 20, 30, 1.0, true),
        Problem::new(6, 6, 20, 30, 0.1, false),
    ]
}

#[test]
fn latents_and_their_gradients_are_those_of_the_host() {
    for problem in problems() {
        for flow in flows() {
            let host = problem.host();
            let trace = flow.trace_latents(&host, &problem.owners, problem.noise.view()).unwrap();
            let expected = trace.vjp(problem.cotangent.view()).unwrap();

            let anchors = tensor(&problem.anchors, Kind::Double).set_requires_grad(true);
            let noise = tensor(&problem.noise, Kind::Double).set_requires_grad(true);
            let weights = problem.weights(Kind::Double).map(|weights| weights.set_requires_grad(true));
            let zones = Zones { anchors: &anchors, weights: weights.as_ref() };
            let latents = zones::to_latents(&flow, &zones, &problem.owners(), &noise).unwrap();
            (&latents * tensor(&problem.cotangent, Kind::Double)).sum(Kind::Double).backward();

            assert!(relative_error(&latents, trace.latents()) < TOLERANCE);
            assert!(relative_error(&noise.grad(), expected.noise.view()) < TOLERANCE);
            let scale = expected.noise.iter().map(|g| g * g).sum::<f64>().sqrt();
            let difference = tensor(&expected.anchors, Kind::Double) - anchors.grad();
            assert!(difference.norm().double_value(&[]) < TOLERANCE * scale, "{:?}", flow.to_latents_plan());
            if let Some(weights) = weights {
                // c dL/dc = dL/d log c, which is 0 for a weight of 0.
                assert!(relative_error(&(weights.grad() * &weights), expected.log_weights.view()) < TOLERANCE);
            }
        }
    }
}

#[test]
fn assignments_and_their_gradients_are_those_of_the_host() {
    for problem in problems() {
        for flow in flows() {
            let host = problem.host();
            let trace = flow.trace_anchors(problem.noise.view(), &host, &problem.owners).unwrap();
            let loss = host_alignment::log_loss(trace.own_log_probs(), 0.2).unwrap();
            let expected = trace.vjp(Some(problem.cotangent.view()), Some(loss.gradient.view())).unwrap();

            let anchors = tensor(&problem.anchors, Kind::Double).set_requires_grad(true);
            let latents = tensor(&problem.noise, Kind::Double).set_requires_grad(true);
            let weights = problem.weights(Kind::Double).map(|weights| weights.set_requires_grad(true));
            let zones = Zones { anchors: &anchors, weights: weights.as_ref() };
            let got = zones::to_anchors(&flow, &latents, &zones, &problem.owners()).unwrap();
            let value = alignment::log_loss(&got.own_log_probs, 0.2);
            let cotangent = tensor(&problem.cotangent, Kind::Double);
            (&value + (&got.end_points * cotangent).sum(Kind::Double)).backward();

            assert!(relative_error(&got.end_points, trace.end_points()) < TOLERANCE);
            assert!(relative_error(&got.own_log_probs, trace.own_log_probs()) < TOLERANCE);
            assert!((value.double_value(&[]) - loss.value).abs() <= TOLERANCE * loss.value.abs());
            let scale = expected.anchors.iter().map(|g| g * g).sum::<f64>().sqrt();
            for (got, expected) in [(&latents, &expected.latents), (&anchors, &expected.anchors)] {
                let difference = tensor(expected, Kind::Double) - got.grad();
                assert!(difference.norm().double_value(&[]) < TOLERANCE * scale, "{:?}", flow.to_latents_plan());
            }
            if let Some(weights) = weights {
                let got = values(&(weights.grad() * &weights));
                let size: f64 = expected.log_weights.iter().map(|g| g.abs()).sum::<f64>() + scale;
                assert!(got.iter().zip(&expected.log_weights).all(|(a, b)| (a - b).abs() < TOLERANCE * size));
            }
        }
    }
}

#[test]
fn losses_and_decisions_are_those_of_the_host() {
    for problem in problems() {
        for flow in flows() {
            let host = problem.host();
            let assignment = flow.to_anchors(problem.noise.view(), &host, Some(&problem.owners)).unwrap();
            let own = assignment.own_log_probs.unwrap();
            let own_tensor = tensor(&own, Kind::Double);
            for cut_off in [0.0, 0.2, 0.99] {
                let pairs = [
                    (
                        alignment::probability_loss(&own_tensor, cut_off),
                        host_alignment::probability_loss(own.view(), cut_off),
                    ),
                    (alignment::log_loss(&own_tensor, cut_off), host_alignment::log_loss(own.view(), cut_off)),
                ];
                for (got, expected) in pairs {
                    let (got, expected) = (got.double_value(&[]), expected.unwrap().value);
                    assert!((got - expected).abs() <= 1e-14 * expected.abs(), "{got} against {expected}");
                }
            }
            let accuracy = host_alignment::final_accuracy(own.view()).unwrap();
            assert!((alignment::final_accuracy(&own_tensor).double_value(&[]) - accuracy).abs() < 1e-14);

            let anchors = tensor(&problem.anchors, Kind::Double);
            let weights = problem.weights(Kind::Double);
            let zones = Zones { anchors: &anchors, weights: weights.as_ref() };
            let decided = zones::decide(&flow, &tensor(&problem.noise, Kind::Double), &zones).unwrap();
            let decided: Vec<usize> = Vec::<i64>::try_from(decided).unwrap().into_iter().map(|i| i as usize).collect();
            assert_eq!(decided, host_nearest(assignment.end_points.view(), &host).unwrap());
        }
    }
}

#[test]
fn the_record_of_all_anchors_is_that_of_the_host_and_sums_to_one() {
    for problem in problems() {
        for flow in flows() {
            let expected = flow.all_log_probs(problem.noise.view(), &problem.host()).unwrap().mapv(f64::exp);
            let (anchors, weights) = (tensor(&problem.anchors, Kind::Double), problem.weights(Kind::Double));
            let zones = Zones { anchors: &anchors, weights: weights.as_ref() };
            let (_, got) = zones::all_log_probs(&flow, &tensor(&problem.noise, Kind::Double), &zones).unwrap();
            assert!(relative_error(&got.exp(), expected.view()) < TOLERANCE);
            assert!(expected.sum_axis(ndarray::Axis(2)).iter().all(|sum| (sum - 1.0).abs() < 1e-12));
        }
    }
}
