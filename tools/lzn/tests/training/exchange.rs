//! `lzn import` and `lzn export` as a user meets them.

use std::fs;
use std::process::Command;

use ndarray::Array4;

use crate::support::{Place, contents, fail, succeed};

/// A finished run of the tiny model in `run`.
fn trained() -> Place {
    let place = Place::new();
    succeed(place.train("run", &[]));
    place
}

/// Samples of a model as numbers.
fn samples(place: &Place, model: &str) -> Array4<u8> {
    succeed(place.lzn(&[
        "sample",
        "--model",
        model,
        "--count",
        "3",
        "--steps",
        "4",
        "--npy",
        "samples.npy",
        "--threads",
        "1",
    ]));
    ndarray_npy::read_npy(place.path("samples.npy")).unwrap()
}

#[test]
fn a_run_that_was_exported_and_imported_draws_the_same_images_to_the_bit() {
    let place = trained();
    succeed(place.lzn(&["export", "run", "--format", "published", "--out", "run.pt"]));
    succeed(place.lzn(&["import", "run.pt", "--config", "tiny.toml", "--run", "again", "--threads", "1"]));
    succeed(place.lzn(&["export", "run", "--format", "safetensors", "--out", "hub"]));
    let original = samples(&place, "run");
    assert_eq!(original.dim(), (6, 1, 8, 8));
    assert_eq!(original, samples(&place, "again"));
    assert_eq!(original, samples(&place, "hub/model.safetensors"));
    assert_eq!(place.weights("run"), place.weights("again"));
    // Once more around, under the name that is written into the file: nothing is lost on the way.
    let first = fs::read(place.path("run.pt")).unwrap();
    succeed(place.lzn(&["export", "again", "--format", "published", "--out", "run.pt"]));
    assert!(first == fs::read(place.path("run.pt")).unwrap());
}

#[test]
fn the_other_commands_take_an_imported_run() {
    let place = trained();
    succeed(place.lzn(&["export", "run", "--format", "published", "--out", "run.pt"]));
    succeed(place.lzn(&["import", "run.pt", "--config", "tiny.toml", "--run", "again", "--threads", "1"]));
    let image = contents(&place.path("images/test")).into_keys().next().unwrap().display().to_string();
    for command in ["classify", "embed", "reconstruct"] {
        let run = |model: &str| {
            let output = place.lzn(&[command, "--model", model, &image, "--threads", "1"]).output().unwrap();
            assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        assert_eq!(run("run"), run("again"), "{command}");
    }
    succeed(place.lzn(&["eval", "again", "--threads", "1"]));
    succeed(place.lzn(&["resume", "again", "--set", "train.iterations=8", "--threads", "1"]));
    assert_eq!(place.checkpoints("again").last().map(String::as_str), Some("000000008"));
}

#[test]
fn the_card_says_what_the_run_is() {
    let place = trained();
    succeed(place.lzn(&["export", "run", "--format", "safetensors", "--out", "hub"]));
    let card = fs::read_to_string(place.path("hub/README.md")).unwrap();
    for words in [
        "---\nlibrary_name: lzn\n",
        "- image-classification",
        "| images | 8 x 8, 1 channels |",
        "| training | 6 steps of 6 images |",
        "| weights | moving averages |",
        "| test accuracy | ",
        "**Classes:** dark, light",
        "![Samples, one row per class](samples.png)",
    ] {
        assert!(card.contains(words), "`{words}` in:\n{card}");
    }
    assert_eq!(fs::read(place.path("hub/config.toml")).unwrap(), fs::read(place.path("run/config.toml")).unwrap());
    let again = fail(place.lzn(&["export", "run", "--format", "safetensors", "--out", "hub"]));
    assert!(again.contains("hub is not empty"), "{again}");
}

#[test]
fn what_cannot_be_imported_is_said_and_leaves_nothing() {
    let place = Place::new();
    fs::write(place.path("text.pt"), "no archive").unwrap();
    let message = fail(place.lzn(&["import", "text.pt", "--config", "tiny.toml", "--run", "again"]));
    assert!(message.contains("text.pt") && message.contains("no zip archive"), "{message}");
    let message = fail(place.lzn(&["import", "absent.pt", "--config", "tiny.toml", "--run", "again"]));
    assert!(message.contains("absent.pt") && message.contains("check the name"), "{message}");
    assert!(!place.path("again").exists());
    let message = fail(place.lzn(&["export", "again", "--format", "published", "--out", "x.pt"]));
    assert!(message.contains("again is not a run folder"), "{message}");
}

/// A machine need not have PyTorch. Where it is (`LZN_PYTHON` names a Python that has it), it reads what we write, with no function called.
#[test]
fn where_python_has_pytorch_it_loads_an_exported_checkpoint() {
    let python = std::env::var_os("LZN_PYTHON").unwrap_or_else(|| "python3".into());
    if !Command::new(&python).args(["-c", "import torch"]).output().is_ok_and(|output| output.status.success()) {
        return;
    }
    let place = trained();
    succeed(place.lzn(&["export", "run", "--format", "published", "--out", "run.pt"]));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../python/check_checkpoint.py");
    let mut command = Command::new(python);
    command.args([script, "run.pt"]).current_dir(place.path("."));
    succeed(command);
}
