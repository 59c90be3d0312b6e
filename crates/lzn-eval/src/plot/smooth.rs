//! Taking the noise out of a curve, for the eye.

/// Curves of fewer points are shown as they are.
const FEW: usize = 40;

/// One in this many points is averaged to either side.
const REACH: usize = 40;

/// More points than this are not drawn: the picture has no room for them.
const ENOUGH: usize = 1200;

/// A straight line fitted to every value and its neighbours, taken at that value, with the index of the value; `None` if
/// there are too few values for that to help. Of very many values, only evenly spaced ones are returned.
///
/// Away from the ends this is the mean of the neighbourhood. At the ends, where neighbours are missing on one side, a mean
/// would bend a rising or falling curve flat.
pub(super) fn smoothed(values: &[f64]) -> Option<Vec<(usize, f64)>> {
    if values.len() < FEW {
        return None;
    }
    let reach = (values.len() / REACH).max(2);
    let fit = |index: usize| {
        let from = index.saturating_sub(reach);
        let near = &values[from..(index + reach + 1).min(values.len())];
        (index, fitted(near, (index - from) as f64))
    };
    let last = values.len() - 1;
    let stride = values.len().div_ceil(ENOUGH);
    Some((0..last).step_by(stride).chain([last]).map(fit).collect())
}

/// The lowest and the highest of every few points, so that a curve of very many looks the same but draws fast.
pub(super) fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let few = (2 * points.len()).div_ceil(ENOUGH);
    if few <= 2 {
        return points.to_vec();
    }
    let mut kept = Vec::with_capacity(ENOUGH + 2);
    for chunk in points.chunks(few) {
        let order = |(_, a): &(usize, &(f64, f64)), (_, b): &(usize, &(f64, f64))| a.1.total_cmp(&b.1);
        let low = chunk.iter().enumerate().min_by(order).map_or(0, |(index, _)| index);
        let high = chunk.iter().enumerate().max_by(order).map_or(0, |(index, _)| index);
        kept.extend([chunk[low.min(high)], chunk[low.max(high)]]);
    }
    kept
}

/// The line of least squares through `values` at the places 0, 1, 2, ..., taken at the place `at`.
fn fitted(values: &[f64], at: f64) -> f64 {
    let count = values.len() as f64;
    let middle = (count - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / count;
    let (mut slope, mut spread) = (0.0, 0.0);
    for (place, value) in values.iter().enumerate() {
        let distance = place as f64 - middle;
        slope += distance * (value - mean);
        spread += distance * distance;
    }
    mean + slope / spread * (at - middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_stays_as_it_is() {
        for count in [FEW, 200, 5 * ENOUGH + 1] {
            let line: Vec<_> = (0..count).map(|index| 3.0 - 0.5 * index as f64).collect();
            let smooth = smoothed(&line).unwrap();
            assert!(smooth.iter().all(|&(index, value)| (line[index] - value).abs() < 1e-9 * count as f64));
            assert_eq!((smooth[0].0, smooth[smooth.len() - 1].0), (0, count - 1), "from end to end");
            assert!(smooth.len() <= ENOUGH + 1);
        }
    }

    #[test]
    fn noise_shrinks() {
        let noise: Vec<_> = (0..400).map(|index| if index % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let smooth = smoothed(&noise).unwrap();
        assert!(smooth[20..380].iter().all(|(_, value)| value.abs() < 0.06));
        assert!(smooth.iter().all(|(_, value)| value.abs() < 0.5), "at the ends too");
    }

    #[test]
    fn few_points_are_left_alone() {
        assert_eq!(smoothed(&[1.0; FEW - 1]), None);
        let points: Vec<_> = (0..ENOUGH).map(|index| (index as f64, 1.0)).collect();
        assert_eq!(thinned(&points), points);
    }

    #[test]
    fn thinning_keeps_order_and_extremes() {
        let points: Vec<_> = (0..50_000).map(|index| (f64::from(index), (f64::from(index) * 7.3).sin())).collect();
        let kept = thinned(&points);
        assert!(kept.len() <= ENOUGH + 2);
        assert!(kept.is_sorted_by(|a, b| a.0 <= b.0) && kept.iter().all(|point| points.contains(point)));
        let extremes = |points: &[(f64, f64)]| {
            points.iter().fold((0.0f64, 0.0f64), |(low, high), point| (low.min(point.1), high.max(point.1)))
        };
        assert_eq!(extremes(&kept), extremes(&points));
    }
}
