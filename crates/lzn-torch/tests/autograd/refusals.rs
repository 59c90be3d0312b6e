//! What cannot be attached.

use lzn_torch::TorchError;
use lzn_torch::autograd::attach;
use tch::Tensor;

use crate::common::{Drops, leaf, state};

fn refusal(inputs: &[&Tensor], outputs: Vec<Tensor>) -> String {
    let drops = Drops::default();
    let error = attach("odd", inputs, outputs, state(&drops, |_, _| Ok(vec![]))).unwrap_err();
    assert_eq!(drops.count(), 1, "the state is dropped");
    assert!(matches!(error, TorchError::Autograd { operation: "odd", .. }), "{error}");
    error.to_string()
}

#[test]
fn an_output_with_a_graph_is_refused() {
    let x = leaf(0, &[2]);
    assert_eq!(refusal(&[&x], vec![x.sin()]), "odd: output 0 already has a graph: compute it in `tch::no_grad`");
}

#[test]
fn outputs_that_share_memory_are_refused_with_or_without_a_graph() {
    let x = leaf(0, &[4]);
    for x in [&x, &x.detach()] {
        let view = tch::no_grad(|| x.view([2, 2]));
        assert_eq!(refusal(&[x], vec![view]), "odd: output 0 shares its memory with input 0: return a copy");
        let y = tch::no_grad(|| x.sin());
        let halves = vec![y.narrow(0, 0, 2), y.narrow(0, 2, 2)];
        assert_eq!(refusal(&[x], halves), "odd: output 1 shares its memory with output 0: return a copy");
    }
}

#[test]
fn undefined_tensors_are_refused() {
    let x = leaf(0, &[2]);
    assert_eq!(refusal(&[&x, &Tensor::new()], vec![]), "odd: input 1 is undefined");
    assert_eq!(refusal(&[&x], vec![Tensor::new()]), "odd: output 0 is undefined");
}
