//! From a TOML file and `--set` overrides to a checked configuration.

use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;
use toml::{Table, Value};

use super::suggest::suggestion;
use super::{RunConfig, invalid};
use crate::ConfigError;

/// One `--set key.path=value`. The value is read as TOML; what is not TOML is taken as a string. Entries of lists are
/// addressed by number: `objective.0.weight=2`.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    text: String,
    path: Vec<String>,
    value: Value,
}

impl FromStr for Override {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let refuse = |reason: &str| ConfigError::Override { text: text.to_owned(), reason: reason.to_owned() };
        let (key, value) = text.split_once('=').ok_or_else(|| refuse("expected key.path=value"))?;
        let path = path(key.trim());
        if path.iter().any(String::is_empty) {
            return Err(refuse("the key has an empty part"));
        }
        let value = toml::from_str::<Table>(&format!("value = {value}"))
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| Value::String(value.trim().to_owned()));
        Ok(Self { text: text.to_owned(), path, value })
    }
}

/// The parts of a dotted key; a part in quotes, such as a part's name with a dot, is taken whole.
fn path(key: &str) -> Vec<String> {
    let mut quoted = false;
    let ends = |letter: char| {
        quoted ^= letter == '"';
        letter == '.' && !quoted
    };
    key.split(ends).map(|part| part.trim_matches('"').to_owned()).collect()
}

impl Override {
    fn apply(&self, table: &mut Table) -> Result<(), ConfigError> {
        let refuse = |reason: String| ConfigError::Override { text: self.text.clone(), reason };
        let (last, parents) = self.path.split_last().ok_or_else(|| refuse("the key is empty".into()))?;
        let mut place = table;
        let mut rest = parents;
        while let Some((part, after)) = rest.split_first() {
            let next = place.entry(part.clone()).or_insert_with(|| Value::Table(Table::new()));
            (place, rest) = match next {
                Value::Table(inner) => (inner, after),
                Value::Array(list) => {
                    let (index, after) = after.split_first().ok_or_else(|| refuse(format!("`{part}` is a list")))?;
                    let entry = index.parse().ok().and_then(|i: usize| list.get_mut(i)).and_then(Value::as_table_mut);
                    (entry.ok_or_else(|| refuse(format!("`{part}` has no entry `{index}`")))?, after)
                }
                _ => return Err(refuse(format!("`{part}` is not a table"))),
            };
        }
        place.insert(last.clone(), self.value.clone());
        Ok(())
    }
}

impl RunConfig {
    /// Reads and checks a configuration file; `overrides` replace single values of it.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, line and column, or the override, or the key and the rule that it breaks.
    pub fn load(path: &Path, overrides: &[Override]) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Read { path: path.to_owned(), error })?;
        Self::parse(&text, path, overrides)
    }

    /// As [`RunConfig::load`], from a text; `origin` is the name that errors give it.
    ///
    /// # Errors
    /// As [`RunConfig::load`].
    pub fn parse(text: &str, origin: &Path, overrides: &[Override]) -> Result<Self, ConfigError> {
        let direct = toml::from_str::<Self>(text);
        // Also without overrides: of numbers from 2^63 on this says where they are, while the resolved configuration could not be written.
        let mut table = toml::from_str::<Table>(text).map_err(|error| located(text, origin, &error))?;
        let config = if overrides.is_empty() {
            direct.map_err(|error| located(text, origin, &error))?
        } else {
            for change in overrides {
                change.apply(&mut table)?;
            }
            // What is wrong in the file itself is reported with its line, which the merged tables no longer know.
            Self::deserialize(Value::Table(table)).map_err(|error| match &direct {
                Err(own) if own.message() == error.message() => located(text, origin, own),
                _ => overridden(text, overrides, &error),
            })?
        };
        config.check()?;
        Ok(config)
    }

    /// The value at a dotted key of the resolved configuration, for instance `train.batch_size`.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if there is no such key.
    pub fn value(&self, key: &str) -> Result<Value, ConfigError> {
        let whole = Value::try_from(self).map_err(|error| invalid(key, error.to_string()))?;
        key.split('.')
            .try_fold(&whole, |value, part| match value {
                Value::Array(list) => part.parse::<usize>().ok().and_then(|i| list.get(i)),
                other => other.get(part),
            })
            .cloned()
            .ok_or_else(|| invalid(key, "is not a key of the configuration"))
    }
}

fn located(text: &str, origin: &Path, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start).min(text.len());
    let before = &text.as_bytes()[..start];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    ConfigError::Syntax {
        path: origin.to_owned(),
        line,
        column,
        message: error.message().to_owned(),
        suggestion: suggestion(error.message()),
    }
}

/// An error that came with the overrides: names the one after which it is there, or all if none alone is to blame.
fn overridden(text: &str, overrides: &[Override], error: &toml::de::Error) -> ConfigError {
    let fails_with = |count: usize| {
        let mut table = toml::from_str::<Table>(text).unwrap_or_default();
        let applied = overrides[..count].iter().all(|change| change.apply(&mut table).is_ok());
        applied && RunConfig::deserialize(Value::Table(table)).is_err_and(|other| other.message() == error.message())
    };
    let first = (0..=overrides.len()).find(|count| fails_with(*count)).unwrap_or_default();
    let blamed = if first > 0 { &overrides[first - 1..first] } else { overrides };
    let sets: Vec<_> = blamed.iter().map(|change| change.text.as_str()).collect();
    let hint = suggestion(error.message()).map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default();
    let reason = error.to_string().trim().replace("\nin ", ", in ");
    ConfigError::Override { text: sets.join(" --set "), reason: format!("{reason}{hint}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"
[data]
source = "fashion-mnist-embedded"
image_size = 28
channels = 1

[model]
[model.decoder]

[[objective]]
kind = "rectified-flow"
"#;

    fn parse(text: &str, sets: &[&str]) -> Result<RunConfig, ConfigError> {
        let overrides: Vec<Override> = sets.iter().map(|s| s.parse().unwrap()).collect();
        RunConfig::parse(text, Path::new("run.toml"), &overrides)
    }

    #[test]
    fn unknown_keys_are_refused_with_line_and_suggestion() {
        let text = MINIMAL.replace("image_size", "imagesize");
        let message = parse(&text, &[]).unwrap_err().to_string();
        assert!(message.contains("run.toml:4:1") && message.contains("did you mean `image_size`"), "{message}");
        let with_override = parse(&text, &["seed=1"]).unwrap_err().to_string();
        assert!(with_override.contains("run.toml:4:1"), "{with_override}");
    }

    #[test]
    fn ill_typed_values_are_refused_with_their_line() {
        let message = parse(&MINIMAL.replace("= 28", "= \"big\""), &[]).unwrap_err().to_string();
        assert!(message.contains("run.toml:4:") && message.contains("invalid type"), "{message}");
        let with_override = parse(&MINIMAL.replace("= 28", "= \"big\""), &["seed=1"]).unwrap_err().to_string();
        assert_eq!(with_override, message);
    }

    #[test]
    fn numbers_that_no_configuration_file_can_hold_are_refused_with_their_line() {
        let message = parse(&format!("seed = 9223372036854775808\n{MINIMAL}"), &[]).unwrap_err().to_string();
        assert!(message.starts_with("run.toml:1:"), "{message}");
        assert!(parse(&format!("seed = 9223372036854775807\n{MINIMAL}"), &[]).is_ok());
    }

    #[test]
    fn overrides_replace_single_values() {
        let config = parse(MINIMAL, &["train.batch_size=64", "objective.0.weight=0.5", "seed = 9"]).unwrap();
        assert_eq!((config.train.batch_size, config.objectives[0].weight, config.seed), (64, 0.5, 9));
        assert_eq!(config.value("train.batch_size").unwrap(), Value::Integer(64));
        assert_eq!(path("train.parts.\"text.encoder\".freeze_at"), ["train", "parts", "text.encoder", "freeze_at"]);
    }

    #[test]
    fn overrides_that_do_not_fit_are_named() {
        for (set, expected) in [
            ("train.batchsize=64", "did you mean `batch_size`"),
            ("train.batch_size=many", "invalid type"),
            ("objective.3.weight=1", "no entry `3`"),
            ("data.channels.x=1", "`channels` is not a table"),
            ("seed.x=1", "invalid type: map"),
        ] {
            let message = parse(MINIMAL, &[set]).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains(set), "{message}");
        }
        assert!("novalue".parse::<Override>().unwrap_err().to_string().contains("novalue"));
    }

    #[test]
    fn rules_name_their_key() {
        for (set, key) in [
            ("train.batch_size=0", "train.batch_size"),
            ("data.channels=2", "data.channels"),
            ("data.resize=27", "data.resize"),
            ("data.source=\"image-folder\"", "data.path"),
            ("model.image_flow={solver=\"euler\",steps=0}", "model.image_flow"),
            ("model.label_flow={solver=\"dpm-solver\",steps=100001}", "model.label_flow.steps"),
            ("objective.0.cut_off=1.0", "objective[0].cut_off"),
            ("train.warm_up={start_factor=0.0,iterations=3}", "train.warm_up.start_factor"),
        ] {
            let message = parse(MINIMAL, &[set]).unwrap_err().to_string();
            assert!(message.contains(key), "{set}: {message}");
        }
    }

    #[test]
    fn the_resolved_configuration_reads_back_as_itself() {
        let config = parse(MINIMAL, &[]).unwrap();
        assert_eq!(parse(&config.to_toml(), &[]).unwrap(), config);
    }

    #[test]
    fn identity_ignores_lengths_and_sees_networks() {
        let config = parse(MINIMAL, &[]).unwrap();
        let longer = parse(MINIMAL, &["train.iterations=7", "train.workers=4"]).unwrap();
        let other = parse(MINIMAL, &["model.decoder.nf=24"]).unwrap();
        assert_eq!(config.identity(), longer.identity());
        assert_ne!(config.identity(), other.identity());
    }
}
