//! Looking texts up: those of a bank whose zones hold a latent.

use std::cmp::Ordering;
use std::collections::HashMap;

use lzn_torch::zones::Zones;
use tch::{Device, Kind, Tensor};

use crate::TextError;

/// Texts with their anchors `[N, d]`, among whose zones latents are assigned.
#[derive(Debug)]
pub struct TextBank {
    texts: Vec<String>,
    anchors: Tensor,
    weights: Option<Tensor>,
}

/// A text of a bank, and how probable it is that a latent is its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrieved {
    /// Its row in the bank.
    pub index: usize,
    /// The text.
    pub text: String,
    /// In [0, 1]; those of all texts of the bank add up to 1.
    pub probability: f64,
}

impl TextBank {
    /// Texts in the order of their anchors, all of the same weight.
    ///
    /// # Errors
    /// [`TextError::Bank`] unless there is one anchor for each text, and at least one.
    pub fn new(texts: Vec<String>, anchors: Tensor) -> Result<Self, TextError> {
        let shape = anchors.size();
        if texts.is_empty() || shape.len() != 2 || shape[0] as usize != texts.len() {
            return Err(TextError::Bank { texts: texts.len(), anchors: shape });
        }
        Ok(Self { texts, anchors, weights: None })
    }

    /// The same with zones that weigh so much, `[N]`: shares of the samples that have each text. None for the same weights.
    ///
    /// # Errors
    /// [`TextError::Network`] unless there is one weight for each text.
    pub fn weighing(self, weights: Option<Tensor>) -> Result<Self, TextError> {
        if let Some(weights) = &weights {
            lzn_torch::nn::NetworkError::require_shape("weights", weights, &[self.texts.len() as i64])?;
        }
        Ok(Self { weights, ..self })
    }

    /// Each text once, at its first place. Two equal texts would have one anchor, and share its zone.
    pub fn distinct<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Vec<String> {
        Self::numbered(texts).0
    }

    /// As [`TextBank::distinct`], and for every text its number among these.
    pub fn numbered<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> (Vec<String>, Vec<usize>) {
        let (mut distinct, mut numbers) = (Vec::new(), HashMap::new());
        let number = |text: S| {
            let text = text.as_ref();
            if let Some(number) = numbers.get(text) {
                return *number;
            }
            numbers.insert(text.to_owned(), distinct.len());
            distinct.push(text.to_owned());
            distinct.len() - 1
        };
        let owners = texts.into_iter().map(number).collect();
        (distinct, owners)
    }

    /// The texts.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Their anchors, `[N, d]`.
    pub fn anchors(&self) -> &Tensor {
        &self.anchors
    }

    /// How much the zone of each text weighs, `[N]`; the same where there are none.
    pub fn weights(&self) -> Option<&Tensor> {
        self.weights.as_ref()
    }

    /// The zones of the texts.
    pub fn zones(&self) -> Zones<'_> {
        Zones { anchors: &self.anchors, weights: self.weights() }
    }

    /// Another handle on the same anchors.
    #[must_use]
    pub fn share(&self) -> Self {
        let weights = self.weights.as_ref().map(Tensor::shallow_clone);
        Self { texts: self.texts.clone(), anchors: self.anchors.shallow_clone(), weights }
    }

    /// The row of a text; `None` if the bank does not have it.
    pub fn position(&self, text: &str) -> Option<usize> {
        self.texts.iter().position(|own| own == text)
    }

    /// For each latent the `k` likeliest texts, most probable first, from its log-probabilities `[B, N]` over the zones of the bank, up to
    /// a constant of the row. Equally probable ones come in the order of the bank.
    ///
    /// # Errors
    /// [`TextError::Network`] when the shape does not fit.
    pub fn top_k(&self, log_probs: &Tensor, k: usize) -> Result<Vec<Vec<Retrieved>>, TextError> {
        lzn_torch::nn::NetworkError::require_shape("log_probs", log_probs, &[-1, self.texts.len() as i64])?;
        let rows = log_probs.detach().to_device(Device::Cpu).to_kind(Kind::Double).log_softmax(1, Kind::Double);
        let values: Vec<f64> = rows.contiguous().view([-1]).try_into()?;
        Ok(values.chunks_exact(self.texts.len()).map(|row| self.likeliest(row, k)).collect())
    }

    fn likeliest(&self, log_probs: &[f64], k: usize) -> Vec<Retrieved> {
        let mut order: Vec<usize> = (0..log_probs.len()).collect();
        let by_probability = |a: &usize, b: &usize| -> Ordering { log_probs[*b].total_cmp(&log_probs[*a]) };
        order.sort_by(by_probability);
        let found = |index: usize| {
            let probability = log_probs[index].exp();
            Retrieved { index, text: self.texts[index].clone(), probability }
        };
        order.into_iter().take(k).map(found).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bank() -> TextBank {
        let texts = TextBank::distinct(["a", "b", "a", "c"]);
        TextBank::new(texts, Tensor::zeros([3, 2], (Kind::Float, Device::Cpu))).unwrap()
    }

    #[test]
    fn equal_texts_have_the_number_of_the_first() {
        let (distinct, numbers) = TextBank::numbered(["b", "a", "b", "c", "a"]);
        assert_eq!((distinct, numbers), (vec!["b".into(), "a".into(), "c".into()], vec![0, 1, 0, 2, 1]));
    }

    #[test]
    fn the_likeliest_come_first_with_probabilities_that_add_up() {
        let shift = 1000.0;
        let log_probs =
            Tensor::from_slice(&[0.2f64.ln() + shift, 0.3f64.ln() + shift, 0.5f64.ln() + shift, -5.0, -5.0, -1e9]);
        let found = bank().top_k(&log_probs.view([2, 3]), 2).unwrap();
        let words: Vec<_> = found[0].iter().map(|found| (found.index, found.text.as_str())).collect();
        assert_eq!(words, [(2, "c"), (1, "b")]);
        assert!((found[0][0].probability - 0.5).abs() < 1e-9);
        assert_eq!(found[1].iter().map(|found| found.index).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(bank().top_k(&log_probs.view([2, 3]), 9).unwrap()[1].len(), 3);
    }

    #[test]
    fn banks_and_assignments_that_do_not_fit_are_refused() {
        let anchors = |rows| Tensor::zeros([rows, 2], (Kind::Float, Device::Cpu));
        assert!(matches!(TextBank::new(vec!["a".into()], anchors(2)), Err(TextError::Bank { texts: 1, .. })));
        assert!(matches!(TextBank::new(Vec::new(), anchors(0)), Err(TextError::Bank { texts: 0, .. })));
        assert!(bank().top_k(&Tensor::zeros([1, 4], (Kind::Double, Device::Cpu)), 1).is_err());
        assert_eq!((bank().position("c"), bank().position("d")), (Some(2), None));
    }
}
