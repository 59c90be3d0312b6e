//! Which samples are in the batch of which step.

use lzn_random::{Purpose, Stream};

use crate::DataError;

/// The samples of every batch, as a pure function of step, batch size, length and seed.
///
/// Nothing is remembered between steps, so a run can go on at any step, in mid-epoch too, and gets the batches that it
/// would have got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPlan {
    len: usize,
    batch_size: usize,
    order: Order,
    /// Which of how many equal parts of each batch.
    share: (usize, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Every epoch in an order of its own, without end.
    Shuffled { seed: u64 },
    /// Once, in the order of the data set.
    InOrder,
}

/// Where a step lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Number of the pass through the data, from 0.
    pub epoch: u64,
    /// Number of the batch in its epoch, from 0.
    pub batch: u64,
}

impl BatchPlan {
    /// Endless shuffled batches of exactly `batch_size` samples.
    ///
    /// The order of epoch `e` is a permutation from the stream `(seed, SHUFFLE, [e, 0, 0])`. The samples left over at
    /// the end of an epoch, fewer than a batch, are skipped in that epoch, as in the published training.
    ///
    /// # Errors
    /// [`DataError::BatchSizeZero`]; [`DataError::BatchTooLarge`] when not even one batch can be filled.
    pub fn training(len: usize, batch_size: usize, seed: u64) -> Result<Self, DataError> {
        if batch_size > len {
            return Err(DataError::BatchTooLarge { batch_size, len });
        }
        Self::checked(len, batch_size, Order::Shuffled { seed })
    }

    /// Every sample once, in order; the last batch holds the rest and may be smaller.
    ///
    /// # Errors
    /// [`DataError::BatchSizeZero`].
    pub fn evaluation(len: usize, batch_size: usize) -> Result<Self, DataError> {
        Self::checked(len, batch_size, Order::InOrder)
    }

    fn checked(len: usize, batch_size: usize, order: Order) -> Result<Self, DataError> {
        if batch_size == 0 {
            return Err(DataError::BatchSizeZero);
        }
        Ok(Self { len, batch_size, order, share: (0, 1) })
    }

    /// The same batches, of each the part that is worker `rank`'s of `of`: the parts of all workers, one after the other, are the batch, so
    /// that no sample comes twice in an epoch.
    ///
    /// # Errors
    /// [`DataError::Share`] if a batch cannot be divided into so many equal parts, or there is no such part.
    pub fn share(self, rank: usize, of: usize) -> Result<Self, DataError> {
        if rank >= of || !self.batch_size.is_multiple_of(of) {
            return Err(DataError::Share { batch_size: self.batch_size, rank, of });
        }
        Ok(Self { share: (rank, of), ..self })
    }

    /// Number of samples of the data set that the plan is for.
    #[expect(clippy::len_without_is_empty, reason = "a plan is no collection; this is the length of the data set")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Number of batches of one epoch.
    pub fn batches_per_epoch(&self) -> u64 {
        let batches = match self.order {
            Order::Shuffled { .. } => self.len / self.batch_size,
            Order::InOrder => self.len.div_ceil(self.batch_size),
        };
        batches as u64
    }

    /// Epoch and batch of a step; `None` past the end of an evaluation.
    pub fn position(&self, step: u64) -> Option<Position> {
        let batches = self.batches_per_epoch();
        match self.order {
            Order::InOrder if step >= batches => None,
            _ => Some(Position { epoch: step / batches, batch: step % batches }),
        }
    }

    /// Indices of the samples of a step; `None` past the end of an evaluation.
    ///
    /// Draws the order of the whole epoch; [`crate::Batches`] keeps it for the following steps.
    pub fn indices(&self, step: u64) -> Option<Vec<usize>> {
        let position = self.position(step)?;
        Some(self.cut(&self.epoch_order(position.epoch), position.batch).to_vec())
    }

    /// All indices in the order of an epoch.
    pub fn epoch_order(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len).collect();
        if let Order::Shuffled { seed } = self.order {
            Stream::new(seed, Purpose::SHUFFLE, [epoch, 0, 0]).shuffle(&mut order);
        }
        order
    }

    /// The part of an epoch's order that is the given batch, or the share of it.
    fn cut<'a>(&self, order: &'a [usize], batch: u64) -> &'a [usize] {
        let (rank, of) = self.share;
        let count = self.batch_size / of;
        let start = batch as usize * self.batch_size + rank * count;
        &order[start.min(order.len())..order.len().min(start + count)]
    }
}

/// Walks through the steps of a plan and draws every epoch's order once.
#[derive(Debug)]
pub(crate) struct Cursor {
    plan: BatchPlan,
    step: u64,
    epoch: u64,
    order: Vec<usize>,
}

/// What is needed to read the batch of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) step: u64,
    pub(crate) epoch: u64,
    pub(crate) indices: Vec<usize>,
}

impl Cursor {
    /// Starts at `step`.
    pub(crate) fn new(plan: BatchPlan, step: u64) -> Self {
        // An empty order stands for "not drawn yet": a plan with steps has samples.
        Self { plan, step, epoch: 0, order: Vec::new() }
    }
}

impl Iterator for Cursor {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        let Position { epoch, batch } = self.plan.position(self.step)?;
        if self.order.is_empty() || self.epoch != epoch {
            self.order = self.plan.epoch_order(epoch);
            self.epoch = epoch;
        }
        let indices = self.plan.cut(&self.order, batch).to_vec();
        let job = Job { step: self.step, epoch, indices };
        self.step += 1;
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_epoch_is_a_permutation_and_batches_are_its_parts(
            len in 1_usize..200, size in 1_usize..40, seed: u64, epoch in 0_u64..1000,
        ) {
            prop_assume!(size <= len);
            let plan = BatchPlan::training(len, size, seed).expect("valid");
            let order = plan.epoch_order(epoch);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..len).collect::<Vec<_>>());

            let batches = plan.batches_per_epoch();
            let joined: Vec<usize> =
                (epoch * batches..(epoch + 1) * batches).flat_map(|step| plan.indices(step).expect("endless")).collect();
            // All of the epoch but fewer than a batch, no sample twice.
            prop_assert!(len - joined.len() < size);
            prop_assert_eq!(&joined[..], &order[..joined.len()]);
        }

        #[test]
        fn starting_at_any_step_gives_the_batches_of_an_unbroken_run(
            len in 1_usize..60, size in 1_usize..20, seed: u64, start in 0_u64..100,
        ) {
            prop_assume!(size <= len);
            let plan = BatchPlan::training(len, size, seed).expect("valid");
            let unbroken: Vec<Job> = Cursor::new(plan, 0).skip(start as usize).take(10).collect();
            let resumed: Vec<Job> = Cursor::new(plan, start).take(10).collect();
            for job in &resumed {
                let indices = plan.indices(job.step);
                prop_assert_eq!(indices.as_ref(), Some(&job.indices));
            }
            prop_assert_eq!(resumed, unbroken);
        }

        #[test]
        fn shares_are_the_batch_one_after_the_other(
            len in 1_usize..200, size in 1_usize..20, of in 1_usize..6, seed: u64, step in 0_u64..1000,
        ) {
            prop_assume!(size * of <= len);
            let plan = BatchPlan::training(len, size * of, seed).expect("valid");
            let share = |rank| plan.share(rank, of).expect("divisible").indices(step).expect("endless");
            let joined: Vec<usize> = (0..of).flat_map(share).collect();
            prop_assert_eq!(Some(joined), plan.indices(step));
        }

        #[test]
        fn an_evaluation_gives_every_sample_once_in_order(len in 0_usize..200, size in 1_usize..300) {
            let plan = BatchPlan::evaluation(len, size).expect("valid");
            let jobs: Vec<Job> = Cursor::new(plan, 0).collect();
            prop_assert_eq!(jobs.len() as u64, plan.batches_per_epoch());
            prop_assert!(jobs.iter().rev().skip(1).all(|job| job.indices.len() == size));
            let joined: Vec<usize> = jobs.into_iter().flat_map(|job| job.indices).collect();
            prop_assert_eq!(joined, (0..len).collect::<Vec<_>>());
        }
    }

    #[test]
    fn epochs_and_seeds_have_orders_of_their_own() {
        let order = |seed, epoch| BatchPlan::training(100, 10, seed).expect("valid").epoch_order(epoch);
        assert_ne!(order(1, 0), order(1, 1));
        assert_ne!(order(1, 0), order(2, 0));
        assert_eq!(order(1, 0), order(1, 0));
    }

    #[test]
    fn impossible_batch_sizes_are_refused_by_name() {
        let message = |plan: Result<BatchPlan, DataError>| plan.expect_err("impossible").to_string();
        assert_eq!(
            message(BatchPlan::training(10, 11, 0)),
            "`batch_size` 11 is larger than the data set of 10 images; choose at most 10"
        );
        assert_eq!(message(BatchPlan::training(10, 0, 0)), "`batch_size` must be at least 1, got 0");
        assert_eq!(message(BatchPlan::evaluation(10, 0)), "`batch_size` must be at least 1, got 0");
        let share = BatchPlan::training(10, 9, 0).expect("valid").share(0, 2);
        assert_eq!(
            message(share),
            "`batch_size` 9 cannot be divided into equal shares for 2 workers: choose a multiple of 2, or another number of workers"
        );
        // A data set without images fills no batch.
        assert!(matches!(BatchPlan::training(0, 1, 0), Err(DataError::BatchTooLarge { .. })));
    }
}
