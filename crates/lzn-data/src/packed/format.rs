//! The layout of a packed file.
//!
//! ```text
//! "LZNPACK\n" VERSION(u32) 0(u32)        header
//! pixels                                 of one image after the other, [C, H, W]
//! OFFSET(u64) HEIGHT(u32) WIDTH(u32)
//!     LABEL(i32) CRC32(u32)              one entry for each image
//! contents                               JSON: parts, classes, how images were prepared, what they were made of
//! ENTRIES(u64) CONTENTS(u64) LENGTH(u64)
//!     CRC32(u32) VERSION(u32) "KCAPNZL\n" footer: where entries and contents begin, the length of the file, and the checksum of all between
//!                                        the pixels and the footer
//! ```
//!
//! Numbers are little-endian. The footer is written last, so a file without one is not whole.

use serde::{Deserialize, Serialize};

use crate::Colour;

pub(super) const MAGIC: &[u8; 8] = b"LZNPACK\n";
pub(super) const END: &[u8; 8] = b"KCAPNZL\n";

/// Version of the layout. A file of another is packed again.
pub(super) const VERSION: u32 = 1;

pub(super) const HEADER: usize = 16;
pub(super) const FOOTER: usize = 40;
pub(super) const ENTRY: usize = 24;

/// The label of an image without one.
pub(super) const NO_LABEL: i32 = -1;

/// What a file says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contents {
    pub(super) source: Source,
    pub(super) colour: Colour,
    /// What transparent images were laid over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) background: Option<[u8; 3]>,
    /// None if images have the sizes that they had.
    pub(super) prepared: Option<Prepared>,
    /// Whether all pixels of every image are there: none was resized or cut.
    pub(super) whole: bool,
    pub(super) parts: Vec<Part>,
    /// Messages that name the images which were left out.
    pub(super) left_out: Vec<String>,
}

/// What a file was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    /// Absolute path at that time.
    pub(super) path: std::path::PathBuf,
    /// Digest of names, lengths and times of change of all files.
    pub(super) fingerprint: String,
}

/// The size to which images were brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prepared {
    pub(super) size: usize,
    pub(super) resize: Option<usize>,
}

/// Images that belong together, such as those to train on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) class_names: Vec<String>,
    /// Whether some images may lack a label although there are classes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) partly_labelled: bool,
    /// Texts of the images; empty if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) texts: Vec<Option<String>>,
    /// Number of images; they follow those of the part before.
    pub(super) count: usize,
}

/// Where one image lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) height: u32,
    pub(super) width: u32,
    pub(super) label: i32,
    pub(super) crc32: u32,
}

impl Entry {
    pub(super) fn to_bytes(self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..8].copy_from_slice(&self.offset.to_le_bytes());
        for (place, word) in
            bytes[8..].chunks_exact_mut(4).zip([self.height, self.width, self.label as u32, self.crc32])
        {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; ENTRY]) -> Self {
        let word = |at: usize| bytes[at..].first_chunk().map_or(0, |word| u32::from_le_bytes(*word));
        let offset = bytes.first_chunk().map_or(0, |offset| u64::from_le_bytes(*offset));
        Self { offset, height: word(8), width: word(12), label: word(16) as i32, crc32: word(20) }
    }
}

/// The end of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) entries: u64,
    pub(super) contents: u64,
    pub(super) length: u64,
    pub(super) crc32: u32,
}

impl Footer {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let numbers = [self.entries, self.contents, self.length].map(u64::to_le_bytes).concat();
        [numbers.as_slice(), &self.crc32.to_le_bytes(), &VERSION.to_le_bytes(), END].concat()
    }

    /// None without the magic word at its end.
    pub(super) fn from_bytes(bytes: &[u8; FOOTER]) -> Option<Self> {
        let number = |at: usize| bytes[at..].first_chunk().map_or(0, |number| u64::from_le_bytes(*number));
        let crc32 = bytes[24..].first_chunk().map_or(0, |sum| u32::from_le_bytes(*sum));
        let footer = Self { entries: number(0), contents: number(8), length: number(16), crc32 };
        bytes.ends_with(END).then_some(footer)
    }
}
