//! Comparing what we compute with what the reference computed.

use std::fmt;

/// How far a tensor may be off: L2 norm of the difference over the L2 norm of the expected tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// For values.
    pub value: f64,
    /// For gradients.
    pub gradient: f64,
}

impl Tolerance {
    /// Arithmetic in double precision.
    pub const DOUBLE: Self = Self { value: 1e-8, gradient: 1e-6 };
    /// Arithmetic in single precision.
    pub const SINGLE: Self = Self { value: 1e-4, gradient: 1e-3 };
    /// Single precision where the problem itself amplifies rounding, as on the way back to the anchors with DPM-Solver++.
    pub const STIFF: Self = Self { value: 1e-2, gradient: 1e-2 };
}

/// One tensor's comparison.
#[derive(Debug, Clone, PartialEq)]
struct Check {
    tensor: String,
    error: f64,
    limit: f64,
}

impl Check {
    /// How much of the limit is used; a limit of zero admits only zero.
    fn ratio(&self) -> f64 {
        if self.error == 0.0 { 0.0 } else { self.error / self.limit }
    }
}

/// The comparisons of one case on one backend.
#[derive(Debug)]
pub struct Checks {
    backend: String,
    checks: Vec<Check>,
}

impl Checks {
    /// Starts a list.
    pub fn new(backend: &str) -> Self {
        Self { backend: backend.to_owned(), checks: Vec::new() }
    }

    /// Compares two tensors of the same number of elements, row-major.
    pub fn compare<'a>(
        &mut self,
        tensor: &str,
        got: impl IntoIterator<Item = &'a f64>,
        expected: impl IntoIterator<Item = &'a f64>,
        limit: f64,
    ) {
        let error = relative_error(got, expected);
        self.note(tensor, error, limit);
    }

    /// Adds an error that was worked out elsewhere.
    pub fn note(&mut self, tensor: &str, error: f64, limit: f64) {
        self.checks.push(Check { tensor: tensor.to_owned(), error, limit });
    }

    /// Compares integers: the error is the share that differs, and none may.
    pub fn equal(&mut self, tensor: &str, got: &[i64], expected: &[i64]) {
        let wrong = got.iter().zip(expected).filter(|(a, b)| a != b).count();
        let error =
            if got.len() == expected.len() { wrong as f64 / expected.len().max(1) as f64 } else { f64::INFINITY };
        self.note(tensor, error, 0.0);
    }

    /// The line of the report: the tensor that uses most of its tolerance speaks for the case.
    pub fn line(self, family: &str, case: &str) -> Line {
        let compared = self.checks.len();
        let worst = self.checks.into_iter().max_by(|a, b| nan_last(a.ratio()).total_cmp(&nan_last(b.ratio())));
        let outcome = match worst {
            Some(check) if check.error <= check.limit => Outcome::Agrees(check),
            Some(check) => Outcome::Differs(check),
            None => Outcome::Broken("nothing was compared".to_owned()),
        };
        Line {
            family: family.to_owned(),
            case: case.to_owned(),
            backend: self.backend,
            compared,
            outcome,
            remark: String::new(),
        }
    }
}

/// What came of one case on one backend.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Family of the case.
    pub family: String,
    /// Name of the case.
    pub case: String,
    /// What computed it, for instance `host-f64`.
    pub backend: String,
    /// How many tensors were compared.
    pub compared: usize,
    outcome: Outcome,
    remark: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Outcome {
    Agrees(Check),
    Differs(Check),
    Broken(String),
    Skipped(String),
}

impl Line {
    /// A case that could not be read or computed: a failure.
    pub fn broken(family: &str, case: &str, reason: String) -> Self {
        let (family, case) = (family.to_owned(), case.to_owned());
        Self { family, case, backend: "-".into(), compared: 0, outcome: Outcome::Broken(reason), remark: String::new() }
    }

    /// A case that cannot be computed here for a reason that is no fault, such as weights that are not in the repository.
    pub fn skipped(family: &str, case: &str, reason: String) -> Self {
        Self { outcome: Outcome::Skipped(reason), ..Self::broken(family, case, String::new()) }
    }

    /// Adds words to the end of the line.
    pub fn with_remark(mut self, remark: &str) -> Self {
        let comma = if self.remark.is_empty() || remark.is_empty() { "" } else { "; " };
        self.remark = format!("{}{comma}{remark}", self.remark);
        self
    }

    /// Whether every tensor lies within its tolerance.
    pub fn passed(&self) -> bool {
        matches!(self.outcome, Outcome::Agrees(_))
    }

    /// Whether the case was not computed, and that is no failure.
    pub fn is_skipped(&self) -> bool {
        matches!(self.outcome, Outcome::Skipped(_))
    }

    /// Whether something is wrong.
    pub fn failed(&self) -> bool {
        !self.passed() && !self.is_skipped()
    }

    /// The largest relative error and its tensor, if the case was computed.
    pub fn worst(&self) -> Option<(&str, f64)> {
        match &self.outcome {
            Outcome::Agrees(check) | Outcome::Differs(check) => Some((&check.tensor, check.error)),
            Outcome::Broken(_) | Outcome::Skipped(_) => None,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<12} {:<26} {:<10} ", self.family, self.case, self.backend)?;
        match &self.outcome {
            Outcome::Agrees(check) | Outcome::Differs(check) => {
                let verdict = if self.passed() { "ok" } else { "FAILED" };
                let Check { tensor, error, limit } = check;
                write!(f, "{error:8.1e} of {limit:.0e} allowed in {tensor:<22} {verdict}")?;
            }
            Outcome::Broken(reason) => write!(f, "FAILED: {reason}")?,
            // A skipped case compares nothing, so there is nothing more to remark.
            Outcome::Skipped(reason) => return write!(f, "SKIPPED: {reason}"),
        }
        if self.remark.is_empty() { Ok(()) } else { write!(f, "  ({})", self.remark) }
    }
}

/// Below this norm an expected tensor is what rounding leaves of terms that cancel, such as the gradient of a zone that is alone.
const NOTHING: f64 = 1e-10;

/// `|got - expected| / |expected|` in the L2 norm; `|got - expected|` where nothing but rounding is expected. Infinite when the lengths differ or a
/// value is not finite where a finite one is expected.
///
/// Where the reference overflowed, ours has to be finite, and the element counts no further.
pub fn relative_error<'a>(got: impl IntoIterator<Item = &'a f64>, expected: impl IntoIterator<Item = &'a f64>) -> f64 {
    let (mut got, mut expected) = (got.into_iter(), expected.into_iter());
    let (mut difference, mut norm) = (0.0_f64, 0.0_f64);
    loop {
        match (got.next(), expected.next()) {
            (None, None) => break,
            (Some(a), Some(_)) if !a.is_finite() => return f64::INFINITY,
            (Some(a), Some(b)) if b.is_finite() => {
                difference += (a - b) * (a - b);
                norm += b * b;
            }
            (Some(_), Some(_)) => {}
            _ => return f64::INFINITY,
        }
    }
    let difference = difference.sqrt();
    if norm.sqrt() > NOTHING { difference / norm.sqrt() } else { difference }
}

/// Puts NaN above everything, so that it is found.
fn nan_last(value: f64) -> f64 {
    if value.is_nan() { f64::INFINITY } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_relative_to_the_expected_norm() {
        assert_eq!(relative_error(&[3.0, 4.5], &[3.0, 4.0]), 0.1);
        assert_eq!(relative_error(&[0.5], &[0.0]), 0.5);
        assert_eq!(relative_error(&[0.0], &[1e-11]), 1e-11);
        assert_eq!(relative_error(&[0.0], &[1e-9]), 1.0);
        assert_eq!(relative_error(&[1.0], &[1.0, 1.0]), f64::INFINITY);
        assert_eq!(relative_error(&[f64::NAN], &[1.0]), f64::INFINITY);
        assert_eq!(relative_error(&[1.0, 2.0], &[f64::INFINITY, 2.0]), 0.0);
    }

    #[test]
    fn the_tensor_nearest_to_its_limit_speaks_and_one_failure_fails() {
        let mut checks = Checks::new("host-f64");
        checks.note("large but allowed", 1e-3, 1e-2);
        checks.note("small but too much", 1e-7, 1e-8);
        let line = checks.line("latent", "case");
        assert!(!line.passed());
        assert_eq!(line.worst().unwrap().0, "small but too much");
        assert!(line.to_string().ends_with("FAILED"));
    }

    #[test]
    fn a_case_that_compares_nothing_or_nan_fails() {
        assert!(!Checks::new("host-f64").line("latent", "case").passed());
        let mut checks = Checks::new("host-f64");
        checks.note("nan", f64::NAN, 1.0);
        checks.note("fine", 0.0, 1.0);
        assert!(!checks.line("latent", "case").passed());
    }

    #[test]
    fn a_skipped_case_neither_passes_nor_fails_and_says_why() {
        let line = Line::skipped("metrics", "case", "no weights".to_owned()).with_remark("not compared: a");
        assert!(!line.passed() && !line.failed() && line.is_skipped());
        assert!(line.to_string().ends_with("SKIPPED: no weights"));
    }

    #[test]
    fn one_wrong_label_fails() {
        let mut checks = Checks::new("torch-f32");
        checks.equal("predicted", &[1, 2, 3], &[1, 2, 4]);
        assert!(!checks.line("label", "case").passed());
    }
}
