//! What configurations the image encoder accepts, and what it does with its images.

use lzn_encoders::{ImageAnchors, ImageEncoder, ImageEncoderConfig, LabelAnchors};
use lzn_random::{Purpose, Stream};
use lzn_torch::{ParamStore, nn::ImageShape};
use tch::{Device, Kind, Tensor};

const IMAGE: ImageShape = ImageShape { size: 16, channels: 2 };

fn small() -> ImageEncoderConfig {
    ImageEncoderConfig {
        nf: 8,
        ch_mult: vec![1, 2],
        num_res_blocks: 1,
        attn_resolutions: vec![8],
        dropout: 0.0,
        init_scale: 1.0,
        num_base_channels: 3,
        num_base_units: 10,
        ..ImageEncoderConfig::default()
    }
}

fn variants() -> Vec<(&'static str, ImageEncoderConfig)> {
    vec![
        ("plain", small()),
        ("patches", ImageEncoderConfig { patch_size: 2, ..small() }),
        ("fir and input skip", ImageEncoderConfig { fir: true, input_skip: true, ..small() }),
        ("three levels", ImageEncoderConfig { ch_mult: vec![1, 3, 2], num_res_blocks: 2, ..small() }),
        ("one dense layer", ImageEncoderConfig { num_latent_transformation_layers: 1, ..small() }),
        ("three dense layers", ImageEncoderConfig { num_latent_transformation_layers: 3, ..small() }),
        ("coarse levels only", ImageEncoderConfig { latent_transformation_resolutions: Some(vec![8]), ..small() }),
    ]
}

fn images() -> Tensor {
    let values = Stream::new(0, Purpose::new("test"), [0; 3]).normals(3 * 2 * 16 * 16);
    Tensor::from_slice(&values).view([3, 2, 16, 16])
}

#[test]
fn every_parameter_moves_the_anchor() {
    for (name, config) in variants() {
        let store = ParamStore::new(Device::Cpu, 0);
        let encoder = ImageEncoder::new(&store.root(), &config, IMAGE, 5).unwrap();
        let anchors = encoder.forward(&images(), true).unwrap();
        assert_eq!(anchors.size(), [3, 5], "{name}");
        anchors.square().sum(Kind::Float).backward();
        for (parameter, tensor) in store.trainable() {
            // The softmax of attention does not see what all keys have in common.
            if !parameter.ends_with("key.bias") {
                assert!(tensor.grad().defined(), "{name}: {parameter} is not used");
                assert!(tensor.grad().abs().max().double_value(&[]) > 0.0, "{name}: {parameter} has no effect");
            }
        }
    }
}

#[test]
fn samples_of_a_batch_do_not_see_each_other() {
    for (name, config) in variants() {
        let encoder = ImageEncoder::new(&ParamStore::new(Device::Cpu, 0).root(), &config, IMAGE, 5).unwrap();
        let all = encoder.forward(&images(), false).unwrap();
        for i in 0..3 {
            let alone = encoder.forward(&images().narrow(0, i, 1), false).unwrap();
            assert!(alone.allclose(&all.narrow(0, i, 1), 1e-4, 1e-5, false), "{name}, sample {i}");
        }
    }
}

#[test]
fn only_the_selected_resolutions_have_heads() {
    let store = ParamStore::new(Device::Cpu, 0);
    let config = ImageEncoderConfig { latent_transformation_resolutions: Some(vec![16]), ..small() };
    ImageEncoder::new(&store.root(), &config, IMAGE, 5).unwrap();
    let heads: Vec<String> = store.names().into_iter().filter(|name| name.starts_with("spatial.")).collect();
    // The first convolution and the block of the first level; down-sampling, second level and middle have 8 pixels.
    assert_eq!(heads, ["spatial.0.weight", "spatial.0.bias", "spatial.1.weight", "spatial.1.bias"]);
}

#[test]
fn encoders_have_the_published_numbers_of_parameters() {
    let at_256_pixels = ImageEncoderConfig {
        ch_mult: vec![1, 1, 2, 2, 2, 2, 2],
        num_res_blocks: 2,
        dropout: 0.0,
        fir: true,
        input_skip: true,
        latent_transformation_resolutions: Some(vec![64, 32, 16, 8, 4]),
        ..ImageEncoderConfig::default()
    };
    for (config, size, expected) in [(ImageEncoderConfig::default(), 32, 49_790_260), (at_256_pixels, 256, 87_768_896)]
    {
        let store = ParamStore::new(Device::Cpu, 0);
        ImageEncoder::new(&store.root(), &config, ImageShape { size, channels: 3 }, 200).unwrap();
        assert_eq!(store.trainable_values(), expected, "{size} pixels");
    }
}

#[test]
fn impossible_configurations_are_refused_by_their_key() {
    type Break = fn(&mut ImageEncoderConfig);
    let cases: [(&str, Break); 8] = [
        ("nf", |c| c.nf = 0),
        ("ch_mult", |c| c.ch_mult = vec![]),
        ("`latent_transformation_resolutions` is empty", |c| c.latent_transformation_resolutions = Some(vec![])),
        ("`latent_transformation_resolutions` names resolution 4", |c| {
            c.latent_transformation_resolutions = Some(vec![8, 4]);
        }),
        ("num_base_channels", |c| c.num_base_channels = 0),
        ("num_base_units", |c| c.num_base_units = 0),
        ("num_latent_transformation_layers", |c| c.num_latent_transformation_layers = 0),
        ("patch_size", |c| c.patch_size = 5),
    ];
    for (expected, break_it) in cases {
        let mut config = small();
        break_it(&mut config);
        let store = ParamStore::new(Device::Cpu, 0);
        let error = ImageEncoder::new(&store.root(), &config, IMAGE, 5).unwrap_err().to_string();
        assert!(error.contains(expected), "`{error}` does not mention {expected}");
    }
    let store = ParamStore::new(Device::Cpu, 0);
    let error = ImageEncoder::new(&store.root(), &small(), IMAGE, 0).unwrap_err().to_string();
    assert!(error.contains("latent_dim"), "{error}");
}

#[test]
fn images_that_do_not_fit_are_refused() {
    let encoder = ImageEncoder::new(&ParamStore::new(Device::Cpu, 0).root(), &small(), IMAGE, 5).unwrap();
    let error = encoder.forward(&images().narrow(3, 0, 8), false).unwrap_err().to_string();
    assert!(error.contains("`image`") && error.contains("[3, 2, 16, 8]"), "{error}");
}

#[test]
fn label_anchors_are_standard_normal_and_trainable() {
    let store = ParamStore::new(Device::Cpu, 0);
    let labels = LabelAnchors::new(&store.root(), 100, 200);
    assert_eq!(labels.anchors().size(), [100, 200]);
    assert!(labels.anchors().requires_grad());
    // Five standard errors of mean and standard deviation of 20,000 draws.
    let (mean, deviation) = (labels.anchors().mean(Kind::Double), labels.anchors().std(true));
    assert!(mean.double_value(&[]).abs() < 5.0 / 20_000f64.sqrt(), "{mean}");
    assert!((deviation.double_value(&[]) - 1.0).abs() < 5.0 / 40_000f64.sqrt(), "{deviation}");
}

#[test]
fn a_representation_is_the_mean_of_the_middle_and_the_anchors() {
    for (name, config) in variants() {
        let store = ParamStore::new(Device::Cpu, 0);
        let encoder = ImageEncoder::new(&store.root(), &config, IMAGE, 5).unwrap();
        let represented = encoder.represent(&images()).unwrap();
        assert!(represented.anchors.equal(&encoder.forward(&images(), false).unwrap()), "{name}");
        let channels = (config.nf * config.ch_mult.last().unwrap()) as i64;
        assert_eq!(represented.features.size(), [3, channels], "{name}");
        let spread = represented.features.std_dim([0].as_slice(), true, false).max().double_value(&[]);
        assert!(spread > 1e-3, "{name}: the features say nothing of the image");
    }
}
