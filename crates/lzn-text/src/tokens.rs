//! Texts as tokens: the bytes of UTF-8, and three marks.

use crate::TextError;

/// Stands before the first byte.
pub const BEGIN: i64 = 256;
/// Stands after the last byte.
pub const END: i64 = 257;
/// Fills a row up to the longest of its batch.
pub const PADDING: i64 = 258;
/// Number of different tokens: 256 bytes and the three marks.
pub const VOCABULARY: i64 = 259;

/// Characters of a text that an error repeats.
const SHOWN: usize = 40;

/// `BEGIN`, the bytes of `text`, `END`.
///
/// # Errors
/// [`TextError::TooLong`] if there are more than `max_bytes` bytes.
pub fn encode(text: &str, max_bytes: usize) -> Result<Vec<i64>, TextError> {
    if text.len() > max_bytes {
        return Err(TextError::TooLong { text: beginning(text), bytes: text.len(), limit: max_bytes });
    }
    let bytes = text.bytes().map(i64::from);
    Ok(std::iter::once(BEGIN).chain(bytes).chain(std::iter::once(END)).collect())
}

/// The text of `tokens`: bytes up to the first `END`; other marks are left out, and each maximal piece that is no UTF-8 becomes U+FFFD.
/// Of the tokens of [`encode`] it is the text itself.
pub fn decode(tokens: &[i64]) -> String {
    let text = tokens.iter().take_while(|token| **token != END);
    let bytes: Vec<u8> = text.filter_map(|token| u8::try_from(*token).ok()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn beginning(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_comes_back(text in "\\PC{0,40}") {
            prop_assert_eq!(decode(&encode(&text, 1000).unwrap()), text);
        }

        #[test]
        fn any_tokens_are_some_text(tokens in prop::collection::vec(-3i64..300, 0..60)) {
            let text = decode(&tokens);
            // What was valid UTF-8 is kept byte for byte: encoding and decoding again changes nothing.
            prop_assert_eq!(decode(&encode(&text, 1000).unwrap()), text);
        }
    }

    #[test]
    fn combining_marks_emoji_sequences_and_control_characters_come_back() {
        for text in ["", "e\u{301}", "👩🏽‍🚀", "🇩🇪", "a\0b\n", "\u{200d}\u{fe0f}", "שלום", "\u{10ffff}"]
        {
            assert_eq!(decode(&encode(text, 64).unwrap()), text);
        }
    }

    #[test]
    fn pieces_that_are_no_utf8_are_replaced_and_the_rest_is_kept() {
        let bytes = |bytes: &[u8]| bytes.iter().map(|byte| i64::from(*byte)).collect::<Vec<_>>();
        assert_eq!(decode(&bytes(b"ab\xf0\x9f\x8dcd\xff")), "ab\u{fffd}cd\u{fffd}");
        assert_eq!(decode(&[BEGIN, 97, PADDING, 98, END, 99]), "ab");
    }

    #[test]
    fn long_texts_are_refused_by_bytes_with_text_and_limit() {
        assert!(encode("ää", 4).is_ok());
        let message = encode("äää", 5).unwrap_err().to_string();
        assert!(message.contains("\"äää\" has 6 bytes") && message.contains("limit is 5"), "{message}");
        let message = encode(&"🍏".repeat(50), 64).unwrap_err().to_string();
        assert!(message.contains(&format!("\"{}...\" has 200 bytes", "🍏".repeat(SHOWN))), "{message}");
    }
}
