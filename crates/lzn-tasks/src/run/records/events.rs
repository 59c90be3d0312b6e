//! TensorBoard's event files, as far as numbers and pictures need them.
//!
//! A file is a sequence of frames (length, checksum of the length, data, checksum of the data); the data of each is a
//! protocol-buffer message `Event`. Field numbers are those of TensorFlow's `event.proto` and `summary.proto`; checksums are
//! CRC-32C (Castagnoli), masked as TFRecord files want it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::lines::append_whole;
use crate::run::error::RunError;
use crate::run::folder::host;

/// The open event file of this process. Event files are never changed, so every process starts its own.
#[derive(Debug)]
pub(super) struct EventFile {
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl EventFile {
    /// Starts the next event file in `folder`. TensorBoard then forgets what earlier files say of steps from
    /// `first_step` on.
    pub(super) fn create(folder: &Path, first_step: u64) -> Result<Self, RunError> {
        fs::create_dir_all(folder).map_err(RunError::io(folder))?;
        // TensorBoard reads the files in the order of their names: the count comes before time and host.
        let count = fs::read_dir(folder).map_err(RunError::io(folder))?.count();
        let path = folder.join(format!("events.out.tfevents.{count:06}.{:.0}.{}", seconds(), host()));
        let file = File::options().append(true).create_new(true).open(&path).map_err(RunError::io(&path))?;
        let mut events = Self { file, path, bytes: 0 };
        if let Err(error) = events.begin(first_step) {
            // On a full disk there is room for its name alone: every further try would leave one more.
            let _ = fs::remove_file(&events.path);
            return Err(error);
        }
        Ok(events)
    }

    fn begin(&mut self, first_step: u64) -> Result<(), RunError> {
        self.event(0, |event| event.text(event::FILE_VERSION, "brain.Event:2"))?;
        self.event(first_step, |event| {
            let mut log = Message::default();
            log.integer(session_log::STATUS, session_log::START);
            event.message(event::SESSION_LOG, &log);
        })
    }

    /// Records numbers.
    pub(super) fn scalars(&mut self, step: u64, values: &BTreeMap<String, f64>) -> Result<(), RunError> {
        let mut summary = Message::default();
        for (name, &value) in values {
            let mut entry = Message::default();
            entry.text(summary_value::TAG, name);
            entry.float(summary_value::SIMPLE_VALUE, value as f32);
            summary.message(summary::VALUE, &entry);
        }
        self.event(step, |event| event.message(event::SUMMARY, &summary))
    }

    /// Records a picture: the bytes of a PNG file.
    pub(super) fn picture(&mut self, step: u64, tag: &str, png: &[u8]) -> Result<(), RunError> {
        let (width, height) = png_size(png).ok_or_else(|| RunError::NotPng { tag: tag.to_owned() })?;
        let mut picture = Message::default();
        picture.integer(image::HEIGHT, height.into());
        picture.integer(image::WIDTH, width.into());
        picture.integer(image::COLORSPACE, image::RGB);
        picture.bytes(image::ENCODED, png);
        let mut entry = Message::default();
        entry.text(summary_value::TAG, tag);
        entry.message(summary_value::IMAGE, &picture);
        let mut summary = Message::default();
        summary.message(summary::VALUE, &entry);
        self.event(step, |event| event.message(event::SUMMARY, &summary))
    }

    /// The file and its path.
    pub(super) fn open_file(&self) -> (&Path, &File) {
        (&self.path, &self.file)
    }

    pub(super) fn sync(&self) -> Result<(), RunError> {
        self.file.sync_data().map_err(RunError::io(&self.path))
    }

    fn event(&mut self, step: u64, fill: impl FnOnce(&mut Message)) -> Result<(), RunError> {
        let mut event = Message::default();
        event.double(event::WALL_TIME, seconds());
        event.integer(event::STEP, step);
        fill(&mut event);
        self.bytes = append_whole(&mut self.file, self.bytes, &frame(&event.0)).map_err(RunError::io(&self.path))?;
        Ok(())
    }
}

/// Field numbers of `Event`.
mod event {
    pub(super) const WALL_TIME: u64 = 1;
    pub(super) const STEP: u64 = 2;
    pub(super) const FILE_VERSION: u64 = 3;
    pub(super) const SUMMARY: u64 = 5;
    pub(super) const SESSION_LOG: u64 = 7;
}

/// Field number and value of `SessionLog`.
mod session_log {
    pub(super) const STATUS: u64 = 1;
    pub(super) const START: u64 = 1;
}

/// Field number of `Summary`.
mod summary {
    pub(super) const VALUE: u64 = 1;
}

/// Field numbers of `Summary.Value`.
mod summary_value {
    pub(super) const TAG: u64 = 1;
    pub(super) const SIMPLE_VALUE: u64 = 2;
    pub(super) const IMAGE: u64 = 4;
}

/// Field numbers of `Summary.Image`, and its colour space of three channels.
mod image {
    pub(super) const HEIGHT: u64 = 1;
    pub(super) const WIDTH: u64 = 2;
    pub(super) const COLORSPACE: u64 = 3;
    pub(super) const ENCODED: u64 = 4;
    pub(super) const RGB: u64 = 3;
}

/// The bytes of a protocol-buffer message; each field is its number and wire type, then its value.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn integer(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
    }

    fn float(&mut self, field: u64, value: f32) {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    fn text(&mut self, field: u64, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    fn message(&mut self, field: u64, value: &Self) {
        self.bytes(field, &value.0);
    }

    /// Seven bits a byte, the lowest first; the top bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// A TFRecord frame around `data`.
fn frame(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut frame = Vec::with_capacity(data.len() + 16);
    frame.extend(length);
    frame.extend(masked_crc(&length).to_le_bytes());
    frame.extend(data);
    frame.extend(masked_crc(data).to_le_bytes());
    frame
}

/// CRC-32C, rotated and offset so that a checksum of data that holds checksums stays sound.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Width and height in the header of a PNG file.
pub(super) fn png_size(png: &[u8]) -> Option<(u32, u32)> {
    let header = png.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    let number = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
    (header.get(4..8)? == b"IHDR").then_some((number(8)?, number(12)?))
}

/// Seconds since 1970.
fn seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnolis_with_its_published_check_value() {
        // RFC 3720, appendix B.4: 32 bytes of zeros; the bytes of the result in transmission order are aa 36 91 8a.
        assert_eq!(crc32c::crc32c(&[0; 32]), u32::from_le_bytes([0xaa, 0x36, 0x91, 0x8a]));
    }

    #[test]
    fn a_damaged_frame_does_not_match_its_checksum() {
        let whole = frame(b"event");
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(frame(&damaged[12..damaged.len() - 4]), damaged);
        }
    }

    #[test]
    fn numbers_take_seven_bits_a_byte() {
        for (value, bytes) in [(0, &[0][..]), (127, &[127]), (128, &[128, 1]), (300, &[0b1010_1100, 0b10])] {
            let mut message = Message::default();
            message.varint(value);
            assert_eq!(message.0, bytes);
        }
    }

    #[test]
    fn bytes_that_are_no_png_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(folder.path(), 0).unwrap();
        for bytes in [&b"GIF89a"[..], b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0"] {
            assert!(matches!(events.picture(1, "grid", bytes), Err(RunError::NotPng { .. })));
        }
    }

    #[test]
    fn every_start_opens_a_file_that_sorts_last() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = (0..3).map(|_| EventFile::create(folder.path(), 0).unwrap().path).collect();
        assert!(paths.is_sorted() && paths[0] != paths[1] && paths[1] != paths[2], "{paths:?}");
    }
}
