//! Many dimensions on a plane.

use faer::Mat;
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::EvalError;
use crate::finite::check_finite;

const OPERATION: &str = "principal components";

/// Principal components of a set of rows: the directions in which they spread most, for showing latents on a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    mean: Array1<f64>,
    axes: Array2<f64>,
    shares: Vec<f64>,
}

/// The first `components` principal components of `rows` `[N, d]` (Pearson, "On lines and planes of closest fit to systems of
/// points in space", 1901), by singular values of the centred rows.
///
/// Signs are the same at every call: the largest coordinate of each axis is positive.
///
/// # Errors
/// [`EvalError::Setting`] unless `components` is from 1 to the smaller of N and d, [`EvalError::NotANumber`] for a value that is not
/// finite, [`EvalError::Draw`] if the decomposition does not converge.
///
/// # Example
/// ```
/// use ndarray::array;
///
/// let rows = array![[0.0, 0.0, 1.0], [3.0, 4.0, 1.0], [6.0, 8.0, 1.0]];
/// let projection = lzn_eval::projection::pca(rows.view(), 1)?;
/// let points = projection.project(rows.view())?;
/// assert!((points[[2, 0]] - 5.0).abs() < 1e-12, "the way from the middle one to the last");
/// assert!((projection.shares()[0] - 1.0).abs() < 1e-12, "they lie on a line");
/// # Ok::<(), lzn_eval::EvalError>(())
/// ```
pub fn pca(rows: ArrayView2<'_, f64>, components: usize) -> Result<Projection, EvalError> {
    let (count, dimensions) = rows.dim();
    if components == 0 || components > count.min(dimensions) {
        let (argument, rule) = ("components", "from 1 to the smaller of the numbers of rows and of dimensions");
        let got = format!("{components} for {count} rows of {dimensions} dimensions");
        return Err(EvalError::Setting { operation: OPERATION, argument, rule, got });
    }
    check_finite(OPERATION, rows)?;
    let mean = rows.sum_axis(Axis(0)) / count as f64;
    let centred = Mat::from_fn(count, dimensions, |row, column| rows[[row, column]] - mean[column]);
    let svd = centred.thin_svd().map_err(|_| EvalError::Draw {
        reason: format!("the principal components of {count} rows of {dimensions} dimensions do not converge"),
    })?;
    let squares: Vec<f64> = svd.S().column_vector().iter().map(|value| value * value).collect();
    let total: f64 = squares.iter().sum();
    let mut axes = Array2::from_shape_fn((components, dimensions), |(axis, column)| svd.V()[(column, axis)]);
    for mut axis in axes.rows_mut() {
        let largest =
            axis.iter().fold(0.0f64, |largest, &value| if value.abs() > largest.abs() { value } else { largest });
        if largest < 0.0 {
            axis.mapv_inplace(|value| -value);
        }
    }
    // Rows that are all the same spread in no direction.
    let share = |square: &f64| if total > 0.0 { square / total } else { 0.0 };
    Ok(Projection { mean, axes, shares: squares.iter().take(components).map(share).collect() })
}

impl Projection {
    /// The share of the variance along each axis, in [0, 1], the largest first.
    #[must_use]
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// Coordinates `[M, components]` of rows `[M, d]` on the axes.
    ///
    /// # Errors
    /// [`EvalError::Setting`] for rows of other dimensions.
    pub fn project(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>, EvalError> {
        check_columns("rows", rows, self.axes.ncols())?;
        Ok((&rows - &self.mean).dot(&self.axes.t()))
    }

    /// The rows `[M, d]` in the span of the axes that have these coordinates `[M, components]`, such as the latents below the cells
    /// of a map.
    ///
    /// # Errors
    /// [`EvalError::Setting`] for another number of coordinates.
    pub fn lift(&self, points: ArrayView2<'_, f64>) -> Result<Array2<f64>, EvalError> {
        check_columns("points", points, self.axes.nrows())?;
        Ok(points.dot(&self.axes) + &self.mean)
    }
}

fn check_columns(argument: &'static str, rows: ArrayView2<'_, f64>, wanted: usize) -> Result<(), EvalError> {
    if rows.ncols() == wanted {
        return Ok(());
    }
    let (rule, got) = ("of as many coordinates as the projection has", format!("{} for {wanted}", rows.ncols()));
    Err(EvalError::Setting { operation: OPERATION, argument, rule, got })
}

#[cfg(test)]
mod tests {
    use lzn_random::{Purpose, Stream};
    use ndarray::s;

    use super::*;

    /// Rows that spread 5, 2 and 0.5 along three directions that are no axes.
    fn rows() -> Array2<f64> {
        let normals = Stream::new(1, Purpose::new("test-rows"), [0; 3]).normals(400 * 3);
        let normals = Array2::from_shape_fn((400, 3), |(row, column)| f64::from(normals[3 * row + column]));
        let spread = normals * ndarray::array![5.0, 2.0, 0.5];
        let turned = |angle: f64, a: usize, b: usize| {
            let mut turn = Array2::eye(3);
            (turn[[a, a]], turn[[a, b]]) = (angle.cos(), angle.sin());
            (turn[[b, a]], turn[[b, b]]) = (-angle.sin(), angle.cos());
            turn
        };
        spread.dot(&turned(0.7, 0, 1)).dot(&turned(-1.1, 1, 2)) + ndarray::array![10.0, -4.0, 2.0]
    }

    /// Covariance times `axis`, by the definition.
    fn covariance_of(rows: &Array2<f64>, axis: &Array1<f64>) -> Array1<f64> {
        let centred = rows - &rows.mean_axis(Axis(0)).unwrap();
        centred.t().dot(&centred.dot(axis)) / rows.nrows() as f64
    }

    #[test]
    fn axes_are_eigenvectors_of_the_covariance_and_shares_their_eigenvalues() {
        let rows = rows();
        let projection = pca(rows.view(), 3).unwrap();
        let variance: f64 = rows.var_axis(Axis(0), 0.0).sum();
        for (axis, &share) in projection.axes.rows().into_iter().zip(projection.shares()) {
            let image = covariance_of(&rows, &axis.to_owned());
            let expected = &axis * (share * variance);
            assert!((&image - &expected).iter().all(|error| error.abs() < 1e-10 * variance), "{image} {expected}");
            assert!((axis.dot(&axis) - 1.0).abs() < 1e-12);
        }
        assert!(projection.shares().is_sorted_by(|left, right| left >= right));
        assert!((projection.shares().iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn lifted_points_project_back_and_all_axes_lose_nothing() {
        let rows = rows();
        let plane = pca(rows.view(), 2).unwrap();
        let points = plane.project(rows.view()).unwrap();
        let back = plane.project(plane.lift(points.view()).unwrap().view()).unwrap();
        assert!((&back - &points).iter().all(|error| error.abs() < 1e-11));
        let all = pca(rows.view(), 3).unwrap();
        let same = all.lift(all.project(rows.view()).unwrap().view()).unwrap();
        assert!((&same - &rows).iter().all(|error| error.abs() < 1e-11));
    }

    #[test]
    fn signs_do_not_depend_on_the_rows_order() {
        let rows = rows();
        let reversed = rows.slice(s![..;-1, ..]);
        let (one, other) = (pca(rows.view(), 2).unwrap(), pca(reversed, 2).unwrap());
        assert!((&one.axes - &other.axes).iter().all(|error| error.abs() < 1e-10));
        assert!(
            one.axes
                .rows()
                .into_iter()
                .all(|axis| axis.iter().copied().fold(0.0, f64::max) >= -axis.iter().copied().fold(0.0, f64::min))
        );
    }

    #[test]
    fn what_has_no_components_is_refused() {
        let rows = rows();
        for components in [0, 4] {
            assert!(matches!(pca(rows.view(), components), Err(EvalError::Setting { .. })));
        }
        assert!(matches!(pca(rows.slice(s![..1, ..]), 2), Err(EvalError::Setting { .. })));
        let mut broken = rows.clone();
        broken[[7, 1]] = f64::INFINITY;
        assert!(matches!(pca(broken.view(), 2), Err(EvalError::NotANumber { row: 7, .. })));
        let plane = pca(rows.view(), 2).unwrap();
        assert!(plane.project(rows.slice(s![.., ..2])).is_err() && plane.lift(rows.view()).is_err());
        let same = Array2::from_elem((5, 3), 2.0);
        assert_eq!(pca(same.view(), 2).unwrap().shares(), [0.0, 0.0]);
    }
}
