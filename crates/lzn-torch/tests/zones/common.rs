//! Random problems, in double precision.

use lzn_latent::{Anchors, Solver, ZoneFlow};
use lzn_random::{Purpose, Stream};
use ndarray::{Array1, Array2, ArrayView};
use tch::{Kind, Tensor};

/// Anchors, weights, owners and points of one random problem.
#[derive(Clone)]
pub(crate) struct Problem {
    pub(crate) anchors: Array2<f64>,
    pub(crate) weights: Option<Array1<f64>>,
    pub(crate) owners: Vec<usize>,
    pub(crate) noise: Array2<f64>,
    pub(crate) cotangent: Array2<f64>,
}

impl Problem {
    /// `batch` samples of `anchors` anchors in dimension `dim`; with weights, the last anchor has none and no samples.
    pub(crate) fn new(seed: u64, anchors: usize, batch: usize, dim: usize, scale: f64, weighted: bool) -> Self {
        // The problems are small: threads of libtorch would only fight with those of the tests.
        tch::set_num_threads(1);
        let mut stream = Stream::new(seed, Purpose::new("test/zones"), [0; 3]);
        let mut normal = |rows: usize| Array2::from_shape_vec((rows, dim), stream.normals_f64(rows * dim)).unwrap();
        // Away from the origin, as encoders leave them.
        let (anchors_, noise, cotangent) = (normal(anchors) * scale + 0.5, normal(batch), normal(batch));
        let used = if weighted { anchors - 1 } else { anchors };
        let owners = (0..batch).map(|_| stream.below(used)).collect();
        let weights =
            weighted.then(|| (0..anchors).map(|i| if i < used { 0.2 + stream.uniform() } else { 0.0 }).collect());
        Self { anchors: anchors_, weights, owners, noise, cotangent }
    }

    pub(crate) fn host(&self) -> Anchors<f64> {
        let anchors = Anchors::new(self.anchors.clone()).unwrap();
        match &self.weights {
            Some(weights) => anchors.with_weights(weights.clone()).unwrap(),
            None => anchors,
        }
    }

    pub(crate) fn owners(&self) -> Tensor {
        Tensor::from_slice(&self.owners.iter().map(|i| *i as i64).collect::<Vec<_>>())
    }

    pub(crate) fn weights(&self, kind: Kind) -> Option<Tensor> {
        self.weights.as_ref().map(|weights| Tensor::from_slice(&weights.to_vec()).to_kind(kind))
    }
}

/// The solvers that every comparison goes through: both kinds, orders up and down, few and many steps.
pub(crate) fn flows() -> Vec<ZoneFlow> {
    [
        Solver::euler(7),
        Solver::dpm(20),
        Solver::dpm(5),
        Solver::DpmSolver { steps: 12, order: 2, start: 0.01, end: 0.03 },
        Solver::DpmSolver { steps: 4, order: 1, start: 0.02, end: 0.001 },
    ]
    .into_iter()
    .map(|solver| ZoneFlow::new(solver).unwrap())
    .collect()
}

pub(crate) fn tensor(array: &Array2<f64>, kind: Kind) -> Tensor {
    let values: Vec<f64> = array.iter().copied().collect();
    Tensor::from_slice(&values).reshape([array.nrows() as i64, array.ncols() as i64]).to_kind(kind)
}

pub(crate) fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.detach().to_kind(Kind::Double).contiguous().view(-1)).unwrap()
}

/// Largest `|got - expected| / |expected|` in the L2 norm.
pub(crate) fn relative_error<D: ndarray::Dimension>(got: &Tensor, expected: ArrayView<'_, f64, D>) -> f64 {
    let got = values(got);
    assert_eq!(got.len(), expected.len());
    let difference: f64 = got.iter().zip(expected.iter()).map(|(a, b)| (a - b).powi(2)).sum();
    let norm: f64 = expected.iter().map(|b| b * b).sum();
    difference.sqrt() / norm.sqrt().max(f64::MIN_POSITIVE)
}
