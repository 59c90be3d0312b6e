//! From bytes to the value range of the networks.

/// Maps bytes 0..=255 to [-1, 1]: `value / 127.5 - 1`, so 0 becomes -1 and 255 becomes 1 exactly.
///
/// # Example
/// ```
/// assert_eq!(lzn_data::to_float(&[0, 255]), [-1.0, 1.0]);
/// ```
pub fn to_float(bytes: &[u8]) -> Vec<f32> {
    bytes.iter().map(|&byte| f32::from(byte) / 127.5 - 1.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back_by_rounding_and_steps_are_even() {
        let bytes: Vec<u8> = (0..=255).collect();
        let values = to_float(&bytes);
        for (byte, value) in bytes.iter().zip(&values) {
            assert_eq!(((f64::from(*value) + 1.0) * 127.5).round() as u8, *byte);
            let exact = f64::from(*byte) * 2.0 / 255.0 - 1.0;
            assert!((f64::from(*value) - exact).abs() <= f64::from(f32::EPSILON), "{byte}");
        }
    }
}
