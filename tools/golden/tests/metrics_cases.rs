//! That the family `metrics` notices wrong numbers of features, and nothing in its folder goes unnoticed.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its files has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use lzn_golden::{Line, families, repository_folder, run};
use serde_json::{Value, json};

const SET: &str = "tiny_N200_M150_d16";

/// A folder with the family `metrics` and in it one small set of features, changed.
fn folder(change: impl Fn(&mut Value)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let metrics = folder.path().join("metrics");
    fs::create_dir(&metrics).unwrap();
    let all: Value = serde_json::from_str(&fs::read_to_string(stored("features.json")).unwrap()).unwrap();
    let mut set = all[SET].clone();
    change(&mut set);
    fs::write(metrics.join("features.json"), json!({ SET: set }).to_string()).unwrap();
    folder
}

fn stored(name: &str) -> PathBuf {
    repository_folder().join("metrics").join(name)
}

fn lines(folder: &Path) -> Vec<Line> {
    run(folder, &families(), |_| {}).unwrap().lines
}

fn only_line(change: impl Fn(&mut Value)) -> Line {
    let mut lines = lines(folder(change).path());
    assert_eq!(lines.len(), 1);
    lines.remove(0)
}

#[test]
fn every_number_that_is_slightly_wrong_fails_by_its_name() {
    assert!(only_line(|_| ()).passed());
    // Rows are 150 and 200: the least that shares can be off is 1/150, and of density 1/750.
    for (pointer, by, words) in [
        ("/fid_nuclear", 1e-8, "fid_nuclear"),
        ("/fid_parts/nuc", 1e-7, "fid_parts.nuc"),
        ("/fid_biased_cov_stylegan", 1e-5, "fid_biased"),
        ("/kid_full_unbiased", 1e-9, "kid_full_unbiased"),
        ("/kid_full_biased", 1e-9, "kid_full_biased"),
        ("/kid_tfgan_block256/0", 1e-9, "kid_tfgan_block256"),
        ("/cmmd_unitnorm_sigma10_x1000", 1e-9, "cmmd"),
        ("/prdc_k5/precision", 1.0 / 150.0, "prdc_k5 precision"),
        ("/prdc_k5/recall", 1.0 / 200.0, "prdc_k5 recall"),
        ("/prdc_k3/density", 1.0 / 450.0, "prdc_k3 density"),
        ("/prdc_k3/coverage", -1.0 / 200.0, "prdc_k3 coverage"),
        ("/adm_pr_k3_f64/1", -1.0 / 200.0, "adm_pr_k3_f64 recall"),
        ("/radii_k3_first5/4", 1e-9, "radii_k3"),
        ("/is_single_split_logits_2y", 1e-6, "is_single"),
        ("/fd_inf_prefix/intercept", 1e-6, "fd_inf.intercept"),
        ("/sum_mu1", 1e-9, "sum_mu1"),
    ] {
        let line = only_line(|set| {
            let number = set.pointer_mut(pointer).unwrap();
            *number = json!(number.as_f64().unwrap() + by);
        });
        assert!(line.failed() && line.to_string().contains(words), "{pointer}: {line}");
    }
}

#[test]
fn features_of_no_known_seed_and_counts_that_are_none_fail() {
    let line = only_line(|set| set["x_first"][1] = json!(0.123));
    assert!(line.failed() && line.to_string().contains("no seed below"), "{line}");
    let line = only_line(|set| set["prdc_k5"]["recall"] = json!(0.9777));
    assert!(line.failed() && line.to_string().contains("is no number of rows"), "{line}");
}

#[test]
fn keys_that_nobody_knows_are_named_and_do_not_fail() {
    let line = only_line(|set| set["aura"] = json!(1.0));
    assert!(line.passed() && line.to_string().contains("not compared: aura"), "{line}");
}

#[test]
fn subsets_and_stored_features_belong_to_their_set() {
    let folder = folder(|_| ());
    fs::copy(stored("tiny_N200_M150_d16.npz"), folder.path().join(format!("metrics/{SET}.npz"))).unwrap();
    fs::copy(stored("kid_subset_indices.npz"), folder.path().join("metrics/kid_subset_indices.npz")).unwrap();
    let lines = lines(folder.path());
    let line = |name: &str| lines.iter().find(|line| line.case == name).unwrap();
    assert!(line("tiny_subsets").passed() && line(SET).passed());
    assert!(line("d64_gauss_subsets").to_string().contains("no set of features for `d64_gauss`"));
}

#[test]
fn files_that_nobody_knows_fail() {
    let folder = folder(|_| ());
    let metrics = folder.path().join("metrics");
    fs::write(metrics.join("notes.txt"), "words").unwrap();
    fs::write(metrics.join("README.md"), "words").unwrap();
    fs::copy(stored("kid_subset_indices.npz"), metrics.join("telepathy.npz")).unwrap();
    fs::write(metrics.join("telekinesis.json"), "{}").unwrap();
    let failed: Vec<String> = lines(folder.path()).iter().filter(|line| line.failed()).map(Line::to_string).collect();
    assert_eq!(failed.len(), 3, "{failed:?}");
    for words in ["notes.txt: files of this kind", "a case called `telepathy`", "a case called `telekinesis`"] {
        assert!(failed.iter().any(|line| line.contains(words)), "{words} in {failed:?}");
    }
}
