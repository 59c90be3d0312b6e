//! The blocks of Inception, built from their tables.

use lzn_torch::Scope;
use tch::{TchError, Tensor};

use super::layout;
use crate::conv::NormedConv;

/// Convolution, normalisation, ReLU.
#[derive(Debug)]
pub(super) struct Unit(NormedConv);

impl Unit {
    pub(super) fn new(scope: &Scope, unit: &layout::Unit, inputs: i64) -> Self {
        let [height, width] = unit.kernel;
        let padding = if unit.padded { [height / 2, width / 2] } else { [0, 0] };
        let scope = scope / unit.name;
        let shape = [unit.outputs, inputs, height, width];
        Self(NormedConv::new(&(&scope / "conv"), &(&scope / "bn"), shape, unit.stride, padding))
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        self.0.forward(x)?.f_relu_()
    }
}

#[derive(Debug)]
struct Branch {
    chain: Vec<Unit>,
    ends: Vec<Unit>,
}

impl Branch {
    /// The branch, and the channels that it makes.
    fn new(scope: &Scope, branch: &layout::Branch, mut inputs: i64) -> (Self, i64) {
        let mut chain = Vec::new();
        for unit in &branch.chain {
            chain.push(Unit::new(scope, unit, inputs));
            inputs = unit.outputs;
        }
        let ends: Vec<_> = branch.ends.iter().map(|unit| Unit::new(scope, unit, inputs)).collect();
        let outputs = if ends.is_empty() { inputs } else { branch.ends.iter().map(|unit| unit.outputs).sum() };
        (Self { chain, ends }, outputs)
    }

    fn forward(&self, x: &Tensor) -> Result<Vec<Tensor>, TchError> {
        let x = self.chain.iter().try_fold(x.shallow_clone(), |x, unit| unit.forward(&x))?;
        if self.ends.is_empty() { Ok(vec![x]) } else { self.ends.iter().map(|unit| unit.forward(&x)).collect() }
    }
}

#[derive(Debug)]
enum Pool {
    Mean(Unit),
    Max(Unit),
    Halving,
}

impl Pool {
    fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        match self {
            // At the border the mean is that of the pixels inside.
            Self::Mean(unit) => unit.forward(&x.f_avg_pool2d([3, 3], [1, 1], [1, 1], false, false, None)?),
            Self::Max(unit) => unit.forward(&x.f_max_pool2d([3, 3], [1, 1], [1, 1], [1, 1], false)?),
            Self::Halving => halve(x),
        }
    }
}

/// The maximum of 3x3 pixels at every other place.
pub(super) fn halve(x: &Tensor) -> Result<Tensor, TchError> {
    x.f_max_pool2d([3, 3], [2, 2], [0, 0], [1, 1], false)
}

/// Branches side by side.
#[derive(Debug)]
pub(super) struct Block {
    branches: Vec<Branch>,
    pool: Pool,
}

impl Block {
    /// The block, and the channels that it makes.
    pub(super) fn new(scope: &Scope, block: &layout::Block, inputs: i64) -> (Self, i64) {
        let scope = scope / block.name;
        let (branches, outputs): (Vec<_>, Vec<_>) =
            block.branches.iter().map(|branch| Branch::new(&scope, branch, inputs)).unzip();
        let (pool, pooled) = match &block.pool {
            layout::Pool::Mean(unit) => (Pool::Mean(Unit::new(&scope, unit, inputs)), unit.outputs),
            layout::Pool::Max(unit) => (Pool::Max(Unit::new(&scope, unit, inputs)), unit.outputs),
            layout::Pool::Halving => (Pool::Halving, inputs),
        };
        (Self { branches, pool }, outputs.iter().sum::<i64>() + pooled)
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let mut parts = Vec::new();
        for branch in &self.branches {
            parts.extend(branch.forward(x)?);
        }
        parts.push(self.pool.forward(x)?);
        Tensor::f_cat(&parts, 1)
    }
}
