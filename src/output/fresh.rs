//! Directories that out/ does not have yet, written beside it whole and put in place by one rename.
//!
//! A rename between directories costs as much as writing a small file, and the kernel lets one through at a
//! time. Where out/ has no directory for a file, as in a first build or when a family of phones is added, the
//! file is therefore written below the staging directory in a tree of the same shape, under its own name. If
//! at the end that tree holds just what is planned, its directories get their modes and it becomes part of
//! out/ in one step; a reader sees all of it or nothing. Wherever anything is in the way of that, the files
//! are renamed one by one like all others.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{self, Mode};
use rustix::io::Errno;

use super::path::ancestors;
use super::staging::{CREATE, Temp, file_mode};
use super::tree::{OPEN_DIRECTORY, Tree, gone_is_none};

/// The tree's directory in the staging directory. Whatever is in it is removed by the next build, so that
/// nobody else should have one of that name.
pub(super) const DIRECTORY: &str = "provc-new";

/// The longest path that still fits behind it.
const LONGEST: usize = 4000;

/// The trees of one build, by the directory that each is to become.
#[derive(Default)]
pub(super) struct Fresh {
    tops: Mutex<BTreeMap<Box<str>, Arc<AtomicU64>>>,
}

/// A directory of a tree, open, with the number of files that its tree holds.
pub(super) struct Directory {
    path: Box<str>,
    open: OwnedFd,
    files: Arc<AtomicU64>,
}

impl Fresh {
    /// The directory in which files for `parent` are written, if all from below `nearest` down is to be new.
    /// Nothing where the directories that a commit makes would get more from `nearest` than a rename brings.
    pub(super) fn directory(
        &self,
        staging: &OwnedFd,
        tree: &Tree,
        nearest: &str,
        parent: &str,
    ) -> io::Result<Option<Directory>> {
        if nearest == parent || parent.len() > LONGEST || inherits(&tree.directory(nearest)?)? {
            return Ok(None);
        }
        make(staging, DIRECTORY)?;
        let mut way: Vec<&str> = ancestors(parent).collect();
        way.reverse();
        way.push(parent);
        for directory in &way {
            make(staging, &below(directory))?;
        }
        let Some(top) = way.iter().find(|directory| directory.len() > nearest.len()) else { return Ok(None) };
        let open = fs::openat(staging, below(parent), OPEN_DIRECTORY, Mode::empty())?;
        let mut tops = self.tops.lock().unwrap_or_else(PoisonError::into_inner);
        let files = Arc::clone(tops.entry((*top).into()).or_default());
        Ok(Some(Directory { path: parent.into(), open, files }))
    }

    /// The directories that may be put in place whole, with the number of files written into each.
    pub(super) fn tops(&self) -> BTreeMap<Box<str>, u64> {
        let tops = self.tops.lock().unwrap_or_else(PoisonError::into_inner);
        tops.iter().map(|(top, files)| (top.clone(), files.load(Ordering::Acquire))).collect()
    }

    /// Takes note that a temporary, wherever it lay, is there no longer.
    pub(super) fn discarded(&self, temp: &str) {
        let Some(path) = temp.strip_prefix(DIRECTORY).and_then(|path| path.strip_prefix('/')) else { return };
        let tops = self.tops.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(files) = ancestors(path).find_map(|above| tops.get(above)) {
            files.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Directory {
    /// Creates a file under its own name; nothing where another owner's lies there already.
    pub(super) fn create(&self, name: &str, sensitive: bool) -> io::Result<Option<(Temp, File)>> {
        let file = match fs::openat(&self.open, name, CREATE, file_mode(sensitive)) {
            Err(Errno::EXIST) => return Ok(None),
            other => other?,
        };
        self.files.fetch_add(1, Ordering::AcqRel);
        Ok(Some((Temp::Staging(format!("{DIRECTORY}/{}/{name}", self.path)), file.into())))
    }
}

/// Where a file or directory of out/ lies before it is placed whole, from the staging directory.
pub(super) fn below(path: &str) -> String {
    format!("{DIRECTORY}/{path}")
}

fn make(staging: &OwnedFd, directory: &str) -> io::Result<()> {
    match fs::mkdirat(staging, directory, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Whether directories made in this one take something from it: its group, or a default ACL.
fn inherits(directory: &OwnedFd) -> io::Result<bool> {
    if Mode::from_raw_mode(fs::fstat(directory)?.st_mode).contains(Mode::SGID) {
        return Ok(true);
    }
    let mut none: [u8; 0] = [];
    match fs::fgetxattr(directory, "system.posix_acl_default", &mut none) {
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
        // There is one, or nobody knows.
        _ => Ok(true),
    }
}

/// Removes the tree, whatever is in it, since provc made the directory. No link is followed.
pub(super) fn clear(staging: &Path) -> io::Result<()> {
    // A link as the staging directory is not provc's.
    if !gone_is_none(std::fs::symlink_metadata(staging))?.is_some_and(|found| found.is_dir()) {
        return Ok(());
    }
    gone_is_none(std::fs::remove_dir_all(staging.join(DIRECTORY))).map(drop)
}
