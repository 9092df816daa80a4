//! Where plugins are read from: a directory, or the files that the binary carries. Loading is the same
//! for both.
//!
//! What is read is bounded, only plain files are opened (a pipe would wait for ever), and a symbolic link
//! counts only where it stays inside the directory: a plugin is data from elsewhere and must not bring in
//! files of the machine.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::codes::{SYMLINK, TOO_LARGE, UNREADABLE};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// Names with contents, sorted by name; parts of names are joined by `/`.
pub type EmbeddedFiles = &'static [(&'static str, &'static [u8])];

/// The largest manifest, template or other file that is read whole, in bytes.
pub const MAX_SIZE: u64 = 1024 * 1024;
/// How deep directories below a plugin may nest.
const MAX_DEPTH: usize = 16;

/// A tree of plugins or overrides.
#[derive(Clone, Debug)]
pub enum Source {
    /// Files carried inside the binary.
    Embedded(EmbeddedFiles),
    /// A directory.
    Directory(PathBuf),
}

/// Something in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it is a directory.
    pub directory: bool,
}

/// The content of a file that is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Carried inside the binary.
    Embedded(&'static [u8]),
    /// At a path.
    File(PathBuf),
}

impl Source {
    /// How a path in this tree is shown to people; `""` is the tree itself.
    pub fn shown(&self, path: &str) -> PathBuf {
        let root = match self {
            Self::Embedded(_) => Path::new("<built-in>"),
            Self::Directory(root) => root,
        };
        if path.is_empty() { root.to_owned() } else { root.join(path) }
    }

    /// What a directory holds, sorted by name, hidden files left out. A directory that does not exist
    /// holds nothing.
    pub fn list(&self, directory: &str, out: &mut Diagnostics) -> Vec<Entry> {
        match self {
            Self::Embedded(files) => list_embedded(files, directory),
            Self::Directory(root) => {
                let path = self.shown(directory);
                match list_directory(root, &path, out) {
                    Ok(entries) => entries,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
                    Err(error) => {
                        out.push(unreadable(&path, &error));
                        Vec::new()
                    }
                }
            }
        }
    }

    /// All files below a directory, sorted by their paths relative to it.
    pub fn files(&self, directory: &str, out: &mut Diagnostics) -> Vec<String> {
        let mut files = Vec::new();
        self.walk(directory, "", 0, &mut files, out);
        files.sort();
        files
    }

    fn walk(&self, root: &str, below: &str, depth: usize, files: &mut Vec<String>, out: &mut Diagnostics) {
        let directory = if below.is_empty() { root.to_owned() } else { format!("{root}/{below}") };
        if depth > MAX_DEPTH {
            let shown = self.shown(&directory);
            let message = format!("directories nest deeper than {MAX_DEPTH}: {}", shown.display());
            out.push(Diagnostic::error(TOO_LARGE, message));
            return;
        }
        for entry in self.list(&directory, out) {
            let path = if below.is_empty() { entry.name } else { format!("{below}/{}", entry.name) };
            if entry.directory {
                self.walk(root, &path, depth + 1, files, out);
            } else {
                files.push(path);
            }
        }
    }

    /// The bytes of a file of at most [`MAX_SIZE`]; `None` where there is none (or it was reported).
    pub fn read(&self, path: &str, out: &mut Diagnostics) -> Option<Cow<'static, [u8]>> {
        let shown = self.shown(path);
        let read = match self {
            Self::Embedded(files) => Ok(find(files, path).map(Cow::Borrowed)),
            Self::Directory(root) => read_file(root, &shown, out).map(|bytes| bytes.map(Cow::Owned)),
        };
        match read {
            Ok(Some(bytes)) if bytes.len() as u64 > MAX_SIZE => {
                let message = format!("{} is larger than {MAX_SIZE} bytes", shown.display());
                out.push(Diagnostic::error(TOO_LARGE, message));
                None
            }
            Ok(bytes) => bytes,
            Err(error) => {
                out.push(unreadable(&shown, &error));
                None
            }
        }
    }

    /// A file that is passed on without being read.
    pub fn content(&self, path: &str) -> Option<Content> {
        match self {
            Self::Embedded(files) => find(files, path).map(Content::Embedded),
            Self::Directory(_) => Some(Content::File(self.shown(path))),
        }
    }
}

fn find(files: EmbeddedFiles, path: &str) -> Option<&'static [u8]> {
    let at = files.binary_search_by(|(name, _)| (*name).cmp(path)).ok()?;
    files.get(at).map(|(_, bytes)| *bytes)
}

fn list_embedded(files: EmbeddedFiles, directory: &str) -> Vec<Entry> {
    let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
    let start = files.partition_point(|(name, _)| *name < prefix.as_str());
    let below = files.iter().skip(start).map_while(|(name, _)| name.strip_prefix(&prefix));
    let mut entries: Vec<Entry> = below
        .map(|rest| match rest.split_once('/') {
            Some((name, _)) => Entry { name: name.to_owned(), directory: true },
            None => Entry { name: rest.to_owned(), directory: false },
        })
        .collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries.dedup();
    entries
}

fn list_directory(root: &Path, path: &Path, out: &mut Diagnostics) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        match entry.file_name().into_string() {
            Ok(name) if name.starts_with('.') || name.ends_with('~') => {}
            Ok(name) => found.push((name, entry.file_type()?)),
            Err(_) => {
                let message = format!("a name in {} is not UTF-8", path.display());
                out.push(Diagnostic::error(UNREADABLE, message));
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    let entries = found.into_iter().filter_map(|(name, kind)| {
        let plain = kind.is_dir() || kind.is_file();
        let linked = kind.is_symlink() && stays_inside(root, &path.join(&name), out);
        (plain || linked).then(|| Entry { name, directory: kind.is_dir() })
    });
    Ok(entries.collect())
}

/// Whether a symbolic link leads to a file inside the root; reports it otherwise. Links to directories are
/// refused altogether: they can lead round in circles.
fn stays_inside(root: &Path, link: &Path, out: &mut Diagnostics) -> bool {
    let target = fs::canonicalize(link).and_then(|target| Ok((fs::canonicalize(root)?, target)));
    let reason = match target {
        Err(_) => "leads nowhere",
        Ok((root, target)) if !target.starts_with(&root) => "leads out of the directory",
        Ok((_, target)) if target.is_dir() => "leads to a directory",
        Ok(_) => return true,
    };
    let message = format!("the symbolic link {} {reason}", link.display());
    out.push(Diagnostic::error(SYMLINK, message).help("put a copy in its place"));
    false
}

fn read_file(root: &Path, path: &Path, out: &mut Diagnostics) -> io::Result<Option<Vec<u8>>> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if kind.is_symlink() && !stays_inside(root, path, out) {
        return Ok(None);
    }
    if !kind.is_symlink() && !kind.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error(UNREADABLE, format!("cannot read {}: {error}", path.display()))
}
