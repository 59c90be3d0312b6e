//! Operations to test with, in double precision.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lzn_random::{Purpose, Stream};
use lzn_torch::TorchError;
use lzn_torch::autograd::{Differentiable, attach};
use tch::Tensor;

pub(crate) type Gradients = Result<Vec<Option<Tensor>>, TorchError>;

/// How many states were dropped.
#[derive(Clone, Default)]
pub(crate) struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A state that counts its end.
struct Counted<F> {
    backward: F,
    drops: Drops,
}

impl<F> Drop for Counted<F> {
    fn drop(&mut self) {
        self.drops.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl<F: Fn(&[Option<Tensor>], &[bool]) -> Gradients + Send> Differentiable for Counted<F> {
    fn backward(&self, cotangents: &[Option<Tensor>], needed: &[bool]) -> Gradients {
        (self.backward)(cotangents, needed)
    }
}

/// A state made of a closure.
pub(crate) fn state(
    drops: &Drops,
    backward: impl Fn(&[Option<Tensor>], &[bool]) -> Gradients + Send + 'static,
) -> Box<dyn Differentiable> {
    Box::new(Counted { backward, drops: drops.clone() })
}

/// `sin(x)` with gradient `cos(x)`, both from Rust.
pub(crate) fn sine(x: &Tensor, drops: &Drops) -> Tensor {
    let (y, slope) = tch::no_grad(|| (x.sin(), x.cos()));
    let backward = move |cotangents: &[Option<Tensor>], _: &[bool]| {
        Ok(vec![cotangents[0].as_ref().map(|cotangent| cotangent * &slope)])
    };
    attach("sine", &[x], vec![y], state(drops, backward)).unwrap().remove(0)
}

/// An operation "broken" on `x`, whose forward pass is the sine and whose backward pass is the given one.
pub(crate) fn broken(
    x: &Tensor,
    backward: impl Fn(&[Option<Tensor>], &[bool]) -> Gradients + Send + 'static,
) -> Tensor {
    let y = tch::no_grad(|| x.sin());
    attach("broken", &[x], vec![y], state(&Drops::default(), backward)).unwrap().remove(0)
}

/// Normal draws that require a gradient.
pub(crate) fn leaf(index: u64, shape: &[i64]) -> Tensor {
    // The problems are small: threads of libtorch would only fight with those of the tests.
    tch::set_num_threads(1);
    let mut stream = Stream::new(7, Purpose::new("test/autograd"), [index, 0, 0]);
    let n = shape.iter().product::<i64>() as usize;
    Tensor::from_slice(&stream.normals_f64(n)).reshape(shape).set_requires_grad(true)
}

pub(crate) fn sum(tensor: &Tensor) -> Tensor {
    tensor.sum(tch::Kind::Double)
}

pub(crate) fn values(tensor: &Tensor) -> Vec<f64> {
    assert!(tensor.defined(), "there is no such tensor");
    Vec::try_from(tensor.detach().contiguous().view(-1)).unwrap()
}

/// Equal up to rounding in the last digits.
pub(crate) fn assert_close(got: &Tensor, expected: &Tensor) {
    assert_eq!(got.size(), expected.size());
    for (got, expected) in values(got).into_iter().zip(values(expected)) {
        assert!((got - expected).abs() <= 1e-14 * (1.0 + expected.abs()), "{got} is not {expected}");
    }
}
