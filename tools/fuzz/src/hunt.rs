//! The search: change, read, judge, keep.

use std::any::Any;
use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::meter::Meter;
use crate::{Mutator, Seed, Target};

/// Bytes that a reader may hold at once: so many for any input, and so many for each byte of it. Gzip alone makes a thousand of one,
/// but not of random changes.
const BYTES: usize = 24 << 20;
const BYTES_EACH: usize = 64;

/// Processor time of one input from which on it is a finding. Readers of small files take milliseconds.
const SLOW: Duration = Duration::from_secs(3);

/// Most inputs that are kept because they were answered in a new way.
const KEPT: usize = 4000;

/// How long to search.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Time on the wall.
    pub time: Duration,
    /// Inputs.
    pub inputs: u64,
    /// Counts inputs as they begin, for whoever watches over endless ones.
    pub begun: Option<&'static AtomicU64>,
}

/// An input that a reader did not survive as it should.
#[derive(Debug, Clone)]
pub struct Finding {
    /// `panic`, `memory` or `slow`.
    pub kind: &'static str,
    /// What happened.
    pub what: String,
    /// Where the input was saved.
    pub saved: PathBuf,
}

/// What a search did.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Inputs read.
    pub inputs: u64,
    /// Different answers, kept inputs.
    pub answers: usize,
    /// One of each kind and message.
    pub findings: Vec<Finding>,
}

/// Reads changed files until the budget is used up. Inputs pass through a file in `folder`, where findings are saved.
///
/// An abort ends the process; the input that caused it is then still in `folder` as `TARGET.input`.
///
/// # Errors
/// If a file cannot be written, or a seed of the target is refused by its reader, which would make the search pointless.
pub fn hunt(target: &Target, seed: u64, first: u64, budget: Budget, folder: &Path) -> Result<Report> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut corpus = (target.seeds)();
    let input = folder.join(format!("{}.input", target.name));
    let (mut report, mut seen, mut found) = (Report::default(), HashSet::new(), HashSet::new());
    for seed in &corpus {
        let answer = attempt(target, &seed.envelope.around(&seed.bytes), &input)?;
        let fits = answer.as_ref().is_ok_and(|answer| answer.starts_with("read"));
        anyhow::ensure!(fits, "a seed of `{}` is refused: {answer:?}", target.name);
    }
    let start = Instant::now();
    while report.inputs < budget.inputs && start.elapsed() < budget.time {
        let mut mutator = Mutator::new(target.name, target.words, seed, first + report.inputs);
        report.inputs += 1;
        if let Some(begun) = budget.begun {
            begun.fetch_add(1, Relaxed);
        }
        let Seed { mut bytes, envelope } = corpus[mutator.below(corpus.len())].clone();
        let other = mutator.below(corpus.len());
        mutator.change(&mut bytes, &corpus[other].bytes);
        let file = envelope.around(&bytes);
        match attempt(target, &file, &input)? {
            Ok(answer) if corpus.len() < KEPT && seen.insert(gist(&answer)) => corpus.push(Seed { bytes, envelope }),
            Ok(_) => {}
            Err((kind, what)) if found.insert((kind, gist(&what))) => {
                let name = format!("{}-{kind}-{:08x}", target.name, crc32fast::hash(&file));
                let saved = folder.join(name);
                fs::write(&saved, &file).with_context(|| format!("cannot write {}", saved.display()))?;
                report.findings.push(Finding { kind, what, saved });
            }
            Err(_) => {}
        }
    }
    report.answers = seen.len();
    fs::remove_file(&input).with_context(|| format!("cannot remove {}", input.display()))?;
    Ok(report)
}

/// Reads one file: the answer of the reader, or the kind of a finding and what happened.
///
/// # Errors
/// If the file cannot be written to `input`.
fn attempt(target: &Target, file: &[u8], input: &Path) -> Result<std::result::Result<String, (&'static str, String)>> {
    fs::write(input, file).with_context(|| format!("cannot write {}", input.display()))?;
    Ok(try_once(target, input, file.len()))
}

/// Reads the file at `path`, of `length` bytes: the answer of the reader, or the kind of a finding and what happened.
pub fn try_once(target: &Target, path: &Path, length: usize) -> std::result::Result<String, (&'static str, String)> {
    let meter = Meter::start();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.read)(path)));
    let (bytes, time) = (meter.most_bytes(), meter.time());
    let answer = outcome.map_err(|panic| ("panic", message(panic.as_ref())))?;
    if bytes > BYTES + BYTES_EACH * length {
        return Err(("memory", format!("{bytes} bytes held for an input of {length}, then: {answer}")));
    }
    if time > SLOW {
        return Err(("slow", format!("{} s for an input of {length} bytes, then: {answer}", time.as_secs_f64())));
    }
    Ok(answer)
}

/// A message without quoted parts and words with digits, which differ in every input.
fn gist(message: &str) -> String {
    let parts = message.split(['`', '"']).step_by(2);
    let words = parts.flat_map(|part| part.split(|letter: char| !letter.is_alphanumeric()));
    let kept: Vec<&str> =
        words.filter(|word| !word.is_empty() && !word.contains(|letter: char| letter.is_numeric())).take(60).collect();
    kept.join(" ")
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader of a length and so many bytes, which trusts the length, and another that panics.
    fn faulty(path: &Path) -> String {
        let bytes = fs::read(path).unwrap_or_default();
        let Some((&length, rest)) = bytes.split_first() else { return "refused: empty".to_owned() };
        assert!(length != 255, "length of 255");
        format!("read {}", rest.len().min(length.into()))
    }

    #[test]
    fn a_panic_is_found_named_and_saved_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let seeds = || vec![Seed::plain(vec![3, 1, 2, 3])];
        let target = Target { name: "faulty", seeds, words: &[], read: faulty };
        let budget = Budget { time: Duration::from_secs(60), inputs: 2000, begun: None };
        let report = hunt(&target, 1, 0, budget, folder.path()).expect("searched");
        assert_eq!((report.inputs, report.findings.len()), (2000, 1), "{report:?}");
        let finding = &report.findings[0];
        assert_eq!((finding.kind, fs::read(&finding.saved).expect("saved")[0]), ("panic", 255));
        assert!(report.answers >= 2);
    }

    #[test]
    fn a_seed_that_is_refused_stops_the_search() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = Target { name: "strict", seeds: || vec![Seed::plain(vec![])], words: &[], read: faulty };
        let budget = Budget { time: Duration::from_secs(1), inputs: 1, begun: None };
        let error = hunt(&target, 1, 0, budget, folder.path()).expect_err("pointless").to_string();
        assert!(error.contains("a seed of `strict` is refused"), "{error}");
    }
}
