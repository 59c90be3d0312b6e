//! What must hold for every way of resampling and every image, and each way against its definition written out plainly.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use lzn_resize::{Filter, Resampler, Resize, ResizeError, centre_crop, centre_square};
use ndarray::{Array3, ArrayView1, s};
use proptest::prelude::*;

const FILTERS: [Filter; 4] = [Filter::Box, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos];

fn ways() -> impl Strategy<Value = Resize> {
    let filter = || prop::sample::select(&FILTERS[..]);
    prop_oneof![
        filter().prop_map(Resize::PillowBytes),
        filter().prop_map(Resize::PillowFloat),
        Just(Resize::Tf1Bilinear),
        Just(Resize::TorchBilinear),
    ]
}

fn side() -> std::ops::Range<usize> {
    1..40
}

fn sides() -> impl Strategy<Value = [usize; 2]> {
    [side(), side()]
}

/// Those whose kernel is the same in a mirror.
fn symmetric() -> impl Strategy<Value = Filter> {
    prop::sample::select(&FILTERS[1..])
}

fn resize(way: Resize, image: &Array3<f32>, to: [usize; 2]) -> Array3<f32> {
    let from = [image.dim().1, image.dim().2];
    Resampler::new(way, from, to).unwrap().floats(image.view()).unwrap()
}

/// An image of bytes as floats.
fn image() -> impl Strategy<Value = Array3<f32>> {
    (1..4_usize, side(), side()).prop_flat_map(|(channels, height, width)| {
        prop::collection::vec(any::<u8>(), channels * height * width)
            .prop_map(move |bytes| Array3::from_shape_vec((channels, height, width), bytes).unwrap().mapv(f32::from))
    })
}

fn largest_difference(a: &Array3<f32>, b: &Array3<f32>) -> f32 {
    assert_eq!(a.dim(), b.dim());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// One axis of one channel by the definition of antialiased resampling, in float64.
fn filtered(filter: Filter, line: &[f64], to: usize) -> Vec<f64> {
    let scale = line.len() as f64 / to as f64;
    let stretch = scale.max(1.0);
    let result = |pixel: usize| {
        let centre = (pixel as f64 + 0.5) * scale - 0.5;
        let weights: Vec<f64> = (0..line.len()).map(|x| filter.at((x as f64 - centre) / stretch)).collect();
        let sum: f64 = weights.iter().sum();
        line.iter().zip(&weights).map(|(x, weight)| x * weight).sum::<f64>() / sum
    };
    (0..to).map(result).collect()
}

/// One axis of one channel by the definition of interpolation between two neighbours, in float64.
fn interpolated(half_pixel: bool, line: &[f64], to: usize) -> Vec<f64> {
    let scale = line.len() as f64 / to as f64;
    let shift = if half_pixel { 0.5 } else { 0.0 };
    let result = |pixel: usize| {
        let x = ((pixel as f64 + shift) * scale - shift).max(0.0);
        let at = |i: f64| line[(i as usize).min(line.len() - 1)];
        at(x.floor()) * (1.0 - x.fract()) + at(x.floor() + 1.0) * x.fract()
    };
    (0..to).map(result).collect()
}

proptest! {
    #[test]
    fn an_even_surface_stays_as_it_is(way in ways(), level: u8, from in sides(), to in sides()) {
        let image = Array3::from_elem((2, from[0], from[1]), f32::from(level));
        let resized = resize(way, &image, to);
        let expected = Array3::from_elem((2, to[0], to[1]), f32::from(level));
        // Integers keep it exactly.
        let limit = if matches!(way, Resize::PillowBytes(_)) { 0.0 } else { 1e-4 };
        prop_assert!(largest_difference(&resized, &expected) <= limit);
    }

    #[test]
    fn the_same_size_changes_nothing(way in ways(), image in image()) {
        let (_, height, width) = image.dim();
        prop_assert_eq!(resize(way, &image, [height, width]), image);
    }

    #[test]
    fn a_mirrored_image_gives_the_mirrored_result(filter in symmetric(), image in image(), to in sides()) {
        let mirror = |image: &Array3<f32>| image.slice(s![.., ..;-1, ..;-1]).to_owned();
        for way in [Resize::PillowFloat(filter), Resize::TorchBilinear] {
            let difference = largest_difference(&mirror(&resize(way, &image, to)), &resize(way, &mirror(&image), to));
            prop_assert!(difference < 1e-2, "{way:?}: {difference}");
        }
    }

    #[test]
    fn one_axis_after_the_other_is_both_at_once(way in ways(), image in image(), to in sides()) {
        let (_, height, _) = image.dim();
        let along_rows = resize(way, &image, [height, to[1]]);
        let both = resize(way, &along_rows, to);
        prop_assert!(largest_difference(&both, &resize(way, &image, to)) < 1e-3);
    }

    #[test]
    fn each_way_is_its_definition_along_each_axis(filter in symmetric(), image in image(), to in side()) {
        let (_, height, width) = image.dim();
        let ways = [
            (Resize::PillowFloat(filter), None),
            (Resize::TorchBilinear, Some(true)),
            (Resize::Tf1Bilinear, Some(false)),
        ];
        for (way, half_pixel) in ways {
            let define = |line: ArrayView1<'_, f32>| {
                let line: Vec<f64> = line.iter().map(|x| f64::from(*x)).collect();
                match half_pixel {
                    None => filtered(filter, &line, to),
                    Some(half_pixel) => interpolated(half_pixel, &line, to),
                }
            };
            let row = (define(image.slice(s![0, 0, ..])), resize(way, &image, [height, to]).slice(s![0, 0, ..]).to_vec());
            let column = (define(image.slice(s![0, .., 0])), resize(way, &image, [to, width]).slice(s![0, .., 0]).to_vec());
            for (expected, got) in [row, column] {
                let error = got.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
                // Float32 places of pixels, times the steepest slope between two of them.
                prop_assert!(error < 5e-3, "{way:?}: {error}");
            }
        }
    }

    #[test]
    fn bytes_are_within_two_roundings_of_the_unrounded(image in image(), to in sides()) {
        // Kernels without negative lobes, so nothing is clipped in between.
        for filter in [Filter::Box, Filter::Bilinear] {
            let [bytes, floats] = [Resize::PillowBytes(filter), Resize::PillowFloat(filter)].map(|way| resize(way, &image, to));
            let difference = largest_difference(&bytes, &floats);
            prop_assert!(difference <= 1.001, "{filter:?}: {difference}");
        }
    }
}

#[test]
fn a_reduction_by_a_whole_number_with_the_box_filter_is_the_mean_of_blocks() {
    let image = Array3::from_shape_fn((1, 6, 8), |(_, y, x)| (y * 8 + x) as f32);
    let reduced = resize(Resize::PillowFloat(Filter::Box), &image, [3, 2]);
    let mean = |y: usize, x: usize| image.slice(s![0, 2 * y..2 * y + 2, 4 * x..4 * x + 4]).mean().unwrap();
    assert_eq!(reduced, Array3::from_shape_fn((1, 3, 2), |(_, y, x)| mean(y, x)));
}

#[test]
fn an_image_without_pixels_and_one_of_another_size_are_refused_with_both_sizes() {
    let empty = Resampler::new(Resize::Tf1Bilinear, [0, 3], [4, 4]).unwrap_err();
    assert_eq!(empty, ResizeError::Empty { from: [0, 3], to: [4, 4] });
    let resampler = Resampler::new(Resize::Tf1Bilinear, [2, 3], [4, 4]).unwrap();
    let message = resampler.bytes(Array3::zeros((1, 3, 2)).view()).unwrap_err().to_string();
    assert!(message.contains("[3, 2]") && message.contains("[2, 3]"), "{message}");
}

#[test]
fn crops_take_the_middle_and_never_more_than_there_is() {
    let image = Array3::from_shape_fn((1, 5, 8), |(_, y, x)| (y, x));
    assert_eq!(centre_square(image.view()).first(), Some(&(0, 1)));
    assert_eq!(centre_square(image.view()).dim(), (1, 5, 5));
    assert_eq!(centre_crop(image.view(), [3, 9]), image.slice(s![.., 1..4, ..]));
}
