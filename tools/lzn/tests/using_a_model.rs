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
    let nowhere = fail(folder.path(), &["sample", "--model", "nowhere"]);
    assert!(nowhere.contains("nowhere") && nowhere.contains("check the name"), "{nowhere}");
    let raw = fail(folder.path(), &["eval", "--raw"]);
    assert!(raw.contains("--raw") && raw.contains("run folder"), "{raw}");
}

#[test]
fn damaged_and_foreign_weights_are_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/fashion-mnist-joint.safetensors");
    let whole = std::fs::read(shipped).expect("the shipped model");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let pickle = b"PK\x03\x04 and so on".to_vec();
    for (bytes, words) in
        [(whole[..whole.len() / 2].to_vec(), "damaged"), (flipped, "checksum"), (pickle, "torch.save")]
    {
        std::fs::write(folder.path().join("model.safetensors"), bytes).expect("writable");
        let message = fail(folder.path(), &["sample", "--model", "model.safetensors"]);
        assert!(message.contains("model.safetensors") && message.contains(words), "{message}");
        assert!(message.contains("copy it again"), "{message}");
        assert!(!folder.path().join("samples.png").exists());
    }
}

#[test]
fn numbers_out_of_range_are_refused_by_their_option_before_the_work() {
    let folder = tempfile::tempdir().expect("a folder");
    for (args, words) in [
        (["sample", "--count", "0"], "at least 1"),
        (["sample", "--steps", "0"], "at least 1"),
        (["sample", "--batch-size", "0"], "at least 1"),
        (["sample", "--threads", "0"], "at least 1"),
        (["sample", "--tolerance", "nan"], "greater than 0"),
        (["eval", "--images", "0"], "at least 1"),
        (["eval", "--noise-scale", "nan"], "not negative"),
        (["eval", "--noise-scale", "inf"], "not negative"),
        (["eval", "--draws", "0"], "at least 1"),
        (["eval", "--std", "0"], "greater than 0"),
        (["eval", "--size", "10000000000"], "at most 4096"),
    ] {
        let output = lzn(folder.path(), &args);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
        assert!(message.contains(args[1]) && message.contains(words), "{args:?}: {message}");
    }
    let late = fail(folder.path(), &["sample", "--first", "18446744073709551615"]);
    assert!(late.contains("--first"), "{late}");
}

#[test]
fn places_that_cannot_be_written_are_refused_before_the_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let (names, _) = test_images(folder.path(), 1);
    let image = names[0].as_str();
    for args in [
        ["sample", "--out", "no/such.png"].as_slice(),
        &["sample", "--npy", "no/such.npy"],
        &["embed", image, "--out", "no/such.npy"],
        &["reconstruct", image, "--out", "no/such.png"],
        &["eval", "--confusion", "no/such.png"],
    ] {
        let message = fail(folder.path(), args);
        assert!(message.contains(args[args.len() - 1]) && message.contains("there is no folder no"), "{message}");
    }
    let message = fail(folder.path(), &["sample", "--out", "."]);
    assert!(message.contains("it is a folder"), "{message}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1, "nothing was written");
}

#[test]
fn pictures_of_every_kind_are_classified_and_what_is_none_is_named() {
    use image::{DynamicImage, GrayImage, Luma};
    let folder = tempfile::tempdir().expect("a folder");
    let grey = DynamicImage::from(GrayImage::from_fn(28, 28, |x, y| Luma([(9 * x + 3 * y) as u8])));
    let kinds = [
        ("l8.png", grey.clone()),
        ("l16.png", grey.to_luma16().into()),
        ("la8.png", grey.to_luma_alpha8().into()),
        ("rgb8.png", grey.to_rgb8().into()),
        ("rgb16.png", grey.to_rgb16().into()),
        ("rgba8.png", grey.to_rgba8().into()),
        ("rgba16.png", grey.to_rgba16().into()),
    ];
    let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    kinds.iter().for_each(|(name, image)| image.save(folder.path().join(name)).expect("writable"));
    let answer = succeed(folder.path(), &[["classify"].as_slice(), &names].concat());
    let classes: Vec<&str> = answer.lines().map(|line| line.split_once('\t').expect("columns").1).collect();
    assert_eq!(classes.len(), kinds.len());
    assert!(classes.iter().all(|class| *class == classes[0]), "{answer}");

    std::fs::create_dir(folder.path().join("pictures.png")).expect("writable");
    std::fs::write(folder.path().join("empty.png"), "").expect("writable");
    std::fs::write(folder.path().join("x.bmp"), [b"BM".as_slice(), &[0; 60]].concat()).expect("writable");
    for (file, words) in [("pictures.png", "it is a folder"), ("empty.png", "not a readable"), ("x.bmp", "PNG or JPEG")]
    {
        let message = fail(folder.path(), &["classify", "l8.png", file]);
        assert!(message.contains(file) && message.contains(words), "{message}");
    }
}

#[test]
fn the_nearest_image_to_one_of_a_folder_is_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let (names, _) = test_images(folder.path(), 12);
    let text = succeed(folder.path(), &["neighbors", &names[3], &names[7], "--index", ".", "--count", "3"]);
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!((lines.len(), lines[6][0]), (7, "neighbors.png"));
    for (at, name) in [(0, &names[3]), (3, &names[7])] {
        assert_eq!((lines[at][0], lines[at][2].trim_start_matches("./")), (name.as_str(), name.as_str()));
        let distances: Vec<f64> = lines[at..at + 3].iter().map(|line| line[1].parse().expect("a number")).collect();
        assert!(distances[0] < 1e-6 && distances.is_sorted(), "{distances:?}");
    }
    assert!(folder.path().join("neighbors.png").is_file());
    std::fs::create_dir(folder.path().join("none")).expect("writable");
    assert!(fail(folder.path(), &["neighbors", &names[0], "--index", "none"]).contains("none: no images"));
    assert!(fail(folder.path(), &["neighbors", &names[0], "--index", "absent"]).contains("absent"));
}

#[test]
fn every_task_of_the_model_runs_by_its_source_and_target() {
    let folder = tempfile::tempdir().expect("a folder");
    let (names, _) = test_images(folder.path(), 3);
    let run = |args: &[&str]| succeed(folder.path(), &[&["run", "--steps", "2"], args].concat());
    // `classify` is a name for a task.
    let classified = succeed(folder.path(), &["classify", &names[0], &names[1]]);
    let classes: Vec<&str> = classified.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    std::fs::write(folder.path().join("list.txt"), format!("{}\n\n{}\n", names[0], names[1])).expect("writable");
    let listed = run(&["--from", "image:@list.txt", "--to", "label"]);
    assert_eq!(listed.lines().filter_map(|line| line.split('\t').nth(1)).collect::<Vec<_>>(), classes);
    assert_eq!(run(&["--from", "image:.", "--to", "label"]).lines().count(), 3);
    let ranked = run(&["--from", "image:@list.txt", "--to", "label", "--top", "3"]);
    let ranked: Vec<Vec<&str>> = ranked.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!((ranked.len(), ranked[0][2], ranked[3][2]), (6, classes[0], classes[1]));
    let shares: Vec<f64> = ranked.iter().map(|line| line[1].parse().expect("a probability")).collect();
    assert!(shares[0] >= shares[1] && shares[1] >= shares[2] && shares[..3].iter().sum::<f64>() <= 1.0, "{shares:?}");
    // So is `sample`, and numbers stay those of their samples.
    run(&["--from", "label:bag", "--to", "image", "--count", "3", "--out", "run.npy"]);
    succeed(folder.path(), &["sample", "--steps", "2", "--labels", "bag", "--count", "3", "--npy", "sample.npy"]);
    let made = images(folder.path().join("run.npy"));
    assert_eq!(made, images(folder.path().join("sample.npy")));
    run(&["--from", "label:bag", "--to", "image", "--first", "2", "--out", "third.npy"]);
    assert_eq!(images(folder.path().join("third.npy")), made.slice(s![2..3, .., .., ..]));
    // Latents go out and come in again.
    run(&["--from", "label:bag,sneaker", "--to", "latent", "--out", "latents.npy"]);
    let back = run(&["--from", "latent:latents.npy", "--to", "label"]);
    assert!(back.contains("Bag") && back.contains("Sneaker"), "{back}");
    let way = run(&["--from", "label:bag", "--until", "label:sneaker", "--points", "5", "--to", "label"]);
    let way: Vec<&str> = way.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!((way.len(), way[0], way[4]), (5, "Bag", "Sneaker"));
    let mixed =
        run(&["--from", &format!("image:{}", names[0]), "--from", "label:bag", "--weights", "1,9", "--to", "label"]);
    assert!(mixed.contains("Bag"), "{mixed}");
    run(&["--from", "prior", "--to", "image"]);
    assert!(folder.path().join("samples.png").is_file());
}

#[test]
fn tasks_that_do_not_exist_are_answered_with_what_there_is() {
    let folder = tempfile::tempdir().expect("a folder");
    for (args, words) in [
        (["--from", "sound:bark.wav", "--to", "image"].as_slice(), "no data type `sound`; there are: image, label"),
        (&["--from", "prior", "--to", "sound"], "no data type `sound`"),
        (&["--from", "prior", "--to", "image:diffusion"], "no decoder `diffusion`; there are: rectified-flow"),
        (&["--from", "label:hat", "--to", "image"], "no class is called `hat`"),
        (&["--from", "label:", "--to", "image"], "needs a value: CLASS"),
        (&["--from", "image:none.png", "--to", "label"], "none.png"),
        (&["--from", "latent:none.npy", "--to", "label"], "none.npy"),
        (&["--from", "prior", "--from", "label:bag", "--to", "image"], "only samples of data types can be mixed"),
        (&["--from", "label:bag", "--weights", "1,2", "--to", "image"], "2 numbers for 1 sources"),
        (&["--from", "label:bag", "--to", "image", "--out", "x.bmp"], ".png"),
        (&["--from", "label:bag", "--to", "image", "--top", "2"], "`image` is drawn and not looked up"),
        (&["--from", "label:bag", "--to", "label", "--top", "2", "--out", "x.txt"], "leave out --out"),
        (&["--from", "label:bag", "--to", "label", "--texts", "none.txt"], "none.txt"),
    ] {
        let message = fail(folder.path(), &[&["run", "--steps", "1"], args].concat());
        assert!(message.contains(words), "{args:?}: {message}");
    }
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    use std::process::Stdio;
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(env!("CARGO_BIN_EXE_lzn"))
        .args(["eval", "--images", "20"])
        .env("OMP_NUM_THREADS", "1")
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stderr, b"");
}

#[test]
fn every_command_teaches_by_its_help() {
    let folder = tempfile::tempdir().expect("a folder");
    for command in
        ["run", "train", "resume", "eval", "sample", "classify", "embed", "reconstruct", "compare", "neighbors"]
    {
        let help = succeed(folder.path(), &[command, "--help"]);
        assert!(help.contains("Examples:") && help.contains(&format!("  lzn {command}")), "{help}");
    }
}

#[test]
fn given_features_and_statistics_are_compared_without_a_model_or_a_network() {
    let folder = tempfile::tempdir().expect("a folder");
    let features = |shift: f32| Array2::from_shape_fn((40, 3), |(i, j)| ((7 * i + 3 * j) % 11) as f32 + shift);
    ndarray_npy::write_npy(folder.path().join("real.npy"), &features(0.0)).expect("writable");
    ndarray_npy::write_npy(folder.path().join("moved.npy"), &features(2.0)).expect("writable");
    let measure = |args: &[&str]| -> f64 {
        let text = succeed(folder.path(), &[&["eval", "images", "--json"], args].concat());
        let object: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        object["groups"][0]["measures"][0]["value"].as_f64().expect("a number")
    };
    let names = |args: &[&str]| -> Vec<String> {
        let text = succeed(folder.path(), &[&["eval", "images", "real.npy", "moved.npy", "--json"], args].concat());
        let object: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let measures = object["groups"][0]["measures"].as_array().expect("measures");
        measures.iter().filter_map(|measure| Some(measure["name"].as_str()?.to_owned())).collect()
    };
    assert_eq!(names(&[])[0], "FD-given");
    assert!(names(&[]).iter().all(|name| !name.starts_with("CMMD")));
    assert!(names(&["--protocol", "cmmd-336"]).contains(&"CMMD-given".to_owned()));
    // A shift by 2 in each of three features moves the mean by 12 in square and leaves the covariance.
    assert!((measure(&["real.npy", "moved.npy"]) - 12.0).abs() < 1e-6);
    assert!(measure(&["real.npy", "real.npy", "--save-statistics", "real.npz"]) < 1e-6);
    assert!((measure(&["real.npz", "moved.npy"]) - 12.0).abs() < 1e-6);
    let output = lzn(folder.path(), &["eval", "images", "real.npz", "moved.npy"]);
    let (table, warnings) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(table.contains("Frechet distance") && table.contains("40 real, 40 generated images"), "{table}");
    assert!(warnings.contains("warning: statistics allow the Frechet distance alone"), "{warnings}");
}

#[test]
fn given_files_are_refused_by_what_they_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let good = Array2::from_shape_fn((6, 2), |(i, j)| (i * j) as f32);
    let mut broken = good.clone();
    broken[[3, 1]] = f32::NAN;
    ndarray_npy::write_npy(path("good.npy"), &good).expect("writable");
    ndarray_npy::write_npy(path("nan.npy"), &broken).expect("writable");
    ndarray_npy::write_npy(path("one.npy"), &good.slice(s![..1, ..])).expect("writable");
    ndarray_npy::write_npy(path("wide.npy"), &Array2::<f32>::ones((6, 3))).expect("writable");
    std::fs::write(path("none.npy"), "").expect("writable");
    let whole = std::fs::read(path("good.npy")).expect("readable");
    std::fs::write(path("short.npy"), &whole[..whole.len() - 9]).expect("writable");
    let mut archive = ndarray_npy::NpzWriter::new(std::fs::File::create(path("bad.npz")).expect("writable"));
    archive.add_array("mu", &ndarray::array![0.0, 0.0]).expect("writable");
    archive.add_array("sigma", &ndarray::array![[1.0, 3.0], [3.0, 1.0]]).expect("writable");
    archive.finish().expect("writable");
    for (file, words) in [
        ("nan.npy", "row 3"),
        ("absent.npy", "no such file"),
        ("none.npy", "neither a .npy nor a .npz file"),
        ("short.npy", "reached EOF"),
        ("bad.npz", "`sigma` has negative eigenvalues"),
        ("one.npy", "at least 2"),
        ("wide.npy", "both must come from one network"),
    ] {
        for args in [["good.npy", file], [file, "good.npy"]] {
            let message = fail(folder.path(), &[&["eval", "images"], &args[..]].concat());
            assert!(message.contains(file) && message.contains(words), "{args:?}: {message}");
        }
    }
    for (args, words) in [
        (["good.npy", "good.npy", "--protocol", "cmmd"], "cmmd-336"),
        (["good.npy", "good.npy", "--size", "16"], "--size"),
    ] {
        let message = fail(folder.path(), &[&["eval", "images"], &args[..]].concat());
        assert!(message.contains(words), "{args:?}: {message}");
    }
}

#[test]
fn images_without_a_network_or_a_folder_are_answered_with_a_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    test_images(folder.path(), 1);
    std::fs::create_dir(folder.path().join("empty")).expect("writable");
    for (args, words) in [
        ([".", "."].as_slice(), "--weights"),
        (&[".", "empty", "--feature-net", "inception", "--weights", "none.pth"], "empty: no images"),
        (&[".", ".", "--protocol", "adm"], "--protocol is for inception or a TorchScript file"),
        (&[".", ".", "--feature-net", "efficientnet-lite0", "--protocol", "adm"], "the network is efficientnet-lite0"),
        (&[".", ".", "--feature-net", "inception", "--size", "299"], "--size is for a TorchScript file"),
        (&[".", ".", "--feature-net", "lenet"], "lzn eval RUN"),
        (&[".", ".", "--feature-net", "resnet"], "resnet"),
        (&[".", ".", "--weights", "none.safetensors"], "none.safetensors"),
        (&["image-0.png", "."], "neither a folder"),
        (&["nowhere", "."], "nowhere"),
    ] {
        let message = fail(folder.path(), &[&["eval", "images"], args].concat());
        assert!(message.contains(words), "{args:?}: {message}");
    }
    let unknown = fail(folder.path(), &["eval", "--metrics", "beauty"]);
    assert!(unknown.contains("beauty") && unknown.contains("accuracy-sweep"), "{unknown}");
    let sampler = fail(folder.path(), &["eval", "--samplers", "euler"]);
    assert!(sampler.contains("euler-STEPS"), "{sampler}");
    let nowhere = fail(folder.path(), &["eval", "--report"]);
    assert!(nowhere.contains("--out"), "{nowhere}");
}
