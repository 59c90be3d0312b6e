//! Weights of ours in plain PyTorch modules. A machine need not have Python with PyTorch: `LZN_PYTHON` names one that has, and
//! otherwise `python3` is asked. Without, the names and shapes that the script relies on are still those of the networks.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use lzn_flow::VelocityField;
use lzn_tasks::config::RunConfig;
use lzn_tasks::model::Banks;
use lzn_tasks::{Lzn, Weights};
use lzn_torch::files;
use tch::{Device, Kind, Tensor};

/// A joint model that has everything: heads of two layers, attention, several levels.
const JOINT: &str = r#"
    data = { source = "image-folder", path = "absent", image_size = 16, channels = 3 }
    objective = [{ kind = "rectified-flow" }]
    [model]
    latent_dim = 6
    label_conditional = true
    labels = {}
    [model.encoder.ncsnpp]
    nf = 8
    ch_mult = [1, 2]
    num_res_blocks = 2
    attn_resolutions = [8]
    [model.decoder]
    nf = 8
    ch_mult = [1, 2]
    num_res_blocks = 2
    attn_resolutions = [8]
"#;

/// The ways in which networks can be put together otherwise.
const VARIANTS: [(&str, &[&str]); 4] = [
    ("as published at 32 pixels", &[]),
    (
        "as published at 256 pixels",
        &[
            "model.encoder.ncsnpp.fir=true",
            "model.encoder.ncsnpp.input_skip=true",
            "model.encoder.ncsnpp.latent_transformation_resolutions=[8]",
            "model.decoder.fir=true",
            "model.decoder.embedding_type=\"fourier\"",
            "model.decoder.progressive=\"output_skip\"",
            "model.decoder.progressive_input=\"input_skip\"",
            "model.decoder.scale_by_sigma=true",
        ],
    ),
    (
        "with patches and levels of noise",
        &[
            "model.normalise_anchors=true",
            "model.encoder.ncsnpp.patch_size=2",
            "model.encoder.ncsnpp.skip_rescale=false",
            "model.decoder.patch_size=2",
            "model.decoder.skip_rescale=false",
            "model.decoder.scale_by_sigma=true",
        ],
    ),
    ("with a ResNet", &["model.latent_dim=64", "model.encoder={resnet={layers=[1,2],head_num_layers=2}}"]),
];

/// A model whose every parameter counts: waves instead of first values, many of which are zero.
fn model(config: &RunConfig) -> Lzn {
    let model = Lzn::new(&config.model, &config.data, 3, 0, Device::Cpu).unwrap();
    let all = model.parts().into_iter().flat_map(|(_, params)| params.named());
    for (i, (name, tensor)) in all.enumerate().filter(|(_, (name, _))| name != "time.frequencies") {
        let wave = (Tensor::arange(tensor.numel() as i64, (Kind::Float, Device::Cpu)) * (0.7 + 0.01 * i as f64)).sin();
        let wave = wave.view(tensor.size().as_slice());
        let fan = tensor.size().iter().skip(1).product::<i64>() as f64;
        let values = if name.contains("norm") { wave * 0.2 + 1.0 } else { wave / fan.sqrt() };
        tch::no_grad(|| tensor.shallow_clone().copy_(&values));
    }
    model
}

/// Inputs, and what the model makes of them.
fn case(model: &Lzn) -> Vec<(String, Tensor)> {
    let wave = |n: i64, rate: f64| (Tensor::arange(n, (Kind::Float, Device::Cpu)) * rate).sin();
    let images = wave(3 * 3 * 16 * 16, 0.9).view([3, 3, 16, 16]);
    let (latents, labels) = (wave(3 * model.space.dim as i64, 1.7).view([3, -1]), Tensor::from_slice(&[2_i64, 0, 1]));
    let times = Tensor::from_slice(&[0.2f32, 0.5, 1.0]);
    let field = model.velocity_field(Some(&latents), Some(&labels), false).unwrap();
    let outputs = [
        ("anchors", model.image_anchors(&images, false).unwrap()),
        ("label_anchors", model.label_anchors().unwrap()),
        ("velocity", field.velocity(&images, &times).unwrap()),
    ];
    let one_hot = labels.one_hot(3).to_kind(Kind::Float);
    let inputs = [("images", images), ("latents", latents), ("t", times), ("one_hot", one_hot)];
    inputs.into_iter().chain(outputs).map(|(name, tensor)| (name.to_owned(), tensor.detach())).collect()
}

/// A Python that has PyTorch.
fn python() -> Option<OsString> {
    let python = std::env::var_os("LZN_PYTHON").unwrap_or_else(|| "python3".into());
    let asked = Command::new(&python).args(["-c", "import torch, tomllib"]).output();
    asked.is_ok_and(|output| output.status.success()).then_some(python)
}

#[test]
fn plain_modules_of_pytorch_give_the_outputs_of_our_networks() {
    let python = python();
    for (name, sets) in VARIANTS {
        let sets: Vec<_> = sets.iter().map(|set| set.parse().unwrap()).collect();
        let config = RunConfig::parse(JOINT, Path::new("test.toml"), &sets).unwrap();
        let model = model(&config);
        let place = tempfile::tempdir().unwrap();
        let weights = place.path().join("model.safetensors");
        let parts = model.parts();
        let tensors = parts.iter().flat_map(|(part, params)| {
            params.named().into_iter().map(move |(name, tensor)| (format!("{part}.{name}"), tensor))
        });
        let classes = ["a", "b", "c"].map(str::to_owned);
        Weights::save(&weights, &config, &classes, tensors.collect(), &Banks::default()).unwrap();
        let case_file = place.path().join("case.safetensors");
        files::save(&case_file, &case(&model), &BTreeMap::new()).unwrap();

        let Some(python) = &python else { continue };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/python/load_weights.py");
        let output = Command::new(python).arg(script).arg(&weights).arg("--check").arg(&case_file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {said}{}", String::from_utf8_lossy(&output.stderr));
        for (part, params) in &parts {
            let count: usize = params.named().iter().map(|(_, tensor)| tensor.numel()).sum();
            assert!(said.contains(&format!("{part}: {count} numbers")), "{name}: {said}");
        }
        assert_eq!(said.matches("relative difference").count(), 3, "{name}: {said}");
    }
}
