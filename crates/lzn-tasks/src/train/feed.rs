//! Where the batches of a run come from.

use std::sync::Arc;

use lzn_data::{Augment, BatchOptions, BatchPlan, Batches, Dataset};
use tch::{Device, Tensor};

use crate::TaskError;
use crate::config::RunConfig;
use crate::data::to_tensor;
use crate::model::{IMAGE, LABEL, TEXT};
use crate::objective::Field;
use crate::types::Samples;

/// The batches of the steps from one on.
pub type Steps<'a> = Box<dyn Iterator<Item = Result<Vec<Field>, TaskError>> + 'a>;

/// Gives every step its batch.
pub trait Feed {
    /// The batches of step `step` and all that follow. A batch must be a function of its step, so that a run that was stopped goes on
    /// as it would have gone.
    ///
    /// # Errors
    /// [`TaskError`] if there is nothing to read from.
    fn steps_from(&self, step: u64) -> Result<Steps<'_>, TaskError>;

    /// Lets it give worker `rank`'s equal share of every batch, of `of`, if it can: the shares of all workers, one after the other, are the
    /// batch. Where it cannot, as by default, every worker takes whole batches and leaves out what is not its own.
    ///
    /// # Errors
    /// [`TaskError`] if its batches cannot be shared.
    fn share(&mut self, rank: usize, of: usize) -> Result<bool, TaskError> {
        let _ = (rank, of);
        Ok(false)
    }
}

/// The batches of a step as a function of its number: the least that a feed can be.
pub struct FeedFn<F>(pub F);

impl<F: Fn(u64) -> Result<Vec<Field>, TaskError>> Feed for FeedFn<F> {
    fn steps_from(&self, step: u64) -> Result<Steps<'_>, TaskError> {
        Ok(Box::new((step..).map(&self.0)))
    }
}

/// Images with their labels from a data set, changed at random.
pub struct ImageFeed {
    data: Arc<dyn Dataset>,
    plan: BatchPlan,
    options: BatchOptions,
    device: Device,
}

impl ImageFeed {
    /// The training images of a configuration.
    ///
    /// # Errors
    /// [`TaskError::Data`] for what the data cannot give, such as a batch larger than itself.
    pub fn new(data: Arc<dyn Dataset>, config: &RunConfig, device: Device) -> Result<Self, TaskError> {
        let plan = BatchPlan::training(data.len(), config.train.batch_size, config.seed)?;
        let augment = Augment::new(config.data.augment, config.seed, data.image_shape())?;
        let second_view = config.needs_second_view();
        let options = BatchOptions { augment: Some(augment), second_view, workers: config.train.workers, ahead: 4 };
        Ok(Self { data, plan, options, device })
    }

    fn fields(&self, batch: &lzn_data::Batch) -> Vec<Field> {
        let second_view = batch.second_view.as_ref().map(|images| Samples::Rows(to_tensor(images, self.device)));
        let images = Field::new(IMAGE, to_tensor(&batch.images, self.device)).with_second_view(second_view);
        let labels = present(LABEL, &batch.labels, |labels| Tensor::from_slice(&labels).to_device(self.device).into());
        let texts = present(TEXT, &batch.texts, Samples::Texts);
        [Some(images), labels, texts].into_iter().flatten().collect()
    }
}

/// The samples of a batch that have a type; none if none has it.
fn present<T: Clone>(name: &str, all: &[Option<T>], samples: impl FnOnce(Vec<T>) -> Samples) -> Option<Field> {
    let some: Vec<T> = all.iter().flatten().cloned().collect();
    if some.is_empty() {
        return None;
    }
    let whole = some.len() == all.len();
    let field = Field::new(name, samples(some));
    let places = || all.iter().zip(0..).filter(|(sample, _)| sample.is_some()).map(|(_, place)| place).collect();
    Some(if whole { field } else { field.at(places()) })
}

impl Feed for ImageFeed {
    fn share(&mut self, rank: usize, of: usize) -> Result<bool, TaskError> {
        if of > 1 && self.data.partly_labelled() {
            let problem = "the data set has labels of some samples alone".to_owned();
            return Err(TaskError::Shares { problem, remedy: "label all of them" });
        }
        self.plan = self.plan.share(rank, of)?;
        Ok(true)
    }

    fn steps_from(&self, step: u64) -> Result<Steps<'_>, TaskError> {
        let batches = Batches::new(self.data.clone(), self.plan, self.options, step)?;
        Ok(Box::new(batches.map(|batch| Ok(self.fields(&batch?)))))
    }
}
