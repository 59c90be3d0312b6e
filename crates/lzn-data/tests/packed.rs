//! Packed files: the same images as their source, refused when stale, damaged or of another size; and unreadable images.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use lzn_data::{
    Colour, DataError, Dataset, ImageConfig, ImageFolder, PackOptions, PackReport, PackedImages, SkipBad, Split,
    Survey, pack,
};
use support::picture;
use tempfile::TempDir;

const CONFIG: ImageConfig = ImageConfig { size: 4, colour: Colour::Rgb, resize: None, background: None };

/// `train` and `test` with two classes, of pictures of several sizes.
fn images(root: &Path) -> PathBuf {
    let source = root.join("source");
    for (name, value, width, height) in [
        ("train/cat/1.png", 1, 6, 4),
        ("train/cat/2.png", 2, 4, 4),
        ("train/cat/3.png", 3, 5, 9),
        ("train/dog/1.png", 4, 8, 8),
        ("test/cat/1.png", 5, 7, 5),
        ("test/dog/1.png", 6, 4, 6),
    ] {
        let path = source.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, picture(value, width, height)).expect("written");
    }
    source
}

fn open(source: &Path, split: Split, config: ImageConfig) -> ImageFolder {
    ImageFolder::open(&ImageFolder::part(source, split).expect("a part"), config).expect("opened")
}

fn packed(
    source: &Path,
    out: &Path,
    config: ImageConfig,
    whole: bool,
    skip_bad: bool,
) -> Result<PackReport, DataError> {
    let (train, test) = (open(source, Split::Train, config), open(source, Split::Test, config));
    pack(&[("train", &train), ("test", &test)], source, out, &PackOptions { config, whole, skip_bad }, |_| {})
}

fn part(out: &Path, split: Split, config: ImageConfig) -> PackedImages {
    PackedImages::open(out, split.name(), config).expect("opened").expect("a part")
}

fn refused(out: &Path, config: ImageConfig) -> String {
    PackedImages::open(out, "train", config).expect_err("refused").to_string()
}

#[test]
fn packed_images_are_those_of_the_folder() {
    let folder = TempDir::new().expect("a folder");
    let (source, out) = (images(folder.path()), folder.path().join("out.lzn"));
    let resized = ImageConfig { resize: Some(5), ..CONFIG };
    let grey = ImageConfig { colour: Colour::Grey, ..CONFIG };
    for (whole, config) in [(false, CONFIG), (false, resized), (false, grey), (true, CONFIG)] {
        let report = packed(&source, &out, config, whole, false).expect("packed");
        assert_eq!((report.images, report.bytes), (6, fs::metadata(&out).expect("there").len()));
        for split in [Split::Train, Split::Test] {
            let (expected, got) = (open(&source, split, config), part(&out, split, config));
            assert_eq!((got.len(), got.class_names()), (expected.len(), expected.class_names()));
            for index in 0..expected.len() {
                assert_eq!(
                    got.read(index).expect("read"),
                    expected.read(index).expect("read"),
                    "{whole} {config:?} {index}"
                );
                assert_eq!(got.label(index).expect("label"), expected.label(index).expect("label"));
                match whole {
                    true => assert_eq!(got.read_whole(index).expect("read"), expected.read_whole(index).expect("read")),
                    false => assert!(matches!(got.read_whole(index), Err(DataError::PackedCut { .. }))),
                }
            }
            assert!(matches!(got.read(expected.len()), Err(DataError::IndexOutOfRange { .. })));
        }
    }
    // Whole images serve every size.
    let other = ImageConfig { size: 3, resize: Some(4), ..CONFIG };
    assert_eq!(
        part(&out, Split::Test, other).read(1).expect("read"),
        open(&source, Split::Test, other).read(1).expect("read")
    );
    assert!(PackedImages::open(&out, "other", CONFIG).expect("opened").is_none());
    let left: Vec<_> =
        fs::read_dir(folder.path()).expect("listed").map(|entry| entry.expect("listed").file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn images_that_had_the_size_already_are_whole() {
    let folder = TempDir::new().expect("a folder");
    let (source, out) = (folder.path().join("source"), folder.path().join("out.lzn"));
    fs::create_dir(&source).expect("made");
    fs::write(source.join("1.png"), picture(1, 4, 4)).expect("written");
    let data = ImageFolder::open(&source, CONFIG).expect("opened");
    let options = PackOptions { config: CONFIG, whole: false, skip_bad: false };
    pack(&[("train", &data)], &source, &out, &options, |_| {}).expect("packed");
    let got = part(&out, Split::Train, CONFIG);
    assert_eq!(got.read_whole(0).expect("read"), data.read_whole(0).expect("read"));
    assert_eq!(got.read(0).expect("read").label, None);
}

#[test]
fn a_changed_source_makes_the_file_stale_and_an_absent_one_does_not() {
    let folder = TempDir::new().expect("a folder");
    let (source, out) = (images(folder.path()), folder.path().join("out.lzn"));
    packed(&source, &out, CONFIG, false, false).expect("packed");
    fs::write(source.join("train/.hidden"), "list").expect("written");
    assert_eq!(part(&out, Split::Train, CONFIG).len(), 4);
    fs::write(source.join("train/dog/2.png"), picture(9, 4, 4)).expect("written");
    let message = refused(&out, CONFIG);
    assert!(message.contains("out.lzn: stale") && message.contains("source has changed"), "{message}");
    assert_eq!(
        PackedImages::info(&out).expect("still readable").parts,
        [("train".to_owned(), 4), ("test".to_owned(), 2)]
    );
    fs::rename(&source, folder.path().join("elsewhere")).expect("moved");
    assert_eq!(part(&out, Split::Train, CONFIG).len(), 4);
}

#[test]
fn other_sizes_are_refused_with_what_to_do() {
    let folder = TempDir::new().expect("a folder");
    let (source, out) = (images(folder.path()), folder.path().join("out.lzn"));
    packed(&source, &out, CONFIG, false, false).expect("packed");
    for config in [
        ImageConfig { size: 5, ..CONFIG },
        ImageConfig { resize: Some(4), ..CONFIG },
        ImageConfig { colour: Colour::Grey, ..CONFIG },
    ] {
        let message = refused(&out, config);
        assert!(message.contains("packed with 4 pixels, 3 channels, but the configuration asks for"), "{message}");
        assert!(
            message.ends_with("change `data.image_size`, `data.resize`, `data.channels` and `data.background`"),
            "{message}"
        );
    }
}

#[test]
fn files_that_are_cut_or_changed_anywhere_are_refused_or_name_the_image() {
    let folder = TempDir::new().expect("a folder");
    let (source, out) = (images(folder.path()), folder.path().join("out.lzn"));
    packed(&source, &out, CONFIG, true, false).expect("packed");
    let file = fs::read(&out).expect("there");
    // Steps that share no divisor with the fields, so that every kind of place is met.
    for length in (0..file.len()).step_by(7) {
        fs::write(&out, &file[..length]).expect("written");
        let message = refused(&out, CONFIG);
        assert!(message.contains("out.lzn"), "{length}: {message}");
    }
    let expected: Vec<_> = {
        let data = open(&source, Split::Train, CONFIG);
        (0..data.len()).map(|index| data.read_whole(index).expect("read")).collect()
    };
    for at in (0..file.len()).step_by(5) {
        let mut changed = file.clone();
        changed[at] ^= 0x10;
        fs::write(&out, &changed).expect("written");
        let Ok(Some(data)) = PackedImages::open(&out, "train", CONFIG) else { continue };
        for (index, expected) in expected.iter().enumerate() {
            match data.read_whole(index) {
                Ok(sample) => assert_eq!(&sample, expected, "byte {at}"),
                Err(error) => assert!(error.is_bad_image() && error.to_string().contains("checksum"), "{error}"),
            }
        }
    }
    let mut newer = file;
    newer[8] = 2;
    fs::write(&out, newer).expect("written");
    assert!(refused(&out, CONFIG).contains("is of version 2 of packed files, and this program reads 1"));
}

#[test]
fn unreadable_images_stop_packing_or_are_left_out_by_name() {
    let folder = TempDir::new().expect("a folder");
    let (source, out) = (images(folder.path()), folder.path().join("out.lzn"));
    let bad = source.join("train/cat/2.png");
    fs::write(&bad, "no picture").expect("written");
    let error = packed(&source, &out, CONFIG, false, false).expect_err("refused");
    assert!(error.is_bad_image() && error.to_string().contains("2.png"), "{error}");
    assert!(!out.exists(), "nothing is written");
    let report = packed(&source, &out, CONFIG, false, true).expect("packed");
    assert_eq!((report.images, report.left_out.len()), (5, 1));
    assert!(report.left_out[0].contains("2.png"), "{report:?}");
    let data = part(&out, Split::Train, CONFIG);
    let read: Vec<_> = (0..data.len()).map(|index| data.read(index).expect("read")).collect();
    assert_eq!(
        read.iter().map(|sample| (sample.image[[0, 0, 0]], sample.label)).collect::<Vec<_>>(),
        [(1, Some(0)), (3, Some(0)), (4, Some(1))]
    );
    assert_eq!(PackedImages::info(&out).expect("info").left_out, report.left_out);
}

#[test]
fn the_next_of_its_class_stands_in_for_an_unreadable_image() {
    let folder = TempDir::new().expect("a folder");
    let source = images(folder.path());
    for name in ["train/cat/1.png", "train/cat/3.png"] {
        fs::write(source.join(name), "no picture").expect("written");
    }
    let data = SkipBad::new(open(&source, Split::Train, CONFIG)).expect("wrapped");
    assert_eq!((data.len(), data.bad_images().len()), (4, 0));
    // Again and again, in any order, the same.
    for index in [3, 2, 1, 0, 2, 0] {
        let sample = data.read(index).expect("readable");
        assert_eq!(
            (sample.image[[0, 0, 0]], sample.label),
            [(2, Some(0)), (2, Some(0)), (2, Some(0)), (4, Some(1))][index]
        );
        assert_eq!(data.label(index).expect("label"), sample.label);
    }
    let bad = data.bad_images();
    assert!(bad.len() == 2 && bad[0].contains("cat/1.png") && bad[1].contains("cat/3.png"), "{bad:?}");

    fs::write(source.join("train/dog/1.png"), "no picture").expect("written");
    let error = data.read(3).expect_err("nothing stands in").to_string();
    assert!(error.contains("dog/1.png"), "{error}");
    assert!(matches!(data.read(3), Err(DataError::NoReadableImage { index: 3, .. })));
    fs::remove_file(source.join("train/cat/2.png")).expect("removed");
    assert!(matches!(data.read(0), Err(DataError::Missing { .. })), "a file that is gone is another matter");
}

#[test]
fn a_survey_counts_sizes_modes_and_bad_files() {
    let folder = TempDir::new().expect("a folder");
    let source = images(folder.path());
    fs::write(source.join("train/cat/3.png"), "no picture").expect("written");
    let data = open(&source, Split::Train, CONFIG);
    let mut calls = 0;
    let survey = Survey::of(&data, 100, || calls += 1).expect("looked at");
    assert_eq!((survey.looked_at, calls, survey.bad.len()), (4, 4, 1));
    assert_eq!(survey.sizes, [([4, 4], 1), ([4, 6], 1), ([8, 8], 1)].into());
    assert_eq!((survey.modes.clone(), survey.shorter_side(), survey.is_grey()), ([("rgb", 3)].into(), Some(4), false));
    assert_eq!(Survey::of(&data, 2, || ()).expect("looked at").looked_at, 2);
}
