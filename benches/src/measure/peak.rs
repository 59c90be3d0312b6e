//! Peak memory of one run, measured in a process of its own: in a used one, memory that was freed before hides what is needed.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use lzn_meter::{Counting, resident};
use serde::{Deserialize, Serialize};

use super::use_threads;
use crate::contenders::{Contender, Precision};
use crate::problem::Setting;

/// First argument of the process that measures; the order follows as JSON.
const ARGUMENT: &str = "measure-peak";

/// Makes the C library take arrays straight from the kernel and give them back. Otherwise holes between them count, twice as much
/// as the arrays themselves at some sizes; that would be true, but would say more about that library than about a contender.
const NO_HOLES: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "65536");

/// Bytes beyond the inputs at the worst moment of a run, forward and backward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peak {
    /// Allocated by Rust; absent for rivals, whose memory is libtorch's.
    pub allocated: Option<u64>,
    /// In memory, whoever allocated them; absent where the kernel does not tell.
    pub resident: Option<u64>,
}

impl Peak {
    /// The larger of the two, whichever is known.
    #[must_use]
    pub fn bytes(self) -> Option<u64> {
        self.allocated.max(self.resident)
    }
}

#[derive(Serialize, Deserialize)]
struct Order {
    setting: Setting,
    contender: Contender,
    precision: Precision,
    threads: usize,
}

/// Measures in a new process of this program, whose `main` begins with [`answer`].
///
/// # Errors
/// If the process fails.
pub fn peak(setting: &Setting, contender: &Contender, precision: Precision, threads: usize) -> Result<Peak> {
    let order = Order { setting: setting.clone(), contender: contender.clone(), precision, threads };
    let program = std::env::current_exe().context("the path of this program")?;
    let mut command = Command::new(program);
    command.arg(ARGUMENT).arg(serde_json::to_string(&order)?).env(NO_HOLES.0, NO_HOLES.1);
    let output = command.output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the process that measures memory failed: {complaint}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What to print, if this process was started by [`peak`]; `None` if it was started by a person.
///
/// # Errors
/// What the contender refuses.
pub fn answer() -> Result<Option<String>> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(ARGUMENT) {
        return Ok(None);
    }
    let order: Order = serde_json::from_str(&arguments.next().context("an order")?)?;
    Ok(Some(serde_json::to_string(&order.carry_out()?)?))
}

impl Order {
    fn carry_out(&self) -> Result<Peak> {
        use_threads(self.threads)?;
        // Threads, and what libraries set up at first use, are not part of a run.
        let small = Setting { anchors: 48, samples: 48, ..self.setting.clone() };
        self.contender.solve(&small.problem(), self.precision)?;
        let mut runner = self.contender.prepare(&self.setting.problem(), self.precision)?;
        let (reset, base, allocated) = (resident::start(), resident::now(), Counting::start());
        runner.run()?;
        let (most, most_allocated) = (resident::most(), Counting::most());
        let ours = matches!(self.contender, Contender::Ours(_)) && most_allocated > 0;
        let beyond = |most: u64, base: u64| most.saturating_sub(base);
        Ok(Peak {
            allocated: ours.then(|| beyond(most_allocated as u64, allocated as u64)),
            resident: reset.and(most).zip(base).map(|(most, base)| beyond(most, base)),
        })
    }
}
