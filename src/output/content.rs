//! An artifact's bytes, in memory or in a file: compared with what is in out/, or poured into a new file.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use sha1::{Digest, Sha1};

use super::errors::{Fault, system};
use super::record::FileDigest;
use super::{Content, codes};
use crate::diagnostic::Diagnostic;

/// Room for one read; two of them when two files are compared.
pub(super) const BUFFER: usize = 64 * 1024;

/// An artifact's bytes, open.
pub(super) enum Source<'a> {
    Bytes(&'a [u8]),
    File { file: File, path: &'a Path, size: u64 },
}

/// Which side of a copy failed.
pub(super) enum Side {
    Source(Fault),
    Target(io::Error),
}

impl<'a> Source<'a> {
    /// Opens a content; a file must be a regular one (a link to one is followed: static/ is the user's).
    pub(super) fn open(content: &'a Content) -> Result<Self, Fault> {
        let path = match content {
            Content::Bytes(bytes) => return Ok(Self::Bytes(bytes)),
            Content::File(path) => path.as_path(),
        };
        let open = || -> io::Result<_> {
            let found = std::fs::metadata(path)?;
            if !found.is_file() {
                return Ok(None);
            }
            let file = File::open(path)?;
            let size = file.metadata()?.len();
            Ok(Some(Self::File { file, path, size }))
        };
        match open() {
            Ok(Some(source)) => Ok(source),
            Ok(None) => Err(Box::new(
                Diagnostic::error(
                    codes::UNREADABLE_SOURCE,
                    format!("`{}` is not a regular file", path.display()),
                )
                .help("keep only files and directories there"),
            )),
            Err(e) => Err(unreadable(&e, path)),
        }
    }

    /// The size in bytes, as far as it is known before reading.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { size, .. } => *size,
        }
    }

    /// The digest if `target` has the same bytes. Leaves the source at its beginning if not.
    pub(super) fn equals(
        &mut self,
        target: &mut File,
        buffer: &mut [u8],
    ) -> Result<Option<FileDigest>, Side> {
        match self {
            Self::Bytes(bytes) => {
                let mut rest: &[u8] = bytes;
                loop {
                    let read = read(target, buffer).map_err(Side::Target)?;
                    if read.is_empty() {
                        return Ok(rest.is_empty().then(|| Sha1::digest(*bytes).into()));
                    }
                    match rest.strip_prefix(read) {
                        Some(after) => rest = after,
                        None => return Ok(None),
                    }
                }
            }
            Self::File { file, path, .. } => {
                let mut hash = Sha1::new();
                let mut other = vec![0; buffer.len()];
                loop {
                    let ours = fill(file, buffer).map_err(|e| Side::Source(unreadable(&e, path)))?;
                    let theirs = fill(target, &mut other).map_err(Side::Target)?;
                    if ours != theirs {
                        file.rewind().map_err(|e| Side::Source(unreadable(&e, path)))?;
                        return Ok(None);
                    }
                    if ours.is_empty() {
                        return Ok(Some(hash.finalize().into()));
                    }
                    hash.update(ours);
                }
            }
        }
    }

    /// The digest alone. Leaves the source at its beginning.
    pub(super) fn digest(&mut self, buffer: &mut [u8]) -> Result<FileDigest, Side> {
        let (digest, _) = self.pour(None, buffer)?;
        if let Self::File { file, path, .. } = self {
            file.rewind().map_err(|e| Side::Source(unreadable(&e, path)))?;
        }
        Ok(digest)
    }

    /// Copies everything to `target` (nowhere, in a dry run); digest and size of what was copied.
    pub(super) fn pour(
        &mut self,
        mut target: Option<&mut File>,
        buffer: &mut [u8],
    ) -> Result<(FileDigest, u64), Side> {
        match self {
            Self::Bytes(bytes) => {
                if let Some(target) = target {
                    target.write_all(bytes).map_err(Side::Target)?;
                }
                Ok((Sha1::digest(*bytes).into(), bytes.len() as u64))
            }
            Self::File { file, path, .. } => {
                let (mut hash, mut size) = (Sha1::new(), 0);
                loop {
                    let piece = read(file, buffer).map_err(|e| Side::Source(unreadable(&e, path)))?;
                    if piece.is_empty() {
                        return Ok((hash.finalize().into(), size));
                    }
                    hash.update(piece);
                    size += piece.len() as u64;
                    if let Some(target) = &mut target {
                        target.write_all(piece).map_err(Side::Target)?;
                    }
                }
            }
        }
    }
}

/// The digest of a whole file.
pub(super) fn digest(file: &mut File) -> io::Result<FileDigest> {
    let (mut hash, mut buffer) = (Sha1::new(), vec![0; BUFFER]);
    loop {
        let piece = read(file, &mut buffer)?;
        if piece.is_empty() {
            return Ok(hash.finalize().into());
        }
        hash.update(piece);
    }
}

fn unreadable(error: &io::Error, path: &Path) -> Fault {
    let mut fault = system(error, "read", path);
    if error.kind() == io::ErrorKind::NotFound {
        fault.code = codes::UNREADABLE_SOURCE;
    }
    fault
}

/// One read, however much it brings; empty at the end.
fn read<'b>(file: &mut File, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    loop {
        match file.read(buffer) {
            Ok(n) => return Ok(buffer.get(..n).unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn fill<'b>(file: &mut File, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match read(file, room)?.len() {
            0 => break,
            n => filled += n,
        }
    }
    Ok(buffer.get(..filled).unwrap_or_default())
}
