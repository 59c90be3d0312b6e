//! Changes of bytes that find faults of readers.

use lzn_random::{Purpose, Stream};

/// Numbers at the ends of ranges, in two's complement.
const EDGES: [i64; 18] = [
    0,
    1,
    2,
    3,
    7,
    127,
    128,
    255,
    256,
    -1,
    -2,
    i16::MAX as i64,
    i32::MAX as i64,
    i32::MIN as i64,
    u32::MAX as i64,
    i64::MAX,
    i64::MIN,
    1 << 40,
];

/// Numbers as texts, for headers that write them so.
const DIGITS: [&[u8]; 10] = [
    b"0",
    b"1",
    b"-1",
    b"9",
    b"77777777777",
    b"4294967295",
    b"9223372036854775807",
    b"18446744073709551616",
    b"1e309",
    b"nan",
];

/// Longest input. What readers do with large files does not depend on random bytes.
const LONGEST: usize = 1 << 20;

/// Draws changes; those of input `n` follow from seed, target and `n`.
#[derive(Debug)]
pub struct Mutator {
    stream: Stream,
    words: &'static [&'static [u8]],
}

impl Mutator {
    /// The changes of input `number` of the target of this name.
    pub fn new(target: &str, words: &'static [&'static [u8]], seed: u64, number: u64) -> Self {
        Self { stream: Stream::new(seed, Purpose::new(&format!("fuzz/{target}")), [number, 0, 0]), words }
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.stream.below(end)
    }

    /// Changes `bytes` once to eight times; `other` is another file, of which pieces may be taken.
    pub fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..1 + self.below(4) * self.below(3) {
            match self.below(10) {
                0 => self.flip(bytes),
                1 => self.byte(bytes),
                2 | 3 => self.number(bytes),
                4 => self.digits(bytes),
                5 => self.word(bytes),
                6 => self.cut(bytes),
                7 => self.repeat(bytes),
                8 => self.splice(bytes, other),
                _ => self.shorten(bytes),
            }
        }
        bytes.truncate(LONGEST);
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        let (at, bit) = (self.below(bytes.len()), self.below(8));
        bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << bit);
    }

    fn byte(&mut self, bytes: &mut [u8]) {
        let (at, value) = (self.below(bytes.len()), self.below(256) as u8);
        bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = value);
    }

    /// A number of one to eight bytes, in either order: one from the ends of ranges, or that which is there and a little.
    fn number(&mut self, bytes: &mut [u8]) {
        let width = [1, 2, 4, 8][self.below(4)];
        let Some(last) = bytes.len().checked_sub(width) else { return };
        let at = self.below(last + 1);
        let place = &mut bytes[at..at + width];
        let big = self.below(2) == 0;
        let mut word = [0; 8];
        word[..width].copy_from_slice(place);
        if big {
            word[..width].reverse();
        }
        let value = match self.below(3) {
            0 => i64::from_le_bytes(word).wrapping_add(self.below(9) as i64 - 4),
            _ => EDGES[self.below(EDGES.len())],
        };
        let mut word = value.to_le_bytes();
        if big {
            word[..width].reverse();
        }
        place.copy_from_slice(&word[..width]);
    }

    /// Puts another number in the place of a number in decimal or octal digits.
    fn digits(&mut self, bytes: &mut Vec<u8>) {
        let from = self.below(bytes.len());
        let Some(start) = bytes[from..].iter().position(u8::is_ascii_digit).map(|at| from + at) else { return };
        let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = DIGITS[self.below(DIGITS.len())];
        // Fields of fixed width stay as wide; in texts, what follows moves.
        match self.below(2) {
            0 => drop(bytes.splice(start..start + length, number.iter().copied())),
            _ => bytes[start..].iter_mut().zip(number).for_each(|(byte, digit)| *byte = *digit),
        }
    }

    fn word(&mut self, bytes: &mut Vec<u8>) {
        if self.words.is_empty() {
            return;
        }
        let (word, at) = (self.words[self.below(self.words.len())], self.below(bytes.len() + 1));
        let end = if self.below(2) == 0 { at } else { bytes.len().min(at + word.len()) };
        bytes.splice(at..end, word.iter().copied());
    }

    fn range(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let start = self.below(bytes.len() + 1);
        let most = (bytes.len() - start).min(if self.below(4) == 0 { 4096 } else { 16 });
        start..start + self.below(most + 1)
    }

    fn cut(&mut self, bytes: &mut Vec<u8>) {
        let range = self.range(bytes);
        bytes.drain(range);
    }

    fn repeat(&mut self, bytes: &mut Vec<u8>) {
        let range = self.range(bytes);
        let piece = bytes[range].repeat([1, 1, 2, 50][self.below(4)]);
        let at = self.below(bytes.len() + 1);
        bytes.splice(at..at, piece);
    }

    fn splice(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let piece = other[self.range(other)].to_vec();
        let at = self.below(bytes.len() + 1);
        let end = if self.below(2) == 0 { at } else { bytes.len().min(at + piece.len()) };
        bytes.splice(at..end, piece);
    }

    fn shorten(&mut self, bytes: &mut Vec<u8>) {
        let length = self.below(bytes.len() + 1);
        bytes.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_repeatable_and_survive_every_length() {
        let changed = |seed, number, length| {
            let mut bytes = vec![b'7'; length];
            Mutator::new("t", &[b"word"], seed, number).change(&mut bytes, b"other");
            bytes
        };
        let mut different = 0;
        for number in 0..2000 {
            let length = (number % 40) as usize;
            assert_eq!(changed(1, number, length), changed(1, number, length));
            different += usize::from(changed(1, number, length) != vec![b'7'; length]);
        }
        assert!(different > 1000, "{different} of 2000 changed");
        assert_ne!(changed(1, 3, 30), changed(2, 3, 30));
    }
}
