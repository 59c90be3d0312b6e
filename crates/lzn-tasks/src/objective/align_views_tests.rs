//! The objective against numbers of the published implementation, with an encoder that does nothing.

use std::path::Path;

use lzn_encoders::{EncoderError, ImageAnchors};
use lzn_torch::{ParamStore, files};
use tch::{Device, Kind, Tensor};

use super::{AlignViews, Draws, Objective, StepContext};
use crate::TaskError;
use crate::config::{LossForm, RunConfig};
use crate::model::{IMAGE, Lzn};
use crate::types::Part;
use crate::types::image::ImageEncoder;

/// Takes images of d numbers for anchors.
#[derive(Debug)]
struct Identity;

impl ImageAnchors for Identity {
    fn forward(&self, images: &Tensor, _train: bool) -> Result<Tensor, EncoderError> {
        Ok(images.flatten(1, -1))
    }

    fn share(&self) -> Box<dyn ImageAnchors> {
        Box::new(Self)
    }
}

/// A model whose images are their own anchors, with the published flow.
fn model() -> Lzn {
    model_of(20)
}

fn model_of(steps: usize) -> Lzn {
    let text = r#"
        data = { source = "fashion-mnist-embedded", image_size = 28, channels = 1 }
        objective = [{ kind = "align", from = "image", to = "view", form = "log" }]
        [model]
        latent_dim = 64
        image_flow = { solver = "euler", steps = 20 }
        encoder.resnet = { layers = [1] }
    "#;
    let steps = format!("model.image_flow.steps={steps}").parse().unwrap();
    let config = RunConfig::parse(text, Path::new("test.toml"), &[steps]).unwrap();
    let mut model = Lzn::new(&config.model, &config.data, 0, 0, Device::Cpu).unwrap();
    let part = Part { net: Box::new(Identity) as Box<dyn ImageAnchors>, params: ParamStore::new(Device::Cpu, 0) };
    model.data_type_mut(IMAGE).unwrap().replace_encoder(ImageEncoder(part));
    model
}

fn objective(form: LossForm) -> AlignViews {
    AlignViews { noise_scale: AlignViews::PUBLISHED_NOISE_SCALE, cut_off: 0.2, form }
}

fn context(images: &Tensor, noise: Tensor) -> StepContext {
    let draws = Draws::of_step(0, 0, Device::Cpu).with("latent-noise", noise);
    StepContext::new(images.shallow_clone(), Tensor::zeros([0], (Kind::Float, Device::Cpu)), draws)
}

fn relative_error(got: &Tensor, expected: &Tensor) -> f64 {
    ((got - expected).norm() / expected.norm()).double_value(&[])
}

#[test]
fn losses_rates_and_gradients_are_the_published_ones() {
    let model = model();
    for name in ["n24_d16", "n32_d64_tight", "n48_d256"] {
        let path = format!("../../tools/golden/data/contrastive/{name}.safetensors");
        let (golden, _) = files::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let side = (golden["noise"].size()[1] as f64).sqrt() as i64;
        let view = |anchors: &str| golden[anchors].view([-1, 1, side, side]).set_requires_grad(true);
        let (first, second) = (view("anchors_view1"), view("anchors_view2"));
        // The stored noise is scaled already, which the objective does itself.
        let noise = &golden["noise"] / AlignViews::PUBLISHED_NOISE_SCALE;
        let context = context(&first, noise).with_second_view(Some(second.shallow_clone()));

        let loss = objective(LossForm::Log).loss(&model, &context).unwrap();
        loss.value.backward();
        let observed =
            |name: &str| Tensor::from_slice(&[loss.observed.iter().find(|(known, _)| known == name).unwrap().1]);
        for (what, got, expected, limit) in [
            ("log loss", loss.value.detach().view([1]), "cross_entropy_loss", 1e-8),
            ("best probability", -observed("best_probability/views"), "prob_loss", 1e-8),
            ("assignment accuracy", observed("assignment_accuracy/views"), "assignment_acc", 1e-8),
            ("gradient of the first view", first.grad().flatten(1, -1), "grad_view1", 1e-6),
            ("gradient of the second view", second.grad().flatten(1, -1), "grad_view2", 1e-6),
        ] {
            let error = relative_error(&got, &golden[expected]);
            assert!(error < limit, "{name}: {what} is off by {error:e}");
        }
        let probability = objective(LossForm::Probability).loss(&model, &context).unwrap();
        assert!(relative_error(&probability.value.detach().view([1]), &golden["prob_loss"]) < 1e-8, "{name}");
    }
}

#[test]
fn latents_come_back_to_their_anchors_the_nearer_the_more_steps_are_taken() {
    let observed = |steps: usize| {
        let normal = |i: u64, shape: &[i64]| Draws::of_step(9, i, Device::Cpu).normal("test", shape);
        let context = context(&normal(0, &[24, 1, 8, 8]), normal(1, &[24, 64]));
        let context = context.with_second_view(Some(normal(0, &[24, 1, 8, 8])));
        let loss = objective(LossForm::Log).loss(&model_of(steps), &context).unwrap();
        loss.observed.into_iter().find(|(name, _)| name == "ode_error/views").unwrap().1
    };
    let [few, many] = [2, 100].map(observed);
    assert!(few > 0.1 && many < 0.1 * few, "{few} {many}");
}

#[test]
fn a_batch_with_one_view_is_refused() {
    let images = Tensor::zeros([3, 1, 8, 8], (Kind::Float, Device::Cpu));
    let context = context(&images, Tensor::zeros([3, 64], (Kind::Float, Device::Cpu)));
    let error = objective(LossForm::Log).loss(&model(), &context).unwrap_err();
    assert!(matches!(error, TaskError::MissingView), "{error}");
}
