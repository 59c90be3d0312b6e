//! Archives and pictures for tests.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::io::{Cursor, Write};
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use image::{ImageFormat, Rgb, RgbImage};

/// A tar file of these members.
pub(crate) fn tar(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, Path::new(name), bytes.as_slice()).expect("in memory");
    }
    archive.into_inner().expect("in memory")
}

/// The same bytes, gzipped.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).expect("in memory");
    packed.finish().expect("in memory")
}

/// A picture of one value in red, with its coordinates in green and blue; PNG keeps them.
pub(crate) fn picture(value: u8, width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = RgbImage::from_fn(width, height, |x, y| Rgb([value, x as u8, y as u8]));
    picture.write_to(&mut bytes, ImageFormat::Png).expect("in memory");
    bytes.into_inner()
}
