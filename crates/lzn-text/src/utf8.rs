//! Which bytes may come next in valid UTF-8.

/// The state of a text that is written byte by byte: how many bytes its unfinished character still needs, and between which bounds
/// the next of them lies (The Unicode Standard, table 3-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Utf8 {
    missing: usize,
    low: u8,
    high: u8,
}

impl Utf8 {
    /// Before the first byte, or after a whole character.
    pub(crate) const WHOLE: Self = Self { missing: 0, low: 0, high: 0 };

    /// Whether the text may end here.
    pub(crate) fn is_whole(self) -> bool {
        self.missing == 0
    }

    /// Whether `byte` may come next, if there is room for `room` more bytes including it.
    pub(crate) fn allows(self, byte: u8, room: usize) -> bool {
        match self.missing {
            0 => first(byte).is_some_and(|(missing, _, _)| missing < room),
            _ => (self.low..=self.high).contains(&byte),
        }
    }

    /// The state after `byte`, which must be allowed.
    #[must_use]
    pub(crate) fn after(self, byte: u8) -> Self {
        let (missing, low, high) = match self.missing {
            0 => first(byte).unwrap_or((0, 0, 0)),
            missing => (missing - 1, 0x80, 0xbf),
        };
        Self { missing, low, high }
    }
}

/// How many bytes follow the first byte of a character, and the bounds of the second; `None` of a byte that begins nothing.
fn first(byte: u8) -> Option<(usize, u8, u8)> {
    Some(match byte {
        0..=0x7f => (0, 0, 0),
        0xc2..=0xdf => (1, 0x80, 0xbf),
        0xe0 => (2, 0xa0, 0xbf),
        0xed => (2, 0x80, 0x9f),
        0xe1..=0xef => (2, 0x80, 0xbf),
        0xf0 => (3, 0x90, 0xbf),
        0xf4 => (3, 0x80, 0x8f),
        0xf1..=0xf3 => (3, 0x80, 0xbf),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the state machine lets all of `bytes` pass and ends between characters.
    fn passes(bytes: &[u8]) -> bool {
        let mut state = Utf8::WHOLE;
        for (at, byte) in bytes.iter().enumerate() {
            if !state.allows(*byte, bytes.len() - at) {
                return false;
            }
            state = state.after(*byte);
        }
        state.is_whole()
    }

    #[test]
    fn agrees_with_the_standard_library_on_one_to_three_bytes_and_on_all_characters() {
        for one in 0..=255u8 {
            assert_eq!(passes(&[one]), std::str::from_utf8(&[one]).is_ok());
            for two in 0..=255u8 {
                assert_eq!(passes(&[one, two]), std::str::from_utf8(&[one, two]).is_ok(), "{one:x} {two:x}");
                for three in (0..=255u8).step_by(5).chain([0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0]) {
                    let bytes = [one, two, three];
                    assert_eq!(passes(&bytes), std::str::from_utf8(&bytes).is_ok(), "{bytes:x?}");
                }
            }
        }
        let mut buffer = [0; 4];
        assert!(('\0'..=char::MAX).all(|char| passes(char.encode_utf8(&mut buffer).as_bytes())));
    }

    #[test]
    fn four_bytes_agree_at_every_bound() {
        let bounds = [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
        for first in 0xf0..=0xff {
            for [two, three, four] in
                bounds.iter().flat_map(|a| bounds.iter().flat_map(move |b| bounds.map(|c| [*a, *b, c])))
            {
                let bytes = [first, two, three, four];
                assert_eq!(passes(&bytes), std::str::from_utf8(&bytes).is_ok(), "{bytes:x?}");
            }
        }
    }

    #[test]
    fn a_character_is_begun_only_where_there_is_room_for_all_of_it() {
        for char in ['a', 'ä', '€', '🍏'] {
            let first = char.to_string().as_bytes()[0];
            assert!(Utf8::WHOLE.allows(first, char.len_utf8()));
            assert!(!Utf8::WHOLE.allows(first, char.len_utf8() - 1));
        }
    }
}
