//! Two views of photographs, whole and operation by operation.
//!
//! Names are `views/<images>/<work>`: `jpeg-500x375` are files, brought to views of 224 pixels, and `32x32` are images
//! in memory. Beside them stands `views_torchvision.py`, the same work by torchvision and PIL; with
//! `LZN_BENCH_IMAGES=FOLDER` both read the JPEG files of one folder (`views_torchvision.py FOLDER` makes it). Both measure the time
//! on the processor.

mod support;

use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use image::codecs::jpeg::JpegEncoder;
use lzn_data::transform::{self, Rectangle};
use lzn_data::{
    Augment, AugmentConfig, BlurConfig, Changes, Colour, ColourChange, Dataset, ImageConfig, ImageFolder, ImageShape,
};
use lzn_random::{Purpose, Stream};
use ndarray::{Array3, ArrayViewMut3, Axis};
use support::ProcessorTime;

/// Changes an image in place.
type Change = dyn Fn(ArrayViewMut3<'_, u8>);

const VALID: &str = "the images of the bench are valid";

/// Files of the folder; every measurement goes around them, so that it is a mean over images and draws.
const FILES: usize = 32;

/// Clouds of several sizes with some noise, `[H, W, 3]`: as many bytes in a JPEG file as a photograph.
fn photograph([height, width]: [usize; 2], seed: u64) -> Array3<u8> {
    let mut stream = Stream::new(seed, Purpose::new("bench/photograph"), [0; 3]);
    let waves: Vec<[f64; 4]> = (0..24)
        .map(|wave| {
            let frequency = 0.02 * 1.2_f64.powi(wave);
            let angle = stream.uniform() * std::f64::consts::TAU;
            [
                frequency * angle.cos(),
                frequency * angle.sin(),
                stream.uniform() * 3.0,
                40.0 / f64::from(wave + 1).sqrt(),
            ]
        })
        .collect();
    let mut image = Array3::from_shape_fn((height, width, 3), |(y, x, c)| {
        let wave = |[down, right, phase, size]: &[f64; 4]| {
            size * (down * y as f64 + right * x as f64 + phase * (1.0 + c as f64 / 2.0)).sin()
        };
        128.0 + waves.iter().map(wave).sum::<f64>()
    });
    image.iter_mut().for_each(|level| *level += 24.0 * (stream.uniform() - 0.5));
    image.mapv(|level| level as u8)
}

/// The folder to read: that of the environment, or a new one.
fn folder() -> (PathBuf, Option<tempfile::TempDir>) {
    if let Some(folder) = std::env::var_os("LZN_BENCH_IMAGES") {
        return (PathBuf::from(folder), None);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in 0..FILES {
        write_jpeg(&folder.path().join(format!("{file:02}.jpg")), file as u64);
    }
    (folder.path().to_owned(), Some(folder))
}

fn write_jpeg(path: &Path, seed: u64) {
    let mut bytes = Vec::new();
    let pixels = photograph([375, 500], seed).into_raw_vec_and_offset().0;
    let encoded =
        JpegEncoder::new_with_quality(&mut bytes, 90).encode(&pixels, 500, 375, image::ExtendedColorType::Rgb8);
    encoded.and_then(|()| Ok(std::fs::write(path, bytes)?)).expect("written");
}

/// Two views of one sample, checked for what they must be.
fn two_views(augment: &Augment, whole: &Array3<u8>, sample: usize) -> [Array3<u8>; 2] {
    [0, 1].map(|view| augment.view(whole.view(), 0, sample, view).expect(VALID))
}

fn assert_views(augment: &Augment, whole: &Array3<u8>, side: usize) {
    let [one, two] = two_views(augment, whole, 3);
    assert_eq!(one.dim(), (3, side, side));
    assert!(one != two && [&one, &two] == two_views(augment, whole, 3).each_ref());
}

fn augment(config: AugmentConfig, side: usize) -> Augment {
    Augment::new(config, 1, ImageShape { channels: 3, height: side, width: side }).expect(VALID)
}

fn files(criterion: &mut Criterion<ProcessorTime>) {
    let (folder, _kept) = folder();
    let config = ImageConfig { size: 224, colour: Colour::Rgb, resize: Some(256), background: None };
    let data = ImageFolder::open(&folder, config).expect(VALID);
    let mut group = criterion.benchmark_group("views/jpeg-500x375");
    let read = |sample: usize| data.read_whole(sample % data.len()).expect(VALID).image;
    let mut sample = 0;
    let mut next = move || {
        sample += 1;
        sample
    };
    group.bench_function("decode", |bencher| bencher.iter(|| read(next())));
    group.bench_function("evaluation-224", |bencher| bencher.iter(|| data.read(next() % data.len()).expect(VALID)));
    let without = |change: fn(&mut AugmentConfig)| {
        let mut config = AugmentConfig::VIEWS;
        change(&mut config);
        augment(config, 224)
    };
    for (name, augment) in [
        ("two-views", without(|_| ())),
        ("two-views-without-blur", without(|config| config.blur = None)),
        ("two-crops", without(|config| *config = AugmentConfig { crop: config.crop, ..AugmentConfig::default() })),
    ] {
        assert_views(&augment, &read(0), 224);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let sample = next();
                two_views(&augment, &read(sample), sample)
            });
        });
    }
    group.finish();
}

fn small(criterion: &mut Criterion<ProcessorTime>) {
    let config =
        AugmentConfig { blur: Some(BlurConfig { kernel: 3, ..BlurConfig::PUBLISHED }), ..AugmentConfig::VIEWS };
    let augment = augment(config, 32);
    let images: Vec<Array3<u8>> = (0..FILES)
        .map(|seed| photograph([32, 32], seed as u64).permuted_axes([2, 0, 1]).as_standard_layout().into_owned())
        .collect();
    assert_views(&augment, &images[0], 32);
    let mut sample = 0;
    criterion.bench_function("views/32x32/two-views", |bencher| {
        bencher.iter(|| {
            sample += 1;
            two_views(&augment, &images[sample % images.len()], sample)
        });
    });
}

/// Single operations on an image of 224 pixels; the crop takes 4/10 of a photograph, about the mean of the published
/// areas.
fn operations(criterion: &mut Criterion<ProcessorTime>) {
    let whole = photograph([375, 500], 0).permuted_axes([2, 0, 1]);
    let part = Rectangle { top: 30, left: 60, height: 240, width: 315 };
    let crop = || transform::resized_crop(whole.view(), part, [224; 2]).expect(VALID);
    let image = crop();
    assert!(image.axis_iter(Axis(0)).all(|plane| plane.iter().any(|level| *level != plane[[0, 0]])));
    let mut group = criterion.benchmark_group("views/224x224");
    group.bench_function("crop", |bencher| bencher.iter(crop));
    let changes: [(&str, &Change); 8] = [
        ("flip", &transform::flip_horizontally),
        ("brightness", &|image| transform::brightness(image, 0.7)),
        ("contrast", &|image| transform::contrast(image, 0.7)),
        ("saturation", &|image| transform::saturation(image, 0.7)),
        ("hue", &|image| transform::hue(image, 0.1)),
        ("grey", &transform::grey),
        ("blur-sigma-1", &|image| transform::gaussian_blur(image, 23, 1.0)),
        ("blur-sigma-2", &|image| transform::gaussian_blur(image, 23, 2.0)),
    ];
    for (name, change) in changes {
        let mut changed = image.clone();
        change(changed.view_mut());
        assert_ne!(changed, image, "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(|| image.clone(), |image| change(image.view_mut()), BatchSize::LargeInput);
        });
    }
    let augment = augment(AugmentConfig::VIEWS, 224);
    let draw = |sample| -> Changes { augment.draw([375, 500], 0, sample, 0) };
    assert!((0..9).any(|sample| draw(sample).jitter.iter().any(|change| matches!(change, ColourChange::Hue(_)))));
    group.bench_function("draw", |bencher| bencher.iter(|| draw(black_box(7))));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(ProcessorTime);
    targets = files, small, operations
}
criterion_main!(benches);
