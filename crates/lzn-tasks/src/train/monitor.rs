//! Watches over the thread that trains: a beat every second, and a word when it waits for very long.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lzn_torch::dist::World;

use super::stage::{Look, Pulse, Stage};
use crate::run::heartbeat::{Beat, Heartbeat, beats};
use crate::run::progress::duration;

/// Told what a run waits for.
pub(super) type OnStall = Box<dyn Fn(&str) + Send>;

/// A stage that lasts no longer than this is no stall.
const PATIENCE: Duration = Duration::from_secs(60);
/// So many times the longest time that it took before is one.
const OVERDUE: u32 = 3;
/// Looks over which the shares of stages are taken.
const WINDOW: usize = 30;

/// What is known of a worker's pulse.
pub(super) struct Monitor {
    pulse: Pulse,
    /// Number of the worker, and how many there are.
    place: (u64, u64),
    folder: Option<PathBuf>,
    on_stall: Option<OnStall>,
    /// Time in each stage, at the last looks.
    before: VecDeque<[Duration; 5]>,
    /// When to speak of the present stage; later each time.
    limit: Duration,
    /// What was looked at last.
    last: Option<Look>,
}

impl Monitor {
    /// Of the worker of `world` that this process is, for the run in `folder`, if it has that.
    pub(super) fn new(pulse: Pulse, world: &World, folder: Option<&Path>, on_stall: Option<OnStall>) -> Self {
        let place = (world.rank() as u64, world.size() as u64);
        let (before, limit, last) = (VecDeque::new(), Duration::ZERO, None);
        Self { pulse, place, folder: folder.map(Path::to_owned), on_stall, before, limit, last }
    }

    /// Looks every second, until the result is dropped.
    pub(super) fn start(mut self) -> Option<Heartbeat> {
        let folder = self.folder.clone();
        Heartbeat::start(folder.as_deref(), self.place.0, move || self.beat())
    }

    fn beat(&mut self) -> Beat {
        let look = self.pulse.look();
        if let Some(words) = self.stall(look)
            && let Some(tell) = &self.on_stall
        {
            tell(&words);
        }
        let shares = self.shares(look.spent);
        Beat::now(self.place, look.step, (look.stage.name(), look.lasting.as_secs_f64()), shares)
    }

    /// What to say of a stage that has lasted for very long.
    fn stall(&mut self, look: Look) -> Option<String> {
        // The stage of the look before may have ended and begun again.
        let same = self.last.is_some_and(|last| last.stage == look.stage && last.lasting <= look.lasting);
        if !same {
            self.limit = PATIENCE.max(look.longest * OVERDUE);
        }
        self.last = Some(look);
        if look.lasting < self.limit {
            return None;
        }
        self.limit = look.lasting * 2;
        let (stage, seconds) = (look.stage, duration(look.lasting.as_secs_f64()));
        let reason = match stage {
            // All that wait say the same: the first of them is enough, and those that are waited for speak for themselves.
            Stage::Network if self.place.0 > 0 => return None,
            Stage::Network => {
                let beats = self.folder.as_deref().map(beats).unwrap_or_default();
                waited_for(&beats).unwrap_or_else(|| stage.remedy().to_owned())
            }
            _ => stage.remedy().to_owned(),
        };
        let worker = if self.place.1 > 1 { format!("worker {} ", self.place.0) } else { String::new() };
        Some(format!("{worker}stalled after step {}: {} for {seconds}; {reason}", look.step, stage.name()))
    }

    /// The share of each stage in the time since the first look that is still known.
    fn shares(&mut self, spent: [Duration; 5]) -> Vec<(String, f64)> {
        let first = self.before.front().copied().unwrap_or_default();
        self.before.push_back(spent);
        if self.before.len() > WINDOW {
            self.before.pop_front();
        }
        let parts = std::array::from_fn::<f64, 5, _>(|i| spent[i].saturating_sub(first[i]).as_secs_f64());
        let whole: f64 = parts.iter().sum();
        let share = |(stage, part): (Stage, f64)| (stage.name().to_owned(), part / whole.max(f64::MIN_POSITIVE));
        Stage::ALL.into_iter().zip(parts).map(share).filter(|(_, share)| *share > 0.0).collect()
    }
}

/// Who does not wait for others: whom the others wait for.
fn waited_for(beats: &[Beat]) -> Option<String> {
    let busy = |beat: &&Beat| beat.is_late() || beat.stage != Stage::Network.name();
    let words = |beat: &Beat| match beat.is_late() {
        true => format!("worker {} has not been heard of for {}", beat.worker, duration(beat.age())),
        false => format!("worker {} has been in {} for {}", beat.worker, beat.stage, duration(beat.stage_seconds)),
    };
    let all: Vec<String> = beats.iter().filter(busy).map(words).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(stage: Stage, lasting: u64, longest: u64) -> Look {
        let [lasting, longest] = [lasting, longest].map(Duration::from_secs);
        Look { step: 5, stage, lasting, longest, spent: [Duration::ZERO; 5] }
    }

    fn unwatched() -> Monitor {
        Monitor::new(Pulse::new(0), &World::alone(), None, None)
    }

    #[test]
    fn a_stall_is_named_with_its_remedy_and_then_more_and_more_rarely() {
        let mut monitor = unwatched();
        let said: Vec<u64> =
            (0..500).filter(|lasting| monitor.stall(look(Stage::Data, *lasting, 2)).is_some()).collect();
        assert_eq!(said, [60, 120, 240, 480]);
        let words = unwatched().stall(look(Stage::Network, 75, 2)).unwrap();
        assert!(words.contains("after step 5: network for 1 min 15 s") && words.contains("worker"), "{words}");
    }

    #[test]
    fn who_is_waited_for_is_named() {
        let beat = |worker, stage, seconds| Beat::now((worker, 3), 5, (stage, seconds), Vec::new());
        let mut beats = [beat(0, "network", 70.0), beat(1, "data", 72.0), beat(2, "network", 71.0)];
        assert_eq!(waited_for(&beats).as_deref(), Some("worker 1 has been in data for 1 min 12 s"));
        beats[1] = beat(1, "network", 70.0);
        assert_eq!(waited_for(&beats), None);
        beats[2].at -= 30.0;
        assert_eq!(waited_for(&beats).as_deref(), Some("worker 2 has not been heard of for 30 s"));
        let mut other = Monitor { place: (1, 3), ..unwatched() };
        assert!(other.stall(look(Stage::Network, 75, 2)).is_none(), "worker 0 speaks for all that wait");
        let words = other.stall(look(Stage::Data, 75, 2)).unwrap();
        assert!(words.starts_with("worker 1 stalled after step 5: data for 1 min 15 s"), "{words}");
    }

    #[test]
    fn what_always_takes_long_is_no_stall_and_another_stage_begins_anew() {
        let mut monitor = unwatched();
        assert!(monitor.stall(look(Stage::Evaluation, 250, 100)).is_none());
        assert!(monitor.stall(look(Stage::Evaluation, 301, 100)).is_some());
        assert!(monitor.stall(look(Stage::Device, 61, 1)).is_some());
        assert!(monitor.stall(look(Stage::Device, 3, 61)).is_none(), "another step");
    }

    #[test]
    fn shares_are_those_of_the_last_half_minute() {
        let mut monitor = unwatched();
        let spent = |data, device| [data, device, 0, 0, 0].map(Duration::from_secs);
        monitor.shares(spent(100, 0));
        let shares = monitor.shares(spent(101, 3));
        assert_eq!(shares, [("data".to_owned(), 0.25), ("device".to_owned(), 0.75)]);
        (0..WINDOW as u64).for_each(|i| drop(monitor.shares(spent(101, 3 + i))));
        assert_eq!(monitor.shares(spent(101, 50)), [("device".to_owned(), 1.0)]);
    }
}
