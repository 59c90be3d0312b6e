//! Gradients of several processes against those of one that has all rows.

use lzn_random::{Purpose, Stream};
use lzn_torch::dist::{Buckets, Reducer, World};
use tch::{Kind, Tensor};

use crate::workers::among;

const ROWS: i64 = 12;

fn drawn(name: &str, shape: [i64; 2]) -> Tensor {
    let values = Stream::new(5, Purpose::new(name), [0; 3]).normals_f64((shape[0] * shape[1]) as usize);
    Tensor::from_slice(&values).view(shape)
}

/// Layers, one of which nobody uses.
fn parameters() -> Vec<Tensor> {
    let leaf = |name: &str, shape| drawn(name, shape).set_requires_grad(true);
    vec![leaf("a", [4, 5]), leaf("b", [5, 3]), leaf("unused", [2, 2]), leaf("c", [1, 3])]
}

/// The mean over own rows of how far each anchor is from all others: it needs the anchors of all workers.
fn loss(world: &World, parameters: &[Tensor], rows: &Tensor) -> Tensor {
    let anchors = rows.matmul(&parameters[0]).tanh().matmul(&parameters[1]);
    let all = world.gather_rows(&(&anchors * &parameters[3])).unwrap();
    let apart = (anchors.matmul(&all.transpose(0, 1)) * 0.3).softmax(1, Kind::Double);
    apart.square().sum_dim_intlist([1i64].as_slice(), false, Kind::Double).mean(Kind::Double)
}

fn gradients(parameters: &[Tensor]) -> Vec<Option<Tensor>> {
    parameters.iter().map(|tensor| Some(tensor.grad()).filter(Tensor::defined)).collect()
}

fn check(got: &[Option<Tensor>], expected: &[Option<Tensor>]) {
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert_eq!(got.is_some(), expected.is_some(), "parameter {i}");
        let (Some(got), Some(expected)) = (got, expected) else { continue };
        let (error, size) = ((got - expected).abs().max(), expected.abs().max());
        let (error, size) = (error.double_value(&[]), size.double_value(&[]));
        assert!(size > 1e-4 && error < 1e-13, "parameter {i} is off by {error} of {size}");
    }
}

#[test]
fn gradients_of_workers_are_those_of_one_process_with_all_rows() {
    among("gradients::gradients_of_workers_are_those_of_one_process_with_all_rows", &[2, 3], |world| {
        let rows = drawn("rows", [ROWS, 4]);
        // What one process has: its loss is the mean of the losses of the workers' rows.
        let whole = parameters();
        loss(&World::alone(), &whole, &rows).backward();
        let expected = gradients(&whole);

        let count = ROWS / world.size() as i64;
        let own = rows.narrow(0, world.first_row(count), count);
        let parameters = parameters();
        // Small, so that there are several.
        let buckets = Buckets { first: 64, other: 128 };
        let reducer = Reducer::new(world, &parameters, buckets).unwrap().unwrap();
        for step in 0..3 {
            parameters.iter().for_each(|tensor| {
                let mut gradient = tensor.grad();
                if gradient.defined() {
                    let _ = gradient.zero_();
                }
            });
            let loss = loss(world, &parameters, &own);
            reducer.prepare(&loss).unwrap();
            let before = world.traffic();
            loss.f_backward().unwrap();
            reducer.finish();
            check(&gradients(&parameters), &expected);
            assert!(step > 0 || world.traffic().bytes > 0);
            let after = world.traffic();
            let waited = [after.gathers - before.gathers, after.gradients - before.gradients];
            assert!(waited.iter().all(|time| !time.is_zero()) && after.time - before.time == waited[0] + waited[1]);
        }
        // Without it, a pass adds what this process alone has.
        drop(reducer);
        let kept = parameters[0].grad().copy();
        loss(world, &parameters, &own).f_backward().unwrap();
        assert!(!parameters[0].grad().equal(&kept));
    });
}

#[test]
fn gathered_rows_send_back_the_sum_of_what_all_have_of_them() {
    among("gradients::gathered_rows_send_back_the_sum_of_what_all_have_of_them", &[3], |world| {
        let own = Tensor::from_slice(&[1.0, 2.0]).view([1, 2]).set_requires_grad(true);
        let all = world.gather_rows(&own).unwrap();
        let factors = Tensor::from_slice(&[1.0, 2.0, 3.0]).view([3, 1]);
        // Worker s weighs row k by 10^s (k + 1): row r gets (1 + 10 + 100) (r + 1).
        (all * factors * 10f64.powi(world.rank() as i32)).sum(Kind::Double).f_backward().unwrap();
        let expected = 111.0 * (world.rank() as f64 + 1.0);
        assert_eq!(Vec::<f64>::try_from(own.grad().view([-1])).unwrap(), [expected, expected]);
        assert!(!world.gather_rows(&own.detach()).unwrap().requires_grad());
    });
}
