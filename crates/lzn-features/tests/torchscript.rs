//! TorchScript modules as feature networks.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use lzn_features::{Distance, FeatureError, FeatureNet, TorchScript, metric_name};
use lzn_resize::{Filter, Protocol, Resize};
use ndarray::{Array4, Axis};
use tch::{CModule, Device, Kind, Tensor};

/// Images of 8x8 pixels, the mean and deviation of whose levels are those of the module's training.
fn protocol() -> Protocol {
    let bilinear = Resize::PillowBytes(Filter::Bilinear);
    Protocol::custom("mine".into(), bilinear, [8, 8], [0.5, 0.4, 0.3], [0.25, 0.5, 1.0])
}

/// Traces `compute` on an input of the protocol and saves it.
fn saved(folder: &Path, compute: fn(&Tensor) -> Tensor) -> std::path::PathBuf {
    let input = Tensor::zeros([2, 3, 8, 8], (Kind::Float, Device::Cpu));
    let module = CModule::create_by_tracing("Net", "forward", &[input], &mut |x| vec![compute(&x[0])]).unwrap();
    let path = folder.join("net.pt");
    module.save(&path).unwrap();
    path
}

fn load(compute: fn(&Tensor) -> Tensor) -> Result<TorchScript, FeatureError> {
    let folder = tempfile::tempdir().unwrap();
    TorchScript::load(&saved(folder.path(), compute), "Mine", protocol(), Device::Cpu)
}

#[test]
fn features_are_what_the_module_returns_for_inputs_of_its_protocol() {
    let net = load(|x| x.mean_dim(&[2i64, 3][..], false, Kind::Float)).unwrap();
    assert_eq!(net.identity().dimension, 3);
    assert_eq!(net.identity().weights_sha256.len(), 64);
    assert_eq!(metric_name(Distance::Frechet, net.identity(), 50_000), "FD-Mine");

    let images = Array4::from_shape_fn((70, 3, 12, 8), |(b, c, y, x)| (b * 3 + c * 50 + y * 7 + x) as u8);
    let expected = protocol().apply(images.view()).unwrap().mean_axis(Axis(3)).unwrap().mean_axis(Axis(2)).unwrap();
    let features = net.features(images.view()).unwrap();
    assert_eq!(features.pooled.dim(), (70, 3));
    assert!(features.pooled.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn maps_of_one_pixel_are_rows_and_other_maps_are_refused_with_their_shape() {
    let net = load(|x| x.mean_dim(&[2i64, 3][..], true, Kind::Float)).unwrap();
    assert_eq!(net.identity().dimension, 3);
    let message = load(|x| x * 2.0).unwrap_err().to_string();
    assert!(message.contains("net.pt") && message.contains("[1, 3, 8, 8]"), "{message}");
}

#[test]
fn no_images_and_a_file_that_is_no_module_are_refused() {
    let net = load(|x| x.mean_dim(&[2i64, 3][..], false, Kind::Float)).unwrap();
    assert!(matches!(net.features(Array4::zeros((0, 3, 8, 8)).view()), Err(FeatureError::Inputs { .. })));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.pt");
    let large = Protocol { size: [8, 5000], ..protocol() };
    let error = TorchScript::load(&path, "Mine", large, Device::Cpu).unwrap_err();
    assert!(matches!(error, FeatureError::Side { got: 5000, .. }), "{error}");
    let load = || TorchScript::load(&path, "Mine", protocol(), Device::Cpu);
    assert!(matches!(load(), Err(FeatureError::Io { .. })));
    std::fs::write(&path, "no module").unwrap();
    assert!(matches!(load(), Err(FeatureError::Libtorch(_))));
}
