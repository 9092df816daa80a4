//! A shard's transaction: many of them work on one out/ at the same time.
//!
//! A shard compares and writes aside without the lock, against the manifest as it found it, with temporaries
//! of its own. Only its commit takes the lock, reads the manifest again and looks at what changed meanwhile;
//! then it is a commit of some owners' files like any other. So out/ and its manifest are sound at any moment,
//! whichever shards have ended, failed or been killed, and the next build of any kind goes on from there.

use std::collections::BTreeSet;
use std::mem;
use std::time::Duration;

use super::commit::Report;
use super::errors::Fault;
use super::lock::Lock;
use super::manifest::{Loaded, Manifest};
use super::memo::save;
use super::part::{self, Part};
use super::record::Record;
use super::staging::{Staged, Staging, Standing, file_mode};
use super::state::{
    LOCK, Transaction, check_apart, check_out, make_directory, open_tree, state_directory,
};
use super::table::Kind;
use super::{Options, Owner, Scope, Shard, accounts, codes};
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
        let (report, committed) = self.commit_and_hold(staged, &Scope::Shard { owners, failed: part.failed })?;
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
        self.load(journal.is_some()).map_err(one)?;
        if let Some(journal) = journal {
            self.recover(&journal).map_err(one)?;
        }
        if self.manifest.id() == seen.id() {
            return Ok(());
        }
        let mut problems = Diagnostics::default();
        for file in staged {
            let (before, now) = (seen.find(file.path.as_str()), self.manifest.find(file.path.as_str()));
            if before.as_ref().map(look) != now.as_ref().map(look)
                && let Err(problem) = self.meet(file, now)
            {
                problems.push(problem);
            }
        }
        if problems.has_errors() { Err(problems) } else { Ok(()) }
    }

    /// Another build has been at a planned path since it was compared.
    fn meet(&self, file: &mut Staged, now: Option<Record<'_>>) -> Result<(), Diagnostic> {
        match now {
            Some(now) if now.digest == file.digest && now.size == file.size => {
                let temp = file.temp.take();
                if let (Some(temp), Some(staging), Some(tree)) = (temp, &self.staging, &self.tree) {
                    staging.discard(tree, &temp);
                }
                file.standing = Standing::Same { mode: file_mode(now.sensitive).bits(), group: true };
                file.stamp = now.stamp;
            }
            _ if file.temp.is_none() => {
                let message = format!("another build changed `{}` while this shard was at work", file.path);
                return Err(Diagnostic::error(codes::OVERTAKEN, message).help("build this shard again"));
            }
            Some(_) => file.standing = Standing::Different,
            None => file.standing = Standing::Nothing,
        }
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

/// What of a record says whether another build was at its file.
fn look(record: &Record<'_>) -> ([u8; 20], u64, bool) {
    (record.digest, record.size, record.sensitive)
}

/// The only mistake.
pub(super) fn one(fault: Fault) -> Diagnostics {
    let mut problems = Diagnostics::default();
    problems.push(*fault);
    problems
}
