//! Finding the files of an inventory and reading them in parallel.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use walkdir::WalkDir;

use super::codes;
use super::file::{self, Entry, File};
use super::join::join;
use super::pack::Packed;
use super::table::Table;
use super::value::{Item, Map};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, SourceMap};
use crate::yaml;

/// An inventory as written: all its files joined, nothing merged yet.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// `site`.
    pub site: Arc<Map>,
    /// Profiles by name.
    pub profiles: Table<Arc<Map>>,
    /// Lines by name.
    pub lines: Table<Packed>,
    /// Key layouts by name.
    pub layouts: Table<Item>,
    /// Contact lists by name.
    pub contacts: Table<Arc<Vec<Item>>>,
    /// Devices, sorted by MAC or id.
    pub devices: Vec<Entry>,
    /// Whether devices may be missing because a file could not be read whole.
    pub incomplete: bool,
    /// The sections that could not be read, or not whole: anything may have been defined there.
    pub unread: BTreeSet<&'static str>,
}

impl Inventory {
    /// Takes note of what could not even be found.
    pub fn cannot_see_all(&mut self, found: &Files) {
        if found.incomplete {
            self.incomplete = true;
            self.unread = file::all_sections();
        }
    }

    /// Whether what every device starts from may stand in something that could not be read: without it no
    /// device is what its owner meant.
    pub fn lacks_foundation(&self) -> bool {
        self.unread.contains("profiles") && !self.profiles.contains_key("base")
            || self.unread.contains("site") && self.site.is_empty()
    }

    /// Leaves out what need not be a mistake: that something is not defined, where a file that may define
    /// it could not be read.
    #[must_use]
    pub fn without_consequences(&self, diagnostics: Diagnostics) -> Diagnostics {
        const CONSEQUENCES: [(Code, &str); 6] = [
            (codes::UNKNOWN_PROFILE, "profiles"),
            (codes::UNKNOWN_LINE, "lines"),
            (codes::UNKNOWN_LAYOUT, "function_keys"),
            (codes::UNKNOWN_CONTACTS, "contacts"),
            (codes::NO_MODEL, "profiles"),
            (codes::NO_MATCH, "lines"),
        ];
        let follows = |code| {
            CONSEQUENCES.iter().any(|(other, section)| *other == code && self.unread.contains(section))
        };
        diagnostics.retain(|found| !follows(found.code))
    }
}

/// Loads every `*.yaml` and `*.yml` below the directories, at any depth. Names that start with a dot are
/// passed over, as editors and git keep their own files there.
pub fn load(directories: &[PathBuf], sources: &mut SourceMap, out: &mut Diagnostics) -> Inventory {
    let found = find(directories, out);
    let files: Vec<(FileId, &Found)> =
        found.files.iter().map(|file| (sources.reserve(&file.path), file)).collect();
    let mut read = Vec::with_capacity(files.len());
    // One file at a time on each thread.
    for file in files.par_iter().map(|&(id, file)| read_found(id, file)).collect::<Vec<_>>() {
        if let Some(text) = file.text {
            sources.set_text(file.id, text);
        }
        out.append(file.problems);
        read.push(file.file);
    }
    let mut inventory = join(read, out);
    inventory.cannot_see_all(&found);
    inventory
}

/// A file of an inventory that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// The inventory directory that it was found in, which its certificates are relative to.
    pub root: PathBuf,
}

/// The files of an inventory.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// They, sorted by path.
    pub files: Vec<Found>,
    /// Whether there may be more, because something could not be read.
    pub incomplete: bool,
}

/// What became of one file.
pub struct ReadFile {
    /// The file.
    pub id: FileId,
    /// Its text, unless it could not be read.
    pub text: Option<Arc<str>>,
    /// What it holds.
    pub file: File,
    /// Its mistakes.
    pub problems: Diagnostics,
}

/// Reads one file.
pub fn read_found(id: FileId, Found { path, root }: &Found) -> ReadFile {
    let mut problems = Diagnostics::default();
    let text = read_text(id, path, &mut problems);
    let file = match &text {
        Some(text) => file::read(id, path, root, text, &mut problems),
        None => File { incomplete: true, unread: file::all_sections(), ..File::default() },
    };
    ReadFile { id, text, file, problems }
}

fn read_text(id: FileId, path: &Path, out: &mut Diagnostics) -> Option<Arc<str>> {
    let text = match std::fs::read(path) {
        Ok(bytes) => yaml::decode_utf8(id, bytes),
        Err(error) => Err(unreadable(path, &error)),
    };
    text.map(Arc::from).map_err(|problem| out.push(problem)).ok()
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    let message = format!("cannot read {}: {error}", path.display());
    Diagnostic::error(codes::NO_INVENTORY, message).help("check that it exists and may be read")
}

/// The files of an inventory; one that two directories reach, once.
pub fn find(directories: &[PathBuf], out: &mut Diagnostics) -> Files {
    let mut files: Vec<Found> = Vec::new();
    let mut incomplete = false;
    let mut seen = BTreeSet::new();
    for root in directories {
        // Sorted name by name: comparing whole paths takes longer than finding them.
        let walk = WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter();
        let visible = |entry: &walkdir::DirEntry| entry.depth() == 0 || !is_hidden(entry.path());
        for entry in walk.filter_entry(visible) {
            match entry {
                // Such as the lock of an editor: a link that leads nowhere.
                Err(error) if error.depth() > 0 && error.path().is_some_and(is_hidden) => {}
                Ok(entry) => {
                    let path = entry.path();
                    let yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
                    if yaml && entry.file_type().is_file() && first_sight(path, directories, &mut seen) {
                        files.push(Found { path: path.to_path_buf(), root: root.clone() });
                    }
                }
                Err(error) => {
                    incomplete = true;
                    let path = error.path().unwrap_or(root).to_path_buf();
                    out.push(match error.io_error() {
                        Some(io) if entry_is_root(&error, io) => {
                            let message = format!("there is no inventory directory `{}`", root.display());
                            Diagnostic::error(codes::NO_INVENTORY, message).help(START)
                        }
                        Some(io) => unreadable(&path, io),
                        None => Diagnostic::error(
                            codes::NO_INVENTORY,
                            format!("{} leads back to a directory above it", path.display()),
                        )
                        .help("take the symbolic link away"),
                    });
                }
            }
        }
    }
    if files.is_empty() && !incomplete {
        incomplete = true;
        let shown: Vec<String> = directories.iter().map(|path| path.display().to_string()).collect();
        let message = format!("there is no `*.yaml` or `*.yml` file in {}", shown.join(", "));
        out.push(Diagnostic::error(codes::NO_INVENTORY, message).help(START));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files.dedup_by(|a, b| a.path == b.path);
    Files { files, incomplete }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// The way out of having no inventory.
const START: &str =
    "`provc init` makes a small one to start from; --inventory DIR names one that lies elsewhere";

fn entry_is_root(error: &walkdir::Error, io: &std::io::Error) -> bool {
    error.depth() == 0 && io.kind() == std::io::ErrorKind::NotFound
}

fn first_sight(path: &Path, directories: &[PathBuf], seen: &mut BTreeSet<PathBuf>) -> bool {
    // Only several directories can overlap; one alone needs no look at the disk.
    directories.len() < 2 || path.canonicalize().is_ok_and(|path| seen.insert(path))
}
