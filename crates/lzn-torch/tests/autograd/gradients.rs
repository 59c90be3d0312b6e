//! Gradients against libtorch's own and against finite differences.

use std::sync::mpsc::channel;

use lzn_torch::autograd::{attach, records};
use tch::{Kind, Tensor};

use crate::common::{Drops, assert_close, leaf, sine, state, sum, values};

#[test]
fn an_elementwise_operation_has_the_gradient_of_libtorchs_own() {
    let x = leaf(0, &[3, 4]);
    let y = sine(&x, &Drops::default());
    assert_close(&y, &x.sin());
    assert!(y.requires_grad() && !y.is_leaf());
    let got = Tensor::run_backward(&[sum(&y.square())], &[&x], false, false).remove(0);
    let expected = Tensor::run_backward(&[sum(&x.sin().square())], &[&x], false, false).remove(0);
    assert_close(&got, &expected);
}

#[test]
fn inside_a_larger_graph_gradients_flow_through_it_and_past_it() {
    let (w, b) = (leaf(0, &[4, 4]), leaf(1, &[4]));
    let loss = |sin: &dyn Fn(&Tensor) -> Tensor| {
        let hidden = w.matmul(&w) + &b;
        // Twice in a row, once beside, and an output used twice.
        let inner = sin(&hidden);
        sum(&(sin(&(&inner * &w)) * inner.exp() + hidden.tanh()))
    };
    let got = Tensor::run_backward(&[loss(&|x| sine(x, &Drops::default()))], &[&w, &b], false, false);
    let expected = Tensor::run_backward(&[loss(&|x| x.sin())], &[&w, &b], false, false);
    for (got, expected) in got.iter().zip(&expected) {
        assert_close(got, expected);
    }
}

#[test]
fn an_unused_output_has_no_cotangent_and_each_input_gets_its_own_gradient() {
    let (a, b) = (leaf(0, &[5]), leaf(1, &[5]));
    let (saved_a, saved_b) = (a.detach(), b.detach());
    let backward = move |cotangents: &[Option<Tensor>], needed: &[bool]| {
        assert_eq!(needed, [true, true]);
        assert!(cotangents[1].is_none(), "the second output is not used");
        let cotangent = cotangents[0].as_ref().unwrap();
        Ok(vec![Some(cotangent * &saved_b), Some(cotangent * &saved_a)])
    };
    let outputs = tch::no_grad(|| vec![&a * &b, &a + &b]);
    let outputs = attach("two", &[&a, &b], outputs, state(&Drops::default(), backward)).unwrap();
    assert_eq!(outputs.len(), 2);
    assert!(outputs[1].requires_grad());
    sum(&outputs[0]).backward();
    assert_close(&a.grad(), &b);
    assert_close(&b.grad(), &a);
}

#[test]
fn only_inputs_that_a_gradient_is_used_for_are_needed() {
    let (a, b, constant) = (leaf(0, &[2]), leaf(1, &[2]), leaf(2, &[2]).detach());
    let (sender, receiver) = channel();
    let backward = move |cotangents: &[Option<Tensor>], needed: &[bool]| {
        sender.send(needed.to_vec()).unwrap();
        let cotangent = cotangents[0].as_ref().unwrap();
        // For the constant too, although nobody asked.
        Ok(vec![Some(cotangent * 2.0), None, Some(cotangent * 3.0)])
    };
    let y = tch::no_grad(|| &a * 2.0 + &constant);
    let y = attach("three", &[&a, &b, &constant], vec![y], state(&Drops::default(), backward)).unwrap().remove(0);
    let of_a = Tensor::run_backward(&[sum(&y)], &[&a], true, false).remove(0);
    assert_eq!(receiver.recv().unwrap(), [true, false, false]);
    assert_eq!(values(&of_a), [2.0, 2.0]);
    sum(&y).backward();
    assert_eq!(receiver.recv().unwrap(), [true, true, false]);
    assert_eq!(values(&a.grad()), [2.0, 2.0]);
    assert!(!b.grad().defined() || values(&b.grad()) == [0.0, 0.0], "none is zero");
    assert!(!constant.grad().defined());
}

#[test]
fn gradients_agree_with_finite_differences() {
    // Not elementwise, with a shape that changes: y_i = |x_i|² of the rows, z = softmax over them.
    let operation = |x: &Tensor| {
        let (y, z) = tch::no_grad(|| (x.square().sum_dim_intlist(1, false, Kind::Double), x.softmax(0, Kind::Double)));
        let (x_saved, z_saved) = (x.detach(), z.shallow_clone());
        let backward = move |cotangents: &[Option<Tensor>], _: &[bool]| {
            let mut gradient = Tensor::zeros_like(&x_saved);
            if let Some(of_y) = &cotangents[0] {
                gradient += of_y.unsqueeze(1) * &x_saved * 2.0;
            }
            if let Some(of_z) = &cotangents[1] {
                let inner = (of_z * &z_saved).sum_dim_intlist(0, true, Kind::Double);
                gradient += (of_z - inner) * &z_saved;
            }
            Ok(vec![Some(gradient)])
        };
        attach("rows", &[x], vec![y, z], state(&Drops::default(), backward)).unwrap()
    };
    let loss = |x: &Tensor| {
        let outputs = operation(x);
        sum(&outputs[0].sin()) + sum(&outputs[1].square())
    };
    let x = leaf(0, &[4, 3]);
    loss(&x).backward();
    let gradient = values(&x.grad());
    let (base, step) = (values(&x), 1e-5);
    for (index, exact) in gradient.iter().enumerate() {
        let at = |shift: f64| {
            let mut moved = base.clone();
            moved[index] += shift;
            loss(&Tensor::from_slice(&moved).reshape([4, 3])).double_value(&[])
        };
        let difference = (at(step) - at(-step)) / (2.0 * step);
        assert!((difference - exact).abs() < 1e-8, "{index}: {difference} and {exact}");
    }
}

#[test]
fn a_backward_pass_may_use_libtorchs_own() {
    let x = leaf(0, &[6]);
    let saved = x.detach();
    let backward = move |cotangents: &[Option<Tensor>], _: &[bool]| {
        let gradient = tch::with_grad(|| {
            let again = saved.detach().set_requires_grad(true);
            let loss = sum(&(again.sin() * cotangents[0].as_ref().unwrap()));
            Tensor::f_run_backward(&[loss], &[again], false, false)
        })?;
        Ok(gradient.into_iter().map(Some).collect())
    };
    let y = tch::no_grad(|| x.sin());
    let y = attach("again", &[&x], vec![y], state(&Drops::default(), backward)).unwrap().remove(0);
    sum(&y.square()).backward();
    let expected = x.detach().set_requires_grad(true);
    sum(&expected.sin().square()).backward();
    assert_close(&x.grad(), &expected.grad());
}

#[test]
fn leaves_that_get_views_of_one_tensor_accumulate_apart() {
    let (a, b) = (leaf(0, &[2, 3]), leaf(1, &[3, 2]));
    for _ in 0..2 {
        let backward = |cotangents: &[Option<Tensor>], _: &[bool]| {
            let cotangent = cotangents[0].as_ref().unwrap();
            Ok(vec![Some(cotangent.view([2, 3])), Some(cotangent.view([3, 2]))])
        };
        let y = tch::no_grad(|| a.view(-1) + b.view(-1));
        let y = attach("views", &[&a, &b], vec![y], state(&Drops::default(), backward)).unwrap().remove(0);
        sum(&(y * 3.0)).backward();
    }
    assert_eq!(values(&a.grad()), [6.0; 6]);
    assert_eq!(values(&b.grad()), [6.0; 6]);
}

#[test]
fn outputs_of_integers_come_back_without_a_gradient() {
    let x = leaf(0, &[4]);
    let backward = |cotangents: &[Option<Tensor>], _: &[bool]| {
        assert!(cotangents[0].is_none());
        Ok(vec![cotangents[1].as_ref().map(|cotangent| cotangent * 2.0)])
    };
    let outputs = tch::no_grad(|| vec![x.argmax(0, false), &x * 2.0]);
    let outputs = attach("index", &[&x], outputs, state(&Drops::default(), backward)).unwrap();
    assert!(!outputs[0].requires_grad());
    sum(&outputs[1]).backward();
    assert_eq!(values(&x.grad()), [2.0; 4]);
}

#[test]
fn what_is_recorded_is_told_beforehand() {
    let (x, constant) = (leaf(0, &[1]), leaf(1, &[1]).detach());
    assert!(records(&[&constant, &x]));
    assert!(!records(&[&constant]));
    assert!(!records(&[]));
    assert!(!tch::no_grad(|| records(&[&x])));
}
