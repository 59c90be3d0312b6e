//! A disk that refuses: when to try again, and when to say so again.

use std::time::{Duration, Instant};

use super::error::RunError;
use super::progress::duration;

/// Time between two tries: a disk that is full is not asked at every step.
const RETRY: Duration = Duration::from_secs(10);
/// Time between two words about one and the same trouble.
const WORDS: Duration = Duration::from_secs(60);

/// Trouble with writing one kind of thing.
#[derive(Debug)]
pub(super) struct Trouble {
    what: &'static str,
    since: Instant,
    next_try: Instant,
    next_word: Instant,
}

impl Trouble {
    /// Takes note of one more try to write `what`: the trouble that there is from now on takes the place of that before. What to say of
    /// it, if it is time.
    pub(super) fn note(
        trouble: &mut Option<Self>,
        what: &'static str,
        written: &Result<(), RunError>,
    ) -> Option<String> {
        match (written, trouble.as_mut()) {
            (Ok(()), _) => trouble.take().map(|trouble| trouble.over()),
            (Err(error), Some(trouble)) => trouble.again(error),
            (Err(error), None) => {
                let (first, words) = Self::new(what, error);
                *trouble = Some(first);
                Some(words)
            }
        }
    }

    /// The first failure, and what to say of it.
    fn new(what: &'static str, error: &RunError) -> (Self, String) {
        let now = Instant::now();
        let trouble = Self { what, since: now, next_try: now + RETRY, next_word: now + WORDS };
        let words = format!(
            "{what} cannot be written: {error}. TRAINING GOES ON and tries again every {} s; until then nothing of it would survive the end \\
             of this process",
            RETRY.as_secs()
        );
        (trouble, words)
    }

    /// Whether it is time to try again.
    pub(super) fn due(&self) -> bool {
        Instant::now() >= self.next_try
    }

    /// A further failure, and what to say of it, if it is time.
    fn again(&mut self, error: &RunError) -> Option<String> {
        let now = Instant::now();
        self.next_try = now + RETRY;
        (now >= self.next_word).then(|| {
            self.next_word = now + WORDS;
            let seconds = self.since.elapsed().as_secs_f64();
            format!("{} could not be written for {} now: {error}. Training goes on", self.what, duration(seconds))
        })
    }

    /// What to say at its end.
    fn over(&self) -> String {
        format!("{} can be written again, after {}", self.what, duration(self.since.elapsed().as_secs_f64()))
    }
}
