//! Random changes of images: what moves where, and what the draws depend on.

use lzn_data::{Augment, AugmentConfig, DataError, ImageShape, Padding, flip_horizontally, shift_image};
use ndarray::{Array3, s};
use proptest::prelude::*;

const SHAPE: ImageShape = ImageShape { channels: 2, height: 6, width: 9 };

/// An image without equal pixels in a channel.
fn image() -> Array3<u8> {
    Array3::from_shape_fn((2, 6, 9), |(c, y, x)| (1 + 100 * c + 9 * y + x) as u8)
}

fn augment(config: AugmentConfig, seed: u64) -> Augment {
    Augment::new(config, seed, SHAPE).expect("valid")
}

fn applied(augment: &Augment, epoch: u64, sample: usize) -> Array3<u8> {
    augment.view(image().view(), epoch, sample, 0).expect("of the shape")
}

fn flipped(mut image: Array3<u8>) -> Array3<u8> {
    flip_horizontally(image.view_mut());
    image
}

/// The slow, obvious twin of `shift_image`: a large canvas with the image in its middle, seen through a moved window.
fn shift_by_canvas(image: &Array3<u8>, down: isize, right: isize, padding: Padding) -> Array3<u8> {
    let (channels, height, width) = image.dim();
    let (top, left) = (height as isize, width as isize);
    let canvas = Array3::from_shape_fn((channels, 3 * height, 3 * width), |(c, y, x)| {
        let (y, x) = (y as isize - top, x as isize - left);
        let inside = (0..top).contains(&y) && (0..left).contains(&x);
        match padding {
            Padding::Zero if !inside => 0,
            _ => image[[c, y.clamp(0, top - 1) as usize, x.clamp(0, left - 1) as usize]],
        }
    });
    let (y, x) = ((top - down) as usize, (left - right) as usize);
    canvas.slice(s![.., y..y + height, x..x + width]).to_owned()
}

proptest! {
    #[test]
    fn shifting_is_looking_at_a_padded_canvas_through_a_moved_window(
        down in -5_isize..=5, right in -8_isize..=8, edge: bool,
    ) {
        let padding = if edge { Padding::Edge } else { Padding::Zero };
        prop_assert_eq!(
            shift_image(image().view(), down, right, padding),
            shift_by_canvas(&image(), down, right, padding)
        );
    }

    #[test]
    fn shifting_back_restores_what_stayed_in_sight(down in 0_isize..=5, right in 0_isize..=8) {
        let away = shift_image(image().view(), down, right, Padding::Zero);
        let back = shift_image(away.view(), -down, -right, Padding::Zero);
        let (seen, image) = (s![.., ..6 - down, ..9 - right], image());
        prop_assert_eq!(back.slice(seen), image.slice(seen));
        prop_assert_eq!(back.iter().filter(|&&pixel| pixel > 0).count(), 2 * ((6 - down) * (9 - right)) as usize);
    }

    #[test]
    fn every_result_is_a_flip_and_a_shift_within_bounds(seed: u64, epoch: u64, sample: usize, shift in 0_usize..6) {
        let config = AugmentConfig { flip: true, shift, padding: Padding::Edge, ..AugmentConfig::NONE };
        let result = applied(&augment(config, seed), epoch, sample);
        let bound = shift as isize;
        let possible = [image(), flipped(image())].into_iter().any(|source| {
            (-bound..=bound).any(|down| {
                (-bound..=bound).any(|right| shift_image(source.view(), down, right, Padding::Edge) == result)
            })
        });
        prop_assert!(possible);
    }
}

#[test]
fn flipping_mirrors_left_and_right_and_twice_is_the_identity() {
    let once = flipped(image());
    assert_eq!(once, image().slice(s![.., .., ..;-1]));
    assert_ne!(once, image());
    assert_eq!(flipped(once), image());
}

#[test]
fn no_change_is_configured_by_none() {
    let none = augment(AugmentConfig::NONE, 3);
    assert!((0..50).all(|sample| applied(&none, 0, sample) == image()));
}

#[test]
fn draws_depend_on_seed_epoch_and_sample_alone() {
    let config = AugmentConfig { flip: true, shift: 3, ..AugmentConfig::NONE };
    let results =
        |seed, epoch| (0..50).map(|sample| applied(&augment(config, seed), epoch, sample)).collect::<Vec<_>>();
    assert_eq!(results(1, 2), results(1, 2));
    assert_ne!(results(1, 2), results(2, 2));
    assert_ne!(results(1, 2), results(1, 3));
    assert!(results(1, 2).windows(2).any(|pair| pair[0] != pair[1]));
}

#[test]
fn views_of_a_sample_are_changed_independently() {
    let config = AugmentConfig { flip: true, shift: 2, ..AugmentConfig::NONE };
    let augment = augment(config, 3);
    let views = |view| {
        let of_sample = |sample| augment.view(image().view(), 4, sample, view).expect("of the shape");
        (0..2_000).map(of_sample).collect::<Vec<_>>()
    };
    let (first, second) = (views(0), views(1));
    assert_eq!(second, views(1));
    // Two of 2 x 5 x 5 equally likely outcomes agree with probability 1/50; five standard errors of 2,000 pairs.
    let equal = first.iter().zip(&second).filter(|(one, two)| one == two).count() as f64;
    let p = 1.0 / 50.0;
    assert!((equal - 2_000.0 * p).abs() < 5.0 * (2_000.0 * p * (1.0 - p)).sqrt(), "{equal} of 2,000 pairs agree");
}

#[test]
fn switching_the_flip_off_leaves_the_shifts_alone() {
    let config = |flip| AugmentConfig { flip, shift: 2, ..AugmentConfig::NONE };
    let (with, without) = (augment(config(true), 5), augment(config(false), 5));
    // Images that are their own mirror image show the shift only.
    let symmetric = Array3::from_shape_fn((2, 6, 9), |(c, y, x)| (1 + c + y + x.abs_diff(4)) as u8);
    for sample in 0..50 {
        let [one, two] =
            [&with, &without].map(|augment| augment.view(symmetric.view(), 0, sample, 0).expect("of the shape"));
        assert_eq!(one, two, "sample {sample}");
    }
}

#[test]
fn flips_and_shifts_are_uniform() {
    let config = AugmentConfig { flip: true, shift: 1, ..AugmentConfig::NONE };
    let augment = augment(config, 11);
    let outcomes: Vec<Array3<u8>> = [image(), flipped(image())]
        .iter()
        .flat_map(|source| {
            (-1..=1)
                .flat_map(move |down| (-1..=1).map(move |right| shift_image(source.view(), down, right, Padding::Zero)))
        })
        .collect();
    let draws = 18_000_usize;
    let mut counts = vec![0_usize; outcomes.len()];
    for sample in 0..draws {
        let result = applied(&augment, 0, sample);
        counts[outcomes.iter().position(|outcome| *outcome == result).expect("one of the 18 outcomes")] += 1;
    }
    // Binomial with p = 1/18; five standard errors.
    let p = 1.0 / outcomes.len() as f64;
    let (mean, error) = (draws as f64 * p, (draws as f64 * p * (1.0 - p)).sqrt());
    assert!(counts.iter().all(|&count| (count as f64 - mean).abs() < 5.0 * error), "{counts:?}");
}

#[test]
fn a_shift_as_large_as_the_image_is_refused() {
    let build = |shift| Augment::new(AugmentConfig { shift, ..AugmentConfig::NONE }, 0, SHAPE);
    assert!(build(5).is_ok());
    let error = build(6).expect_err("as high as the image");
    assert!(matches!(error, DataError::ShiftTooLarge { shift: 6, side: 6 }));
    assert_eq!(error.to_string(), "`augment.shift` 6 must be smaller than the image side of 6 pixels");
}

#[test]
fn configuration_has_the_published_defaults_and_refuses_unknown_keys() {
    let parse = |text: &str| toml::from_str::<AugmentConfig>(text);
    assert_eq!(parse("").expect("empty"), AugmentConfig { flip: true, ..AugmentConfig::NONE });
    let full = AugmentConfig { flip: false, shift: 2, padding: Padding::Edge, ..AugmentConfig::NONE };
    assert_eq!(parse("flip = false\nshift = 2\npadding = \"edge\"").expect("full"), full);
    assert_eq!(parse(&toml::to_string(&full).expect("serialised")).expect("round trip"), full);
    assert!(parse("flips = true").expect_err("unknown key").to_string().contains("flips"));
}
