//! The house rules themselves, each a function of a file's name and text.

use super::Breach;

/// Longest source file. Longer ones have more than one subject.
const LINES: usize = 500;

/// Source files that may be longer, each with its reason. None so far.
const LONGER: &[(&str, &str)] = &[];

/// Largest file that git should carry, outside the folders of [`LARGER`].
const BYTES: u64 = 3_000_000;

/// Where files may be larger: start of the path, end of the name, bytes, reason.
const LARGER: &[(&str, &str, u64)] = &[
    // The embedded data set: 20,000 images.
    ("datasets/", ".gz", 16_000_000),
    // Trained weights that ship with the demonstrations.
    ("", ".safetensors", 8_000_000),
];

/// Pieces of text that no file may hold. Written in halves, so that this file does not hold them either.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("/ho", "me/", "names a folder of one machine"),
    ("/ro", "ot/", "names a folder of one machine"),
    ("/Us", "ers/", "names a folder of one machine"),
    ("pypi.org", "/simple", "names a package index: which one to use is the user's setting"),
    ("files.python", "hosted.org", "names a package index: which one to use is the user's setting"),
    ("download.py", "torch.org", "names a download server: libtorch comes from the user's package index"),
    ("index.cra", "tes.io", "names a package index: which one to use is the user's setting"),
    ("--index", "-url", "names a package index: which one to use is the user's setting"),
    ("extra-index", "-url", "names a package index: which one to use is the user's setting"),
];

/// Rules about the size of a file of any kind.
pub(super) fn check_size(name: &str, bytes: u64) -> Option<Breach> {
    let exception = LARGER.iter().find(|(start, end, _)| name.starts_with(start) && name.ends_with(end));
    let cap = exception.map_or(BYTES, |(_, _, cap)| *cap);
    (bytes > cap)
        .then(|| Breach { place: name.to_owned(), rule: "is too large for git: generate it, or fetch it at set-up" })
}

/// Rules about the text of a file.
pub(super) fn check_text(name: &str, text: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if name.ends_with(".rs") {
        breaches.extend(check_rust(name, text));
    }
    for (number, line) in text.lines().enumerate() {
        let found = FORBIDDEN.iter().find(|(one, other, _)| line.contains(&format!("{one}{other}")));
        breaches.extend(found.map(|(_, _, rule)| Breach { place: format!("{name}:{}", number + 1), rule }));
    }
    breaches
}

fn check_rust(name: &str, text: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut breach = |place: String, rule| breaches.push(Breach { place, rule });
    if !text.starts_with("//!") {
        breach(name.to_owned(), "must start with `//!` and say what it is for");
    }
    if text.lines().count() > LINES && !LONGER.iter().any(|(file, _)| *file == name) {
        breach(name.to_owned(), "is longer than 500 lines: split it by subject");
    }
    let ignored = concat!("#[", "ignore");
    for (number, _) in text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with(ignored)) {
        breach(format!("{name}:{}", number + 1), "switches a test off: fix it or remove it");
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(name: &str, text: &str) -> Vec<String> {
        check_text(name, text).into_iter().map(|breach| breach.place).collect()
    }

    #[test]
    fn a_module_without_its_sentence_is_found() {
        assert_eq!(places("src/a.rs", "fn main() {}\n"), ["src/a.rs"]);
        assert!(places("src/a.rs", "//! Says what it is for.\nfn main() {}\n").is_empty());
        assert!(places("notes.md", "no sentence needed\n").is_empty());
    }

    #[test]
    fn a_file_may_have_five_hundred_lines_and_no_more() {
        let text = "//! line\n".repeat(LINES);
        assert!(places("src/a.rs", &text).is_empty());
        assert_eq!(places("src/a.rs", &(text + "//! one more\n")), ["src/a.rs"]);
    }

    #[test]
    fn a_test_that_is_switched_off_is_found_with_its_line() {
        let text = format!("//! Tests.\n#[test]\n    {}[ignore = \"slow\"]\nfn x() {{}}\n", '#');
        assert_eq!(places("tests/a.rs", &text), ["tests/a.rs:3"]);
    }

    #[test]
    fn machine_paths_and_package_indices_are_found_in_any_file() {
        for (one, other, rule) in FORBIDDEN {
            let breaches = check_text("docs/a.md", &format!("first\nsee {one}{other}someone\n"));
            assert_eq!(breaches, [Breach { place: "docs/a.md:2".into(), rule }]);
        }
    }

    #[test]
    fn only_data_and_weights_may_be_large() {
        assert_eq!(check_size("docs/picture.png", BYTES), None);
        assert!(check_size("docs/picture.png", BYTES + 1).is_some());
        assert_eq!(check_size("datasets/data/train.gz", 9_000_000), None);
        assert_eq!(check_size("weights/demo.safetensors", 8_000_000), None);
        assert!(check_size("weights/demo.safetensors", 8_000_001).is_some());
    }
}
