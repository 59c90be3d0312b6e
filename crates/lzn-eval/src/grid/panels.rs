//! Grids that compare images with images.

use ndarray::{Array4, ArrayView2, ArrayView4, ArrayView5, Axis, s};

use super::{GridOptions, image_grid};
use crate::{Drawing, EvalError};

/// Originals in rows of `columns`, with the reconstruction of each right below it.
///
/// # Shapes
/// `originals` and `reconstructions`: `[n, channels, height, width]`, values 0 to 255.
///
/// # Errors
/// [`EvalError::Setting`] if the shapes differ or there are no columns; else as [`image_grid`].
pub fn reconstructions(
    originals: ArrayView4<'_, u8>,
    reconstructions: ArrayView4<'_, u8>,
    columns: usize,
) -> Result<Drawing, EvalError> {
    const OPERATION: &str = "reconstructions";
    same_shape(OPERATION, "reconstructions", originals.shape(), reconstructions.shape())?;
    let count = originals.dim().0;
    if count == 0 {
        return Err(EvalError::Empty { operation: OPERATION });
    }
    if columns == 0 {
        let (argument, rule) = ("columns", "at least 1");
        return Err(EvalError::Setting { operation: OPERATION, argument, rule, got: columns.to_string() });
    }
    let columns = columns.min(count);
    let blocks = count.div_ceil(columns);
    let mut images = Array4::from_elem(
        (2 * blocks * columns, originals.dim().1, originals.dim().2, originals.dim().3),
        // Places without an image are as white as the paper.
        255,
    );
    for index in 0..count {
        let place = 2 * columns * (index / columns) + index % columns;
        images.index_axis_mut(Axis(0), place).assign(&originals.index_axis(Axis(0), index));
        images.index_axis_mut(Axis(0), place + columns).assign(&reconstructions.index_axis(Axis(0), index));
    }
    let labels: Vec<_> =
        ["original", "reconstruction"].map(str::to_owned).into_iter().cycle().take(2 * blocks).collect();
    let options =
        GridOptions { row_labels: Some(&labels), rows_together: 2, ..GridOptions::for_size(originals.dim().3 as u32) };
    image_grid(images.view(), columns, &options)
}

/// Images and others that are nearest to each: samples and training images show whether a model learned by heart.
#[derive(Debug, Clone, Copy)]
pub struct Neighbours<'a> {
    /// What the images at the left are, below each of them.
    pub name: &'a str,
    /// `[n, channels, height, width]`, values 0 to 255.
    pub samples: ArrayView4<'a, u8>,
    /// The nearest images of each, nearest first, `[n, k, channels, height, width]`.
    pub nearest: ArrayView5<'a, u8>,
    /// How far each of them is from its sample, `[n, k]`, in whatever the distance is measured in.
    pub distances: ArrayView2<'a, f64>,
}

/// Each sample at the left, its nearest images with their distances at the right.
///
/// # Errors
/// [`EvalError::Setting`] if the shapes do not belong together; else as [`image_grid`].
pub fn neighbours(panel: &Neighbours<'_>) -> Result<Drawing, EvalError> {
    const OPERATION: &str = "neighbours";
    let (count, near, channels, height, width) = panel.nearest.dim();
    same_shape(OPERATION, "samples", &[count, channels, height, width], panel.samples.shape())?;
    same_shape(OPERATION, "distances", &[count, near], panel.distances.shape())?;
    let mut images = Array4::zeros((count * (near + 1), channels, height, width));
    for (place, mut image) in images.outer_iter_mut().enumerate() {
        let sample = place / (near + 1);
        match (place % (near + 1)).checked_sub(1) {
            None => image.assign(&panel.samples.index_axis(Axis(0), sample)),
            Some(rank) => image.assign(&panel.nearest.slice(s![sample, rank, .., .., ..])),
        }
    }
    let distances = panel.distances.rows().into_iter();
    let captions: Vec<_> = distances
        .flat_map(|row| std::iter::once(panel.name.to_owned()).chain(row.to_vec().into_iter().map(distance)))
        .collect();
    let options = GridOptions { captions: Some(&captions), columns_apart: 1, ..GridOptions::for_size(width as u32) };
    image_grid(images.view(), near + 1, &options)
}

/// Three digits that count.
fn distance(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

fn same_shape(
    operation: &'static str,
    argument: &'static str,
    wanted: &[usize],
    got: &[usize],
) -> Result<(), EvalError> {
    if wanted == got {
        return Ok(());
    }
    let (rule, got) = ("of the shape of what they are compared with", format!("{got:?} for {wanted:?}"));
    Err(EvalError::Setting { operation, argument, rule, got })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array5};

    use super::*;
    use crate::Picture;

    /// One grey for all of an image.
    fn grey(values: &[u8]) -> Array4<u8> {
        Array4::from_shape_fn((values.len(), 1, 28, 28), |(n, _, _, _)| values[n])
    }

    /// Centres of all squares of one grey, as sums of their pixels' places divided by their number.
    fn centre(picture: &Picture, value: u8) -> (u32, u32) {
        let places = (0..picture.height()).flat_map(|y| (0..picture.width()).map(move |x| (x, y)));
        let own: Vec<_> = places.filter(|&(x, y)| picture.pixel(x, y) == Some([value; 3])).collect();
        // The edges of letters have a few pixels of any grey.
        assert!(own.len() >= 56 * 56, "{value}: {} pixels", own.len());
        let mean = |axis: fn(&(u32, u32)) -> u32| own.iter().map(axis).sum::<u32>() / own.len() as u32;
        (mean(|place| place.0), mean(|place| place.1))
    }

    #[test]
    fn a_reconstruction_stands_right_below_its_original() {
        let (originals, copies) = (grey(&[10, 20, 30]), grey(&[11, 21, 31]));
        let picture = reconstructions(originals.view(), copies.view(), 2).unwrap().picture().unwrap();
        let at = |value| centre(&picture, value);
        for value in [10, 20, 30] {
            assert!(at(value).0.abs_diff(at(value + 1).0) <= 2);
            assert!((50..70).contains(&(at(value + 1).1 - at(value).1)), "{value}");
        }
        assert!(at(20).1.abs_diff(at(10).1) <= 2 && at(20).0 > at(10).0);
        assert!(at(30).1 > at(11).1 + 60, "the second block is set apart");
    }

    #[test]
    fn neighbours_stand_right_of_their_sample_nearest_first() {
        let samples = grey(&[10, 50]);
        let nearest = grey(&[11, 12, 51, 52]).into_shape_with_order((2, 2, 1, 28, 28)).unwrap();
        let distances = Array2::from_shape_fn((2, 2), |(n, k)| (1 + n + k) as f64);
        let panel = Neighbours {
            name: "sample",
            samples: samples.view(),
            nearest: nearest.view(),
            distances: distances.view(),
        };
        let drawing = neighbours(&panel).unwrap();
        let picture = drawing.picture().unwrap();
        for value in [10, 50] {
            let [sample, first, second] = [0, 1, 2].map(|more| centre(&picture, value + more));
            assert!(sample.0 < first.0 && first.0 < second.0);
            assert!(first.0 - sample.0 > second.0 - first.0 + 5, "the sample is set apart");
        }
        let svg = drawing.to_svg().unwrap();
        for distance in ["1.0", "2.0", "3.0"] {
            assert!(svg.contains(&format!(">\n{distance}\n<")), "{distance}");
        }
    }

    #[test]
    fn shapes_that_do_not_belong_together_are_refused() {
        let (one, two) = (grey(&[1]), grey(&[1, 2]));
        let error = reconstructions(one.view(), two.view(), 2).unwrap_err().to_string();
        assert!(error.contains("reconstructions") && error.contains("[2, 1, 28, 28]"), "{error}");
        assert!(
            reconstructions(one.slice(ndarray::s![..0, .., .., ..]), one.slice(ndarray::s![..0, .., .., ..]), 2)
                .is_err()
        );
        assert!(reconstructions(one.view(), one.view(), 0).is_err());
        let (nearest, distances) = (Array5::zeros((2, 3, 1, 28, 28)), Array2::zeros((2, 3)));
        let panel = |samples, distances| {
            neighbours(&Neighbours { name: "sample", samples, nearest: nearest.view(), distances })
        };
        assert!(panel(one.view(), distances.view()).is_err());
        assert!(panel(two.view(), distances.slice(ndarray::s![.., ..2])).is_err());
        assert!(panel(two.view(), distances.view()).is_ok());
    }
}
