//! Facts that cases state in words.

use anyhow::{Context, Result};

/// The letters, digits and underscores that follow `before`.
pub(super) fn word_after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    Some(&rest[..end])
}

/// The number that follows `before`.
pub(super) fn number_after(text: &str, before: &str) -> Result<f64> {
    let (_, rest) = text.split_once(before).with_context(|| format!("no number after `{before}` in `{text}`"))?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && !"+-.e".contains(c)).unwrap_or(rest.len());
    let number = rest[..end].trim_end_matches('.');
    number.parse().with_context(|| format!("`{number}` after `{before}` is no number, in `{text}`"))
}
