//! What stands below a directory, so that two moments of it can be compared, and saying aloud that a test
//! could not be done.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use walkdir::WalkDir;

/// One file, directory or link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Kind and permissions.
    pub mode: u32,
    pub group: u32,
    /// A file that was replaced by an equal one has another.
    pub inode: u64,
    /// Seconds and nanoseconds.
    pub modified: (i64, i64),
    /// Content of a file, target of a link, nothing for a directory.
    pub bytes: Vec<u8>,
}

impl Entry {
    /// The permissions alone.
    pub fn permissions(&self) -> u32 {
        self.mode & 0o7777
    }

    pub fn is_directory(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }
}

/// Everything at and below `root` by its path relative to it; empty if there is nothing.
pub fn listing(root: &Path) -> BTreeMap<String, Entry> {
    if fs::symlink_metadata(root).is_err() {
        return BTreeMap::new();
    }
    let entries = WalkDir::new(root).into_iter().map(Result::unwrap);
    entries
        .map(|entry| {
            let (path, about) = (entry.path(), entry.path().symlink_metadata().unwrap());
            let bytes = match entry.file_type() {
                kind if kind.is_file() => fs::read(path).unwrap(),
                kind if kind.is_symlink() => {
                    fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
                }
                _ => Vec::new(),
            };
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let entry = Entry {
                mode: about.mode(),
                group: about.gid(),
                inode: about.ino(),
                modified: (about.mtime(), about.mtime_nsec()),
                bytes,
            };
            (name, entry)
        })
        .collect()
}

/// The bytes of every file below `root`.
pub fn contents(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = listing(root).into_iter().filter(|(_, entry)| !entry.is_directory());
    entries.map(|(name, entry)| (name, entry.bytes)).collect()
}

/// Panics with the names of what differs.
#[track_caller]
pub fn assert_same<T: PartialEq>(before: &BTreeMap<String, T>, after: &BTreeMap<String, T>) {
    let gone: Vec<_> = before.keys().filter(|name| !after.contains_key(*name)).collect();
    let new: Vec<_> = after.keys().filter(|name| !before.contains_key(*name)).collect();
    let changed: Vec<_> =
        before.iter().filter(|(name, old)| after.get(*name).is_some_and(|new| new != *old)).collect();
    let changed: Vec<_> = changed.into_iter().map(|(name, _)| name).collect();
    assert!(
        gone.is_empty() && new.is_empty() && changed.is_empty(),
        "gone: {gone:?}\nnew: {new:?}\nchanged: {changed:?}"
    );
}

/// Says that a test was not done, where it is seen although the test passes.
pub fn skip(test: &str, why: &str) {
    // Not by a macro: what those print is kept back for tests that pass.
    std::io::stderr().write_all(format!("SKIPPED {test}: {why}\n").as_bytes()).unwrap();
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
