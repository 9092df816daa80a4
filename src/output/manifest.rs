//! What earlier builds own: a table, and beside it what partial builds changed since.
//!
//! Reading and writing 200,000 records for the sake of one device would cost more than the device. So a partial
//! build reads of the table what it has to know ([`Manifest::load_some`]) and appends a small table to a second
//! file; each names the one before by its checksum, and when together they have grown to a fair part of the
//! first, everything is read and written anew. A torn end is noticed like any damage.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::Owner;
use super::encode::{self, Parts};
use super::errors::{Fault, system};
use super::layout::{Entry, HEADER, ID, Id, Kind, after};
use super::memo::{release, save};
use super::record::{Claim, FileDigest, Record, Stamp};
use super::table::Table;
use super::tree::gone_is_none;

/// However small the manifest is, so many bytes of changes are not worth writing it anew.
const CHANGES_LEAST: u64 = 64 * 1024;
/// Changes may grow to one such part of the manifest: all of them are read by every build, and much more would
/// take longer than the rest of a build of one device.
const CHANGES_PART: u64 = 160;

/// All records.
pub(super) struct Manifest {
    base: Table,
    /// What the changes say, by path.
    files: BTreeMap<Box<str>, Change>,
    /// Directories that changes made or took away.
    directories: BTreeMap<Box<str>, bool>,
    count: usize,
    id: Option<Id>,
    generation: u64,
    /// How many bytes of changes count.
    changes: u64,
    /// Whether more lies behind them.
    torn: bool,
}

/// One path's record after a change.
struct Change {
    now: Option<Kept>,
    /// Whether the table has a record of it, and if so whether that one is sensitive.
    before: Option<bool>,
}

/// A record that lies in no table.
struct Kept {
    digest: FileDigest,
    size: u64,
    sensitive: bool,
    owner: Owner,
    stamp: Option<Stamp>,
    /// All owners, if there are several.
    claims: Vec<(Owner, bool)>,
}

/// How many files are below a directory, and how many of them are not sensitive.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Tally {
    pub(super) files: usize,
    pub(super) open: usize,
}

/// What was found in the state directory.
pub(super) enum Loaded {
    Nothing,
    Damaged(&'static str),
    Whole(Manifest),
    /// Sound, but what the last partial builds added is not.
    Torn(Manifest),
}

impl Manifest {
    pub(super) fn empty() -> Self {
        Self::of(Table::empty())
    }

    /// A manifest without changes.
    pub(super) fn of(base: Table) -> Self {
        Self {
            count: base.len(),
            id: base.id(),
            generation: base.generation(),
            base,
            files: BTreeMap::new(),
            directories: BTreeMap::new(),
            changes: 0,
            torn: false,
        }
    }

    /// Reads what is in the state directory.
    pub(super) fn load(state: &Path) -> Result<Loaded, Fault> {
        let path = state.join(Kind::Manifest.file());
        let read = |path: &Path| gone_is_none(fs::read(path)).map_err(|e| system(&e, "read", path));
        let Some(bytes) = read(&path)? else { return Ok(Loaded::Nothing) };
        let mut manifest = match Table::decode(Kind::Manifest, bytes) {
            Ok(base) => Self::of(base),
            Err(what) => return Ok(Loaded::Damaged(what)),
        };
        let changes = read(&state.join(Kind::Changes.file()))?.unwrap_or_default();
        manifest.absorb_all(&changes);
        Ok(if manifest.torn { Loaded::Torn(manifest) } else { Loaded::Whole(manifest) })
    }

    /// A manifest that reads only what it is asked for, for a build of some devices: see
    /// [`Manifest::is_damaged`]. Nothing where all of it has to be read, because something is wrong, or because
    /// it is to be written anew.
    pub(super) fn load_some(state: &Path) -> Option<Self> {
        let base = File::open(state.join(Kind::Manifest.file())).ok()?;
        let mut manifest = Self::of(Table::open(Kind::Manifest, base).ok()?);
        let path = state.join(Kind::Changes.file());
        let changes = gone_is_none(fs::read(path)).ok()?.unwrap_or_default();
        if changes.len() as u64 > manifest.most_changes() {
            return None;
        }
        manifest.absorb_all(&changes);
        Some(manifest).filter(|manifest| !manifest.torn)
    }

    /// Whether there are so many changes that all of it should be read, and then written anew.
    pub(super) fn is_overdue(&self) -> bool {
        self.changes > self.most_changes()
    }

    /// Whether something could not be read that was asked for, so that what was answered is worth nothing.
    pub(super) fn is_damaged(&self) -> bool {
        self.base.is_damaged()
    }

    /// Whether there is nothing that it would have to read.
    pub(super) fn is_whole(&self) -> bool {
        self.base.is_whole()
    }

    /// Takes in what partial builds wrote.
    fn absorb_all(&mut self, changes: &[u8]) {
        let mut rest = changes;
        // A file that goes on from another manifest was left by a build that ended before it was removed.
        let first = Table::length(rest).and_then(|length| rest.get(..length));
        let first = first.and_then(|first| Table::decode(Kind::Changes, first.to_vec()).ok());
        if first.is_some_and(|first| Some(first.after()) != self.id) {
            return;
        }
        while !rest.is_empty() {
            let piece = Table::length(rest).and_then(|length| rest.split_at_checked(length));
            let change = piece.and_then(|(piece, after)| {
                let change = Table::decode(Kind::Changes, piece.to_vec()).ok()?;
                (Some(change.after()) == self.id).then_some((change, after))
            });
            let Some((change, after)) = change else {
                self.torn = true;
                return;
            };
            self.absorb(&change);
            rest = after;
        }
    }

    fn absorb(&mut self, change: &Table) {
        for (i, record) in (0..change.len()).filter_map(|i| Some((i, change.record(i)?))) {
            let claims = if record.shared { change.claims(i) } else { Vec::new() };
            let kept = Kept {
                digest: record.digest,
                size: record.size,
                sensitive: record.sensitive,
                owner: record.owner.to_owner(),
                stamp: record.stamp,
                claims: claims.into_iter().map(|(owner, sensitive)| (owner.to_owner(), sensitive)).collect(),
            };
            self.put(record.path, Some(kept), change.before(i));
        }
        for entry in change.entries() {
            match entry {
                Entry::Made(path) => drop(self.directories.insert(path.into(), true)),
                Entry::Unmade(path) => drop(self.directories.insert(path.into(), false)),
                Entry::Gone(path) => self.put(path, None, Some(false)),
                Entry::SensitiveGone(path) => self.put(path, None, Some(true)),
            }
        }
        self.changes += change.size();
        self.count = change.files();
        self.id = change.id();
        self.generation = change.generation();
    }

    /// `before` says what the first change of a path found in the table, and is of no use in a later one.
    fn put(&mut self, path: &str, now: Option<Kept>, before: Option<bool>) {
        match self.files.get_mut(path) {
            Some(change) => change.now = now,
            None => drop(self.files.insert(path.into(), Change { now, before })),
        }
    }

    /// The checksum that names this very state; none where nothing that can be believed is on disk.
    pub(super) fn id(&self) -> Option<Id> {
        self.id
    }

    /// How many files.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Looks a file up.
    pub(super) fn find(&self, path: &str) -> Option<Record<'_>> {
        if !self.files.is_empty()
            && let Some((path, change)) = self.files.get_key_value(path)
        {
            return change.now.as_ref().map(|kept| kept.record(path));
        }
        self.base.find(path)
    }

    /// All owners of a record of this manifest.
    pub(super) fn claims(&self, record: &Record<'_>) -> Vec<Claim<'_>> {
        if let Some(change) = self.files.get(record.path) {
            return change.now.as_ref().map(Kept::claims).unwrap_or_default();
        }
        let Ok(index) = self.base.position(record.path) else { return Vec::new() };
        if record.shared {
            return self.base.claims(index);
        }
        self.base.record(index).map(|found| (found.owner, found.sensitive)).into_iter().collect()
    }

    /// The files, sorted by path.
    pub(super) fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        let mut changes = self.files.iter().peekable();
        let mut index = 0;
        std::iter::from_fn(move || {
            loop {
                let next = self.base.path(index);
                match changes.peek() {
                    Some((path, _)) if next.is_none_or(|next| path.as_ref() <= next) => {
                        let (path, change) = changes.next()?;
                        index += usize::from(change.before.is_some());
                        if let Some(kept) = &change.now {
                            return Some(kept.record(path));
                        }
                    }
                    _ => {
                        index += 1;
                        return self.base.record(index - 1);
                    }
                }
            }
        })
    }

    /// The files that any of these owners has a claim to, sorted by path.
    pub(super) fn of_owners(&self, owners: &BTreeSet<Owner>) -> Vec<Record<'_>> {
        let is_theirs = |kept: &Kept| {
            owners.contains(&kept.owner) || kept.claims.iter().any(|claim| owners.contains(&claim.0))
        };
        let changed = self.files.iter().filter_map(|(path, change)| {
            change.now.as_ref().filter(|kept| is_theirs(kept)).map(|kept| kept.record(path))
        });
        let mut found: Vec<Record<'_>> = changed.collect();
        for index in owners.iter().flat_map(|owner| self.base.owned_by(owner.as_ref())) {
            let record = self.base.record(index);
            found.extend(record.filter(|record| !self.files.contains_key(record.path)));
        }
        found.sort_unstable_by_key(|record| record.path);
        found.dedup_by_key(|record| record.path);
        found
    }

    /// What is below a directory.
    pub(super) fn below(&self, directory: &str) -> Tally {
        // What is inside sorts behind `directory/`, and `0` is the character after the slash.
        let inside = format!("{directory}/");
        let behind = format!("{directory}0");
        let (low, high) =
            [&inside, &behind].map(|bound| self.base.position(bound).unwrap_or_else(|at| at)).into();
        let mut tally =
            Tally { files: high - low, open: self.base.open_before(high) - self.base.open_before(low) };
        for (_, change) in self.files.range::<str, _>((
            std::ops::Bound::Included(inside.as_str()),
            std::ops::Bound::Excluded(behind.as_str()),
        )) {
            if let Some(sensitive) = change.before {
                tally.remove(sensitive);
            }
            if let Some(kept) = &change.now {
                tally.add(kept.sensitive);
            }
        }
        tally
    }

    /// Whether provc made this directory.
    pub(super) fn made(&self, directory: &str) -> bool {
        match self.directories.get(directory) {
            Some(made) => *made,
            None => self.base.says(Entry::Made(directory)),
        }
    }

    /// The directories that provc made, sorted.
    pub(super) fn directories(&self) -> Vec<&str> {
        let base = self.base.entries().filter_map(|entry| match entry {
            Entry::Made(path) if !self.directories.contains_key(path) => Some(path),
            _ => None,
        });
        let more = self.directories.iter().filter(|(_, made)| **made).map(|(path, _)| path.as_ref());
        let mut all: Vec<&str> = base.chain(more).collect();
        all.sort_unstable();
        all
    }

    /// A table of everything, as [`Manifest::replace`] takes it.
    pub(super) fn encode_all(&self, parts: &mut Parts<'_>) -> Vec<u8> {
        parts.generation = self.generation;
        parts.encode(Kind::Manifest)
    }

    /// A table of what changes, as [`Manifest::extend`] takes it.
    pub(super) fn encode_change(&self, parts: &mut Parts<'_>) -> Vec<u8> {
        let before = |record: &Record<'_>| self.find(record.path).map(|record| record.sensitive);
        parts.before = parts.records.iter().map(before).collect();
        let new = parts.before.iter().filter(|before| before.is_none()).count();
        let gone = parts.entries.iter();
        let gone = gone.filter(|entry| matches!(entry, Entry::Gone(_) | Entry::SensitiveGone(_))).count();
        parts.files = (self.count + new).saturating_sub(gone);
        parts.after = self.id.unwrap_or_default();
        parts.generation = self.generation.wrapping_add(1);
        encode::seal(parts.encode(Kind::Changes))
    }

    /// Replaces everything, if anything differs or if it is to be written `anew`.
    ///
    /// Two builds that write the same are still two: the checksum tells one from the other, so that the
    /// pipeline's state is not taken for that of a build that ended differently.
    pub(super) fn replace(&mut self, mut body: Vec<u8>, anew: bool, state: &Path) -> Result<(), Fault> {
        if self.base.is(&body) && self.changes == 0 && !self.torn && !anew {
            release(state, Kind::Manifest.file());
            return Ok(());
        }
        encode::set_generation(&mut body, self.generation.wrapping_add(1));
        let bytes = encode::seal(body);
        save(state, Kind::Manifest.file(), &bytes)?;
        let path = state.join(Kind::Changes.file());
        gone_is_none(fs::remove_file(&path)).map_err(|e| system(&e, "remove", &path))?;
        self.become_table(bytes);
        Ok(())
    }

    /// The same for a dry run, which writes nothing.
    pub(super) fn replace_in_memory(&mut self, body: Vec<u8>) {
        self.become_table(encode::seal(body));
    }

    fn become_table(&mut self, bytes: Vec<u8>) {
        // What was just made of sound parts is sound.
        *self = Self::of(Table::decode(Kind::Manifest, bytes).unwrap_or_else(|_| Table::empty()));
    }

    /// Adds a change, and writes it behind the others, or everything anew if they have become too long.
    pub(super) fn extend(&mut self, change: Vec<u8>, state: &Path) -> Result<(), Fault> {
        let fold = self.folds(change.len() as u64);
        if !fold {
            // The room that was taken for it.
            release(state, Kind::Manifest.file());
            self.append(&change, state)?;
        }
        let generation = self.generation;
        self.absorb(&Table::decode(Kind::Changes, change).unwrap_or_else(|_| Table::empty()));
        if fold {
            self.generation = generation;
            let body = self.encode_all(&mut self.parts());
            self.replace(body, true, state)?;
        }
        Ok(())
    }

    /// Whether a change of so many bytes is not appended, but everything written anew. Without a sound
    /// manifest on disk there is nothing to go on from. One of which only some is known leaves it to the next
    /// build: reading all of it now, when files are in place, might fail.
    fn folds(&self, change: u64) -> bool {
        let over = self.id.is_none() || self.torn || self.changes + change > self.most_changes();
        over && self.is_whole()
    }

    fn most_changes(&self) -> u64 {
        CHANGES_LEAST.max(self.base.size() / CHANGES_PART)
    }

    /// How many bytes at most a change of so many will write.
    pub(super) fn room(&self, change: u64) -> u64 {
        let all = self.base.size() + self.changes;
        if self.folds(change) { all + change } else { change }
    }

    /// Everything, as one table.
    pub(super) fn parts(&self) -> Parts<'_> {
        let records: Vec<Record<'_>> = self.iter().collect();
        let shares = self.shares(&records);
        let entries = self.directories().into_iter().map(Entry::Made).collect();
        Parts { records, shares, entries, ..Parts::default() }
    }

    fn shares(&self, records: &[Record<'_>]) -> Vec<(usize, Claim<'_>)> {
        let shared = records.iter().enumerate().filter(|(_, record)| record.shared);
        shared.flat_map(|(i, record)| self.claims(record).into_iter().map(move |claim| (i, claim))).collect()
    }

    fn append(&self, bytes: &[u8], state: &Path) -> Result<(), Fault> {
        if self.changes == 0 {
            return save(state, Kind::Changes.file(), bytes);
        }
        let path = state.join(Kind::Changes.file());
        let append = || -> io::Result<()> {
            let file = OpenOptions::new().write(true).open(&path)?;
            file.write_all_at(bytes, self.changes).inspect_err(|_| {
                // Half a change would look like damage to the next build.
                let _ = file.set_len(self.changes);
            })
        };
        append().map_err(|e| system(&e, "write", &path))
    }
}

impl Kept {
    fn record<'a>(&'a self, path: &'a str) -> Record<'a> {
        Record {
            path,
            digest: self.digest,
            size: self.size,
            sensitive: self.sensitive,
            owner: self.owner.as_ref(),
            shared: !self.claims.is_empty(),
            stamp: self.stamp,
        }
    }

    fn claims(&self) -> Vec<Claim<'_>> {
        if self.claims.is_empty() {
            return vec![(self.owner.as_ref(), self.sensitive)];
        }
        self.claims.iter().map(|(owner, sensitive)| (owner.as_ref(), *sensitive)).collect()
    }
}

impl Tally {
    pub(super) fn add(&mut self, sensitive: bool) {
        self.files += 1;
        self.open += usize::from(!sensitive);
    }

    pub(super) fn remove(&mut self, sensitive: bool) {
        self.files = self.files.saturating_sub(1);
        self.open = self.open.saturating_sub(usize::from(!sensitive));
    }
}

/// The checksum that names the manifest in the state directory, without reading the manifest.
pub(super) fn id_on_disk(state: &Path) -> io::Result<Option<Id>> {
    let Some(base) = gone_is_none(File::open(state.join(Kind::Manifest.file())))? else { return Ok(None) };
    let Some(id) = tail(&base)? else { return Ok(None) };
    let Some(changes) = gone_is_none(File::open(state.join(Kind::Changes.file())))? else {
        return Ok(Some(id));
    };
    let mut header = [0; HEADER];
    let goes_on = match changes.read_exact_at(&mut header, 0) {
        Ok(()) => after(&header) == Some(id),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    };
    if goes_on { tail(&changes) } else { Ok(Some(id)) }
}

fn tail(file: &File) -> io::Result<Option<Id>> {
    let Some(at) = file.metadata()?.len().checked_sub(ID as u64) else { return Ok(None) };
    let mut id = [0; ID];
    file.read_exact_at(&mut id, at)?;
    Ok(Some(id))
}
