//! What is put around changed bytes, so that a checksum does not keep them from the reader.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// What makes a file of changed bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Envelope {
    /// The bytes are the file.
    None,
    /// They are its content.
    Gzip,
    /// They are one entry of a zip archive, without compression, before others as they are.
    Zip {
        /// The entry.
        name: &'static str,
        /// Names and contents of the others.
        others: Vec<(&'static str, Vec<u8>)>,
    },
    /// They are a tar file, whose headers get their checksums.
    Tar,
    /// The same, gzipped.
    TarGzip,
    /// They are the only member of a tar file, of this name.
    Member(&'static str),
}

impl Envelope {
    /// The file.
    #[must_use]
    pub fn around(&self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::None => bytes.to_vec(),
            Self::Gzip => gzip(bytes),
            Self::Zip { name, others } => archive(name, bytes, others),
            Self::Tar => with_sums(bytes),
            Self::TarGzip => gzip(&with_sums(bytes)),
            Self::Member(name) => with_sums(&[member(name, b'0', bytes), vec![0; 2 * BLOCK]].concat()),
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).and_then(|()| packed.finish()).unwrap_or_default()
}

fn archive(name: &str, bytes: &[u8], others: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let entries = std::iter::once((name, bytes)).chain(others.iter().map(|(name, bytes)| (*name, bytes.as_slice())));
    for (name, bytes) in entries {
        // In memory nothing fails but names given twice, which are ours.
        let _ = zip.start_file(name, stored).and_then(|()| Ok(zip.write_all(bytes)?));
    }
    zip.finish().map(Cursor::into_inner).unwrap_or_default()
}

/// A header of a regular file or of something else, without its checksum, and the content, filled up.
pub(crate) fn member(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    block[136..148].copy_from_slice(b"00000000000\0");
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar  \0");
    block.extend(content);
    block.resize(block.len().next_multiple_of(BLOCK), 0);
    block
}

/// Bytes of a block of a tar file, and where its header keeps the checksum.
const BLOCK: usize = 512;
const SUM: std::ops::Range<usize> = 148..156;

/// Writes the checksum of every block that looks like a header, wherever it lies.
fn with_sums(bytes: &[u8]) -> Vec<u8> {
    let mut file = bytes.to_vec();
    for block in file.chunks_exact_mut(BLOCK).filter(|block| &block[257..262] == b"ustar") {
        block[SUM].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[SUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    file
}
