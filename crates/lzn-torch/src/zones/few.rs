//! The way to the anchors where there are few of them, such as labels: everything but the ends in `N` dimensions.
//!
//! The state only ever moves by combinations of anchors, `u_k = u_0 + V_k A`, and the weights only need the products
//! `X = u A'`, so `X_k = X_0 + V_k A A'` can be followed instead, with a Gram matrix `[N, N]` made once. At this size double
//! precision costs nothing, and makes the care for near bases unnecessary that [`super::walk`] takes.

use std::collections::VecDeque;

use lzn_latent::{EndPoint, Node, Plan};
use tch::{Kind, Tensor};

use super::field::{Field, half_squares};

/// Up to here `[B, N]` in double precision is cheaper than `[B, d]` in single precision, on any device.
const FEW: i64 = 64;

/// Logits hold `tau^2 |a|^2 / 2` with the rounding of double precision: up to this `tau` ten digits of them remain.
const FAR: f64 = 128.0;

/// Whether this is the better way.
pub(super) fn applies(plan: &Plan, field: &Field) -> bool {
    let (anchors, dim) = (field.anchors.size()[0], field.anchors.size()[1]);
    anchors <= FEW && anchors <= dim && plan.nodes().iter().all(|node| node.tau() <= FAR)
}

/// Follows the plan from `latents`; `record` sees the log-probabilities `[B, N]` of every evaluation. Returns the end points.
pub(super) fn integrate(plan: &Plan, field: &Field, latents: &Tensor, mut record: impl FnMut(&Tensor)) -> Tensor {
    let anchors = field.precise();
    let mean = field.mean.to_kind(Kind::Double);
    let gram = anchors.matmul(&anchors.tr());
    let start = latents.to_kind(Kind::Double) / plan.start() - &mean * plan.nodes()[0].tau();
    let mut products = start.matmul(&anchors.tr());
    // How much of each anchor has been added to the state.
    let mut added = Tensor::zeros_like(&products);
    let mut history = VecDeque::new();
    for (node, bias) in plan.nodes().iter().zip(biases(plan, field)) {
        let log_probs = (&products * node.tau() + bias).log_softmax(1, Kind::Double);
        record(&log_probs);
        history.push_front(log_probs.exp());
        history.truncate(plan.history());
        if let Some(moved) = combine(node.coefficients(), &history) {
            products = products.addmm(&moved, &gram);
            added += moved;
        }
    }
    match plan.end_point() {
        EndPoint::State { t, tau } => (start + added.matmul(anchors) + mean * tau) * t,
        // The mean of the anchors at the last evaluation.
        _ => history[0].matmul(anchors) + mean,
    }
}

/// `sum_m C_m history[m]`, newest value first; nothing where no step follows.
fn combine(coefficients: &[f64], history: &VecDeque<Tensor>) -> Option<Tensor> {
    coefficients.iter().zip(history).map(|(coefficient, weights)| weights * *coefficient).reduce(|sum, term| sum + term)
}

/// `-tau^2 |a_j|^2 / 2 + log c_j` for every node, `[N]` each.
fn biases(plan: &Plan, field: &Field) -> Vec<Tensor> {
    let squares: Vec<f64> = plan.nodes().iter().map(|node: &Node| -node.tau() * node.tau()).collect();
    let squares = Tensor::from_slice(&squares).to_device(field.anchors.device()).unsqueeze(1);
    let biases = squares * half_squares(field.precise()).unsqueeze(0);
    match &field.log_weights {
        Some(log_weights) => biases + log_weights.to_kind(Kind::Double),
        None => biases,
    }
    .unbind(0)
}
