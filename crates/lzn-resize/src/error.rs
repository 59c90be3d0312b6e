//! What can go wrong in this crate.

/// An image that cannot be resampled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResizeError {
    /// There are no pixels to read, or none to write.
    #[error("images of {from:?} pixels (height, width) cannot be resized to {to:?}: every side must be at least 1")]
    Empty {
        /// Height and width of the image.
        from: [usize; 2],
        /// Height and width that were asked for.
        to: [usize; 2],
    },
    /// An image is of another size than the tables were made for.
    #[error("an image has {got:?} pixels (height, width), but the tables are for {expected:?}: make others for it")]
    Size {
        /// The size of the tables.
        expected: [usize; 2],
        /// The size of the image.
        got: [usize; 2],
    },
    /// A protocol has no resampling, and the images do not have its size.
    #[error(
        "`{protocol}` takes images of {expected:?} pixels (height, width) as they are, got {got:?}: resize the images \
         first, or use another network"
    )]
    Fixed {
        /// Name of the protocol.
        protocol: String,
        /// The size that it takes.
        expected: [usize; 2],
        /// The size of the images.
        got: [usize; 2],
    },
    /// A protocol takes another number of channels.
    #[error(
        "`{protocol}` takes {expected} channels, got {got}: grey images have 1, colour images 3, transparency is none"
    )]
    Channels {
        /// Name of the protocol.
        protocol: String,
        /// The numbers that it takes, in words.
        expected: &'static str,
        /// The number of the images.
        got: usize,
    },
}
