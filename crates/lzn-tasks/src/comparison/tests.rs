//! Comparisons of runs that were written by hand.

use super::*;
use crate::evaluate::Better;

/// A run folder as training and evaluation leave it.
fn run(folder: &Path, name: &str, config: &str, accuracy: f64) -> PathBuf {
    let run = folder.join(name);
    fs::create_dir_all(run.join("evaluation")).unwrap();
    fs::write(run.join("config.toml"), config).unwrap();
    fs::write(run.join("metrics.jsonl"), format!("{{\"step\":10,\"test/accuracy\":{accuracy}}}\n")).unwrap();
    let measure = Measure::new("test accuracy", accuracy, Better::Higher, "as configured").share();
    let groups = vec![Group::new("Classification", vec![measure])];
    fs::write(run.join("evaluation/results.json"), serde_json::to_vec(&groups).unwrap()).unwrap();
    run
}

#[test]
fn runs_that_differ_in_their_seed_alone_are_repetitions() {
    let folder = tempfile::tempdir().unwrap();
    let runs = [
        run(folder.path(), "small-0", "seed = 0\n[model]\nsize = 1\n", 0.5),
        run(folder.path(), "large-0", "seed = 0\n[model]\nsize = 2\n", 0.9),
        run(folder.path(), "small-1", "seed = 1\n[model]\nsize = 1\n", 0.7),
    ];
    let found = Comparison::of(&runs).unwrap();
    let names: Vec<_> = found.settings.iter().map(|setting| (setting.name.as_str(), setting.runs.len())).collect();
    assert_eq!(names, [("small", 2), ("large", 1)]);
    assert_eq!(found.rows[0].values, [vec![0.5, 0.7], vec![0.9]]);
    // The deviation of a sample of two is their distance over the root of two.
    assert!(found.to_markdown().contains("| test accuracy, % | 60.00 ± 14.14 | 90.00 |"), "{}", found.to_markdown());
    let curves = found.curves("test/accuracy").unwrap();
    assert_eq!(curves[0].0, "small");
    assert!((curves[0].1[0].1 - 0.6).abs() < 1e-12);
    let html = report(&found).unwrap().to_html().unwrap();
    assert!(html.contains("14.14") && html.contains("Test accuracy"));
}

#[test]
fn a_run_without_an_evaluation_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), "joint-0", "seed = 0\n", 0.5);
    fs::write(run.join("evaluation/results.json"), "[").unwrap();
    let message = Comparison::of(std::slice::from_ref(&run)).unwrap_err().to_string();
    assert!(message.contains("damaged") && message.contains("lzn eval"), "{message}");
    fs::remove_file(run.join("evaluation/results.json")).unwrap();
    let message = Comparison::of(&[run]).unwrap_err().to_string();
    assert!(message.contains("joint-0") && message.contains("lzn eval"), "{message}");
    assert!(matches!(Comparison::of(&[folder.path().to_owned()]), Err(TaskError::Run(_))));
}
