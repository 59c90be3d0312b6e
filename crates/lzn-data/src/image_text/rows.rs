//! From the records of a table to images that are there.

use std::path::{Path, PathBuf};

use super::table::{self, Table};
use super::{TableConfig, root, stays_inside};
use crate::DataError;
use crate::decode::has_image_ending;

/// One image of a table, before its label is a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) path: PathBuf,
    pub(super) text: Option<String>,
    pub(super) label: Option<String>,
}

/// The rows of the table of a folder, in their order.
pub(super) fn read(folder: &Path, config: &TableConfig) -> Result<Vec<Row>, DataError> {
    let table = table::read(folder)?;
    let file = column(&table, config.file.as_deref(), &["file", "file_name"])?;
    let text = column(&table, config.text.as_deref(), &["text", "caption", "name"])?;
    let label = column(&table, config.label.as_deref(), &["label", "class", "category"])?;
    let Some(file) = file else {
        let reason = format!("has the columns {}, and none of them is `file` or `file_name`", listed(&table.columns));
        let remedy = "name the column of image files so, or in `data.table.file`";
        return Err(DataError::Table { path: table.path, line: 1, reason, remedy });
    };
    let first = table.records.iter().find_map(|record| record.cells.get(&file));
    let root = root(folder, first.map_or("", String::as_str));
    let mut rows = Vec::with_capacity(table.records.len());
    for record in &table.records {
        let wrong = |reason: String, remedy| {
            Err(DataError::Table { path: table.path.clone(), line: record.line, reason, remedy })
        };
        let cell = |name: &Option<String>| name.as_ref().and_then(|name| record.cells.get(name)).cloned();
        let Some(name) = record.cells.get(&file) else {
            return wrong(format!("has nothing in `{file}`"), "name an image in every line");
        };
        if !stays_inside(name) {
            return wrong(format!("names `{name}`"), "name files below the folder of the table");
        }
        let path = root.join(name);
        if !has_image_ending(&path) {
            return wrong(format!("names `{name}`"), "name files that end in .png, .jpg or .jpeg");
        }
        if !path.is_file() {
            return wrong(format!("names {}, which is not there", path.display()), "add the file or remove the line");
        }
        rows.push(Row { path, text: cell(&text), label: cell(&label) });
    }
    Ok(rows)
}

/// The column that was asked for, or the first of the usual ones that is there.
fn column(table: &Table, asked: Option<&str>, usual: &[&str]) -> Result<Option<String>, DataError> {
    let has = |name: &str| table.columns.iter().any(|column| column == name);
    match asked {
        Some(name) if !has(name) => {
            let reason = format!("has the columns {}, but not `{name}`", listed(&table.columns));
            let remedy = "correct `data.table` in the configuration";
            Err(DataError::Table { path: table.path.clone(), line: 1, reason, remedy })
        }
        Some(name) => Ok(Some(name.to_owned())),
        None => Ok(usual.iter().find(|name| has(name)).map(|name| (*name).to_owned())),
    }
}

fn listed(columns: &[String]) -> String {
    columns.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
