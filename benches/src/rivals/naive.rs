//! The form of the published code: all differences of all samples to all anchors, `[B, N, d]`, and steps computed anew for
//! their gradients, since nobody could keep twenty such arrays.

use tch::{Kind, Tensor};

use super::{Inputs, Results, START, grid, start};

/// One Euler step from `x` at `t`.
fn step(x: &Tensor, anchors: &Tensor, t: f64, length: f64) -> Tensor {
    let noise = (x.unsqueeze(1) - anchors.unsqueeze(0) * (1.0 - t)) / t;
    let weights = (noise.square().sum_dim_intlist(2, false, x.kind()) * -0.5).softmax(1, x.kind());
    let velocity = ((noise - anchors.unsqueeze(0)) * weights.unsqueeze(2)).sum_dim_intlist(1, false, x.kind());
    x + velocity * length
}

/// The state before every step, and behind the last.
pub(super) fn forward(inputs: &Inputs) -> Vec<Tensor> {
    tch::no_grad(|| {
        let (times, length) = grid();
        let mut states = vec![start(&inputs.anchors, &inputs.owners, &inputs.noise)];
        for (k, t) in times.enumerate() {
            states.push(step(&states[k], &inputs.anchors, t, length));
        }
        states
    })
}

/// Goes back over the states, each step computed once more with its graph.
pub(super) fn backward(inputs: &Inputs, mut states: Vec<Tensor>) -> Results {
    let (times, length) = grid();
    let latents = states.pop().unwrap_or_else(|| inputs.noise.shallow_clone());
    let anchors = inputs.anchors.detach().set_requires_grad(true);
    let mut gradient = anchors.zeros_like();
    let mut cotangent = inputs.cotangent.shallow_clone();
    for (state, t) in states.iter().zip(times).rev() {
        let state = state.detach().set_requires_grad(true);
        let product = (step(&state, &anchors, t, length) * &cotangent).sum(Kind::Double);
        let gradients = Tensor::run_backward(&[product], &[&state, &anchors], false, false);
        cotangent = gradients[0].shallow_clone();
        gradient += &gradients[1];
    }
    let own = &cotangent * (1.0 - START);
    Results { latents, anchors: gradient.index_add(0, &inputs.owners, &own), noise: cotangent * START }
}
