//! A decoder that computes its blocks again in the backward pass learns the same. In a process of its own: dropout draws from the one
//! generator that libtorch has.
#![expect(clippy::unwrap_used, reason = "a case whose network cannot be built is a failed test")]

use lzn_flow::{Progressive, ProgressiveInput, TimeEmbeddingKind, VelocityNet, VelocityNetConfig, VelocityNetInput};
use lzn_random::{Purpose, Stream};
use lzn_torch::{ParamStore, nn::ImageShape};
use tch::{Device, Kind, Tensor};

/// Small networks as the published ones are put together at 32 and at 256 pixels, with dropout.
fn variants() -> [VelocityNetConfig; 2] {
    let small = VelocityNetConfig {
        nf: 8,
        ch_mult: vec![1, 2],
        num_res_blocks: 1,
        attn_resolutions: vec![8],
        dropout: 0.3,
        init_scale: 1.0,
        ..VelocityNetConfig::default()
    };
    let large = VelocityNetConfig {
        embedding_type: TimeEmbeddingKind::Fourier,
        fir: true,
        progressive: Progressive::OutputSkip,
        progressive_input: ProgressiveInput::InputSkip,
        scale_by_sigma: true,
        ..small.clone()
    };
    [small, large]
}

/// The velocity and, by name, all gradients.
fn pass(config: &VelocityNetConfig) -> Vec<(String, Tensor)> {
    let input = VelocityNetInput { image: ImageShape { size: 16, channels: 2 }, latent_dim: 6, classes: 0 };
    let store = ParamStore::new(Device::Cpu, 0);
    let net = VelocityNet::new(&store.root(), config, input).unwrap();
    let normal = |shape: &[i64], index| {
        let n = shape.iter().product::<i64>() as usize;
        Tensor::from_slice(&Stream::new(0, Purpose::new("test"), [index, 0, 0]).normals(n)).view(shape)
    };
    let latent = normal(&[3, 6], 1).set_requires_grad(true);
    tch::manual_seed(1);
    let times = Tensor::from_slice(&[0.1f32, 0.5, 1.0]);
    let velocity = net.forward(&normal(&[3, 2, 16, 16], 0), &times, Some(&latent), None, true).unwrap();
    (&velocity * normal(&[3, 2, 16, 16], 2)).sum(Kind::Float).backward();
    let gradients = store.trainable().into_iter().map(|(name, tensor)| (name, tensor.grad()));
    [("velocity".to_owned(), velocity), ("latent".to_owned(), latent.grad())].into_iter().chain(gradients).collect()
}

#[test]
fn velocities_are_the_same_to_the_bit_and_gradients_up_to_the_order_of_sums_when_blocks_are_computed_again() {
    for config in variants() {
        let kept = pass(&config);
        let again = pass(&VelocityNetConfig { recompute: true, ..config.clone() });
        assert!(kept[0].1.equal(&again[0].1), "{config:?}");
        let norm = |tensor: &Tensor| tensor.square().sum(Kind::Double).sqrt().double_value(&[]);
        let whole = kept.iter().skip(1).map(|(_, tensor)| norm(tensor).powi(2)).sum::<f64>().sqrt();
        for ((name, kept), (_, again)) in kept.iter().zip(&again) {
            // Of float32 sums in another order, where a feature map goes into several blocks.
            assert!(norm(&(kept - again)) < 1e-6 * whole, "{name} of {config:?}");
            assert!(kept.abs().max().double_value(&[]) > 0.0 || name.ends_with("key.bias"), "{name}");
        }
    }
}
