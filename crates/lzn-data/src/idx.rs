//! Reader of IDX, the file format of MNIST and its successors.
//!
//! An IDX file is a magic number (two zero bytes, the element type, the number of dimensions), the dimensions as
//! big-endian 32-bit numbers, and the elements in row-major order. Here elements are bytes; files may be gzipped.

use std::{io::Read, path::Path};

use flate2::read::MultiGzDecoder;
use ndarray::Array4;

use crate::DataError;

/// Unsigned bytes (type 8) in three dimensions: count, height, width.
const IMAGE_MAGIC: u32 = 0x0803;
/// Unsigned bytes in one dimension: count.
const LABEL_MAGIC: u32 = 0x0801;
/// First bytes of every gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads images from the bytes of an IDX file, gzipped or not. `path` only names the file in errors.
///
/// # Shapes
/// The result is `[N, 1, H, W]`, values 0 to 255.
///
/// # Errors
/// [`DataError::Magic`], [`DataError::Truncated`], [`DataError::TrailingBytes`], [`DataError::Gzip`],
/// [`DataError::Empty`].
pub fn images(path: &Path, bytes: &[u8]) -> Result<Array4<u8>, DataError> {
    let ([count, height, width], pixels) = read(path, bytes, "images", IMAGE_MAGIC)?;
    if pixels.is_empty() {
        return Err(DataError::Empty { path: path.to_owned(), remedy: "give a file with at least one image" });
    }
    let images = Array4::from_shape_vec((count, 1, height, width), pixels);
    Ok(images.expect("the reader gives exactly as many bytes as the dimensions say"))
}

/// Reads labels from the bytes of an IDX file, gzipped or not. `path` only names the file in errors.
///
/// # Errors
/// [`DataError::Magic`], [`DataError::Truncated`], [`DataError::TrailingBytes`], [`DataError::Gzip`].
pub fn labels(path: &Path, bytes: &[u8]) -> Result<Vec<i64>, DataError> {
    let ([_], labels) = read::<1>(path, bytes, "labels", LABEL_MAGIC)?;
    Ok(labels.into_iter().map(i64::from).collect())
}

/// Dimensions and elements of a file with `D` dimensions.
fn read<const D: usize>(
    path: &Path,
    bytes: &[u8],
    kind: &'static str,
    expected_magic: u32,
) -> Result<([usize; D], Vec<u8>), DataError> {
    if bytes.starts_with(&GZIP_MAGIC) {
        // A file of several gzip members is valid; bytes after the last member are not.
        parse(path, MultiGzDecoder::new(bytes), kind, expected_magic)
    } else {
        parse(path, bytes, kind, expected_magic)
    }
}

fn parse<const D: usize>(
    path: &Path,
    mut reader: impl Read,
    kind: &'static str,
    expected_magic: u32,
) -> Result<([usize; D], Vec<u8>), DataError> {
    let header_length = 4 * (1 + D as u64);
    let header = take(path, &mut reader, 0, header_length, header_length)?;
    let mut numbers =
        header.chunks_exact(4).map(|word| word.iter().fold(0_u32, |sum, &byte| sum << 8 | u32::from(byte)));

    let magic = numbers.next().unwrap_or_default();
    if magic != expected_magic {
        return Err(DataError::Magic { path: path.to_owned(), kind, expected: expected_magic, got: magic });
    }
    let mut dimensions = [0; D];
    for (dimension, number) in dimensions.iter_mut().zip(numbers) {
        *dimension = number as usize;
    }
    // Saturation is harmless: no file has 2^64 bytes, so it is reported as truncated.
    let length = dimensions.iter().fold(1_u64, |product, &dimension| product.saturating_mul(dimension as u64));
    let expected = header_length.saturating_add(length);
    let elements = take(path, &mut reader, header_length, length, expected)?;
    if !take_up_to(path, &mut reader, header_length, 1, expected)?.is_empty() {
        return Err(DataError::TrailingBytes { path: path.to_owned(), expected });
    }
    Ok((dimensions, elements))
}

/// Exactly `length` bytes of a file that has `before` bytes in front of them and should have `expected` in all.
fn take(path: &Path, reader: &mut impl Read, before: u64, length: u64, expected: u64) -> Result<Vec<u8>, DataError> {
    let bytes = take_up_to(path, reader, before, length, expected)?;
    let got = before + bytes.len() as u64;
    if (bytes.len() as u64) < length {
        return Err(DataError::Truncated { path: path.to_owned(), expected, got });
    }
    Ok(bytes)
}

/// At most `limit` bytes. Memory grows with what the file holds, not with what its header claims.
fn take_up_to(
    path: &Path,
    reader: &mut impl Read,
    before: u64,
    limit: u64,
    expected: u64,
) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    match reader.take(limit).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(DataError::Truncated { path: path.to_owned(), expected, got: before + bytes.len() as u64 })
        }
        Err(error) => Err(DataError::Gzip { path: path.to_owned(), reason: error.to_string() }),
    }
}
