//! Worker threads that read batches ahead and hand them out in order.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::{
    Batch, DataError,
    batches::BatchReader,
    plan::{Cursor, Job},
};

type Outcome = (u64, Result<Batch, DataError>);

/// A pool of threads and the batches that are on their way.
///
/// The queues have no bound of their own, so that nobody ever waits to put something in, which rules out deadlock.
/// Memory is bounded by giving out no more than `ahead` jobs that have not been handed over.
#[derive(Debug)]
pub(crate) struct Workers {
    /// `None` only while the pool is being dropped.
    jobs: Option<Sender<Job>>,
    outcomes: Receiver<Outcome>,
    /// Batches that were ready before an earlier one.
    waiting: BTreeMap<u64, Result<Batch, DataError>>,
    next_step: u64,
    on_their_way: usize,
    ahead: usize,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts `count` threads; the first batch to be handed over is that of `first_step`.
    pub(crate) fn start(reader: &BatchReader, count: usize, ahead: usize, first_step: u64) -> Result<Self, DataError> {
        let (jobs, job_queue) = unbounded();
        let (outcome_queue, outcomes) = unbounded();
        // Built first: should a thread fail to start, dropping the pool stops those before it.
        let mut pool = Self {
            jobs: Some(jobs),
            outcomes,
            waiting: BTreeMap::new(),
            next_step: first_step,
            on_their_way: 0,
            ahead,
            stop: Arc::new(AtomicBool::new(false)),
            threads: Vec::with_capacity(count),
        };
        for number in 0..count {
            let (reader, job_queue, outcome_queue) = (reader.clone(), job_queue.clone(), outcome_queue.clone());
            let stop = Arc::clone(&pool.stop);
            let thread = Builder::new()
                .name(format!("lzn-data-{number}"))
                .spawn(move || work(&reader, &job_queue, &outcome_queue, &stop))
                .map_err(|source| DataError::Thread { source })?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// Gives out jobs up to the bound, then waits for the batch that is next in order.
    pub(crate) fn next(&mut self, jobs: &mut Cursor) -> Option<Result<Batch, DataError>> {
        while self.on_their_way < self.ahead {
            let Some(job) = jobs.next() else { break };
            let sent = self.jobs.as_ref().is_some_and(|queue| queue.send(job).is_ok());
            if !sent {
                return Some(Err(DataError::WorkersLost { step: self.next_step }));
            }
            self.on_their_way += 1;
        }
        if self.on_their_way == 0 {
            return None;
        }
        let step = self.next_step;
        let outcome = loop {
            if let Some(outcome) = self.waiting.remove(&step) {
                break outcome;
            }
            match self.outcomes.recv() {
                Ok((step, outcome)) => self.waiting.insert(step, outcome),
                Err(_) => return Some(Err(DataError::WorkersLost { step })),
            };
        };
        self.on_their_way -= 1;
        self.next_step += 1;
        Some(outcome)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to clean up.
            drop(thread.join());
        }
    }
}

/// What a thread does until the pool is dropped.
fn work(reader: &BatchReader, jobs: &Receiver<Job>, outcomes: &Sender<Outcome>, stop: &AtomicBool) {
    for job in jobs {
        if stop.load(Ordering::Relaxed) || outcomes.send((job.step, reader.read(job))).is_err() {
            return;
        }
    }
}
