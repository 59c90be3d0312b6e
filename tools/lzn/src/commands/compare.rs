//! `lzn compare`.

use anyhow::Result;
use lzn_tasks::comparison::{Comparison, report};

use crate::cli::CompareRunsArgs;
use crate::say::{note, say};

/// Prints tables of what runs reached, and writes the page.
pub(crate) fn run(args: &CompareRunsArgs) -> Result<()> {
    let comparison = Comparison::of(&args.runs)?;
    say!("{}", comparison.to_markdown().trim_end())?;
    if let Some(folder) = &args.report {
        report(&comparison)?.save(folder)?;
        note(format_args!("{}", folder.join("report.html").display()));
    }
    Ok(())
}
