//! The way from one latent to another.

use tch::{Kind, Tensor};

/// Points `[shares, d]` between two rows `[1, d]`; lengths change evenly, directions turn evenly. Shares of 0 and 1 are the rows
/// themselves.
fn great_circle(from: &Tensor, to: &Tensor, shares: &[f64]) -> Tensor {
    let cosine = (from * to).sum(Kind::Double) / (from.norm() * to.norm());
    let angle = cosine.clamp(-1.0, 1.0).acos().double_value(&[]).max(1e-6);
    let point = |share: f64| {
        let (a, b) = (((1.0 - share) * angle).sin() / angle.sin(), (share * angle).sin() / angle.sin());
        from * a + to * b
    };
    Tensor::cat(&shares.iter().map(|share| point(*share)).collect::<Vec<_>>(), 0)
}

/// `points` points on the way from each row to the row of the same number, `[n * points, d]`.
pub(crate) fn paths(from: &Tensor, to: &Tensor, points: usize) -> Tensor {
    let shares: Vec<f64> = (0..points).map(|i| i as f64 / (points.max(2) - 1) as f64).collect();
    let rows = (0..from.size()[0]).map(|row| great_circle(&from.narrow(0, row, 1), &to.narrow(0, row, 1), &shares));
    let rows: Vec<Tensor> = rows.collect();
    if rows.is_empty() { from.shallow_clone() } else { Tensor::cat(&rows, 0) }
}

#[cfg(test)]
mod tests {
    use lzn_random::{Purpose, Stream};

    use super::*;

    #[test]
    fn a_path_ends_at_its_ends_and_stays_as_far_from_the_origin() {
        let draw = |end| {
            let mut stream = Stream::new(1, Purpose::new("path-end"), [end, 0, 0]);
            Tensor::from_slice(&stream.normals(800)).view([2, 400])
        };
        let (from, to) = (draw(0), draw(1));
        let paths = paths(&from, &to, 3);
        for row in 0..2 {
            assert_eq!((paths.get(3 * row), paths.get(3 * row + 2)), (from.get(row), to.get(row)));
            // The straight line would pass at 0.7 of the radius.
            let radius = |rows: &Tensor, row| rows.get(row).norm().double_value(&[]);
            let (middle, ends) = (radius(&paths, 3 * row + 1), radius(&from, row) + radius(&to, row));
            assert!((middle - ends / 2.0).abs() < 0.03 * middle, "{middle}");
        }
    }
}
