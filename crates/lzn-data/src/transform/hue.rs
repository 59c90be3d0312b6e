//! Turning the hue of an image.

use ndarray::ArrayViewMut3;

use super::{each_pixel, in_planes, nearest_f64};

/// Turns every hue by `turns` of the colour circle, -1/2 to 1/2 in torchvision; saturation and value stay.
///
/// Colours go through bytes of hue, saturation and value and back, so that a turn of 0 is not quite the identity. A
/// turn is `255 turns` steps, cut towards zero, of a circle that has 256 of them: this is torchvision's arithmetic.
pub fn hue(image: ArrayViewMut3<'_, u8>, turns: f64) {
    let steps = (255.0 * turns) as i64 as u8;
    in_planes(image, |planes| {
        each_pixel(
            planes,
            steps,
            #[inline(always)]
            |colour, steps| {
                let [hue, saturation, value] = to_hsv(colour);
                to_rgb([hue.wrapping_add(steps), saturation, value])
            },
        );
    });
}

/// Hue, saturation and value of a colour, each cut to a byte.
///
/// With the largest channel `max`, the smallest `min` and `c = max - min`: value `max`, saturation `c / max`, and the
/// hue counts sixths of the circle from red. Free of branches, so that it runs on vectors; what is rounded to single
/// precision, and when, decides the last bit.
#[inline(always)]
fn to_hsv([red, green, blue]: [u8; 3]) -> [u8; 3] {
    let (max, min) = (red.max(green).max(blue), red.min(green).min(blue));
    // For grey the numerators are all zero, and any divisor will do.
    let range = f32::from((max - min).max(1));
    let below = |channel: u8| f32::from(max - channel) / range;
    let (r, g, b) = (below(red), below(green), below(blue));
    let from_green = (2.0 + f64::from(r) - f64::from(b)) as f32;
    let from_blue = (4.0 + f64::from(g) - f64::from(r)) as f32;
    let sixths = if red == max {
        b - g
    } else if green == max {
        from_green
    } else {
        from_blue
    };
    // -1 to 5 sixths, moved by a whole circle and cut to one.
    let turned = f64::from(sixths) / 6.0 + 1.0;
    let hue = (if turned >= 1.0 { turned - 1.0 } else { turned }) as f32;
    let saturation = f32::from(max - min) / f32::from(max.max(1));
    [cut(f64::from(hue) * 255.0), cut(f64::from(saturation) * 255.0), max]
}

/// The colour of a hue, saturation and value: the inverse of [`to_hsv`] up to rounding.
#[inline(always)]
fn to_rgb([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    let sixths = f64::from(hue) * 6.0 / 255.0;
    let sector = sixths.floor();
    let past = sixths - sector;
    let saturation = f64::from(saturation) / 255.0;
    let part = |share: f64| cut(f64::from(value) * (1.0 - share) + 0.5);
    let (low, falling, rising) = (part(saturation), part(saturation * past), part(saturation * (1.0 - past)));
    let sector = cut(sector);
    let is = |number| sector == number;
    // Sector 6 is 0 again: the whole circle. Chains of choices become selections in vectors; a `match` would jump.
    let choose = |if_falling, if_rising, if_low| {
        if if_falling {
            falling
        } else if if_rising {
            rising
        } else if if_low {
            low
        } else {
            value
        }
    };
    [
        choose(is(1), is(4), is(2) | is(3)),
        choose(is(3), is(0) | is(6), is(4) | is(5)),
        choose(is(5), is(2), is(0) | is(1) | is(6)),
    ]
}

/// Towards zero, for numbers that are not negative and below 256.
#[inline(always)]
fn cut(value: f64) -> u8 {
    nearest_f64(value.floor())
}
