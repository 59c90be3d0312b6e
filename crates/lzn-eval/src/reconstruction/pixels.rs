//! L2, MSE and PSNR between images and their reconstructions.

use ndarray::{Array1, ArrayView4, Axis, Zip};
use serde::Serialize;

use super::{ImagePairs, check_shapes};
use crate::{EvalError, MeanVar, Metric, Moments};

const OPERATION: &str = "pixel error";

/// Width of the range of pixel values, [-1, 1].
const RANGE: f64 = 2.0;

/// Errors of pixels, on the scale [-1, 1], whichever way the images come.
///
/// For one image with `n = C H W` values and differences `e` between original and reconstruction:
///
/// ```text
/// L2 = |e|,    MSE = |e|^2 / n,    PSNR = 10 log10(2^2 / MSE) dB
/// ```
///
/// The mean of L2 over images is the paper's reconstruction error (Table 1, "Recon"). It grows with the size of the image, so it
/// compares models on one data set and nothing else. The published code takes it from the decoder's output before that is
/// rounded to bytes ([`ImagePairs::Floats`]); rounding adds an L2 of about `sqrt(n / 3) / 255` in quadrature, 0.13 at 32 x 32 x 3, which
/// is not small beside published values of 0.4.
///
/// PSNR does not depend on the scale: with bytes it is the usual one of data range 255.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PixelError {
    l2: MeanVar,
    mse: MeanVar,
    decibels: f64,
}

/// What [`PixelError`] found. Variances are between images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PixelErrors {
    /// L2 norm per image, pixels in [-1, 1].
    pub l2: Moments,
    /// Mean squared error per image, pixels in [-1, 1].
    pub mse: Moments,
    /// Mean over images of the PSNR, in dB; infinite if any image is reproduced exactly.
    pub psnr: f64,
}

impl PixelErrors {
    /// PSNR of the mean squared error over all images, in dB: finite unless every image is reproduced exactly, and never above
    /// [`Self::psnr`].
    #[must_use]
    pub fn psnr_of_mean(&self) -> f64 {
        decibels(self.mse.mean)
    }
}

impl PixelError {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Metric for PixelError {
    type Batch<'a> = ImagePairs<'a>;
    type Value = PixelErrors;
    type Error = EvalError;

    fn update(&mut self, batch: ImagePairs<'_>) -> Result<(), EvalError> {
        let (squares, values) = match batch {
            // A difference of bytes is 255 / 2 times the difference on the scale [-1, 1].
            ImagePairs::Bytes { originals, reconstructions } => {
                let scale = RANGE / 255.0;
                squares(originals, reconstructions, |a, b| scale * (f64::from(a) - f64::from(b)))?
            }
            ImagePairs::Floats { originals, reconstructions } => {
                squares(originals, reconstructions, |a, b| f64::from(a) - f64::from(b))?
            }
        };
        let mse: Vec<f64> = squares.iter().map(|square| square / values).collect();
        let l2: Vec<f64> = squares.iter().map(|square| square.sqrt()).collect();
        if let Some(row) = mse.iter().position(|value| !value.is_finite()) {
            return Err(EvalError::NotANumber { operation: OPERATION, row });
        }
        self.mse.update(&mse)?;
        self.l2.update(&l2)?;
        self.decibels += mse.iter().copied().map(decibels).sum::<f64>();
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<(), EvalError> {
        self.l2.merge(other.l2)?;
        self.mse.merge(other.mse)?;
        self.decibels += other.decibels;
        Ok(())
    }

    fn finish(self) -> Result<PixelErrors, EvalError> {
        let l2 = self.l2.finish().map_err(|_| EvalError::Empty { operation: OPERATION })?;
        let mse = self.mse.finish()?;
        Ok(PixelErrors { l2, mse, psnr: self.decibels / l2.count as f64 })
    }
}

/// PSNR of a mean squared error on the scale [-1, 1].
fn decibels(mse: f64) -> f64 {
    10.0 * (RANGE * RANGE / mse).log10()
}

/// `|e|^2` of every image, and the number of values in one.
fn squares<T: Copy>(
    originals: ArrayView4<'_, T>,
    reconstructions: ArrayView4<'_, T>,
    difference: impl Fn(T, T) -> f64,
) -> Result<(Array1<f64>, f64), EvalError> {
    check_shapes(OPERATION, originals.shape(), reconstructions.shape())?;
    let of_image = |original, reconstruction| {
        Zip::from(original).and(reconstruction).fold(0.0, |sum, &a, &b| sum + difference(a, b).powi(2))
    };
    let squares = Zip::from(originals.outer_iter()).and(reconstructions.outer_iter()).map_collect(of_image);
    Ok((squares, originals.len_of(Axis(1)) as f64 * (originals.len_of(Axis(2)) * originals.len_of(Axis(3))) as f64))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array4, s};
    use proptest::prelude::*;

    use super::*;

    fn bytes(originals: &Array4<u8>, reconstructions: &Array4<u8>) -> PixelError {
        let mut metric = PixelError::new();
        let (originals, reconstructions) = (originals.view(), reconstructions.view());
        metric.update(ImagePairs::Bytes { originals, reconstructions }).unwrap();
        metric
    }

    fn pair() -> impl Strategy<Value = (Array4<u8>, Array4<u8>)> {
        let images = |n| prop::collection::vec(any::<u8>(), n * 12);
        (1usize..6).prop_flat_map(move |n| (images(n), images(n))).prop_map(|(a, b)| {
            let shaped = |values: Vec<u8>| Array4::from_shape_vec((values.len() / 12, 3, 2, 2), values).unwrap();
            (shaped(a), shaped(b))
        })
    }

    /// One image by the definition, from its values on the scale [-1, 1].
    fn by_definition(a: &[f64], b: &[f64]) -> (f64, f64, f64) {
        let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
        let mse = square / a.len() as f64;
        (square.sqrt(), mse, 20.0 * (2.0 / mse.sqrt()).log10())
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition_in_any_cut((a, b) in pair(), cut in 0usize..6) {
            let n = a.len_of(Axis(0));
            let cut = cut.min(n);
            let part = |range: std::ops::Range<usize>| {
                bytes(&a.slice(s![range.clone(), .., .., ..]).to_owned(), &b.slice(s![range, .., .., ..]).to_owned())
            };
            let mut merged = part(cut..n);
            merged.merge(part(0..cut)).unwrap();
            let scaled = |image: ndarray::ArrayView3<u8>| -> Vec<f64> {
                image.iter().map(|&v| f64::from(v) / 127.5 - 1.0).collect()
            };
            let all: Vec<_> =
                a.outer_iter().zip(b.outer_iter()).map(|(a, b)| by_definition(&scaled(a), &scaled(b))).collect();
            let mean = |f: fn(&(f64, f64, f64)) -> f64| all.iter().map(f).sum::<f64>() / n as f64;
            for metric in [merged, bytes(&a, &b)] {
                let found = metric.finish().unwrap();
                prop_assert_eq!(found.l2.count, n as u64);
                for (found, expected) in
                    [(found.l2.mean, mean(|e| e.0)), (found.mse.mean, mean(|e| e.1)), (found.psnr, mean(|e| e.2))]
                {
                    prop_assert!(found == expected || (found - expected).abs() <= 1e-12 * expected.abs());
                }
                prop_assert!(found.psnr_of_mean() <= found.psnr + 1e-9);
            }
        }

        #[test]
        fn floats_and_bytes_agree((a, b) in pair()) {
            let float = |images: &Array4<u8>| images.mapv(|v| f32::from(v) / 127.5 - 1.0);
            let mut metric = PixelError::new();
            let (x, y) = (float(&a), float(&b));
            metric.update(ImagePairs::Floats { originals: x.view(), reconstructions: y.view() }).unwrap();
            let (floats, bytes) = (metric.finish().unwrap(), bytes(&a, &b).finish().unwrap());
            // Rounding of values up to 1 in float32.
            let unit = f64::from(f32::EPSILON) * 12f64.sqrt();
            prop_assert!((floats.l2.mean - bytes.l2.mean).abs() <= unit);
        }
    }

    #[test]
    fn rounding_to_bytes_costs_what_the_documentation_says() {
        let values =
            lzn_random::Stream::new(1, lzn_random::Purpose::new("test"), [0; 3]).uniforms(64 * 3072, -1.0, 1.0);
        let originals = Array4::from_shape_vec((64, 3, 32, 32), values).unwrap();
        let rounded = originals.mapv(|v| ((v + 1.0) * 127.5).round_ties_even() / 127.5 - 1.0);
        let mut metric = PixelError::new();
        metric.update(ImagePairs::Floats { originals: originals.view(), reconstructions: rounded.view() }).unwrap();
        let expected = (3072f64 / 3.0).sqrt() / 255.0;
        let found = metric.finish().unwrap().l2.mean;
        assert!((found / expected - 1.0).abs() < 0.01, "{found} {expected}");
    }

    #[test]
    fn an_exact_reconstruction_has_no_error_and_infinite_psnr() {
        let images = Array4::from_shape_fn((2, 1, 3, 3), |(n, _, i, j)| (90 * n + 9 * i + j) as u8);
        let found = bytes(&images, &images).finish().unwrap();
        assert_eq!((found.l2.mean, found.mse.mean, found.psnr), (0.0, 0.0, f64::INFINITY));
        let mut one_wrong = images.clone();
        one_wrong[[0, 0, 0, 0]] = 255;
        let found = bytes(&images, &one_wrong).finish().unwrap();
        assert_eq!(found.psnr, f64::INFINITY);
        assert!(found.psnr_of_mean().is_finite());
    }

    #[test]
    fn refused_batches_change_nothing() {
        let images = Array4::<f32>::zeros((2, 1, 3, 3));
        let mut metric = PixelError::new();
        metric.update(ImagePairs::Floats { originals: images.view(), reconstructions: images.view() }).unwrap();
        let before = metric;
        let mut broken = images.clone();
        broken[[1, 0, 2, 2]] = f32::NAN;
        let batch = ImagePairs::Floats { originals: images.view(), reconstructions: broken.view() };
        assert!(matches!(metric.update(batch), Err(EvalError::NotANumber { row: 1, .. })));
        let small = images.slice(s![.., .., ..2, ..]);
        let batch = ImagePairs::Floats { originals: images.view(), reconstructions: small };
        assert!(metric.update(batch).unwrap_err().to_string().contains("[2, 1, 2, 3]"));
        let none = images.slice(s![.., .., ..0, ..]);
        let batch = ImagePairs::Floats { originals: none, reconstructions: none };
        assert!(matches!(metric.update(batch), Err(EvalError::Shape { .. })));
        assert_eq!(metric, before);
        assert!(matches!(PixelError::new().finish(), Err(EvalError::Empty { .. })));
    }
}
