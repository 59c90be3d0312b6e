//! Measures as people read them.

use std::collections::HashSet;

use anyhow::Result;
use lzn_tasks::evaluate::{Group, counts, shown};

use crate::say::{note, say};

/// Prints every number with what it depends on.
pub(super) fn print(groups: &[Group]) -> Result<()> {
    let width = groups.iter().flat_map(|group| &group.measures).map(|measure| measure.name.chars().count()).max();
    for group in groups {
        say!("{}", group.title)?;
        for measure in &group.measures {
            let spread = measure.spread.as_ref().map(|spread| format!("{spread}; ")).unwrap_or_default();
            let (name, value, counts) = (&measure.name, shown(measure), counts(measure));
            say!("  {name:<0$}  {value:>10}  {spread}{counts}; {1}", width.unwrap_or(0), measure.protocol)?;
        }
        if let Some(line) = group.network_line() {
            say!("  {line}")?;
        }
    }
    Ok(())
}

/// Says what makes numbers unreliable; what holds of several groups is said once.
pub(super) fn warn(groups: &[Group]) {
    let mut said = HashSet::new();
    let all = groups.iter().flat_map(|group| &group.warnings);
    all.filter(|warning| said.insert(*warning)).for_each(|warning| note(format_args!("warning: {warning}")));
}
