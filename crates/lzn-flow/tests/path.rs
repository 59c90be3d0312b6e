//! Path, loss and conversion to bytes against their definitions.

use lzn_flow::{FlowError, RectifiedFlow, to_uint8};
use lzn_random::{Purpose, Stream};
use tch::{Kind, Tensor};

fn normal(shape: &[i64], index: u64) -> Tensor {
    let n = shape.iter().product::<i64>() as usize;
    Tensor::from_slice(&Stream::new(0, Purpose::new("test"), [index, 0, 0]).normals(n)).view(shape)
}

#[test]
fn the_path_runs_straight_from_noise_to_image() {
    let flow = RectifiedFlow::default();
    let (image, noise) = (normal(&[3, 2, 4, 4], 0), normal(&[3, 2, 4, 4], 1));
    let x = flow.interpolate(&image, &noise, &Tensor::from_slice(&[0f32, 0.25, 1.0])).unwrap();
    let sample = |tensor: &Tensor, i| tensor.select(0, i);
    assert_eq!(sample(&x, 0), sample(&noise, 0));
    assert_eq!(sample(&x, 2), sample(&image, 2));
    let quarter = sample(&image, 1) * 0.25 + sample(&noise, 1) * 0.75;
    assert!(sample(&x, 1).allclose(&quarter, 1e-6, 1e-6, false));
}

#[test]
fn the_exact_velocity_has_no_loss_and_a_constant_error_its_square() {
    let flow = RectifiedFlow::default();
    let (image, noise) = (normal(&[3, 2, 4, 4], 0), normal(&[3, 2, 4, 4], 1));
    let t = flow.times(&Tensor::from_slice(&[0f32, 0.5, 0.99]));
    let loss = |error: f64| {
        let field = |_: &Tensor, _: &Tensor| -> Result<Tensor, FlowError> { Ok(&image - &noise + error) };
        flow.loss(&field, &image, &noise, &t).unwrap().double_value(&[])
    };
    assert_eq!(loss(0.0), 0.0);
    assert!((loss(0.5) - 0.25).abs() < 1e-6, "{}", loss(0.5));
}

#[test]
fn times_keep_clear_of_zero_and_reach_towards_one() {
    let t = RectifiedFlow::default().times(&Tensor::from_slice(&[0.0f64, 0.5, 1.0]));
    assert!(t.allclose(&Tensor::from_slice(&[0.001, 0.5005, 1.0]), 0.0, 1e-15, false));
}

#[test]
fn shapes_that_disagree_are_refused() {
    let flow = RectifiedFlow::default();
    let (image, t) = (normal(&[3, 2, 4, 4], 0), Tensor::from_slice(&[0f32, 0.5, 1.0]));
    let error = flow.interpolate(&image, &normal(&[2, 2, 4, 4], 1), &t).unwrap_err().to_string();
    assert!(error.contains("`noise`") && error.contains("[3, 2, 4, 4]"), "{error}");
    let error = flow.interpolate(&image, &image, &t.narrow(0, 0, 1)).unwrap_err().to_string();
    assert!(error.contains("`t`"), "{error}");
}

#[test]
fn bytes_are_rounded_to_even_halves_and_clipped() {
    // All neighbours of all byte values and of the halves between them.
    let centres = (-4..516).map(|i| i as f32 / 2.0 / 255.0 * 2.0 - 1.0);
    let values: Vec<f32> = centres.flat_map(|x| [x.next_down(), x, x.next_up()]).collect();
    let exact = |x: &f32| (x + 1.0) / 2.0 * 255.0;
    let expected: Vec<u8> = values.iter().map(|x| exact(x).clamp(0.0, 255.0).round_ties_even() as u8).collect();
    assert_eq!(to_uint8(&Tensor::from_slice(&values)), Tensor::from_slice(&expected));
    // The list holds ties in both directions, or it would not test the rule.
    let ties = |odd: f32| values.iter().filter(|x| (exact(x) - 0.5) % 2.0 == odd).count();
    assert!(ties(0.0) > 0 && ties(1.0) > 0);
    assert_eq!(to_uint8(&Tensor::from_slice(&[0.0f32])).kind(), Kind::Uint8);
}
