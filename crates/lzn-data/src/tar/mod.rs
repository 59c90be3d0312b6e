//! Images in tar files, read where they lie: the members are listed once, and the list is kept beside the file.

mod index;
mod kept;
mod stream;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use index::{Depth, Member};
pub(crate) use stream::collect;

use crate::DataError;
use crate::encoded::Store;

/// An open tar file and its members.
#[derive(Debug)]
pub(crate) struct TarFile {
    path: PathBuf,
    file: File,
    members: Vec<Member>,
}

impl TarFile {
    /// Opens a tar file with the list that is kept beside it, or makes and keeps one. Where the folder cannot be written to, the list
    /// is made each time.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Io`]; [`DataError::Damaged`] when it is no tar file, is compressed, or ends early.
    pub(crate) fn open(path: &Path, depth: Depth) -> Result<Self, DataError> {
        let remedy = "give the folder that holds the tar files";
        let file = File::open(path).map_err(|source| crate::decode::io_error(path, source, remedy))?;
        let members = match kept::read(path, &file, depth) {
            Some(members) => members,
            None => {
                let members = index::members(path, &file, depth)?;
                kept::write(path, &file, depth, &members);
                members
            }
        };
        Ok(Self { path: path.to_owned(), file, members })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The bytes of a member.
    pub(crate) fn read(&self, member: &Member) -> Result<Vec<u8>, DataError> {
        let failed = |source| DataError::Io { path: self.path.clone(), source };
        let length = self.file.metadata().map_err(failed)?.len();
        if member.start.checked_add(member.size).is_none_or(|end| end > length) {
            return Err(index::damaged(&self.path, format!("ends before its member `{}` does", member.name)));
        }
        let mut bytes = vec![0; member.size as usize];
        read_at(&self.file, &mut bytes, member.start).map_err(failed)?;
        Ok(bytes)
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], start: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

/// Elsewhere threads share the place of an open file, so each read opens its own.
#[cfg(not(unix))]
fn read_at(file: &File, bytes: &mut [u8], start: u64) -> std::io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut file = file;
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(bytes)
}

/// Images that are members of tar files.
#[derive(Debug, Clone)]
pub struct Members {
    tars: Arc<[TarFile]>,
    images: Vec<Image>,
    partly_labelled: bool,
    has_texts: bool,
}

/// One image: which tar file, which member, which label, which text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Image {
    pub(crate) tar: u32,
    pub(crate) member: u32,
    pub(crate) label: Option<i64>,
    /// The member of the same tar file that holds its text.
    pub(crate) text: Option<u32>,
}

impl Members {
    pub(crate) fn new(tars: Vec<TarFile>, images: Vec<Image>) -> Self {
        let labelled = images.iter().filter(|image| image.label.is_some()).count();
        let has_texts = images.iter().any(|image| image.text.is_some());
        Self { tars: tars.into(), partly_labelled: labelled != 0 && labelled != images.len(), images, has_texts }
    }

    pub(crate) fn image(&self, index: usize) -> (&TarFile, &Member) {
        let Image { tar, member, .. } = self.images[index];
        let tar = &self.tars[tar as usize];
        (tar, &tar.members[member as usize])
    }
}

impl Store for Members {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn label(&self, index: usize) -> Option<i64> {
        self.images[index].label
    }

    fn partly_labelled(&self) -> bool {
        self.partly_labelled
    }

    fn has_texts(&self) -> bool {
        self.has_texts
    }

    fn text(&self, index: usize) -> Result<Option<String>, DataError> {
        let Image { tar, text, .. } = self.images[index];
        let tar = &self.tars[tar as usize];
        text.map_or(Ok(None), |member| crate::webdataset::caption(tar, &tar.members[member as usize]))
    }

    fn name(&self, index: usize) -> PathBuf {
        let (tar, member) = self.image(index);
        tar.path.join(&member.name)
    }

    fn bytes(&self, index: usize) -> Result<Vec<u8>, DataError> {
        let (tar, member) = self.image(index);
        tar.read(member)
    }
}
