//! Two views: how their changes are distributed, what they depend on, and which configurations are refused.

use std::sync::Arc;

use lzn_data::{
    Augment, AugmentConfig, BatchOptions, BatchPlan, Batches, BlurConfig, Changes, ColourChange, CropConfig, DataError,
    Dataset, ImageShape, JitterConfig, Sample, transform,
};
use lzn_random::{Purpose, Stream};
use ndarray::{Array3, Axis};
use proptest::prelude::*;

const SHAPE: ImageShape = ImageShape { channels: 3, height: 16, width: 16 };

/// The published views, with a blur that suits small images.
const VIEWS: AugmentConfig =
    AugmentConfig { blur: Some(BlurConfig { kernel: 3, ..BlurConfig::PUBLISHED }), ..AugmentConfig::VIEWS };

fn augment(config: AugmentConfig, seed: u64) -> Augment {
    Augment::new(config, seed, SHAPE).expect("valid")
}

/// The changes of many samples of one size.
fn draws(config: AugmentConfig, size: [usize; 2], samples: usize) -> Vec<Changes> {
    let augment = augment(config, 5);
    (0..samples).map(|sample| augment.draw(size, 0, sample, 0)).collect()
}

/// Asserts that numbers are uniform in `low..high` by their bounds, mean and variance; five standard errors.
fn assert_uniform(numbers: &[f64], low: f64, high: f64, what: &str) {
    assert!(numbers.iter().all(|number| (low..=high).contains(number)), "{what} outside {low}..{high}");
    let unit: Vec<f64> = numbers.iter().map(|number| (number - low) / (high - low)).collect();
    let count = unit.len() as f64;
    let mean = unit.iter().sum::<f64>() / count;
    let variance = unit.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / count;
    assert!((mean - 0.5).abs() < 5.0 * (1.0 / 12.0 / count).sqrt(), "{what}: mean {mean}");
    // The fourth moment of a uniform number about its mean is 1/80.
    let error = ((1.0 / 80.0 - 1.0 / 144.0) / count).sqrt();
    assert!((variance - 1.0 / 12.0).abs() < 5.0 * error, "{what}: variance {variance}");
}

/// Asserts a frequency within five standard errors.
fn assert_frequency(hits: usize, of: usize, probability: f64) {
    let (count, got) = (of as f64, hits as f64 / of as f64);
    assert!(
        (got - probability).abs() < 5.0 * (probability * (1.0 - probability) / count).sqrt(),
        "{got}, not {probability}"
    );
}

/// Photographs of many sizes, whose common shape is a square.
struct Photographs;

impl Photographs {
    fn whole(index: usize) -> Array3<u8> {
        let mut stream = Stream::new(3, Purpose::new("test/photograph"), [index as u64, 0, 0]);
        Array3::from_shape_simple_fn((3, 20 + index % 7, 17 + index % 11), || stream.below(256) as u8)
    }
}

impl Dataset for Photographs {
    fn len(&self) -> usize {
        24
    }

    fn image_shape(&self) -> ImageShape {
        SHAPE
    }

    fn class_names(&self) -> &[String] {
        &[]
    }

    fn read(&self, index: usize) -> Result<Sample, DataError> {
        let image = transform::centre_crop(Self::whole(index).view(), [16, 16]).to_owned();
        Ok(Sample::new(image, None))
    }

    fn read_whole(&self, index: usize) -> Result<Sample, DataError> {
        Ok(Sample::new(Self::whole(index), None))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn crops_lie_inside_and_keep_to_their_bounds(
        height in 1_usize..600, width in 1_usize..600, sample: usize, low in 0.01_f64..1.0, ratio in 0.2_f64..1.0,
    ) {
        let crop = CropConfig { area: [low, 1.0], ratio: [ratio, 1.0 / ratio] };
        let augment = augment(AugmentConfig { crop: Some(crop), ..AugmentConfig::NONE }, 5);
        let part = augment.draw([height, width], 0, sample, 0).crop.expect("asked for");
        prop_assert!(part.height >= 1 && part.top + part.height <= height);
        prop_assert!(part.width >= 1 && part.left + part.width <= width);
        // Sides are rounded to pixels, and never below one.
        let [least, most] = [0.5, -0.5].map(|half| (part.width as f64 - half) / (part.height as f64 + half).max(1e-9));
        let within = least <= crop.ratio[1] && most >= crop.ratio[0];
        prop_assert!(within || part.height == 1 || part.width == 1, "{part:?}");
    }

    #[test]
    fn batches_hold_the_views_of_their_samples_however_many_threads_read_them(
        seed: u64, size in 1_usize..9, workers in 0_usize..4, first_step in 0_u64..30,
    ) {
        let augment = augment(VIEWS, seed);
        let plan = BatchPlan::training(Photographs.len(), size, seed).expect("valid");
        let options = BatchOptions { augment: Some(augment), second_view: true, workers, ahead: 3 };
        let batches = Batches::new(Arc::new(Photographs), plan, options, first_step).expect("started");
        for batch in batches.take(4) {
            let batch = batch.expect("readable");
            let second = batch.second_view.as_ref().expect("asked for");
            for (view, images) in [&batch.images, second].into_iter().enumerate() {
                for (image, &index) in images.axis_iter(Axis(0)).zip(&batch.indices) {
                    let whole = Photographs::whole(index);
                    let expected = augment.view(whole.view(), batch.epoch, index, view as u64).expect("in colour");
                    prop_assert_eq!(image, expected);
                }
            }
        }
    }

    #[test]
    fn every_argument_of_a_draw_counts(
        seed: u64, epoch in 0_u64..1000, sample in 0_usize..1_000_000, view in 0_u64..2,
    ) {
        let draw = |seed, epoch, sample, view| augment(VIEWS, seed).draw([300, 400], epoch, sample, view);
        let base = draw(seed, epoch, sample, view);
        prop_assert_eq!(&base, &draw(seed, epoch, sample, view));
        for other in [
            draw(!seed, epoch, sample, view),
            draw(seed, epoch + 1, sample, view),
            draw(seed, epoch, sample + 1, view),
            draw(seed, epoch, sample, view + 1),
        ] {
            prop_assert_ne!(&base, &other);
        }
    }

    #[test]
    fn a_view_without_strength_is_the_image(seed: u64, sample: usize) {
        let config = AugmentConfig {
            crop: Some(CropConfig { area: [1.0, 1.0], ratio: [1.0, 1.0] }),
            jitter: Some(JitterConfig { probability: 1.0, brightness: 0.0, contrast: 0.0, saturation: 0.0, hue: 0.0 }),
            blur: Some(BlurConfig { probability: 1.0, kernel: 23, sigma: [1e-3, 0.1] }),
            ..AugmentConfig::NONE
        };
        let image = transform::centre_crop(Photographs::whole(sample % 24).view(), [16, 16]).to_owned();
        prop_assert_eq!(augment(config, seed).view(image.view(), 0, sample, 0).expect("in colour"), image);
    }
}

#[test]
fn areas_ratios_and_places_of_crops_are_uniform() {
    // Half of a square at a ratio of at most two always fits, so that no draw is refused; the image is large, so that
    // rounding is not seen.
    let (side, area, ratio) = (100_000, [0.1, 0.5], [0.5, 2.0]);
    let config = AugmentConfig { crop: Some(CropConfig { area, ratio }), ..AugmentConfig::NONE };
    let parts: Vec<_> = draws(config, [side; 2], 20_000).iter().map(|draw| draw.crop.expect("asked for")).collect();
    let each = |of: &dyn Fn(&transform::Rectangle) -> f64| parts.iter().map(of).collect::<Vec<f64>>();
    let whole = side as f64;
    let sides = |part: &transform::Rectangle| [part.height as f64, part.width as f64];
    let areas = each(&|part| (sides(part)[0] * sides(part)[1] / whole / whole).clamp(area[0], area[1]));
    assert_uniform(&areas, area[0], area[1], "area");
    let ratios = each(&|part| (sides(part)[1] / sides(part)[0]).ln().clamp(ratio[0].ln(), ratio[1].ln()));
    assert_uniform(&ratios, ratio[0].ln(), ratio[1].ln(), "log ratio");
    assert_uniform(&each(&|part| part.top as f64 / (whole - sides(part)[0])), 0.0, 1.0, "top");
    assert_uniform(&each(&|part| part.left as f64 / (whole - sides(part)[1])), 0.0, 1.0, "left");
}

#[test]
fn where_no_rectangle_fits_the_largest_in_the_middle_is_taken() {
    let config = AugmentConfig { crop: Some(CropConfig::PUBLISHED), ..AugmentConfig::NONE };
    // A part of 8 % of these would be wider than high, or higher than wide, than allowed.
    for (size, expected) in [([3, 300], [0, 148, 3, 4]), ([300, 3], [148, 0, 4, 3])] {
        let part = draws(config, size, 1)[0].crop.expect("asked for");
        assert_eq!([part.top, part.left, part.height, part.width], expected);
    }
}

#[test]
fn colours_are_changed_as_often_and_as_strongly_as_published_in_any_order() {
    let config = AugmentConfig { jitter: Some(JitterConfig::PUBLISHED), ..AugmentConfig::NONE };
    let draws = draws(config, [16, 16], 24_000);
    let changed: Vec<&Vec<ColourChange>> =
        draws.iter().map(|draw| &draw.jitter).filter(|jitter| !jitter.is_empty()).collect();
    assert_frequency(changed.len(), draws.len(), 0.8);

    let mut orders = std::collections::BTreeMap::new();
    let mut amounts = [const { Vec::new() }; 4];
    for changes in &changed {
        let order: Vec<usize> = changes
            .iter()
            .map(|change| {
                let (kind, amount) = match *change {
                    ColourChange::Brightness(factor) => (0, factor),
                    ColourChange::Contrast(factor) => (1, factor),
                    ColourChange::Saturation(factor) => (2, factor),
                    ColourChange::Hue(turns) => (3, turns),
                };
                amounts[kind].push(amount);
                kind
            })
            .collect();
        *orders.entry(order).or_insert(0) += 1;
    }
    assert_eq!(orders.len(), 24);
    orders.values().for_each(|count| assert_frequency(*count, changed.len(), 1.0 / 24.0));
    for (amounts, (low, high)) in amounts.iter().zip([(0.2, 1.8), (0.2, 1.8), (0.2, 1.8), (-0.2, 0.2)]) {
        assert_eq!(amounts.len(), changed.len());
        assert_uniform(amounts, low, high, "strength");
    }
}

#[test]
fn grey_flip_and_blur_come_as_often_and_as_strong_as_asked_for() {
    let blur = BlurConfig { probability: 0.3, kernel: 5, sigma: [0.5, 1.5] };
    let config = AugmentConfig { grey: 0.2, flip: true, blur: Some(blur), ..AugmentConfig::NONE };
    let draws = draws(config, [16, 16], 20_000);
    assert_frequency(draws.iter().filter(|draw| draw.grey).count(), draws.len(), 0.2);
    assert_frequency(draws.iter().filter(|draw| draw.flip).count(), draws.len(), 0.5);
    let blurs: Vec<(usize, f64)> = draws.iter().filter_map(|draw| draw.blur).collect();
    assert_frequency(blurs.len(), draws.len(), 0.3);
    assert!(blurs.iter().all(|(kernel, _)| *kernel == 5));
    assert_uniform(&blurs.iter().map(|(_, sigma)| *sigma).collect::<Vec<_>>(), 0.5, 1.5, "sigma");
    // Independently: both grey and blurred with the product of the probabilities.
    assert_frequency(draws.iter().filter(|draw| draw.grey && draw.blur.is_some()).count(), draws.len(), 0.06);
}

#[test]
fn switching_a_change_off_leaves_the_others_alone() {
    let all = AugmentConfig { shift: 2, ..VIEWS };
    let base = draws(all, [40, 50], 50);
    type Pair<'a> = (AugmentConfig, &'a dyn Fn(&mut Changes));
    let without: [Pair<'_>; 5] = [
        (AugmentConfig { crop: None, ..all }, &|draw| draw.crop = None),
        (AugmentConfig { flip: false, ..all }, &|draw| draw.flip = false),
        (AugmentConfig { jitter: None, ..all }, &|draw| draw.jitter.clear()),
        (AugmentConfig { grey: 0.0, ..all }, &|draw| draw.grey = false),
        (AugmentConfig { blur: None, ..all }, &|draw| draw.blur = None),
    ];
    for (config, remove) in without {
        let mut expected = base.clone();
        expected.iter_mut().for_each(remove);
        assert_ne!(expected, base);
        assert_eq!(draws(config, [40, 50], 50), expected);
    }
}

#[test]
fn a_view_is_made_by_the_operations_of_its_draw_in_their_order() {
    let augment = augment(AugmentConfig { shift: 1, ..VIEWS }, 9);
    for sample in 0..24 {
        let whole = Photographs::whole(sample);
        let (_, height, width) = whole.dim();
        let draw = augment.draw([height, width], 2, sample, 1);
        let part = draw.crop.expect("asked for");
        let mut image = transform::resized_crop(whole.view(), part, [16, 16]).expect("not empty");
        if draw.flip {
            transform::flip_horizontally(image.view_mut());
        }
        image = transform::shift_image(image.view(), draw.shift[0], draw.shift[1], draw.padding);
        for change in draw.jitter {
            match change {
                ColourChange::Brightness(factor) => transform::brightness(image.view_mut(), factor),
                ColourChange::Contrast(factor) => transform::contrast(image.view_mut(), factor),
                ColourChange::Saturation(factor) => transform::saturation(image.view_mut(), factor),
                ColourChange::Hue(turns) => transform::hue(image.view_mut(), turns),
            }
        }
        if draw.grey {
            transform::grey(image.view_mut());
        }
        let (kernel, sigma) = draw.blur.expect("always");
        transform::gaussian_blur(image.view_mut(), kernel, sigma);
        assert_eq!(augment.view(whole.view(), 2, sample, 1).expect("in colour"), image, "sample {sample}");
    }
}

#[test]
fn images_that_do_not_suit_are_refused() {
    let whole = augment(VIEWS, 0);
    assert!(whole.view(Array3::zeros((3, 5, 90)).view(), 0, 0, 0).is_ok());
    for shape in [(1, 16, 16), (3, 0, 16)] {
        let refused = whole.view(Array3::zeros(shape).view(), 0, 7, 0);
        assert!(matches!(refused, Err(DataError::SampleShape { index: 7, .. })), "{shape:?}");
    }
    let same = augment(AugmentConfig::default(), 0);
    assert!(same.view(Array3::zeros((3, 16, 17)).view(), 0, 0, 0).is_err());
}

#[test]
fn values_that_mean_nothing_are_refused_by_name() {
    let crop = |area, ratio| AugmentConfig { crop: Some(CropConfig { area, ratio }), ..AugmentConfig::NONE };
    let jitter = |jitter| AugmentConfig { jitter: Some(jitter), ..AugmentConfig::NONE };
    let blur = |probability, kernel, sigma| AugmentConfig {
        blur: Some(BlurConfig { probability, kernel, sigma }),
        ..AugmentConfig::NONE
    };
    let published = JitterConfig::PUBLISHED;
    for (config, key) in [
        (crop([0.0, 1.0], [0.7, 1.3]), "augment.crop.area"),
        (crop([0.5, 1.1], [0.7, 1.3]), "augment.crop.area"),
        (crop([0.5, 0.4], [0.7, 1.3]), "augment.crop.area"),
        (crop([0.5, 1.0], [f64::NAN, 1.3]), "augment.crop.ratio"),
        (crop([0.5, 1.0], [0.7, f64::INFINITY]), "augment.crop.ratio"),
        (jitter(JitterConfig { probability: 1.5, ..published }), "augment.jitter.probability"),
        (jitter(JitterConfig { brightness: -0.1, ..published }), "augment.jitter.brightness"),
        (jitter(JitterConfig { contrast: f64::INFINITY, ..published }), "augment.jitter.contrast"),
        (jitter(JitterConfig { saturation: f64::NAN, ..published }), "augment.jitter.saturation"),
        (jitter(JitterConfig { hue: 0.6, ..published }), "augment.jitter.hue"),
        (AugmentConfig { grey: -0.1, ..AugmentConfig::NONE }, "augment.grey"),
        (blur(2.0, 3, [0.1, 2.0]), "augment.blur.probability"),
        (blur(1.0, 4, [0.1, 2.0]), "augment.blur.kernel"),
        (blur(1.0, 33, [0.1, 2.0]), "augment.blur.kernel"),
        (blur(1.0, 3, [0.0, 2.0]), "augment.blur.sigma"),
        (blur(1.0, 3, [2.0, 1.0]), "augment.blur.sigma"),
    ] {
        let message = Augment::new(config, 0, SHAPE).expect_err(key).to_string();
        assert!(message.starts_with(&format!("`{key}` must ")), "{message}");
    }
    assert!(Augment::new(blur(1.0, 31, [0.1, 2.0]), 0, SHAPE).is_ok());
}

#[test]
fn empty_tables_stand_for_the_published_values() {
    let parse = |text: &str| toml::from_str::<AugmentConfig>(text);
    let views = parse("flip = true\ncrop = {}\njitter = {}\ngrey = 0.2\nblur = {}").expect("valid");
    assert_eq!(views, AugmentConfig::VIEWS);
    assert_eq!(parse(&toml::to_string(&views).expect("serialised")).expect("round trip"), views);
    assert!(parse("crop = { scale = 1 }").expect_err("unknown key").to_string().contains("scale"));
    // What is not asked for does not appear.
    assert_eq!(
        toml::to_string(&AugmentConfig::default()).expect("serialised"),
        "flip = true\nshift = 0\npadding = \"zero\"\n"
    );
    assert!(
        AugmentConfig::NONE.is_none()
            && !AugmentConfig::default().is_none()
            && !AugmentConfig { grey: 0.1, ..AugmentConfig::NONE }.is_none()
    );
}
