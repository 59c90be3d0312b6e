//! Adam and the moving average against the same recurrences written down in double precision.

use std::collections::HashMap;

use lzn_random::{Purpose, Stream};
use lzn_tasks::train::{Adam, Ema};
use tch::{Kind, Tensor};

const SIZE: usize = 40;

fn parameter(stream: &mut Stream) -> (Tensor, Vec<f64>) {
    let values = stream.normals(SIZE);
    (Tensor::from_slice(&values).set_requires_grad(true), values.into_iter().map(f64::from).collect())
}

/// Leaves `gradient` as the gradient of `parameter`.
fn backward(parameter: &Tensor, gradient: &[f32]) {
    (parameter * Tensor::from_slice(gradient)).sum(Kind::Float).backward();
}

fn assert_close(got: &Tensor, expected: &[f64], what: &str) {
    let got = Vec::<f32>::try_from(got.detach()).unwrap();
    let error: f64 = got.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum();
    let norm: f64 = expected.iter().map(|x| x * x).sum();
    assert!((error / norm).sqrt() < 1e-6, "{what}: {}", (error / norm).sqrt());
}

/// Kingma and Ba, algorithm 1, number by number.
#[derive(Default)]
struct Oracle {
    mean: [f64; 2],
    updates: i32,
}

impl Oracle {
    fn step(&mut self, x: f64, gradient: f64, rate: f64) -> f64 {
        self.updates += 1;
        self.mean[0] = 0.9 * self.mean[0] + 0.1 * gradient;
        self.mean[1] = 0.999 * self.mean[1] + 0.001 * gradient * gradient;
        let unbiased =
            [self.mean[0] / (1.0 - 0.9_f64.powi(self.updates)), self.mean[1] / (1.0 - 0.999_f64.powi(self.updates))];
        x - rate * unbiased[0] / (unbiased[1].sqrt() + 1e-8)
    }
}

#[test]
fn adam_follows_its_definition_in_double_precision() {
    let mut stream = Stream::new(1, Purpose::new("test"), [0; 3]);
    let (parameter, mut expected) = parameter(&mut stream);
    let mut adam = Adam::new(vec![("p".to_owned(), parameter.shallow_clone())]);
    let mut oracles: Vec<Oracle> = (0..SIZE).map(|_| Oracle::default()).collect();
    for step in 0..50 {
        // Gradients over many sizes; rates and clipping factors that change.
        let gradient: Vec<f32> =
            stream.normals(SIZE).iter().enumerate().map(|(i, g)| g * 10f32.powi(i as i32 % 9 - 6)).collect();
        let (rate, scale) = (1e-2 / f64::from(1 + step), if step % 3 == 0 { 0.25 } else { 1.0 });
        adam.zero_gradients();
        backward(&parameter, &gradient);
        adam.step(rate, scale);
        for ((x, oracle), g) in expected.iter_mut().zip(&mut oracles).zip(&gradient) {
            *x = oracle.step(*x, f64::from(*g) * scale, rate);
        }
    }
    assert_eq!(adam.updates(), 50);
    assert_close(&parameter, &expected, "parameter");
}

#[test]
fn a_restored_adam_goes_on_bit_for_bit() {
    let mut stream = Stream::new(2, Purpose::new("test"), [0; 3]);
    let (parameter, _) = parameter(&mut stream);
    let mut adam = Adam::new(vec![("p".to_owned(), parameter.shallow_clone())]);
    let step = |adam: &mut Adam, parameter: &Tensor, gradient: &[f32]| {
        adam.zero_gradients();
        backward(parameter, gradient);
        adam.step(1e-2, 1.0);
    };
    let gradients: Vec<Vec<f32>> = (0..6).map(|_| stream.normals(SIZE)).collect();
    gradients[..3].iter().for_each(|gradient| step(&mut adam, &parameter, gradient));

    let copy = parameter.detach().copy().set_requires_grad(true);
    let mut restored = Adam::new(vec![("p".to_owned(), copy.shallow_clone())]);
    let saved: HashMap<String, Tensor> = adam.state().into_iter().map(|(name, tensor)| (name, tensor.copy())).collect();
    restored.restore(&saved, adam.updates()).unwrap();
    for gradient in &gradients[3..] {
        step(&mut adam, &parameter, gradient);
        step(&mut restored, &copy, gradient);
    }
    assert!(parameter.equal(&copy));
}

#[test]
fn moments_that_do_not_fit_are_refused_and_nothing_changes() {
    let make = || Adam::new(vec![("a".to_owned(), Tensor::ones([3], tch::kind::FLOAT_CPU).set_requires_grad(true))]);
    let mut adam = make();
    let wrong = HashMap::from([("a.mean".to_owned(), Tensor::ones([3], tch::kind::FLOAT_CPU))]);
    let message = adam.restore(&wrong, 7).unwrap_err().to_string();
    assert!(message.contains("a.square"), "{message}");
    assert_eq!(adam.updates(), 0);
    assert!(adam.state().iter().all(|(_, moment)| moment.equal(&moment.zeros_like())));
}

#[test]
fn the_average_warms_up_as_published_and_swapping_twice_changes_nothing() {
    let mut stream = Stream::new(3, Purpose::new("test"), [0; 3]);
    let (parameter, mut expected) = parameter(&mut stream);
    let parameter = parameter.set_requires_grad(false);
    let mut average = Ema::new(vec![("p".to_owned(), parameter.shallow_clone())], 0.5);
    for update in 1..=20 {
        let values = stream.normals(SIZE);
        parameter.shallow_clone().copy_(&Tensor::from_slice(&values));
        average.update();
        let decay = f64::min(0.5, f64::from(1 + update) / f64::from(10 + update));
        expected
            .iter_mut()
            .zip(&values)
            .for_each(|(shadow, x)| *shadow = decay * *shadow + (1.0 - decay) * f64::from(*x));
        assert_close(&average.state()[0].1, &expected, &format!("update {update}"));
    }
    let raw = parameter.copy();
    average.swap();
    assert_close(&parameter, &expected, "swapped in");
    average.swap();
    assert!(parameter.equal(&raw));
    assert_close(&average.state()[0].1, &expected, "swapped out");
}

#[test]
fn without_warm_up_the_full_decay_holds_from_the_first_update() {
    let parameter = Tensor::zeros([1], tch::kind::DOUBLE_CPU);
    let mut average = Ema::new(vec![("p".to_owned(), parameter.shallow_clone())], 0.75).without_warm_up();
    parameter.shallow_clone().copy_(&Tensor::from_slice(&[1.0]));
    average.update();
    assert_eq!(average.state()[0].1.double_value(&[0]), 0.25);
}
