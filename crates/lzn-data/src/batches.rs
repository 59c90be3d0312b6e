//! Batches in the order of their steps, read ahead by worker threads.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use ndarray::{Array4, Axis};

use crate::{
    Augment, BatchPlan, DataError, Dataset, ImageShape,
    plan::{Cursor, Job},
    workers::Workers,
};

/// The images of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Global number of the step, from 0.
    pub step: u64,
    /// Number of the pass through the data, from 0.
    pub epoch: u64,
    /// uint8 images, `[B, C, H, W]`.
    pub images: Array4<u8>,
    /// The same images once more, changed at random independently of the first, `[B, C, H, W]`; only if asked for.
    pub second_view: Option<Array4<u8>>,
    /// Labels, `[B]`, in `0..classes`; `None` of samples that have none.
    pub labels: Vec<Option<i64>>,
    /// Texts, `[B]`; `None` of samples that have none.
    pub texts: Vec<Option<String>>,
    /// Where in the data set the images come from, `[B]`.
    pub indices: Vec<usize>,
}

/// How batches are read. No choice here but `augment` and `second_view` changes what is in a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchOptions {
    /// Random changes of every image; `None` for evaluation.
    pub augment: Option<Augment>,
    /// Whether every batch also holds a second view of its images, for objectives that compare two. Without random
    /// changes it equals the first.
    pub second_view: bool,
    /// Worker threads; with 0, batches are read when asked for, in the thread that asks.
    pub workers: usize,
    /// How many batches are read ahead at most, all workers together; at least 1 when there are workers.
    pub ahead: usize,
}

impl Default for BatchOptions {
    /// One worker, which keeps up with training on images held in memory, and four batches ahead.
    fn default() -> Self {
        Self { augment: None, second_view: false, workers: 1, ahead: 4 }
    }
}

/// Iterator over the batches of a plan from a given step on.
///
/// A batch that cannot be read comes as an error at its own step; the batches after it still come. Dropping the
/// iterator stops its threads and waits for them.
#[derive(Debug)]
pub struct Batches {
    jobs: Cursor,
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    Here(BatchReader),
    Threads(Workers),
}

impl Batches {
    /// Batches of `data` for the steps `first_step, first_step + 1, ...` of `plan`.
    ///
    /// # Errors
    /// [`DataError::PlanLength`] when the plan is for another data set; [`DataError::Thread`] when threads cannot be
    /// started.
    pub fn new(
        data: Arc<dyn Dataset>,
        plan: BatchPlan,
        options: BatchOptions,
        first_step: u64,
    ) -> Result<Self, DataError> {
        if plan.len() != data.len() {
            return Err(DataError::PlanLength { plan: plan.len(), len: data.len() });
        }
        let reader = BatchReader { data, augment: options.augment, second_view: options.second_view };
        let reader = match options.workers {
            0 => Reader::Here(reader),
            count => Reader::Threads(Workers::start(&reader, count, options.ahead.max(1), first_step)?),
        };
        Ok(Self { jobs: Cursor::new(plan, first_step), reader })
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.reader {
            Reader::Here(reader) => self.jobs.next().map(|job| reader.read(job)),
            Reader::Threads(workers) => workers.next(&mut self.jobs),
        }
    }
}

/// Reads whole batches: what every worker does.
#[derive(Clone)]
pub(crate) struct BatchReader {
    data: Arc<dyn Dataset>,
    augment: Option<Augment>,
    second_view: bool,
}

impl std::fmt::Debug for BatchReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchReader").field("len", &self.data.len()).field("augment", &self.augment).finish()
    }
}

impl BatchReader {
    /// Reads a batch; a panic of the data set becomes an error, for a worker that dies silently would block its reader.
    pub(crate) fn read(&self, job: Job) -> Result<Batch, DataError> {
        let step = job.step;
        catch_unwind(AssertUnwindSafe(|| self.read_samples(job)))
            .unwrap_or_else(|panic| Err(DataError::Panicked { step, message: panic_message(panic.as_ref()) }))
    }

    fn read_samples(&self, Job { step, epoch, indices }: Job) -> Result<Batch, DataError> {
        let expected = self.data.image_shape();
        let ImageShape { channels, height, width } = expected;
        let mut images = Array4::zeros((indices.len(), channels, height, width));
        let mut second_view = self.second_view.then(|| images.clone());
        let (mut labels, mut texts) = (Vec::with_capacity(indices.len()), Vec::with_capacity(indices.len()));
        let labelled = self.data.classes() > 0 && !self.data.partly_labelled();
        for (position, &index) in indices.iter().enumerate() {
            let whole = self.augment.is_some_and(|augment| augment.takes_whole_images());
            let sample = if whole { self.data.read_whole(index)? } else { self.data.read(index)? };
            let got = ImageShape::from_dim(sample.image.dim());
            if got != expected && !whole {
                return Err(DataError::SampleShape { index, expected, got });
            }
            for (view, images) in [Some(&mut images), second_view.as_mut()].into_iter().flatten().enumerate() {
                let mut slot = images.index_axis_mut(Axis(0), position);
                match &self.augment {
                    Some(augment) => augment.write_view(sample.image.view(), slot, epoch, index, view as u64)?,
                    None => slot.assign(&sample.image),
                }
            }
            if labelled && sample.label.is_none() {
                return Err(DataError::MissingLabel { index });
            }
            labels.push(sample.label);
            texts.push(sample.text);
        }
        Ok(Batch { step, epoch, images, second_view, labels, texts, indices })
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
