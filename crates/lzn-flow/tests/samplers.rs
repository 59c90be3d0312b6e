//! Every solver on fields whose solution is known.

use lzn_flow::{ErrorControl, FlowError, Sampler};
use lzn_random::{Purpose, Stream};
use tch::{Kind, Tensor};

const START: f64 = 1e-3;

/// `dx/dt = x cos(4t) + t`, or without the second term, whose solution is `x0 exp((sin 4t - sin 4s) / 4)`.
fn swinging(x: &Tensor, t: &Tensor) -> Result<Tensor, FlowError> {
    Ok(x * (t * 4.0).cos().view([-1, 1]))
}

fn exact_end() -> Tensor {
    states() * (((4.0f64).sin() - (4.0 * START).sin()) / 4.0).exp()
}

fn states() -> Tensor {
    Tensor::from_slice(&Stream::new(0, Purpose::new("test"), [0; 3]).normals_f64(12)).view([4, 3])
}

fn distance(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

fn adaptive(tolerance: f64, control: ErrorControl) -> Sampler {
    Sampler::Rk45 { rtol: tolerance, atol: tolerance, control }
}

#[test]
fn each_solver_of_equal_steps_reaches_its_order() {
    type Make = fn(usize) -> Sampler;
    let make: [(Make, i32); 2] = [(|steps| Sampler::Euler { steps }, 1), (|steps| Sampler::Heun { steps }, 2)];
    for (solver, order) in make {
        let error = |steps| distance(&solver(steps).sample(&swinging, &states()).unwrap().images, &exact_end());
        let ratio = error(80) / error(160);
        let expected = f64::from(2i32.pow(order as u32));
        assert!((ratio / expected - 1.0).abs() < 0.1, "{:?}: the error falls by {ratio}", solver(160));
    }
}

#[test]
fn the_adaptive_solver_reaches_its_order_and_its_tolerance() {
    for control in [ErrorControl::Batch, ErrorControl::PerSample] {
        let run = |tolerance| {
            let sampled = adaptive(tolerance, control).sample(&swinging, &states()).unwrap();
            (distance(&sampled.images, &exact_end()), sampled.evaluations as f64)
        };
        let ((rough, few), (fine, many)) = (run(1e-5), run(1e-10));
        assert!(rough < 1e-4 && fine < 1e-9, "{control:?}: errors {rough} and {fine}");
        // Order 5: five more digits cost ten times the steps. At order 4 they would cost eighteen times, at 6 seven times.
        let order = (rough / fine).ln() / (many / few).ln();
        assert!(order > 4.5, "{control:?}: observed order {order}");
    }
}

#[test]
fn every_solver_undoes_itself() {
    let start = states();
    for (solver, tolerance) in [
        (Sampler::Euler { steps: 4000 }, 2e-3),
        (Sampler::Heun { steps: 400 }, 2e-5),
        (adaptive(1e-9, ErrorControl::Batch), 1e-7),
        (adaptive(1e-9, ErrorControl::PerSample), 1e-7),
    ] {
        let images = solver.sample(&swinging, &start).unwrap().images;
        let back = solver.invert(&swinging, &images).unwrap();
        let mut expected = start.shallow_clone();
        if matches!(solver, Sampler::Rk45 { .. }) {
            // The adaptive solver goes on from the state at the first time along the line through the image.
            expected = (&start - &images * START) / (1.0 - START);
        }
        let error = distance(&back.images, &expected);
        assert!(error < tolerance, "{solver:?}: {error}");
        let times = &back.times[0];
        assert_eq!((times[0], times[times.len() - 1]), (1.0, START), "{solver:?}");
    }
}

/// A field that is much harder for samples far from the origin.
fn uneven(x: &Tensor, t: &Tensor) -> Result<Tensor, FlowError> {
    Ok((x * 3.0).sin() * x.square().sum_dim_intlist(1, true, Kind::Double) + t.view([-1, 1]))
}

#[test]
fn with_control_per_sample_a_sample_does_not_depend_on_its_batch() {
    let solver = adaptive(1e-6, ErrorControl::PerSample);
    let scales = Tensor::from_slice(&[0.01, 0.5, 1.0, 3.0]).view([4, 1]);
    let start = states() * scales;
    let together = solver.sample(&uneven, &start).unwrap();
    let mut lengths = Vec::new();
    for i in 0..4 {
        let alone = solver.sample(&uneven, &start.narrow(0, i, 1)).unwrap();
        assert_eq!(alone.images, together.images.narrow(0, i, 1), "sample {i}");
        assert_eq!(alone.times[0], together.times[i as usize], "sample {i}");
        lengths.push(alone.times[0].len());
    }
    assert!(lengths[3] > lengths[0], "all samples are equally hard, so nothing was tested: {lengths:?}");
}

#[test]
fn with_control_over_the_batch_there_is_one_list_of_times() {
    let sampled = adaptive(1e-6, ErrorControl::Batch).sample(&uneven, &states()).unwrap();
    assert_eq!(sampled.times.len(), 1);
    assert!(sampled.times[0].is_sorted() && sampled.times[0].len() > 2, "{:?}", sampled.times);
}

#[test]
fn evaluations_are_counted() {
    for (solver, per_step, first) in [
        (Sampler::Euler { steps: 7 }, 1, 0),
        (Sampler::Heun { steps: 7 }, 2, 0),
        // No step of this gentle field is rejected.
        (adaptive(1e-5, ErrorControl::Batch), 6, 2),
    ] {
        let calls = std::cell::Cell::new(0);
        let counting = |x: &Tensor, t: &Tensor| {
            calls.set(calls.get() + 1);
            swinging(x, t)
        };
        let sampled = solver.sample(&counting, &states()).unwrap();
        assert_eq!(sampled.evaluations, calls.get(), "{solver:?}");
        assert_eq!(sampled.evaluations, (sampled.times[0].len() - 1) * per_step + first, "{solver:?}");
    }
}

#[test]
fn fields_that_cannot_be_integrated_are_errors() {
    let infinite = |x: &Tensor, _: &Tensor| -> Result<Tensor, FlowError> { Ok(x / 0.0) };
    for solver in [Sampler::Euler { steps: 3 }, Sampler::Heun { steps: 3 }, adaptive(1e-5, ErrorControl::Batch)] {
        let error = solver.sample(&infinite, &states()).unwrap_err();
        assert!(matches!(error, FlowError::NotFinite { .. }), "{solver:?}: {error}");
    }
    // The solution 1 / (0.5 - t) leaves every bound at t = 0.5.
    let exploding = |x: &Tensor, _: &Tensor| -> Result<Tensor, FlowError> { Ok(x.square()) };
    let start = Tensor::full([1, 1], 2.0, (Kind::Double, tch::Device::Cpu));
    let error = adaptive(1e-6, ErrorControl::Batch).sample(&exploding, &start).unwrap_err();
    assert!(matches!(error, FlowError::StepTooSmall { .. } | FlowError::NotFinite { .. }), "{error}");
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    for (solver, expected) in [
        (Sampler::Euler { steps: 0 }, "`steps`"),
        (Sampler::Heun { steps: 0 }, "`steps`"),
        (Sampler::Rk45 { rtol: -1.0, atol: 1e-5, control: ErrorControl::Batch }, "`rtol`"),
        (Sampler::Rk45 { rtol: 1e-5, atol: 0.0, control: ErrorControl::Batch }, "`atol`"),
    ] {
        let error = solver.sample(&swinging, &states()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_field_of_the_wrong_shape_is_refused() {
    let flat = |x: &Tensor, _: &Tensor| -> Result<Tensor, FlowError> { Ok(x.sum(Kind::Double)) };
    let error = Sampler::Euler { steps: 1 }.sample(&flat, &states()).unwrap_err().to_string();
    assert!(error.contains("`velocity`") && error.contains("[4, 3]"), "{error}");
}
