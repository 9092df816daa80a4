//! What outlives one build: the manifest in memory, for watch, and the pipeline's own files in the state
//! directory, which name the manifest that they go with.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::Options;
use super::errors::{Fault, system};
use super::layout::Kind;
use super::manifest::{Manifest, id_on_disk};
use super::pages::PagedFile;
use super::staging::{DIRECTORY, MARKER};
use super::state::{Transaction, is_temporary, state_directory};

/// The manifest of the last build, kept in memory. A transaction that begins with it reads the manifest only
/// if another process has written it since.
#[derive(Clone, Default)]
pub struct ManifestCache(Arc<Mutex<Option<(PathBuf, Manifest)>>>);

impl ManifestCache {
    /// The manifest, if it is still what lies in that state directory.
    pub(super) fn take(&self, state: &Path) -> Result<Option<Manifest>, Fault> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((place, manifest)) =
            held.filter(|(place, manifest)| place == state && manifest.id().is_some())
        else {
            return Ok(None);
        };
        let id = id_on_disk(state).map_err(|e| system(&e, "read the manifest in", &place))?;
        Ok((id == manifest.id()).then_some(manifest))
    }

    pub(super) fn put(&self, state: &Path, manifest: Manifest) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((state.to_owned(), manifest));
    }
}

/// A commit that has been made, still under the lock.
pub struct Committed {
    pub(super) transaction: Transaction,
}

impl Committed {
    /// What names the manifest that was written: see [`manifest_id`].
    pub fn manifest_id(&self) -> Option<[u8; 20]> {
        self.transaction.manifest_id()
    }

    /// How many files in out/ belong to provc.
    pub fn owned(&self) -> usize {
        self.transaction.manifest.len()
    }

    /// Replaces one of the pipeline's own files, readable by its owner only, in one step. A dry run writes
    /// nothing.
    ///
    /// Errors: an error of the system; the old file stays.
    pub fn replace_state(&self, name: &str, bytes: &[u8]) -> Result<(), Fault> {
        if self.transaction.options.dry_run {
            return Ok(());
        }
        save(&self.transaction.state, name, bytes)
    }
}

/// Where the pipeline's own file `name` lies. The names `manifest`, `manifest.changes`, `journal`, `lock`,
/// `staging` and `temporaries-in-out`, and names that end in `.new`, are taken.
pub fn state_file(options: &Options, name: &str) -> PathBuf {
    // Where there is no such directory, no build gets as far as to write it.
    state_directory(options).unwrap_or_default().join(name)
}

/// The pipeline's own file `name`; nothing where it is absent or cannot be read, which costs a full build.
pub fn read_state(options: &Options, name: &str) -> Option<Vec<u8>> {
    fs::read(state_file(options, name)).ok()
}

/// The pipeline's own file `name`, made by [`super::seal_pages`], of which only what is asked for will be read;
/// nothing where it is absent or damaged.
pub fn open_state(options: &Options, name: &str) -> Option<PagedFile> {
    PagedFile::open(&state_file(options, name))
}

/// What names the manifest on disk, read without reading the manifest: the checksum at its end, or of the
/// last change to it. Every commit that changes anything in out/ gives another one, and so does the repair
/// after a build that did not end. `None` where there is no manifest, or none that can be used, and while a
/// build is at work or was killed.
pub fn manifest_id(options: &Options) -> Option<[u8; 20]> {
    let state = state_directory(options).ok()?;
    id_on_disk(&state).ok().flatten().filter(|_| !left_behind(&state))
}

/// Whether there is anything that a build at work has, and one that ended has not: a journal, or temporary
/// files. Where only files were written aside out/ is sound, but whoever stopped here would leave them.
fn left_behind(state: &Path) -> bool {
    let there = |name: &str| fs::symlink_metadata(state.join(name)).is_ok();
    there(Kind::Journal.file())
        || there(MARKER)
        || [Kind::Journal, Kind::Manifest].iter().any(|kind| aside(state, kind.file()).exists())
        || fs::read_dir(state.join(DIRECTORY))
            .is_ok_and(|entries| entries.flatten().any(|entry| is_temporary(&entry.file_name())))
}

/// Replaces a file of the state directory in one step.
pub(super) fn save(state: &Path, name: &str, bytes: &[u8]) -> Result<(), Fault> {
    let (path, new) = (state.join(name), aside(state, name));
    let write = || -> io::Result<()> {
        // Not truncated at first: room that was reserved stays taken.
        let mut file = open_aside(&new)?;
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)?;
        fs::rename(&new, &path)
    };
    write().map_err(|e| {
        release(state, name);
        system(&e, "write", &path)
    })
}

/// Takes the room that [`save`] will need for at most so many bytes, so that a full disk is met before out/
/// changes and not after.
pub(super) fn reserve(state: &Path, name: &str, bytes: u64) -> Result<(), Fault> {
    let new = aside(state, name);
    let take = || -> io::Result<()> {
        let mut file = open_aside(&new)?;
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => Ok(()),
            // Where room cannot be had for the asking, writing takes it.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                io::copy(&mut io::repeat(0).take(bytes), &mut file).map(|_| ())
            }
            Err(e) => Err(e.into()),
        }
    };
    take().map_err(|e| {
        release(state, name);
        system(&e, "write", &state.join(name))
    })
}

/// Gives back what was reserved; half a file would keep a full disk full.
pub(super) fn release(state: &Path, name: &str) {
    let _ = fs::remove_file(aside(state, name));
}

fn aside(state: &Path, name: &str) -> PathBuf {
    state.join(format!("{name}.new"))
}

fn open_aside(new: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(new)
}
