//! What one writes to avoid the naive form: squares written out, so that an evaluation is two matrix products and a softmax.
//! Automatic differentiation keeps the weights of every step, `[B, N]` each.

use tch::{Kind, Tensor};

use super::{Inputs, Results, grid, start};

/// Latents with the graph that leads to them.
pub(super) struct Graph {
    anchors: Tensor,
    noise: Tensor,
    latents: Tensor,
}

pub(super) fn forward(inputs: &Inputs) -> Graph {
    let (times, length) = grid();
    let anchors = inputs.anchors.detach().set_requires_grad(true);
    let noise = inputs.noise.detach().set_requires_grad(true);
    let half_squares = anchors.square().sum_dim_intlist(1, false, anchors.kind()) * 0.5;
    let mut x = start(&anchors, &inputs.owners, &noise);
    for t in times {
        let tau = (1.0 - t) / t;
        // |x|^2 is the same for all anchors.
        let logits = (&half_squares * (-tau * tau)).addmm(&(&x * (tau / t)), &anchors.tr());
        let mean = logits.softmax(1, x.kind()).matmul(&anchors);
        // x + length * (x - mean) / t
        x = &x * (1.0 + length / t) - mean * (length / t);
    }
    Graph { anchors, noise, latents: x }
}

pub(super) fn backward(inputs: &Inputs, graph: Graph) -> Results {
    let product = (&graph.latents * &inputs.cotangent).sum(Kind::Double);
    let mut gradients = Tensor::run_backward(&[product], &[&graph.anchors, &graph.noise], false, false).into_iter();
    let mut next = || gradients.next().unwrap_or_default();
    Results { anchors: next(), noise: next(), latents: graph.latents.detach() }
}
