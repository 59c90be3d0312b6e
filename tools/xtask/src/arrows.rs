//! Which crate may reach which: the arrows of docs/architecture.md, asserted on what cargo resolves.
//!
//! Absent arrows alone could pass by a slip of the pen (a misspelt crate is reached by nobody), so present ones stand
//! beside them, through the same code.

use std::collections::BTreeSet;

use crate::failure::Failure;
use crate::repo::Repo;
use crate::run::Run;

/// What one crate reaches, directly or through others, to run or to build.
struct Arrow {
    from: &'static str,
    reaches: &'static [&'static str],
    never: &'static [&'static str],
}

const TORCH: &[&str] = &["tch", "torch-sys"];

const ARROWS: &[Arrow] = &[
    Arrow { from: "lzn-meter", reaches: &[], never: &["tch", "torch-sys", "ndarray"] },
    Arrow { from: "lzn-files", reaches: &["tempfile"], never: &["tch", "torch-sys", "ndarray"] },
    Arrow { from: "lzn-random", reaches: &["rand_chacha"], never: TORCH },
    Arrow { from: "lzn-latent", reaches: &["ndarray"], never: TORCH },
    Arrow {
        from: "lzn-data",
        reaches: &["lzn-datasets", "lzn-resize", "lzn-pickle"],
        never: &["tch", "torch-sys", "lzn-latent", "lzn-eval"],
    },
    Arrow { from: "lzn-eval", reaches: &["ndarray"], never: &["tch", "torch-sys", "lzn-latent", "lzn-data"] },
    Arrow { from: "lzn-resize", reaches: &["ndarray"], never: &["tch", "torch-sys", "image", "lzn-eval", "lzn-data"] },
    Arrow {
        from: "lzn-features",
        reaches: &["tch", "torch-sys", "lzn-resize", "lzn-pickle"],
        never: &["lzn-flow", "lzn-encoders", "lzn-tasks", "lzn-data", "lzn-eval"],
    },
    Arrow { from: "lzn-pickle", reaches: &["zip"], never: &["tch", "torch-sys", "ndarray", "lzn-data", "lzn-eval"] },
    Arrow { from: "lzn-datasets", reaches: &[], never: &["tch", "torch-sys", "ndarray"] },
    Arrow {
        from: "lzn-torch",
        reaches: &["tch", "torch-sys", "lzn-latent"],
        never: &["lzn-flow", "lzn-encoders", "lzn-data"],
    },
    Arrow {
        from: "lzn-flow",
        reaches: &["tch", "torch-sys", "lzn-torch"],
        never: &["lzn-encoders", "lzn-tasks", "lzn-data"],
    },
    Arrow {
        from: "lzn-encoders",
        reaches: &["tch", "torch-sys", "lzn-torch"],
        never: &["lzn-flow", "lzn-tasks", "lzn-data"],
    },
    Arrow {
        from: "lzn-text",
        reaches: &["tch", "torch-sys", "lzn-torch", "lzn-random"],
        never: &["lzn-flow", "lzn-encoders", "lzn-tasks", "lzn-data", "lzn-eval"],
    },
    Arrow {
        from: "lzn-tasks",
        reaches: &["lzn-flow", "lzn-encoders", "lzn-text", "lzn-data", "lzn-pickle"],
        never: &["lzn", "lzn-golden"],
    },
    Arrow { from: "xtask", reaches: &[], never: &["serde", "anyhow", "tch", "torch-sys"] },
];

/// The program in tools/downstream, which has a workspace of its own.
const DOWNSTREAM: Arrow = Arrow {
    from: "lzn-downstream",
    reaches: &["lzn-latent", "ndarray"],
    never: &["tch", "torch-sys", "lzn-torch", "lzn-random", "image", "rand"],
};

/// What to ask cargo for: the names of all that is reached, one in a line.
pub(crate) const TREE: [&str; 7] = ["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];

/// Asks cargo for every crate's dependencies and compares.
pub(crate) fn check(repo: &Repo) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    for arrow in ARROWS {
        let tree = Run::cargo(repo).args(TREE).args(["--package", arrow.from]);
        wrong.extend(violations(arrow, &packages(&tree.quiet()?)));
    }
    println!("    {} crates looked at", ARROWS.len());
    verdict(&wrong)
}

/// The same for the program outside of the workspace; `tree` is [`TREE`], asked there.
pub(crate) fn check_downstream(tree: Run) -> Result<(), Failure> {
    verdict(&violations(&DOWNSTREAM, &packages(&tree.quiet()?)))
}

fn verdict(wrong: &[String]) -> Result<(), Failure> {
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::new(wrong.join("\n"))
        .remedy("see the invariants in docs/architecture.md; a new arrow is a decision, written there and here"))
}

fn violations(arrow: &Arrow, reached: &BTreeSet<&str>) -> Vec<String> {
    let from = arrow.from;
    let forbidden = arrow
        .never
        .iter()
        .filter(|to| reached.contains(**to))
        .map(|to| format!("{from} must not reach {to}, but does"));
    let missing = arrow
        .reaches
        .iter()
        .filter(|to| !reached.contains(**to))
        .map(|to| format!("{from} must reach {to}, but does not"));
    forbidden.chain(missing).collect()
}

/// Names in the output of `cargo tree --prefix none --format {p}`: the first word of each line.
fn packages(tree: &str) -> BTreeSet<&str> {
    tree.lines().filter_map(|line| line.split_whitespace().next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "lzn-flow v0.1.0 (/repository/crates/lzn-flow)\ntch v0.26.0\ntorch-sys v0.26.0\nlzn-torch v0.1.0 (*)\n\nserde v1.0.229";

    #[test]
    fn a_forbidden_arrow_and_a_missing_one_are_both_named() {
        let reached = packages(TREE);
        let arrow = Arrow { from: "lzn-flow", reaches: &["lzn-torch", "ndarray"], never: &["tch", "lzn-encoders"] };
        assert_eq!(
            violations(&arrow, &reached),
            ["lzn-flow must not reach tch, but does", "lzn-flow must reach ndarray, but does not"]
        );
    }

    #[test]
    fn names_that_only_begin_alike_are_different_crates() {
        let arrow = Arrow { from: "lzn-flow", reaches: &[], never: &["lzn", "torch"] };
        assert!(violations(&arrow, &packages(TREE)).is_empty());
    }
}
