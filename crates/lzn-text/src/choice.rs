//! Which byte is written next.

use lzn_random::Stream;

use crate::TextError;
use crate::tokens::{END, PADDING, decode};
use crate::utf8::Utf8;

/// How texts are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Writing {
    /// 0 writes the likeliest byte each time (greedy); above, bytes are drawn by the softmax of the scores divided by it; 1 draws as
    /// the network says.
    pub temperature: f64,
    /// How many of the likeliest bytes are drawn from; all if absent. At least 1.
    pub top_k: Option<usize>,
}

impl Default for Writing {
    /// Greedy.
    fn default() -> Self {
        Self { temperature: 0.0, top_k: None }
    }
}

impl Writing {
    pub(crate) fn check(&self) -> Result<(), TextError> {
        let error = |setting, rule, got| Err(TextError::Setting { setting, rule, got });
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            return error("temperature", "be finite and not negative", self.temperature);
        }
        match self.top_k {
            Some(0) => error("top_k", "be at least 1", 0.0),
            _ => Ok(()),
        }
    }
}

/// One text that is being written.
pub(crate) struct Writer<'a> {
    writing: Writing,
    stream: &'a mut Stream,
    state: Utf8,
    bytes: Vec<i64>,
    max_bytes: usize,
    done: bool,
}

impl<'a> Writer<'a> {
    /// A writer of at most `max_bytes` bytes that draws from `stream`.
    pub(crate) fn new(writing: &Writing, stream: &'a mut Stream, max_bytes: usize) -> Self {
        Self { writing: *writing, stream, state: Utf8::WHOLE, bytes: Vec::new(), max_bytes, done: false }
    }

    /// Whether the text has come to its end.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Writes a byte, or ends the text; gives the token to go on from.
    pub(crate) fn choose(&mut self, scores: &[f32]) -> i64 {
        if self.done {
            return PADDING;
        }
        let room = self.max_bytes - self.bytes.len();
        let allowed = (0..=u8::MAX).filter(|byte| self.state.allows(*byte, room)).map(i64::from);
        let end = self.state.is_whole().then_some(END);
        let candidates: Vec<(i64, f32)> = allowed.chain(end).map(|token| (token, scores[token as usize])).collect();
        let token = pick(candidates, &self.writing, self.stream);
        match u8::try_from(token) {
            Ok(byte) => {
                self.state = self.state.after(byte);
                self.bytes.push(token);
                self.done = self.bytes.len() == self.max_bytes;
            }
            Err(_) => self.done = true,
        }
        token
    }

    /// The text.
    pub(crate) fn finish(self) -> String {
        decode(&self.bytes)
    }
}

/// One of the candidates, of which there is always one: within a character a byte, else the end.
fn pick(mut candidates: Vec<(i64, f32)>, writing: &Writing, stream: &mut Stream) -> i64 {
    // The sort is stable: of equal scores the smaller token comes first, on every machine.
    candidates.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    candidates.truncate(writing.top_k.unwrap_or(usize::MAX));
    let (best, highest) = candidates.first().copied().unwrap_or((END, 0.0));
    if writing.temperature == 0.0 {
        return best;
    }
    let weight = |score: f32| (f64::from(score - highest) / writing.temperature).exp();
    let total: f64 = candidates.iter().map(|(_, score)| weight(*score)).sum();
    let mut left = stream.uniform() * total;
    for (token, score) in &candidates {
        left -= weight(*score);
        if left < 0.0 {
            return *token;
        }
    }
    // Rounding, or scores that are not numbers.
    best
}

#[cfg(test)]
mod tests {
    use lzn_random::Purpose;

    use super::*;

    fn draws(writing: Writing, scores: &[(i64, f32)], count: usize) -> Vec<i64> {
        let mut stream = Stream::new(3, Purpose::SAMPLE_TEXT, [0; 3]);
        (0..count).map(|_| pick(scores.to_vec(), &writing, &mut stream)).collect()
    }

    #[test]
    fn shares_of_draws_are_the_softmax_at_the_temperature() {
        let scores = [(97, 0.0f32), (98, 1.0), (99, -1.0)];
        for temperature in [0.5, 1.0, 2.0] {
            let count = 20_000;
            let drawn = draws(Writing { temperature, top_k: None }, &scores, count);
            let total: f64 = scores.iter().map(|(_, score)| (f64::from(*score) / temperature).exp()).sum();
            for (token, score) in scores {
                let p = (f64::from(score) / temperature).exp() / total;
                let share = drawn.iter().filter(|drawn| **drawn == token).count() as f64 / count as f64;
                // Five standard errors.
                assert!((share - p).abs() < 5.0 * (p * (1.0 - p) / count as f64).sqrt(), "{temperature}: {share}, {p}");
            }
        }
    }

    #[test]
    fn few_choices_leave_out_the_unlikely_and_one_is_greedy() {
        let scores = [(97, 0.0f32), (98, 1.0), (99, -1.0)];
        let top = |k| draws(Writing { temperature: 5.0, top_k: Some(k) }, &scores, 500);
        assert!(top(1).iter().all(|token| *token == 98));
        assert!(top(2).iter().all(|token| *token != 99) && top(2).contains(&97));
        assert!(draws(Writing::default(), &scores, 5).iter().all(|token| *token == 98));
    }

    #[test]
    fn scores_that_are_not_numbers_still_give_a_token_that_is_allowed() {
        let mut stream = Stream::new(0, Purpose::SAMPLE_TEXT, [0; 3]);
        let mut writer = Writer::new(&Writing { temperature: 1.0, top_k: None }, &mut stream, 3);
        for _ in 0..3 {
            writer.choose(&[f32::NAN; 259]);
        }
        assert!(writer.finish().len() <= 3);
    }

    #[test]
    fn settings_that_mean_nothing_are_refused() {
        for temperature in [-0.1, f64::NAN, f64::INFINITY] {
            assert!(Writing { temperature, top_k: None }.check().is_err());
        }
        let message = Writing { temperature: 1.0, top_k: Some(0) }.check().unwrap_err().to_string();
        assert!(message.contains("`top_k` must be at least 1"), "{message}");
    }
}
