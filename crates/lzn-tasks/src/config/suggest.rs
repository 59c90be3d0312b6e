//! Turns serde's "unknown field" into a suggestion.

/// The known name that is closest to the unknown one in serde's message, if any is close.
pub(super) fn suggestion(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    if !message.contains("unknown field") && !message.contains("unknown variant") {
        return None;
    }
    quoted
        .map(|known| (strsim::jaro_winkler(unknown, known), known))
        .filter(|(similarity, _)| *similarity > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_known_name_is_suggested() {
        let message = "unknown field `batchsize`, expected one of `iterations`, `batch_size`, `clip_norm`";
        assert_eq!(suggestion(message).as_deref(), Some("batch_size"));
        assert_eq!(suggestion("unknown field `zzz`, expected one of `iterations`, `batch_size`"), None);
        assert_eq!(suggestion("invalid type: string `a`, expected `b`"), None);
    }
}
