//! The run on a terminal.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lzn_tasks::run::heartbeat::Worker;
use lzn_tasks::run::progress::{duration, short};
use lzn_tasks::status::{Activity, RunStatus};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph};
use ratatui::{DefaultTerminal, Frame};

use super::{WORKERS, check, chosen, health, is_stuck, notable, pause};
use crate::cli::WatchArgs;

/// Time between two looks at the keyboard.
const KEYS: Duration = Duration::from_millis(100);

/// Draws the run anew whenever it is time, until a key ends it. The terminal is put back in any case.
pub(super) fn follow(args: &WatchArgs, status: RunStatus) -> Result<()> {
    let mut terminal = ratatui::try_init().context("this terminal cannot be drawn on; try --once or --json")?;
    let result = draw_until_key(args, status, &mut terminal);
    ratatui::restore();
    result
}

fn draw_until_key(args: &WatchArgs, mut status: RunStatus, terminal: &mut DefaultTerminal) -> Result<()> {
    loop {
        let names = chosen(args, &status);
        terminal.draw(|frame| draw(frame, &status, &names))?;
        let next = Instant::now() + pause(args);
        while Instant::now() < next {
            if event::poll(KEYS)? {
                match event::read()? {
                    Event::Key(key) if ends(key.code, key.modifiers) => return Ok(()),
                    Event::Resize(..) => break,
                    _ => {}
                }
            }
        }
        status.refresh()?;
        check(args, &status)?;
    }
}

fn ends(code: KeyCode, modifiers: KeyModifiers) -> bool {
    matches!(code, KeyCode::Char('q') | KeyCode::Esc)
        || code == KeyCode::Char('c') && modifiers.contains(KeyModifiers::CONTROL)
}

fn draw(frame: &mut Frame<'_>, status: &RunStatus, names: &[String]) {
    let facts = facts(status);
    let [top, middle, bottom] =
        Layout::vertical([Constraint::Length(3), Constraint::Min(0), Constraint::Length(facts.len() as u16)])
            .areas(frame.area());
    frame.render_widget(progress(status), top);
    for (area, name) in cells(middle, names.len()).into_iter().zip(names) {
        curve(frame, area, name, &status.series(name));
    }
    frame.render_widget(Paragraph::new(facts), bottom);
}

fn progress(status: &RunStatus) -> Gauge<'_> {
    let activity = status.activity();
    let colour = match activity {
        Activity::Training | Activity::Finished => Color::Green,
        Activity::Silent => Color::Red,
        Activity::Stopped => Color::Yellow,
    };
    let mut label = format!("step {}/{}", status.step(), status.total);
    if let Some(seconds) = status.seconds_left().filter(|_| activity == Activity::Training) {
        label += &format!(", {} left", duration(seconds));
    }
    let share = status.step() as f64 / status.total.max(1) as f64;
    let title = format!(" {} ({}) ", status.path.display(), activity.name());
    Gauge::default().block(Block::bordered().title(title)).gauge_style(colour).ratio(share.clamp(0.0, 1.0)).label(label)
}

/// Two curves beside each other, in as many rows as it takes.
fn cells(area: Rect, count: usize) -> Vec<Rect> {
    let rows = Layout::vertical(vec![Constraint::Fill(1); count.div_ceil(2)]).split(area);
    let split = |row: &Rect| Layout::horizontal([Constraint::Fill(1); 2]).areas::<2>(*row);
    rows.iter().flat_map(split).take(count).collect()
}

fn curve(frame: &mut Frame<'_>, area: Rect, name: &str, points: &[(f64, f64)]) {
    let newest = points.last().map_or_else(|| "-".to_owned(), |(_, value)| short(*value));
    let block = Block::bordered().title(format!(" {name} {newest} "));
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return frame.render_widget(block, area);
    };
    let low = points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    let axis = |low: f64, high: f64, labels: [String; 2]| {
        // A curve of one height is drawn in the middle.
        let room = if high > low { 0.0 } else { 0.5 * high.abs().max(1.0) };
        Axis::default().bounds([low - room, high + room]).labels(labels).style(Style::new().dark_gray())
    };
    let line = Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line).style(Color::Cyan).data(points);
    let chart = Chart::new(vec![line])
        .block(block)
        .x_axis(axis(first.0, last.0, [first.0.to_string(), last.0.to_string()]))
        .y_axis(axis(low, high, [short(low), short(high)]));
    frame.render_widget(chart, area);
}

fn facts(status: &RunStatus) -> Vec<Line<'static>> {
    let speed = status.images_per_second().map_or_else(|| "-".to_owned(), |speed| format!("{speed:.0} images/s"));
    let silence = status
        .silence
        .map_or_else(String::new, |silence| format!(", last record {} ago", duration(silence.as_secs_f64())));
    let holder = status.holder.clone().unwrap_or_else(|| "no process".to_owned());
    let sample = status.sample.as_ref().map_or_else(|| "none yet".to_owned(), |path| path.display().to_string());
    let checkpoint = status.checkpoint.map_or_else(|| "none yet".to_owned(), |step| format!("step {step}"));
    let process = Line::from(format!("trained by  {holder}: {speed}{silence}"));
    let first = if status.activity() == Activity::Silent { process.red() } else { process };
    let (workers, hidden) = notable(&status.workers, WORKERS);
    let more = (hidden > 0).then(|| Line::from(format!("            and {hidden} more workers")));
    let workers = workers.into_iter().map(worker).chain(more);
    let rest = [
        Line::from(format!("samples     {sample}")),
        Line::from(format!("checkpoint  {checkpoint}")),
        Line::from("q ends; training goes on").dark_gray(),
    ];
    std::iter::once(first).chain(workers).chain(rest).collect()
}

/// A line on a worker, in red if it stands still, in yellow if it takes long for something.
fn worker(worker: &Worker) -> Line<'static> {
    let line = Line::from(health(worker));
    match &worker.beat {
        Some(beat) if beat.is_late() => line.red(),
        _ if is_stuck(worker) => line.yellow(),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use lzn_tasks::run::{Recorder, RunFolder};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn picture(status: &RunStatus, names: &[String]) -> String {
        let mut terminal = Terminal::new(TestBackend::new(90, 24)).unwrap();
        terminal.draw(|frame| draw(frame, status, names)).unwrap();
        terminal.backend().to_string()
    }

    fn run(folder: &std::path::Path, steps: u64) -> RunStatus {
        let config = include_str!("../../../../configs/quickstart.toml");
        drop(RunFolder::create(folder, config).unwrap());
        let mut recorder = Recorder::open(folder, Some(0)).unwrap();
        for step in 1..=steps {
            let values = [("train/loss".to_owned(), 1.0 / step as f64), ("time/images_per_second".to_owned(), 64.0)];
            recorder.write(step, &values.into()).unwrap();
        }
        RunStatus::read(folder).unwrap()
    }

    #[test]
    fn curves_speed_and_state_are_on_the_screen() {
        let folder = tempfile::tempdir().unwrap();
        let text = picture(&run(folder.path(), 30), &["train/loss".to_owned(), "eval/accuracy".to_owned()]);
        for part in
            ["stopped", "step 30/", "train/loss 0.0333", "eval/accuracy -", "64 images/s", "no process", "none yet"]
        {
            assert!(text.contains(part), "no `{part}` in\n{text}");
        }
        assert!(text.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)), "no curve in\n{text}");
    }

    #[test]
    fn a_run_without_records_and_a_tiny_terminal_are_drawn_too() {
        let folder = tempfile::tempdir().unwrap();
        let mut status = run(folder.path(), 0);
        status.path = PathBuf::from("runs/mine");
        assert!(picture(&status, &[]).contains("runs/mine (stopped)"));
        let mut terminal = Terminal::new(TestBackend::new(3, 2)).unwrap();
        terminal.draw(|frame| draw(frame, &status, &["train/loss".to_owned()])).unwrap();
        assert_eq!(terminal.backend().buffer().area.width, 3);
    }
}
