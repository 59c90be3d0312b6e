//! What the thread that trains is doing, and since when: for whoever watches, from another thread, another process or afterwards.
//!
//! Work says what it is by running inside of [`within`]. That costs two looks at a clock, and nothing where nobody watches.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::trace::{Span, Trace};

/// What a run can be waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Batches, which other threads read, or this one.
    Data,
    /// The processor or the graphics card.
    Device,
    /// Other workers.
    Network,
    /// The disk, or main memory for copies of what goes there.
    Disk,
    /// Measurements and samples along the way.
    Evaluation,
}

impl Stage {
    /// All stages, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Data, Self::Device, Self::Network, Self::Disk, Self::Evaluation];

    /// In one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Device => "device",
            Self::Network => "network",
            Self::Disk => "disk",
            Self::Evaluation => "evaluation",
        }
    }

    /// What to look at where it takes long.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Data => {
                "batches come slowly: raise `train.workers`, decode the data once (`lzn data pack`), or look at its disk"
            }
            Self::Device => "the device computes: see whether others use it, or make steps smaller",
            Self::Network => "another worker is late or gone, or the network between them is slow",
            Self::Disk => "a checkpoint is waited for: look at the disk of the run folder",
            Self::Evaluation => "samples and measurements along the way: make `[evaluate]` smaller or rarer",
        }
    }
}

/// The state of one thread's work, which others may read at any time.
#[derive(Debug, Clone)]
pub struct Pulse(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    begin: Instant,
    step: AtomicU64,
    stage: AtomicU8,
    /// All in nanoseconds since `begin`, or as lengths: when the stage began, and of each stage the sum and the longest.
    since: AtomicU64,
    spent: [AtomicU64; 5],
    longest: [AtomicU64; 5],
}

/// A look at a [`Pulse`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Finished steps.
    pub step: u64,
    /// What is being done.
    pub stage: Stage,
    /// For how long.
    pub lasting: Duration,
    /// The longest time that this stage has taken before.
    pub longest: Duration,
    /// The time in each stage so far, in the order of [`Stage::ALL`].
    pub spent: [Duration; 5],
}

thread_local! {
    static CURRENT: RefCell<Option<(Pulse, Option<Trace>)>> = const { RefCell::new(None) };
}

/// Puts back what was before, also if the work panics.
struct Before(Option<(Pulse, Option<Trace>)>);

impl Drop for Before {
    fn drop(&mut self) {
        CURRENT.with(|current| current.replace(self.0.take()));
    }
}

/// Work that goes on until this is dropped.
struct Under {
    pulse: Pulse,
    trace: Option<Trace>,
    span: Span,
    before: Stage,
}

impl Drop for Under {
    fn drop(&mut self) {
        if let Some(trace) = &self.trace {
            let length = self.pulse.0.begin.elapsed().saturating_sub(self.span.begin);
            trace.add(Span { length, ..self.span.clone() });
        }
        self.pulse.enter(self.before);
    }
}

/// Does `work` as a part of `stage`, and goes back to the stage before. `name` is what a trace calls it.
pub fn within<T>(stage: Stage, name: &str, work: impl FnOnce() -> T) -> T {
    let _under = enter(stage, name);
    work()
}

/// As [`within`], of the work that this thread does until the result is dropped.
#[must_use]
pub fn enter(stage: Stage, name: &str) -> impl Sized + 'static {
    let current = CURRENT.with(|current| current.borrow().clone());
    current.map(|(pulse, trace)| {
        let before = pulse.enter(stage);
        let begin = pulse.0.begin.elapsed();
        Under { pulse, trace, span: Span { name: name.to_owned(), stage, begin, length: Duration::ZERO }, before }
    })
}

impl Pulse {
    /// A pulse that begins now, at step `step`, with the device.
    #[must_use]
    pub fn new(step: u64) -> Self {
        let zeros = || std::array::from_fn(|_| AtomicU64::new(0));
        Self(Arc::new(Shared {
            begin: Instant::now(),
            step: AtomicU64::new(step),
            stage: AtomicU8::new(Stage::Device as u8),
            since: AtomicU64::new(0),
            spent: zeros(),
            longest: zeros(),
        }))
    }

    /// Runs `work`, within which [`within`] on this thread tells this pulse, and adds to `trace`.
    pub fn watch<T>(&self, trace: Option<&Trace>, work: impl FnOnce() -> T) -> T {
        let next = Some((self.clone(), trace.cloned()));
        let _before = Before(CURRENT.with(|current| current.replace(next)));
        work()
    }

    /// Says that so many steps are finished.
    pub fn finished(&self, step: u64) {
        self.0.step.store(step, Ordering::Relaxed);
    }

    /// How it stands now.
    #[must_use]
    pub fn look(&self) -> Look {
        let shared = &self.0;
        let now = nanoseconds(shared.begin.elapsed());
        let number = usize::from(shared.stage.load(Ordering::Relaxed));
        let lasting = now.saturating_sub(shared.since.load(Ordering::Relaxed));
        let mut spent = std::array::from_fn(|i| Duration::from_nanos(shared.spent[i].load(Ordering::Relaxed)));
        spent[number] += Duration::from_nanos(lasting);
        Look {
            step: shared.step.load(Ordering::Relaxed),
            stage: Stage::ALL[number],
            lasting: Duration::from_nanos(lasting),
            longest: Duration::from_nanos(shared.longest[number].load(Ordering::Relaxed)),
            spent,
        }
    }

    /// Begins a stage; returns the one that it ends.
    fn enter(&self, stage: Stage) -> Stage {
        let shared = &self.0;
        let now = nanoseconds(shared.begin.elapsed());
        let before = usize::from(shared.stage.swap(stage as u8, Ordering::Relaxed));
        let length = now.saturating_sub(shared.since.swap(now, Ordering::Relaxed));
        shared.spent[before].fetch_add(length, Ordering::Relaxed);
        shared.longest[before].fetch_max(length, Ordering::Relaxed);
        Stage::ALL[before]
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    const SOME: Duration = Duration::from_millis(5);

    #[test]
    fn what_is_being_done_can_be_seen_from_another_thread_and_adds_up() {
        let (pulse, trace) = (Pulse::new(3), Trace::new());
        let looked = pulse.watch(Some(&trace), || {
            within(Stage::Data, "batch", || sleep(SOME));
            within(Stage::Evaluation, "evaluation", || {
                within(Stage::Disk, "copy", || {
                    sleep(SOME);
                    let pulse = pulse.clone();
                    std::thread::spawn(move || pulse.look()).join().unwrap()
                })
            })
        });
        assert_eq!((looked.step, looked.stage), (3, Stage::Disk));
        assert!(looked.lasting >= SOME && looked.spent[0] >= SOME);
        let after = pulse.look();
        assert_eq!(after.stage, Stage::Device, "the stage before comes back");
        assert!(after.spent[3] >= SOME && after.spent[4] < after.spent[3], "what is inside does not count twice");
        let names: Vec<String> = trace.spans().into_iter().map(|span| span.name).collect();
        assert_eq!(names, ["batch", "copy", "evaluation"], "in the order in which they end");
        within(Stage::Data, "unwatched", || ());
        assert_eq!(trace.spans().len(), 3);
    }
}
