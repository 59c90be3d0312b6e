//! `lzn train --profile`: where the time of training steps goes.

use lzn_tasks::train::StepTimes;

/// Adds up the times of steps.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    all: Sum,
    /// Since the last line.
    recent: Sum,
}

#[derive(Debug, Default)]
struct Sum {
    times: StepTimes,
    steps: u32,
}

impl Profile {
    /// Adds a step.
    pub(crate) fn add(&mut self, times: StepTimes) {
        for sum in [&mut self.all, &mut self.recent] {
            sum.times += times;
            sum.steps += 1;
        }
    }

    /// A line about the steps since the last one: `312 ms a step: data 2 %, encoder 30 %, ...`.
    pub(crate) fn line(&mut self) -> String {
        let Sum { times, steps } = std::mem::take(&mut self.recent);
        let total = times.total().as_secs_f64();
        let share = |(name, time): (&str, std::time::Duration)| {
            format!("{name} {:.0} %", 100.0 * time.as_secs_f64() / total.max(f64::MIN_POSITIVE))
        };
        let shares: Vec<String> = times.parts().into_iter().map(share).collect();
        format!("{:.0} ms a step: {}", 1e3 * total / f64::from(steps.max(1)), shares.join(", "))
    }

    /// A table of all steps, a line for each part with its time a step and its share.
    pub(crate) fn table(&self) -> Vec<String> {
        let Sum { times, steps } = &self.all;
        let (total, steps) = (times.total().as_secs_f64(), f64::from((*steps).max(1)));
        let line = |(name, seconds): (&str, f64)| {
            let share = 100.0 * seconds / total.max(f64::MIN_POSITIVE);
            format!("  {name:<10} {:>9.1} ms {share:>6.1} %", 1e3 * seconds / steps)
        };
        let parts = times.parts().into_iter().map(|(name, time)| (name, time.as_secs_f64()));
        let heading = format!("time of a step, over {steps} steps:");
        std::iter::once(heading).chain(parts.chain([("whole step", total)]).map(line)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn shares_are_of_the_whole_and_lines_forget_what_they_have_told() {
        let ms = Duration::from_millis;
        let times = StepTimes { data: ms(10), encoder: ms(20), zoning: ms(5), backward: ms(60), rest: ms(5) };
        let mut profile = Profile::default();
        profile.add(times);
        assert_eq!(profile.line(), "100 ms a step: data 10 %, encoder 20 %, zoning 5 %, backward 60 %, rest 5 %");
        profile.add(StepTimes { data: ms(300), ..StepTimes::default() });
        assert_eq!(profile.line(), "300 ms a step: data 100 %, encoder 0 %, zoning 0 %, backward 0 %, rest 0 %");
        let table = profile.table();
        assert_eq!(table[0], "time of a step, over 2 steps:");
        assert_eq!(table[1], "  data           155.0 ms   77.5 %");
        assert_eq!(table[6], "  whole step     200.0 ms  100.0 %");
    }
}
