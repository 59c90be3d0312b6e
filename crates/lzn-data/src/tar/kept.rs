//! The list of members that is kept beside a tar file, so that the headers of a million files are looked for once.
//!
//! ```text
//! lzn-tar-index 1 DEPTH LENGTH SECONDS.NANOSECONDS COUNT      of the tar file: length and time of its last change
//! START SIZE NAME                                             one line for each member
//! crc32 CHECKSUM                                              of everything before
//! ```
//!
//! A list that is damaged, or of another state of the tar file, is made again.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::{Depth, Member};

/// `.NAME.lzn-index` beside `NAME`.
fn place(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    Some(path.with_file_name(format!(".{name}.lzn-index")))
}

fn first_line(file: &File, depth: Depth) -> Option<String> {
    let data = file.metadata().ok()?;
    let changed = data.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("lzn-tar-index 1 {depth:?} {} {}.{:09}", data.len(), changed.as_secs(), changed.subsec_nanos()))
}

/// The members, if there is a list and it is of this state of the file.
pub(super) fn read(path: &Path, file: &File, depth: Depth) -> Option<Vec<Member>> {
    let text = fs::read_to_string(place(path)?).ok()?;
    let (content, sum) = text.trim_end_matches('\n').rsplit_once('\n')?;
    let stated = sum.strip_prefix("crc32 ").and_then(|sum| u32::from_str_radix(sum, 16).ok())?;
    if crc32fast::hash(content.as_bytes()) != stated {
        return None;
    }
    let mut lines = content.split('\n');
    let count = lines.next()?.strip_prefix(&first_line(file, depth)?)?.trim().parse::<usize>().ok()?;
    let member = |line: &str| {
        let mut parts = line.splitn(3, ' ');
        let mut number = || parts.next()?.parse().ok();
        let (start, size) = (number()?, number()?);
        Some(Member { name: parts.next()?.to_owned(), start, size })
    };
    let members = lines.map(member).collect::<Option<Vec<_>>>()?;
    (members.len() == count).then_some(members)
}

/// Keeps the list. That it cannot be kept is no error: it is made again next time.
pub(super) fn write(path: &Path, file: &File, depth: Depth, members: &[Member]) {
    let (Some(place), Some(first)) = (place(path), first_line(file, depth)) else { return };
    let mut text = format!("{first} {}", members.len());
    for Member { name, start, size } in members {
        // Into memory.
        let _ = write!(text, "\n{start} {size} {name}");
    }
    let sum = crc32fast::hash(text.as_bytes());
    let write = |file: &mut File| std::io::Write::write_all(file, format!("{text}\ncrc32 {sum:08x}\n").as_bytes());
    let _ = lzn_files::replace(&place, |error| error, write);
}
