//! `metrics.csv`: the records as a table, made from `metrics.jsonl`.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::lines::{append_whole, scan};
use crate::run::error::RunError;

/// The open file and the columns behind `step`, in the order in which their names first occurred.
#[derive(Debug)]
pub(super) struct Table {
    file: File,
    path: PathBuf,
    columns: Vec<String>,
    bytes: u64,
}

impl Table {
    /// Writes the table of the records in `lines` from the beginning and replaces the file at `path` by it.
    pub(super) fn rebuild(path: PathBuf, lines: &Path) -> Result<Self, RunError> {
        let columns = columns(lines)?;
        let temporary = path.with_extension("partial");
        let out = File::create(&temporary).map_err(RunError::io(&temporary))?;
        let mut out = BufWriter::new(out);
        if !columns.is_empty() {
            writeln!(out, "step,{}", columns.join(",")).map_err(RunError::io(&temporary))?;
        }
        scan(lines, |record, _| {
            let row = row(&columns, record.step, |name| {
                // JSON keeps no difference between the values that are not finite.
                record.values.get(name).map(|value| value.unwrap_or(f64::NAN))
            });
            out.write_all(row.as_bytes()).map_err(RunError::io(&temporary))?;
            Ok(true)
        })?;
        out.flush().map_err(RunError::io(&temporary))?;
        fs::rename(&temporary, &path).map_err(RunError::io(&path))?;
        let open = || {
            let file = File::options().append(true).open(&path)?;
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        };
        let (file, bytes) = open().map_err(RunError::io(&path))?;
        Ok(Self { file, path, columns, bytes })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether every one of `values` has a column.
    pub(super) fn covers(&self, values: &BTreeMap<String, f64>) -> bool {
        values.keys().all(|name| self.columns.contains(name))
    }

    pub(super) fn append(&mut self, step: u64, values: &BTreeMap<String, f64>) -> Result<(), RunError> {
        let row = row(&self.columns, step, |name| values.get(name).copied());
        self.bytes = append_whole(&mut self.file, self.bytes, row.as_bytes()).map_err(RunError::io(&self.path))?;
        Ok(())
    }

    /// The file and its path.
    pub(super) fn open_file(&self) -> (&Path, &File) {
        (&self.path, &self.file)
    }

    pub(super) fn sync(&self) -> Result<(), RunError> {
        self.file.sync_data().map_err(RunError::io(&self.path))
    }
}

/// All names in the records in `lines`, in the order of their first occurrence.
fn columns(lines: &Path) -> Result<Vec<String>, RunError> {
    let (mut columns, mut known) = (Vec::new(), HashSet::new());
    scan(lines, |record, _| {
        for name in record.values.into_keys() {
            if known.insert(name.clone()) {
                columns.push(name);
            }
        }
        Ok(true)
    })?;
    Ok(columns)
}

/// One line of the table. A missing value is an empty cell, one that is not finite is `NaN`.
fn row(columns: &[String], step: u64, value: impl Fn(&str) -> Option<f64>) -> String {
    let mut row = step.to_string();
    for name in columns {
        row.push(',');
        match value(name) {
            Some(value) if value.is_finite() => row.push_str(&number(value)),
            Some(_) => row.push_str("NaN"),
            None => {}
        }
    }
    row.push('\n');
    row
}

/// The shortest text that reads back as `value`: the same as in the JSON file.
fn number(value: f64) -> String {
    serde_json::to_string(&value).unwrap_or_default()
}
