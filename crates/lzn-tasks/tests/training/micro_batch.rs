//! Batches that pass the networks in pieces: gradients are those of the whole batch, and only pieces are in memory.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use lzn_encoders::{EncoderError, ImageAnchors};
use lzn_tasks::IMAGE;
use lzn_tasks::config::RunConfig;
use lzn_tasks::objective::{Objective, Reconstruct, StepContext};
use lzn_tasks::train::StepReport;
use lzn_tasks::types::Part;
use lzn_tasks::types::image::ImageEncoder;
use tch::{Kind, Tensor};

use crate::support::{
    SILENT, batch, data, draws, engine, finish, joint, kinds, plain, samples, step, stop_at, value, weights_of, with,
};

/// A batch of six with second views.
fn two_views() -> StepContext {
    let (second, _) = samples(1);
    batch(0).with_second_view(Some(second))
}

/// The report of a first step and the gradients that it left, by name.
fn gradients(config: &RunConfig) -> (StepReport, Vec<(String, Tensor)>) {
    let mut engine = engine(config);
    let report = step(&mut engine, 0, &two_views());
    let named = engine.model.parts().into_iter().flat_map(|(part, params)| {
        params.trainable().into_iter().map(move |(name, tensor)| (format!("{part}.{name}"), tensor.grad()))
    });
    (report, named.collect())
}

/// Of float32 sums in another order.
const ROUNDING: f64 = 1e-5;

fn norm(tensor: &Tensor) -> f64 {
    tensor.square().sum(Kind::Double).sqrt().double_value(&[])
}

#[test]
fn every_objective_has_the_gradients_of_the_whole_batch() {
    let folder = data();
    let frozen = with(&joint(folder.path(), &["train.decoder.freeze_at=0"]), &SILENT);
    for (name, config) in kinds(folder.path(), 8).into_iter().chain([("frozen", frozen)]) {
        let (report, whole) = gradients(&config);
        let size =
            whole.iter().filter(|(_, tensor)| tensor.defined()).map(|(_, t)| norm(t).powi(2)).sum::<f64>().sqrt();
        assert!(size > 0.0, "{name}");
        for pieces in ["1", "4", "5"] {
            let (again, in_pieces) = gradients(&with(&config, &[&format!("train.micro_batch={pieces}")]));
            for ((parameter, whole), (_, piece)) in whole.iter().zip(&in_pieces) {
                assert_eq!(whole.defined(), piece.defined(), "{name}, {pieces}: {parameter}");
                let error = if whole.defined() { norm(&(whole - piece)) } else { 0.0 };
                assert!(error < ROUNDING * size, "{name}, {pieces}: {parameter} is off by {error} of {size}");
            }
            for (key, expected) in &report.values {
                let got = value(&again, key).unwrap();
                assert!((got - expected).abs() < ROUNDING * (1.0 + expected.abs()), "{name}, {pieces}: {key}");
            }
        }
    }
}

/// The encoder draws dropout in its second pass as in its first: the gradients are those of pieces whose graphs are all kept.
#[test]
fn dropout_of_the_encoder_is_drawn_again_as_it_was() {
    let folder = data();
    let run = |micro_batch: Option<usize>| {
        let mut model = engine(&joint(folder.path(), &["model.encoder.ncsnpp.dropout=0.5"])).model;
        model.micro_batch = micro_batch;
        let (images, _) = samples(0);
        tch::manual_seed(4);
        let anchors = match micro_batch {
            Some(_) => model.image_anchors(&images, true).unwrap(),
            None => {
                let pieces = images.split(4, 0);
                let anchors: Vec<_> = pieces.iter().map(|piece| model.image_anchors(piece, true).unwrap()).collect();
                Tensor::cat(&anchors, 0)
            }
        };
        (&anchors * anchors.detach().sin()).sum(Kind::Float).backward();
        let (_, params) = model.parts().remove(0);
        let gradients = params.trainable().into_iter().map(|(name, tensor)| (name, tensor.grad()));
        [("anchors".to_owned(), anchors.detach())].into_iter().chain(gradients).collect::<Vec<_>>()
    };
    let (kept, again) = (run(None), run(Some(4)));
    let without = engine(&joint(folder.path(), &["model.encoder.ncsnpp.dropout=0.0"])).model;
    assert!(!kept[0].1.equal(&without.image_anchors(&samples(0).0, true).unwrap()), "dropout has done nothing");
    for ((name, kept), (_, again)) in kept.iter().zip(&again) {
        let error = norm(&(kept - again));
        assert!(error <= 1e-6 * norm(kept), "{name} is off by {error}");
    }
}

#[test]
fn dropout_of_the_decoder_is_that_of_its_pieces_one_after_the_other() {
    let folder = data();
    let config = with(&plain(folder.path()), &["model.decoder.dropout=0.5", "train.micro_batch=4"]);
    let objective = Reconstruct { of: IMAGE.to_owned(), name: "rectified_flow".to_owned() };
    let mut model = engine(&config).model;
    let (images, labels) = samples(0);
    let (noise, time) = (draws(0).normal("flow-noise", &images.size()), draws(0).uniform("flow-time", 6, 1e-3, 1.0));
    let piece = |first, count| {
        let rows = |tensor: &Tensor| tensor.narrow(0, first, count);
        let draws = draws(0).with("flow-noise", rows(&noise)).with("flow-time", rows(&time));
        StepContext::new(rows(&images), rows(&labels), draws)
    };
    tch::manual_seed(4);
    let mut loss = |context: &StepContext| {
        model.micro_batch = (context.field(IMAGE).unwrap().samples().len() > 4).then_some(4);
        objective.loss(&model, context).unwrap().value.double_value(&[])
    };
    let in_pieces = (4.0 * loss(&piece(0, 4)) + 2.0 * loss(&piece(4, 2))) / 6.0;
    tch::manual_seed(4);
    let whole = loss(&batch(0));
    assert!((whole - in_pieces).abs() < 1e-6, "{whole} is not {in_pieces}");
}

/// Gives images the mean of their pixels times a weight, and counts them.
#[derive(Clone)]
struct Counting(lzn_torch::Shared, Arc<Mutex<Vec<i64>>>);

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counting")
    }
}

impl ImageAnchors for Counting {
    fn forward(&self, images: &Tensor, _: bool) -> Result<Tensor, EncoderError> {
        self.1.lock().unwrap().push(images.size()[0]);
        Ok(images.mean_dim([1, 2, 3].as_slice(), false, Kind::Float).unsqueeze(1) * &*self.0)
    }

    fn share(&self) -> Box<dyn ImageAnchors> {
        Box::new(self.clone())
    }
}

#[test]
fn an_encoder_sees_each_piece_twice_in_training_and_the_whole_batch_once_elsewhere() {
    let folder = data();
    let mut model = engine(&joint(folder.path(), &["train.micro_batch=4"])).model;
    let params = model.encoder().unwrap().params.clone();
    let init = lzn_torch::Init::Constant(1.0);
    let weight = (params.root() / "counted").param("weight", &[1, 6], init);
    let seen = Arc::default();
    let net: Box<dyn ImageAnchors> = Box::new(Counting(weight.into(), Arc::clone(&seen)));
    model.data_type_mut(IMAGE).unwrap().replace_encoder(ImageEncoder(Part { net, params }));
    let _ = model.image_anchors(&samples(0).0, false).unwrap();
    model.image_anchors(&samples(0).0, true).unwrap().sum(Kind::Float).backward();
    let mut seen = seen.lock().unwrap().clone();
    // The order of pieces in the backward pass is libtorch's.
    seen[3..].sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(seen, [6, 4, 2, 4, 2]);
}

#[test]
fn sizes_that_do_not_fit_are_refused_and_others_leave_a_run_what_it_was() {
    let folder = data();
    let config = joint(folder.path(), &[]);
    for size in [0, 7] {
        let set = format!("train.micro_batch={size}").parse().unwrap();
        let message = RunConfig::parse(&config.to_toml(), Path::new("x.toml"), &[set]).unwrap_err().to_string();
        let expected = format!("`train.micro_batch` must lie between 1 and `train.batch_size`, 6, got {size}");
        assert_eq!(message, expected);
    }
    for set in ["train.micro_batch=6", "model.decoder.recompute=true", "model.encoder.ncsnpp.recompute=true"] {
        let other = with(&config, &[set]);
        assert_ne!(other, config);
        assert_eq!(other.identity(), config.identity(), "{set}");
    }
}

#[test]
fn a_run_in_pieces_that_was_stopped_gives_the_same_numbers() {
    let folder = data();
    let config = joint(folder.path(), &["train.micro_batch=4", "model.decoder.recompute=true"]);
    let place = tempfile::tempdir().unwrap();
    let (whole, stopped) = (place.path().join("whole"), place.path().join("stopped"));
    finish(&config, &whole);
    drop(stop_at(&config, &stopped, 3));
    finish(&config, &stopped);
    assert_eq!(weights_of(&whole), weights_of(&stopped));
}
