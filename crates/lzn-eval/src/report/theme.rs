//! How a page looks, by day and by night.

use std::fmt::Write;

use plotters::style::RGBColor;

use crate::canvas::{INK, MESH, SOFT_INK};
use crate::plot::ON_DARK;

/// The style sheet: that of the page, and rules that give drawings the page's colours. A rule of a style sheet comes before
/// what a shape says of itself, so the shapes need not know on what they will lie.
pub(super) fn style() -> String {
    let mut style = include_str!("report.css").to_owned();
    for (color, variable) in [(INK, "--ink"), (SOFT_INK, "--soft"), (MESH, "--line")] {
        push(&mut style, color, &format!("var({variable})"));
    }
    style.push_str("@media screen and (prefers-color-scheme: dark) {\n");
    for (color, on_dark) in ON_DARK {
        push(&mut style, color, &hex(on_dark));
    }
    style.push_str("}\n");
    style
}

/// Rules that show one colour of a drawing as another.
fn push(style: &mut String, from: RGBColor, to: &str) {
    let from = hex(from);
    // Writing to a string cannot fail.
    let _ = writeln!(
        style,
        ".drawing [fill=\"{from}\"] {{ fill: {to}; }} .drawing [stroke=\"{from}\"] {{ stroke: {to}; }}"
    );
}

/// As the drawing library writes it.
fn hex(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}
