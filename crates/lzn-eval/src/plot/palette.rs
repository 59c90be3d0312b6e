//! Colours of lines and of classes.

use plotters::style::RGBColor;

/// Colours that people with any kind of colour vision tell apart (Okabe and Ito, "Color universal design", 2008), the
/// dark ones first.
pub(super) const COLORS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// More colours, for classes, which are many but also named where they are (P. Tol, "Colour schemes", 2021).
const MORE: [RGBColor; 6] = [
    RGBColor(51, 34, 136),
    RGBColor(136, 34, 85),
    RGBColor(153, 153, 51),
    RGBColor(102, 102, 102),
    RGBColor(68, 170, 153),
    RGBColor(170, 68, 153),
];

/// All of a class in a matrix.
pub(super) const FULL: RGBColor = RGBColor(8, 69, 130);

/// Colours that are too dark to be seen on a dark page, and what stands for them there.
pub(crate) const ON_DARK: [(RGBColor, RGBColor); 9] = [
    (COLORS[0], RGBColor(61, 155, 220)),
    (COLORS[1], RGBColor(240, 129, 58)),
    (COLORS[2], RGBColor(47, 191, 148)),
    (MORE[0], RGBColor(143, 127, 232)),
    (MORE[1], RGBColor(208, 96, 143)),
    (MORE[2], RGBColor(185, 185, 78)),
    (MORE[3], RGBColor(163, 169, 174)),
    (MORE[5], RGBColor(208, 119, 194)),
    (FULL, RGBColor(63, 143, 214)),
];

/// The colour of a class; they repeat after twelve.
pub(super) fn class_color(class: usize) -> RGBColor {
    let index = class % (COLORS.len() + MORE.len());
    COLORS.get(index).copied().unwrap_or_else(|| MORE[index - COLORS.len()])
}
