//! `moco`: one view of an image against the other view and a queue of views of earlier images.

use std::cell::RefCell;

use lzn_encoders::ImageAnchors;
use lzn_random::{Purpose, Stream};
use tch::{Device, Kind, Tensor};

use super::{Loss, Objective, StepContext, contrast, unit};
use crate::TaskError;
use crate::model::{IMAGE, Lzn};
use crate::types::Part;

/// Momentum contrast, version 2 (He et al. 2020; Chen et al. 2020, "Improved baselines with momentum contrastive learning"):
/// cross-entropy of telling the key of an image's second view from a queue of keys of earlier images, by the cosine between anchors. Keys
/// are made by an encoder whose parameters follow those of the model's encoder, and carry no gradient. A yardstick of view alignment, as
/// [`SimClr`](super::SimClr) is.
///
/// The published code shuffles batches between devices, so that batch normalisation cannot tell which key belongs to which image.
/// Our encoders normalise each image by itself, so there is nothing to shuffle.
///
/// Queue and encoder of the keys are state ([`Objective::state`]): checkpoints hold them.
#[derive(Debug)]
pub struct MoCo {
    options: MoCoOptions,
    keys: Part<Box<dyn ImageAnchors>>,
    /// Unit vectors `[K, d]`.
    queue: Tensor,
    /// The row of the queue that is replaced next, int64 `[1]`.
    next: Tensor,
    /// Keys of the step that is under way, which go into the queue once it is done.
    newest: RefCell<Option<Tensor>>,
}

/// Settings of [`MoCo`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MoCoOptions {
    /// Temperature tau by which cosines are divided, above 0.
    pub temperature: f64,
    /// Keys in the queue, at least as many as there are images in a batch.
    pub queue: usize,
    /// Share of its own value that a parameter of the keys' encoder keeps at each step, in [0, 1).
    pub momentum: f64,
}

impl MoCoOptions {
    /// Published for ImageNet (MoCo v2).
    pub const PUBLISHED: Self = Self { temperature: 0.2, queue: 65_536, momentum: 0.999 };
}

impl MoCo {
    /// An objective whose `keys` are an encoder of the same form as the model's, from which it takes its first values. The queue begins
    /// with random directions, a function of `seed`.
    ///
    /// # Errors
    /// [`TaskError::NoEncoder`] without an image encoder; [`TaskError::Torch`] if the two have other parameters.
    pub fn new(
        options: MoCoOptions,
        keys: Part<Box<dyn ImageAnchors>>,
        model: &Lzn,
        seed: u64,
    ) -> Result<Self, TaskError> {
        keys.params.load(&model.need_encoder()?.params.named().into_iter().collect())?;
        keys.params.set_frozen(true);
        let (rows, d) = (options.queue, model.space.dim);
        let draws = Stream::new(seed, Purpose::new("moco/queue"), [0; 3]).normals(rows * d);
        let queue = unit(&Tensor::from_slice(&draws).view([rows as i64, d as i64])).to_device(model.device());
        let next = Tensor::zeros([1], (Kind::Int64, Device::Cpu));
        Ok(Self { options, keys, queue, next, newest: RefCell::new(None) })
    }

    /// Unit vectors `[B, d]` of the second views.
    fn keys_of(&self, model: &Lzn, images: &Tensor) -> Result<Tensor, TaskError> {
        let piece = model.micro_batch_of(images.size()[0]).unwrap_or(images.size()[0]);
        let keys = |images: Tensor| model.in_precision(|| self.keys.net.forward(&images, true));
        let keys = images.split(piece, 0).into_iter().map(keys).collect::<Result<Vec<_>, _>>()?;
        Ok(unit(&Tensor::cat(&keys, 0).to_kind(Kind::Float)))
    }
}

impl Objective for MoCo {
    fn name(&self) -> String {
        "moco".to_owned()
    }

    fn loss(&self, model: &Lzn, context: &StepContext) -> Result<Loss, TaskError> {
        let second = context.second_view(IMAGE)?.rows()?;
        let queries = unit(context.image_anchors(model)?);
        let keys = tch::no_grad(|| self.keys_of(model, second))?;
        let own = (&queries * &keys).sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
        // A copy, since the backward pass needs what the queue is now.
        let others = queries.matmul(&self.queue.copy().transpose(0, 1));
        let scores = Tensor::cat(&[own, others], 1) / self.options.temperature;
        let first = Tensor::zeros([queries.size()[0]], (Kind::Int64, queries.device()));
        // The queue is the same in all workers.
        self.newest.replace(Some(context.world().gather_rows(&keys)?));
        Ok(contrast(&scores, &first))
    }

    fn after_step(&mut self, model: &Lzn) -> Result<(), TaskError> {
        let encoder = model.need_encoder()?.params.trainable();
        tch::no_grad(|| {
            for ((_, mut key), (_, parameter)) in self.keys.params.trainable().into_iter().zip(&encoder) {
                let _ = key.lerp_(parameter, 1.0 - self.options.momentum);
            }
            let Some(keys) = self.newest.take() else { return };
            let (count, rows) = (keys.size()[0], self.queue.size()[0]);
            let places = (&self.next + Tensor::arange(count, (Kind::Int64, Device::Cpu))).remainder(rows);
            let _ = self.queue.index_copy_(0, &places.to_device(self.queue.device()), &keys);
            self.next.copy_(&(&self.next + count).remainder(rows));
        });
        Ok(())
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        let keys = self.keys.params.named().into_iter().map(|(name, tensor)| (format!("keys.{name}"), tensor));
        let queue = [("queue", &self.queue), ("next", &self.next)];
        keys.chain(queue.map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone()))).collect()
    }
}
