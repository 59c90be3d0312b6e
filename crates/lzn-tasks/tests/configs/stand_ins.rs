//! The published configurations on small stand-ins of their data sets, in the form in which those are distributed.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use lzn_data::Dataset;
use lzn_tasks::data::RunData;
use tempfile::TempDir;

use super::{load, step_of};

/// A picture that differs with `number`.
fn picture(number: u32, width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture =
        RgbImage::from_fn(width, height, |x, y| Rgb([(37 * number + x) as u8, (x * y + number) as u8, (3 * y) as u8]));
    picture.write_to(&mut bytes, format).expect("in memory");
    bytes.into_inner()
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, bytes).expect("written");
}

fn tar(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, bytes.as_slice()).expect("in memory");
    }
    archive.into_inner().expect("in memory")
}

/// Opens the data of a configuration at `path`: how many images to learn from and to be judged by, of what shape, with which classes.
fn open(name: &str, path: &Path, sets: &[&str]) -> (usize, Option<usize>, [usize; 3], Vec<String>) {
    let place = format!("data.path={:?}", path.display().to_string());
    let data = RunData::open(&load(name, &[&[place.as_str()], sets].concat()).data)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let (channels, height, width) = data.train.read(0).expect("readable").image.dim();
    (data.train.len(), data.test.map(|test| test.len()), [channels, height, width], data.train.class_names().to_vec())
}

#[test]
fn folders_are_read_as_the_sets_of_the_first_case_study_have_them() {
    let folder = TempDir::new().expect("a folder");
    for (part, count) in [("train", 3), ("val", 2)] {
        for number in 0..count {
            write(
                &folder.path().join(format!("afhq/{part}/cat/{number}.png")),
                &picture(number, 300, 300, ImageFormat::Png),
            );
        }
    }
    for number in 0..4 {
        write(&folder.path().join(format!("celeba/{number}.jpg")), &picture(number, 256, 256, ImageFormat::Jpeg));
        write(&folder.path().join(format!("lsun/{number}.jpg")), &picture(number, 341, 256, ImageFormat::Jpeg));
    }
    let at = |name: &str| folder.path().join(name);
    assert_eq!(open("afhq-cat", &at("afhq"), &[]), (3, Some(2), [3, 256, 256], vec!["cat".to_owned()]));
    assert_eq!(open("celeba-hq", &at("celeba"), &[]), (4, None, [3, 256, 256], vec![]));
    assert_eq!(open("lsun-bedroom", &at("lsun"), &[]), (4, None, [3, 256, 256], vec![]));
}

#[test]
fn cifar10_is_read_from_its_archive() {
    let folder = TempDir::new().expect("a folder");
    let batch = |number: usize| -> Vec<u8> {
        (0..2 * 3073).map(|at| if at % 3073 == 0 { 3 } else { (at * number) as u8 }).collect()
    };
    let names = (1..=5).map(|number| format!("data_batch_{number}.bin")).chain(["test_batch.bin".to_owned()]);
    let files: Vec<_> =
        names.enumerate().map(|(number, name)| (format!("cifar-10-batches-bin/{name}"), batch(number + 1))).collect();
    let path = folder.path().join("cifar-10-binary.tar");
    write(&path, &tar(&files));
    for name in ["cifar10-unconditional", "cifar10-joint"] {
        let (train, test, shape, classes) = open(name, &path, &["data.source=\"cifar10\""]);
        assert_eq!((train, test, shape, classes.len()), (10, Some(2), [3, 32, 32], 10), "{name}");
    }
}

/// Sixteen pictures of two classes, as the official file of training images has them.
fn imagenet(folder: &Path) {
    let class = |class: u32| -> Vec<u8> {
        let image = |number: u32| {
            let picture = picture(8 * class + number, 60 + 5 * number, 50 + 7 * class, ImageFormat::Jpeg);
            (format!("n0{class}_{number}.JPEG"), picture)
        };
        tar(&(0..8).map(image).collect::<Vec<_>>())
    };
    let classes: Vec<_> = (1..=2).map(|number| (format!("n0{number}.tar"), class(number))).collect();
    write(&folder.join("ILSVRC2012_img_train.tar"), &tar(&classes));
}

#[test]
fn the_representation_model_learns_from_the_tar_files_of_imagenet() {
    let folder = TempDir::new().expect("a folder");
    imagenet(folder.path());
    let source = "data.source=\"imagenet\"";
    let classes = ["n01", "n02"].map(str::to_owned).to_vec();
    assert_eq!(open("imagenet-representation", folder.path(), &[source]), (16, None, [3, 224, 224], classes));

    let place = format!("data.path={:?}", folder.path().display().to_string());
    // Once all sixteen pictures through a small network, and once the published network at its 224 pixels with a batch that fits
    // anywhere; everything else as published.
    let small = ["data.image_size=32", "data.resize=40", "model.latent_dim=64", "model.encoder.resnet.layers=[1]"];
    for sets in [[small.as_slice(), &["train.batch_size=16"]].concat(), vec!["train.batch_size=2"]] {
        let sets = [sets, vec![source, &place, "evaluate.every=0"]].concat();
        let values = step_of(load("imagenet-representation", &sets));
        assert!(values["grad_norm"] > 0.0 && values["align/image-view"] >= 0.0, "{values:?}");
    }
}

#[test]
fn an_unreadable_image_stops_a_run_or_is_named_and_replaced() {
    let folder = TempDir::new().expect("a folder");
    for number in 0..12 {
        write(&folder.path().join(format!("{number:02}.png")), &picture(number, 28, 28, ImageFormat::Png));
    }
    write(&folder.path().join("07.png"), b"no picture");
    let place = format!("data.path={:?}", folder.path().display().to_string());
    let sets = ["data.source=\"image-folder\"", &place, "data.channels=1", "train.batch_size=12", "data.skip_bad=true"];
    let config = load("fashion-mnist-rectified-flow", &sets);
    let data = RunData::open(&config.data).expect("opened");
    assert!(data.train.read(7).is_ok_and(|sample| Some(sample) == data.train.read(8).ok()));
    let bad = data.train.bad_images();
    assert!(bad.len() == 1 && bad[0].contains("07.png"), "{bad:?}");

    let strict = RunData::open(&lzn_tasks::config::DataConfig { skip_bad: false, ..config.data }).expect("opened");
    assert!(strict.train.read(7).expect_err("unreadable").to_string().contains("07.png"));
}
