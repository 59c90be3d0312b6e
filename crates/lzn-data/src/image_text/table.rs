//! Tables as records: names of columns, and the cells of each line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{csv, text_of};
use crate::DataError;

/// File names of tables, in the order in which they are looked for.
const NAMES: [&str; 3] = ["captions.csv", "metadata.csv", "metadata.jsonl"];

/// One line of a table.
pub(super) struct Record {
    /// Number of its first line in the file, from 1.
    pub(super) line: usize,
    /// Cells that are not empty, by the name of their column.
    pub(super) cells: BTreeMap<String, String>,
}

/// A table with the names of its columns.
pub(super) struct Table {
    pub(super) path: PathBuf,
    pub(super) columns: Vec<String>,
    pub(super) records: Vec<Record>,
}

/// The table of a folder.
pub(super) fn find(folder: &Path) -> Option<PathBuf> {
    NAMES.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Reads the table of a folder.
pub(super) fn read(folder: &Path) -> Result<Table, DataError> {
    let remedy = || format!("put one of {} there", NAMES.join(", "));
    let path = find(folder).ok_or_else(|| DataError::Missing { path: folder.join(NAMES[0]), remedy: remedy() })?;
    let text = text_of(&path)?;
    // Spreadsheets put a mark before UTF-8.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match path.extension().is_some_and(|ending| ending == "csv") {
        true => of_csv(path, text),
        false => of_lines(path, text),
    }
}

fn of_csv(path: PathBuf, text: &str) -> Result<Table, DataError> {
    let mut lines = csv::lines(text).into_iter();
    let columns = lines.next().map(|(_, names)| names).unwrap_or_default();
    let mut records = Vec::new();
    for (line, cells) in lines {
        if cells.len() != columns.len() {
            let reason = format!("has {} cells for {} columns", cells.len(), columns.len());
            let remedy = "give every line one for each, and quote those with commas, quotes or line breaks";
            return Err(DataError::Table { path, line, reason, remedy });
        }
        let cells = columns.iter().cloned().zip(cells).filter(|(_, cell)| !cell.is_empty()).collect();
        records.push(Record { line, cells });
    }
    Ok(Table { path, columns, records })
}

fn of_lines(path: PathBuf, text: &str) -> Result<Table, DataError> {
    let mut columns: Vec<String> = Vec::new();
    let mut records = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line_number = number + 1;
        let fields: BTreeMap<String, Value> = serde_json::from_str(line).map_err(|error| DataError::Table {
            path: path.clone(),
            line: line_number,
            reason: format!("is no JSON object ({error})"),
            remedy: "write one object a line",
        })?;
        columns.extend(fields.keys().filter(|key| !columns.contains(key)).cloned().collect::<Vec<_>>());
        let cells = fields.into_iter().filter_map(|(key, value)| Some((key, cell(value)?))).collect();
        records.push(Record { line: line_number, cells });
    }
    Ok(Table { path, columns, records })
}

/// Texts and numbers as they would stand in a table; nothing of `null`, of empty texts, and of what has parts.
fn cell(value: Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    };
    (!text.is_empty()).then_some(text)
}
