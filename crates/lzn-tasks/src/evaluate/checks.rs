//! Whether drawn images show what they were asked for, and whether they are anything new.

use lzn_data::Dataset;
use lzn_eval::neighbours::{self, Table};
use lzn_eval::{ClassCounts, Memorisation, Metric};
use ndarray::{Array2, Array5, ArrayView4, Axis, s};

use super::{Better, Generated, Measure};
use crate::TaskError;
use crate::data::read_bytes;

/// Drawn images whose nearest training images are shown, and how many of each.
const SHOWN: (usize, usize) = (10, 4);

/// Pixels of training images in memory at a time.
const CHUNK: usize = 1 << 24;

/// Training images that are nearest to drawn ones.
#[derive(Debug)]
pub struct Nearest {
    /// The `k` nearest of each of `n` drawn images, nearest first, `[n, k, C, H, W]`.
    pub images: Array5<u8>,
    /// Their L2 distances in pixels from -1 to 1, `[n, k]`.
    pub distances: Array2<f64>,
}

/// The share of drawn images that a network trained on the real ones takes for what they were asked to be, and how far the shares of
/// classes that it sees are from those that were asked for. Nothing where no label was asked for.
///
/// # Errors
/// [`TaskError::Eval`] if a label is no class.
pub(super) fn agreement(
    generated: &Generated,
    logits: &Array2<f32>,
    sampling: &str,
) -> Result<Vec<Measure>, TaskError> {
    let classes = logits.ncols();
    let Some(labels) = &generated.labels else { return Ok(Vec::new()) };
    let best = |row: ndarray::ArrayView1<'_, f32>| {
        let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        best.map_or(0, |(class, _)| class as i64)
    };
    let seen: Vec<i64> = logits.axis_iter(Axis(0)).map(best).collect();
    let agree = seen.iter().zip(labels).filter(|(seen, asked)| seen == asked).count();
    let counts = |labels: &[i64]| {
        let mut counts = ClassCounts::new(classes)?;
        counts.update(labels)?;
        counts.finish()
    };
    let distance = counts(&seen)?.total_variation(&counts(labels)?)?;
    let measure = |name: &str, value, better, what: &str| {
        let made = Measure::new(name, value, better, format!("{sampling}; {what}")).share();
        Measure { generated: Some(labels.len()), ..made }
    };
    let share = agree as f64 / labels.len().max(1) as f64;
    Ok(vec![
        measure("label agreement", share, Better::Higher, "the feature network's own classification"),
        measure("class imbalance", distance, Better::Lower, "total variation between shares of classes"),
    ])
}

/// The share of drawn images that are nearer to a training image than to any test image: more than expected means that the model
/// learned images by heart. Given are the features of drawn, training and test images.
///
/// # Errors
/// [`TaskError::Eval`] for sets that cannot be compared.
pub(super) fn memorisation([drawn, train, test]: [&Array2<f32>; 3], sampling: &str) -> Result<Measure, TaskError> {
    let found = Memorisation::new(drawn.view(), train.view(), test.view(), 1)?;
    let protocol = format!("{sampling}; in the features above; {:.1} % expected of new images", 100.0 * found.expected);
    let made = Measure::new("nearer to training images", found.share(), Better::Neither, protocol).share();
    Ok(made.counts(train.nrows() + test.nrows(), drawn.nrows()))
}

/// The training images nearest in pixels to the first drawn ones. Some are in memory at a time.
///
/// # Errors
/// [`TaskError`] if images cannot be read.
pub(super) fn nearest(generated: &Generated, train: &dyn Dataset) -> Result<Nearest, TaskError> {
    let count = SHOWN.0.min(generated.images.dim().0);
    let queries = pixels(generated.images.slice(s![..count, .., .., ..]));
    let shape = train.image_shape();
    let chunk = (CHUNK / (shape.channels * shape.height * shape.width).max(1)).max(1);
    let mut best: Vec<Vec<(f64, usize)>> = vec![Vec::new(); count];
    for start in (0..train.len()).step_by(chunk) {
        let (images, _) = read_bytes(train, start..train.len().min(start + chunk))?;
        let rows = pixels(images.view());
        let found = Table::new(rows.view(), neighbours::Measure::Euclidean)?
            .nearest(queries.view(), SHOWN.1.min(rows.nrows()))?;
        for ((query, rank), index) in found.indices.indexed_iter() {
            best[query].push((found.distances[[query, rank]], start + index));
        }
        for best in &mut best {
            best.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            best.truncate(SHOWN.1);
        }
    }
    let k = SHOWN.1.min(train.len());
    let distances = Array2::from_shape_fn((count, k), |(query, rank)| best[query][rank].0);
    let mut images = Array5::zeros((count, k, shape.channels, shape.height, shape.width));
    for (mut row, best) in images.outer_iter_mut().zip(&best) {
        row.assign(&read_bytes(train, best.iter().map(|(_, index)| *index))?.0);
    }
    Ok(Nearest { images, distances })
}

/// A row of pixels for each image, in [-1, 1].
fn pixels(images: ArrayView4<'_, u8>) -> Array2<f32> {
    let count = images.dim().0;
    let values: Vec<f32> = images.iter().map(|byte| in_range(*byte)).collect();
    // As many numbers as the images have pixels.
    Array2::from_shape_vec((count, values.len() / count.max(1)), values).unwrap_or_default()
}

fn in_range(byte: u8) -> f32 {
    f32::from(byte) / 127.5 - 1.0
}
