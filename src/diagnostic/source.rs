//! Files and places in them.
//!
//! A [`Span`] is four numbers and `Copy`, so that every value of an inventory of a million devices can
//! keep the place it came from. It holds line and column themselves, not an offset: they can be told
//! without the text, which is only needed to draw the line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file of a [`SourceMap`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId(pub u32);

/// A run of characters on one line of one file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// Length in characters on that line; 0 marks a point.
    pub len: u32,
}

/// The files read, in an order that does not depend on the machine.
#[derive(Default, Clone, Debug)]
pub struct SourceMap {
    files: Vec<Source>,
    by_path: BTreeMap<PathBuf, FileId>,
}

#[derive(Clone, Debug)]
struct Source {
    path: PathBuf,
    text: Option<Arc<str>>,
}

impl SourceMap {
    /// Adds a file whose text is not known yet. `path` is printed as it stands. A file that is there already
    /// keeps its place and loses its text: one process may read it many times.
    pub fn reserve(&mut self, path: impl Into<PathBuf>) -> FileId {
        let path = path.into();
        if let Some(id) = self.by_path.get(&path).copied() {
            if let Some(file) = self.files.get_mut(id.0 as usize) {
                file.text = None;
            }
            return id;
        }
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.by_path.insert(path.clone(), id);
        self.files.push(Source { path, text: None });
        id
    }

    /// Adds a file with its text.
    pub fn add(&mut self, path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> FileId {
        let id = self.reserve(path);
        self.set_text(id, text);
        id
    }

    /// Gives a reserved file its text.
    pub fn set_text(&mut self, id: FileId, text: impl Into<Arc<str>>) {
        if let Some(file) = self.files.get_mut(id.0 as usize) {
            file.text = Some(text.into());
        }
    }

    /// The path under which a file was read.
    pub fn path(&self, id: FileId) -> &Path {
        self.files.get(id.0 as usize).map_or(Path::new("?"), |file| &file.path)
    }

    /// The text of a file, if it was read.
    pub fn text(&self, id: FileId) -> Option<&str> {
        self.files.get(id.0 as usize)?.text.as_deref()
    }
}
