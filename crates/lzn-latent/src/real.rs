//! The two floating-point types of the host.

use ndarray::NdFloat;

use crate::kernels::exp;

/// `f32` or `f64`. Closed: the tolerances and the mixed-precision distances are thought through for these two.
pub trait Real: NdFloat + sealed::Sealed + std::iter::Sum + Default {
    /// The nearest value of this type.
    fn of(value: f64) -> Self;

    /// The same value in double precision.
    fn wide(self) -> f64;
}

/// What callers neither need nor may replace.
pub(crate) mod sealed {
    pub trait Sealed: Sized {
        /// Weight of all other zones together below which a path counts as straight: what it bends by then does not show.
        const NEGLIGIBLE: f64;

        /// `exp` of a number that is not positive, in a form that vectorises.
        fn exp_of_negative(self) -> Self;
    }
}

impl sealed::Sealed for f32 {
    const NEGLIGIBLE: f64 = 1e-7;

    #[inline(always)]
    fn exp_of_negative(self) -> Self {
        exp::exp_f32(self)
    }
}

impl sealed::Sealed for f64 {
    const NEGLIGIBLE: f64 = 1e-16;

    #[inline(always)]
    fn exp_of_negative(self) -> Self {
        exp::exp_f64(self)
    }
}

impl Real for f32 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        value as Self
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
}
