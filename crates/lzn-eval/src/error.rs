//! What can go wrong in this crate.

use std::path::PathBuf;

/// An error of a metric or a picture. The message says what to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// Two arguments that belong together row by row have different lengths.
    #[error("{operation}: {got} {argument} for {expected} labels")]
    Length {
        /// The operation that refused.
        operation: &'static str,
        /// What there is too much or too little of.
        argument: &'static str,
        /// The number of labels.
        expected: usize,
        /// The number that came.
        got: usize,
    },
    /// A class is not one of the classes.
    #[error("{operation}: class {class} at row {row}, but classes are 0 to {}", classes.saturating_sub(1))]
    Class {
        /// The operation that refused.
        operation: &'static str,
        /// The row of the batch.
        row: usize,
        /// The class there.
        class: i64,
        /// The number of classes.
        classes: usize,
    },
    /// An array has another shape than the others ask for.
    #[error("{operation}: `{argument}` must be {expected}, got {got}")]
    Shape {
        /// The operation that refused.
        operation: &'static str,
        /// The array.
        argument: &'static str,
        /// The shape that it should have.
        expected: String,
        /// The shape that it has.
        got: String,
    },
    /// A query has no right answer.
    #[error("{operation}: no candidate is right for the query at row {row}; add its own to the candidates")]
    NoCandidate {
        /// The operation that refused.
        operation: &'static str,
        /// The row of the batch.
        row: usize,
    },
    /// A score or value is not a number.
    #[error("{operation}: the value at row {row} is not a number; look for a training run that diverged")]
    NotANumber {
        /// The operation that refused.
        operation: &'static str,
        /// The row of the batch.
        row: usize,
    },
    /// A setting is outside its range.
    #[error("{operation}: `{argument}` must be {rule}, got {got}")]
    Setting {
        /// The operation that refused.
        operation: &'static str,
        /// The setting.
        argument: &'static str,
        /// The rule that it breaks.
        rule: &'static str,
        /// The value that came.
        got: String,
    },
    /// Two accumulators measure different things.
    #[error("{operation}: accumulators for {left} and {right} cannot be merged")]
    Merge {
        /// The operation that refused.
        operation: &'static str,
        /// Settings of the one.
        left: String,
        /// Settings of the other.
        right: String,
    },
    /// There is nothing to measure or to show.
    #[error("{operation}: there is no data")]
    Empty {
        /// The operation that refused.
        operation: &'static str,
    },
    /// Rows of features have another length than those before, or than those they are compared with.
    #[error(
        "{operation}: features of {got} numbers where {expected} are expected; both sets must come from one network"
    )]
    Dimension {
        /// The operation that refused.
        operation: &'static str,
        /// Numbers in a row so far, or on the other side.
        expected: usize,
        /// Numbers in the row that came.
        got: usize,
    },
    /// There is too little data for what is asked.
    #[error("{operation}: {got} {what}, but at least {needed} are needed; give more")]
    TooFew {
        /// The operation that refused.
        operation: &'static str,
        /// What there is too little of.
        what: &'static str,
        /// The least that makes sense.
        needed: usize,
        /// What there is.
        got: usize,
    },
    /// A decomposition of a matrix did not converge.
    #[error("{operation}: {what} did not converge; look for features of very different scales")]
    NoConvergence {
        /// The operation that refused.
        operation: &'static str,
        /// The decomposition.
        what: &'static str,
    },
    /// A picture could not be drawn.
    #[error("cannot draw: {reason}")]
    Draw {
        /// What the drawing library says.
        reason: String,
    },
    /// A picture or a report could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}
