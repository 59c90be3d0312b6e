//! What every metric has in common.

/// An accumulator: it is given batches, can be merged with others, and is used up by its result.
///
/// # Laws
/// * Batches may come in any order and in any cut; the value is the same (up to rounding for real numbers).
/// * Accumulating two halves apart and merging them gives what one accumulator gives for the whole.
/// * A batch that is refused changes nothing.
///
/// # Example
/// ```
/// use lzn_eval::{Confusion, Metric};
///
/// let (mut left, mut right) = (Confusion::new(3)?, Confusion::new(3)?);
/// left.update((&[0, 1], &[0, 2]))?; // predicted, true
/// right.update((&[1], &[1]))?;
/// left.merge(right)?;
/// assert_eq!(left.finish()?.accuracy(), 2.0 / 3.0);
/// # Ok::<(), lzn_eval::EvalError>(())
/// ```
pub trait Metric: Sized {
    /// What one update takes; borrowed, so that nothing is copied.
    type Batch<'a>;
    /// The result.
    type Value;
    /// Why a batch, a merge or a result can be refused.
    type Error;

    /// Adds a batch.
    ///
    /// # Errors
    /// If the batch is not valid; the accumulator is then unchanged.
    fn update(&mut self, batch: Self::Batch<'_>) -> Result<(), Self::Error>;

    /// Adds what `other` has accumulated.
    ///
    /// # Errors
    /// If the two have different settings; the accumulator is then unchanged.
    fn merge(&mut self, other: Self) -> Result<(), Self::Error>;

    /// Gives the result and ends the accumulation.
    ///
    /// # Errors
    /// If there was no data.
    fn finish(self) -> Result<Self::Value, Self::Error>;
}
