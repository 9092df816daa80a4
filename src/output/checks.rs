//! Everything that can refuse a commit, looked at before its first change: links and files where
//! directories are needed, files that provc did not write, and the guard against mass removal.
//!
//! Reads out/, changes nothing; all mistakes are gathered.

use std::collections::BTreeSet;
use std::io;

use rustix::fs::{self, Access, AtFlags, FileType, Stat};
use rustix::io::Errno;

use super::errors::system;
use super::path::{OutPath, ancestors, split};
use super::plan::{Plan, of};
use super::record::Record;
use super::staging::Standing;
use super::state::Transaction;
use super::tree::{Tree, gone_is_none, names};
use super::{codes, content};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// How many mistakes of one kind are told one by one.
const TOLD: usize = 20;
/// Fewer removals than this are nobody's accident.
const GUARD_LEAST: usize = 20;
/// At most one owned file of so many may go without being asked for.
const GUARD_PART: usize = 10;

/// What the look at out/ brought.
#[derive(Default)]
pub(super) struct Checked<'a> {
    /// Directories to make, parents first.
    pub(super) missing: Vec<&'a str>,
    /// Directories of ours whose mode or group is wrong.
    pub(super) loose: Vec<&'a str>,
    /// Files to remove, and whether they must go before anything is placed.
    pub(super) remove: Vec<(Record<'a>, bool)>,
    /// Files that provc did not write and that are its own from now on.
    pub(super) adopted: Vec<&'a OutPath>,
}

/// Runs all checks; mistakes and warnings go to `problems`.
pub(super) fn check<'a>(
    transaction: &'a Transaction,
    plan: &'a Plan<'a>,
    problems: &mut Diagnostics,
) -> Checked<'a> {
    let mut checks = Checks {
        transaction,
        plan,
        tree: transaction.tree.as_ref(),
        problems,
        blocked: BTreeSet::new(),
        result: Checked::default(),
    };
    checks.stale();
    checks.directories();
    checks.files();
    checks.permissions();
    checks.guard();
    checks.result
}

struct Checks<'a, 'p> {
    transaction: &'a Transaction,
    plan: &'a Plan<'a>,
    tree: Option<&'a Tree>,
    problems: &'p mut Diagnostics,
    /// Directories that cannot be used; nothing more is said of what is below them.
    blocked: BTreeSet<&'a str>,
    result: Checked<'a>,
}

impl<'a> Checks<'a, '_> {
    /// Which stale files are still as they were written. One that a person edited since is left to them.
    fn stale(&mut self) {
        for record in self.plan.stale.iter().copied() {
            let Some(tree) = self.tree else { continue };
            match standing(tree, record) {
                Ok(Found::Gone) => {}
                Ok(Found::Intact) => {
                    let way = self.plan.directories.contains_key(record.path)
                        || ancestors(record.path).any(|above| self.plan.file(above).is_some());
                    self.result.remove.push((record, way));
                }
                Ok(Found::Edited) => self.problems.push(edited(record)),
                Err(e) => self.cannot_read(&e, record.path),
            }
        }
    }

    /// Each directory is looked at after the one above it, so that no look goes through a link.
    fn directories(&mut self) {
        let mut absent: Option<&str> = None;
        for (directory, need) in &self.plan.directories {
            let parent_absent = absent.is_some_and(|above| ancestors(directory).any(|a| a == above));
            let standing = match self.tree {
                Some(tree) if !parent_absent => tree.look(directory),
                _ => Ok(None),
            };
            let standing = match standing {
                Ok(standing) => standing,
                Err(e) => {
                    self.cannot_read(&e, directory);
                    continue;
                }
            };
            let Some(stat) = standing else {
                if !need.exist {
                    continue;
                }
                if !parent_absent {
                    absent = Some(directory);
                }
                self.result.missing.push(directory);
                continue;
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => {
                    let made = self.transaction.manifest.made(directory);
                    if made && !self.access_is_right(&stat, need.sensitive) {
                        self.result.loose.push(directory);
                    }
                }
                _ if !need.exist => {}
                kind => {
                    absent = Some(directory);
                    if self.result.remove.iter().any(|(record, _)| record.path == directory) {
                        self.result.missing.push(directory);
                    } else {
                        self.blocked.insert(directory);
                        // A file of ours that stays was told of when the plan was made.
                        if !self.stays(directory) {
                            self.problems.push(blocked(directory, kind));
                        }
                    }
                }
            }
        }
    }

    /// Whether an earlier build wrote a file there that is not to go.
    fn stays(&self, path: &str) -> bool {
        self.transaction.manifest.find(path).is_some() && !self.is_stale(path)
    }

    fn is_stale(&self, path: &str) -> bool {
        self.plan.stale.binary_search_by(|record| record.path.cmp(path)).is_ok()
    }

    fn access_is_right(&self, stat: &Stat, sensitive: bool) -> bool {
        stat.st_mode & 0o777 == directory_mode(sensitive)
            && self.transaction.group.is_none_or(|group| group == stat.st_gid)
    }

    /// What stands under planned paths.
    fn files(&mut self) {
        let mut foreign = Vec::new();
        for file in &self.plan.files {
            let path = file.path.as_str();
            if !self.blocked.is_empty() && ancestors(path).any(|above| self.blocked.contains(above)) {
                continue;
            }
            let ours = || self.transaction.manifest.find(path).is_some();
            match file.standing {
                Standing::Nothing => {}
                // Told of when the plan was made.
                Standing::Directory if self.plan.directories.contains_key(path) => {}
                Standing::Directory if self.holds_only_what_goes(path) => {}
                Standing::Directory => self.problems.push(
                    of(
                        &file.owner,
                        Diagnostic::error(
                            codes::DIRECTORY_IN_THE_WAY,
                            format!("`{path}` is planned for {}, but a directory stands there", file.owner),
                        ),
                    )
                    .help("move the directory away"),
                ),
                _ if ours() => {}
                Standing::Same { .. } => self.result.adopted.push(&file.path),
                Standing::Different | Standing::Other if self.transaction.options.adopt => {
                    self.result.adopted.push(&file.path);
                }
                Standing::Different | Standing::Other => foreign.push(file),
            }
        }
        for file in foreign.iter().take(TOLD) {
            let message = format!(
                "`{}` is planned for {}, but a different file that provc did not write stands there",
                file.path, file.owner
            );
            self.problems.push(of(&file.owner, Diagnostic::error(codes::FOREIGN_FILE, message)).help(ADOPT));
        }
        if let Some(more) = foreign.len().checked_sub(TOLD).filter(|more| *more > 0) {
            let message = format!("{more} more planned paths hold different files that provc did not write");
            self.problems.push(Diagnostic::error(codes::FOREIGN_FILE, message).help(ADOPT));
        }
    }

    /// Whether a directory where a file is planned is ours and will be empty once the stale files are gone.
    fn holds_only_what_goes(&self, path: &str) -> bool {
        let Some(tree) = self.tree else { return false };
        let going: BTreeSet<&str> = self.result.remove.iter().map(|(record, _)| record.path).collect();
        let mut waiting = vec![path.to_owned()];
        while let Some(directory) = waiting.pop() {
            let entries = tree.directory(&directory).and_then(names);
            let Some(entries) = entries.ok().filter(|_| self.transaction.manifest.made(&directory)) else {
                return false;
            };
            for (name, kind) in entries {
                let Ok(name) = name else { return false };
                let inside = format!("{directory}/{name}");
                if kind == FileType::Directory {
                    waiting.push(inside);
                } else if !going.contains(inside.as_str()) {
                    return false;
                }
            }
        }
        true
    }

    /// Whether every directory that stands and is to change may be written: an error in the second of two
    /// directories would come when the first is done.
    fn permissions(&mut self) {
        let Some(tree) = self.tree.filter(|_| !self.transaction.options.dry_run) else { return };
        let files =
            self.plan.files.iter().filter(|file| file.standing_differs()).map(|file| file.path.parent());
        let removed = self.result.remove.iter().map(|(record, _)| split(record.path).0);
        let made = self.result.missing.iter().map(|directory| split(directory).0);
        let missing: BTreeSet<&str> = self.result.missing.iter().copied().collect();
        let change: BTreeSet<&str> = files.chain(removed).chain(made).collect();
        for directory in change.difference(&missing).filter(|directory| !self.blocked.contains(*directory)) {
            // Loose ones get their mode back before anything is placed in them.
            if self.result.loose.contains(directory) {
                continue;
            }
            let Ok(open) = tree.directory(directory) else { continue };
            let access = Access::WRITE_OK | Access::EXEC_OK;
            if let Err(e @ (Errno::ACCESS | Errno::PERM | Errno::ROFS)) =
                fs::accessat(&open, ".", access, AtFlags::EACCESS)
            {
                self.problems.push(*system(&e.into(), "write in", &tree.shown(directory)));
            }
        }
    }

    /// A wrong --inventory or a deleted directory should not empty out/.
    fn guard(&mut self) {
        let (going, owned) = (self.result.remove.len(), self.plan.owned);
        let many = going >= GUARD_LEAST && going.saturating_mul(GUARD_PART) > owned;
        let no_device = !self.plan.files.iter().any(|file| file.owner.as_ref().is_device())
            && self.plan.stale.iter().any(|record| record.owner.is_device())
            && !self.device_stays();
        if self.transaction.options.allow_removals || !(many || no_device) {
            return;
        }
        let without = if no_device { "has no device at all and " } else { "" };
        let message =
            format!("this build {without}would remove {going} of the {owned} files that provc wrote");
        let mut diagnostic = Diagnostic::error(codes::MASS_REMOVAL, message);
        for (record, _) in self.result.remove.iter().take(5) {
            diagnostic = diagnostic.note(format!("`{}` of {}", record.path, record.owner.to_owner()));
        }
        if going > 5 {
            diagnostic = diagnostic.note(format!("and {} more", going - 5));
        }
        self.problems.push(diagnostic.help("if they are meant to go, build with --allow-removals"));
    }

    /// Whether any device's file stays without being planned.
    fn device_stays(&self) -> bool {
        let is_device = |record: &Record<'_>| record.owner.is_device();
        if !self.plan.partial {
            return self.plan.kept.iter().any(is_device);
        }
        self.transaction.manifest.iter().any(|record| is_device(&record) && !self.is_stale(record.path))
    }

    fn cannot_read(&mut self, error: &io::Error, path: &str) {
        let shown = self.tree.map_or_else(|| path.into(), |tree| tree.shown(path));
        self.problems.push(*system(error, "look at", &shown));
    }
}

/// What became of a file that an earlier build wrote.
#[derive(PartialEq, Eq)]
pub(super) enum Found {
    Gone,
    Intact,
    Edited,
}

/// Looks for the very bytes of a record.
pub(super) fn standing(tree: &Tree, record: Record<'_>) -> io::Result<Found> {
    let mut file = match tree.file(record.path) {
        Err(e) if Errno::from_io_error(&e) == Some(Errno::LOOP) => return Ok(Found::Edited),
        other => match gone_is_none(other)? {
            None => return Ok(Found::Gone),
            Some(file) => file,
        },
    };
    let found = file.metadata()?;
    if found.is_dir() {
        return Ok(Found::Gone);
    }
    let same = found.is_file() && found.len() == record.size && content::digest(&mut file)? == record.digest;
    Ok(if same { Found::Intact } else { Found::Edited })
}

const ADOPT: &str =
    "move it away, or build with --adopt to overwrite planned paths (nothing else is removed)";

/// The mode of a directory in out/.
pub(super) fn directory_mode(sensitive: bool) -> u32 {
    if sensitive { 0o750 } else { 0o755 }
}

fn edited(record: Record<'_>) -> Diagnostic {
    let owner = record.owner.to_owner();
    let message = format!(
        "`{}` of {owner} is no longer planned, but it was changed since provc wrote it; it is left there",
        record.path
    );
    of(&owner, Diagnostic::warning(codes::EDITED_FILE, message))
        .help("remove it by hand if nobody needs it; provc no longer counts it as its own")
}

fn blocked(directory: &str, kind: FileType) -> Diagnostic {
    if kind == FileType::Symlink {
        let message =
            format!("the directory `{directory}` is planned below out/, but a symbolic link stands there");
        return Diagnostic::error(codes::SYMLINK, message)
            .help("remove the link; provc follows none below out/ (mount the other directory there if it must be elsewhere)");
    }
    let message = format!(
        "the directory `{directory}` is planned below out/, but a file that is not provc's stands there"
    );
    Diagnostic::error(codes::FILE_AND_DIRECTORY, message).help("move the file away")
}
