//! The parameter values of network cases, which are too many to store.

/// Values of the parameter at position `index`, row-major: a well-scrambled sine, `s` in `[-1, 1)`, scaled by what the name and
/// the shape say the parameter is for.
pub(super) fn values(index: usize, name: &str, shape: &[i64]) -> Vec<f64> {
    let count: i64 = shape.iter().product();
    let fan_in = count as f64 / shape.first().copied().unwrap_or(1) as f64;
    let is_frequencies = name == "W" || name.ends_with(".W");
    (0..count)
        .map(|k| {
            let s = scrambled(index, k);
            match shape.len() {
                0 | 1 if is_frequencies => 16.0 * s,
                0 | 1 => 0.1 * s + if name.ends_with("weight") { 1.0 } else { 0.0 },
                _ => s * 3f64.sqrt() * 0.5 / fan_in.sqrt(),
            }
        })
        .collect()
}

fn scrambled(index: usize, k: i64) -> f64 {
    let fraction = ((12.9898 * k as f64 + 78.233 * index as f64).sin() * 43758.5453).fract();
    let unit = if fraction < 0.0 { fraction + 1.0 } else { fraction };
    2.0 * unit - 1.0
}
