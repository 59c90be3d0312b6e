//! Where the time of training steps goes.

use std::cell::Cell;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

/// The time that one kind of work has taken so far. Work counts itself by running inside of [`Clock::count`].
#[derive(Debug, Default)]
pub struct Clock(Cell<Duration>);

impl Clock {
    /// Counts the time of `work`.
    pub fn count<T>(&self, work: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let result = work();
        self.0.set(self.0.get() + begin.elapsed());
        result
    }

    /// All time so far.
    pub fn spent(&self) -> Duration {
        self.0.get()
    }
}

/// What the parts of training steps took; they add up to the whole.
///
/// Times are those of the thread that trains. A graphics card works beside it and is waited for where a number is read, mostly in the
/// backward pass and in `rest`, so there the parts say less.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepTimes {
    /// Waiting for the batch, and making tensors and draws of it. What other threads prepare meanwhile costs nothing.
    pub data: Duration,
    /// The forward passes of the image encoder.
    pub encoder: Duration,
    /// Zone operations, forward and backward; only what runs in main memory is counted.
    pub zoning: Duration,
    /// The backward pass without zoning. With `train.micro_batch` encoders run again in it.
    pub backward: Duration,
    /// Everything else: the decoder's forward pass, losses, clipping, optimizer, averages.
    pub rest: Duration,
}

impl StepTimes {
    /// The parts by name.
    pub fn parts(&self) -> [(&'static str, Duration); 5] {
        [
            ("data", self.data),
            ("encoder", self.encoder),
            ("zoning", self.zoning),
            ("backward", self.backward),
            ("rest", self.rest),
        ]
    }

    /// All parts together.
    pub fn total(&self) -> Duration {
        self.parts().into_iter().map(|(_, time)| time).sum()
    }

    /// Share of zoning in the whole without the data, in [0, 1]; none where there were no zones, or not in main memory.
    pub fn zoning_share(&self) -> Option<f64> {
        let whole = self.total() - self.data;
        (!self.zoning.is_zero()).then(|| self.zoning.as_secs_f64() / whole.as_secs_f64())
    }
}

impl AddAssign for StepTimes {
    fn add_assign(&mut self, other: Self) {
        self.data += other.data;
        self.encoder += other.encoder;
        self.zoning += other.zoning;
        self.backward += other.backward;
        self.rest += other.rest;
    }
}
