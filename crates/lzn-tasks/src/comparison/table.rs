//! A comparison as text.

use lzn_eval::{MeanVar, Metric};

use super::{Comparison, Row};

/// Mean of repeated measurements, and the standard deviation of a sample if there is more than one.
pub(super) fn spread(values: &[f64]) -> Option<(f64, Option<f64>)> {
    let mut moments = MeanVar::new();
    moments.update(values).ok()?;
    let moments = moments.finish().ok()?;
    Some((moments.mean, moments.sample_deviation()))
}

impl Row {
    /// What people call it, with the unit of its values.
    pub(super) fn label(&self) -> String {
        if self.measure.share { format!("{}, %", self.measure.name) } else { self.measure.name.clone() }
    }

    /// Digits behind the point, and the factor to the unit of the label.
    pub(super) fn scale(&self) -> (usize, f64) {
        if self.measure.share {
            return (2, 100.0);
        }
        let largest = self.values.iter().flatten().fold(0.0, |most: f64, value| most.max(value.abs()));
        (if largest >= 10.0 { 2 } else { 4 }, 1.0)
    }

    fn cell(&self, values: &[f64]) -> String {
        let (digits, factor) = self.scale();
        match spread(values) {
            None => String::new(),
            Some((mean, None)) => format!("{:.digits$}", factor * mean),
            Some((mean, Some(deviation))) => format!("{:.digits$} ± {:.digits$}", factor * mean, factor * deviation),
        }
    }
}

impl Comparison {
    /// A table in Markdown for each group: a line for each number, a column for each setting, mean and standard deviation over its runs.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        let mut group = None;
        for row in &self.rows {
            if group != Some(&row.group) {
                group = Some(&row.group);
                let start = if text.is_empty() { "" } else { "\n" };
                text.push_str(&format!("{start}{}\n\n| |", row.group));
                for setting in &self.settings {
                    text.push_str(&format!(" {} ({}) |", setting.name, setting.runs.len()));
                }
                text.push_str(&format!("\n|---|{}\n", "---|".repeat(self.settings.len())));
            }
            let cells = row.values.iter().map(|values| format!(" {} |", row.cell(values)));
            text.push_str(&format!("| {} |{}\n", row.label(), cells.collect::<String>()));
        }
        text
    }
}
