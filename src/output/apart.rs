//! A shard's transaction: many of them work on one out/ at the same time.
//!
//! A shard compares and writes aside without the lock, against the manifest as it found it, with temporaries
//! of its own. Only its commit takes the lock, reads the manifest again and looks at what changed meanwhile;
//! then it is a commit of some owners' files like any other. So out/ and its manifest are sound at any moment,
//! whichever shards have ended, failed or been killed, and the next build of any kind goes on from there.

use std::collections::BTreeSet;
use std::mem;
use std::time::Duration;

use rustix::fs::{FileType, Mode};

use super::commit::Report;
use super::errors::Fault;
use super::layout::Kind;
use super::lock::Lock;
use super::manifest::{Loaded, Manifest};
use super::memo::save;
use super::part::{self, Part};
use super::record::{Record, Stamp};
use super::staging::{Staged, Staging, Standing};
use super::state::{LOCK, Transaction, check_apart, check_out, make_directory, open_tree, state_directory};
use super::tree::Tree;
use super::{Options, Owner, Scope, Shard, accounts, codes, content};
use crate::diagnostic::{Diagnostic, Diagnostics};

impl Transaction {
    /// See [`Transaction::begin`].
    pub(super) fn begin_apart(options: &Options, shard: Shard) -> Result<Self, Fault> {
        let state = state_directory(options)?;
        let group = options.group.as_deref().map(accounts::group).transpose()?;
        check_out(&options.out)?;
        check_apart(&options.out, &state)?;
        let place = state.join(shard.directory());
        make_directory(&state, 0o700)?;
        make_directory(&place, 0o700)?;
        let own = Lock::exclusive(&place.join(LOCK), &options.command, options.lock_wait)?;
        // From now on it is not what a merge may take.
        part::forget(&state, |other| other == shard)?;
        let made_root = !options.out.exists();
        if made_root {
            make_directory(&options.out, 0o755)?;
        }
        let manifest = match Manifest::load(&state)? {
            Loaded::Whole(manifest) | Loaded::Torn(manifest) => manifest,
            Loaded::Nothing | Loaded::Damaged(_) => Manifest::empty(),
        };
        let tree = open_tree(options)?;
        let mut transaction = Self::at(options.clone(), state, place);
        transaction.tree = tree;
        transaction.manifest = manifest;
        transaction.group = group;
        transaction.made_root = made_root;
        transaction.own = Some(own);
        transaction.clear()?;
        transaction.staging = Some(Staging::open(&transaction.place, group, &shard.temporary())?);
        Ok(transaction)
    }

    /// Commits the files of one shard, of which `owners` are all owners, and leaves word for the merge. In a
    /// dry run nothing is left.
    ///
    /// Errors: as [`Transaction::commit`]; another build that changed what this one had compared.
    pub fn commit_shard(
        mut self,
        mut staged: Vec<Staged>,
        owners: BTreeSet<Owner>,
        part: Part,
    ) -> Result<Report, Diagnostics> {
        let bytes = part.encode(&staged);
        let real = self.own.is_some();
        if real {
            self.enter(&mut staged)?;
            let others = |other: Shard| other.of() != part.shard.of();
            part::forget(&self.state, others).map_err(one)?;
        }
        let place = self.place.clone();
        let (report, committed) =
            self.commit_and_hold(staged, &Scope::Shard { owners, failed: part.failed })?;
        if real && let Err(fault) = save(&place, Kind::Part.file(), &bytes) {
            let mut problems = report.warnings;
            problems.push(*fault);
            return Err(problems);
        }
        drop(committed);
        Ok(report)
    }

    /// Takes the lock of out/ and goes on from what is there now.
    fn enter(&mut self, staged: &mut [Staged]) -> Result<(), Diagnostics> {
        let (path, options) = (self.state.join(LOCK), &self.options);
        self.lock = Some(Lock::exclusive(&path, &options.command, options.lock_wait).map_err(one)?);
        let seen = mem::replace(&mut self.manifest, Manifest::empty());
        let journal = self.journal().map_err(one)?;
        let killed = journal.is_some();
        self.load(killed).map_err(one)?;
        if let Some(journal) = journal {
            self.recover(&journal).map_err(one)?;
        }
        if self.manifest.id() == seen.id() {
            return Ok(());
        }
        let mut problems = Diagnostics::default();
        for file in staged {
            let (before, now) = (seen.find(file.path.as_str()), self.manifest.find(file.path.as_str()));
            // A build that did not end may have removed what its manifest still has.
            let touched = killed || before.as_ref().map(look) != now.as_ref().map(look);
            if touched && let Err(problem) = self.meet(file, now.is_some()) {
                problems.push(problem);
            }
        }
        if problems.has_errors() { Err(problems) } else { Ok(()) }
    }

    /// Another build has been at a planned path since it was compared: mostly a shard that plans the same file.
    fn meet(&self, file: &mut Staged, known: bool) -> Result<(), Diagnostic> {
        if let Some(tree) = &self.tree
            && file.look_again(tree, self.group)
        {
            if let (Some(temp), Some(staging)) = (file.temp.take(), &self.staging) {
                staging.discard(tree, &temp);
            }
            return Ok(());
        }
        if file.temp.is_none() {
            let message = format!("another build changed `{}` while this shard was at work", file.path);
            return Err(Diagnostic::error(codes::OVERTAKEN, message).help("build this shard again"));
        }
        // Something stands there that was not met before, or nothing any more.
        file.standing = match (known, file.standing) {
            (_, Standing::Directory) => Standing::Directory,
            (true, _) => Standing::Different,
            (false, Standing::Same { .. } | Standing::Different) => Standing::Nothing,
            (false, other) => other,
        };
        Ok(())
    }

    /// Removes the temporaries of shards that did not end. One that is at work keeps its own.
    pub(super) fn clear_shards(&self) -> Result<(), Fault> {
        for shard in part::shards(&self.state)? {
            let place = self.state.join(shard.directory());
            let Ok(_lock) = Lock::exclusive(&place.join(LOCK), &self.options.command, Duration::ZERO) else {
                continue;
            };
            self.clear_place(&place, Some(shard))?;
        }
        Ok(())
    }
}

impl Staged {
    /// Whether the file in out/ has the planned bytes now: known from `stat` if it is still the one that was
    /// looked at, else read. If so, how it stands is brought up to date.
    pub(super) fn look_again(&mut self, tree: &Tree, group: Option<u32>) -> bool {
        let Ok(Some(stat)) = tree.look(self.path.as_str()) else { return false };
        let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if !regular || u64::try_from(stat.st_size) != Ok(self.size) {
            return false;
        }
        let now = Stamp::new(&stat, 0);
        if self.temp.is_some() || self.stamp.is_none_or(|stamp| !now.follows(&stamp)) {
            let digest = tree.file(self.path.as_str()).and_then(|mut file| content::digest(&mut file));
            if digest.ok() != Some(self.digest) {
                return false;
            }
            self.stamp = Some(now);
        }
        let mode = Mode::from_raw_mode(stat.st_mode).bits();
        self.standing = Standing::Same { mode, group: group.is_none_or(|group| group == stat.st_gid) };
        true
    }
}

/// What of a record says whether another build was at its file.
fn look(record: &Record<'_>) -> ([u8; 20], u64, bool) {
    (record.digest, record.size, record.sensitive)
}

/// The only mistake.
#[expect(clippy::boxed_local, reason = "errors of this module are boxed, and this is mapped over them")]
pub(super) fn one(fault: Fault) -> Diagnostics {
    let mut problems = Diagnostics::default();
    problems.push(*fault);
    problems
}
