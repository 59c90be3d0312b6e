//! How far a run is: a bar on a terminal, plain lines elsewhere, both on the standard error.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Speed is the mean over this time: long enough to be calm, short enough to follow.
const WINDOW: Duration = Duration::from_secs(30);

/// Reports steps, images per second, losses and the time left.
pub struct Progress {
    meter: Meter,
    output: Output,
}

enum Output {
    Bar(ProgressBar),
    Lines { out: Box<dyn Write + Send>, every: Duration, last: Option<Instant> },
}

impl Progress {
    /// A report on the steps from `done` to `total`; where the standard error is not a terminal, a line every `every`.
    #[must_use]
    pub fn new(done: u64, total: u64, every: Duration) -> Self {
        if !io::stderr().is_terminal() {
            return Self::lines(done, total, every, Box::new(io::stderr()));
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_position(done);
        if let Ok(style) = ProgressStyle::with_template("{bar:20.cyan/dim} {wide_msg}") {
            bar.set_style(style);
        }
        Self { meter: Meter::new(done, total, Instant::now()), output: Output::Bar(bar) }
    }

    /// A report in plain lines to `out`, at most one every `every`.
    #[must_use]
    pub fn lines(done: u64, total: u64, every: Duration, out: Box<dyn Write + Send>) -> Self {
        Self { meter: Meter::new(done, total, Instant::now()), output: Output::Lines { out, every, last: None } }
    }

    /// Tells that `step` steps are finished, the last of them with `images` images, and what was measured in it.
    pub fn step(&mut self, step: u64, images: u64, values: &[(&str, f64)]) {
        self.step_at(step, images, values, Instant::now());
    }

    /// Images per second over the last half minute; 0 before the first step.
    #[must_use]
    pub fn images_per_second(&self) -> f64 {
        self.meter.images_per_second()
    }

    /// Prints `text` on lines of its own, above the bar.
    pub fn note(&mut self, text: &str) {
        match &mut self.output {
            Output::Bar(bar) => bar.println(text),
            Output::Lines { out, .. } => write_line(out, text),
        }
    }

    /// Ends the report and leaves its last state on the screen.
    pub fn finish(&mut self) {
        if let Output::Bar(bar) = &self.output {
            bar.abandon();
        }
    }

    fn step_at(&mut self, step: u64, images: u64, values: &[(&str, f64)], now: Instant) {
        self.meter.step(step, images, now);
        match &mut self.output {
            Output::Bar(bar) => {
                bar.set_position(step);
                bar.set_message(self.meter.line(values));
            }
            Output::Lines { out, every, last } => {
                let due = last.is_none_or(|last| now.duration_since(last) >= *every);
                if due || step == self.meter.total {
                    *last = Some(now);
                    write_line(out, &self.meter.line(values));
                }
            }
        }
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").field("step", &self.meter.step).field("total", &self.meter.total).finish()
    }
}

/// A closed standard error is no reason to end a training run.
fn write_line(out: &mut dyn Write, line: &str) {
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Measures speed from the moments at which steps ended.
#[derive(Debug)]
struct Meter {
    step: u64,
    total: u64,
    images: u64,
    /// Moments within the window, and the steps and images that were finished at each.
    moments: VecDeque<(Instant, u64, u64)>,
}

impl Meter {
    fn new(done: u64, total: u64, now: Instant) -> Self {
        Self { step: done, total, images: 0, moments: VecDeque::from([(now, done, 0)]) }
    }

    fn step(&mut self, step: u64, images: u64, now: Instant) {
        self.step = step;
        self.images += images;
        self.moments.push_back((now, step, self.images));
        // At least two moments stay, or slow steps would have no speed.
        while self.moments.len() > 2 && self.moments[1].0 + WINDOW <= now {
            self.moments.pop_front();
        }
    }

    /// Seconds, steps and images from the first to the last moment of the window.
    fn span(&self) -> Option<(f64, u64, u64)> {
        let (first, last) = (self.moments.front()?, self.moments.back()?);
        let seconds = last.0.duration_since(first.0).as_secs_f64();
        (seconds > 0.0).then(|| (seconds, last.1 - first.1, last.2 - first.2))
    }

    fn images_per_second(&self) -> f64 {
        self.span().map_or(0.0, |(seconds, _, images)| images as f64 / seconds)
    }

    fn seconds_left(&self) -> Option<f64> {
        let (seconds, steps, _) = self.span()?;
        (steps > 0).then(|| self.total.saturating_sub(self.step) as f64 * seconds / steps as f64)
    }

    fn line(&self, values: &[(&str, f64)]) -> String {
        let percent = 100 * self.step / self.total.max(1);
        let mut line = format!("step {}/{} ({percent} %)", self.step, self.total);
        let speed = self.images_per_second();
        // Writing to a string cannot fail.
        let _ = write!(line, "  {speed:.*} images/s", usize::from(speed < 10.0));
        for (name, value) in values {
            let _ = write!(line, "  {name} {}", short(*value));
        }
        if let Some(seconds) = self.seconds_left() {
            let _ = write!(line, "  {} left", duration(seconds));
        }
        line
    }
}

/// A value in four significant digits or so.
#[must_use]
pub fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-3..1e5).contains(&size) => format!("{value:.2e}"),
        size => format!("{value:.*}", if size < 1.0 { 4 } else { 3 }),
    }
}

/// A time in seconds, in its two largest units: `2 h 05 min`, `3 min 20 s`, `15 s`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min, s) => format!("{min} min {s:02} s"),
        (h, min, _) => format!("{h} h {min:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Output that the test can read while the report holds the other end.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        fn lines(&self) -> Vec<String> {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
        }
    }

    fn report(done: u64, total: u64) -> (Progress, Paper, Instant) {
        let paper = Paper::default();
        let mut progress = Progress::lines(done, total, Duration::from_secs(10), Box::new(paper.clone()));
        let start = Instant::now();
        progress.meter = Meter::new(done, total, start);
        (progress, paper, start)
    }

    #[test]
    fn a_line_has_step_speed_losses_and_time_left() {
        let (mut progress, paper, start) = report(100, 1100);
        // 64 images in half a second: 128 a second; 999 steps of half a second are left.
        progress.step_at(101, 64, &[("flow", 0.98765), ("align", -0.25)], start + Duration::from_millis(500));
        assert_eq!(paper.lines(), ["step 101/1100 (9 %)  128 images/s  flow 0.9877  align -0.2500  8 min 20 s left"]);
    }

    #[test]
    fn lines_are_rare_but_the_last_step_always_has_one() {
        let (mut progress, paper, start) = report(0, 25);
        for step in 1..=25 {
            progress.step_at(step, 1, &[], start + Duration::from_secs(step));
        }
        let steps: Vec<_> =
            paper.lines().iter().map(|line| line.split([' ', '/']).nth(1).unwrap().to_owned()).collect();
        assert_eq!(steps, ["1", "11", "21", "25"]);
    }

    #[test]
    fn speed_forgets_what_is_longer_ago_than_the_window() {
        let (mut progress, _, start) = report(0, 1000);
        for step in 1..=60 {
            progress.step_at(step, 100, &[], start + Duration::from_secs(step));
        }
        assert_eq!(progress.images_per_second(), 100.0);
        for step in 61..=100 {
            progress.step_at(step, 10, &[], start + Duration::from_secs(step));
        }
        assert_eq!(progress.images_per_second(), 10.0);
        assert!(progress.meter.moments.len() <= 32, "the memory does not grow with the run");
    }

    #[test]
    fn steps_that_take_longer_than_the_window_have_a_speed_too() {
        let (mut progress, _, start) = report(0, 4);
        for step in 1..=3 {
            progress.step_at(step, 120, &[], start + Duration::from_secs(60 * step));
        }
        assert_eq!(progress.images_per_second(), 2.0);
        assert_eq!(progress.meter.seconds_left(), Some(60.0));
    }

    #[test]
    fn numbers_and_times_are_short() {
        let values = [0.0, 0.123456, 12.34567, 1e-7, 123_456_789.0].map(short);
        assert_eq!(values, ["0", "0.1235", "12.346", "1.00e-7", "1.23e8"]);
        assert_eq!(short(f64::NAN), "NaN");
        assert_eq!([15.4, 200.0, 7500.0].map(duration), ["15 s", "3 min 20 s", "2 h 05 min"]);
    }

    #[test]
    fn notes_come_at_once() {
        let (mut progress, paper, _) = report(0, 10);
        progress.note("checkpoint saved");
        assert_eq!(paper.lines(), ["checkpoint saved"]);
    }
}
