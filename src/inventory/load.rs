//! Finding the files of an inventory, reading them in parallel and joining their sections.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use walkdir::WalkDir;

use super::codes;
use super::file::{self, DeviceId, Entry, File, Named};
use super::value::{Item, Map};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, SourceMap, Span};
use crate::yaml;

/// What a person calls a key of `site`, which cannot be renamed.
const SITE_KEY: &str = "site key";

/// An inventory as written: all its files joined, nothing merged yet.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// `site`.
    pub site: Arc<Map>,
    /// Profiles by name.
    pub profiles: BTreeMap<Arc<str>, Named<Arc<Map>>>,
    /// Lines by name.
    pub lines: BTreeMap<Arc<str>, Named<Arc<Map>>>,
    /// Key layouts by name.
    pub layouts: BTreeMap<Arc<str>, Named<Item>>,
    /// Contact lists by name.
    pub contacts: BTreeMap<Arc<str>, Named<Arc<Vec<Item>>>>,
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
    let mut files = BTreeMap::new();
    let mut incomplete = false;
    let mut seen = BTreeSet::new();
    for root in directories {
        let walk = WalkDir::new(root).follow_links(true).into_iter();
        let visible = |entry: &walkdir::DirEntry| {
            entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
        };
        for entry in walk.filter_entry(visible) {
            match entry {
                Ok(entry) => {
                    let path = entry.path();
                    let yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
                    if yaml && entry.file_type().is_file() && first_sight(path, directories, &mut seen) {
                        files.insert(path.to_path_buf(), root.clone());
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
    let files = files.into_iter().map(|(path, root)| Found { path, root }).collect();
    Files { files, incomplete }
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

/// Joins the sections of all files; the same entry in two places is an error that shows both.
pub fn join(files: Vec<File>, out: &mut Diagnostics) -> Inventory {
    let mut inventory = Inventory::default();
    let mut site = BTreeMap::new();
    for file in files {
        inventory.incomplete |= file.incomplete;
        inventory.unread.extend(file.unread);
        add(&mut site, file.site, SITE_KEY, out);
        add(&mut inventory.profiles, file.profiles, "profile", out);
        add(&mut inventory.lines, file.lines, "line", out);
        add(&mut inventory.layouts, file.layouts, "key layout", out);
        add(&mut inventory.contacts, file.contacts, "contact list", out);
        inventory.devices.extend(file.devices);
    }
    let site = site.into_values().map(|named| (named.name.to_string().into(), named.value));
    inventory.site = Arc::new(Map::from_entries(site.collect()));
    distinct_devices(&mut inventory.devices, out);
    inventory
}

fn add<T>(all: &mut BTreeMap<Arc<str>, Named<T>>, some: Vec<Named<T>>, what: &str, out: &mut Diagnostics) {
    for named in some {
        match all.get_mut(&named.name) {
            Some(first) => {
                // Which of the two was meant is not known: nothing that uses either can be built.
                first.broken = true;
                let found = twice(codes::DEFINED_TWICE, what, &named.name, named.span, first.span);
                out.push(found.help(match what {
                    SITE_KEY => "take one of them out",
                    _ => "rename one of them, or take it out",
                }));
            }
            None => {
                all.insert(Arc::clone(&named.name), named);
            }
        }
    }
}

fn twice(code: Code, what: &str, name: &str, at: Span, first: Span) -> Diagnostic {
    Diagnostic::error(code, format!("{what} `{name}` is defined twice"))
        .at(at)
        .related("first defined here", first)
}

fn distinct_devices(devices: &mut [Entry], out: &mut Diagnostics) {
    // A stable sort: of two equal ones the one that comes first by file is the first.
    devices.sort_by(|a, b| a.id.cmp(&b.id));
    let mut names: BTreeMap<Arc<str>, Span> = BTreeMap::new();
    for i in 0..devices.len() {
        let (before, rest) = devices.split_at_mut(i);
        let Some(device) = rest.first_mut() else { continue };
        let same = before.iter_mut().rev().take_while(|other| other.id == device.id).last();
        if let Some(first) = same {
            first.broken = true;
            device.broken = true;
            let id = device.id.to_string();
            let found = twice(codes::DEVICE_TWICE, "device", &id, device.span, first.span);
            out.push(found.device(id).help("take one of them out"));
        } else if let DeviceId::Id(id) = &device.id {
            names.insert(Arc::clone(id), device.span);
        }
    }
    // Names are compared in the order of the files, so that "first" is what a reader would call first.
    let mut named: Vec<(Span, &mut Entry)> =
        devices.iter_mut().filter_map(|device| Some((device.layer.get("name")?.span, device))).collect();
    named.sort_by_key(|(span, _)| *span);
    for (span, device) in named {
        let Some(name) = device.layer.text("name").cloned() else { continue };
        match names.get(&name) {
            Some(first) => {
                device.broken = true;
                let found =
                    Diagnostic::error(codes::NAME_TWICE, format!("two devices are called `{name}`")).at(span);
                let found = found.related("the first is here", *first);
                out.push(found.device(device.id.to_string()).help("rename one of them"));
            }
            None => {
                names.insert(name, span);
            }
        }
    }
}
