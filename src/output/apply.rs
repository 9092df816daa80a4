//! Making the plan true.
//!
//! The order is what makes a crash harmless: the journal first, so that whatever is renamed counts as
//! provc's own; room for the manifest, so that a full disk does not end the build half-way; new files before replaced ones, because only they need room in directories and they can be
//! taken back; removals after all is in place; the manifest; and the end of the journal last.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{self, AtFlags, Gid, Mode, OFlags};
use rustix::io::Errno;

use super::checks::{Checked, directory_mode};
use super::errors::{Fault, system};
use super::path::{TEMP_PREFIX, ancestors, split};
use super::plan::Plan;
use super::staging::{MARKER, Staged, Staging, Standing, Temp, file_mode};
use super::state::Transaction;
#[cfg(test)]
use super::stop;
use super::table::{Kind, Record, Table};
use super::tree::{Tree, volume};

/// Applies a plan that passed all checks.
pub(super) fn apply(
    transaction: &Transaction,
    tree: &Tree,
    staging: &Staging,
    plan: &Plan<'_>,
    checked: &Checked<'_>,
) -> Result<(), Fault> {
    let mut apply = Apply {
        transaction,
        tree,
        staging,
        plan,
        checked,
        made: Vec::new(),
        touched: 0,
        #[cfg(test)]
        stop: stop::stop(),
    };
    let result = apply.run();
    if result.is_err() && apply.touched == 0 {
        apply.take_back();
    }
    result.map_err(|mut fault| {
        fault.notes.push(match apply.touched {
            0 => "nothing below out/ was changed".to_owned(),
            n => format!(
                "{n} files were already placed or removed; each file is complete, old or new, and the next build does the rest"
            ),
        });
        fault
    })
}

struct Apply<'a> {
    transaction: &'a Transaction,
    tree: &'a Tree,
    staging: &'a Staging,
    plan: &'a Plan<'a>,
    checked: &'a Checked<'a>,
    /// Directories made so far.
    made: Vec<&'a str>,
    /// Files changed so far that cannot be changed back.
    touched: usize,
    #[cfg(test)]
    stop: Option<stop::Stop>,
}

impl<'a> Apply<'a> {
    fn run(&mut self) -> Result<(), Fault> {
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
        if self.transaction.options.durable && !idle {
            self.sync(self.staging.in_tree())?;
        }
        if !idle {
            self.journal()?;
            self.reserve_manifest()?;
        }
        // What may be refused comes before what is hard to take back.
        for directory in self.checked.loose.iter().copied() {
            self.set_mode(directory)?;
        }
        for file in access {
            self.fix_access(file)?;
        }
        self.remove(true)?;
        self.make_directories()?;
        self.place_new(&new)?;
        self.place_old(&old)?;
        self.remove(false)?;
        let directories = self.prune()?;
        self.manifest(&directories)?;
        if self.transaction.options.durable && !idle {
            self.sync(volume(self.tree.root()).ok() != volume(self.staging.root()).ok())?;
        }
        self.finish(!idle)
    }

    /// What this build is about to own, as far as the manifest does not already say so.
    fn journal(&self) -> Result<(), Fault> {
        let known = |record: &Record<'_>| {
            self.transaction.manifest.find(record.path).is_some_and(|known| known.digest == record.digest)
        };
        let records: Vec<Record<'_>> =
            self.plan.files.iter().map(Staged::record).filter(|record| !known(record)).collect();
        let bytes = Table::encode(Kind::Journal, &records, &self.checked.missing);
        self.transaction.save(Kind::Journal.file(), &bytes)
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
        let sensitive = self.plan.directories.get(directory).copied().unwrap_or(false);
        let set = self.tree.directory(directory);
        let set = set.and_then(|at| self.set_access(&at, directory_mode(sensitive)));
        set.map_err(|e| self.fault(&e, "set the mode of", directory))
    }

    fn set_access(&self, directory: &OwnedFd, mode: u32) -> io::Result<()> {
        let found = fs::fstat(directory)?;
        if let Some(group) = self.staging.group().filter(|group| group.as_raw() != found.st_gid) {
            fs::fchown(directory, None, Some(group))?;
        }
        // Set-group-id on a directory is inherited from an administrator's.
        Ok(fs::fchmod(directory, Mode::from_raw_mode(found.st_mode & 0o7000 | mode))?)
    }

    fn fix_access(&self, file: &Staged) -> Result<(), Fault> {
        let fix = || -> io::Result<()> {
            let open = self.tree.file(file.path.as_str())?;
            give(&open, self.staging.group(), file.sensitive)
        };
        fix().map_err(|e| self.fault(&e, "set the mode of", file.path.as_str()))
    }

    /// New files can be taken back, and are if one of them finds no room.
    fn place_new(&mut self, files: &[&'a Staged]) -> Result<(), Fault> {
        let (placed, error) = self.place(files);
        let Some((path, e)) = error else {
            self.touched += placed;
            return Ok(());
        };
        let mut parent = Parent::default();
        for file in files.iter().take(placed) {
            let undone = parent
                .at(self.tree, file.path.parent())
                .and_then(|at| fs::unlinkat(at, file.path.name(), AtFlags::empty()).map_err(io::Error::from));
            self.touched += usize::from(undone.is_err());
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
            Some(Temp::Staging(temp)) => match fs::renameat(self.staging.root(), temp.as_str(), at, name) {
                Err(Errno::XDEV) => self.copy_across(temp, at, file),
                other => Ok(other?),
            },
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
        let name = format!("{TEMP_PREFIX}{}", temp.replace('/', "-"));
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
            let at = match parent.at(self.tree, above) {
                Err(e) if Errno::from_io_error(&e) == Some(Errno::NOENT) => continue,
                other => other.map_err(|e| self.fault(&e, "open", above))?,
            };
            match fs::unlinkat(at, name, AtFlags::empty()) {
                Ok(()) => self.touched += 1,
                Err(Errno::NOENT) => {}
                Err(e) => return Err(self.fault(&e.into(), "remove", record.path)),
            }
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

    /// Removes directories of ours that no file needs and that are empty; returns those of ours that stay.
    fn prune(&self) -> Result<Vec<&'a str>, Fault> {
        let mut stay: Vec<&str> = self.made.clone();
        for directory in self.plan.made.iter().rev().copied() {
            let needed = self.plan.directories.contains_key(directory);
            if needed || self.remove_directory(directory).map_err(|e| self.fault(&e, "remove", directory))? {
                stay.push(directory);
            }
        }
        stay.sort_unstable();
        stay.dedup();
        Ok(stay)
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

    /// With all directories that could be in it: which of them stay is only known in the end.
    fn reserve_manifest(&self) -> Result<(), Fault> {
        let mut directories: Vec<&str> = self.plan.made.iter().copied().collect();
        directories.extend(&self.checked.missing);
        directories.sort_unstable();
        directories.dedup();
        self.transaction.reserve(Kind::Manifest.file(), &self.encode_manifest(&directories))
    }

    fn manifest(&self, directories: &[&str]) -> Result<(), Fault> {
        let bytes = self.encode_manifest(directories);
        if self.transaction.manifest.is(&bytes) {
            self.transaction.release(Kind::Manifest.file());
            return Ok(());
        }
        self.transaction.save(Kind::Manifest.file(), &bytes)
    }

    fn encode_manifest(&self, directories: &[&str]) -> Vec<u8> {
        let mut records: Vec<Record<'_>> = self.plan.files.iter().map(Staged::record).collect();
        records.extend(&self.plan.kept);
        records.sort_by_key(|record| record.path);
        Table::encode(Kind::Manifest, &records, directories)
    }

    fn finish(&self, journal: bool) -> Result<(), Fault> {
        for temp in self.plan.spare.iter().filter(|temp| matches!(temp, Temp::Tree(..))) {
            self.staging.discard(self.tree, temp);
        }
        let gone = [(self.staging.in_tree(), MARKER), (journal, Kind::Journal.file())];
        for (_, name) in gone.into_iter().filter(|(there, _)| *there) {
            let path = self.transaction.state.join(name);
            std::fs::remove_file(&path).map_err(|e| system(&e, "remove", &path))?;
        }
        Ok(())
    }

    /// After an error before which nothing was placed: out/ as it was, and no claim to paths never written.
    fn take_back(&self) {
        for directory in self.made.iter().rev() {
            let _ = self.remove_directory(directory);
        }
        let _ = std::fs::remove_file(self.transaction.state.join(Kind::Journal.file()));
        self.transaction.release(Kind::Manifest.file());
    }

    fn sync(&self, both: bool) -> Result<(), Fault> {
        fs::syncfs(self.staging.root()).map_err(|e| system(&e.into(), "sync", &self.transaction.state))?;
        if both {
            fs::syncfs(self.tree.root()).map_err(|e| self.fault(&e.into(), "sync", ""))?;
        }
        Ok(())
    }

    fn fault(&self, error: &io::Error, doing: &str, path: &str) -> Fault {
        system(error, doing, &self.tree.shown(path))
    }
}

impl Staged {
    fn record(&self) -> Record<'_> {
        Record {
            path: self.path.as_str(),
            digest: self.digest,
            size: self.size,
            sensitive: self.sensitive,
            owner: &self.owner,
        }
    }

    /// Whether the file has the right bytes, but not the right mode or group.
    pub(super) fn access_is_wrong(&self) -> bool {
        self.standing == Standing::Same { access: false }
    }
}

/// Group first: changing it may clear bits of the mode.
fn give(file: &File, group: Option<Gid>, sensitive: bool) -> io::Result<()> {
    if group.is_some() {
        fs::fchown(file, None, group)?;
    }
    Ok(fs::fchmod(file, file_mode(sensitive))?)
}

/// The directory last used, open: files are sorted, so it is mostly the next one's too.
#[derive(Default)]
struct Parent<'a> {
    open: Option<(&'a str, OwnedFd)>,
}

impl<'a> Parent<'a> {
    fn at(&mut self, tree: &Tree, path: &'a str) -> io::Result<&OwnedFd> {
        let open = match self.open.take() {
            Some((last, open)) if last == path => open,
            _ => tree.directory(path)?,
        };
        Ok(&self.open.insert((path, open)).1)
    }
}
