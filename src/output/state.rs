//! The state directory, and the transaction from its begin to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::{AtFlags, FileType};

use super::checks::{Found, standing};
use super::commit::{Report, commit};
use super::compare::compare_only;
use super::encode::Parts;
use super::errors::{Fault, system};
use super::fresh;
use super::layout::{Entry, Kind};
use super::lock::Lock;
use super::manifest::{Loaded, Manifest};
use super::memo::{Committed, ManifestCache, release};
use super::path::TEMP_PREFIX;
use super::record::{Record, Stamp};
use super::staging::{self, Staged, Staging};
use super::table::Table;
use super::tree::{Tree, gone_is_none, names};
use super::{Artifact, Options, Scope, Shard, accounts, codes};
use crate::diagnostic::{Diagnostic, Diagnostics};

pub(super) const LOCK: &str = "lock";

/// One build's work on out/, under the lock. Dropped without a commit, it leaves out/ as it was.
pub struct Transaction {
    pub(super) options: Options,
    pub(super) state: PathBuf,
    /// Where temporaries are: the state directory, or a shard's own below it.
    pub(super) place: PathBuf,
    /// Nothing only in a dry run where out/ does not exist.
    pub(super) tree: Option<Tree>,
    /// Nothing only in a dry run.
    pub(super) staging: Option<Staging>,
    pub(super) manifest: Manifest,
    /// Whether the manifest may be believed: without it nothing is removed.
    pub(super) trusted: bool,
    /// Where the manifest goes at the end.
    pub(super) cache: Option<ManifestCache>,
    /// Whether this is the end of a build in shards.
    pub(super) merges: bool,
    /// Better stamps of files that stay, for the next commit.
    pub(super) refreshed: Mutex<Vec<(Box<str>, Stamp)>>,
    pub(super) group: Option<u32>,
    pub(super) warnings: Diagnostics,
    pub(super) made_root: bool,
    /// Whether a commit was begun, and whether it ended well.
    pub(super) begun: bool,
    pub(super) done: bool,
    pub(super) lock: Option<Lock>,
    /// A shard's own lock.
    pub(super) own: Option<Lock>,
}

impl Transaction {
    /// Takes the lock, reads what earlier builds left, and clears away what a build that did not end left.
    ///
    /// Errors: another build holds the lock for longer than `lock_wait`, a place that cannot be used, an
    /// unknown or refused group, an error of the system.
    pub fn begin(options: &Options) -> Result<Self, Fault> {
        match options.shard.filter(|_| !options.dry_run) {
            Some(shard) => Self::begin_apart(options, shard),
            None => Self::start(options, None, false),
        }
    }

    /// The same, without reading a manifest that `cache` still has. At the end the cache has the new one.
    ///
    /// Errors: as [`Transaction::begin`].
    pub fn begin_with(options: &Options, cache: &ManifestCache) -> Result<Self, Fault> {
        match options.shard {
            Some(_) => Self::begin(options),
            None => Self::start(options, Some(cache).filter(|_| !options.dry_run), false),
        }
    }

    /// The same, for a commit of few owners' files ([`Scope::Only`]): of the manifest only what that asks for is
    /// read, and only that is known to be sound. If any of it is not, the commit is refused.
    ///
    /// Errors: as [`Transaction::begin`].
    pub fn begin_some(options: &Options, cache: &ManifestCache) -> Result<Self, Fault> {
        if options.dry_run || options.shard.is_some() {
            return Self::begin(options);
        }
        Self::start(options, Some(cache), true)
    }

    fn start(options: &Options, cache: Option<&ManifestCache>, some: bool) -> Result<Self, Fault> {
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
        let tree = open_tree(options)?;
        let mut transaction = Self::at(options.clone(), state.clone(), state);
        transaction.tree = tree;
        transaction.cache = cache.cloned();
        transaction.group = group;
        transaction.made_root = made_root;
        transaction.lock = lock;
        let journal = transaction.journal()?;
        let some = some && journal.is_none();
        let held = cache.map(|cache| cache.take(&transaction.state)).transpose()?.flatten();
        let held = held.filter(|manifest| manifest.is_whole() || some && !manifest.is_overdue());
        match held.or_else(|| some.then(|| Manifest::load_some(&transaction.state)).flatten()) {
            Some(manifest) => transaction.manifest = manifest,
            None => transaction.load(journal.is_some())?,
        }
        if let Some(journal) = journal {
            transaction.recover(&journal)?;
        }
        if !options.dry_run {
            transaction.clear()?;
            transaction.clear_shards()?;
            transaction.staging = Some(Staging::open(&transaction.state, group, TEMP_PREFIX)?);
        }
        Ok(transaction)
    }

    /// A transaction with no out/ at all: `commit` then only finds the mistakes that lie in the files
    /// themselves, two owners of one path or a file where another needs a directory.
    pub fn nowhere() -> Self {
        let options = Options { dry_run: true, ..Options::new("") };
        Self::at(options, PathBuf::new(), PathBuf::new())
    }

    /// A transaction with nothing read and nothing open.
    pub(super) fn at(options: Options, state: PathBuf, place: PathBuf) -> Self {
        Self {
            options,
            state,
            place,
            tree: None,
            staging: None,
            manifest: Manifest::empty(),
            trusted: true,
            cache: None,
            merges: false,
            refreshed: Mutex::default(),
            group: None,
            warnings: Diagnostics::default(),
            made_root: false,
            begun: false,
            done: false,
            lock: None,
            own: None,
        }
    }

    /// Compares one artifact with out/ and, if it differs, writes it aside. May be called from any number
    /// of threads; the order does not matter.
    ///
    /// Errors: a static file that cannot be read, an error of the system.
    pub fn stage(&self, artifact: &Artifact) -> Result<Staged, Fault> {
        match (&self.staging, &self.tree) {
            (Some(staging), Some(tree)) => staging.stage(tree, &self.manifest, artifact),
            (_, tree) => compare_only(tree.as_ref(), &self.manifest, artifact, self.group),
        }
    }

    /// Makes what was staged the content of out/, and removes what earlier builds wrote for the owners in
    /// `scope` and this one does not plan. All checks come before the first change.
    ///
    /// Errors: every collision, foreign file, link or directory in the way, the guard against mass removal,
    /// a partial scope without a sound manifest, an error of the system; each says whether anything was
    /// changed.
    pub fn commit(self, staged: Vec<Staged>, scope: &Scope) -> Result<Report, Diagnostics> {
        Ok(self.commit_and_hold(staged, scope)?.0)
    }

    /// The same, and keeps the lock until the second value is dropped: the pipeline's own state is written
    /// under it.
    ///
    /// Errors: as [`Transaction::commit`].
    pub fn commit_and_hold(
        mut self,
        staged: Vec<Staged>,
        scope: &Scope,
    ) -> Result<(Report, Committed), Diagnostics> {
        self.begun = true;
        let report = commit(&mut self, staged, scope)?;
        self.done = true;
        // Nothing is staged any more, and the lock may be held for a while yet.
        Ok((report, Committed { transaction: self }))
    }

    /// What names the manifest that this transaction goes on from: see [`super::manifest_id`]. `None` where
    /// there is none that can be believed; then only a commit of everything can be made.
    pub fn manifest_id(&self) -> Option<[u8; 20]> {
        self.manifest.id().filter(|_| self.trusted)
    }

    /// Reads the journal, if there is one; a damaged one is empty.
    pub(super) fn journal(&mut self) -> Result<Option<Table>, Fault> {
        let path = self.state.join(Kind::Journal.file());
        let bytes = gone_is_none(fs::read(&path)).map_err(|e| system(&e, "read", &path))?;
        Ok(bytes.map(|bytes| {
            Table::decode(Kind::Journal, bytes).unwrap_or_else(|what| {
                self.warnings.push(damaged(Kind::Journal, &path, what));
                Table::empty()
            })
        }))
    }

    /// Reads the manifest; a damaged one is empty. A build that was killed may leave a torn change behind,
    /// and a journal that has all that the change had.
    pub(super) fn load(&mut self, journal: bool) -> Result<(), Fault> {
        let (kind, what) = match Manifest::load(&self.state)? {
            Loaded::Nothing => return Ok(()),
            Loaded::Whole(manifest) => {
                self.manifest = manifest;
                return Ok(());
            }
            Loaded::Torn(manifest) => {
                self.manifest = manifest;
                if journal {
                    return Ok(());
                }
                (Kind::Changes, "its end is missing or damaged")
            }
            Loaded::Damaged(what) => (Kind::Manifest, what),
        };
        self.trusted = false;
        self.warnings.push(damaged(kind, &self.state.join(kind.file()), what));
        Ok(())
    }

    /// After a build that did not end: what it planned counts as provc's from now on. Where the disk has
    /// neither the old bytes nor the new ones (the power went, and the build was not durable) it still does.
    pub(super) fn recover(&mut self, journal: &Table) -> Result<(), Fault> {
        let mut from_journal = BTreeMap::new();
        for (i, record) in (0..journal.len()).filter_map(|i| Some((i, journal.record(i)?))) {
            let Some(tree) = &self.tree else { break };
            let found = standing(tree, record).map_err(|e| system(&e, "read", &tree.shown(record.path)))?;
            let counts = match found {
                Found::Intact => true,
                Found::Edited => self.manifest.find(record.path).is_none(),
                Found::Gone => false,
            };
            if counts {
                from_journal.insert(record.path, (i, record));
            }
        }
        let known = self.manifest.iter().filter(|record| !from_journal.contains_key(record.path));
        let mut records: Vec<Record<'_>> = known.chain(from_journal.values().map(|found| found.1)).collect();
        records.sort_unstable_by_key(|record| record.path);
        let shared = records.iter().enumerate().filter(|(_, record)| record.shared);
        let shares = shared.flat_map(|(at, record)| {
            let claims = match from_journal.get(record.path) {
                Some((i, _)) => journal.claims(*i),
                None => self.manifest.claims(record),
            };
            claims.into_iter().map(move |claim| (at, claim))
        });
        let shares = shares.collect();
        let made = self.manifest.directories().into_iter().map(Entry::Made);
        let entries: BTreeSet<Entry<'_>> = made.chain(journal.entries()).collect();
        let entries = entries.into_iter().collect();
        let mut parts = Parts { records, shares, entries, ..Parts::default() };
        let body = self.manifest.encode_all(&mut parts);
        if self.options.dry_run {
            self.manifest.replace_in_memory(body);
            return Ok(());
        }
        self.manifest.replace(body, true, &self.state)?;
        let path = self.state.join(Kind::Journal.file());
        fs::remove_file(&path).map_err(|e| system(&e, "remove", &path))
    }

    /// Removes the temporaries of this build or of one that did not end.
    pub(super) fn clear(&self) -> Result<(), Fault> {
        let shard = self.options.shard.filter(|_| self.own.is_some());
        // A shard may write there only once it has the lock of out/.
        if self.lock.is_some() {
            release(&self.state, Kind::Journal.file());
            release(&self.state, Kind::Manifest.file());
        }
        self.clear_place(&self.place, shard)
    }

    /// The same for a shard's place; each knows its own by the name.
    pub(super) fn clear_place(&self, place: &Path, shard: Option<Shard>) -> Result<(), Fault> {
        let marker = place.join(staging::MARKER);
        if let Some(tree) = self.tree.as_ref().filter(|_| marker.exists()) {
            let swept = match shard {
                Some(shard) => tree.sweep(|name| name.starts_with(&shard.temporary())),
                None => tree.sweep(|name| name.starts_with(TEMP_PREFIX) && !Shard::is_temporary(name)),
            };
            swept.map_err(|e| system(&e, "clean", &self.options.out))?;
            fs::remove_file(&marker).map_err(|e| system(&e, "remove", &marker))?;
        }
        if shard.is_some() {
            release(place, Kind::Part.file());
        }
        let path = place.join(staging::DIRECTORY);
        clear_staging(&path).map_err(|e| system(&e, "clean", &path))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.options.dry_run {
            return;
        }
        // Nothing can be reported from here; what stays is cleared by the next build.
        let _ = self.clear();
        let known = self.trusted && !self.manifest.is_damaged();
        if let Some(cache) = self.cache.take().filter(|_| known && (self.done || !self.begun)) {
            cache.put(&self.state, std::mem::replace(&mut self.manifest, Manifest::empty()));
        }
        // Another shard may be at work in it.
        if self.made_root && !self.done && self.own.is_none() {
            let _ = fs::remove_dir(&self.options.out);
        }
    }
}

/// Only what provc can have made: numbered files in numbered directories, and the tree of what is new.
/// `--state` may name any directory.
fn clear_staging(path: &Path) -> io::Result<()> {
    let Some(entries) = gone_is_none(fs::read_dir(path))? else { return Ok(()) };
    fresh::clear(path)?;
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

/// Whether an entry of the staging directory is a build's.
pub(super) fn is_temporary(name: &OsString) -> bool {
    is_number(name) || name == fresh::DIRECTORY
}

fn is_number(name: &OsString) -> bool {
    name.to_str().is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()))
}

pub(super) fn open_tree(options: &Options) -> Result<Option<Tree>, Fault> {
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

pub(super) fn check_out(out: &Path) -> Result<(), Fault> {
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
pub(super) fn check_apart(out: &Path, state: &Path) -> Result<(), Fault> {
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

pub(super) fn make_directory(path: &Path, mode: u32) -> Result<(), Fault> {
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
        Kind::Manifest | Kind::Changes | Kind::Part => (
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
