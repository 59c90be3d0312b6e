//! One step after the other: rates, clipping, freezing, numbers that are not finite.

use lzn_tasks::PartName;
use lzn_tasks::objective::StepContext;
use tch::Tensor;

use crate::support::{
    PARTS, batch, bits, classifier, data, draws, engine, joint, moment_norm, samples, state_of, step, value,
};

#[test]
fn learning_rates_grow_in_equal_steps_and_then_stay() {
    let folder = data();
    let mut engine = engine(&joint(folder.path(), &["train.warm_up={start_factor=0.25,iterations=3}"]));
    for (number, factor) in [0.25, 0.5, 0.75, 1.0, 1.0].into_iter().enumerate() {
        let report = step(&mut engine, number as u64, &batch(number as u64));
        for (part, rate) in [("encoder", 1e-3), ("decoder", 2e-3), ("labels", 1e-3)] {
            let got = value(&report, &format!("lr/{part}")).unwrap();
            assert!((got / (rate * factor) - 1.0).abs() < 1e-12, "step {number}, {part}: {got}");
        }
    }
}

#[test]
fn a_part_stops_at_its_step_with_its_average_and_moments_while_the_others_go_on() {
    let folder = data();
    let frozen = "train.decoder={learning_rate=2e-3,ema_decay=0.9,freeze_at=2}";
    let mut engine = engine(&joint(folder.path(), &[frozen]));
    for number in 0..2 {
        let before = state_of(&engine, PartName::DECODER);
        assert!(value(&step(&mut engine, number, &batch(number)), "lr/decoder").is_some());
        assert_ne!(state_of(&engine, PartName::DECODER), before, "step {number}");
    }
    let decoder = state_of(&engine, PartName::DECODER);
    for number in 2..4 {
        let (encoder, labels) = (state_of(&engine, PartName::ENCODER), state_of(&engine, PartName::LABELS));
        let report = step(&mut engine, number, &batch(number));
        assert_eq!(value(&report, "lr/decoder"), None);
        assert_eq!(state_of(&engine, PartName::DECODER), decoder, "step {number}");
        assert_ne!(state_of(&engine, PartName::ENCODER), encoder, "step {number}");
        assert_ne!(state_of(&engine, PartName::LABELS), labels, "step {number}");
    }
    let updates: Vec<_> = engine.parts.iter().map(|part| (part.adam.updates(), part.ema.updates())).collect();
    assert_eq!(updates, [(4, 4), (2, 2), (4, 4)], "encoder, decoder, labels");
}

#[test]
fn a_frozen_part_does_not_count_in_the_gradient_norm_and_lets_the_gradient_through() {
    let folder = data();
    let flow_only = ["objective.1.weight=0.0"];
    let mut whole = engine(&joint(folder.path(), &flow_only));
    let frozen = "train.decoder={learning_rate=2e-3,ema_decay=0.9,freeze_at=0}";
    let mut part = engine(&joint(folder.path(), &[flow_only[0], frozen, "train.clip_norm=1e9"]));
    let norm = |report| value(&report, "grad_norm").unwrap();
    let (all, rest) = (norm(step(&mut whole, 0, &batch(0))), norm(step(&mut part, 0, &batch(0))));
    // The first moment is a tenth of the gradient, which reaches the encoder through the frozen decoder alone.
    assert!(rest > 0.0 && rest < all, "{rest} of {all}");
    assert!((10.0 * moment_norm(&part, PartName::ENCODER) / rest - 1.0).abs() < 1e-5);
}

#[test]
fn clipping_scales_the_gradients_of_all_parts_together() {
    let folder = data();
    let mut free = engine(&joint(folder.path(), &["train.clip_norm=1e9"]));
    let norm = value(&step(&mut free, 0, &batch(0)), "grad_norm").unwrap();
    let moments = |engine: &_| PARTS.map(|part| 10.0 * moment_norm(engine, part));
    let whole = moments(&free);
    let length = |parts: [f64; 3]| parts.iter().map(|x| x * x).sum::<f64>().sqrt();
    assert!(whole.iter().all(|part| *part > 0.0), "{whole:?}");
    assert!((length(whole) / norm - 1.0).abs() < 1e-5, "without clipping the moments are the gradient");

    let limit = norm / 8.0;
    let mut clipped = engine(&joint(folder.path(), &[&format!("train.clip_norm={limit:e}")]));
    let report = step(&mut clipped, 0, &batch(0));
    assert_eq!(value(&report, "grad_norm"), Some(norm), "the norm on record is that before clipping");
    let parts = moments(&clipped);
    assert!((length(parts) / limit - 1.0).abs() < 1e-4, "{parts:?}");
    for (clipped, whole) in parts.iter().zip(whole) {
        assert!((clipped / whole * 8.0 - 1.0).abs() < 1e-4, "every part by the same factor: {clipped} of {whole}");
    }
}

#[test]
fn numbers_that_are_not_finite_skip_the_step_and_leave_everything_as_it_was() {
    let folder = data();
    let config = joint(folder.path(), &[]);
    let (mut engine, mut other) = (engine(&config), engine(&config));
    let state = |engine: &_| PARTS.map(|part| state_of(engine, part));
    step(&mut engine, 0, &batch(0));
    let before = state(&engine);
    for factor in [f64::NAN, 1e30] {
        let (images, labels) = samples(1);
        let report = step(&mut engine, 1, &StepContext::new(images * factor, labels, draws(1)));
        assert!(report.skipped && !value(&report, "loss").unwrap().is_finite(), "factor {factor}: {:?}", report.values);
        assert_eq!(state(&engine), before, "factor {factor}");
    }
    assert!(engine.parts.iter().all(|part| part.adam.updates() == 1 && part.ema.updates() == 1));

    // The next good step is that of an engine that never saw them.
    step(&mut other, 0, &batch(0));
    for engine in [&mut engine, &mut other] {
        assert!(!step(engine, 2, &batch(2)).skipped);
    }
    assert_eq!(state(&engine), state(&other));
}

#[test]
fn a_gradient_that_overflows_under_a_finite_loss_skips_the_step() {
    let folder = data();
    let mut engine = engine(&joint(folder.path(), &["objective.0.weight=1e38"]));
    let before = state_of(&engine, PartName::DECODER);
    let report = step(&mut engine, 0, &batch(0));
    assert!(value(&report, "loss").unwrap().is_finite() && report.skipped, "{:?}", report.values);
    assert!(!value(&report, "grad_norm").unwrap().is_finite());
    assert_eq!(state_of(&engine, PartName::DECODER), before);
}

#[test]
fn averages_stand_in_for_parameters_only_while_they_are_used() {
    let folder = data();
    let mut engine = engine(&joint(folder.path(), &[]));
    (0..3).for_each(|number| {
        step(&mut engine, number, &batch(number));
    });
    let (raw, averages) = (bits(engine.parameters()), bits(engine.averages()));
    assert_ne!(raw, averages);
    let all = |model: &lzn_tasks::Lzn| -> Vec<Vec<u32>> {
        let named = model.parts().into_iter().flat_map(|(_, params)| params.named()).collect();
        bits(named).into_iter().map(|(_, values)| values).collect()
    };
    let inside = engine.with_averages(|model| Ok(all(model))).unwrap();
    assert_eq!(inside, averages.into_iter().map(|(_, values)| values).collect::<Vec<_>>());
    let failed = engine.with_averages(|_| Err::<Tensor, _>(lzn_tasks::TaskError::NoLabels));
    assert!(failed.is_err());
    assert_eq!(bits(engine.parameters()), raw, "put back after an error as well");
}

#[test]
fn the_parts_of_a_step_add_up_to_the_time_that_it_took() {
    let folder = data();
    let config = joint(folder.path(), &[]);
    let mut engine = engine(&config);
    let begin = std::time::Instant::now();
    let times = step(&mut engine, 0, &batch(0)).times;
    let whole = begin.elapsed();
    assert!(times.total() <= whole && times.total() > whole / 2, "{times:?} of {whole:?}");
    for (name, time) in times.parts() {
        assert_eq!(time.is_zero(), name == "data", "{name}: {time:?}");
    }
}

#[test]
fn the_share_of_zoning_is_reported_where_there_is_zoning() {
    let folder = data();
    let share = step(&mut engine(&joint(folder.path(), &[])), 0, &batch(0)).times.zoning_share();
    assert!(share.is_some_and(|share| share > 0.0 && share < 1.0), "{share:?}");
    assert_eq!(step(&mut engine(&classifier(folder.path(), &[])), 0, &batch(0)).times.zoning_share(), None);
}
