//! Whether out/ still is what the manifest says, for `--verify`.
//!
//! A file with the size, times and inode that it had is not read: Linux changes the ctime with every write
//! and every change of the mode, and nobody can set it. Only where the clock is too coarse to tell (git calls
//! such files racy), and where nothing was recorded, are the bytes compared.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::PoisonError;

use rayon::prelude::*;
use rustix::fs::{self, AtFlags, FileType, Mode, Stat};
use rustix::io::Errno;

use super::Owner;
#[cfg(doc)]
use super::Scope;
use super::checks::{Found, directory_mode, standing};
use super::errors::{Fault, system};
use super::path::ancestors;
use super::record::{Record, Stamp};
use super::staging::file_mode;
use super::state::Transaction;
use super::tree::{Parent, Tree};

/// How many files one thread looks at in a row: enough to find the next one in the same directory.
const RUN: usize = 512;

/// What a look at some files brought.
#[derive(Default)]
struct Seen {
    wrong: BTreeSet<Owner>,
    stamps: Vec<(Box<str>, Stamp)>,
}

impl Transaction {
    /// Looks at everything that provc owns, and returns the owners of files that are missing or edited or
    /// have a wrong mode or group, and of those below directories that have. Planning just these again in a
    /// commit with [`Scope::Only`] repairs out/. That commit, even of no owner, also saves what was found of
    /// files that had to be read, so that the next look does not read them again.
    ///
    /// Errors: an error of the system, other than a file's that only makes that file wrong.
    pub fn verify_standing(&self) -> Result<BTreeSet<Owner>, Fault> {
        let records: Vec<Record<'_>> = self.manifest.iter().collect();
        let Some(tree) = &self.tree else {
            return Ok(records.iter().map(|record| record.owner.to_owner()).collect());
        };
        let now = self.staging.as_ref().map_or(0, |staging| staging.begin());
        let runs: Result<Vec<Seen>, Fault> =
            records.par_chunks(RUN).map(|run| self.look_at(tree, run, now)).collect();
        let mut all = Seen::default();
        for mut seen in runs? {
            all.wrong.append(&mut seen.wrong);
            all.stamps.append(&mut seen.stamps);
        }
        self.look_at_directories(tree, &records, &mut all.wrong)?;
        *self.refreshed.lock().unwrap_or_else(PoisonError::into_inner) = all.stamps;
        Ok(all.wrong)
    }

    fn look_at(&self, tree: &Tree, run: &[Record<'_>], now: i64) -> Result<Seen, Fault> {
        let mut seen = Seen::default();
        let mut parent = Parent::default();
        for record in run {
            let stat = parent
                .stat(tree, record.path)
                .map_err(|e| system(&e, "look at", &tree.shown(record.path)))?;
            let right = stat.filter(|stat| self.access_is_right(stat, file_mode(record.sensitive)));
            let proven = right.is_some_and(|stat| self.proven(record, &stat));
            if proven {
                continue;
            }
            let same = match right {
                Some(stat) if u64::try_from(stat.st_size) == Ok(record.size) => {
                    // A file that cannot be read is as good as edited: it can still be replaced.
                    matches!(standing(tree, *record), Ok(Found::Intact))
                }
                _ => false,
            };
            match right.filter(|_| same) {
                Some(stat) => seen.stamps.push((record.path.into(), Stamp::new(&stat, now))),
                None => drop(seen.wrong.insert(record.owner.to_owner())),
            }
        }
        Ok(seen)
    }

    fn proven(&self, record: &Record<'_>, stat: &Stat) -> bool {
        u64::try_from(stat.st_size) == Ok(record.size) && record.stamp.is_some_and(|stamp| stamp.proves(stat))
    }

    fn access_is_right(&self, stat: &Stat, mode: Mode) -> bool {
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && Mode::from_raw_mode(stat.st_mode) == mode
            && self.group.is_none_or(|group| group == stat.st_gid)
    }

    /// Directories of ours with a wrong mode are put right by whoever has a file below.
    fn look_at_directories(
        &self,
        tree: &Tree,
        records: &[Record<'_>],
        wrong: &mut BTreeSet<Owner>,
    ) -> Result<(), Fault> {
        let mut needed: BTreeMap<&str, (bool, &Record<'_>)> = BTreeMap::new();
        let mut last = ("", true);
        for record in records {
            let parent = super::path::split(record.path).0;
            if last == (parent, record.sensitive) {
                continue;
            }
            last = (parent, record.sensitive);
            for directory in ancestors(record.path) {
                needed.entry(directory).or_insert((true, record)).0 &= record.sensitive;
            }
        }
        let mut parent = Parent::default();
        for (directory, (sensitive, record)) in needed {
            if !self.manifest.made(directory) {
                continue;
            }
            let stat =
                parent.stat(tree, directory).map_err(|e| system(&e, "look at", &tree.shown(directory)))?;
            let right = stat.is_some_and(|stat| {
                stat.st_mode & 0o777 == directory_mode(sensitive)
                    && self.group.is_none_or(|group| group == stat.st_gid)
            });
            if !right {
                wrong.insert(record.owner.to_owner());
            }
        }
        Ok(())
    }

    /// What [`Transaction::verify_standing`] found of files that it had to read.
    pub(super) fn refreshed(&self) -> Vec<(Box<str>, Stamp)> {
        self.refreshed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<'a> Parent<'a> {
    /// What stands at `path`, with no link on the way followed; nothing where the way ends before.
    fn stat(&mut self, tree: &Tree, path: &'a str) -> io::Result<Option<Stat>> {
        let (above, name) = super::path::split(path);
        let found = self.at(tree, above).and_then(|at| Ok(fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?));
        match found.map_err(|e| Errno::from_io_error(&e).ok_or(e)) {
            Ok(stat) => Ok(Some(stat)),
            Err(Ok(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS)) => Ok(None),
            Err(Ok(errno)) => Err(errno.into()),
            Err(Err(e)) => Err(e),
        }
    }
}
