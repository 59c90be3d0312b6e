//! Halving and doubling the resolution of a feature map.

use tch::{Device, Tensor};

use crate::Shared;

/// Which way a block changes the resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Twice the resolution.
    Up,
    /// Half the resolution.
    Down,
}

/// How the resolution is halved and doubled.
#[derive(Debug, Clone)]
pub enum Resampling {
    /// The mean of each 2x2 block; each pixel repeated 2x2.
    Plain,
    /// A separable low-pass filter (Zhang 2019; Karras et al. 2020), for instance with taps `[1, 3, 3, 1]`.
    Fir {
        /// Filter of halving `[1, 1, taps, taps]`; it sums to 1.
        down: Shared,
        /// Filter of doubling `[1, 1, taps, taps]`; it sums to 4, since three of four inputs are inserted zeros.
        up: Shared,
    },
}

impl Resampling {
    /// The filter of these taps; there is an even number of them, at least 2, and their sum is not 0.
    pub fn fir(taps: &[f64], device: Device) -> Self {
        let taps = Tensor::from_slice(taps);
        let square = taps.outer(&taps);
        let square = (&square / square.sum(tch::Kind::Double)).unsqueeze(0).unsqueeze(0);
        let to_device = |filter: Tensor| filter.to_kind(tch::Kind::Float).to_device(device);
        // A convolution layer correlates, a filter convolves: hence the flip on the way down. The way up is the transpose of a
        // correlation, which is a convolution already.
        Self::Fir { down: to_device(square.flip([2, 3])).into(), up: to_device(square * 4.0).into() }
    }

    /// `[B, C, H, W]` to `[B, C, H/2, W/2]` or `[B, C, 2H, 2W]`.
    pub fn apply(&self, x: &Tensor, direction: Direction) -> Tensor {
        let (b, c, h, w) = x.size4().unwrap_or_default();
        match (self, direction) {
            (Self::Plain, Direction::Down) => x.avg_pool2d(2, 2, 0, false, true, None),
            (Self::Plain, Direction::Up) => x.upsample_nearest2d([2 * h, 2 * w], None, None),
            // Every channel is filtered alike, so channels can stand in the place of samples.
            (Self::Fir { down, .. }, Direction::Down) => {
                let planes = x.reshape([b * c, 1, h, w]);
                planes.conv2d(down, None::<&Tensor>, 2, padding(down), 1, 1).view([b, c, h / 2, w / 2])
            }
            (Self::Fir { up, .. }, Direction::Up) => {
                let planes = x.reshape([b * c, 1, h, w]);
                planes.conv_transpose2d(up, None::<&Tensor>, 2, padding(up), 0, 1, 1).view([b, c, 2 * h, 2 * w])
            }
        }
    }
}

/// Padding that makes the result exactly half or twice as large, centred.
fn padding(filter: &Tensor) -> i64 {
    filter.size().last().map_or(0, |taps| (taps - 2) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: insert zeros between the inputs, convolve with the normalised taps times 2, in one dimension.
    fn doubled(x: &[f64], taps: &[f64]) -> Vec<f64> {
        let total: f64 = taps.iter().sum();
        let centre = taps.len() / 2 - 1;
        let at = |i: i64| if i >= 0 && i % 2 == 0 { x.get(i as usize / 2).copied().unwrap_or(0.0) } else { 0.0 };
        let pixel = |n: usize| -> f64 {
            taps.iter().enumerate().map(|(i, k)| 2.0 * k / total * at((n + centre) as i64 - i as i64)).sum()
        };
        (0..2 * x.len()).map(pixel).collect()
    }

    #[test]
    fn fir_doubling_is_convolution_of_zero_stuffed_input() {
        let (x, y) = ([0.3, -1.2, 2.0, 0.7], [1.0, -0.5, 0.25, 3.0]);
        let map = Tensor::from_slice(&x).outer(&Tensor::from_slice(&y)).view([1, 1, 4, 4]).to_kind(tch::Kind::Float);
        for taps in [vec![1.0, 3.0, 3.0, 1.0], vec![1.0, 1.0], vec![1.0, 2.0, 4.0, 8.0], vec![1.0; 6]] {
            // The filter is separable, so an outer product stays one.
            let (rows, columns) = (doubled(&x, &taps), doubled(&y, &taps));
            let expected = Tensor::from_slice(&rows).outer(&Tensor::from_slice(&columns)).view([1, 1, 8, 8]);
            let got = Resampling::fir(&taps, Device::Cpu).apply(&map, Direction::Up);
            assert!(got.allclose(&expected.to_kind(tch::Kind::Float), 1e-5, 1e-6, false), "{taps:?}");
        }
    }

    #[test]
    fn fir_halving_is_the_transpose_of_doubling_by_a_quarter() {
        // <down(x), y> = <x, up(y)> / 4 for taps that read the same both ways.
        let fir = Resampling::fir(&[1.0, 3.0, 3.0, 1.0], Device::Cpu);
        let wave = |n: i64, f: f64| (Tensor::arange(n, (tch::Kind::Float, Device::Cpu)) * f).sin();
        let (x, y) = (wave(2 * 3 * 64, 0.37).view([2, 3, 8, 8]), wave(2 * 3 * 16, 0.91).view([2, 3, 4, 4]));
        let left = (fir.apply(&x, Direction::Down) * &y).sum(tch::Kind::Double).double_value(&[]);
        let right = (fir.apply(&y, Direction::Up) * &x).sum(tch::Kind::Double).double_value(&[]) / 4.0;
        assert!((left - right).abs() < 1e-5, "{left} against {right}");
    }
}
