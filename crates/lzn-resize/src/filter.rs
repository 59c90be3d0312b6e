//! Kernels of resampling.

use std::f64::consts::PI;

/// A kernel of resampling, as the Python Imaging Library (Pillow) defines it.
///
/// For enlargement its unit is a pixel of the source, for reduction a pixel of the result: reduction averages over all
/// that it covers (antialiasing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Filter {
    /// The mean of what a pixel of the result covers.
    Box,
    /// A triangle.
    Bilinear,
    /// Keys' cubic with a = -1/2 (Keys 1981).
    Bicubic,
    /// The sinc function in a window of three lobes.
    Lanczos,
}

impl Filter {
    /// Half the width outside of which the kernel is 0.
    pub fn support(self) -> f64 {
        match self {
            Self::Box => 0.5,
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The kernel at a distance of `x`.
    pub fn at(self, x: f64) -> f64 {
        let r = x.abs();
        match self {
            // Half open, so that no pixel on a border is counted twice.
            Self::Box => f64::from(u8::from(x > -0.5 && x <= 0.5)),
            Self::Bilinear => (1.0 - r).max(0.0),
            Self::Bicubic => {
                const A: f64 = -0.5;
                if r < 1.0 {
                    ((A + 2.0) * r - (A + 3.0)) * r * r + 1.0
                } else if r < 2.0 {
                    (((r - 5.0) * r + 8.0) * r - 4.0) * A
                } else {
                    0.0
                }
            }
            Self::Lanczos if r < 3.0 => sinc(x) * sinc(x / 3.0),
            Self::Lanczos => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}
