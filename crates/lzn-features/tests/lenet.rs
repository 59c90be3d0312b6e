//! LeNet: its training, its features, its files.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use lzn_features::lenet::{Labelled, Recipe};
use lzn_features::{FeatureError, FeatureNet, LeNet};
use lzn_random::{Purpose, Stream};
use ndarray::{Array4, Axis};
use tch::Device;

/// Noise with one of four quarters brighter; the quarter is the label.
fn quarters(count: usize, channels: usize, side: usize, seed: u64) -> (Array4<u8>, Vec<i64>) {
    let labels: Vec<i64> = (0..count as i64).map(|i| i % 4).collect();
    let noise = Stream::new(seed, Purpose::new("test"), [0; 3]).uniforms(count * channels * side * side, 0.0, 150.0);
    let mut images = Array4::from_shape_vec((count, channels, side, side), noise).unwrap().mapv(|x| x as u8);
    for (mut image, label) in images.axis_iter_mut(Axis(0)).zip(&labels) {
        let (top, left) = (*label as usize / 2 * side / 2, *label as usize % 2 * side / 2);
        let mut quarter = image.slice_mut(ndarray::s![.., top..top + side / 2, left..left + side / 2]);
        quarter.mapv_inplace(|x| x + 60);
    }
    (images, labels)
}

fn recipe(seed: u64) -> Recipe {
    Recipe { seed, epochs: 4, batch_size: 16, learning_rate: 0.02 }
}

fn trained(channels: usize, side: usize, seed: u64) -> LeNet {
    let (images, labels) = quarters(160, channels, side, 1);
    let (test_images, test_labels) = quarters(60, channels, side, 2);
    let data = Labelled { images: images.view(), labels: &labels };
    let test = Labelled { images: test_images.view(), labels: &test_labels };
    LeNet::train(&data, Some(&test), 4, &recipe(seed), Device::Cpu, |_, _| {}).unwrap()
}

#[test]
fn grey_and_colour_images_of_28_and_32_pixels_are_learnt() {
    for (channels, side) in [(1, 28), (3, 32)] {
        let net = trained(channels, side, 0);
        assert!(net.record().test_accuracy.unwrap() > 0.95, "{:?}", net.record());
        assert_eq!(net.record().shape, [channels, side, side]);
    }
}

#[test]
fn the_seed_decides_all_weights_and_the_digest_tells_them_apart() {
    let digest = |seed| trained(1, 28, seed).identity().weights_sha256.clone();
    let first = digest(0);
    assert_eq!(first.len(), 64);
    assert_eq!(first, digest(0));
    assert_ne!(first, digest(1));
}

#[test]
fn features_of_the_training_images_have_mean_0_and_deviation_1_and_dead_ones_are_counted() {
    let net = trained(1, 28, 0);
    let pooled = net.features(quarters(160, 1, 28, 1).0.view()).unwrap().pooled.mapv(f64::from);
    assert_eq!(pooled.ncols(), net.identity().dimension);
    assert_eq!(pooled.ncols() + net.record().dead_features, 128);
    assert!(pooled.mean_axis(Axis(0)).unwrap().iter().all(|mean| mean.abs() < 1e-4));
    assert!(pooled.std_axis(Axis(0), 0.0).iter().all(|deviation| (deviation - 1.0).abs() < 1e-4));
}

#[test]
fn a_saved_network_is_the_same_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lenet.safetensors");
    let net = trained(1, 28, 3);
    net.save(&path).unwrap();
    let loaded = LeNet::load(&path, Device::Cpu).unwrap();
    assert_eq!((loaded.record(), loaded.identity()), (net.record(), net.identity()));
    let (images, _) = quarters(9, 1, 28, 5);
    assert_eq!(loaded.features(images.view()).unwrap(), net.features(images.view()).unwrap());
}

#[test]
fn a_file_of_something_else_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    let tensor = ("weight".to_owned(), tch::Tensor::from_slice(&[1f32]));
    lzn_torch::files::save(&path, &[tensor], &Default::default()).unwrap();
    let message = LeNet::load(&path, Device::Cpu).unwrap_err().to_string();
    assert!(message.contains("other.safetensors") && message.contains("no LeNet"), "{message}");
}

#[test]
fn data_and_recipes_of_which_nothing_can_be_learnt_are_refused() {
    let (images, labels) = quarters(8, 1, 28, 1);
    let train = |images: &Array4<u8>, labels: &[i64], recipe: &Recipe| {
        let data = Labelled { images: images.view(), labels };
        LeNet::train(&data, None, 4, recipe, Device::Cpu, |_, _| {}).unwrap_err()
    };
    let refused = [
        (train(&images, &labels[..7], &recipe(0)), "8 images and 7 labels"),
        (train(&images, &[0, 1, 2, 3, 4, 0, 1, 2], &recipe(0)), "label 4"),
        (train(&quarters(8, 2, 28, 1).0, &labels, &recipe(0)), "1 or 3 channels"),
        (train(&images, &labels, &Recipe { learning_rate: f64::NAN, ..recipe(0) }), "learning rate"),
    ];
    for (error, words) in refused {
        assert!(matches!(&error, FeatureError::Training(problem) if problem.contains(words)), "{error}");
    }
}
