//! Configurations with random damage: they are read, or refused with the file or the key, and nothing panics.

use std::path::Path;

use lzn_tasks::config::{Override, RunConfig};
use proptest::prelude::*;

const VALID: &str = include_str!("training/joint.toml");

/// What stands at the places of values: numbers at the ends of their ranges, and things of other types.
const VALUES: [&str; 12] =
    ["0", "1", "-1", "9223372036854775807", "1e308", "-0.0", "nan", "inf", "\"\"", "[]", "[[0]]", "{ a = 1 }"];

fn parse(text: &str, sets: &[Override]) {
    if let Err(error) = RunConfig::parse(text, Path::new("mutant.toml"), sets) {
        assert!(!error.to_string().is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_change_of_characters_makes_the_reader_panic(
        changes in prop::collection::vec((0.0..1.0f64, "\\PC|\n|[\\[\\]{}=\"#.,]"), 1..6),
        cut in 0.5..1.5f64,
    ) {
        let mut text: Vec<char> = VALID.chars().collect();
        for (place, other) in changes {
            let at = (place * text.len() as f64) as usize;
            text.splice(at..=at, other.chars());
        }
        text.truncate((cut * text.len() as f64) as usize);
        parse(&text.into_iter().collect::<String>(), &[]);
    }

    #[test]
    fn no_other_value_of_any_key_does(line in 0.0..1.0f64, value in prop::sample::select(VALUES.to_vec())) {
        let mut lines: Vec<String> = VALID.lines().map(str::to_owned).collect();
        let at = (line * lines.len() as f64) as usize;
        if let Some((key, _)) = lines[at].clone().split_once('=') {
            lines[at] = format!("{key}= {value}");
        }
        parse(&lines.join("\n"), &[]);
    }

    #[test]
    fn no_override_does(text in "[a-z_]{0,12}(\\.[a-z0-9_]{0,12}){0,3}=?\\PC{0,20}") {
        if let Ok(set) = text.parse::<Override>() {
            parse(VALID, &[set]);
        }
    }
}
