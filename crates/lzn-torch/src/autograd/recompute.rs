//! Functions that are run again in the backward pass instead of keeping what they need for it.

use std::fmt::Display;

use tch::Tensor;

use super::generator::GeneratorState;
use super::{Differentiable, Saved, attach, records};
use crate::{Precision, Shared, TorchError};

/// `function(inputs)`, of which only inputs and parameters are kept for the backward pass; there it runs a second time, with a graph,
/// which is then used and freed (Chen et al. 2016, "Training deep nets with sublinear memory cost").
///
/// Gradients are those of the function itself to the bit, also where it draws from libtorch's generator, as dropout does: the second
/// run draws the numbers of the first, and computes in its precision. (Where an input is used elsewhere too, its gradients are added up in another order.) They flow
/// to `inputs`, which the function is given, and to `parameters`, which it holds
/// itself, as leaves. `operation` names it in messages.
///
/// # Errors
/// Those of the function, and [`TorchError::Autograd`] when its result shares memory with an input. The backward pass fails when
/// an input or a parameter has been changed in place since, or when the function fails then.
///
/// # Example
/// ```
/// use lzn_torch::{Shared, TorchError, autograd::recompute};
/// use tch::Tensor;
///
/// let weight = Shared::from(Tensor::from_slice(&[2.0, 3.0]).set_requires_grad(true));
/// let inside = weight.clone();
/// let layer = move |x: &[Tensor]| Ok::<_, TorchError>((&x[0] * &*inside).exp().sin());
/// let y = recompute("layer", &[&Tensor::from_slice(&[0.1, 0.2])], std::slice::from_ref(&weight), layer)?;
/// y.sum(tch::Kind::Double).f_backward()?;
/// assert!(weight.grad().defined());
/// # Ok::<(), TorchError>(())
/// ```
pub fn recompute<E: From<TorchError> + Display>(
    operation: &'static str,
    inputs: &[&Tensor],
    parameters: &[Shared],
    function: impl Fn(&[Tensor]) -> Result<Tensor, E> + Send + 'static,
) -> Result<Tensor, E> {
    let all: Vec<&Tensor> = inputs.iter().copied().chain(parameters.iter().map(|parameter| &**parameter)).collect();
    let given = || inputs.iter().map(|input| input.shallow_clone()).collect::<Vec<_>>();
    if !records(&all) {
        return function(&given());
    }
    // There is one, since one requires a gradient.
    let generator = GeneratorState::of(all[0])?;
    let saved = all.iter().map(|tensor| Saved::new("input or parameter", tensor)).collect::<Result<_, _>>()?;
    let output = tch::no_grad(|| function(&given()))?;
    let state = Recomputed {
        operation,
        saved,
        differentiable: all.iter().map(|tensor| tensor.requires_grad()).collect(),
        parameters: parameters.to_vec(),
        generator,
        precision: Precision::current(all[0].device()),
        function,
    };
    Ok(attach(operation, &all, vec![output], Box::new(state))?.remove(0))
}

struct Recomputed<F> {
    operation: &'static str,
    /// Inputs, then parameters.
    saved: Vec<Saved>,
    /// Which of them required a gradient.
    differentiable: Vec<bool>,
    parameters: Vec<Shared>,
    generator: GeneratorState,
    precision: Precision,
    function: F,
}

impl<F: Fn(&[Tensor]) -> Result<Tensor, E> + Send, E: Display> Recomputed<F> {
    /// The function's result on `inputs`, with a graph, from the random numbers of the first run.
    fn again(&self, inputs: &[Tensor]) -> Result<Tensor, TorchError> {
        let device_of = self.saved[0].get()?;
        let present = GeneratorState::of(device_of)?;
        self.generator.restore(device_of)?;
        let work = || tch::with_grad(|| (self.function)(inputs));
        let output = self.precision.within(device_of.device(), work);
        present.restore(device_of)?;
        output.map_err(|error| TorchError::Autograd { operation: self.operation, problem: error.to_string() })
    }
}

impl<F: Fn(&[Tensor]) -> Result<Tensor, E> + Send, E: Display> Differentiable for Recomputed<F> {
    fn backward(&self, cotangents: &[Option<Tensor>], needed: &[bool]) -> Result<Vec<Option<Tensor>>, TorchError> {
        let mut gradients: Vec<Option<Tensor>> = needed.iter().map(|_| None).collect();
        let Some(Some(cotangent)) = cotangents.first() else { return Ok(gradients) };
        // All of them, so that a changed parameter is noticed.
        let saved = self.saved.iter().map(Saved::get).collect::<Result<Vec<_>, _>>()?;
        let inputs = saved.len() - self.parameters.len();
        let leaves: Vec<Tensor> = saved[..inputs]
            .iter()
            .zip(&self.differentiable)
            .map(|(input, differentiable)| input.detach().set_requires_grad(*differentiable))
            .collect();
        let output = self.again(&leaves)?;
        let all: Vec<&Tensor> = leaves.iter().chain(self.parameters.iter().map(|parameter| &**parameter)).collect();
        let wanted: Vec<usize> = (0..all.len()).filter(|i| needed[*i] && all[*i].requires_grad()).collect();
        if wanted.is_empty() || !output.requires_grad() {
            return Ok(gradients);
        }
        // A scalar whose gradient is the cotangent.
        let scalar = tch::with_grad(|| (output * cotangent).sum(cotangent.kind()));
        let towards: Vec<&Tensor> = wanted.iter().map(|i| all[*i]).collect();
        for (i, gradient) in wanted.into_iter().zip(Tensor::f_run_backward(&[scalar], &towards, false, false)?) {
            gradients[i] = gradient.defined().then_some(gradient);
        }
        Ok(gradients)
    }
}
