//! The table, and how its rows are typed and written.

use lzn_data::{DataError, Dataset, Split, fashion_mnist};
use lzn_random::{Purpose, Stream};
use lzn_tasks::TaskError;
use lzn_tasks::types::{Format, Samples, Typed};
use tch::Tensor;

/// Columns of the table.
pub const COLUMNS: i64 = 64;
/// Side of the pictures that the embedded data set has, and of what is left of them.
const SIDES: (usize, usize) = (28, 8);

/// Rows of numbers in [-1, 1], each with a class.
pub struct Table {
    rows: Tensor,
    labels: Tensor,
    /// Names of the classes.
    pub classes: Vec<String>,
}

impl Table {
    /// The pictures of the embedded data set, averaged to 8 x 8 numbers.
    pub fn open(split: Split) -> Result<Self, DataError> {
        let data = fashion_mnist::embedded(split)?;
        let (from, to) = SIDES;
        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        for index in 0..data.len() {
            let sample = data.read(index)?;
            labels.extend(sample.label);
            for cell in 0..to * to {
                let edges = |i: usize| (i * from / to, (i + 1) * from / to);
                let ((top, bottom), (left, right)) = (edges(cell / to), edges(cell % to));
                let part = sample.image.slice(ndarray::s![0, top..bottom, left..right]);
                let sum: f32 = part.iter().map(|pixel| f32::from(*pixel)).sum();
                rows.push(sum / part.len() as f32 / 127.5 - 1.0);
            }
        }
        let labels = Tensor::from_slice(&labels);
        let rows = Tensor::from_slice(&rows).view([-1, COLUMNS]);
        Ok(Self { rows, labels, classes: data.class_names().to_vec() })
    }

    /// The batch of a step, a function of seed and step.
    pub fn batch(&self, seed: u64, step: u64, count: u64) -> (Tensor, Tensor) {
        let mut stream = Stream::new(seed, Purpose::new("datatype-example/batch"), [step, 0, 0]);
        let places: Vec<i64> = (0..count).map(|_| stream.below(self.labels.size()[0] as usize) as i64).collect();
        let places = Tensor::from_slice(&places);
        (self.rows.index_select(0, &places), self.labels.index_select(0, &places))
    }

    /// `count` rows from all over the table, with their labels.
    pub fn first(&self, count: u64) -> (Tensor, Tensor) {
        self.batch(0, 0, count)
    }
}

/// Rows as lines of numbers with commas between them.
#[derive(Debug)]
pub struct RowFormat;

impl Format for RowFormat {
    fn hint(&self) -> String {
        format!("{COLUMNS} numbers with commas between them")
    }

    fn parse(&self, value: &str) -> Result<Typed, TaskError> {
        let numbers = value.split(',').map(|number| number.trim().parse());
        let numbers: Vec<f32> = numbers.collect::<Result<_, _>>().map_err(|error| TaskError::Other(Box::new(error)))?;
        if numbers.len() != COLUMNS as usize {
            return Err(TaskError::Samples { wanted: "64 numbers", got: "another number of them" });
        }
        let samples = Samples::Rows(Tensor::from_slice(&numbers).view([1, COLUMNS]));
        Ok(Typed { samples, names: vec!["row".to_owned()] })
    }

    fn lines(&self, samples: &Samples) -> Option<Result<Vec<String>, TaskError>> {
        Some(samples.rows().and_then(|rows| {
            let rows: Vec<Vec<f64>> = rows.to_kind(tch::Kind::Double).try_into()?;
            let line = |row: Vec<f64>| row.iter().map(|number| format!("{number:.3}")).collect::<Vec<_>>().join(",");
            Ok(rows.into_iter().map(line).collect())
        }))
    }
}
