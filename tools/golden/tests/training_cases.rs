//! That the families `ema` and `train` notice what they are there to notice, on copies of the repository's cases.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its files has failed")]

use std::fs;
use std::path::Path;

use lzn_golden::{Line, families, repository_folder, run};
use serde_json::Value;

/// Runs a copy of one case whose JSON was changed.
fn run_changed(family: &str, name: &str, change: impl Fn(&mut Value)) -> Line {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (repository_folder().join(family), folder.path().join(family));
    fs::create_dir(&to).unwrap();
    let file = |folder: &Path, ending: &str| folder.join(format!("{name}.{ending}"));
    fs::copy(file(&from, "safetensors"), file(&to, "safetensors")).unwrap();
    let mut json = serde_json::from_str(&fs::read_to_string(file(&from, "json")).unwrap()).unwrap();
    change(&mut json);
    fs::write(file(&to, "json"), json.to_string()).unwrap();
    run(folder.path(), &families(), |_| {}).unwrap().lines.remove(0)
}

/// Asserts that a change makes the case fail, and where.
fn assert_fails(family: &str, name: &str, change: impl Fn(&mut Value), words: &str) {
    let line = run_changed(family, name, change);
    assert!(!line.passed() && line.to_string().contains(words), "`{words}` in {line}");
}

const TRAIN: (&str, &str) = ("train", "joint_5_iterations");
const EMA: (&str, &str) = ("ema", "decay0999");

/// Multiplies the number at `pointer`.
fn scale(json: &mut Value, pointer: &str, factor: f64) {
    let number = json.pointer_mut(pointer).unwrap();
    *number = Value::from(number.as_f64().unwrap() * factor);
}

/// Replaces words in the text at `key`.
fn reword(json: &mut Value, key: &str, old: &str, new: &str) {
    let text = json[key].as_str().unwrap();
    assert!(text.contains(old), "{text}");
    json[key] = Value::from(text.replace(old, new));
}

#[test]
fn every_tensor_of_the_unchanged_cases_is_compared() {
    for (family, name) in [TRAIN, EMA] {
        let line = run_changed(family, name, |_| ());
        assert!(line.passed() && !line.to_string().contains("not compared"), "{line}");
    }
}

#[test]
fn wrong_losses_norms_and_rates_fail_at_their_iteration() {
    let (family, name) = TRAIN;
    for (field, words) in
        [("label_loss", "align"), ("recon_loss", "rectified_flow"), ("total", "loss"), ("grad_norm", "grad_norm")]
    {
        assert_fails(family, name, |json| scale(json, &format!("/records/3/{field}"), 1.002), &format!("it3 {words}"));
    }
    assert_fails(family, name, |json| scale(json, "/records/1/lr/2", 1.0 + 1e-9), "it1 lr");
}

#[test]
fn another_recipe_leads_to_other_weights() {
    let (family, name) = TRAIN;
    assert_fails(family, name, |json| reword(json, "optimizer", "decoder 2e-3", "decoder 3e-3"), " lr ");
    assert_fails(family, name, |json| reword(json, "optimizer", "clipping 1.0", "clipping 1e-9"), "FAILED");
    assert_fails(family, name, |json| reword(json, "label", ", class weights by batch frequency", ""), "FAILED");
    assert_fails(family, name, |json| reword(json, "label", "100 steps", "50 steps"), "FAILED");
    assert_fails(family, name, |json| reword(json, "latent", "DPM-Solver, 20", "Euler, 20"), "FAILED");
    assert_fails(family, name, |json| json["config"]["ema_rate"] = Value::from(0.01), "decoder_ema");
    assert_fails(family, name, |json| reword(json, "optimizer", "Adam beta 0.9", "Adam beta 0.8"), "another optimizer");
}

#[test]
fn fewer_iterations_than_the_weights_were_stored_for_are_no_case() {
    let (family, name) = TRAIN;
    let drop_last = |json: &mut Value| drop(json["records"].as_array_mut().unwrap().pop());
    assert_fails(family, name, drop_last, "no tensor `after4.");
}

#[test]
fn another_decay_and_a_missing_warm_up_fail() {
    let (family, name) = EMA;
    assert_fails(family, name, |json| json["decay"] = Value::from(0.3), "shadow");
    assert_fails(family, name, |json| json["use_num_updates"] = Value::from(false), "shadow");
    assert_fails(family, name, |json| json["shapes"] = serde_json::json!([[4, 3]]), "`shapes` hold 12 numbers");
}
