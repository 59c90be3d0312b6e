//! Tables of a report.

/// Columns and rows with a line that says what they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub(super) caption: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Cell>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    /// Whether its cells are numbers, which stand at the right.
    pub(super) numbers: bool,
}

/// One cell of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    pub(super) content: CellContent,
    pub(super) best: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum CellContent {
    Text(String),
    Number(Number),
}

/// A number with all that belongs to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number {
    value: f64,
    spread: Option<f64>,
    digits: usize,
    unit: &'static str,
}

/// Which of two numbers is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// The higher one, as of accuracies.
    Higher,
    /// The lower one, as of distances.
    Lower,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(caption: impl Into<String>) -> Self {
        Self { caption: caption.into(), columns: Vec::new(), rows: Vec::new() }
    }

    /// Adds a column of text at the right.
    #[must_use]
    pub fn column(self, name: impl Into<String>) -> Self {
        self.add(name, false)
    }

    /// Adds a column of numbers at the right.
    #[must_use]
    pub fn numbers(self, name: impl Into<String>) -> Self {
        self.add(name, true)
    }

    fn add(mut self, name: impl Into<String>, numbers: bool) -> Self {
        self.columns.push(Column { name: name.into(), numbers });
        self
    }

    /// Adds a row at the bottom. Cells that are missing stay empty, cells without a column are left out.
    #[must_use]
    pub fn row(mut self, cells: impl IntoIterator<Item = Cell>) -> Self {
        self.rows.push(cells.into_iter().collect());
        self
    }

    /// Marks the best number of a column, or all that show as it does; nothing if there are not at least two numbers.
    #[must_use]
    pub fn mark_best(mut self, column: usize, better: Better) -> Self {
        let number = |row: &Vec<Cell>| match row.get(column)?.content {
            CellContent::Number(number) if number.value.is_finite() => Some(number),
            _ => None,
        };
        let numbers: Vec<_> = self.rows.iter().filter_map(number).collect();
        let order = |left: &Number, right: &Number| match better {
            Better::Higher => left.value.total_cmp(&right.value),
            Better::Lower => right.value.total_cmp(&left.value),
        };
        let Some(best) = numbers.iter().copied().max_by(order).filter(|_| numbers.len() > 1) else { return self };
        for row in &mut self.rows {
            let found = number(row).is_some_and(|number| number.shown() == best.shown());
            if let Some(cell) = row.get_mut(column) {
                cell.best = found;
            }
        }
        self
    }

    /// A table of two columns, such as the environment of a run.
    #[must_use]
    pub fn of_pairs<K: Into<String>, V: Into<String>>(
        caption: impl Into<String>,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let table = Self::new(caption).column("").column("");
        pairs.into_iter().fold(table, |table, (name, value)| table.row([Cell::text(name), Cell::text(value)]))
    }
}

impl Cell {
    /// Text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: CellContent::Text(text.into()), best: false }
    }

    /// A number.
    #[must_use]
    pub fn number(number: Number) -> Self {
        Self { content: CellContent::Number(number), best: false }
    }
}

impl Number {
    /// A number shown whole and without a unit. A value that is not finite is shown as a dash.
    #[must_use]
    pub fn new(value: f64) -> Self {
        Self { value, spread: None, digits: 0, unit: "" }
    }

    /// Adds the spread over repetitions, in the same unit.
    #[must_use]
    pub fn spread(mut self, spread: f64) -> Self {
        self.spread = Some(spread);
        self
    }

    /// Sets the number of digits behind the point.
    #[must_use]
    pub fn digits(mut self, digits: usize) -> Self {
        self.digits = digits;
        self
    }

    /// Sets the unit.
    #[must_use]
    pub fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// As it is read: `86.2 ± 0.4 %`, `10 000`.
    pub(super) fn shown(&self) -> String {
        if !self.value.is_finite() {
            return "–".to_owned();
        }
        let spread = self.spread.filter(|spread| spread.is_finite());
        let spread = spread.map_or_else(String::new, |spread| format!("\u{a0}±\u{a0}{spread:.*}", self.digits));
        let unit = if self.unit.is_empty() { String::new() } else { format!("\u{a0}{}", self.unit) };
        format!("{}{spread}{unit}", grouped(&format!("{:.*}", self.digits, self.value)))
    }
}

/// Thin spaces between groups of three digits, from five digits on.
fn grouped(number: &str) -> String {
    let (whole, rest) = number.split_at(number.find('.').unwrap_or(number.len()));
    let digits = whole.trim_start_matches('-');
    if digits.len() < 5 {
        return number.to_owned();
    }
    let mut text = whole[..whole.len() - digits.len()].to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_with_all_that_belongs_to_them() {
        assert_eq!(Number::new(86.24).spread(0.36).digits(1).unit("%").shown(), "86.2\u{a0}±\u{a0}0.4\u{a0}%");
        assert_eq!(Number::new(f64::NAN).unit("%").shown(), "–");
        let texts = [("1234", "1234"), ("50000", "50 000"), ("-1234567.25", "-1 234 567.25")];
        for (number, text) in texts {
            assert_eq!(grouped(number), text.replace(' ', "\u{202f}"));
        }
    }

    #[test]
    fn the_best_number_is_marked_with_its_equals() {
        let values = [3.04, f64::NAN, 2.96, 3.01];
        let table = |better| {
            let table = Table::new("").numbers("FID");
            values
                .iter()
                .fold(table, |table, &value| table.row([Cell::number(Number::new(value).digits(1))]))
                .mark_best(0, better)
        };
        let marks = |table: Table| table.rows.iter().map(|row| row[0].best).collect::<Vec<_>>();
        assert_eq!(marks(table(Better::Higher)), [true, false, true, true], "all show as 3.0");
        let finer =
            Table::new("").numbers("FID").row([Cell::number(Number::new(2.0))]).row([Cell::number(Number::new(3.0))]);
        assert_eq!(marks(finer.clone().mark_best(0, Better::Lower)), [true, false]);
        assert_eq!(marks(finer.mark_best(0, Better::Higher)), [false, true]);
        let alone = Table::new("").numbers("FID").row([Cell::number(Number::new(2.0))]);
        assert_eq!(marks(alone.mark_best(0, Better::Lower)), [false]);
    }
}
