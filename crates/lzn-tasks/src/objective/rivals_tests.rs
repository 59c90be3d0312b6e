//! SimCLR and MoCo against closed forms and their definitions in double precision, with encoders that are a single factor.

use std::path::Path;

use lzn_encoders::{EncoderError, ImageAnchors};
use lzn_random::{Purpose, Stream};
use lzn_torch::{Init, ParamStore, Shared};
use tch::{Device, Kind, Tensor};

use super::{Draws, MoCo, MoCoOptions, Objective, SimClr, StepContext};
use crate::TaskError;
use crate::config::RunConfig;
use crate::model::{IMAGE, Lzn};
use crate::types::Part;
use crate::types::image::ImageEncoder;

const D: i64 = 64;

/// Takes images of 64 numbers, moved by an offset, for anchors.
#[derive(Debug, Clone)]
struct Moved(Shared);

impl ImageAnchors for Moved {
    fn forward(&self, images: &Tensor, _train: bool) -> Result<Tensor, EncoderError> {
        Ok(images.flatten(1, -1) + &*self.0)
    }

    fn share(&self) -> Box<dyn ImageAnchors> {
        Box::new(self.clone())
    }
}

fn encoder() -> Part<Box<dyn ImageAnchors>> {
    let params = ParamStore::new(Device::Cpu, 0);
    let offset = params.root().param("offset", &[D], Init::Constant(0.0));
    Part { net: Box::new(Moved(offset.into())), params }
}

fn model() -> Lzn {
    let text = r#"
        data = { source = "fashion-mnist-embedded", image_size = 28, channels = 1 }
        objective = [{ kind = "simclr" }]
        train = { batch_size = 2 }
        [model]
        latent_dim = 64
        encoder.resnet = { layers = [1] }
    "#;
    let config = RunConfig::parse(text, Path::new("test.toml"), &[]).unwrap();
    let mut model = Lzn::new(&config.model, &config.data, 0, 0, Device::Cpu).unwrap();
    model.data_type_mut(IMAGE).unwrap().replace_encoder(ImageEncoder(encoder()));
    model
}

fn moco(model: &Lzn, queue: usize, momentum: f64) -> MoCo {
    MoCo::new(MoCoOptions { temperature: 0.2, queue, momentum }, encoder(), model, 7).unwrap()
}

fn random(rows: i64, index: u64) -> Tensor {
    let mut stream = Stream::new(1, Purpose::new("test"), [index, 0, 0]);
    Tensor::from_slice(&stream.normals((rows * D) as usize)).view([rows, 1, 8, 8])
}

/// The first rows of the identity, times a factor that no cosine sees.
fn axes(from: i64, rows: i64) -> Tensor {
    (Tensor::eye(D, (Kind::Float, Device::Cpu)).narrow(0, from, rows) * 3.0).view([rows, 1, 8, 8])
}

fn context(first: &Tensor, second: &Tensor) -> StepContext {
    let none = || Tensor::zeros([0], (Kind::Float, Device::Cpu));
    let draws = Draws::of_step(0, 0, Device::Cpu);
    StepContext::new(first.shallow_clone(), none(), draws).with_second_view(Some(second.shallow_clone()))
}

fn loss(objective: &dyn Objective, model: &Lzn, context: &StepContext) -> f64 {
    objective.loss(model, context).unwrap().value.double_value(&[])
}

/// Rows of norm 1 in double precision.
fn rows(images: &Tensor) -> Vec<Vec<f64>> {
    let rows = Vec::<Vec<f64>>::try_from(images.flatten(1, -1).to_kind(Kind::Double)).unwrap();
    let normed = |row: Vec<f64>| {
        let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        row.into_iter().map(|x| x / norm).collect()
    };
    rows.into_iter().map(normed).collect()
}

/// `log sum exp(scores) - score`: the cross-entropy of one choice.
fn surprise(score: f64, scores: impl Iterator<Item = f64>) -> f64 {
    scores.map(f64::exp).sum::<f64>().ln() - score
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn simclr_of_equal_views_that_are_orthogonal_to_all_others_has_a_closed_form() {
    let model = model();
    for (count, temperature) in [(2, 0.5), (8, 0.5), (8, 0.1)] {
        let views = axes(0, count);
        let got = loss(&SimClr { temperature }, &model, &context(&views, &views));
        // Of 2B - 1 others one has the cosine 1 and all the rest 0.
        let expected = (1.0 + (2 * count - 2) as f64 * (-1.0 / temperature).exp()).ln();
        assert!((got - expected).abs() < 1e-6, "{count}, {temperature}: {got} is not {expected}");
    }
}

#[test]
fn simclr_of_views_that_say_nothing_is_a_guess_among_all_others() {
    let views = Tensor::ones([6, 1, 8, 8], (Kind::Float, Device::Cpu));
    let got = loss(&SimClr { temperature: 0.1 }, &model(), &context(&views, &views));
    assert!((got - 11f64.ln()).abs() < 1e-6, "{got}");
}

#[test]
fn simclr_is_its_definition_and_so_is_its_gradient() {
    let model = model();
    let temperature = 0.3;
    let definition = |first: &Tensor, second: &Tensor| {
        let all = rows(&Tensor::cat(&[first, second], 0));
        let of = |i: usize| {
            let partner = (i + all.len() / 2) % all.len();
            let score = |j: usize| dot(&all[i], &all[j]) / temperature;
            surprise(score(partner), (0..all.len()).filter(|j| *j != i).map(score))
        };
        (0..all.len()).map(of).sum::<f64>() / all.len() as f64
    };
    let (first, second) = (random(5, 0).set_requires_grad(true), random(5, 1).set_requires_grad(true));
    let value = SimClr { temperature }.loss(&model, &context(&first, &second)).unwrap().value;
    value.backward();
    let exact = |images: &Tensor| images.detach().to_kind(Kind::Double);
    let expected = definition(&exact(&first), &exact(&second));
    assert!((value.double_value(&[]) - expected).abs() < 1e-6);
    for (view, gradient) in [(0, first.grad()), (1, second.grad())] {
        for place in [[0, 0, 0, 0], [3, 0, 2, 5], [4, 0, 7, 7]] {
            let at = |step: f64| {
                let views = [exact(&first), exact(&second)];
                let mut entry = place.iter().fold(views[view].shallow_clone(), |tensor, i| tensor.get(*i));
                let _ = entry.g_add_scalar_(step);
                definition(&views[0], &views[1])
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((gradient.double_value(&place) - slope).abs() < 1e-6, "view {view}, {place:?}");
        }
    }
}

#[test]
fn moco_of_a_key_that_is_the_query_and_a_queue_orthogonal_to_it_has_a_closed_form() {
    let model = model();
    let mut objective = moco(&model, 6, 0.9);
    // The queue is filled by a step: other axes.
    loss(&objective, &model, &context(&axes(0, 6), &axes(10, 6)));
    objective.after_step(&model).unwrap();
    let got = loss(&objective, &model, &context(&axes(20, 4), &axes(20, 4)));
    let expected = (1.0 + 6.0 * (-1.0f64 / 0.2).exp()).ln();
    assert!((got - expected).abs() < 1e-6, "{got} is not {expected}");
}

#[test]
fn moco_is_its_definition_against_the_keys_of_the_last_steps() {
    let model = model();
    let mut objective = moco(&model, 7, 0.9);
    let keys: Vec<Tensor> = (0..4).map(|step| random(3, 10 + step)).collect();
    for key in &keys[..3] {
        loss(&objective, &model, &context(&random(3, 0), key));
        objective.after_step(&model).unwrap();
    }
    // Nine keys went into a queue of seven: the last seven are left, in whatever order.
    let queue: Vec<Vec<f64>> = keys[..3].iter().flat_map(rows).skip(2).collect();
    let (queries, own) = (rows(&random(3, 5)), rows(&keys[3]));
    let of = |(query, own): (&Vec<f64>, &Vec<f64>)| {
        let score = |key: &Vec<f64>| dot(query, key) / 0.2;
        surprise(score(own), std::iter::once(own).chain(&queue).map(score))
    };
    let expected = queries.iter().zip(&own).map(of).sum::<f64>() / 3.0;
    let got = loss(&objective, &model, &context(&random(3, 5), &keys[3]));
    assert!((got - expected).abs() < 1e-6, "{got} is not {expected}");
}

#[test]
fn the_encoder_of_the_keys_follows_at_its_momentum_and_has_no_gradient() {
    let model = model();
    let mut objective = moco(&model, 4, 0.75);
    let offset = model.encoder().unwrap().params.trainable().remove(0).1;
    let followed = |objective: &MoCo| {
        let (_, key) = objective.state().into_iter().find(|(name, _)| name == "keys.offset").unwrap();
        key.double_value(&[0])
    };
    for (value, expected) in [(1.0, 0.25), (1.0, 0.4375), (0.0, 0.328_125)] {
        let _ = tch::no_grad(|| offset.shallow_clone().fill_(value));
        let value = objective.loss(&model, &context(&random(3, 0), &random(3, 1))).unwrap().value;
        value.backward();
        objective.after_step(&model).unwrap();
        assert!((followed(&objective) - expected).abs() < 1e-7);
    }
    assert!(offset.grad().abs().max().double_value(&[]) > 0.0);
    assert!(objective.state().iter().all(|(_, tensor)| !tensor.requires_grad()));
}

#[test]
fn a_step_that_was_skipped_leaves_the_queue_as_it_was() {
    let model = model();
    let mut objective = moco(&model, 5, 0.5);
    let queue = |objective: &MoCo| objective.state().into_iter().find(|(name, _)| name == "queue").unwrap().1.copy();
    let before = queue(&objective);
    loss(&objective, &model, &context(&random(2, 0), &random(2, 1)));
    assert!(queue(&objective).equal(&before));
    loss(&objective, &model, &context(&random(2, 0), &axes(0, 2)));
    objective.after_step(&model).unwrap();
    // Only what the step that counted has seen.
    assert!(queue(&objective).narrow(0, 0, 2).equal(&(axes(0, 2).flatten(1, -1) / 3.0)));
    assert!(queue(&objective).narrow(0, 2, 3).equal(&before.narrow(0, 2, 3)));
}

#[test]
fn a_batch_with_one_view_is_refused() {
    let model = model();
    let none = || Tensor::zeros([0], (Kind::Float, Device::Cpu));
    let draws = || Draws::of_step(0, 0, Device::Cpu);
    for objective in [&moco(&model, 4, 0.5) as &dyn Objective, &SimClr { temperature: 1.0 }] {
        let error = objective.loss(&model, &StepContext::new(random(2, 0), none(), draws())).unwrap_err();
        assert!(matches!(error, TaskError::MissingView), "{error}");
    }
}
