//! Making the plan true.
//!
//! The order is what makes a crash harmless: the journal first, so that whatever is renamed counts as
//! provc's own; room for the manifest, so that a full disk does not end the build half-way; new files before
//! replaced ones, because only they need room in directories and they can be taken back; removals after all is
//! in place; the manifest; and the end of the journal last (the last two in `settle`, when nothing borrows from
//! the old manifest any more).

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;

use rustix::fs::{self, AtFlags, Gid, Mode, OFlags};
use rustix::io::Errno;

use super::checks::{Checked, directory_mode};
use super::encode::{self, Parts};
use super::errors::{Fault, system};
use super::layout::{Entry, Kind};
use super::memo::{release, save};
use super::path::{ancestors, split};
use super::plan::Plan;
use super::record::Record;
use super::settle::Settled;
use super::staging::{Staged, Staging, Standing, Temp, file_mode};
use super::state::Transaction;
#[cfg(test)]
use super::stop;
use super::tree::{Parent, Tree};
use super::whole::Whole;

/// Applies a plan that passed all checks, all but the manifest.
pub(super) fn apply(
    transaction: &Transaction,
    tree: &Tree,
    staging: &Staging,
    plan: &Plan<'_>,
    checked: &Checked<'_>,
) -> Result<Settled, Fault> {
    let mut apply = Apply {
        transaction,
        tree,
        staging,
        plan,
        checked,
        whole: Whole::default(),
        made: Vec::new(),
        touched: 0,
        loosened: false,
        #[cfg(test)]
        stop: stop::stop(),
    };
    let result = apply.run();
    if result.is_err() && apply.touched == 0 {
        apply.touched = apply.take_back_whole();
    }
    if result.is_err() && apply.touched == 0 {
        apply.take_back();
    }
    result.map_err(|fault| how_far(fault, apply.touched))
}

/// In the note of an error that came when some of out/ was changed already.
pub const PARTLY: &str = "files were already placed or removed";

/// Adds to an error what it left behind.
pub(super) fn how_far(mut fault: Fault, touched: usize) -> Fault {
    fault.notes.push(match touched {
        0 => "nothing below out/ was changed".to_owned(),
        n => format!("{n} {PARTLY}; each file is complete, old or new, and the next build does the rest"),
    });
    fault
}

pub(super) struct Apply<'a> {
    pub(super) transaction: &'a Transaction,
    pub(super) tree: &'a Tree,
    pub(super) staging: &'a Staging,
    pub(super) plan: &'a Plan<'a>,
    pub(super) checked: &'a Checked<'a>,
    /// Directories that were put in place with all their files.
    pub(super) whole: Whole,
    /// Directories made so far.
    pub(super) made: Vec<&'a str>,
    /// Files changed so far that cannot be changed back.
    touched: usize,
    /// Whether modes or groups were changed, of files or directories that stay.
    loosened: bool,
    #[cfg(test)]
    pub(super) stop: Option<stop::Stop>,
}

impl<'a> Apply<'a> {
    fn run(&mut self) -> Result<Settled, Fault> {
        let (new, old): (Vec<&Staged>, Vec<&Staged>) = self
            .plan
            .files
            .iter()
            .filter(|file| file.standing_differs())
            .partition(|file| matches!(file.standing, Standing::Nothing | Standing::Directory));
        let access: Vec<&Staged> = self.plan.files.iter().filter(|file| file.access_is_wrong()).collect();
        let checked = self.checked;
        let idle = new.is_empty()
            && old.is_empty()
            && access.is_empty()
            && checked.missing.is_empty()
            && checked.loose.is_empty()
            && checked.remove.is_empty();
        if !idle {
            self.journal()?;
            if self.transaction.options.durable {
                // The journal as well as the files: names that outlive a loss of power must count as provc's.
                self.sync(self.staging.in_tree())?;
            }
            self.reserve()?;
        }
        // What may be refused comes before what is hard to take back.
        for directory in self.checked.loose.iter().copied() {
            self.loosened = true;
            self.set_mode(directory)?;
        }
        for file in access {
            self.fix_access(file)?;
        }
        let placing = &self.transaction.options.placing;
        let all = new.len() + old.len() + checked.remove.len();
        placing.total.store(all as u64, Ordering::Relaxed);
        self.remove(true)?;
        let new = self.place_whole(new)?;
        self.make_directories()?;
        self.place_new(&new)?;
        self.place_old(&old)?;
        self.remove(false)?;
        let directories = self.prune()?;
        let update = self.update(&directories);
        Ok(Settled { update, idle, touched: self.touched, spare: self.plan.spare.clone() })
    }

    /// What this build is about to own, as far as the manifest does not already say so.
    fn journal(&self) -> Result<(), Fault> {
        let known = |record: &Record<'_>| {
            self.transaction.manifest.find(record.path).is_some_and(|known| known.digest == record.digest)
        };
        let records: Vec<Record<'_>> =
            self.plan.files.iter().map(|file| file.record(None)).filter(|record| !known(record)).collect();
        let shares = self.shares(&records);
        let mut entries: Vec<Entry<'_>> = self.checked.missing.iter().copied().map(Entry::Made).collect();
        entries.sort_unstable();
        let journal = Parts { records, shares, entries, ..Parts::default() };
        save(&self.transaction.state, Kind::Journal.file(), &encode::seal(journal.encode(Kind::Journal)))
    }

    fn make_directories(&mut self) -> Result<(), Fault> {
        if self.transaction.made_root {
            self.set_access(self.tree.root(), 0o755).map_err(|e| self.fault(&e, "set the mode of", ""))?;
        }
        let mut parent = Parent::default();
        for directory in self.checked.missing.iter().copied() {
            let (above, name) = split(directory);
            let make = |parent: &mut Parent<'a>| -> io::Result<()> {
                let at = parent.at(self.tree, above)?;
                match fs::mkdirat(at, name, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => Ok(()),
                    Err(e) => Err(e.into()),
                }
            };
            make(&mut parent).map_err(|e| self.fault(&e, "create the directory", directory))?;
            self.made.push(directory);
        }
        self.checked.missing.iter().try_for_each(|directory| self.set_mode(directory))
    }

    fn set_mode(&self, directory: &str) -> Result<(), Fault> {
        let sensitive = self.plan.directories.get(directory).is_some_and(|need| need.sensitive);
        let set = self.tree.directory(directory);
        let set = set.and_then(|at| self.set_access(&at, directory_mode(sensitive)));
        set.map_err(|e| self.fault(&e, "set the mode of", directory))
    }

    pub(super) fn set_access(&self, directory: &OwnedFd, mode: u32) -> io::Result<()> {
        let found = fs::fstat(directory)?;
        if let Some(group) = self.staging.group().filter(|group| group.as_raw() != found.st_gid) {
            fs::fchown(directory, None, Some(group))?;
        }
        // Set-group-id on a directory is inherited from an administrator's.
        Ok(fs::fchmod(directory, Mode::from_raw_mode(found.st_mode & 0o7000 | mode))?)
    }

    fn fix_access(&mut self, file: &Staged) -> Result<(), Fault> {
        self.loosened = true;
        let fix = || -> io::Result<()> {
            let open = self.tree.file(file.path.as_str())?;
            // It may have gone since, or never have been looked at: then there is nothing to be set.
            if !open.metadata()?.is_file() {
                return Ok(());
            }
            give(&open, self.staging.group(), file.sensitive)
        };
        match fix().map_err(|e| Errno::from_io_error(&e).ok_or(e)) {
            Ok(()) | Err(Ok(Errno::NOENT | Errno::NOTDIR | Errno::LOOP)) => Ok(()),
            Err(Ok(errno)) => Err(self.fault(&errno.into(), "set the mode of", file.path.as_str())),
            Err(Err(e)) => Err(self.fault(&e, "set the mode of", file.path.as_str())),
        }
    }

    /// New files can be taken back, and are if one of them finds no room.
    fn place_new(&mut self, files: &[&'a Staged]) -> Result<(), Fault> {
        let (placed, error) = self.place(files);
        let Some((path, e)) = error else {
            self.touched += placed + self.whole.files();
            return Ok(());
        };
        let mut parent = Parent::default();
        for file in files.iter().take(placed) {
            let undone = parent
                .at(self.tree, file.path.parent())
                .and_then(|at| fs::unlinkat(at, file.path.name(), AtFlags::empty()).map_err(io::Error::from));
            self.touched += usize::from(undone.is_err());
        }
        if self.touched > 0 {
            self.touched += self.whole.files();
        }
        Err(self.fault(&e, "write", path))
    }

    fn place_old(&mut self, files: &[&'a Staged]) -> Result<(), Fault> {
        let (placed, error) = self.place(files);
        self.touched += placed;
        error.map_or(Ok(()), |(path, e)| Err(self.fault(&e, "replace", path)))
    }

    /// Renames files into place; how many were, and the first error. One thread does it: the kernel lets
    /// one rename between directories through at a time, and two threads were measured to be slower.
    fn place(&self, files: &[&'a Staged]) -> (usize, Option<(&'a str, io::Error)>) {
        let mut parent = Parent::default();
        for (i, file) in files.iter().enumerate() {
            if let Err(e) = self.place_one(&mut parent, file) {
                return (i, Some((file.path.as_str(), e)));
            }
            self.transaction.options.placing.done.fetch_add(1, Ordering::Relaxed);
        }
        (files.len(), None)
    }

    fn place_one(&self, parent: &mut Parent<'a>, file: &'a Staged) -> io::Result<()> {
        #[cfg(test)]
        stop::step(self.stop)?;
        let at = parent.at(self.tree, file.path.parent())?;
        let name = file.path.name();
        match &file.temp {
            // Nothing was written aside, so there is nothing to place.
            None => Ok(()),
            Some(Temp::Staging(temp)) => {
                if file.tighten {
                    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    let open = fs::openat(self.staging.root(), temp.as_str(), flags, Mode::empty())?;
                    give(&open.into(), self.staging.group(), file.sensitive)?;
                }
                match fs::renameat(self.staging.root(), temp.as_str(), at, name) {
                    Err(Errno::XDEV) => self.copy_across(temp, at, file),
                    other => Ok(other?),
                }
            }
            Some(Temp::Tree(directory, temp)) => {
                let from = self.tree.directory(directory)?;
                let open = fs::openat(
                    &from,
                    temp,
                    OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                    Mode::empty(),
                )?;
                give(&open.into(), self.staging.group(), file.sensitive)?;
                Ok(fs::renameat(&from, temp, at, name)?)
            }
        }
    }

    /// For a mount that looked like the state directory's own: the rename across it failed.
    fn copy_across(&self, temp: &str, at: &OwnedFd, file: &Staged) -> io::Result<()> {
        self.staging.mark().map_err(|fault| io::Error::other(fault.message))?;
        let name = format!("{}{}", self.staging.prefix(), temp.replace('/', "-"));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let copy = || -> io::Result<()> {
            let mut from = File::from(fs::openat(
                self.staging.root(),
                temp,
                OFlags::RDONLY | OFlags::CLOEXEC,
                Mode::empty(),
            )?);
            let mut to = File::from(fs::openat(at, &name, flags, Mode::RUSR | Mode::WUSR)?);
            io::copy(&mut from, &mut to)?;
            give(&to, self.staging.group(), file.sensitive)?;
            Ok(fs::renameat(at, &name, at, file.path.name())?)
        };
        copy().inspect_err(|_| {
            let _ = fs::unlinkat(at, &name, AtFlags::empty());
        })
    }

    /// Removes stale files: first those in the way of planned ones, with the directories that stand
    /// where a file is planned; the others at the end.
    fn remove(&mut self, in_the_way: bool) -> Result<(), Fault> {
        let mut parent = Parent::default();
        for (record, _) in self.checked.remove.iter().filter(|(_, way)| *way == in_the_way) {
            let (above, name) = split(record.path);
            #[cfg(test)]
            stop::step(self.stop).map_err(|e| self.fault(&e, "remove", record.path))?;
            let at = match parent.at(self.tree, above) {
                Err(e) if Errno::from_io_error(&e) == Some(Errno::NOENT) => continue,
                other => other.map_err(|e| self.fault(&e, "open", above))?,
            };
            match fs::unlinkat(at, name, AtFlags::empty()) {
                Ok(()) => self.touched += 1,
                Err(Errno::NOENT) => {}
                Err(e) => return Err(self.fault(&e.into(), "remove", record.path)),
            }
            self.transaction.options.placing.done.fetch_add(1, Ordering::Relaxed);
        }
        if in_the_way && self.plan.files.iter().any(|file| file.standing == Standing::Directory) {
            let becomes_file = |path: &str| self.plan.file(path).is_some();
            for directory in self.plan.made.iter().rev().copied() {
                if becomes_file(directory) || ancestors(directory).any(becomes_file) {
                    self.remove_directory(directory).map_err(|e| self.fault(&e, "remove", directory))?;
                }
            }
        }
        Ok(())
    }

    /// Removes directories of ours that no file needs and that are empty; returns those that are gone.
    fn prune(&self) -> Result<Vec<&'a str>, Fault> {
        let mut gone = Vec::new();
        for directory in self.plan.made.iter().rev().copied() {
            let needed = self.plan.directories.contains_key(directory);
            if !needed
                && !self.remove_directory(directory).map_err(|e| self.fault(&e, "remove", directory))?
            {
                gone.push(directory);
            }
        }
        gone.sort_unstable();
        Ok(gone)
    }

    /// Whether the directory stays, because there is something else in it.
    fn remove_directory(&self, directory: &str) -> io::Result<bool> {
        let (above, name) = split(directory);
        let removed = self
            .tree
            .directory(above)
            .and_then(|at| fs::unlinkat(&at, name, AtFlags::REMOVEDIR).map_err(io::Error::from));
        match removed.map_err(|e| Errno::from_io_error(&e).ok_or(e)) {
            Ok(()) | Err(Ok(Errno::NOENT | Errno::NOTDIR | Errno::LOOP)) => Ok(false),
            Err(Ok(Errno::NOTEMPTY | Errno::EXIST | Errno::BUSY)) => Ok(true),
            Err(Ok(errno)) => Err(errno.into()),
            Err(Err(e)) => Err(e),
        }
    }

    /// After an error before which nothing was placed: out/ as it was, and no claim to paths never written.
    fn take_back(&self) {
        for directory in self.made.iter().rev() {
            let _ = self.remove_directory(directory);
        }
        let journal = self.transaction.state.join(Kind::Journal.file());
        let _ = if self.loosened {
            // Modes are not what the manifest was written for: an empty journal makes the next build write it
            // anew, so that the pipeline does not take out/ for untouched.
            let empty = encode::seal(Parts::default().encode(Kind::Journal));
            save(&self.transaction.state, Kind::Journal.file(), &empty).map_err(|_| ())
        } else {
            std::fs::remove_file(journal).map_err(|_| ())
        };
        release(&self.transaction.state, Kind::Manifest.file());
    }

    fn sync(&self, both: bool) -> Result<(), Fault> {
        self.transaction.sync(self.tree, self.staging, both)
    }

    pub(super) fn fault(&self, error: &io::Error, doing: &str, path: &str) -> Fault {
        system(error, doing, &self.tree.shown(path))
    }
}

impl Staged {
    /// Whether the file has the right bytes, but not the right mode or group.
    pub(super) fn access_is_wrong(&self) -> bool {
        matches!(self.standing, Standing::Same { mode, group } if !group || mode != file_mode(self.sensitive).bits())
    }
}

/// Group first: changing it may clear bits of the mode.
fn give(file: &File, group: Option<Gid>, sensitive: bool) -> io::Result<()> {
    if group.is_some() {
        fs::fchown(file, None, group)?;
    }
    Ok(fs::fchmod(file, file_mode(sensitive))?)
}
