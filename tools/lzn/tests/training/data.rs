//! `lzn data`: what is said of a data set is true, and a packed one trains to the same weights.

use std::fs;
use std::process::Command;

use crate::support::{Place, fail, succeed};

/// Runs to the end, which must be a success; returns what was written to standard output.
fn answer(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn holds(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "`{line}` in {text}");
    }
}

#[test]
fn a_folder_is_described_with_the_lines_that_read_it() {
    let place = Place::new();
    let text = answer(place.lzn(&["data", "info", "images"]));
    holds(
        &text,
        &[
            "kind       a folder of image files",
            "train      24 images, 24 looked at",
            "classes    2: dark 12, light 12",
        ],
    );
    holds(&text, &["test       8 images", "sizes      8 x 8 (24)", "modes      rgb (24)", "bad files  0"]);
    // The lines are a configuration: they replace those of one that works.
    let (_, lines) = text.split_once("[data]\n").unwrap();
    assert_eq!(lines, "source = \"image-folder\"\npath = \"images\"\nimage_size = 8\nchannels = 3\n");

    fs::write(place.path("images/train/dark/bad.png"), "no picture").unwrap();
    let text = answer(place.lzn(&["data", "info", "images", "--check", "all"]));
    holds(&text, &["bad files  1", "images/train/dark/bad.png: not a readable PNG or JPEG image", "skip_bad = true"]);
    let message = fail(place.lzn(&["data", "info", "nowhere"]));
    holds(&message, &["nowhere", "no such file or folder"]);
}

#[test]
fn a_packed_set_trains_to_the_same_weights_until_its_source_changes() {
    let place = Place::new();
    let text = answer(place.lzn(&["data", "pack", "images", "--out", "images.lzn", "--size", "8", "--channels", "1"]));
    holds(&text, &["images.lzn (32 images", "source = \"packed\"", "image_size = 8", "channels = 1"]);
    let packed = ["data.source=\"packed\"", "data.path=\"images.lzn\""];
    succeed(place.train("folder", &[]));
    succeed(place.train("packed", &packed));
    assert_eq!(place.weights("packed"), place.weights("folder"));
    assert_eq!(place.records("packed"), place.records("folder"));

    let text = answer(place.lzn(&["data", "info", "images.lzn"]));
    holds(
        &text,
        &["kind       a packed file", "train      24 images", "classes    2: dark 12, light 12", "image_size = 8"],
    );
    let message = fail(place.train("other", &[packed.as_slice(), &["data.image_size=16"]].concat()));
    holds(&message, &["images.lzn: packed with 8 pixels, 1 channels", "data.image_size"]);
    fs::remove_file(place.path("images/train/dark/0000.png"))
        .or_else(|_| {
            let first = fs::read_dir(place.path("images/train/dark")).unwrap().next().unwrap().unwrap();
            fs::remove_file(first.path())
        })
        .unwrap();
    let message = fail(place.train("stale", &packed));
    holds(&message, &["images.lzn: stale", "lzn data pack"]);
    let message = fail(place.lzn(&["data", "pack", "images.lzn", "--out", "again.lzn"]));
    holds(&message, &["is packed already"]);
}

#[test]
fn a_bad_image_ends_a_run_or_is_named_once_and_counted() {
    let place = Place::new();
    fs::write(place.path("images/train/dark/bad.png"), "no picture").unwrap();
    let message = fail(place.train("strict", &[]));
    holds(&message, &["bad.png: not a readable PNG or JPEG image", "go on with: lzn resume strict"]);
    let message = succeed(place.train("lenient", &["data.skip_bad=true"]));
    assert_eq!(message.matches("warning: left out").count(), 1, "{message}");
    holds(&message, &["bad.png", "(1 so far)"]);
    let message = fail(place.lzn(&["data", "pack", "images", "--out", "x.lzn"]));
    holds(&message, &["bad.png"]);
    assert!(!place.path("x.lzn").exists());
    succeed(place.lzn(&["data", "pack", "images", "--out", "x.lzn", "--skip-bad"]));
    assert!(place.path("x.lzn").exists());
}
