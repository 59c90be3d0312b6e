//! Recognises the usual failures of building and running with libtorch by their error texts.
//!
//! Each rule names the public threads (of tch-rs, unless said otherwise) in which people met it. To add one, append a
//! [`Rule`] to the list of the stage where it shows: [`build`], [`link`], [`start`] or [`fetch`], and a test that holds
//! the text as it was printed.

mod build;
mod fetch;
mod link;
mod start;

/// What a failure means, in words for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diagnosis {
    pub(crate) cause: String,
    pub(crate) remedy: String,
}

impl Diagnosis {
    fn new(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { cause: cause.into(), remedy: remedy.into() }
    }
}

/// Reads an error text and recognises one kind of failure in it.
type Rule = fn(&str) -> Option<Diagnosis>;

/// The first failure that is recognised: rules are ordered from causes to consequences.
pub(crate) fn recognise(text: &str) -> Option<Diagnosis> {
    let rules = [fetch::RULES, build::RULES, start::RULES, link::RULES].concat();
    rules.iter().find_map(|rule| rule(text))
}

/// What stands between two pieces of text, on one line.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let start = text.find(before)? + before.len();
    let line = text[start..].lines().next()?;
    Some(line[..line.find(after)?].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_compiler_errors_are_left_alone() {
        let text = "error[E0425]: cannot find value `x` in this scope\n --> crates/lzn-flow/src/path.rs:3:5";
        assert_eq!(recognise(text), None);
        assert_eq!(recognise(""), None);
    }

    #[test]
    fn text_between_marks_stays_on_its_line() {
        assert_eq!(between("expects PyTorch 2.13.0, got", "PyTorch ", ","), Some("2.13.0"));
        assert_eq!(between("PyTorch 2.13.0\n, got", "PyTorch ", ","), None);
    }
}
