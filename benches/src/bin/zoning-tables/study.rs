//! What all studies share.

use lzn_benches::contenders::{Contender, Precision};
use lzn_benches::rivals::Form;
use lzn_benches::solvers::NamedSolver;
use lzn_eval::Picture;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    /// Small sizes only.
    pub(crate) quick: bool,
    /// Threads in use.
    pub(crate) threads: usize,
}

/// A finished study.
#[derive(Debug)]
pub(crate) struct Study {
    /// Its section of the page.
    pub(crate) text: String,
    /// Its pictures, by file name.
    pub(crate) pictures: Vec<(String, Picture)>,
}

/// The number type of all studies.
pub(crate) const PRECISION: Precision = Precision::F32;

/// Dimension of all studies: the published one.
pub(crate) const DIM: usize = 200;

/// The solvers whose growth and rounding are compared, and rivals.
pub(crate) fn compared(rivals: &[Form]) -> anyhow::Result<Vec<Contender>> {
    let ours = NamedSolver::COMPARED.iter().map(|name| name.parse());
    ours.chain(rivals.iter().map(|form| Ok(Contender::Rival(*form)))).collect()
}
