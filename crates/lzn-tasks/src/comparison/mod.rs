//! Several runs side by side: what each configuration reaches, with the spread over its seeds.

mod report;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use crate::TaskError;
use crate::evaluate::{Group, Measure};
use crate::pictures::records;
use crate::run::RunError;
use crate::run::folder::read_config;

pub use report::report;

/// Runs that differ in their seed alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Name of the run folders without the number of the seed at their end.
    pub name: String,
    /// The run folders.
    pub runs: Vec<PathBuf>,
}

/// One number of all settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Title of the group that it belongs to.
    pub group: String,
    /// What it is, with the protocol and the value of the first run that has it.
    pub measure: Measure,
    /// Its values, of each setting those of its runs; empty where a setting has no such number.
    pub values: Vec<Vec<f64>>,
}

/// What a setting recorded: its name, and steps with values.
pub type Curve = (String, Vec<(f64, f64)>);

/// Runs side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What is compared, in the order in which it was named.
    pub settings: Vec<Setting>,
    /// All numbers, in the order of the evaluations.
    pub rows: Vec<Row>,
}

impl Comparison {
    /// Reads the evaluations of run folders. Runs whose configurations differ in the seed alone are repetitions of one setting.
    ///
    /// # Errors
    /// [`TaskError::Run`] for a folder without a run, [`TaskError::NotEvaluated`] for a run without an evaluation.
    pub fn of(runs: &[PathBuf]) -> Result<Self, TaskError> {
        let mut settings: Vec<(String, Setting)> = Vec::new();
        for run in runs {
            let key = without_seed(&read_config(run)?);
            match settings.iter_mut().find(|(known, _)| *known == key) {
                Some((_, setting)) => setting.runs.push(run.clone()),
                None => settings.push((key, Setting { name: name(run), runs: vec![run.clone()] })),
            }
        }
        let settings: Vec<Setting> = settings.into_iter().map(|(_, setting)| setting).collect();
        let mut rows: Vec<Row> = Vec::new();
        for (number, setting) in settings.iter().enumerate() {
            for run in &setting.runs {
                for group in results(run)? {
                    for measure in group.measures {
                        row(&mut rows, &group.title, measure, (number, settings.len()));
                    }
                }
            }
        }
        Ok(Self { settings, rows })
    }

    /// The mean of what the runs of each setting recorded under `name` while they trained: step and value, in order of the steps.
    ///
    /// # Errors
    /// [`TaskError::Run`] if records cannot be read.
    pub fn curves(&self, name: &str) -> Result<Vec<Curve>, TaskError> {
        let curve = |setting: &Setting| {
            let mut sums = std::collections::BTreeMap::<u64, (f64, f64)>::new();
            for run in &setting.runs {
                for record in records(run)? {
                    let step = record.get("step").and_then(serde_json::Value::as_u64);
                    let value = record.get(name).and_then(serde_json::Value::as_f64);
                    if let (Some(step), Some(value)) = (step, value) {
                        let (sum, count) = sums.entry(step).or_default();
                        (*sum, *count) = (*sum + value, *count + 1.0);
                    }
                }
            }
            let points = sums.into_iter().map(|(step, (sum, count))| (step as f64, sum / count));
            Ok((setting.name.clone(), points.collect::<Vec<_>>()))
        };
        let curves = self.settings.iter().map(curve).collect::<Result<Vec<_>, TaskError>>()?;
        Ok(curves.into_iter().filter(|(_, points)| !points.is_empty()).collect())
    }
}

/// Adds a value to its row, which is made if it is the first of its name.
fn row(rows: &mut Vec<Row>, group: &str, measure: Measure, (setting, settings): (usize, usize)) {
    let value = measure.value;
    let found = rows.iter().position(|row| row.group == group && row.measure.name == measure.name);
    let index = found.unwrap_or_else(|| {
        // Beside its neighbours, so that a group that only some settings have in full stays together.
        let end = rows.iter().rposition(|row| row.group == group).map_or(rows.len(), |last| last + 1);
        rows.insert(end, Row { group: group.to_owned(), measure, values: vec![Vec::new(); settings] });
        end
    });
    rows[index].values[setting].push(value);
}

fn results(run: &Path) -> Result<Vec<Group>, TaskError> {
    let path = run.join("evaluation").join("results.json");
    let refused = |reason: String| TaskError::NotEvaluated { run: run.to_owned(), reason };
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(refused("there is no evaluation/results.json in it".to_owned()));
        }
        bytes => bytes.map_err(RunError::io(&path))?,
    };
    serde_json::from_slice(&bytes).map_err(|error| refused(format!("its evaluation/results.json is damaged: {error}")))
}

/// A configuration as the key of its setting.
fn without_seed(config: &str) -> String {
    match config.parse::<toml::Table>() {
        Ok(mut table) => {
            table.remove("seed");
            table.to_string()
        }
        // What cannot be read differs from all others.
        Err(_) => config.to_owned(),
    }
}

/// `joint-2` is a run of `joint`.
fn name(run: &Path) -> String {
    let name = run.canonicalize().unwrap_or_else(|_| run.to_owned());
    let name = name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match name.rsplit_once('-') {
        Some((stem, seed)) if !stem.is_empty() && seed.parse::<u64>().is_ok() => stem.to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests;
