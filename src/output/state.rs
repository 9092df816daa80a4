//! The state directory, and the transaction from its begin to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType};

use super::checks::{Found, standing};
use super::commit::{Report, commit};
use super::errors::{Fault, system};
use super::lock::Lock;
use super::staging::{self, Staged, Staging};
use super::table::{Kind, Record, Table};
use super::tree::{Tree, gone_is_none, names};
use super::{Artifact, Failed, Options, accounts, codes};
use crate::diagnostic::{Diagnostic, Diagnostics};

const LOCK: &str = "lock";

/// One build's work on out/, under the lock. Dropped without a commit, it leaves out/ as it was.
pub struct Transaction {
    pub(super) options: Options,
    pub(super) state: PathBuf,
    /// Nothing only in a dry run where out/ does not exist.
    pub(super) tree: Option<Tree>,
    /// Nothing only in a dry run.
    pub(super) staging: Option<Staging>,
    pub(super) manifest: Table,
    /// Whether the manifest may be believed: without it nothing is removed.
    pub(super) trusted: bool,
    pub(super) group: Option<u32>,
    pub(super) warnings: Diagnostics,
    pub(super) made_root: bool,
    pub(super) done: bool,
    _lock: Option<Lock>,
}

impl Transaction {
    /// Takes the lock, reads what earlier builds left, and clears away what a build that did not end left.
    ///
    /// Errors: another build holds the lock for longer than `lock_wait`, a place that cannot be used, an
    /// unknown or refused group, an error of the system.
    pub fn begin(options: &Options) -> Result<Self, Fault> {
        let state = state_directory(options)?;
        let group = options.group.as_deref().map(accounts::group).transpose()?;
        check_out(&options.out)?;
        check_apart(&options.out, &state)?;
        if !options.dry_run {
            make_directory(&state, 0o700)?;
        }
        let lock_path = state.join(LOCK);
        let lock = if options.dry_run {
            Lock::shared(&lock_path, options.lock_wait)?
        } else {
            Some(Lock::exclusive(&lock_path, &options.command, options.lock_wait)?)
        };
        let made_root = !options.dry_run && !options.out.exists();
        if made_root {
            make_directory(&options.out, 0o755)?;
        }
        let mut transaction = Self {
            options: options.clone(),
            tree: open_tree(options)?,
            staging: None,
            manifest: Table::empty(),
            trusted: true,
            group,
            warnings: Diagnostics::default(),
            made_root,
            done: false,
            _lock: lock,
            state,
        };
        transaction.manifest = transaction.read(Kind::Manifest)?.unwrap_or_else(Table::empty);
        if let Some(journal) = transaction.read(Kind::Journal)? {
            transaction.recover(&journal)?;
        }
        if !options.dry_run {
            transaction.clear()?;
            transaction.staging = Some(Staging::open(&transaction.state, group)?);
        }
        Ok(transaction)
    }

    /// A transaction with no out/ at all: `commit` then only finds the mistakes that lie in the files
    /// themselves, two owners of one path or a file where another needs a directory.
    pub fn nowhere() -> Self {
        Self {
            options: Options { dry_run: true, ..Options::new("") },
            state: PathBuf::new(),
            tree: None,
            staging: None,
            manifest: Table::empty(),
            trusted: true,
            group: None,
            warnings: Diagnostics::default(),
            made_root: false,
            done: false,
            _lock: None,
        }
    }

    /// Compares one artifact with out/ and, if it differs, writes it aside. May be called from any number
    /// of threads; the order does not matter.
    ///
    /// Errors: a static file that cannot be read, an error of the system.
    pub fn stage(&self, artifact: &Artifact) -> Result<Staged, Fault> {
        match (&self.staging, &self.tree) {
            (Some(staging), Some(tree)) => staging.stage(tree, artifact),
            (_, tree) => staging::compare_only(tree.as_ref(), artifact, self.group),
        }
    }

    /// Makes everything that was staged the content of out/, and removes what earlier builds wrote and this
    /// one does not plan. All checks come before the first change.
    ///
    /// Errors: every collision, foreign file, link or directory in the way, the guard against mass removal,
    /// an error of the system; each says whether anything was changed.
    pub fn commit(mut self, staged: Vec<Staged>, failed: &Failed) -> Result<Report, Diagnostics> {
        let report = commit(&self, staged, failed)?;
        self.done = true;
        Ok(report)
    }

    /// Reads the manifest or the journal, if there is one; a damaged one is empty.
    fn read(&mut self, kind: Kind) -> Result<Option<Table>, Fault> {
        let path = self.state.join(kind.file());
        let bytes = gone_is_none(fs::read(&path)).map_err(|e| system(&e, "read", &path))?;
        Ok(bytes.map(|bytes| {
            Table::decode(kind, bytes).unwrap_or_else(|what| {
                self.trusted &= kind == Kind::Journal;
                self.warnings.push(damaged(kind, &path, what));
                Table::empty()
            })
        }))
    }

    /// After a build that did not end: what it planned counts as provc's from now on. Where the disk has
    /// neither the old bytes nor the new ones (the power went, and the build was not durable) it still does.
    fn recover(&mut self, journal: &Table) -> Result<(), Fault> {
        let mut records: BTreeMap<&str, Record<'_>> =
            self.manifest.iter().map(|record| (record.path, record)).collect();
        for record in journal.iter() {
            let Some(tree) = &self.tree else { break };
            let found = standing(tree, record).map_err(|e| system(&e, "read", &tree.shown(record.path)))?;
            match found {
                Found::Intact => drop(records.insert(record.path, record)),
                Found::Edited => drop(records.entry(record.path).or_insert(record)),
                Found::Gone => {}
            }
        }
        let directories: BTreeSet<&str> = self.manifest.directories().chain(journal.directories()).collect();
        let records: Vec<_> = records.into_values().collect();
        let directories: Vec<_> = directories.into_iter().collect();
        let bytes = Table::encode(Kind::Manifest, &records, &directories);
        if !self.options.dry_run {
            self.save(Kind::Manifest.file(), &bytes)?;
            let path = self.state.join(Kind::Journal.file());
            fs::remove_file(&path).map_err(|e| system(&e, "remove", &path))?;
        }
        // Made of two tables that were checked.
        self.manifest = Table::decode(Kind::Manifest, bytes).unwrap_or_else(|_| Table::empty());
        Ok(())
    }

    /// Removes the temporaries of this build or of one that did not end.
    fn clear(&self) -> Result<(), Fault> {
        let marker = self.state.join(staging::MARKER);
        if let Some(tree) = self.tree.as_ref().filter(|_| marker.exists()) {
            tree.sweep().map_err(|e| system(&e, "clean", &self.options.out))?;
            fs::remove_file(&marker).map_err(|e| system(&e, "remove", &marker))?;
        }
        let path = self.state.join(staging::DIRECTORY);
        clear_staging(&path).map_err(|e| system(&e, "clean", &path))
    }

    /// Replaces a file of the state directory in one step.
    pub(super) fn save(&self, name: &str, bytes: &[u8]) -> Result<(), Fault> {
        let path = self.state.join(name);
        self.write_aside(name, bytes)
            .and_then(|()| fs::rename(self.aside(name), &path))
            .map_err(|e| system(&e, "write", &path))
    }

    /// Takes the room that [`Self::save`] will need for at most these bytes, so that a full disk is met
    /// before out/ changes and not after.
    pub(super) fn reserve(&self, name: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.write_aside(name, bytes).map_err(|e| system(&e, "write", &self.state.join(name)))
    }

    /// Gives back what was reserved.
    pub(super) fn release(&self, name: &str) {
        let _ = fs::remove_file(self.aside(name));
    }

    fn aside(&self, name: &str) -> PathBuf {
        self.state.join(format!("{name}.new"))
    }

    /// Not truncated at first: room that was reserved stays taken.
    fn write_aside(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(self.aside(name))?;
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.options.dry_run {
            return;
        }
        // Nothing can be reported from here; what stays is cleared by the next build.
        let _ = self.clear();
        if self.made_root && !self.done {
            let _ = fs::remove_dir(&self.options.out);
        }
    }
}

/// Only what provc can have made: numbered files in numbered directories. `--state` may name any directory.
fn clear_staging(path: &Path) -> io::Result<()> {
    let Some(entries) = gone_is_none(fs::read_dir(path))? else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        if !entry.file_type()?.is_dir() || !is_number(&entry.file_name()) {
            continue;
        }
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
        let slot = rustix::fs::open(entry.path(), flags, rustix::fs::Mode::empty())?;
        for (name, kind) in names(&slot)? {
            if let (Ok(name), FileType::RegularFile) = (name, kind) {
                rustix::fs::unlinkat(&slot, name, AtFlags::empty())?;
            }
        }
        fs::remove_dir(entry.path())?;
    }
    Ok(())
}

fn is_number(name: &OsString) -> bool {
    name.to_str().is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()))
}

fn open_tree(options: &Options) -> Result<Option<Tree>, Fault> {
    let tree = Tree::open(&options.out);
    let tree = if options.dry_run { gone_is_none(tree) } else { tree.map(Some) };
    tree.map_err(|e| system(&e, "open", &options.out))
}

/// Where the state of `options.out` is kept.
pub(super) fn state_directory(options: &Options) -> Result<PathBuf, Fault> {
    if let Some(state) = &options.state {
        return Ok(state.clone());
    }
    let beside = |path: &Path| {
        let mut name = OsString::from(".");
        name.push(path.file_name()?);
        name.push(".provc");
        Some(path.with_file_name(name))
    };
    // `--out .` has no name of its own to put the state beside.
    beside(&options.out).or_else(|| beside(&options.out.canonicalize().ok()?)).ok_or_else(|| {
        bad_place(
            format!("`{}` cannot be used as out/", options.out.display()),
            "name a directory that has a name of its own",
        )
    })
}

fn check_out(out: &Path) -> Result<(), Fault> {
    match fs::metadata(out) {
        Ok(found) if !found.is_dir() => Err(bad_place(
            format!("`{}` is not a directory", out.display()),
            "move it away, or choose another --out",
        )),
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(out).is_ok() => Err(bad_place(
            format!("`{}` is a link to a directory that does not exist", out.display()),
            "create the directory that it points to",
        )),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(system(&e, "open", out)),
    }
}

/// The state directory holds what is not for phones: below out/ it would be served.
fn check_apart(out: &Path, state: &Path) -> Result<(), Fault> {
    let real = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    match (real(out), real(state)) {
        (Ok(out_real), Ok(state_real)) if state_real.starts_with(&out_real) => Err(bad_place(
            format!(
                "the state directory `{}` is inside of `{}`, which is served",
                state.display(),
                out.display()
            ),
            "choose a --state outside of --out",
        )),
        _ => Ok(()),
    }
}

fn bad_place(message: String, help: &str) -> Fault {
    Box::new(Diagnostic::error(codes::BAD_PLACE, message).help(help))
}

fn make_directory(path: &Path, mode: u32) -> Result<(), Fault> {
    if path.is_dir() {
        return Ok(());
    }
    let made = match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => DirBuilder::new().recursive(true).mode(0o755).create(parent),
        None => Ok(()),
    };
    let made = made.and_then(|()| DirBuilder::new().recursive(true).mode(mode).create(path));
    made.map_err(|e| system(&e, "create", path))
}

fn damaged(kind: Kind, path: &Path, what: &str) -> Diagnostic {
    let (so, help) = match kind {
        Kind::Manifest => (
            "every file is compared and none is removed",
            "a build that succeeds writes a new one; remove by hand what should no longer be in out/",
        ),
        Kind::Journal => (
            "what a build that did not end wrote may count as somebody else's",
            "if files are refused as not provc's, look at them and build with --adopt",
        ),
    };
    let message = format!("`{}` cannot be used: {what}; {so}", path.display());
    Diagnostic::warning(codes::DAMAGED_STATE, message).help(help)
}
