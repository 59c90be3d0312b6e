//! Whether an array can be as large as its header says: its memory is taken before its numbers are read.

use std::io::Read;

/// Longest header, in bytes. That of an array of numbers has about a hundred.
const HEADER: u64 = 1 << 16;

/// Most brackets in a header: one for the dict, one for the shape, and some for what is refused later with a better reason.
const BRACKETS: usize = 32;

/// Most bytes that deflate makes of one.
const DEFLATE: u64 = 1032;

/// Refuses a header that is too long or too deep to be read, or that claims more than `available` bytes of numbers.
pub(super) fn check(file: impl Read, available: u64) -> Result<(), String> {
    let claimed = claimed(&header(file)?).ok_or("has no shape of whole numbers in its header")?;
    if claimed > available {
        return Err(format!(
            "claims {claimed} bytes of numbers, but at most {available} can be there; copy the file again"
        ));
    }
    Ok(())
}

/// The text of a header; one that is too long or too deep is refused.
pub(super) fn header(mut file: impl Read) -> Result<String, String> {
    let mut read = |count: u64| {
        let mut bytes = Vec::new();
        match file.by_ref().take(count).read_to_end(&mut bytes) {
            Ok(got) if got as u64 == count => Ok(bytes),
            Ok(_) => Err("ends within its header; copy the file again".to_owned()),
            Err(error) => Err(format!("cannot be read: {error}")),
        }
    };
    let start = read(8)?;
    let width = if start[6] == 1 { 2 } else { 4 };
    let length = read(width)?.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    if length > HEADER {
        return Err(format!("has a header of {length} bytes, more than {HEADER}"));
    }
    let header = read(length)?;
    if header.iter().filter(|byte| b"([{".contains(byte)).count() > BRACKETS {
        return Err(format!("has more than {BRACKETS} brackets in its header"));
    }
    Ok(String::from_utf8_lossy(&header).into_owned())
}

/// The type of the numbers as NumPy writes it, `<f4`.
pub(super) fn numbers(header: &str) -> Option<&str> {
    let (_, after) = header.split_once("descr")?;
    Some(after.split(['\'', '"']).nth(2).unwrap_or_default())
}

/// How many sides the array has.
pub(super) fn dimensions(header: &str) -> usize {
    let (_, after) = header.split_once("shape").unwrap_or_default();
    let (_, after) = after.split_once('(').unwrap_or_default();
    let (sides, _) = after.split_once(')').unwrap_or_default();
    sides.split(',').filter(|side| !side.trim().is_empty()).count()
}

/// Most bytes that an entry of an archive can unfold to.
pub(super) fn available(size: u64, compressed: u64, length: u64) -> u64 {
    size.min(compressed.min(length).saturating_mul(DEFLATE))
}

/// Bytes of the numbers by shape and type. Of a key that is there twice, the larger shape counts.
fn claimed(header: &str) -> Option<u64> {
    let shapes = header.match_indices("shape").map(|(at, _)| {
        let (_, rest) = header[at..].split_once('(')?;
        let (sides, _) = rest.split_once(')')?;
        let sides = sides.split(',').map(str::trim).filter(|side| !side.is_empty());
        // Python's numbers may end with an L, and may be larger than any here.
        sides
            .map(|side| parse(side.trim_end_matches('L')))
            .try_fold(1u64, |count, side| Some(count.saturating_mul(side?)))
    });
    let count = shapes.map(|shape| shape.unwrap_or(u64::MAX)).max()?;
    let size = numbers(header)?.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    Some(count.saturating_mul(parse(size).unwrap_or(1)))
}

fn parse(number: &str) -> Option<u64> {
    let digits = number.chars().filter(|letter| *letter != '_').collect::<String>();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str) -> Vec<u8> {
        [b"\x93NUMPY\x01\0".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat()
    }

    #[test]
    fn what_a_header_claims_is_compared_with_what_can_be_there() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
        assert_eq!(check(file(header).as_slice(), 24), Ok(()));
        assert!(check(file(header).as_slice(), 23).is_err_and(|reason| reason.contains("24 bytes")));
        for shape in ["(4294967295, 4294967295, 4294967295)", "(99999999999999999999,)", "(3L, 9L)", "(0x99,)", "3"] {
            let header = header.replace("(3, 2)", shape);
            assert!(check(file(&header).as_slice(), 100).is_err(), "{shape}");
        }
        assert_eq!(check(file(&header.replace("(3, 2)", "()")).as_slice(), 4), Ok(()));
        assert_eq!(check(file(&header.replace("(3, 2)", "(0,)")).as_slice(), 0), Ok(()));
    }

    #[test]
    fn types_and_sides_are_read_from_headers() {
        let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2,), }";
        assert_eq!((numbers(header), dimensions(header)), (Some("|u1"), 2));
        assert_eq!((numbers("{}"), dimensions("{'shape': ()}")), (None, 0));
    }

    #[test]
    fn long_and_deep_headers_are_refused_before_they_are_read() {
        let deep = format!("{{'descr': '<f4', 'shape': {}1", "(".repeat(40));
        assert!(check(file(&deep).as_slice(), 100).is_err_and(|reason| reason.contains("brackets")));
        let long = b"\x93NUMPY\x02\0\xff\xff\xff\x7f{}";
        assert!(check(long.as_slice(), 100).is_err_and(|reason| reason.contains("2147483647")));
        assert!(check(&file("{}")[..7], 100).is_err());
    }
}
