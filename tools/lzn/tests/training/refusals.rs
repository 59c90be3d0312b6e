//! Input that cannot be used: the error names the file or the key and the remedy, and nothing is written or lost.

use std::fs;
use std::path::Path;

use crate::support::{Place, contents, fail, succeed};

/// Asserts that training with `sets` is refused with all `words`, before anything is written.
fn refused(place: &Place, sets: &[&str], words: &[&str]) {
    let before = contents(&place.path(""));
    let message = fail(place.train("run", sets));
    for word in words {
        assert!(message.contains(word), "{sets:?}: `{word}` in {message}");
    }
    assert!(message.starts_with("error: ") && !message.contains("go on with"), "{message}");
    assert!(contents(&place.path("")) == before, "{sets:?}: something was written");
    assert!(!place.path("run").exists());
}

/// An IDX file: magic number, dimensions, bytes.
fn idx(path: &Path, magic: u32, dimensions: &[u32], bytes: &[u8]) {
    let mut file = magic.to_be_bytes().to_vec();
    dimensions.iter().for_each(|n| file.extend(n.to_be_bytes()));
    file.extend(bytes);
    fs::write(path, file).unwrap();
}

/// Twelve images of 28 x 28 pixels with labels, under the names of the original files.
fn idx_folder(place: &Place) {
    fs::create_dir_all(place.path("idx")).unwrap();
    let labels: Vec<u8> = (0..12).map(|i| i % 10).collect();
    for prefix in ["train", "t10k"] {
        let pixels: Vec<u8> = (0..12 * 784).map(|i| (i % 251) as u8).collect();
        idx(&place.path(&format!("idx/{prefix}-images-idx3-ubyte")), 0x803, &[12, 28, 28], &pixels);
        idx(&place.path(&format!("idx/{prefix}-labels-idx1-ubyte")), 0x801, &[12], &labels);
    }
}

const IDX: [&str; 3] = ["data.source=\"fashion-mnist\"", "data.path=\"idx\"", "data.image_size=28"];

#[test]
fn whole_idx_files_are_accepted() {
    let place = Place::new();
    idx_folder(&place);
    let mut command = place.train("run", &IDX);
    command.arg("--dry-run");
    succeed(command);
    assert!(!place.path("run").exists(), "a dry run writes nothing");
}

#[test]
fn a_dry_step_measures_each_network_without_data_and_writes_nothing() {
    let place = Place::new();
    let mut command = place.train("run", &["data.path=\"elsewhere\"", "train.micro_batch=4"]);
    command.args(["--dry-run", "--step"]);
    let output = command.output().unwrap();
    let (said, noted) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{noted}");
    assert!(noted.contains("elsewhere") && noted.contains("10 classes are assumed"), "{noted}");
    assert!(said.contains("micro_batch = 4") && said.contains("# 6 images of noise, 4 at a time, 1 threads"), "{said}");
    for name in ["encoder, forward and backward", "decoder, forward and backward", "whole step"] {
        let line = said.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name} in: {said}"));
        let seconds: f64 = line.split_whitespace().rev().nth(3).unwrap().parse().unwrap();
        assert!((0.0..60.0).contains(&seconds) && line.contains(" s ") && line.ends_with("GB"), "{line}");
    }
    assert!(!place.path("run").exists());
    let alone = place.lzn(&["train", "--config", "tiny.toml", "--step"]).output().unwrap();
    let refused = String::from_utf8_lossy(&alone.stderr);
    assert!(!alone.status.success() && refused.contains("--dry-run"), "{refused}");
}

#[test]
fn missing_data_is_named_with_the_remedy() {
    let place = Place::new();
    refused(&place, &IDX, &["idx", "no such file or folder", "dataset-fashion-mnist"]);
    refused(&place, &["data.path=\"elsewhere\""], &["elsewhere", "no such file or folder"]);
    idx_folder(&place);
    fs::remove_file(place.path("idx/train-labels-idx1-ubyte")).unwrap();
    refused(&place, &IDX, &["train-labels-idx1-ubyte", "no such file or folder"]);
}

#[test]
fn damaged_idx_files_are_named_with_what_is_wrong_and_the_remedy() {
    let place = Place::new();
    idx_folder(&place);
    let (images, labels) = (place.path("idx/train-images-idx3-ubyte"), place.path("idx/train-labels-idx1-ubyte"));
    let whole = fs::read(&images).unwrap();
    let pixels = &whole[16..];

    fs::write(&images, &whole[..whole.len() - 100]).unwrap();
    refused(&place, &IDX, &["train-images-idx3-ubyte", "truncated", "copy or download it again"]);
    fs::write(&images, &whole[..7]).unwrap();
    refused(&place, &IDX, &["train-images-idx3-ubyte", "truncated"]);
    idx(&images, 0x801, &[12, 28, 28], pixels);
    refused(&place, &IDX, &["train-images-idx3-ubyte", "magic number", "0x00000803", "give the file of the images"]);
    idx(&images, 0x803, &[12, 14, 56], pixels);
    refused(&place, &IDX, &["train-images-idx3-ubyte", "14 x 56", "28 x 28", "give a file"]);
    fs::write(&images, &whole).unwrap();

    idx(&labels, 0x801, &[12], &[0, 1, 2, 3, 4, 10, 6, 7, 8, 9, 0, 1]);
    refused(&place, &IDX, &["train-labels-idx1-ubyte", "label 10 at position 5", "0..10", "correct the labels"]);
    idx(&labels, 0x801, &[11], &[0; 11]);
    refused(&place, &IDX, &["train-labels-idx1-ubyte", "12 images", "11 labels", "two files of the same set"]);
}

#[test]
fn images_of_another_size_than_configured_name_the_keys() {
    let place = Place::new();
    let embedded = ["data.source=\"fashion-mnist-embedded\"", "data.image_size=32"];
    refused(&place, &embedded, &["28", "data.image_size", "configured: 32 x 32"]);
    refused(
        &place,
        &["data.source=\"fashion-mnist-embedded\"", "data.image_size=28", "data.channels=3"],
        &["data.channels"],
    );
}

#[test]
fn damaged_images_of_a_folder_are_named() {
    let place = Place::new();
    let image = place.path("images/train/dark/0-0003.png");
    let bytes = fs::read(&image).unwrap();
    fs::write(&image, &bytes[..bytes.len() / 2]).unwrap();
    // Files are decoded when they are needed, so the run has begun; what it saved stays.
    let message = fail(place.train("run", &["train.iterations=20"]));
    assert!(message.contains("0-0003.png") && message.contains("replace or remove"), "{message}");
    fs::write(&image, &bytes).unwrap();
    succeed(place.resume("run"));
}

#[test]
fn unknown_and_ill_typed_keys_are_refused_with_file_line_and_suggestion() {
    let place = Place::new();
    let config = fs::read_to_string(place.path("tiny.toml")).unwrap();
    let line_of = |text: &str| config.lines().position(|line| line.starts_with(text)).unwrap() + 1;
    for (old, new, words) in [
        ("batch_size = 6", "bach_size = 6", vec!["unknown field", "did you mean `batch_size`"]),
        ("latent_dim = 6", "latent_dims = 6", vec!["unknown field", "did you mean `latent_dim`"]),
        ("batch_size = 6", "batch_size = \"six\"", vec!["invalid type", "string \"six\""]),
        ("iterations = 6", "iterations = -6", vec!["invalid value", "-6"]),
        (
            "kind = \"rectified-flow\"",
            "kind = \"rectified-flo\"",
            vec!["unknown variant", "did you mean `rectified-flow`"],
        ),
    ] {
        fs::write(place.path("tiny.toml"), config.replacen(old, new, 1)).unwrap();
        let place_in_file = format!("tiny.toml:{}:", line_of(old));
        refused(&place, &[], &[&[place_in_file.as_str()], words.as_slice()].concat());
    }
    fs::write(place.path("tiny.toml"), "[data\n").unwrap();
    refused(&place, &[], &["tiny.toml:1:"]);
    fs::write(place.path("tiny.toml"), [0xff, 0xfe]).unwrap();
    refused(&place, &[], &["tiny.toml", "no text"]);
    fs::remove_file(place.path("tiny.toml")).unwrap();
    refused(&place, &[], &["tiny.toml", "no such file", "tools/configs/"]);
    fs::create_dir(place.path("tiny.toml")).unwrap();
    refused(&place, &[], &["tiny.toml", "it is a folder"]);
}

#[test]
fn overrides_that_name_no_key_or_the_wrong_type_are_refused() {
    let place = Place::new();
    refused(&place, &["train.bach_size=3"], &["train.bach_size=3", "did you mean `batch_size`"]);
    refused(&place, &["train.batch_size=six"], &["train.batch_size=six", "invalid type"]);
    refused(&place, &["objective.7.weight=1"], &["objective.7.weight=1", "no entry `7`"]);
    refused(&place, &["modle.latent_dim=3"], &["modle.latent_dim=3", "did you mean `model`"]);
    refused(
        &place,
        &["model.encoder.ncsnpp.nff=3"],
        &["model.encoder.ncsnpp.nff=3", "unknown field `nff`", "did you mean `nf`"],
    );
    // Of several, the one that is wrong is named.
    let message = fail(place.train("run", &["seed=1", "train.warm_up.iterations=few", "train.iterations=2"]));
    assert!(message.starts_with("error: --set train.warm_up.iterations=few: invalid type"), "{message}");
    assert!(!message.contains("seed=1"), "{message}");
}

#[test]
fn impossible_configurations_are_refused_by_key_before_anything_is_written() {
    let place = Place::new();
    refused(&place, &["train.batch_size=25"], &["batch_size", "25", "24 images", "at most 24"]);
    refused(&place, &["train.batch_size=0"], &["train.batch_size", "at least 1"]);
    refused(&place, &["model.decoder.patch_size=3"], &["patch_size", "multiple of 3"]);
    refused(&place, &["model.encoder.ncsnpp.patch_size=5"], &["patch_size", "multiple of 5"]);
    refused(&place, &["model.decoder.nf=130"], &["`nf`", "multiple of 32"]);
    refused(&place, &["data.augment.shift=8"], &["augment.shift", "8"]);
    refused(
        &place,
        &["data.path=\"images/train/dark\""],
        &["model.labels", "label_conditional", "sub-folder per class"],
    );
    refused(&place, &["train.log_every=0"], &["train.log_every", "at least 1"]);
    refused(&place, &["train.iterations=0"], &["train.iterations", "at least 1"]);
    refused(&place, &["evaluate.samples=0"], &["evaluate.samples", "at least 1"]);
    refused(&place, &["objective.0.to=\"label\""], &["objective[0].to", "align", "remove it"]);
    refused(&place, &["model.label_flow.steps=0"], &["model.label_flow", "at least 1 step"]);
}

#[test]
fn impossible_networks_are_refused_by_table_key_and_remedy() {
    let place = Place::new();
    for (set, table, words) in [
        (
            "model.decoder.attn_resolutions=[5]",
            "[model.decoder]",
            ["`attn_resolutions`", "5", "[8]", "name only these"],
        ),
        (
            "model.encoder.ncsnpp.attn_resolutions=[16]",
            "[model.encoder.ncsnpp]",
            ["`attn_resolutions`", "16", "[8]", "name only these"],
        ),
        (
            "model.encoder.ncsnpp.patch_size=3",
            "[model.encoder.ncsnpp]",
            ["`patch_size`", "8 pixels", "3", "multiple of 3"],
        ),
        (
            "model.decoder.ch_mult=[1,1,1,1,1]",
            "[model.decoder]",
            ["`ch_mult`", "8 pixels", "4 times", "multiple of 16"],
        ),
        ("model.decoder.dropout=1.5", "[model.decoder]", ["`dropout`", "1.5", "must", "[0, 1)"]),
    ] {
        refused(&place, &[set], &[[table].as_slice(), &words].concat());
    }
}

#[test]
fn unknown_and_ambiguous_encoders_are_refused_with_line_and_remedy() {
    let place = Place::new();
    let config = fs::read_to_string(place.path("tiny.toml")).unwrap();
    let line = config.lines().position(|line| line == "[model.encoder.ncsnpp]").unwrap() + 1;
    let refused_as = |old: &str, new: &str, words: &[&str]| {
        fs::write(place.path("tiny.toml"), config.replacen(old, new, 1)).unwrap();
        refused(&place, &[], words);
    };
    let at = format!("tiny.toml:{line}:");
    refused_as(
        "[model.encoder.ncsnpp]",
        "[model.encoder.ncsnp]",
        &[&at, "unknown field `ncsnp`", "did you mean `ncsnpp`"],
    );
    refused_as("num_base_units = 6", "num_base_unit = 6", &["tiny.toml:", "did you mean `num_base_units`"]);
    refused_as(
        "num_base_units = 6",
        "num_base_units = 6\n[model.encoder.resnet]",
        &["tiny.toml:", "names two networks"],
    );
    let (begin, end) = (config.find("[model.encoder.ncsnpp]").unwrap(), config.find("[model.decoder]").unwrap());
    refused_as(&config[begin..end], "[model.encoder]\n", &["tiny.toml:", "names no network", "[model.encoder.ncsnpp]"]);
}

#[test]
fn test_images_of_other_classes_are_refused_before_anything_is_written() {
    let place = Place::new();
    fs::rename(place.path("images/test/dark"), place.path("images/test/shadow")).unwrap();
    refused(&place, &[], &["(light, shadow)", "(dark, light)", "data.path", "same class folders"]);
    fs::remove_dir_all(place.path("images/test/shadow")).unwrap();
    refused(&place, &[], &["(light)", "(dark, light)", "same class folders"]);
}

#[test]
fn a_run_folder_that_cannot_be_written_or_holds_other_things_is_refused() {
    let place = Place::new();
    fs::write(place.path("file"), "kept").unwrap();
    let message = fail(place.train("file/run", &[]));
    assert!(message.contains("file/run") && message.contains("choose a folder that you may write to"), "{message}");
    fs::create_dir(place.path("thesis")).unwrap();
    fs::write(place.path("thesis/chapter.txt"), "kept").unwrap();
    let message = fail(place.train("thesis", &[]));
    assert!(message.contains("thesis") && message.contains("choose a new folder"), "{message}");
    assert_eq!(contents(&place.path("thesis")).len(), 1);
    let message = fail(place.resume("nowhere"));
    assert!(message.contains("nowhere") && message.contains("not a run folder"), "{message}");
}

#[test]
fn a_run_of_another_configuration_is_refused_with_the_remedy_and_keeps_everything() {
    let place = Place::new();
    succeed(place.train("run", &["train.iterations=2"]));
    let before = contents(&place.path("run"));
    let message = fail(place.train("run", &["model.latent_dim=5"]));
    assert!(message.contains("lzn resume run") && message.contains("choose a new folder"), "{message}");
    assert!(message.contains("`model.latent_dim` is 6 there and 5 here"), "{message}");
    assert!(!message.contains("train.iterations"), "what may change is not named: {message}");
    let after = contents(&place.path("run"));
    assert!(after.iter().all(|(path, bytes)| path.ends_with(".lock") || before[path] == *bytes));
    assert_eq!(after.len(), before.len());
}

#[test]
fn a_damaged_checkpoint_is_passed_over_and_named_and_a_damaged_run_does_not_begin_again() {
    let place = Place::new();
    succeed(place.train("run", &["train.iterations=4"]));
    let damage = |step: &str| {
        let file = place.path(&format!("run/checkpoints/{step}/averages.safetensors"));
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    };
    damage("000000004");
    let message = succeed(place.train("run", &[]));
    for words in [
        "warning: ",
        "000000004",
        "averages.safetensors",
        "falling back to the checkpoint of step 2",
        "going on from step 2",
    ] {
        assert!(message.contains(words), "{words} in {message}");
    }
    place.checkpoints("run").iter().for_each(|step| damage(step));
    let message = fail(place.train("run", &[]));
    assert!(message.contains("no checkpoint in") && message.contains("remove that folder to begin again"), "{message}");
}
