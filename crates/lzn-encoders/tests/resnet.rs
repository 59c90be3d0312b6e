//! What configurations the ResNet encoder accepts, and what it does with its images.

use lzn_encoders::{BlockKind, ImageAnchors, ResNet, ResNetConfig, StemKind};
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
        ("basic", ResNetConfig { block: BlockKind::Basic, ..small() }),
        ("selective kernels", ResNetConfig { selective_kernels: true, ..small() }),
        ("small stem", ResNetConfig { stem: StemKind::Small, ..small() }),
        ("narrow", ResNetConfig { base_channels: 16, groups: 8, block: BlockKind::Basic, ..small() }),
    ]
}

fn build(config: &ResNetConfig, latent_dim: usize) -> (ParamStore, ResNet) {
    let store = ParamStore::new(Device::Cpu, 0);
    let net = ResNet::new(&store.root(), config, IMAGE, latent_dim).expect("valid");
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
fn a_representation_is_the_features_and_their_anchors() {
    for (name, config) in variants() {
        let (_, net) = build(&config, 64);
        let represented = net.represent(&images()).unwrap();
        assert!(represented.features.equal(&net.features(&images()).unwrap()), "{name}");
        assert!(represented.anchors.equal(&net.forward(&images(), false).unwrap()), "{name}");
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

/// One layer of the head in double precision: `relu` of the input if asked for, dense without bias, 32 groups normalised.
fn oracle_layer(x: &[f64], relu: bool, [weight, scale, shift]: [&Tensor; 3]) -> Vec<f64> {
    let numbers =
        |tensor: &Tensor| Vec::<f64>::try_from(tensor.detach().to_kind(Kind::Double).view(-1)).expect("numbers");
    let (weight, scale, shift) = (numbers(weight), numbers(scale), numbers(shift));
    let x: Vec<f64> = x.iter().map(|x| if relu { x.max(0.0) } else { *x }).collect();
    let dense: Vec<f64> = weight.chunks(x.len()).map(|row| row.iter().zip(&x).map(|(w, x)| w * x).sum()).collect();
    let size = dense.len() / 32;
    let normed = dense.chunks(size).flat_map(|group| {
        let mean = group.iter().sum::<f64>() / size as f64;
        let variance = group.iter().map(|h| (h - mean).powi(2)).sum::<f64>() / size as f64;
        group.iter().map(move |h| (h - mean) / (variance + 1e-5).sqrt())
    });
    normed.zip(scale.iter().zip(&shift)).map(|(h, (scale, shift))| h * scale + shift).collect()
}

#[test]
fn the_head_is_dense_layers_with_32_groups_each_and_relu_between() {
    // The golden head has 32 outputs, each a group of its own and so equal to its shift: it shows nothing of the weights.
    let (store, net) = build(&ResNetConfig { layers: vec![1], head_num_layers: 3, ..small() }, 96);
    let head: Vec<Tensor> =
        store.named().into_iter().filter(|(name, _)| name.starts_with("head.")).map(|(_, tensor)| tensor).collect();
    let mut stream = Stream::new(5, Purpose::new("test"), [0; 3]);
    tch::no_grad(|| {
        for tensor in head.iter().filter(|tensor| tensor.dim() == 1) {
            let values = stream.normals(tensor.numel());
            tensor.shallow_clone().copy_(&Tensor::from_slice(&values));
        }
    });
    let features = net.features(&images()).unwrap();
    let anchors = net.head(&features);
    for sample in 0..3 {
        let row = |tensor: &Tensor| tensor.detach().get(sample).to_kind(Kind::Double);
        let mut expected = Vec::<f64>::try_from(row(&features)).unwrap();
        for (layer, parameters) in head.chunks(3).enumerate() {
            expected = oracle_layer(&expected, layer > 0, [&parameters[0], &parameters[1], &parameters[2]]);
        }
        let expected = Tensor::from_slice(&expected);
        let error = (row(&anchors) - &expected).norm() / expected.norm();
        assert!(error.double_value(&[]) < 1e-5, "sample {sample}: {error}");
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
fn customary_depths_have_the_customary_number_of_parameters() {
    // He et al. 2016 with 1,000 classes: 11,689,512 and 21,797,672 (the common implementation's counts, whose last layer has
    // 512 x 1000 weights and 1,000 biases). Here the classifier is replaced by a head of one dense layer to 64, normalised.
    for (layers, published) in [(vec![2, 2, 2, 2], 11_689_512), (vec![3, 4, 6, 3], 21_797_672)] {
        let config = ResNetConfig { layers, block: BlockKind::Basic, head_num_layers: 1, ..ResNetConfig::default() };
        let store = ParamStore::new(Device::Cpu, 0);
        ResNet::new(&store.root(), &config, ImageShape { size: 224, channels: 3 }, 64).unwrap();
        assert_eq!(store.trainable_values(), published - (512 * 1000 + 1000) + (512 * 64 + 2 * 64));
    }
}

#[test]
fn a_smaller_stem_keeps_more_of_the_resolution() {
    let kernel = |stem| {
        let store = build(&ResNetConfig { layers: vec![1], stem, ..small() }, 64).0;
        store.named().into_iter().find(|(name, _)| name == "stem.conv.weight").unwrap().1.size()
    };
    assert_eq!(kernel(StemKind::Large), [64, 2, 7, 7]);
    assert_eq!(kernel(StemKind::Medium), [64, 2, 3, 3]);
    assert_eq!(kernel(StemKind::Small), [64, 2, 3, 3]);
    // A bright pixel that moves by as much as lies between two pixels of the first map gives the same features, as long as nothing of it
    // comes near the border; moved by half of that it does not.
    let moved = |stem, by: i64| {
        let net = build(&ResNetConfig { layers: vec![1], stem, ..small() }, 64).1;
        let picture = Tensor::full([1, 2, 32, 32], -1.0, (Kind::Float, Device::Cpu));
        let _ = picture.narrow(2, 12, 1).narrow(3, 12, 1).fill_(1.0);
        let features = |picture: &Tensor| net.features(picture).unwrap();
        let error = features(&picture.roll([by], [3])) - features(&picture);
        (error.norm() / features(&picture).norm()).double_value(&[])
    };
    for (stem, stride) in [(StemKind::Large, 4), (StemKind::Medium, 2), (StemKind::Small, 1)] {
        assert!(moved(stem, stride) < 1e-5, "{stem:?}");
        assert!(stride == 1 || moved(stem, stride / 2) > 1e-4, "{stem:?}");
    }
}

#[test]
fn impossible_configurations_are_refused_by_their_key() {
    type Break = fn(&mut ResNetConfig);
    let cases: [(&str, usize, Break); 10] = [
        ("`layers` is empty", 64, |c| c.layers = vec![]),
        ("`layers` is 0", 64, |c| c.layers = vec![2, 0]),
        ("width_multiplier", 64, |c| c.width_multiplier = 0),
        ("head_num_layers", 64, |c| c.head_num_layers = 0),
        ("groups", 64, |c| c.groups = 0),
        ("`base_channels` is 48", 64, |c| c.base_channels = 48),
        ("`base_channels` is 0", 64, |c| c.base_channels = 0),
        ("selective_kernels", 64, |c| (c.selective_kernels, c.block) = (true, BlockKind::Basic)),
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
