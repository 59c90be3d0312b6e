//! Numbers and words that can be typed, with their ranges.

use lzn_eval::arrays::Layout;
use lzn_features::TorchScript;

/// A whole number of at least 1.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}; give a whole number of at least 1")),
    }
}

/// A whole number of at least 2.
pub(crate) fn at_least_two(text: &str) -> Result<usize, String> {
    at_least_one(text).and_then(|number| if number < 2 { Err("must be at least 2".to_owned()) } else { Ok(number) })
}

/// The side of a network's input in pixels.
pub(crate) fn side(text: &str) -> Result<usize, String> {
    let most = TorchScript::LARGEST_SIDE;
    let rule = || format!("must be at most {most}");
    at_least_one(text).and_then(|side| if side > most { Err(rule()) } else { Ok(side) })
}

/// A finite number greater than 0.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    in_range(text, |number| number > 0.0, "must be finite and greater than 0")
}

/// A finite number of at least 0.
pub(crate) fn not_negative(text: &str) -> Result<f64, String> {
    in_range(text, |number| number >= 0.0, "must be finite and not negative")
}

/// Three finite numbers with commas between them, or one for all three.
pub(crate) fn three_numbers(text: &str) -> Result<[f32; 3], String> {
    three(text, |_| true, "must be finite")
}

/// Three finite numbers greater than 0 with commas between them, or one for all three.
pub(crate) fn three_positive(text: &str) -> Result<[f32; 3], String> {
    three(text, |number| number > 0.0, "must be finite and greater than 0")
}

/// In which order an array holds the axes of images.
pub(crate) fn layout(text: &str) -> Result<Layout, String> {
    match text {
        "nhwc" => Ok(Layout::ChannelsLast),
        "nchw" => Ok(Layout::ChannelsFirst),
        _ => Err("must be nhwc or nchw".to_owned()),
    }
}

/// Numbers in single precision, where those that are too large or too small for it become infinite or 0.
fn three(text: &str, holds: impl Fn(f32) -> bool, rule: &str) -> Result<[f32; 3], String> {
    let single = |number: f64| (number as f32).is_finite() && holds(number as f32);
    let number = |text: &str| in_range(text.trim(), single, rule).map(|number| number as f32);
    match *text.split(',').map(number).collect::<Result<Vec<_>, _>>()?.as_slice() {
        [all] => Ok([all; 3]),
        [red, green, blue] => Ok([red, green, blue]),
        _ => Err("give one number, or three with commas between them".to_owned()),
    }
}

fn in_range(text: &str, holds: impl Fn(f64) -> bool, rule: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|error| format!("{error}: {rule}"))?;
    if number.is_finite() && holds(number) { Ok(number) } else { Err(rule.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_their_ends() {
        assert_eq!(at_least_one("1"), Ok(1));
        assert!(["0", "-1", "1.5", "x", ""].iter().all(|text| at_least_one(text).is_err()));
        assert_eq!((positive("1e-5"), not_negative("0")), (Ok(1e-5), Ok(0.0)));
        assert!(["0", "-1", "nan", "inf"].iter().all(|text| positive(text).is_err()));
        assert!(["-1e-9", "nan", "inf", "half"].iter().all(|text| not_negative(text).is_err()));
        assert_eq!((three_numbers("0.5"), three_numbers("1, 2,-3")), (Ok([0.5; 3]), Ok([1.0, 2.0, -3.0])));
        assert!(["", "1,2", "1,2,nan", "1,2,3,4", "1e300"].iter().all(|text| three_numbers(text).is_err()));
        assert_eq!(three_positive("0.5,1,2"), Ok([0.5, 1.0, 2.0]));
        assert!(["0", "1,0,1", "1,1,-1", "nan", "1e-300"].iter().all(|text| three_positive(text).is_err()));
        assert_eq!((side("1"), side("4096")), (Ok(1), Ok(4096)));
        assert!(["0", "4097", "10000000000", "x"].iter().all(|text| side(text).is_err()));
    }

    #[test]
    fn layouts_are_called_by_their_axes() {
        assert_eq!((layout("nhwc"), layout("nchw")), (Ok(Layout::ChannelsLast), Ok(Layout::ChannelsFirst)));
        assert!(layout("hwc").is_err_and(|rule| rule.contains("nchw")));
    }
}
