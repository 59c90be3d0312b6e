//! What configurations the ResNet encoder accepts, and what it does with its images.

use lzn_encoders::{ImageAnchors, ResNet, ResNetConfig};
use lzn_random::{Purpose, Stream};
use lzn_torch::{ParamStore, nn::ImageShape};
use tch::{Device, Kind, Tensor};

const IMAGE: ImageShape = ImageShape { size: 32, channels: 2 };

fn small() -> ResNetConfig {
    ResNetConfig { layers: vec![2, 1], ..ResNetConfig::default() }
}

fn variants() -> Vec<(&'static str, ResNetConfig)> {
    vec![
        ("plain", small()),
        ("wide", ResNetConfig { width_multiplier: 2, ..small() }),
        ("one head layer", ResNetConfig { head_num_layers: 1, ..small() }),
        ("three head layers", ResNetConfig { head_num_layers: 3, ..small() }),
        ("three stages", ResNetConfig { layers: vec![1, 2, 1], ..small() }),
    ]
}

fn build(config: &ResNetConfig, latent_dim: usize) -> (ParamStore, ResNet) {
    let store = ParamStore::new(Device::Cpu, 0);
    let net = ResNet::new(&store.root(), config, IMAGE, latent_dim).unwrap();
    (store, net)
}

fn images() -> Tensor {
    let values = Stream::new(0, Purpose::new("test"), [0; 3]).normals(3 * 2 * 32 * 32);
    Tensor::from_slice(&values).view([3, 2, 32, 32])
}

#[test]
fn every_parameter_moves_the_anchor() {
    for (name, config) in variants() {
        let (store, net) = build(&config, 64);
        let anchors = net.forward(&images(), true).unwrap();
        assert_eq!(anchors.size(), [3, 64], "{name}");
        let direction = Stream::new(1, Purpose::new("test"), [0; 3]).normals(3 * 64);
        (anchors * Tensor::from_slice(&direction).view([3, 64])).sum(Kind::Float).backward();
        for (parameter, tensor) in store.trainable() {
            assert!(tensor.grad().defined(), "{name}: {parameter} is not used");
            assert!(tensor.grad().abs().max().double_value(&[]) > 0.0, "{name}: {parameter} has no effect");
        }
    }
}

#[test]
fn samples_of_a_batch_do_not_see_each_other() {
    for (name, config) in variants() {
        let (_, net) = build(&config, 64);
        let all = net.forward(&images(), true).unwrap();
        for i in 0..3 {
            let alone = net.forward(&images().narrow(0, i, 1), true).unwrap();
            assert!(alone.allclose(&all.narrow(0, i, 1), 1e-4, 1e-4, false), "{name}, sample {i}");
        }
    }
}

#[test]
fn anchors_do_not_depend_on_the_scale_of_the_features() {
    // Every layer of the head is normalised and has no bias before it.
    let (_, net) = build(&small(), 64);
    let features = net.features(&images()).unwrap();
    assert!((net.head(&features) - net.head(&(&features * 7.0))).abs().max().double_value(&[]) < 1e-3);
}

#[test]
fn resnet_50_has_the_published_number_of_parameters() {
    // The number of the paper, 24,032,832, is that of one dense layer; the published configuration has two, and the
    // other one has 2048 x 2048 weights and 2 x 2048 numbers of its normalisation.
    for (layers, expected) in [(1, 24_032_832), (2, 24_032_832 + 2048 * 2048 + 2 * 2048)] {
        let config = ResNetConfig { head_num_layers: layers, ..ResNetConfig::default() };
        let store = ParamStore::new(Device::Cpu, 0);
        ResNet::new(&store.root(), &config, ImageShape { size: 224, channels: 3 }, 256).unwrap();
        assert_eq!(store.trainable_values(), expected, "{layers} layers");
    }
}

#[test]
fn impossible_configurations_are_refused_by_their_key() {
    type Break = fn(&mut ResNetConfig);
    let cases: [(&str, usize, Break); 6] = [
        ("`layers` is empty", 64, |c| c.layers = vec![]),
        ("`layers` is 0", 64, |c| c.layers = vec![2, 0]),
        ("width_multiplier", 64, |c| c.width_multiplier = 0),
        ("head_num_layers", 64, |c| c.head_num_layers = 0),
        ("`latent_dim` is 0", 0, |_| ()),
        ("`latent_dim` is 200", 200, |_| ()),
    ];
    for (expected, latent_dim, break_it) in cases {
        let mut config = small();
        break_it(&mut config);
        let error = ResNet::new(&ParamStore::new(Device::Cpu, 0).root(), &config, IMAGE, latent_dim).unwrap_err();
        assert!(error.to_string().contains(expected), "`{error}` does not mention {expected}");
    }
}

#[test]
fn images_that_do_not_fit_are_refused() {
    let error = build(&small(), 64).1.forward(&images().narrow(3, 0, 8), false).unwrap_err().to_string();
    assert!(error.contains("`images`") && error.contains("[3, 2, 32, 8]"), "{error}");
}
