//! Folders of image files: order, labels, sizes, colours, and what is refused.

use std::{fs, path::Path, sync::Arc};

use image::{GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use lzn_data::{
    BatchOptions, BatchPlan, Batches, Colour, DataError, DataSummary, Dataset, ImageConfig, ImageFolder, read_image,
    transform::resize_shorter_side,
};
use ndarray::{Array3, s};
use tempfile::TempDir;

const GREY: ImageConfig = ImageConfig { size: 4, colour: Colour::Grey, resize: None, background: None };
const RGB: ImageConfig = ImageConfig { size: 4, colour: Colour::Rgb, resize: None, background: None };

fn folder() -> TempDir {
    TempDir::new().expect("temporary folder")
}

/// Writes a grey image of one value.
fn write_flat(path: &Path, value: u8) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("created");
    GrayImage::from_pixel(4, 4, Luma([value])).save(path).expect("written");
}

fn refused(folder: &Path, config: ImageConfig) -> DataError {
    ImageFolder::open(folder, config).expect_err("refused")
}

#[test]
fn classes_and_files_are_sorted_by_name() {
    let folder = folder();
    for (name, value) in [("dog/b.png", 40), ("cat/z.png", 20), ("dog/a.PNG", 30), ("cat/b.jpg", 10)] {
        write_flat(&folder.path().join(name), value);
    }
    fs::write(folder.path().join("cat/notes.txt"), "no image").expect("written");
    fs::write(folder.path().join("cat/.hidden.png"), "no image").expect("written");

    let data = ImageFolder::open(folder.path(), GREY).expect("valid");
    assert_eq!(data.class_names(), ["cat", "dog"]);
    let samples: Vec<_> = (0..data.len()).map(|index| data.read(index).expect("readable")).collect();
    assert_eq!(samples.iter().map(|sample| sample.image[[0, 0, 0]]).collect::<Vec<_>>(), [10, 20, 30, 40]);
    assert_eq!(samples.iter().map(|sample| sample.label).collect::<Vec<_>>(), [0, 0, 1, 1].map(Some));
    assert_eq!(data.path(0), Some(folder.path().join("cat/b.jpg").as_path()));
    assert_eq!(DataSummary::of(&data).expect("labels").to_string(), "4 images [1, 4, 4], 2 classes of 2");
}

#[test]
fn a_flat_folder_has_no_labels() {
    let folder = folder();
    write_flat(&folder.path().join("b.png"), 2);
    write_flat(&folder.path().join("a.png"), 1);
    let data = ImageFolder::open(folder.path(), RGB).expect("valid");
    assert_eq!((data.len(), data.classes()), (2, 0));
    let sample = data.read(0).expect("readable");
    assert_eq!((sample.image, sample.label), (Array3::from_elem((3, 4, 4), 1), None));
}

#[test]
fn pixels_of_the_right_size_come_through_channels_first() {
    let folder = folder();
    let path = folder.path().join("a.png");
    let pixel = |x: u32, y: u32| [(10 * x + y) as u8, (100 + 10 * x + y) as u8, (200 + 4 * x + y) as u8];
    RgbImage::from_fn(4, 4, |x, y| Rgb(pixel(x, y))).save(&path).expect("written");
    let image = read_image(&path, &RGB).expect("readable");
    let expected = Array3::from_shape_fn((3, 4, 4), |(c, y, x)| pixel(x as u32, y as u32)[c]);
    assert_eq!(image, expected);
}

#[test]
fn colour_becomes_grey_by_its_luma() {
    let folder = folder();
    let path = folder.path().join("a.png");
    for (colour, weight) in [([255, 0, 0], 0.2126), ([0, 255, 0], 0.7152), ([0, 0, 255], 0.0722)] {
        RgbImage::from_pixel(4, 4, Rgb(colour)).save(&path).expect("written");
        let image = read_image(&path, &GREY).expect("readable");
        assert!(image.iter().all(|&value| (f64::from(value) - 255.0 * weight).abs() <= 1.0), "{colour:?}: {image}");
    }
}

#[test]
fn the_centre_is_cut_out_of_wide_and_high_images() {
    let folder = folder();
    let path = folder.path().join("a.png");
    // White in the middle square, black beside it.
    let is_middle = |along: u32| (12..24).contains(&along);
    for wide in [true, false] {
        let (width, height) = if wide { (36, 12) } else { (12, 36) };
        let white = |x, y| is_middle(if wide { x } else { y });
        GrayImage::from_fn(width, height, |x, y| Luma([255 * u8::from(white(x, y))])).save(&path).expect("written");
        for size in [12, 5, 20] {
            let image = read_image(&path, &ImageConfig { size, colour: Colour::Grey, resize: None, background: None })
                .expect("readable");
            assert_eq!(image, Array3::from_elem((1, size, size), 255), "size {size}, wide {wide}");
        }
    }
}

#[test]
fn reducing_an_image_averages_instead_of_picking_pixels() {
    let folder = folder();
    let path = folder.path().join("a.png");
    GrayImage::from_fn(64, 64, |x, y| Luma([255 * ((x + y) % 2) as u8])).save(&path).expect("written");
    let image = read_image(&path, &ImageConfig { size: 8, colour: Colour::Grey, resize: None, background: None })
        .expect("readable");
    // A checkerboard of single pixels is grey from afar; at the border the filter is cut off.
    assert!(image.iter().all(|&value| value.abs_diff(128) <= 8), "{image}");
}

#[test]
fn an_unreadable_image_is_named_at_its_step() {
    let folder = folder();
    for name in 0..8 {
        write_flat(&folder.path().join(format!("{name}.png")), name);
    }
    let bad = folder.path().join("5.png");
    let whole = fs::read(&bad).expect("written before");
    for (bytes, what) in [(&whole[..whole.len() / 2], "truncated"), (b"text".as_slice(), "no image"), (b"", "empty")] {
        fs::write(&bad, bytes).expect("written");
        let data = Arc::new(ImageFolder::open(folder.path(), GREY).expect("listed"));
        let plan = BatchPlan::evaluation(8, 2).expect("valid");
        let options = BatchOptions { workers: 3, ..BatchOptions::default() };
        let outcomes: Vec<_> = Batches::new(data, plan, options, 0).expect("started").collect();
        for (step, outcome) in outcomes.into_iter().enumerate() {
            assert_eq!(outcome.is_err(), step == 2, "{what}, step {step}");
            if let Err(error) = outcome {
                let message = error.to_string();
                assert!(
                    message.starts_with(&format!("{}: not a readable PNG or JPEG image", bad.display())),
                    "{message}"
                );
                assert!(message.ends_with("replace or remove it"), "{message}");
            }
        }
    }
}

#[test]
fn a_file_removed_after_listing_is_named() {
    let folder = folder();
    let path = folder.path().join("a.png");
    write_flat(&path, 1);
    let data = ImageFolder::open(folder.path(), GREY).expect("listed");
    fs::remove_file(&path).expect("removed");
    let message = data.read(0).expect_err("gone").to_string();
    assert!(message.starts_with(&format!("{}: no such file", path.display())), "{message}");
}

#[test]
fn the_content_decides_over_the_ending() {
    let folder = folder();
    let path = folder.path().join("really-jpeg.png");
    GrayImage::from_pixel(4, 4, Luma([77])).save_with_format(&path, ImageFormat::Jpeg).expect("written");
    assert_eq!(read_image(&path, &GREY).expect("readable"), Array3::from_elem((1, 4, 4), 77));
}

#[test]
fn missing_empty_and_mixed_folders_are_refused_by_name() {
    let folder = folder();
    let root = folder.path();
    let missing = refused(&root.join("nowhere"), GREY).to_string();
    let remedy = "give the folder that holds the images or the class folders";
    assert_eq!(missing, format!("{}: no such file or folder; {remedy}", root.join("nowhere").display()));

    let remedy = "put PNG or JPEG files there, or remove the folder";
    assert_eq!(refused(root, GREY).to_string(), format!("{}: no images; {remedy}", root.display()));

    write_flat(&root.join("cat/a.png"), 1);
    fs::create_dir(root.join("dog")).expect("created");
    assert_eq!(refused(root, GREY).to_string(), format!("{}: no images; {remedy}", root.join("dog").display()));

    write_flat(&root.join("stray.png"), 1);
    let mixed = refused(root, GREY).to_string();
    assert!(mixed.starts_with(&format!("{}: images such as `stray.png` lie beside", root.display())), "{mixed}");
    assert!(mixed.contains("class folders such as `cat`"), "{mixed}");
}

#[test]
fn a_size_of_zero_is_refused() {
    let folder = folder();
    write_flat(&folder.path().join("a.png"), 1);
    let config = ImageConfig { size: 0, ..GREY };
    for error in [refused(folder.path(), config), read_image(&folder.path().join("a.png"), &config).expect_err("zero")]
    {
        assert_eq!(error.to_string(), "the `size` of images must be at least 1 pixel, got 0");
    }
}

#[test]
fn the_middle_of_the_resized_image_is_cut_out() {
    let folder = folder();
    let path = folder.path().join("a.png");
    RgbImage::from_fn(50, 30, |x, y| Rgb([(5 * x) as u8, (8 * y) as u8, (x * y) as u8])).save(&path).expect("written");
    let data = ImageFolder::open(folder.path(), ImageConfig { size: 4, resize: Some(12), ..RGB }).expect("valid");
    let whole = data.read_whole(0).expect("readable").image;
    assert_eq!(whole.dim(), (3, 30, 50));
    assert_eq!([whole[[0, 3, 9]], whole[[1, 3, 9]], whole[[2, 3, 9]]], [45, 24, 27]);
    // 12 x 20 pixels, of which 4 x 4 from row 4 and column 8 on.
    let resized = resize_shorter_side(whole.view(), 12).expect("not empty");
    assert_eq!(data.read(0).expect("readable").image, resized.slice(s![.., 4..8, 8..12]));

    let message = refused(folder.path(), ImageConfig { resize: Some(3), ..RGB }).to_string();
    assert_eq!(message, "`resize` 3 must be at least the image size of 4 pixels, which is cut out of the middle");
}
