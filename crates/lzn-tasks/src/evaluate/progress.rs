//! How far an evaluation is, for whoever watches.

/// Is told about stages and what is done of them.
pub trait Progress {
    /// A stage of `total` units begins, and the one before has ended.
    fn begin(&self, stage: &str, total: usize);
    /// So many more units of the stage are done.
    fn advance(&self, units: usize);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: usize) {}
    fn advance(&self, _: usize) {}
}
