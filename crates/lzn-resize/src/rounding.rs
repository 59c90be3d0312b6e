//! From floats in [-1, 1] to bytes, as programs do it.

/// How a float of an image in [-1, 1] becomes a byte. All clip; what is not a number becomes 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// `((x + 1) / 2) * 255`, rounded half to even: the published Latent Zoning Networks, and this project.
    HalfEven,
    /// `((x + 1) / 2) * 255`, cut off: Rectified Flow, consistency models in torch.
    Truncate,
    /// `x * 127.5 + 128`, cut off: StyleGAN 2 and 3.
    StyleGan,
}

impl Rounding {
    /// The byte of a value.
    ///
    /// ```
    /// use lzn_resize::Rounding;
    ///
    /// let grey = [Rounding::HalfEven, Rounding::Truncate, Rounding::StyleGan].map(|rounding| rounding.byte(0.0));
    /// assert_eq!(grey, [128, 127, 128]);
    /// ```
    pub fn byte(self, x: f32) -> u8 {
        let level = ((x + 1.0) / 2.0 * 255.0).clamp(0.0, 255.0);
        // Casts cut off, and saturate.
        match self {
            Self::HalfEven => level.round_ties_even() as u8,
            Self::Truncate => level as u8,
            Self::StyleGan => (x * 127.5 + 128.0) as u8,
        }
    }
}
