//! What configurations the velocity network accepts, and what it does with its inputs.
#![expect(clippy::unwrap_used, reason = "a case whose network cannot be built is a failed test")]

use lzn_flow::{Progressive, ProgressiveInput, TimeEmbeddingKind, VelocityNet, VelocityNetConfig, VelocityNetInput};
use lzn_random::{Purpose, Stream};
use lzn_torch::{ParamStore, nn::ImageShape};
use tch::{Device, Kind, Tensor};

const INPUT: VelocityNetInput =
    VelocityNetInput { image: ImageShape { size: 16, channels: 2 }, latent_dim: 6, classes: 3 };

fn small() -> VelocityNetConfig {
    VelocityNetConfig {
        nf: 8,
        ch_mult: vec![1, 2],
        num_res_blocks: 1,
        attn_resolutions: vec![8],
        dropout: 0.0,
        init_scale: 1.0,
        ..VelocityNetConfig::default()
    }
}

/// One configuration for each way that a network can be put together.
fn variants() -> Vec<(&'static str, VelocityNetConfig)> {
    let (output_skip, input_skip) = (Progressive::OutputSkip, ProgressiveInput::InputSkip);
    let fourier = TimeEmbeddingKind::Fourier;
    vec![
        ("plain", small()),
        ("patches", VelocityNetConfig { patch_size: 2, ..small() }),
        ("fir", VelocityNetConfig { fir: true, ..small() }),
        ("one level", VelocityNetConfig { ch_mult: vec![2], attn_resolutions: vec![], ..small() }),
        ("three levels", VelocityNetConfig { ch_mult: vec![1, 3, 2], num_res_blocks: 2, ..small() }),
        ("skips", VelocityNetConfig { progressive: output_skip, progressive_input: input_skip, ..small() }),
        ("skips of patches", VelocityNetConfig { progressive: output_skip, patch_size: 2, ..small() }),
        ("fourier", VelocityNetConfig { embedding_type: fourier, scale_by_sigma: true, fir: true, ..small() }),
        ("noise levels", VelocityNetConfig { scale_by_sigma: true, ..small() }),
        ("sums without rescaling", VelocityNetConfig { skip_rescale: false, ..small() }),
    ]
}

fn normal(shape: &[i64], index: u64) -> Tensor {
    let n = shape.iter().product::<i64>() as usize;
    Tensor::from_slice(&Stream::new(0, Purpose::new("test"), [index, 0, 0]).normals(n)).view(shape)
}

struct Case {
    store: ParamStore,
    net: VelocityNet,
    x: Tensor,
    t: Tensor,
    latent: Tensor,
    label: Tensor,
}

impl Case {
    fn new(config: &VelocityNetConfig) -> Self {
        let store = ParamStore::new(Device::Cpu, 0);
        let net = VelocityNet::new(&store.root(), config, INPUT).unwrap();
        Self {
            store,
            net,
            x: normal(&[3, 2, 16, 16], 0),
            t: Tensor::from_slice(&[0.1f32, 0.5, 1.0]),
            latent: normal(&[3, 6], 1),
            label: Tensor::eye(3, (Kind::Float, Device::Cpu)),
        }
    }

    fn velocity(&self, x: &Tensor, t: &Tensor, latent: &Tensor, label: &Tensor) -> Tensor {
        self.net.forward(x, t, Some(latent), Some(label), false).unwrap()
    }
}

#[test]
fn every_input_and_every_parameter_moves_the_velocity() {
    for (name, config) in variants() {
        let case = Case::new(&config);
        let inputs = [&case.x, &case.latent, &case.label, &case.t].map(|t| t.detach().set_requires_grad(true));
        let [x, latent, label, t] = &inputs;
        let velocity = case.velocity(x, t, latent, label);
        assert_eq!(velocity.size(), x.size(), "{name}");
        velocity.square().sum(Kind::Float).backward();
        for (i, input) in inputs.iter().enumerate() {
            assert!(input.grad().abs().max().double_value(&[]) > 0.0, "{name}: input {i} is not used");
        }
        for (parameter, tensor) in case.store.trainable() {
            // The softmax of attention does not see what all keys have in common.
            if parameter.ends_with("key.bias") {
                continue;
            }
            assert!(tensor.grad().defined(), "{name}: {parameter} is not used");
            assert!(tensor.grad().abs().max().double_value(&[]) > 0.0, "{name}: {parameter} has no effect");
        }
    }
}

#[test]
fn samples_of_a_batch_do_not_see_each_other() {
    for (name, config) in variants() {
        let case = Case::new(&config);
        let all = case.velocity(&case.x, &case.t, &case.latent, &case.label);
        for i in 0..3 {
            let [x, t, latent, label] = [&case.x, &case.t, &case.latent, &case.label].map(|t| t.narrow(0, i, 1));
            let alone = case.velocity(&x, &t, &latent, &label);
            let scale = all.abs().max().double_value(&[]);
            let difference = (alone - all.narrow(0, i, 1)).abs().max().double_value(&[]);
            assert!(difference < 1e-5 * scale, "{name}, sample {i}: {difference} of {scale}");
        }
    }
}

#[test]
fn a_network_with_published_first_values_starts_at_zero_velocity() {
    let case = Case::new(&VelocityNetConfig { init_scale: 0.0, ..small() });
    let largest = case.velocity(&case.x, &case.t, &case.latent, &case.label).abs().max().double_value(&[]);
    assert!(largest < 1e-3, "{largest}");
}

#[test]
fn dropout_acts_in_training_only() {
    let case = Case::new(&VelocityNetConfig { dropout: 0.5, ..small() });
    let run = |train| case.net.forward(&case.x, &case.t, Some(&case.latent), Some(&case.label), train).unwrap();
    assert_eq!(run(false), run(false));
    assert_ne!(run(true), run(false));
}

#[test]
fn names_are_unique_and_tell_the_place() {
    for (name, config) in variants() {
        let mut names = Case::new(&config).store.names();
        if config.ch_mult.len() == 2 {
            for expected in
                ["first.weight", "down.0.block0.conv0.weight", "middle.attention.query.weight", "up.1.step.norm0.bias"]
            {
                assert!(names.iter().any(|n| n == expected), "{name} has no {expected}: {names:?}");
            }
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "{name}");
    }
}

#[test]
fn impossible_configurations_are_refused_by_their_key() {
    type Break = fn(&mut VelocityNetConfig);
    let cases: [(&str, Break); 17] = [
        ("nf", |c| c.nf = 0),
        ("nf", |c| c.nf = 9),
        ("quarter of the channels", |c| c.nf = 2),
        ("132 channels", |c| c.nf = 132),
        ("ch_mult", |c| c.ch_mult = vec![]),
        ("ch_mult", |c| c.ch_mult = vec![1, 0]),
        ("`ch_mult` has 6 entries", |c| c.ch_mult = vec![1; 6]),
        ("num_res_blocks", |c| c.num_res_blocks = 0),
        ("`attn_resolutions` names resolution 5", |c| c.attn_resolutions = vec![8, 5]),
        ("dropout", |c| c.dropout = 1.0),
        ("init_scale", |c| c.init_scale = f64::NAN),
        ("patch_size", |c| c.patch_size = 3),
        ("patch_size", |c| c.patch_size = 0),
        ("fir_kernel", |c| (c.fir, c.fir_kernel) = (true, vec![1.0, 2.0, 1.0])),
        ("fir_kernel", |c| (c.fir, c.fir_kernel) = (true, vec![1.0, -1.0])),
        ("num_scales", |c| (c.scale_by_sigma, c.num_scales) = (true, 999)),
        ("sigma_min", |c| (c.scale_by_sigma, c.sigma_min) = (true, 0.0)),
    ];
    for (expected, break_it) in cases {
        let mut config = small();
        break_it(&mut config);
        let error = VelocityNet::new(&ParamStore::new(Device::Cpu, 0).root(), &config, INPUT).unwrap_err().to_string();
        assert!(error.contains(expected), "`{error}` does not mention {expected}");
    }
}

#[test]
fn arguments_that_do_not_fit_are_named() {
    let case = Case::new(&small());
    let Case { net, x, t, latent, label, .. } = &case;
    let wrong = Tensor::zeros([3, 7], (Kind::Float, Device::Cpu));
    for (expected, result) in [
        ("`x`", net.forward(&x.narrow(2, 0, 8), t, Some(latent), Some(label), false)),
        ("`t`", net.forward(x, &t.narrow(0, 0, 2), Some(latent), Some(label), false)),
        ("`latent`", net.forward(x, t, None, Some(label), false)),
        ("`latent`", net.forward(x, t, Some(&wrong), Some(label), false)),
        ("`label`", net.forward(x, t, Some(latent), None, false)),
        ("`label`", net.forward(x, t, Some(latent), Some(&wrong), false)),
    ] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(expected), "`{error}` does not name {expected}");
    }
}
