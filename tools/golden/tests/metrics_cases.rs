//! That the family `metrics` notices wrong numbers of features, and nothing in its folder goes unnoticed.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its files has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use lzn_golden::{Line, families, repository_folder, run};
use ndarray::Array2;
use ndarray_npy::NpzWriter;
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

/// A folder with the family `metrics` and nothing in it yet.
fn empty() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let metrics = folder.path().join("metrics");
    fs::create_dir(&metrics).unwrap();
    (folder, metrics)
}

fn write_npz(path: &Path, arrays: &[(&str, &[f32])]) {
    let mut npz = NpzWriter::new(fs::File::create(path).unwrap());
    for (name, column) in arrays {
        npz.add_array(*name, &Array2::from_shape_vec((column.len(), 1), column.to_vec()).unwrap()).unwrap();
    }
    npz.finish().unwrap();
}

/// Four rows of one number each, which no seed gives, and what is worked out by hand of them.
const HERE: [f32; 4] = [0.0, 1.0, 2.0, 3.0];
const THERE: [f32; 4] = [0.25, 1.25, 2.25, 3.25];

fn by_hand() -> Value {
    json!({
        "n": 4, "m": 4, "d": 1, "x_first": [0.0], "y_last": [3.25], "sum_mu1": 1.5, "tr_s1": 5.0 / 3.0,
        "fid_nuclear": 0.0625,
        "prdc_k1": { "precision": 1.0, "recall": 1.0, "density": 1.75, "coverage": 1.0 },
        "prdc_k2": { "precision": 1.0, "recall": 1.0, "density": 1.125, "coverage": 1.0 },
        "adm_pr_k2_f32": [1.0, 1.0],
        "adm_pr_k2_f16_cpu_emulation": [0.5, 0.5, true],
        "radii_k2_first5": [2.0, 1.0, 1.0, 2.0],
    })
}

#[test]
fn stored_features_need_no_recipe_and_any_number_of_neighbours_is_compared() {
    let (folder, metrics) = empty();
    write_npz(&metrics.join("mine.npz"), &[("x", &HERE[..]), ("y", &THERE[..])]);
    for (name, json) in [("mine", by_hand()), ("others", json!({ "mine": by_hand() }))] {
        let json_path = metrics.join(format!("{name}.json"));
        fs::write(&json_path, json.to_string()).unwrap();
        for line in lines(folder.path()) {
            assert!(line.passed() && !line.to_string().contains("not compared"), "{name}: {line}");
        }
        fs::remove_file(json_path).unwrap();
    }
    assert!(lines(folder.path())[0].to_string().contains("no file says what to expect of a set `mine`"));

    let mut wrong = by_hand();
    wrong["prdc_k2"]["density"] = json!(1.0);
    let mut few = by_hand();
    few["prdc_k5"] = few["prdc_k1"].clone();
    for (json, words) in [(wrong, "prdc_k2 density"), (few, "key `prdc_k5`"), (json!({ "fid_": {} }), "key `fid_`")] {
        fs::write(metrics.join("mine.json"), json.to_string()).unwrap();
        let line = lines(folder.path()).remove(0);
        assert!(line.failed() && line.to_string().contains(words), "{words}: {line}");
    }
}

#[test]
fn sets_compared_with_themselves_are_of_any_seed_or_stored() {
    let (folder, metrics) = empty();
    write_npz(&metrics.join("self_stored.npz"), &[("x", &HERE[..])]);
    let sets = json!({
        "self_stored": { "fid_nuclear": 0.0 },
        "self_N20_d3": { "fid_nuclear": 0.0 },
        "self_seeded": { "fid_nuclear": 0.0, "seed": 123_456_789_012_u64, "n": 9, "d": 1 },
    });
    fs::write(metrics.join("many.json"), sets.to_string()).unwrap();
    let lines = lines(folder.path());
    assert_eq!(lines.len(), 4);
    lines.iter().for_each(|line| assert!(line.passed(), "{line}"));
}

#[test]
fn cases_are_known_by_what_they_hold_and_not_by_their_names() {
    let folder = folder(|_| ());
    let metrics = folder.path().join("metrics");
    fs::rename(metrics.join("features.json"), metrics.join("features-seed7.json")).unwrap();
    fs::copy(stored("kid_subset_indices.npz"), metrics.join("indices-seed7.npz")).unwrap();
    fs::copy(stored("preprocess.safetensors"), metrics.join("images_2.safetensors")).unwrap();
    fs::copy(stored("resize_filters.json"), metrics.join("filters_2.json")).unwrap();
    fs::copy(stored("resize_filters.safetensors"), metrics.join("filters_2.safetensors")).unwrap();
    // As published: sizes are in the names of the images, and seeds are found by their first bytes.
    let mut json: Value = serde_json::from_str(&fs::read_to_string(stored("preprocess.json")).unwrap()).unwrap();
    json.as_object_mut().unwrap().remove("images").unwrap();
    fs::write(metrics.join("images_2.json"), json.to_string()).unwrap();
    let lines = lines(folder.path());
    for name in [SET, "tiny_subsets", "images_2", "filters_2"] {
        let line = lines.iter().find(|line| line.case == name).unwrap();
        assert!(line.passed() && !line.to_string().contains("not compared"), "{line}");
    }
}

#[test]
fn subsets_of_one_side_alone_fail_by_the_name_of_the_other() {
    let folder = folder(|_| ());
    let path = folder.path().join("metrics/indices.npz");
    for (side, other) in [("x", "y"), ("y", "x")] {
        let mut npz = NpzWriter::new(fs::File::create(&path).unwrap());
        npz.add_array(format!("tiny_{side}"), &Array2::<i32>::zeros((10, 100))).unwrap();
        npz.finish().unwrap();
        let lines = lines(folder.path());
        let line = lines.iter().find(|line| line.case == "tiny_subsets").unwrap();
        assert!(line.failed() && line.to_string().contains(&format!("no tensor `tiny_{other}`")), "{line}");
    }
}

#[test]
fn files_that_nobody_knows_fail() {
    let folder = folder(|_| ());
    let metrics = folder.path().join("metrics");
    fs::write(metrics.join("notes.txt"), "words").unwrap();
    fs::write(metrics.join("README.md"), "words").unwrap();
    fs::copy(repository_folder().join("augment/ops.npz"), metrics.join("telepathy.npz")).unwrap();
    fs::write(metrics.join("telekinesis.json"), "{}").unwrap();
    let failed: Vec<String> = lines(folder.path()).iter().filter(|line| line.failed()).map(Line::to_string).collect();
    assert_eq!(failed.len(), 3, "{failed:?}");
    for words in ["notes.txt: files of this kind", "what `telepathy` holds", "what `telekinesis` holds"] {
        assert!(failed.iter().any(|line| line.contains(words)), "{words} in {failed:?}");
    }
}
