//! A metric of one's own.

use lzn_eval::Metric;
use tch::{Kind, TchError, Tensor};

/// Mean absolute difference of rows, over all numbers.
#[derive(Debug, Default)]
pub struct Deviation {
    sum: f64,
    count: usize,
}

impl Metric for Deviation {
    type Batch<'a> = (&'a Tensor, &'a Tensor);
    type Value = f64;
    type Error = TchError;

    fn update(&mut self, (a, b): Self::Batch<'_>) -> Result<(), TchError> {
        self.sum += a.f_sub(b)?.abs().sum(Kind::Double).double_value(&[]);
        self.count += a.numel();
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<(), TchError> {
        self.sum += other.sum;
        self.count += other.count;
        Ok(())
    }

    fn finish(self) -> Result<f64, TchError> {
        match self.count {
            0 => Err(TchError::Shape("there were no rows".to_owned())),
            count => Ok(self.sum / count as f64),
        }
    }
}
