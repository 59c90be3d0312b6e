//! How samples are typed on a command line and written to files.

use std::fmt::Debug;
use std::path::Path;

use super::Samples;
use crate::TaskError;
use crate::run::RunError;

/// Samples that were typed.
#[derive(Debug, Clone, PartialEq)]
pub struct Typed {
    /// The samples.
    pub samples: Samples,
    /// What to call each of them in lists of results.
    pub names: Vec<String>,
}

/// How samples of a type are typed and written.
pub trait Format: Debug + Send {
    /// What can be typed, for help: `FILE or FOLDER`, `CLASS`, `WORDS`.
    fn hint(&self) -> String;

    /// The samples that a typed value means: one or several.
    ///
    /// # Errors
    /// [`TaskError`] says what is wrong with the value and what could be typed.
    fn parse(&self, value: &str) -> Result<Typed, TaskError>;

    /// One line per sample, to print; none for samples that are no words.
    ///
    /// # Errors
    /// [`TaskError`] if these are no samples of the type.
    fn lines(&self, samples: &Samples) -> Option<Result<Vec<String>, TaskError>>;

    /// Where samples go when nobody says so; none to print them.
    fn default_place(&self) -> Option<&str> {
        None
    }

    /// Writes samples to a file, whose extension says how; without a rule of its own, [`Format::lines`] as a text. `names` say what each
    /// sample was made of, and may be left out.
    ///
    /// # Errors
    /// [`TaskError`] names the file that cannot be written, or an extension that means nothing.
    fn save(&self, samples: &Samples, names: &[String], place: &Path) -> Result<(), TaskError> {
        let _ = names;
        let Some(lines) = self.lines(samples) else {
            return Err(TaskError::Place { path: place.to_owned(), rule: "samples of this type have no written form" });
        };
        let text: String = lines?.into_iter().map(|line| line + "\n").collect();
        Ok(std::fs::write(place, text).map_err(RunError::io(place))?)
    }
}
