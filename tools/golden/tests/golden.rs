//! The golden numbers in the repository, and what the runner does with folders that are not as they should be.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

use lzn_golden::{Report, default_folder, families, repository_folder, run};

fn run_folder(folder: &Path) -> Report {
    run(folder, &families(), |_| {}).unwrap()
}

/// A folder with one case copied from the repository.
fn folder_with_one_case() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("latent")).unwrap();
    for extension in ["json", "safetensors"] {
        let name = format!("latent/euler_n32_d8.{extension}");
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(&name), folder.path().join(&name)).unwrap();
    }
    folder
}

/// The one line of a folder whose only case has gone wrong.
fn only_failure(folder: &Path) -> String {
    let report = run_folder(folder);
    assert!(!report.passed());
    assert_eq!(report.lines.len(), 1);
    report.lines[0].to_string()
}

#[test]
fn every_case_agrees_on_every_backend_and_no_output_of_the_zones_goes_uncompared() {
    let report = run_folder(&repository_folder());
    assert_no_failure(&report);
    for family in ["latent", "label", "contrastive"] {
        for backend in ["host-f64", "host-f32", "torch-f64", "torch-f32"] {
            assert!(
                report.lines.iter().any(|line| line.family == family && line.backend == backend),
                "{family}, {backend}"
            );
        }
        let ignores = |line: &lzn_golden::Line| line.family == family && line.to_string().contains("not compared");
        assert!(!report.lines.iter().any(ignores), "{family}");
    }
}

/// Runs a copy of the operations on images whose JSON was changed.
fn run_operations(change: impl FnOnce(&mut serde_json::Value)) -> Report {
    let (from, to) = (repository_folder().join("augment"), tempfile::tempdir().unwrap());
    fs::create_dir(to.path().join("augment")).unwrap();
    fs::copy(from.join("ops.npz"), to.path().join("augment/ops.npz")).unwrap();
    let mut json = serde_json::from_str(&fs::read_to_string(from.join("ops.json")).unwrap()).unwrap();
    change(&mut json);
    fs::write(to.path().join("augment/ops.json"), json.to_string()).unwrap();
    run_folder(to.path())
}

#[test]
fn operations_on_images_are_those_of_torchvision_and_pil_to_the_last_bit() {
    let mut operations = 0;
    let report = run_operations(|json| operations = json["cases"].as_array().unwrap().len());
    assert_eq!(report.lines.len(), operations);
    for line in report.lines {
        let (what, error) = line.worst().unwrap();
        // Of floats, rounding may be seen, and of blurs which sums in single precision come out half-way between bytes.
        let rounded = what == "levels" || line.case.starts_with("blur") && error < 1e-3;
        assert!(line.passed() && (error == 0.0 || rounded), "{line}");
    }
}

#[test]
fn other_parameters_of_operations_on_images_fail_and_unknown_operations_are_named() {
    for (name, key, value, words) in [
        ("resized_crop_5_8_30_40_32", "top", 6.into(), "FAILED"),
        ("brightness_0.3", "factor", 0.32.into(), "FAILED"),
        ("contrast_0.8", "factor", 0.82.into(), "FAILED"),
        ("saturation_0.5", "factor", 0.52.into(), "FAILED"),
        ("hue_0.05", "factor", 0.06.into(), "FAILED"),
        ("blur_23_2.0", "sigma", 1.9.into(), "FAILED"),
        ("pil_lanczos_20x20", "filter", "bicubic".into(), "FAILED"),
        ("shorter_side_32", "op", "Resize(31)".into(), "FAILED"),
        ("hflip", "op", "sharpness".into(), "there is no operation `sharpness`"),
        ("gray", "op", "hue".into(), "no key `factor`"),
    ] {
        let report = run_operations(|json| {
            let operations = json["cases"].as_array_mut().unwrap();
            operations.iter_mut().find(|operation| operation["name"] == name).unwrap()[key] = value;
        });
        for line in report.lines {
            assert_eq!(line.passed(), line.case != name, "{line}");
            assert!(line.passed() || line.to_string().contains(words), "{line}");
        }
    }
}

fn assert_no_failure(report: &Report) {
    let failed: Vec<String> = report.lines.iter().filter(|line| line.failed()).map(ToString::to_string).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_case_of_the_folder_that_the_environment_names_agrees() {
    // Without LZN_GOLDEN_DIR there is nothing to do that the test above does not.
    if default_folder() != repository_folder() {
        assert_no_failure(&run_folder(&default_folder()));
    }
}

#[test]
fn a_wrong_number_fails_every_backend() {
    let folder = folder_with_one_case();
    let path = folder.path().join("latent/euler_n32_d8.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    // The last value of the file, whichever tensor it belongs to.
    let at = bytes.len() - 8;
    bytes[at..].copy_from_slice(&12.5_f64.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let report = run_folder(folder.path());
    assert!(report.lines.len() >= 3);
    assert!(report.lines.iter().all(|line| !line.passed()));
}

#[test]
fn a_truncated_tensor_file_fails_and_is_named() {
    let folder = folder_with_one_case();
    let path = folder.path().join("latent/euler_n32_d8.safetensors");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let line = only_failure(folder.path());
    assert!(line.contains("euler_n32_d8.safetensors") && line.contains("not a valid safetensors file"), "{line}");
}

#[test]
fn a_missing_tensor_file_fails_and_is_named() {
    let folder = folder_with_one_case();
    fs::remove_file(folder.path().join("latent/euler_n32_d8.safetensors")).unwrap();
    assert!(only_failure(folder.path()).contains("euler_n32_d8.safetensors"));
}

#[test]
fn tensors_without_a_description_fail() {
    let folder = folder_with_one_case();
    fs::remove_file(folder.path().join("latent/euler_n32_d8.json")).unwrap();
    assert!(only_failure(folder.path()).contains("no JSON beside it"));
}

#[test]
fn broken_json_and_unknown_solvers_fail_and_name_the_file() {
    let folder = folder_with_one_case();
    let path = folder.path().join("latent/euler_n32_d8.json");
    for (text, words) in [("{", "not valid JSON"), (r#"{"steps": 3, "solver": "rk9"}"#, "rk9"), ("{}", "`steps`")] {
        fs::write(&path, text).unwrap();
        let line = only_failure(folder.path());
        assert!(line.contains("euler_n32_d8.json") && line.contains(words), "{line}");
    }
}

#[test]
fn unknown_families_are_skipped_by_name_and_do_not_pass_alone() {
    let folder = folder_with_one_case();
    fs::create_dir(folder.path().join("telepathy")).unwrap();
    let report = run_folder(folder.path());
    assert_eq!(report.skipped, ["telepathy"]);
    assert!(report.passed());

    let empty = tempfile::tempdir().unwrap();
    assert!(run(empty.path(), &families(), |_| {}).is_err());
    fs::create_dir(empty.path().join("telepathy")).unwrap();
    assert!(!run_folder(empty.path()).passed());
}
