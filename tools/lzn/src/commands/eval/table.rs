//! Measures as people read them.

use anyhow::Result;
use lzn_tasks::evaluate::{Group, shown};

use crate::say::say;

/// Prints every number with what it depends on.
pub(super) fn print(groups: &[Group]) -> Result<()> {
    let width = groups.iter().flat_map(|group| &group.measures).map(|measure| measure.name.chars().count()).max();
    for group in groups {
        say!("{}", group.title)?;
        for measure in &group.measures {
            let counts = match (measure.real, measure.generated) {
                (Some(real), Some(generated)) => format!("{real} real, {generated} generated; "),
                (Some(real), None) => format!("{real} images; "),
                _ => String::new(),
            };
            let spread = measure.spread.as_ref().map(|spread| format!("{spread}; ")).unwrap_or_default();
            let (name, value) = (&measure.name, shown(measure));
            say!("  {name:<0$}  {value:>10}  {spread}{counts}{1}", width.unwrap_or(0), measure.protocol)?;
        }
        if let Some(line) = group.network_line() {
            say!("  {line}")?;
        }
    }
    Ok(())
}
