//! Images that are computed, and look like a family of things.

use ndarray::Array4;

/// Grey images `[count, 1, 28, 28]`, each a function of row and column.
pub(crate) fn stack<F: Fn(usize, usize) -> u8>(count: usize, image: impl Fn(usize) -> F) -> Array4<u8> {
    let images: Vec<_> = (0..count).map(image).collect();
    Array4::from_shape_fn((count, 1, 28, 28), |(n, _, y, x)| images[n](y, x))
}

/// A soft flower: `class` says how many petals and how deep, `variant` how it is turned and how large.
pub(crate) fn shape(class: f64, variant: f64) -> impl Fn(usize, usize) -> u8 {
    let petals = 2.0 + (class % 5.0);
    let depth = 0.15 + 0.3 * (class / 9.0);
    let (turn, size) = (variant * 0.9, 8.5 + 1.8 * (variant * 2.3).sin());
    let (right, down) = (1.2 * (variant * 1.7).sin(), 1.2 * (variant * 3.1).cos());
    move |y, x| {
        let (dx, dy) = (x as f64 - 13.5 - right, y as f64 - 13.5 - down);
        let radius = size * (1.0 + depth * (petals * dy.atan2(dx) + turn).cos());
        let inside = radius - dx.hypot(dy);
        let shade = 0.55 + 0.45 * (inside / size).clamp(0.0, 1.0);
        (255.0 * shade / (1.0 + (-2.0 * inside).exp())) as u8
    }
}
