//! `lzn doctor`: what was found on this machine, and for each thing wrong the remedy.
//!
//! It runs inside a program that libtorch is linked to, so it can ask libtorch itself. For a libtorch that keeps programs from
//! being built or started there is `cargo xtask doctor`.

mod data;
mod gpu;
mod libtorch;
mod processor;

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use crate::say::say;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What it is about, in one word.
    pub(crate) topic: &'static str,
    /// What was found, as a sentence without full stop.
    pub(crate) what: String,
    /// What to do about it; `None` when nothing is wrong.
    pub(crate) remedy: Option<String>,
}

impl Finding {
    fn good(topic: &'static str, what: impl Into<String>) -> Self {
        Self { topic, what: what.into(), remedy: None }
    }

    fn bad(topic: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { topic, what: what.into(), remedy: Some(remedy.into()) }
    }
}

/// Everything that was found, in the order of [`run`]'s output.
pub(crate) fn report() -> Vec<Finding> {
    let loaded = lzn_torch::install::loaded();
    let mut findings = libtorch::findings(&loaded);
    findings.extend(processor::findings());
    findings.push(gpu::finding(&gpu::Facts::gather(&loaded)));
    findings.extend(data::findings());
    findings
}

/// Prints the report, as text or as one JSON object. The exit code is a failure when anything is wrong.
pub(crate) fn run(json: bool) -> Result<ExitCode> {
    let findings = report();
    let wrong = findings.iter().filter(|finding| finding.remedy.is_some()).count();
    let text = if json {
        serde_json::to_string_pretty(&serde_json::json!({ "wrong": wrong, "findings": findings }))? + "\n"
    } else {
        to_text(&findings, wrong)
    };
    say!("{}", text.trim_end())?;
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn to_text(findings: &[Finding], wrong: usize) -> String {
    let mut text = String::new();
    for Finding { topic, what, remedy } in findings {
        let mark = if remedy.is_some() { "WRONG" } else { "ok" };
        text.push_str(&format!("{mark:5} {topic:9} {what}\n"));
        if let Some(remedy) = remedy {
            text.push_str(&format!("      remedy:   {remedy}\n"));
        }
    }
    match wrong {
        0 => text + "\nnothing wrong was found\n",
        _ => text + &format!("\n{wrong} of {} findings want attention\n", findings.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_shows_every_finding_and_the_remedy_below_what_is_wrong() {
        let findings = [Finding::good("gpu", "none"), Finding::bad("data", "no images", "fetch them")];
        let text = to_text(&findings, 1);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("ok") && lines[0].ends_with("none"));
        assert!(lines[1].starts_with("WRONG") && lines[2].contains("fetch them"));
        assert_eq!(lines.last(), Some(&"1 of 2 findings want attention"));
    }

    #[test]
    fn every_topic_is_reported_on_this_machine() {
        let findings = report();
        for topic in ["libtorch", "processor", "threads", "gpu", "data"] {
            assert!(findings.iter().any(|finding| finding.topic == topic), "{topic}");
        }
    }
}
