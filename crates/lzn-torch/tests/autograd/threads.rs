//! Graphs on many threads.

use std::cell::Cell;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use lzn_torch::autograd::{Differentiable, attach};
use tch::Tensor;

use crate::common::{Drops, Gradients, assert_close, leaf, sine, sum, values};

const THREADS: usize = 8;
const ROUNDS: usize = 50;

#[test]
fn many_threads_build_and_run_graphs_at_once() {
    let drops = Drops::default();
    thread::scope(|scope| {
        for index in 0..THREADS {
            let drops = drops.clone();
            scope.spawn(move || {
                let x = leaf(index as u64, &[16]);
                for round in 0..ROUNDS {
                    let y = sine(&sine(&x, &drops), &drops);
                    if round % 5 == 0 {
                        // Never run.
                        continue;
                    }
                    let got = Tensor::run_backward(&[sum(&y)], &[&x], false, false).remove(0);
                    assert_close(&got, &(x.sin().cos() * x.cos()));
                }
            });
        }
    });
    assert_eq!(drops.count(), THREADS * ROUNDS * 2);
}

#[test]
fn a_graph_may_be_run_and_freed_on_another_thread() {
    let (x, drops) = (leaf(0, &[4]), Drops::default());
    let (loss, unused) = (sum(&sine(&x, &drops)), sine(&x, &drops));
    thread::spawn(move || {
        drop(unused);
        loss.backward();
    })
    .join()
    .unwrap();
    assert_close(&x.grad(), &x.cos());
    assert_eq!(drops.count(), 2);
}

#[test]
fn one_state_is_never_used_by_two_threads_at_once() {
    // `Send`, not `Sync`: a data race here would lose counts.
    struct Counting {
        calls: Cell<usize>,
        end: Sender<usize>,
    }
    impl Differentiable for Counting {
        fn backward(&self, cotangents: &[Option<Tensor>], _: &[bool]) -> Gradients {
            let before = self.calls.get();
            thread::yield_now();
            self.calls.set(before + 1);
            Ok(vec![cotangents[0].as_ref().map(|cotangent| cotangent * 2.0)])
        }
    }
    impl Drop for Counting {
        fn drop(&mut self) {
            self.end.send(self.calls.get()).unwrap();
        }
    }
    let x = leaf(0, &[4]);
    let (end, ended) = channel();
    let y = tch::no_grad(|| &x * 2.0);
    let y = attach("counting", &[&x], vec![y], Box::new(Counting { calls: Cell::new(0), end })).unwrap().remove(0);
    let loss = sum(&y);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let (x, loss) = (x.shallow_clone(), loss.shallow_clone());
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    let gradient = Tensor::run_backward(&[&loss], &[&x], true, false).remove(0);
                    assert_eq!(values(&gradient), [2.0; 4]);
                }
            });
        }
    });
    drop((y, loss));
    assert_eq!(ended.recv().unwrap(), THREADS * ROUNDS);
}
