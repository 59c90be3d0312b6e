//! Structural similarity.

use ndarray::{Array2, ArrayView2, ArrayView3, ArrayView4, Axis, Zip};
use rayon::prelude::*;

use super::check_shapes;
use crate::{EvalError, MeanVar, Metric, Moments};

const OPERATION: &str = "SSIM";

/// Side of the window, and the standard deviation of its Gaussian weights.
const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;
/// `(K L)^2` with `K1 = 0.01`, `K2 = 0.03` and the data range `L = 255`.
const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);

/// The mean structural similarity of Wang, Bovik, Sheikh and Simoncelli ("Image quality assessment: from error visibility to
/// structural similarity", 2004) of image pairs; 1 for equal images, around 0 for unrelated ones, at least -1.
///
/// # Convention
/// SSIM has many; values are comparable only within one. Here, as in the paper: an 11 x 11 window of Gaussian weights with standard
/// deviation 1.5 that sum to 1, `K1 = 0.01`, `K2 = 0.03`, data range 255, variances with these weights and no correction for
/// the sample's size, only windows that lie in the image. The mean over windows is taken per channel, then over channels, then over
/// images. Images are not downsampled first, however large.
///
/// scikit-image computes the same with `structural_similarity(a, b, gaussian_weights=True, sigma=1.5,
/// use_sample_covariance=False, data_range=255, channel_axis=0)`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ssim(MeanVar);

impl Ssim {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Metric for Ssim {
    /// Originals and reconstructions, `[B, C, H, W]` each, `H` and `W` at least 11. Which is which does not matter.
    type Batch<'a> = (ArrayView4<'a, u8>, ArrayView4<'a, u8>);
    /// Mean and variance over images.
    type Value = Moments;
    type Error = EvalError;

    fn update(&mut self, (originals, reconstructions): Self::Batch<'_>) -> Result<(), EvalError> {
        check_shapes(OPERATION, originals.shape(), reconstructions.shape())?;
        if originals.shape()[2..].iter().any(|&side| side < WINDOW) {
            let (argument, expected) = ("originals", format!("[B, C, H, W] with H and W at least {WINDOW}"));
            let got = format!("{:?}", originals.shape());
            return Err(EvalError::Shape { operation: OPERATION, argument, expected, got });
        }
        let weights = weights();
        let pairs: Vec<_> = originals.outer_iter().zip(reconstructions.outer_iter()).collect();
        let values: Vec<f64> = pairs.into_par_iter().map(|(a, b)| of_image(a, b, &weights)).collect();
        self.0.update(&values)
    }

    fn merge(&mut self, other: Self) -> Result<(), EvalError> {
        self.0.merge(other.0)
    }

    fn finish(self) -> Result<Moments, EvalError> {
        self.0.finish().map_err(|_| EvalError::Empty { operation: OPERATION })
    }
}

/// Weights of the window along one axis; the window's own are their products.
fn weights() -> [f64; WINDOW] {
    let centre = (WINDOW / 2) as f64;
    let raw: [f64; WINDOW] = std::array::from_fn(|i| (-0.5 * ((i as f64 - centre) / SIGMA).powi(2)).exp());
    let sum: f64 = raw.iter().sum();
    raw.map(|weight| weight / sum)
}

/// Mean over the channels of two images `[C, H, W]`.
fn of_image(a: ArrayView3<'_, u8>, b: ArrayView3<'_, u8>, weights: &[f64; WINDOW]) -> f64 {
    let channels = a.outer_iter().zip(b.outer_iter());
    channels.map(|(a, b)| of_channel(a, b, weights)).sum::<f64>() / a.len_of(Axis(0)) as f64
}

/// Mean over the windows of two channels `[H, W]`.
fn of_channel(a: ArrayView2<'_, u8>, b: ArrayView2<'_, u8>, weights: &[f64; WINDOW]) -> f64 {
    let (a, b) = (a.mapv(f64::from), b.mapv(f64::from));
    let local = |image: &Array2<f64>| local_means(image, weights);
    let (mean_a, mean_b) = (local(&a), local(&b));
    let (square_a, square_b, product) = (local(&(&a * &a)), local(&(&b * &b)), local(&(&a * &b)));
    let mut sum = 0.0;
    Zip::from(&mean_a).and(&mean_b).and(&square_a).and(&square_b).and(&product).for_each(|&ma, &mb, &aa, &bb, &ab| {
        let (variances, covariance) = (aa - ma * ma + bb - mb * mb, ab - ma * mb);
        let luminance = (2.0 * ma * mb + C1) / (ma * ma + mb * mb + C1);
        sum += luminance * (2.0 * covariance + C2) / (variances + C2);
    });
    sum / mean_a.len() as f64
}

/// Weighted means over all windows in an image `[H, W]`: `[H - 10, W - 10]`.
fn local_means(image: &Array2<f64>, weights: &[f64; WINDOW]) -> Array2<f64> {
    let along = |image: &Array2<f64>, axis: Axis| {
        let windows = image.len_of(axis) - WINDOW + 1;
        let mut shape = image.raw_dim();
        shape[axis.index()] = windows;
        let mut out = Array2::zeros(shape);
        for (offset, &weight) in weights.iter().enumerate() {
            out.scaled_add(weight, &image.slice_axis(axis, (offset..offset + windows).into()));
        }
        out
    };
    along(&along(image, Axis(0)), Axis(1))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array4, s};
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    fn measured(a: &Array4<u8>, b: &Array4<u8>) -> Ssim {
        let mut metric = Ssim::new();
        metric.update((a.view(), b.view())).unwrap();
        metric
    }

    /// Images as `tests/data/ssim.py` makes them.
    fn formula(shape: [usize; 4], salt: usize) -> Array4<u8> {
        Array4::from_shape_fn(shape, |(n, c, i, j)| {
            let wave = (i * (n + 2) + 3 * j + 40 * c + 11 * salt) % 256;
            let noise = (i * i * 7 + j * j * 13 + i * j * 5 + 31 * n + 17 * salt) % (1 + 40 * salt);
            (wave / 2 + noise) as u8
        })
    }

    #[derive(Deserialize)]
    struct Golden {
        shape: [usize; 4],
        per_image: Vec<f64>,
    }

    #[test]
    fn scikit_image_finds_the_same() {
        let golden: Vec<Golden> = serde_json::from_str(include_str!("../../tests/data/ssim.json")).unwrap();
        assert!(golden.len() > 2);
        for Golden { shape, per_image } in golden {
            let (a, b) = (formula(shape, 0), formula(shape, 2));
            for (image, expected) in per_image.iter().enumerate() {
                let one = |images: &Array4<u8>| images.slice(s![image..=image, .., .., ..]).to_owned();
                let found = measured(&one(&a), &one(&b)).finish().unwrap().mean;
                assert!((found - expected).abs() < 1e-12, "{shape:?} {image}: {found} {expected}");
            }
        }
    }

    /// One window of one channel, by the definition in the paper.
    fn by_definition(a: ArrayView2<u8>, b: ArrayView2<u8>) -> f64 {
        let weight = |i: usize, j: usize| {
            let square = |i: usize| (i as f64 - 5.0).powi(2);
            (-(square(i) + square(j)) / (2.0 * SIGMA * SIGMA)).exp()
        };
        let total: f64 = (0..121).map(|p| weight(p / 11, p % 11)).sum();
        let mean = |f: &dyn Fn(usize, usize) -> f64| -> f64 {
            (0..121).map(|p| weight(p / 11, p % 11) / total * f(p / 11, p % 11)).sum()
        };
        let (x, y) = (|i, j| f64::from(a[[i, j]]), |i, j| f64::from(b[[i, j]]));
        let (mx, my) = (mean(&x), mean(&y));
        let vx = mean(&|i, j| (x(i, j) - mx).powi(2));
        let vy = mean(&|i, j| (y(i, j) - my).powi(2));
        let vxy = mean(&|i, j| (x(i, j) - mx) * (y(i, j) - my));
        (2.0 * mx * my + C1) * (2.0 * vxy + C2) / ((mx * mx + my * my + C1) * (vx + vy + C2))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn agrees_with_the_definition_and_is_symmetric(
            values in prop::collection::vec(any::<u8>(), 2 * 2 * 12 * 13), cut in 0usize..3,
        ) {
            let all = Array4::from_shape_vec((2, 2, 12, 13), values).unwrap();
            let (a, b) = (all.slice(s![..1, .., .., ..]).to_owned(), all.slice(s![1.., .., .., ..]).to_owned());
            let window = |images: &Array4<u8>, c, i, j| images.slice(s![0, c, i..i + 11, j..j + 11]).to_owned();
            let mut expected = 0.0;
            for (c, i, j) in (0..12).map(|p| (p / 6, p / 3 % 2, p % 3)) {
                expected += by_definition(window(&a, c, i, j).view(), window(&b, c, i, j).view()) / 12.0;
            }
            let found = measured(&a, &b).finish().unwrap().mean;
            prop_assert!((found - expected).abs() < 1e-12);
            prop_assert!((measured(&b, &a).finish().unwrap().mean - found).abs() < 1e-15);

            let other = all.slice(s![..;-1, .., .., ..]).to_owned();
            let part = |range: std::ops::Range<usize>| {
                let some = |images: &Array4<u8>| images.slice(s![range.clone(), .., .., ..]).to_owned();
                measured(&some(&all), &some(&other))
            };
            let mut merged = part(cut.min(2)..2);
            merged.merge(part(0..cut.min(2))).unwrap();
            let (merged, whole) = (merged.finish().unwrap(), measured(&all, &other).finish().unwrap());
            prop_assert_eq!(merged.count, whole.count);
            prop_assert!((merged.mean - whole.mean).abs() < 1e-15);
        }
    }

    #[test]
    fn equal_images_are_alike_and_noise_lowers_it_monotonously() {
        let image = formula([1, 3, 24, 24], 1);
        let noise = lzn_random::Stream::new(0, lzn_random::Purpose::new("test"), [0; 3]).normals(image.len());
        let noisy = |scale: f32| {
            let mut noise = noise.iter();
            image.mapv(|value| (f32::from(value) + scale * noise.next().unwrap()).clamp(0.0, 255.0) as u8)
        };
        let values = [0.0, 4.0, 16.0, 64.0].map(|scale| measured(&image, &noisy(scale)).finish().unwrap().mean);
        assert_eq!(values[0], 1.0);
        assert!(values.is_sorted_by(|a, b| a > b), "{values:?}");
    }

    #[test]
    fn small_images_and_other_shapes_are_refused() {
        let image = formula([1, 1, 11, 12], 1);
        let mut metric = measured(&image, &image);
        let before = metric;
        let cut = image.slice(s![.., .., .., ..10]);
        assert!(metric.update((cut, cut)).unwrap_err().to_string().contains("at least 11"));
        assert!(matches!(metric.update((image.view(), cut)), Err(EvalError::Shape { .. })));
        assert_eq!(metric, before);
        assert!(matches!(Ssim::new().finish(), Err(EvalError::Empty { .. })));
    }
}
