//! Several processes that train as one: losses, gradients and weights are those of one process with the whole batch.

use lzn_random::{Purpose, Stream};
use lzn_tasks::TaskError;
use lzn_tasks::config::RunConfig;
use lzn_tasks::evaluate::{ClassWeights, ClassifyOptions, Encoded, classify_among};
use lzn_tasks::objective::{Draws, Field, StepContext};
use lzn_tasks::run::StopFlag;
use lzn_tasks::train::{StepEngine, StepReport};
use lzn_tasks::types::Samples;
use lzn_tasks::{IMAGE, LABEL, TEXT};
use lzn_torch::dist::World;
use tch::{Device, Kind, Tensor};

use crate::started::among;
use crate::support::{SILENT, bits, data, engine, joint, kinds, value, with};
use crate::texts;

/// Samples of a whole batch: divisible by 1, 2 and 4.
const BATCH: i64 = 12;
const STEPS: u64 = 5;

/// A worker's share of the batch of a step. Equal texts and labels are on both sides of every cut.
fn share(world: &World, step: u64) -> StepContext {
    let count = BATCH / world.size() as i64;
    let first = world.first_row(count);
    let images = |name| {
        let mut stream = Stream::new(step, Purpose::new(name), [0; 3]);
        let all = Tensor::from_slice(&stream.uniforms(BATCH as usize * 64, -1.0, 1.0)).view([BATCH, 1, 8, 8]);
        Samples::Rows(all.narrow(0, first, count))
    };
    let labels = Tensor::from_slice(&[0_i64, 1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1]).narrow(0, first, count);
    let words = ["b", "a", "b", "c", "a", "a", "d", "b", "c", "a", "b", "e"];
    let texts = Samples::from(&words[first as usize..(first + count) as usize]);
    let fields = vec![
        Field::new(IMAGE, images("first")).with_second_view(Some(images("second"))),
        Field::new(LABEL, labels),
        Field::new(TEXT, texts),
    ];
    StepContext::of(fields, Draws::of_step(3, step, Device::Cpu)).among(world)
}

/// What five steps have said and made of the model.
struct Trained {
    reports: Vec<StepReport>,
    engine: StepEngine,
    /// Of each parameter the gradient of each step, as a share of the norm of all of that step.
    gradients: Vec<(String, Vec<Tensor>)>,
}

fn learned(engine: &StepEngine) -> Vec<(String, Tensor)> {
    engine.model.parts().into_iter().flat_map(|(_, params)| params.trainable()).collect()
}

fn train(world: &World, config: &RunConfig) -> Trained {
    let mut engine = engine(config);
    let mut gradients: Vec<_> = learned(&engine).into_iter().map(|(name, _)| (name, Vec::new())).collect();
    let mut reports = Vec::new();
    for step in 0..STEPS {
        let report = engine.step(step, &share(world, step)).unwrap();
        let whole = value(&report, "grad_norm").unwrap();
        for ((_, steps), (_, tensor)) in gradients.iter_mut().zip(learned(&engine)) {
            let gradient = tensor.grad();
            steps.push(if gradient.defined() { gradient / whole } else { tensor.zeros_like() });
        }
        reports.push(report);
    }
    Trained { reports, engine, gradients }
}

fn norm(tensor: &Tensor) -> f64 {
    tensor.square().sum(Kind::Double).sqrt().double_value(&[])
}

/// How far five steps of Adam can move a weight, at the rates of the configuration.
const REACH: f64 = 1e-3 * STEPS as f64;

/// Of float32 sums in another order, and of what five steps make of it.
const ROUNDING: f64 = 2e-5;

fn check(name: &str, world: &World, config: &RunConfig) {
    let (alone, shared) = (train(&World::alone(), config), train(world, config));
    for (step, (expected, got)) in alone.reports.iter().zip(&shared.reports).enumerate() {
        assert!(!expected.skipped && !got.skipped, "{name}: step {step}");
        assert_eq!(expected.values.len(), got.values.len(), "{name}: step {step}");
        // This one each worker takes of its own first latents.
        for (key, expected) in expected.values.iter().filter(|(key, _)| key != "ode_error/views") {
            let got = value(got, key).unwrap();
            let error = (got - expected).abs();
            assert!(error < ROUNDING * (1.0 + expected.abs()), "{name}: {key} of step {step} is {got}, not {expected}");
        }
    }
    check_weights(name, &alone, &shared);
    // And the same in all workers to the bit.
    for (parameter, tensor) in shared.engine.parameters() {
        let of_first = tensor.detach().copy();
        world.broadcast(std::slice::from_ref(&of_first), 0).unwrap();
        assert!(of_first.equal(&tensor), "{name}: {parameter} differs between workers");
    }
}

/// Gradients of every step agree within rounding of the whole gradient. So do weights: Adam divides a gradient by its own size, and
/// its rounding with it, so a weight may be off by that share of its way which rounding is of the smallest gradient that it has had. Of a
/// gradient that is zero, as that of the bias of attention's keys, Adam makes steps out of rounding alone.
fn check_weights(name: &str, alone: &Trained, shared: &Trained) {
    let (mut held, mut all) = (0.0, 0.0);
    let weights = learned(&alone.engine).into_iter().zip(learned(&shared.engine));
    for (((parameter, expected), (_, got)), ((_, weight), (_, other))) in
        alone.gradients.iter().zip(&shared.gradients).zip(weights)
    {
        let mut smallest = expected[0].abs();
        for (step, (expected, got)) in expected.iter().zip(got).enumerate() {
            let error = norm(&(expected - got));
            assert!(error < ROUNDING, "{name}: the gradient of {parameter} is off by {error} at step {step}");
            smallest = smallest.minimum(&expected.abs());
        }
        let rounding = (smallest / ROUNDING).clamp_min(0.5).reciprocal();
        let furthest = ((&weight - other).abs() / (&rounding * REACH)).max().double_value(&[]);
        assert!(furthest < 1.0, "{name}: {parameter} is off by {furthest} times what rounding explains");
        held += rounding.lt(0.1).to_kind(Kind::Double).sum(None).double_value(&[]);
        all += weight.numel() as f64;
    }
    assert!(held > 0.1 * all, "{name}: {held} of {all} weights have been compared closely");
}

#[test]
fn every_objective_learns_what_one_process_learns() {
    among("workers::every_objective_learns_what_one_process_learns", &[2, 4], |world| {
        tch::set_num_threads(1);
        let folder = data();
        let clip = "objective=[{kind=\"clip\",from=\"image\",to=\"text\",temperature=0.5}]";
        let sized = |config: RunConfig| with(&config, &["train.batch_size=12"]);
        let several = [
            ("texts", with(&texts::config(folder.path()), &SILENT)),
            ("clip", with(&texts::config(folder.path()), &[&SILENT[..], &[clip]].concat())),
            ("in pieces", with(&joint(folder.path(), &["train.micro_batch=2"]), &SILENT)),
            ("frozen", with(&joint(folder.path(), &["train.decoder.freeze_at=2"]), &SILENT)),
        ];
        for (name, config) in kinds(folder.path(), 24).into_iter().chain(several) {
            check(name, world, &sized(config));
        }
    });
}

/// The share of a worker, in which images of worker 1 are `factor` times as bright.
fn glaring(world: &World, step: u64, factor: f64) -> StepContext {
    let context = share(world, step);
    let images = context.field(IMAGE).unwrap().samples().rows().unwrap();
    let images = if world.rank() == 1 { images * factor } else { images.shallow_clone() };
    let labels = context.field(LABEL).unwrap().samples().clone();
    let fields = vec![Field::new(IMAGE, images), Field::new(LABEL, labels)];
    StepContext::of(fields, Draws::of_step(3, step, Device::Cpu)).among(world)
}

#[test]
fn a_gradient_beyond_float16_in_one_worker_skips_the_step_in_all_and_halves_their_scales_alike() {
    let test = "workers::a_gradient_beyond_float16_in_one_worker_skips_the_step_in_all_and_halves_their_scales_alike";
    among(test, &[2], |world| {
        tch::set_num_threads(1);
        let folder = data();
        let half = with(&joint(folder.path(), &["train.precision=\"float16\""]), &SILENT);
        let mut engine = engine(&half);
        let mut scale = engine.scaler.unwrap().scale();
        // Of images so bright the loss is finite, the scaled gradient in half precision is not.
        for (step, factor) in [(0, 1.0), (1, 100.0), (2, 1.0)] {
            let before = bits(engine.parameters());
            let report = engine.step(step, &glaring(world, step, factor)).unwrap();
            assert_eq!(report.skipped, step == 1, "{:?}", report.values);
            assert!(value(&report, "loss").unwrap().is_finite());
            assert_eq!(bits(engine.parameters()) == before, step == 1);
            scale *= if step == 1 { 0.5 } else { 1.0 };
            assert_eq!(world.means(&[engine.scaler.unwrap().scale()]).unwrap(), [scale]);
            assert_eq!(engine.scaler.unwrap().scale(), scale);
        }
        // Worker 0 alone would have had nothing to skip.
        let alone = glaring(&World::alone(), 1, 100.0);
        assert!(!world.is_first() || !crate::support::engine(&half).step(1, &alone).unwrap().skipped);
    });
}

/// Draws of worker 1 whose noise has no latents, of no type.
fn without_latents(dim: i64) -> Draws {
    let infinite = || Tensor::full([BATCH / 2, dim], f64::INFINITY, (Kind::Float, Device::Cpu));
    let draws = Draws::of_step(3, 0, Device::Cpu).of_worker(1);
    ["latent-noise", "latent-noise/label", "latent-noise/text"]
        .into_iter()
        .fold(draws, |draws, name| draws.with(name, infinite()))
}

#[test]
fn numbers_that_are_not_finite_in_one_worker_skip_the_step_in_all() {
    among("workers::numbers_that_are_not_finite_in_one_worker_skip_the_step_in_all", &[2], |world| {
        tch::set_num_threads(1);
        let folder = data();
        let texts = with(&texts::config(folder.path()), &SILENT);
        for (name, config) in kinds(folder.path(), 24).into_iter().chain([("texts", texts)]) {
            let mut engine = engine(&config);
            let before = bits(engine.parameters());
            let mut context = share(world, 0);
            if world.rank() == 1 {
                context.draws = without_latents(engine.model.space.dim as i64);
            }
            let report = engine.step(0, &context).unwrap();
            let learns_by_latents = !["plain", "classifier", "simclr", "moco"].contains(&name);
            assert_eq!(report.skipped, learns_by_latents, "{name}: {:?}", report.values);
            assert_eq!(bits(engine.parameters()) == before, learns_by_latents, "{name}");
            // All have made the same calls: the next step is one like any other.
            assert!(!engine.step(1, &share(world, 1)).unwrap().skipped, "{name}");
        }
    });
}

#[test]
fn an_evaluation_is_given_up_by_all_if_one_worker_is_asked_to_stop() {
    among("workers::an_evaluation_is_given_up_by_all_if_one_worker_is_asked_to_stop", &[2], |world| {
        let folder = data();
        let config = joint(folder.path(), &[]);
        let engine = engine(&config);
        let images = lzn_tasks::data::open_test(&config.data).unwrap().unwrap();
        let options = ClassifyOptions {
            images: 8,
            batch_size: 4,
            noise_scale: 1.0,
            class_weights: ClassWeights::Training,
            seed: 1,
        };
        let evaluate = |stop: &StopFlag| {
            let encoded = stop.watch(|| Encoded::among(world, &engine.model, images.as_ref(), 8)).map(drop);
            let classified = stop.watch(|| classify_among(world, &engine.model, images.as_ref(), options)).map(drop);
            [encoded, classified]
        };
        let stop = StopFlag::new();
        assert!(evaluate(&stop).iter().all(Result::is_ok));
        if world.rank() == 1 {
            stop.request();
        }
        assert!(evaluate(&stop).iter().all(|result| result.as_ref().is_err_and(TaskError::is_interruption)));
        assert_eq!(stop.requested(), world.rank() == 1);
    });
}
