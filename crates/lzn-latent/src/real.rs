//! The two floating-point types of the host.

use ndarray::NdFloat;

/// `f32` or `f64`. Closed: the tolerances and the mixed-precision distances are thought through for these two.
pub trait Real: NdFloat + sealed::Sealed + std::iter::Sum + Default {
    /// The nearest value of this type.
    fn of(value: f64) -> Self;

    /// The same value in double precision.
    fn wide(self) -> f64;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

impl Real for f32 {
    fn of(value: f64) -> Self {
        value as Self
    }

    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }

    fn wide(self) -> f64 {
        self
    }
}
