//! Other ways to compute the same latents and gradients: the published solver, 20 Euler steps in `t`, in libtorch operations.
//!
//! | name | an evaluation of the zones | gradients |
//! |---|---|---|
//! | `naive` | the differences themselves, `[B, N, d]`, as in the published code | every step computed anew, then differentiated |
//! | `gemm` | squares written out: two matrix products and a softmax | plain automatic differentiation |

mod gemm;
mod naive;

use std::time::Instant;

use anyhow::{Context as _, Result};
use ndarray::Array2;
use tch::{Kind, Tensor};

use crate::contenders::{Precision, Runner, Times};
use crate::problem::{Outcome, Problem};

/// How a rival is written; see the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `naive`.
    Naive,
    /// `gemm`.
    Gemm,
}

impl Form {
    /// All, the slowest last.
    pub const ALL: [Self; 2] = [Self::Gemm, Self::Naive];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Gemm => "gemm",
        }
    }

    /// The form of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// About how many bytes it needs for `[B, N, d]` in single precision.
    #[must_use]
    pub fn bytes(self, shape: [usize; 3]) -> f64 {
        let [samples, anchors, dim] = shape.map(|size| size as f64);
        match self {
            // Six arrays of all differences.
            Self::Naive => 6.0 * 4.0 * samples * anchors * dim,
            // The weights of every step and three more.
            Self::Gemm => (STEPS + 3) as f64 * 4.0 * samples * anchors,
        }
    }
}

impl std::str::FromStr for Form {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::named(name).with_context(|| format!("there is no rival `{name}`: naive or gemm"))
    }
}

/// Steps of the published solver.
pub const STEPS: usize = 20;

/// Where it starts in `t`.
const START: f64 = 1e-4;

/// `t` before every step, and the length of all steps.
fn grid() -> (impl DoubleEndedIterator<Item = f64> + ExactSizeIterator, f64) {
    let step = (1.0 - START) / STEPS as f64;
    ((0..STEPS).map(move |k| START + step * k as f64), step)
}

/// The problem as tensors.
struct Inputs {
    /// `[N, d]`.
    anchors: Tensor,
    /// `[B]` int64.
    owners: Tensor,
    /// `[B, d]`.
    noise: Tensor,
    /// `[B, d]`.
    cotangent: Tensor,
}

/// Results as tensors, in the names and shapes of [`Outcome`].
struct Results {
    latents: Tensor,
    anchors: Tensor,
    noise: Tensor,
}

/// A rival with its inputs in place.
pub(crate) struct Rival {
    form: Form,
    inputs: Inputs,
    last: Option<Results>,
}

impl Rival {
    pub(crate) fn new(form: Form, problem: &Problem, precision: Precision) -> Self {
        let kind = match precision {
            Precision::F32 => Kind::Float,
            Precision::F64 => Kind::Double,
        };
        let tensor = |array: &Array2<f64>| {
            let (rows, columns) = array.dim();
            let values: Vec<f64> = array.iter().copied().collect();
            Tensor::from_slice(&values).reshape([rows as i64, columns as i64]).to_kind(kind)
        };
        let owners: Vec<i64> = problem.owners.iter().map(|&own| own as i64).collect();
        let inputs = Inputs {
            anchors: tensor(&problem.anchors),
            owners: Tensor::from_slice(&owners),
            noise: tensor(&problem.noise),
            cotangent: tensor(&problem.cotangent),
        };
        Self { form, inputs, last: None }
    }
}

impl Runner for Rival {
    fn run(&mut self) -> Result<Times> {
        self.last = None;
        let begin = Instant::now();
        let (middle, results) = match self.form {
            Form::Naive => {
                let states = naive::forward(&self.inputs);
                (Instant::now(), naive::backward(&self.inputs, states))
            }
            Form::Gemm => {
                let graph = gemm::forward(&self.inputs);
                (Instant::now(), gemm::backward(&self.inputs, graph))
            }
        };
        let times = Times { forward: (middle - begin).as_secs_f64(), backward: middle.elapsed().as_secs_f64() };
        self.last = Some(results);
        Ok(times)
    }

    fn outcome(&self) -> Result<Outcome> {
        let results = self.last.as_ref().context("nothing has been run yet")?;
        let array = |tensor: &Tensor| -> Result<Array2<f64>> {
            let (rows, columns) = tensor.size2()?;
            let values = Vec::<f64>::try_from(tensor.detach().to_kind(Kind::Double).flatten(0, -1))?;
            Ok(Array2::from_shape_vec((rows as usize, columns as usize), values)?)
        };
        Ok(Outcome {
            latents: array(&results.latents)?,
            anchors: array(&results.anchors)?,
            noise: array(&results.noise)?,
        })
    }
}

/// Where the way of every sample starts: `x = t noise + (1 - t) a_own`.
fn start(anchors: &Tensor, owners: &Tensor, noise: &Tensor) -> Tensor {
    noise * START + anchors.index_select(0, owners) * (1.0 - START)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::Contender;
    use crate::families::Family;
    use crate::problem::Setting;

    fn relative(got: &Array2<f64>, expected: &Array2<f64>) -> f64 {
        let norm = |array: &Array2<f64>| array.mapv(|x| x * x).sum().sqrt();
        norm(&(got - expected)) / norm(expected)
    }

    /// Values and gradients against ours. Even in double precision, gradients in these variables lose digits to the squares
    /// of `1 / t`; that they agree at all tells that the same function was differentiated.
    fn agrees(precision: Precision, [values, gradients]: [f64; 2]) {
        let ours: Contender = "euler-20".parse().unwrap();
        let problem = Setting { samples: 17, ..Setting::batch(Family::Normal, 23, 6) }.problem();
        let expected = ours.solve(&problem, Precision::F64).unwrap();
        for form in Form::ALL {
            let got = Contender::Rival(form).solve(&problem, precision).unwrap();
            let errors =
                [(&got.latents, &expected.latents), (&got.anchors, &expected.anchors), (&got.noise, &expected.noise)]
                    .map(|(got, expected)| relative(got, expected));
            let name = form.name();
            assert!(errors[0] < values && errors[1] < gradients && errors[2] < gradients, "{name}: {errors:?}");
        }
    }

    #[test]
    fn rivals_solve_the_same_problem_in_single_precision() {
        agrees(Precision::F32, [1e-3, 1e-2]);
    }

    #[test]
    fn rivals_solve_the_same_problem_in_double_precision() {
        agrees(Precision::F64, [1e-10, 1e-6]);
    }
}
