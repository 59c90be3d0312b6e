//! The parameter values of network cases, which are too many to store.

use anyhow::{Context, Result, ensure};

use crate::Case;
use crate::families::text::number_after;

/// The formula of a case, read from the words of its `weights_formula`: a well-scrambled sine, `s` in `[-1, 1)`, scaled by what
/// the name and the shape say the parameter is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Formula {
    /// Factors of the flat index and of the parameter's position inside the sine, and of the sine.
    scramble: [f64; 3],
    /// Standard deviation of parameters of two and more dimensions, times the root of what feeds an output.
    gain: f64,
    /// Factor of Fourier frequencies.
    frequencies: f64,
    /// Factor of other parameters of one dimension, and what those named weight get on top.
    vector: f64,
    offset: f64,
}

impl Formula {
    /// Reads `weights_formula`.
    pub(super) fn of(case: &Case) -> Result<Self> {
        Self::parse(&case.get::<String>("weights_formula")?).context("`weights_formula`")
    }

    fn parse(text: &str) -> Result<Self> {
        // What the numbers stand in is not read but must be there.
        for words in ["frac(sin(", "s = 2u-1", "/ sqrt(numel/shape[0])", "ends with weight"] {
            ensure!(text.contains(words), "another formula: no `{words}` in `{text}`");
        }
        let number = |before: &str| number_after(text, before);
        Ok(Self {
            scramble: [number("sin(")?, number("k + ")?, number("idx) * ")?],
            gain: number("sqrt(3) * ")?,
            frequencies: number("(Fourier features): ")?,
            vector: number("other one-dim: ")?,
            offset: number("plus ")?,
        })
    }

    /// Values of the parameter at position `index`, row-major.
    pub(super) fn values(&self, index: usize, name: &str, shape: &[i64]) -> Vec<f64> {
        let count: i64 = shape.iter().product();
        let fan_in = count as f64 / shape.first().copied().unwrap_or(1) as f64;
        let is_frequencies = name == "W" || name.ends_with(".W");
        (0..count)
            .map(|k| {
                let s = self.scrambled(index, k);
                match shape.len() {
                    0 | 1 if is_frequencies => self.frequencies * s,
                    0 | 1 => self.vector * s + if name.ends_with("weight") { self.offset } else { 0.0 },
                    _ => s * 3f64.sqrt() * self.gain / fan_in.sqrt(),
                }
            })
            .collect()
    }

    fn scrambled(&self, index: usize, k: i64) -> f64 {
        let [of_k, of_index, of_sine] = self.scramble;
        let fraction = ((of_k * k as f64 + of_index * index as f64).sin() * of_sine).fract();
        let unit = if fraction < 0.0 { fraction + 1.0 } else { fraction };
        2.0 * unit - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "k = flat index: u = frac(sin(12.9898 k + 78.233 idx) * 43758.5453), s = 2u-1; shapes of 2 and more dims: \
        s * sqrt(3) * 0.5 / sqrt(numel/shape[0]); one-dim parameters named W (Fourier features): 16 s; other one-dim: 0.1 s, \
        plus 1 if the name ends with weight; then cast to float32";

    #[test]
    fn the_numbers_are_those_of_the_words() {
        let formula = Formula::parse(TEXT).unwrap();
        let expected =
            Formula { scramble: [12.9898, 78.233, 43758.5453], gain: 0.5, frequencies: 16.0, vector: 0.1, offset: 1.0 };
        assert_eq!(formula, expected);
        let other = Formula::parse(&TEXT.replace("other one-dim: 0.1", "other one-dim: 0.2")).unwrap();
        assert_eq!(other.values(3, "a.bias", &[1])[0], 2.0 * formula.values(3, "a.bias", &[1])[0]);
    }

    #[test]
    fn other_words_are_refused() {
        let message = Formula::parse("all ones").unwrap_err().to_string();
        assert!(message.contains("another formula") && message.contains("all ones"), "{message}");
    }
}
