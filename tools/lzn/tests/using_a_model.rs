//! The commands that use a model, on the one that ships with lzn.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lzn_data::{Dataset, Split, fashion_mnist};
use lzn_eval::grid::{GridOptions, image_grid};
use ndarray::{Array2, Array4, Axis, s};

fn lzn(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lzn"))
        .args(args)
        .current_dir(folder)
        .env("OMP_NUM_THREADS", "1")
        .output()
        .expect("the program starts")
}

fn succeed(folder: &Path, args: &[&str]) -> String {
    let output = lzn(folder, args);
    assert!(output.status.success(), "lzn {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn fail(folder: &Path, args: &[&str]) -> String {
    let output = lzn(folder, args);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "lzn {args:?}: {message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

/// Writes test images as PNG files and returns their names and labels.
fn test_images(folder: &Path, count: usize) -> (Vec<String>, Vec<i64>) {
    let data = fashion_mnist::embedded(Split::Test).expect("embedded data");
    let write = |index: usize| {
        let sample = data.read(index).expect("readable");
        let name = format!("image-{index}.png");
        let options = GridOptions { gap: 0, scale: 1, ..GridOptions::default() };
        image_grid(sample.image.view().insert_axis(Axis(0)), 1, &options)
            .expect("one image")
            .save(folder.join(&name))
            .expect("writable");
        (name, sample.label.expect("labelled"))
    };
    (0..count).map(write).unzip()
}

fn images(path: PathBuf) -> Array4<u8> {
    ndarray_npy::read_npy(path).expect("an npy file of images")
}

#[test]
fn an_image_depends_on_seed_and_number_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let draw = |name: &str, more: &[&str]| {
        let file = format!("{name}.npy");
        let mut args = vec!["sample", "--labels", "bag", "--steps", "3", "--npy", &file];
        args.extend(more);
        succeed(folder.path(), &args);
        images(folder.path().join(&file))
    };
    let all = draw("all", &["--count", "6"]);
    assert_eq!(all.dim(), (6, 1, 28, 28));
    assert_eq!(all, draw("small-batches", &["--count", "6", "--batch-size", "1"]));
    assert_eq!(all.slice(s![4..5, .., .., ..]), draw("alone", &["--count", "1", "--first", "4"]));
    assert_ne!(all, draw("other-seed", &["--count", "6", "--seed", "1"]));
    let adaptive = ["--sampler", "rk45", "--tolerance", "1e-2"];
    let together = draw("rk45", &[&["--count", "3"], &adaptive[..]].concat());
    let alone = draw("rk45-alone", &[&["--count", "1", "--first", "2"], &adaptive[..]].concat());
    assert_eq!(together.slice(s![2..3, .., .., ..]), alone);
}

#[test]
fn files_are_classified_alone_as_in_company() {
    let folder = tempfile::tempdir().expect("a folder");
    let (names, labels) = test_images(folder.path(), 20);
    let classify = |names: &[String]| {
        let args: Vec<&str> = ["classify", "--json"].into_iter().chain(names.iter().map(String::as_str)).collect();
        let lines = succeed(folder.path(), &args);
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<serde_json::Value>>()
    };
    let all = classify(&names);
    assert_eq!(all[7..8], classify(&names[7..8]));
    for object in &all {
        let shares: f64 = object["shares"].as_array().expect("shares").iter().filter_map(|share| share.as_f64()).sum();
        assert!((shares - 1.0).abs() < 1e-6, "{object}");
    }
    let right = all.iter().zip(&labels).filter(|(object, label)| object["label"].as_i64() == Some(**label)).count();
    // Guessing among ten classes gets ten right with a chance of one in a million.
    assert!(right >= 10, "{right} of 20");
}

#[test]
fn embeddings_have_a_row_for_every_file_and_do_not_depend_on_company() {
    let folder = tempfile::tempdir().expect("a folder");
    let (names, _) = test_images(folder.path(), 3);
    let embed = |names: &[String], more: &[&str]| -> Array2<f32> {
        let files = names.iter().map(String::as_str);
        let args: Vec<&str> = ["embed"].into_iter().chain(files).chain(more.iter().copied()).collect();
        succeed(folder.path(), &args);
        ndarray_npy::read_npy(folder.path().join("embeddings.npy")).expect("an npy file")
    };
    for more in [[].as_slice(), &["--latents"]] {
        let all = embed(&names, more);
        assert_eq!(all.nrows(), 3);
        assert!(all.iter().all(|x| x.is_finite()));
        assert_ne!(all.row(0), all.row(1));
        let alone = embed(&names[1..2], more);
        let difference = (&alone.row(0) - &all.row(1)).mapv(f32::abs).fold(0f32, |a, b| a.max(*b));
        assert!(difference < 1e-4, "{difference}");
    }
}

#[test]
fn reconstructions_are_written_beside_their_originals() {
    let folder = tempfile::tempdir().expect("a folder");
    let (names, _) = test_images(folder.path(), 2);
    let lines = succeed(folder.path(), &["reconstruct", &names[0], &names[1], "--steps", "4"]);
    assert!(lines.contains("image-0.png") && lines.contains("L2"), "{lines}");
    let picture = image::open(folder.path().join("reconstructions.png")).expect("a picture");
    assert!(picture.width() > 2 * 28 && picture.height() > 2 * 28);
}

#[test]
fn mistakes_are_answered_with_a_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let unknown = fail(folder.path(), &["sample", "--labels", "hat"]);
    assert!(unknown.contains("hat") && unknown.contains("Sandal"), "{unknown}");
    let missing = fail(folder.path(), &["classify", "no-such.png"]);
    assert!(missing.contains("no-such.png"), "{missing}");
    std::fs::write(folder.path().join("text.png"), "not a picture").expect("writable");
    let broken = fail(folder.path(), &["classify", "text.png"]);
    assert!(broken.contains("text.png"), "{broken}");
    let model = fail(folder.path(), &["eval", "text.png"]);
    assert!(model.contains("text.png"), "{model}");
    let empty = fail(folder.path(), &["eval", "."]);
    assert!(empty.contains("config.toml"), "{empty}");
}
