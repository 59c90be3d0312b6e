//! Encoders that compute their blocks again in the backward pass learn the same. In a process of its own: dropout draws from the one
//! generator that libtorch has.

use lzn_encoders::{EncoderError, ImageAnchors, ImageEncoder, ImageEncoderConfig, ResNet, ResNetConfig};
use lzn_random::{Purpose, Stream};
use lzn_torch::{ParamStore, Scope, nn::ImageShape};
use tch::{Device, Kind, Tensor};

const IMAGE: ImageShape = ImageShape { size: 32, channels: 2 };

/// The anchors and, by name, all gradients.
fn pass<N: ImageAnchors>(build: impl FnOnce(&Scope) -> Result<N, EncoderError>) -> Vec<(String, Tensor)> {
    let store = ParamStore::new(Device::Cpu, 0);
    let encoder = build(&store.root()).expect("valid");
    let normal = |n, index| Tensor::from_slice(&Stream::new(0, Purpose::new("test"), [index, 0, 0]).normals(n));
    tch::manual_seed(1);
    let anchors = encoder.forward(&normal(3 * 2 * 32 * 32, 0).view([3, 2, 32, 32]), true).expect("fits");
    (&anchors * normal(3 * 64, 1).view([3, 64])).sum(Kind::Float).backward();
    let gradients = store.trainable().into_iter().map(|(name, tensor)| (name, tensor.grad()));
    [("anchors".to_owned(), anchors)].into_iter().chain(gradients).collect()
}

fn assert_same(kept: &[(String, Tensor)], again: &[(String, Tensor)]) {
    assert!(kept[0].1.equal(&again[0].1));
    let norm = |tensor: &Tensor| tensor.square().sum(Kind::Double).sqrt().double_value(&[]);
    let whole = kept.iter().skip(1).map(|(_, tensor)| norm(tensor).powi(2)).sum::<f64>().sqrt();
    for ((name, kept), (_, again)) in kept.iter().zip(again) {
        // Of float32 sums in another order, where a feature map goes into several blocks.
        assert!(norm(&(kept - again)) < 1e-6 * whole, "{name}");
        assert!(kept.abs().max().double_value(&[]) > 0.0 || name.ends_with("key.bias"), "{name}");
    }
}

#[test]
fn anchors_are_the_same_to_the_bit_and_gradients_up_to_the_order_of_sums_when_blocks_are_computed_again() {
    let small = |recompute| ImageEncoderConfig {
        nf: 8,
        ch_mult: vec![1, 2],
        num_res_blocks: 1,
        attn_resolutions: vec![16],
        dropout: 0.3,
        fir: true,
        input_skip: true,
        init_scale: 1.0,
        num_base_channels: 3,
        num_base_units: 10,
        recompute,
        ..ImageEncoderConfig::default()
    };
    let [kept, again] = [false, true].map(|on| pass(|scope| ImageEncoder::new(scope, &small(on), IMAGE, 64)));
    assert_same(&kept, &again);
    let small = |recompute| ResNetConfig { layers: vec![2, 1], recompute, ..ResNetConfig::default() };
    let [kept, again] = [false, true].map(|on| pass(|scope| ResNet::new(scope, &small(on), IMAGE, 64)));
    assert_same(&kept, &again);
}
