//! When which part of training ran, as a file that chrome://tracing and Perfetto open.
//!
//! The format is the "JSON object format" of Chrome's trace events: complete events (`ph` X) with begin and length in microseconds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::stage::Stage;

/// Spans beyond this are left out: a file of so many is some 50 MB, as much as viewers take.
const MOST: usize = 400_000;

/// A part of training.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// What it was.
    pub name: String,
    /// What it waited for.
    pub stage: Stage,
    /// When it began, after the beginning of the run's process.
    pub begin: Duration,
    /// How long it took.
    pub length: Duration,
}

/// The spans of a run, in the order in which they ended.
#[derive(Debug, Clone, Default)]
pub struct Trace(Arc<Mutex<Vec<Span>>>);

impl Trace {
    /// A trace without spans.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a span, unless there are very many.
    pub fn add(&self, span: Span) {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() < MOST {
            spans.push(span);
        }
    }

    /// The spans so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The file, of a worker with this number.
    #[must_use]
    pub fn to_json(&self, worker: u64) -> Value {
        let microseconds = |time: Duration| time.as_nanos() as f64 / 1e3;
        let event = |span: &Span| {
            json!({
                "name": span.name,
                "cat": span.stage.name(),
                "ph": "X",
                "ts": microseconds(span.begin),
                "dur": microseconds(span.length),
                "pid": worker,
                "tid": 0,
            })
        };
        let name = json!({
            "name": "process_name", "ph": "M", "pid": worker, "tid": 0, "args": { "name": format!("worker {worker}") },
        });
        let events: Vec<Value> = std::iter::once(name).chain(self.spans().iter().map(event)).collect();
        json!({ "displayTimeUnit": "ms", "traceEvents": events })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_complete_events_in_microseconds() {
        let trace = Trace::new();
        let (begin, length) = (Duration::from_micros(1500), Duration::from_nanos(2500));
        trace.add(Span { name: "backward".to_owned(), stage: Stage::Device, begin, length });
        let file = trace.to_json(2);
        let events = file["traceEvents"].as_array().unwrap();
        assert_eq!(events.len(), 2);
        let expected = json!({
            "name": "backward", "cat": "device", "ph": "X", "ts": 1500.0, "dur": 2.5, "pid": 2, "tid": 0,
        });
        assert_eq!(events[1], expected);
    }
}
