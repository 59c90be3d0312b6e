//! Contenders in turn, so that whatever else the machine does hits all of them.

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::Spread;
use crate::contenders::{Contender, Precision, Times};
use crate::problem::Problem;

/// How often to run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Rounds in all.
    pub repeats: usize,
    /// A contender that has taken this many seconds sits the other rounds out.
    pub seconds: f64,
}

/// Seconds of one contender over the rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Seconds {
    /// To the latents.
    pub forward: Spread,
    /// To the gradients.
    pub backward: Spread,
    /// Both.
    pub total: Spread,
    /// Runs measured.
    pub runs: usize,
}

impl Seconds {
    fn of(times: &[Times]) -> Option<Self> {
        Some(Self {
            forward: Spread::of(times.iter().map(|times| times.forward))?,
            backward: Spread::of(times.iter().map(|times| times.backward))?,
            total: Spread::of(times.iter().map(|times| times.forward + times.backward))?,
            runs: times.len(),
        })
    }
}

/// Runs every contender once per round. The first run of those that are fast is not counted: it warms caches up.
///
/// # Errors
/// What a contender refuses.
pub fn rounds(contenders: &[Contender], problem: &Problem, precision: Precision, plan: Plan) -> Result<Vec<Seconds>> {
    let mut runners = contenders
        .iter()
        .map(|contender| Ok((contender.prepare(problem, precision)?, Vec::new())))
        .collect::<Result<Vec<_>>>()?;
    for round in 0..=plan.repeats.max(1) {
        for (runner, times) in &mut runners {
            let spent: f64 = times.iter().map(|times: &Times| times.forward + times.backward).sum();
            if spent >= plan.seconds {
                continue;
            }
            let new = runner.run()?;
            if round == 0 && new.forward + new.backward < plan.seconds / 4.0 {
                continue;
            }
            times.push(new);
        }
    }
    runners.iter().map(|(_, times)| Seconds::of(times).context("no runs")).collect()
}
