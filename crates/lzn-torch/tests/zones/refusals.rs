//! Bad input is refused with words that name the argument.

use lzn_latent::{LatentError, Solver, ZoneFlow};
use lzn_torch::TorchError;
use lzn_torch::zones::{self, Zones};
use tch::{Device, Kind, Tensor};

fn zeros(rows: i64, columns: i64) -> Tensor {
    Tensor::zeros([rows, columns], (Kind::Float, Device::Cpu))
}

fn refusal(anchors: &Tensor, weights: Option<&Tensor>, owners: &Tensor, noise: &Tensor) -> TorchError {
    let flow = ZoneFlow::new(Solver::euler(2)).unwrap();
    let zones = Zones { anchors, weights };
    let forward = zones::to_latents(&flow, &zones, owners, noise).unwrap_err();
    let reverse = zones::to_anchors(&flow, noise, &zones, owners).unwrap_err();
    assert_eq!(std::mem::discriminant(&forward), std::mem::discriminant(&reverse));
    forward
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let owners = Tensor::from_slice(&[0_i64, 1]);
    let weights = Tensor::from_slice(&[1_f32, 1.0]);
    for (anchors, weights, owners, noise, word) in [
        (zeros(3, 4).view([12]), None, &owners, zeros(2, 4), "`anchors`"),
        (zeros(3, 4), None, &owners, zeros(2, 5), "`noise`"),
        (zeros(3, 4), None, &owners, zeros(3, 4), "`owners`"),
        (zeros(3, 4), Some(&weights), &owners, zeros(2, 4), "`weights`"),
        (zeros(3, 4), None, &weights, zeros(2, 4), "`owners`"),
        (zeros(3, 4).to_kind(Kind::Int64), None, &owners, zeros(2, 4), "`anchors`"),
    ] {
        let error = refusal(&anchors, weights, owners, &noise).to_string();
        assert!(error.contains(word), "{error} should name {word}");
    }
}

#[test]
fn owners_without_a_zone_are_refused() {
    let (anchors, noise) = (zeros(3, 4), zeros(2, 4));
    for (owners, row, owner) in [([0_i64, 3], 1, 3), ([-1, 0], 0, -1)] {
        let TorchError::Latent(error) = refusal(&anchors, None, &Tensor::from_slice(&owners), &noise) else { panic!() };
        assert!(matches!(error, LatentError::Owner { row: r, owner: o, anchors: 3, .. } if (r, o) == (row, owner)));
    }
    let weights = Tensor::from_slice(&[1_f32, 0.0, 2.0]);
    let error = refusal(&anchors, Some(&weights), &Tensor::from_slice(&[0_i64, 1]), &noise);
    assert!(matches!(error, TorchError::Latent(LatentError::EmptyZone { row: 1, owner: 1, .. })));
}

#[test]
fn weights_must_be_weights_and_anchors_must_exist() {
    let (anchors, noise, owners) = (zeros(3, 4), zeros(1, 4), Tensor::from_slice(&[0_i64]));
    for weights in [[1.0, -1.0, 1.0], [1.0, f32::NAN, 1.0], [1.0, f32::INFINITY, 1.0]] {
        let error = refusal(&anchors, Some(&Tensor::from_slice(&weights)), &owners, &noise);
        assert!(
            matches!(&error, TorchError::Latent(LatentError::Weight { rows, .. }) if rows.first() == [1]),
            "{error}"
        );
    }
    let error = refusal(&anchors, Some(&Tensor::from_slice(&[0_f32; 3])), &owners, &noise);
    assert!(matches!(error, TorchError::Latent(LatentError::NoWeight { .. })));
    let error = refusal(&zeros(0, 4), None, &owners, &noise);
    assert!(matches!(error, TorchError::Latent(LatentError::NoAnchors { .. })));
}
