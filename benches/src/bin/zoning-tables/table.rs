//! Markdown tables.

use std::fmt::Display;

/// A table under construction.
#[derive(Debug)]
pub(crate) struct Table(String);

impl Table {
    /// With a line of column names.
    pub(crate) fn new<T: Display>(first: &str, columns: impl IntoIterator<Item = T>) -> Self {
        let mut table = Self(String::from("\n"));
        table.row(first, columns.into_iter().map(|column| column.to_string()));
        let columns = table.0.matches('|').count() - 1;
        table.0 += &format!("|{}\n", "---|".repeat(columns));
        table
    }

    /// Adds a line.
    pub(crate) fn row(&mut self, first: &str, cells: impl IntoIterator<Item = String>) {
        self.0 += &format!("| {first} |");
        for cell in cells {
            self.0 += &format!(" {cell} |");
        }
        self.0 += "\n";
    }

    /// The text, with an empty line before it.
    pub(crate) fn text(self) -> String {
        self.0
    }
}

/// A cell, or a dash where nothing was measured.
pub(crate) fn cell<T>(value: Option<T>, write: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), write)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_line_under_its_head() {
        let mut table = Table::new("solver", [1, 2]);
        table.row("euler-20", [cell(Some(0.5), |x: f64| x.to_string()), cell(None::<f64>, |_| String::new())]);
        assert_eq!(table.text(), "\n| solver | 1 | 2 |\n|---|---|---|\n| euler-20 | 0.5 | - |\n");
    }
}
