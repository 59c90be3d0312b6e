//! Operations on images against their definitions in double precision.

use lzn_data::transform::{
    Rectangle, brightness, centre_crop, contrast, gaussian_blur, grey, hue, resize_shorter_side, resized_crop,
    saturation,
};
use lzn_random::{Purpose, Stream};
use ndarray::{Array3, ArrayView3, ArrayViewMut3, Axis, s};
use proptest::prelude::*;

/// Changes an image in place.
type Change = dyn Fn(ArrayViewMut3<'_, u8>);

/// Random bytes.
fn image(shape: (usize, usize, usize), seed: u64) -> Array3<u8> {
    let mut stream = Stream::new(seed, Purpose::new("test/image"), [0; 3]);
    Array3::from_shape_simple_fn(shape, || stream.below(256) as u8)
}

fn changed(image: &Array3<u8>, change: impl Fn(ArrayViewMut3<'_, u8>)) -> Array3<u8> {
    let mut image = image.clone();
    change(image.view_mut());
    image
}

/// The most that two images differ by anywhere.
fn distance(one: ArrayView3<'_, u8>, two: ArrayView3<'_, u8>) -> u8 {
    one.iter().zip(two).map(|(one, two)| one.abs_diff(*two)).max().unwrap_or_default()
}

fn luma(colour: [f64; 3]) -> f64 {
    0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
}

fn colours(image: &Array3<u8>) -> impl Iterator<Item = [u8; 3]> {
    image.lanes(Axis(0)).into_iter().map(|colour| [colour[0], colour[1], colour[2]])
}

/// Hue in turns, saturation and value in 0..=1, by their textbook definition.
fn to_hsv(colour: [f64; 3]) -> [f64; 3] {
    let [r, g, b] = colour;
    let (max, min) = (r.max(g).max(b), r.min(g).min(b));
    let range = max - min;
    if range == 0.0 {
        return [0.0, 0.0, max];
    }
    let sixths = if max == r {
        ((g - b) / range).rem_euclid(6.0)
    } else if max == g {
        (b - r) / range + 2.0
    } else {
        (r - g) / range + 4.0
    };
    [sixths / 6.0, range / max, max]
}

/// The inverse, by the formula without cases: a channel lies `saturation` x a trapezium of the hue below the value.
fn to_rgb([hue, saturation, value]: [f64; 3]) -> [f64; 3] {
    [5.0, 3.0, 1.0].map(|offset| {
        let k = (offset + 6.0 * hue).rem_euclid(6.0);
        value * (1.0 - saturation * k.min(4.0 - k).clamp(0.0, 1.0))
    })
}

/// Every pixel as the weighted mean of a square around it, in a mirrored image.
fn blurred(image: &Array3<u8>, kernel: usize, sigma: f64) -> Array3<f64> {
    let radius = (kernel / 2) as isize;
    let (_, height, width) = image.dim();
    let mirrored = |position: isize, length: usize| {
        let last = length as isize - 1;
        (last - (last - position.abs()).abs()) as usize
    };
    Array3::from_shape_fn(image.dim(), |(c, y, x)| {
        let (mut sum, mut total) = (0.0, 0.0);
        for down in -radius..=radius {
            for right in -radius..=radius {
                let weight = (-((down * down + right * right) as f64) / (2.0 * sigma * sigma)).exp();
                let (y, x) = (mirrored(y as isize + down, height), mirrored(x as isize + right, width));
                sum += weight * f64::from(image[[c, y, x]]);
                total += weight;
            }
        }
        sum / total
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn blends_lie_within_one_level_below_their_definition(seed: u64, factor in 0.0_f64..3.0) {
        let image = image((3, 5, 7), seed);
        let lumas: Vec<f64> = colours(&image).map(|colour| luma(colour.map(f64::from))).collect();
        let mean = lumas.iter().sum::<f64>() / 35.0;
        let bright = changed(&image, |image| brightness(image, factor));
        let contrasted = changed(&image, |image| contrast(image, factor));
        let saturated = changed(&image, |image| saturation(image, factor));
        // A luma is rounded to a byte, from coefficients in 1/65536, and so is the mean of such lumas.
        for (got, plain, rounded) in
            [(bright, vec![0.0; 35], 0.0), (contrasted, vec![mean; 35], 1.01), (saturated, lumas, 0.505)]
        {
            for ((before, got), plain) in image.iter().zip(&got).zip(plain.iter().cycle()) {
                let expected = (plain + factor * (f64::from(*before) - plain)).clamp(0.0, 255.0);
                // Cut off, not rounded; next to an integer, single precision may or may not reach it.
                let slack = (1.0 - factor).abs() * rounded + 1e-4;
                let below = expected - f64::from(*got);
                prop_assert!((-slack..1.0 + slack).contains(&below), "{got} for {expected}");
            }
        }
    }

    #[test]
    fn a_hue_is_turned_as_the_textbook_says_up_to_what_bytes_can_hold(seed: u64, turns in -0.5_f64..0.5) {
        let image = image((3, 6, 8), seed);
        let turned = changed(&image, |image| hue(image, turns));
        for (before, after) in colours(&image).zip(colours(&turned)) {
            let [hue, saturation, value] = to_hsv(before.map(f64::from));
            let expected = to_rgb([hue + turns, saturation, value]);
            // The hue and the turn are cut to steps of 1/255, and a circle of 256 of them is one too long: three steps.
            // A channel goes from the value to `1 - saturation` of it in a sixth of a turn. The saturation's step and
            // the last rounding add a level each.
            let slack = 3.0 * 6.0 / 255.0 * saturation * value + 2.0;
            prop_assert_eq!(before.iter().max(), after.iter().max());
            for (got, expected) in after.into_iter().zip(expected) {
                prop_assert!((f64::from(got) - expected).abs() <= slack, "{before:?} by {turns} gave {after:?}");
            }
        }
    }

    #[test]
    fn a_whole_turn_is_none(steps in 0_u32..256) {
        // The colours that bytes of hue, saturation and value hold exactly; of 256 steps to the circle, each is 1/255
        // in the argument.
        let exact = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [17, 17, 17], [0, 0, 0]];
        let image = Array3::from_shape_fn((3, 1, exact.len()), |(c, _, x)| exact[x][c]);
        let turned = |steps: u32| changed(&image, |image| hue(image, (f64::from(steps) + 0.5) / 255.0));
        prop_assert_eq!(turned(256), image.clone());
        prop_assert_eq!(turned(256 + steps), turned(steps));
    }

    #[test]
    fn a_blur_is_the_weighted_mean_of_the_surroundings(
        seed: u64, height in 8_usize..20, width in 8_usize..40, radius in 1_usize..8, sigma in 0.1_f64..4.0,
    ) {
        let image = image((2, height, width), seed);
        let kernel = 2 * radius + 1;
        let got = changed(&image, |image| gaussian_blur(image, kernel, sigma));
        for (got, expected) in got.iter().zip(&blurred(&image, kernel, sigma)) {
            prop_assert!((f64::from(*got) - expected).abs() <= 0.5 + 1e-3, "{got} for {expected}");
        }
    }

    #[test]
    fn images_lie_in_memory_as_they_like(seed: u64) {
        let operations: [&Change; 6] = [
            &|image| brightness(image, 0.7),
            &|image| contrast(image, 1.4),
            &|image| saturation(image, 1.6),
            &|image| hue(image, 0.1),
            &grey,
            &|image| gaussian_blur(image, 5, 1.2),
        ];
        let planes = image((3, 6, 9), seed);
        for operation in operations {
            let mut pixels = Array3::zeros((6, 9, 3)).permuted_axes([2, 0, 1]);
            pixels.assign(&planes);
            operation(pixels.view_mut());
            prop_assert_eq!(pixels, changed(&planes, operation));
        }
    }

    #[test]
    fn a_crop_does_not_see_what_surrounds_it(seed: u64, top in 0_usize..6, left in 0_usize..6) {
        let part = Rectangle { top, left, height: 7, width: 9 };
        let inside = s![.., top..top + 7, left..left + 9];
        let (one, mut two) = (image((3, 13, 15), seed), image((3, 13, 15), !seed));
        two.slice_mut(inside).assign(&one.slice(inside));
        let crop = |image: &Array3<u8>, size| resized_crop(image.view(), part, size).expect("not empty");
        prop_assert_eq!(crop(&one, [5, 6]), crop(&two, [5, 6]));
        prop_assert_eq!(crop(&one, [7, 9]), one.slice(inside));
    }
}

#[test]
fn a_factor_of_one_and_a_blur_of_no_width_change_nothing() {
    let image = image((3, 30, 40), 3);
    assert_eq!(changed(&image, |image| brightness(image, 1.0)), image);
    assert_eq!(changed(&image, |image| contrast(image, 1.0)), image);
    assert_eq!(changed(&image, |image| saturation(image, 1.0)), image);
    assert_eq!(changed(&image, |image| gaussian_blur(image, 23, 0.1)), image);
    assert_eq!(changed(&image, |image| gaussian_blur(image, 23, 0.0)), image);
    assert_eq!(changed(&image, |image| gaussian_blur(image, 23, f64::NAN)), image);
    assert_eq!(changed(&image, |image| gaussian_blur(image, 1, 2.0)), image);
}

#[test]
fn a_factor_of_zero_gives_black_one_grey_and_greys() {
    let image = image((3, 8, 8), 4);
    assert_eq!(changed(&image, |image| brightness(image, 0.0)), Array3::<u8>::zeros((3, 8, 8)));
    let flat = changed(&image, |image| contrast(image, 0.0));
    assert!(flat.iter().all(|value| *value == flat[[0, 0, 0]]));
    let greys = changed(&image, grey);
    assert_eq!(changed(&image, |image| saturation(image, 0.0)), greys);
    for (before, after) in colours(&image).zip(colours(&greys)) {
        let expected = luma(before.map(f64::from));
        assert!(after.iter().all(|value| (f64::from(*value) - expected).abs() <= 0.5 + 1e-2), "{before:?} {after:?}");
    }
}

#[test]
fn greys_have_no_hue_and_images_of_one_channel_no_colour() {
    let greys = changed(&image((3, 8, 8), 5), grey);
    assert_eq!(changed(&greys, |image| hue(image, 0.3)), greys);
    assert_eq!(changed(&greys, |image| saturation(image, 1.9)), greys);
    let one = image((1, 8, 8), 5);
    for same in
        [changed(&one, grey), changed(&one, |image| hue(image, 0.3)), changed(&one, |image| saturation(image, 0.3))]
    {
        assert_eq!(same, one);
    }
    // Its mean is that of its values.
    let mean = (one.iter().map(|value| f64::from(*value)).sum::<f64>() / 64.0).round() as u8;
    assert_eq!(changed(&one, |image| contrast(image, 0.0)), Array3::from_elem((1, 8, 8), mean));
}

#[test]
fn blurs_need_an_image_larger_than_half_the_kernel() {
    let image = image((1, 4, 12), 6);
    assert_eq!(changed(&image, |image| gaussian_blur(image, 9, 2.0)), image);
    assert_ne!(changed(&image, |image| gaussian_blur(image, 7, 2.0)), image);
}

#[test]
fn the_shorter_side_is_brought_to_its_size_and_the_ratio_kept() {
    for (from, to) in
        [([30, 50], [12, 20]), ([50, 30], [20, 12]), ([7, 7], [12, 12]), ([375, 500], [12, 16]), ([10, 19], [12, 22])]
    {
        let resized = resize_shorter_side(image((3, from[0], from[1]), 7).view(), 12).expect("not empty");
        assert_eq!(resized.dim(), (3, to[0], to[1]), "{from:?}");
    }
    assert!(resize_shorter_side(Array3::zeros((3, 0, 4)).view(), 12).is_err());
    assert!(resize_shorter_side(Array3::zeros((3, 4, 4)).view(), 0).is_err());
}

#[test]
fn the_middle_is_cut_out_with_odd_rests_split_evenly() {
    let rows = Array3::from_shape_fn((1, 12, 1), |(_, y, _)| y as u8);
    // 12 - 9 = 3: 1.5 rows are cut off before, of which the even neighbour is 2; 12 - 11 = 1: 0.5 goes to 0.
    for (height, first) in [(12, 0), (11, 0), (10, 1), (9, 2), (8, 2), (7, 2), (20, 0)] {
        let cut = centre_crop(rows.view(), [height, 1]);
        assert_eq!((cut.dim().1, cut[[0, 0, 0]]), (height.min(12), first), "{height}");
    }
}

#[test]
fn a_part_that_hangs_over_the_border_is_cut_off_there() {
    let image = image((3, 10, 10), 8);
    let part = Rectangle { top: 6, left: 7, height: 100, width: usize::MAX };
    let crop = resized_crop(image.view(), part, [4, 3]).expect("something is inside");
    assert_eq!(distance(crop.view(), image.slice(s![.., 6.., 7..])), 0);
    assert!(resized_crop(image.view(), Rectangle { top: 10, ..part }, [4, 3]).is_err());
}
