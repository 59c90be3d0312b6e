//! Ways of resampling, and the tables that do it.

use ndarray::{Array3, ArrayView2, ArrayView3, Axis};

use crate::bilinear::{Alignment, Neighbours};
use crate::taps::{Taps, two_passes};
use crate::{Filter, ResizeError, bytes};

/// A way of resampling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resize {
    /// As Pillow resizes pictures of bytes: along the rows, then along the columns, with weights of 22 bits after the
    /// point, rounded and clipped to bytes after each. Reduction is antialiased.
    PillowBytes(Filter),
    /// As Pillow resizes pictures of floats (mode "F"): summed in float64, kept in float32, neither rounded nor
    /// clipped. With [`Filter::Bilinear`] this is also torch's antialiased bilinear interpolation of float tensors, up
    /// to the rounding of its float32 sums, and with it torchvision's `Resize(antialias=True)`.
    PillowFloat(Filter),
    /// TensorFlow 1's `resize_bilinear` with `align_corners=False`: no half pixel, no antialiasing; the one in the
    /// graph of the Inception network.
    Tf1Bilinear,
    /// `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`: half pixels, no antialiasing.
    TorchBilinear,
}

#[derive(Debug, Clone)]
enum Tables {
    Bytes([Taps<i32>; 2]),
    Floats([Taps<f64>; 2]),
    Two([Neighbours; 2]),
}

/// A way of resampling between two sizes, with its tables: for many images of one size.
///
/// # Example
/// ```
/// use lzn_resize::{Filter, Resampler, Resize};
/// use ndarray::Array3;
///
/// let resampler = Resampler::new(Resize::PillowBytes(Filter::Bicubic), [32, 32], [224, 224])?;
/// let image = resampler.bytes(Array3::from_elem((3, 32, 32), 7_u8).view())?;
/// assert_eq!(image, Array3::from_elem((3, 224, 224), 7));
/// # Ok::<(), lzn_resize::ResizeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Resampler {
    from: [usize; 2],
    to: [usize; 2],
    tables: Tables,
}

impl Resampler {
    /// Tables from one size to another, both height and width in pixels.
    ///
    /// # Errors
    /// [`ResizeError::Empty`] when a side is 0.
    pub fn new(resize: Resize, from: [usize; 2], to: [usize; 2]) -> Result<Self, ResizeError> {
        if from.contains(&0) || to.contains(&0) {
            return Err(ResizeError::Empty { from, to });
        }
        let taps = |filter| [0, 1].map(|axis| Taps::new(filter, from[axis], to[axis]));
        let two = |alignment| [0, 1].map(|axis| Neighbours::new(alignment, from[axis], to[axis]));
        let tables = match resize {
            Resize::PillowBytes(filter) => Tables::Bytes(taps(filter).map(Taps::fixed)),
            Resize::PillowFloat(filter) => Tables::Floats(taps(filter)),
            Resize::Tf1Bilinear => Tables::Two(two(Alignment::Corner)),
            Resize::TorchBilinear => Tables::Two(two(Alignment::Area)),
        };
        Ok(Self { from, to, tables })
    }

    /// Resamples `[C, H, W]` floats to `[C, h, w]`. [`Resize::PillowBytes`] first rounds to the nearest byte.
    ///
    /// # Errors
    /// [`ResizeError::Size`] when the image is not of the size of the tables.
    pub fn floats(&self, image: ArrayView3<'_, f32>) -> Result<Array3<f32>, ResizeError> {
        match &self.tables {
            Tables::Bytes(_) => Ok(self.bytes(image.mapv(|x| x.round() as u8).view())?.mapv(f32::from)),
            Tables::Floats(taps) => self.planes(image, |plane, out| two_passes(taps, plane, out)),
            Tables::Two([rows, columns]) => self.planes(image, |plane, out| rows.plane(columns, plane, out)),
        }
    }

    /// Resamples `[C, H, W]` bytes to `[C, h, w]`. What does not work in bytes is rounded to the nearest and clipped.
    ///
    /// # Errors
    /// As [`Resampler::floats`].
    pub fn bytes(&self, image: ArrayView3<'_, u8>) -> Result<Array3<u8>, ResizeError> {
        match &self.tables {
            Tables::Bytes(taps) => self.resized(image, |image, out| bytes::resample(taps, image, out)),
            _ => Ok(self.floats(image.mapv(f32::from).view())?.mapv(|x| x.round() as u8)),
        }
    }

    /// Plane by plane.
    fn planes(
        &self,
        image: ArrayView3<'_, f32>,
        each: impl Fn(ArrayView2<'_, f32>, &mut [f32]),
    ) -> Result<Array3<f32>, ResizeError> {
        self.resized(image, |image, out| {
            for (plane, out) in image.axis_iter(Axis(0)).zip(out.chunks_exact_mut(self.to[0] * self.to[1])) {
                each(plane, out);
            }
        })
    }

    /// What `work` makes of an image of the right size, in row-major order.
    fn resized<T: Copy + Default>(
        &self,
        image: ArrayView3<'_, T>,
        work: impl FnOnce(ArrayView3<'_, T>, &mut [T]),
    ) -> Result<Array3<T>, ResizeError> {
        let (channels, height, width) = image.dim();
        if [height, width] != self.from {
            return Err(ResizeError::Size { expected: self.from, got: [height, width] });
        }
        let mut resized = Array3::default((channels, self.to[0], self.to[1]));
        // A new array is contiguous.
        if let Some(out) = resized.as_slice_mut() {
            work(image, out);
        }
        Ok(resized)
    }
}
