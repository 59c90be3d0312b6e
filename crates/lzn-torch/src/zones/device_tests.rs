//! The operations of libtorch give what the kernels of the host give, for every kind of plan. They run on the CPU here, which they
//! do not know.

use lzn_latent::{Solver, Unit, ZoneFlow};
use tch::{Kind, Tensor};

use super::{Zones, alignment, device, host};

/// The host measures near anchors by their differences, the device by a Gram matrix in double precision.
const TOLERANCE: f64 = 1e-8;

fn flows() -> Vec<ZoneFlow> {
    let solvers = [
        Solver::euler(7),
        Solver::dpm(20),
        Solver::dpm(5),
        Solver::default(),
        Solver::multistep(1),
        Solver::multistep(3),
    ];
    solvers.map(|solver| ZoneFlow::new(solver).unwrap()).into()
}

/// Anchors, weights, owners, points and cotangents; `apart`: the distance of the second half of the anchors from the first.
struct Problem {
    anchors: Tensor,
    weights: Option<Tensor>,
    owners: Tensor,
    points: Tensor,
    cotangent: Tensor,
}

impl Problem {
    fn new(seed: u64, (n, rows, dim): (i64, i64, i64), weighted: bool, apart: Option<f64>) -> Self {
        tch::set_num_threads(1);
        let mut stream = lzn_random::Stream::new(seed, lzn_random::Purpose::new("test/device"), [0; 3]);
        let mut normal = |r: i64, c: i64| Tensor::from_slice(&stream.normals_f64((r * c) as usize)).view([r, c]);
        let mut anchors = normal(n, dim) + 0.5;
        if let Some(apart) = apart {
            let half = n / 2;
            let beside = anchors.narrow(0, 0, half) + normal(half, dim) * (apart / (dim as f64).sqrt());
            anchors = Tensor::cat(&[anchors.narrow(0, 0, n - half), beside], 0);
        }
        let weights = weighted.then(|| normal(1, n).squeeze_dim(0).exp());
        let owners = Tensor::arange(rows, (Kind::Int64, tch::Device::Cpu)).remainder(n);
        Self { anchors, weights, owners, points: normal(rows, dim), cotangent: normal(rows, dim) }
    }

    fn all() -> Vec<Self> {
        vec![
            Self::new(1, (9, 12, 5), false, None),
            Self::new(2, (6, 20, 30), true, None),
            Self::new(3, (1, 3, 4), false, None),
            Self::new(4, (14, 14, 6), true, Some(0.1)),
            Self::new(5, (14, 20, 6), false, Some(0.01)),
        ]
    }

    /// The value of `run` on leaves, and its gradients with respect to anchors, points and weights.
    fn gradients(&self, run: impl Fn(&Zones<'_>, &Tensor) -> (Tensor, Tensor)) -> Vec<Tensor> {
        let leaf = |tensor: &Tensor| tensor.copy().set_requires_grad(true);
        let (anchors, points, weights) = (leaf(&self.anchors), leaf(&self.points), self.weights.as_ref().map(leaf));
        let (loss, value) = run(&Zones { anchors: &anchors, weights: weights.as_ref() }, &points);
        loss.backward();
        let mut all = vec![value.detach(), anchors.grad(), points.grad()];
        all.extend(weights.map(|weights| weights.grad()));
        all
    }
}

/// For rows that catch up, the host leaves out zones that weigh next to nothing; the device looks at all.
const TOLERANCE_WITHOUT_FAINT_ZONES: f64 = 1e-4;

fn assert_equal(got: &[Tensor], expected: &[Tensor], tolerance: f64, what: &str) {
    let scale = expected[1].norm().double_value(&[]) + expected[2].norm().double_value(&[]);
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let size = if i == 0 { expected.norm().double_value(&[]) } else { scale };
        let error = (got - expected).norm().double_value(&[]) / size.max(1e-12);
        assert!(error < tolerance, "{what}, result {i}: {error:e}");
    }
}

#[test]
fn latents_and_gradients_are_those_of_the_host() {
    for (number, problem) in Problem::all().iter().enumerate() {
        for flow in flows() {
            let run = |on_device: bool| {
                problem.gradients(|zones, noise| {
                    let to_latents = if on_device { device::to_latents } else { host::to_latents };
                    let latents = to_latents(&flow, zones, &problem.owners, noise).unwrap();
                    ((&latents * &problem.cotangent).sum(Kind::Double), latents)
                })
            };
            let tolerance = match flow.to_latents_plan().unit() {
                Unit::Horizon(_) => TOLERANCE_WITHOUT_FAINT_ZONES,
                _ => TOLERANCE,
            };
            assert_equal(
                &run(true),
                &run(false),
                tolerance,
                &format!("problem {number}, {:?}", flow.to_latents_plan()),
            );
        }
    }
}

#[test]
fn assignments_and_gradients_are_those_of_the_host() {
    for (number, problem) in Problem::all().iter().enumerate() {
        // Our solver stops where a row has arrived; all other plans have the same steps to the last bit.
        for (flow, tolerated) in flows().into_iter().zip([false, false, false, true, true, true]) {
            let run = |on_device: bool| {
                problem.gradients(|zones, latents| {
                    let to_anchors = if on_device { device::to_anchors } else { host::to_anchors };
                    let got = to_anchors(&flow, latents, zones, &problem.owners).unwrap();
                    let loss = alignment::log_loss(&got.own_log_probs, 0.2);
                    let value = (&got.end_points * &problem.cotangent).sum(Kind::Double);
                    let loss = if tolerated { loss } else { loss + value };
                    (loss, if tolerated { got.end_points * 0.0 } else { got.end_points })
                })
            };
            let (got, expected) = (run(true), run(false));
            if tolerated {
                let scale: f64 = expected[1..].iter().map(|g| g.norm().double_value(&[])).sum::<f64>().max(1e-6);
                for (got, expected) in got.iter().zip(&expected) {
                    let error = (got - expected).norm().double_value(&[]) / scale;
                    assert!(error < 1e-4, "problem {number}: {error:e}");
                }
            } else {
                assert_equal(&got, &expected, TOLERANCE, &format!("problem {number}"));
            }
        }
    }
}

#[test]
fn records_of_all_anchors_are_those_of_the_host() {
    for problem in Problem::all() {
        let zones = Zones { anchors: &problem.anchors, weights: problem.weights.as_ref() };
        for flow in &flows()[..3] {
            let got = device::all_log_probs(flow, &problem.points, &zones).exp();
            let expected = host::all_log_probs(flow, &problem.points, &zones).unwrap().exp();
            assert!((got - expected).abs().max().double_value(&[]) < TOLERANCE);
        }
    }
}
