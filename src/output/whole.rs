//! Placing directories that were written whole: one rename for all that is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::Ordering;

use rustix::fs::{self, Mode};
use rustix::io::Errno;

use super::apply::Apply;
use super::checks::directory_mode;
use super::errors::Fault;
use super::fresh;
use super::path::{ancestors, split};
use super::staging::{Staged, Temp};
#[cfg(test)]
use super::stop;
use super::tree::OPEN_DIRECTORY;

/// What was placed so.
#[derive(Default)]
pub(super) struct Whole {
    /// The directories, with the number of files in each.
    placed: BTreeMap<Box<str>, usize>,
    /// What the file system's clock said before the first of them.
    moment: i64,
}

impl Whole {
    /// Whether the file came with one of the directories.
    pub(super) fn has(&self, file: &Staged) -> bool {
        !self.placed.is_empty() && ancestors(file.path.as_str()).any(|above| self.placed.contains_key(above))
    }

    /// Until when nobody could reach any of the files: what the file system's clock said.
    pub(super) fn moment(&self) -> i64 {
        self.moment
    }

    /// How many files.
    pub(super) fn files(&self) -> usize {
        self.placed.values().sum()
    }
}

impl<'a> Apply<'a> {
    /// Places the directories of which the staging directory holds just what is planned; returns the files
    /// that are to be placed one by one.
    pub(super) fn place_whole(&mut self, files: Vec<&'a Staged>) -> Result<Vec<&'a Staged>, Fault> {
        let mut tops = self.staging.fresh().tops();
        if tops.is_empty() {
            return Ok(files);
        }
        let missing: BTreeSet<&str> = self.checked.missing.iter().copied().collect();
        tops.retain(|top, _| missing.contains(&**top));
        let mut planned: BTreeMap<&str, usize> = BTreeMap::new();
        for file in &files {
            let path = file.path.as_str();
            let Some(top) = ancestors(path).find(|above| tops.contains_key(*above)) else { continue };
            let as_it_is = matches!(&file.temp, Some(Temp::Staging(temp)) if *temp == fresh::below(path));
            if as_it_is && !file.tighten {
                *planned.entry(top).or_default() += 1;
            } else {
                // One that is not there, or not as it should be: then all are placed one by one.
                tops.remove(&*top.to_owned());
            }
        }
        tops.retain(|top, written| planned.get(&**top).is_some_and(|planned| *planned as u64 == *written));
        if tops.is_empty() {
            return Ok(files);
        }
        // Without a clock no stamp is worth anything.
        self.whole.moment = self.staging.now().unwrap_or(0);
        for (top, written) in tops {
            #[cfg(test)]
            stop::step(self.stop).map_err(|e| self.fault(&e, "create the directory", &top))?;
            if self.place_directory(&top).is_ok() {
                self.transaction.options.placing.done.fetch_add(written, Ordering::Relaxed);
                self.whole.placed.insert(top, usize::try_from(written).unwrap_or(usize::MAX));
            }
        }
        Ok(files.into_iter().filter(|file| !self.whole.has(file)).collect())
    }

    /// Whatever goes wrong here, the files are still where they can be renamed from one by one.
    fn place_directory(&self, top: &str) -> io::Result<()> {
        let inside = |directory: &str| {
            directory.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        // Others may sort between a directory and what is in it, but their names begin alike.
        let alike =
            self.plan.directories.range(top.to_owned()..).take_while(|(path, _)| path.starts_with(top));
        for (directory, need) in alike.filter(|(path, _)| inside(path)) {
            match fs::openat(self.staging.root(), fresh::below(directory), OPEN_DIRECTORY, Mode::empty()) {
                // One for files that stay is made later.
                Err(Errno::NOENT) => {}
                other => self.set_access(&other?, directory_mode(need.sensitive))?,
            }
        }
        let (above, name) = split(top);
        let above = self.tree.directory(above)?;
        Ok(fs::renameat(self.staging.root(), fresh::below(top), above, name)?)
    }

    /// After an error before which nothing else was placed: the directories go back to where they were.
    /// How many files stay because theirs would not.
    pub(super) fn take_back_whole(&self) -> usize {
        let placed = self.whole.placed.iter();
        let stay = placed.filter(|(top, _)| {
            let (above, name) = split(top);
            let back = self
                .tree
                .directory(above)
                .and_then(|above| Ok(fs::renameat(above, name, self.staging.root(), fresh::below(top))?));
            back.is_err()
        });
        stay.map(|(_, files)| files).sum()
    }
}
