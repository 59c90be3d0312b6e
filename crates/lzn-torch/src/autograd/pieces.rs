//! Losses that are sums over pieces of a batch, of which one at a time is in memory.

use tch::Tensor;

use super::{Differentiable, attach, records};
use crate::{Shared, TorchError};

/// The sum of the scalars `function(piece, inputs)` over all `pieces`.
///
/// Each piece has its forward and backward pass at once, and its graph is freed before the next. What stays is one gradient for each of
/// `inputs` and of `parameters`, which the function holds itself, as leaves; the backward pass multiplies it by the cotangent. So
/// nothing is computed twice, other than by [`super::recompute()`], which does not need a scalar. `operation` names it in messages.
///
/// # Errors
/// Those of the function and of libtorch.
///
/// # Example
/// ```
/// use lzn_torch::{TorchError, autograd::sum_of_pieces};
/// use tch::{Kind, Tensor};
///
/// let x = Tensor::from_slice(&[1.0, 2.0, 3.0, 4.0]).set_requires_grad(true);
/// let square = |at, x: &[Tensor]| Ok::<_, TorchError>(x[0].narrow(0, at, 2).square().sum(Kind::Double));
/// sum_of_pieces("squares", &[&x], &[], [0, 2], square)?.f_backward()?;
/// assert_eq!(Vec::<f64>::try_from(x.grad())?, [2.0, 4.0, 6.0, 8.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sum_of_pieces<P, E: From<TorchError>>(
    operation: &'static str,
    inputs: &[&Tensor],
    parameters: &[Shared],
    pieces: impl IntoIterator<Item = P>,
    function: impl Fn(P, &[Tensor]) -> Result<Tensor, E>,
) -> Result<Tensor, E> {
    let all: Vec<&Tensor> = inputs.iter().copied().chain(parameters.iter().map(|parameter| &**parameter)).collect();
    let record = records(&all);
    let leaves: Vec<Tensor> =
        inputs.iter().map(|input| input.detach().set_requires_grad(record && input.requires_grad())).collect();
    let towards: Vec<&Tensor> = leaves.iter().chain(parameters.iter().map(|parameter| &**parameter)).collect();
    let wanted: Vec<usize> = (0..all.len()).filter(|i| record && towards[*i].requires_grad()).collect();
    let mut gradients: Vec<Option<Tensor>> = all.iter().map(|_| None).collect();
    let mut sum: Option<Tensor> = None;
    for piece in pieces {
        let loss = function(piece, &leaves)?;
        if loss.requires_grad() {
            let towards: Vec<&Tensor> = wanted.iter().map(|i| towards[*i]).collect();
            let found = Tensor::f_run_backward(&[&loss], &towards, false, false).map_err(TorchError::from)?;
            for (i, gradient) in wanted.iter().zip(found).filter(|(_, gradient)| gradient.defined()) {
                // Not in place: libtorch may give two inputs one and the same gradient.
                gradients[*i] =
                    Some(gradients[*i].take().map_or_else(|| gradient.shallow_clone(), |sum| sum + &gradient));
            }
        }
        let loss = loss.detach();
        sum = Some(sum.map_or_else(|| loss.copy(), |sum| sum + &loss));
    }
    let sum = sum.ok_or(TorchError::Autograd { operation, problem: "there are no pieces".to_owned() })?;
    if !record {
        return Ok(sum);
    }
    Ok(attach(operation, &all, vec![sum], Box::new(Scaled(gradients)))?.remove(0))
}

/// Gradients for a cotangent of 1.
struct Scaled(Vec<Option<Tensor>>);

impl Differentiable for Scaled {
    fn backward(&self, cotangents: &[Option<Tensor>], needed: &[bool]) -> Result<Vec<Option<Tensor>>, TorchError> {
        let Some(Some(cotangent)) = cotangents.first() else { return Ok(needed.iter().map(|_| None).collect()) };
        let scaled = |(gradient, needed): (&Option<Tensor>, &bool)| {
            gradient.as_ref().filter(|_| *needed).map(|gradient| gradient * cotangent)
        };
        Ok(self.0.iter().zip(needed).map(scaled).collect())
    }
}
