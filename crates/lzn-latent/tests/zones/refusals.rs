//! Bad input is refused by name.

use lzn_latent::{Anchors, LatentError, Solver, ZoneFlow, alignment};
use ndarray::{Array2, array};

use crate::common::{anchors, flow, normal};

#[test]
fn anchors_and_weights_must_be_usable() {
    assert!(matches!(Anchors::new(Array2::<f64>::zeros((0, 3))), Err(LatentError::NoAnchors { .. })));
    let error = Anchors::new(array![[0.0, 1.0], [f64::INFINITY, 0.0], [f64::NAN, 0.0]]).unwrap_err();
    assert!(matches!(&error, LatentError::NonFinite { rows, .. } if rows.first() == [1, 2]), "{error}");
    assert!(error.to_string().contains("`points` is not finite in rows 1, 2"), "{error}");

    let pair = || anchors(&array![[0.0], [1.0]]);
    assert!(matches!(pair().with_weights(array![1.0]), Err(LatentError::Shape { argument: "weights", .. })));
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let error = pair().with_weights(array![1.0, bad]).unwrap_err();
        assert!(matches!(&error, LatentError::Weight { rows, .. } if rows.first() == [1]), "{error}");
    }
    assert!(matches!(pair().with_weights(array![0.0, 0.0]), Err(LatentError::NoWeight { .. })));
}

#[test]
fn long_lists_of_bad_rows_are_cut() {
    let error = Anchors::new(Array2::from_elem((50, 2), f32::NAN)).unwrap_err();
    assert!(error.to_string().contains("rows 0, 1, 2, 3, 4, 5, 6, 7 and 42 more"), "{error}");
}

#[test]
fn solvers_must_be_possible() {
    let refused = |solver| ZoneFlow::new(solver).unwrap_err();
    assert_eq!(refused(Solver::euler(0)), LatentError::NoSteps);
    assert_eq!(refused(Solver::dpm(0)), LatentError::NoSteps);
    for order in [0, 4] {
        let solver = Solver::DpmSolver { steps: 5, order, start: 0.1, end: 0.1 };
        assert_eq!(refused(solver), LatentError::Order { order });
    }
    for start in [0.0, 1.0, -0.1, f64::NAN] {
        assert!(matches!(refused(Solver::Euler { steps: 5, start }), LatentError::EndTime { name: "start", .. }));
    }
    let crossed = Solver::DpmSolver { steps: 5, order: 2, start: 0.6, end: 0.4 };
    assert!(matches!(refused(crossed), LatentError::EndTime { name: "end", .. }));
}

#[test]
fn points_and_owners_must_fit_the_anchors() {
    let set = anchors(&normal(90, 3, 4));
    let flow = flow(Solver::euler(3));
    let latents = |owners: &[usize], noise: Array2<f64>| flow.to_latents(&set, owners, noise.view()).unwrap_err();
    let back = |owners: &[usize], points: Array2<f64>| flow.to_anchors(points.view(), &set, Some(owners)).unwrap_err();
    assert!(matches!(latents(&[0, 1], normal(91, 2, 5)), LatentError::Shape { argument: "noise", .. }));
    assert!(matches!(back(&[0, 1], normal(91, 2, 5)), LatentError::Shape { argument: "latents", .. }));
    assert!(matches!(latents(&[0], normal(91, 2, 4)), LatentError::Shape { argument: "owners", .. }));
    for error in [latents(&[0, 3], normal(91, 2, 4)), back(&[0, 3], normal(91, 2, 4))] {
        assert!(matches!(error, LatentError::Owner { row: 1, owner: 3, anchors: 3, .. }), "{error}");
    }
    let mut noise = normal(91, 2, 4);
    noise[[1, 2]] = f64::NAN;
    for error in [latents(&[0, 1], noise.clone()), back(&[0, 1], noise)] {
        assert!(matches!(&error, LatentError::NonFinite { rows, .. } if rows.first() == [1]), "{error}");
    }
}

#[test]
fn owners_of_an_empty_zone_are_refused() {
    let set = anchors(&normal(92, 2, 3)).with_weights(array![1.0, 0.0]).unwrap();
    let error = flow(Solver::dpm(4)).to_latents(&set, &[0, 1], normal(93, 2, 3).view()).unwrap_err();
    assert!(matches!(error, LatentError::EmptyZone { row: 1, owner: 1, .. }), "{error}");
}

#[test]
fn values_beyond_the_range_of_the_type_are_refused_not_returned() {
    let far = Anchors::new(array![[-1e30_f32, 0.0], [1e30, 0.0], [0.0, 1e30]]).unwrap();
    let noise = array![[1e25_f32, 1.0], [1.0, 1.0]];
    for solver in [Solver::euler(10), Solver::dpm(10)] {
        let flow = flow(solver);
        match flow.to_latents(&far, &[0, 1], noise.view()) {
            Ok(latents) => assert!(latents.iter().all(|z| z.is_finite())),
            Err(error) => assert!(matches!(error, LatentError::Overflow { .. }), "{error}"),
        }
        match flow.to_anchors(noise.view(), &far, Some(&[0, 1])) {
            Ok(back) => assert!(back.own_log_probs.unwrap().iter().chain(&back.end_points).all(|x| x.is_finite())),
            Err(error) => assert!(matches!(error, LatentError::Overflow { .. }), "{error}"),
        }
    }
}

#[test]
fn alignment_needs_steps_and_a_cut_off_that_leaves_some() {
    let log_probs = normal(94, 4, 3).mapv(|x| -x.abs());
    for cut_off in [-0.1, 1.0, f64::NAN] {
        assert!(matches!(alignment::log_loss(log_probs.view(), cut_off), Err(LatentError::CutOff { steps: 4, .. })));
    }
    let nothing = Array2::<f64>::zeros((4, 0));
    assert!(matches!(alignment::final_accuracy(nothing.view()), Err(LatentError::Shape { .. })));
    assert!(matches!(alignment::probability_loss(nothing.view(), 0.2), Err(LatentError::Shape { .. })));
}
