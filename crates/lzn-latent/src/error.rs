//! What can go wrong in this crate.

use std::fmt;

/// An error of the zoning mathematics. The message alone tells the caller what to change.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LatentError {
    /// A latent space without anchors has no zones.
    #[error("{operation}: there are no anchors; give at least one")]
    NoAnchors {
        /// The operation that refused.
        operation: &'static str,
    },
    /// An array does not have the shape that the operation needs.
    #[error("{operation}: `{argument}` has shape {got:?}, expected {expected:?}")]
    Shape {
        /// The operation that refused.
        operation: &'static str,
        /// The name of the argument.
        argument: &'static str,
        /// The shape that was needed.
        expected: Vec<usize>,
        /// The shape that came.
        got: Vec<usize>,
    },
    /// An array holds values that are not finite.
    #[error("{operation}: `{argument}` is not finite in {rows}; look for a diverged network or a division by zero")]
    NonFinite {
        /// The operation that refused.
        operation: &'static str,
        /// The name of the argument.
        argument: &'static str,
        /// The rows (or elements of a vector) concerned.
        rows: Rows,
    },
    /// The weights of anchors must not be negative.
    #[error("{operation}: the weights of anchors must be finite and not negative, but not so are {rows}")]
    Weight {
        /// The operation that refused.
        operation: &'static str,
        /// The elements concerned.
        rows: Rows,
    },
    /// All anchors have weight zero, so there are no zones.
    #[error("{operation}: all weights are zero; at least one anchor needs a positive weight")]
    NoWeight {
        /// The operation that refused.
        operation: &'static str,
    },
    /// A sample names an anchor that does not exist.
    #[error("{operation}: sample {row} belongs to anchor {owner}, but there are only {anchors} anchors")]
    Owner {
        /// The operation that refused.
        operation: &'static str,
        /// The sample.
        row: usize,
        /// The anchor that it names.
        owner: i64,
        /// How many anchors there are.
        anchors: usize,
    },
    /// A sample belongs to an anchor of weight zero, whose zone is empty.
    #[error("{operation}: sample {row} belongs to anchor {owner}, whose weight is zero: its zone is empty")]
    EmptyZone {
        /// The operation that refused.
        operation: &'static str,
        /// The sample.
        row: usize,
        /// Its anchor.
        owner: usize,
    },
    /// The arithmetic left the range of the number type.
    #[error(
        "{operation}: the values are too large for this precision, the result overflows in {rows}; scale the anchors down"
    )]
    Overflow {
        /// The operation that refused.
        operation: &'static str,
        /// The rows of the result concerned.
        rows: Rows,
    },
    /// A solver needs at least one step.
    #[error("the solver needs at least 1 step, got 0")]
    NoSteps,
    /// The table of a scheme cannot be followed.
    #[error("the plan of the scheme cannot be followed: {fault}")]
    Plan {
        /// The rule that it breaks.
        fault: &'static str,
    },
    /// DPM-Solver++ exists here in the orders 1 to 3.
    #[error("the order of DPM-Solver++ must be 1, 2 or 3, got {order}")]
    Order {
        /// The order that was asked for.
        order: usize,
    },
    /// The ends of the integration are not usable.
    #[error("the solver's `{name}` must lie strictly between 0 and {limit}, got {value}")]
    EndTime {
        /// `start` or `end`.
        name: &'static str,
        /// The value.
        value: f64,
        /// What it must stay below.
        limit: f64,
    },
    /// A sample of no anchors cannot stand for the others.
    #[error("the sample needs at least 1 anchor, got 0")]
    NoSample,
    /// A latent time lies between the anchors (0, where the field is singular) and the prior (1).
    #[error("{operation}: the latent time must lie in (0, 1], got {value}")]
    Time {
        /// The operation that refused.
        operation: &'static str,
        /// The value.
        value: f64,
    },
    /// The cut-off of an alignment loss leaves no step.
    #[error(
        "the cut-off must lie in [0, 1), got {cut_off}: it is the fraction of the {steps} first steps that do not count"
    )]
    CutOff {
        /// The fraction.
        cut_off: f64,
        /// Steps recorded.
        steps: usize,
    },
}

impl LatentError {
    /// The same error about rows that are part of more, `by` rows further on.
    pub(crate) fn moved(self, by: usize) -> Self {
        match self {
            Self::Overflow { operation, mut rows } => {
                rows.first.iter_mut().for_each(|row| *row += by);
                Self::Overflow { operation, rows }
            }
            other => other,
        }
    }
}

/// Some rows of an array, as an error names them: the first few and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    first: Vec<usize>,
    total: usize,
}

impl Rows {
    /// How many rows a message lists.
    const SHOWN: usize = 8;

    /// Collects `rows`; `None` when there is none.
    pub(crate) fn collect(rows: impl Iterator<Item = usize>) -> Option<Self> {
        let mut found = Self { first: Vec::new(), total: 0 };
        for row in rows {
            if found.first.len() < Self::SHOWN {
                found.first.push(row);
            }
            found.total += 1;
        }
        (found.total > 0).then_some(found)
    }

    /// The first rows, at most eight.
    pub fn first(&self) -> &[usize] {
        &self.first
    }

    /// How many rows there are in all.
    pub fn total(&self) -> usize {
        self.total
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.first.iter().map(usize::to_string).collect();
        write!(f, "{} {}", if self.total == 1 { "row" } else { "rows" }, names.join(", "))?;
        let more = self.total - self.first.len();
        if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
    }
}
