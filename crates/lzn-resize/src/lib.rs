//! Resampling and rounding of images, exactly as the programs do whose numbers one wants to compare with.
