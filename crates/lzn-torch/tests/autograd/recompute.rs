//! Functions that run again in the backward pass, and losses that are sums over pieces.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lzn_torch::autograd::{recompute, sum_of_pieces};
use lzn_torch::{Shared, TorchError};
use tch::{Device, Kind, Tensor};

use crate::common::{assert_close, leaf, sum, values};

/// libtorch's generator is one for all threads, so tests that draw from it take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A layer with dropout, of a weight that it holds itself.
fn layer(weight: &Shared) -> impl Fn(&[Tensor]) -> Result<Tensor, TorchError> + Send + 'static {
    let weight = weight.clone();
    move |inputs| Ok((inputs[0].matmul(&weight) + &inputs[1]).sin().dropout(0.4, true).exp())
}

struct Pass {
    y: Tensor,
    gradients: [Tensor; 3],
    /// What the generator gives afterwards.
    next: Tensor,
}

/// Two layers on one weight, forward and backward, each layer either as it is or run again.
fn pass(again: bool) -> Pass {
    let (x, shift, weight) = (leaf(0, &[5, 4]), leaf(1, &[4]), Shared::from(leaf(2, &[4, 4])));
    tch::manual_seed(5);
    let run = |x: &Tensor| {
        let inputs = [x, &shift];
        if again {
            return recompute("layer", &inputs, std::slice::from_ref(&weight), layer(&weight)).unwrap();
        }
        layer(&weight)(&inputs.map(Tensor::shallow_clone)).unwrap()
    };
    let y = run(&run(&x));
    let middle = Tensor::rand([3], (Kind::Double, Device::Cpu));
    sum(&(&y * &y)).backward();
    let next = Tensor::cat(&[middle, Tensor::rand([3], (Kind::Double, Device::Cpu))], 0);
    Pass { y, gradients: [x.grad(), shift.grad(), weight.grad()], next }
}

#[test]
fn running_a_function_again_changes_neither_values_nor_gradients_nor_what_is_drawn_later() {
    let _turn = turn();
    let (kept, again) = (pass(false), pass(true));
    assert_eq!(values(&kept.y), values(&again.y));
    assert!(values(&kept.y).contains(&1.0), "dropout has taken nothing");
    for (kept, again) in kept.gradients.iter().zip(&again.gradients) {
        assert_eq!(values(kept), values(again));
    }
    assert_eq!(values(&kept.next), values(&again.next));
}

#[test]
fn a_function_that_runs_others_again_may_itself_be_run_again() {
    let _turn = turn();
    let nested = |outer: bool| {
        let (x, shift, weight) = (leaf(0, &[5, 4]), leaf(1, &[4]), Shared::from(leaf(2, &[4, 4])));
        tch::manual_seed(5);
        let inside = weight.clone();
        let both = move |inputs: &[Tensor]| {
            let step = |x: &Tensor| recompute("inner", &[x, &inputs[1]], std::slice::from_ref(&inside), layer(&inside));
            step(&step(&inputs[0])?)
        };
        let y = if outer {
            recompute("outer", &[&x, &shift], std::slice::from_ref(&weight), both).unwrap()
        } else {
            both(&[x.shallow_clone(), shift.shallow_clone()]).unwrap()
        };
        sum(&(&y * &y)).backward();
        [y, x.grad(), shift.grad(), weight.grad()].map(|tensor| values(&tensor))
    };
    assert_eq!(nested(false), nested(true));
}

#[test]
fn without_recording_a_function_runs_once_and_otherwise_once_more_in_each_backward_pass() {
    let runs = Arc::new(AtomicUsize::new(0));
    let run = |x: &Tensor| {
        let runs = Arc::clone(&runs);
        let square = move |inputs: &[Tensor]| {
            runs.fetch_add(1, Ordering::SeqCst);
            Ok::<_, TorchError>(&inputs[0] * &inputs[0])
        };
        recompute("square", &[x], &[], square).unwrap()
    };
    let x = leaf(0, &[3]);
    assert!(!run(&x.detach()).requires_grad() && !tch::no_grad(|| run(&x)).requires_grad());
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    let y = sum(&run(&x));
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    y.backward();
    assert_eq!(runs.load(Ordering::SeqCst), 4);
    assert_close(&x.grad(), &(x.detach() * 2.0));
}

#[test]
fn a_frozen_parameter_gets_no_gradient_and_lets_that_of_the_input_through() {
    let weight = Shared::from(leaf(2, &[4, 4]).detach());
    let (x, inside) = (leaf(0, &[5, 4]), weight.clone());
    let product = move |inputs: &[Tensor]| Ok::<_, TorchError>(inputs[0].matmul(&inside));
    sum(&recompute("product", &[&x], std::slice::from_ref(&weight), product).unwrap()).backward();
    assert!(!weight.grad().defined());
    let row = weight.sum_dim_intlist(1, false, Kind::Double);
    assert_close(&x.grad(), &row.expand([5, 4], false));
}

#[test]
fn changed_parameters_and_failures_of_the_second_run_end_the_backward_pass() {
    let weight = Shared::from(leaf(2, &[4, 4]));
    let (x, inside) = (leaf(0, &[5, 4]), weight.clone());
    let product = move |inputs: &[Tensor]| Ok::<_, TorchError>(inputs[0].matmul(&inside));
    let y = sum(&recompute("product", &[&x], std::slice::from_ref(&weight), product).unwrap());
    tch::no_grad(|| _ = weight.shallow_clone().g_mul_scalar_(2.0));
    let message = y.f_backward().unwrap_err().to_string();
    assert!(message.contains("product") && message.contains("changed in place"), "{message}");

    let first = AtomicUsize::new(0);
    let fails = move |inputs: &[Tensor]| match first.fetch_add(1, Ordering::SeqCst) {
        0 => Ok(inputs[0].sin()),
        _ => Err(TorchError::Autograd { operation: "inside", problem: "no second time".to_owned() }),
    };
    let y = sum(&recompute("sine", &[&x], &[], fails).unwrap());
    let message = y.f_backward().unwrap_err().to_string();
    assert!(message.contains("sine") && message.contains("no second time"), "{message}");
}

#[test]
fn a_sum_of_pieces_has_the_gradients_of_the_whole_whatever_its_factor() {
    let loss = |x: &Tensor, weight: &Tensor| sum(&x.matmul(weight).sin().exp());
    let (x, weight) = (leaf(0, &[7, 4]), Shared::from(leaf(2, &[4, 4])));
    (loss(&x, &weight) * 3.0).backward();
    let (x_again, weight_again) = (leaf(0, &[7, 4]), Shared::from(leaf(2, &[4, 4])));
    let piece =
        |(at, length), inputs: &[Tensor]| Ok::<_, TorchError>(loss(&inputs[0].narrow(0, at, length), &weight_again));
    let pieces = [(0, 3), (3, 3), (6, 1)];
    let whole = sum_of_pieces("loss", &[&x_again], std::slice::from_ref(&weight_again), pieces, piece).unwrap();
    assert!((whole.double_value(&[]) - loss(&x, &weight).double_value(&[])).abs() < 1e-12);
    (whole * 3.0).backward();
    for (got, expected) in [(x_again.grad(), x.grad()), (weight_again.grad(), weight.grad())] {
        assert!((got - &expected).abs().max().double_value(&[]) < 1e-12 * expected.abs().max().double_value(&[]));
    }
}

#[test]
fn a_sum_of_pieces_that_nothing_learns_from_has_no_graph_and_none_of_no_pieces_is_refused() {
    let x = leaf(0, &[4]);
    let piece = |at, inputs: &[Tensor]| Ok::<_, TorchError>(sum(&inputs[0].narrow(0, at, 2)));
    assert!(!sum_of_pieces("sum", &[&x.detach()], &[], [0, 2], piece).unwrap().requires_grad());
    assert!(!tch::no_grad(|| sum_of_pieces("sum", &[&x], &[], [0, 2], piece)).unwrap().requires_grad());
    let message = sum_of_pieces("sum", &[&x], &[], [], piece).unwrap_err().to_string();
    assert_eq!(message, "sum: there are no pieces");
}
