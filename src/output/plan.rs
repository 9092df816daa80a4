//! What a commit is to do, worked out from the staged files and the earlier builds alone: one file for each
//! path, the directories they need, what stays for failed owners and what is stale. Touches no disk.

use std::collections::{BTreeMap, BTreeSet};

use super::path::ancestors;
use super::staging::{Staged, Standing, Temp};
use super::table::{Record, Table};
use super::{Failed, Owner, codes};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// The work of a commit.
pub(super) struct Plan<'a> {
    /// One for each path, sorted.
    pub(super) files: Vec<Staged>,
    /// Temporaries of equal files that lost to another owner's.
    pub(super) spare: Vec<Temp>,
    /// Owners of files that differ from what is in out/.
    pub(super) changed: BTreeSet<Owner>,
    /// Files of failed owners, which stay.
    pub(super) kept: Vec<Record<'a>>,
    /// Files that no one plans any more.
    pub(super) stale: Vec<Record<'a>>,
    /// Directories that must exist, without out/ itself, and whether all below them is sensitive.
    pub(super) directories: BTreeMap<String, bool>,
    /// Directories that earlier builds made.
    pub(super) made: BTreeSet<&'a str>,
}

impl<'a> Plan<'a> {
    /// Makes the plan; mistakes go to `problems`. Without `trusted` no file is stale.
    pub(super) fn new(
        staged: Vec<Staged>,
        manifest: &'a Table,
        failed: &Failed,
        trusted: bool,
        problems: &mut Diagnostics,
    ) -> Self {
        let mut plan = Self {
            files: Vec::with_capacity(staged.len()),
            spare: Vec::new(),
            changed: BTreeSet::new(),
            kept: Vec::new(),
            stale: Vec::new(),
            directories: BTreeMap::new(),
            made: manifest.directories().collect(),
        };
        plan.unite(staged, problems);
        let all_stay = failed.inputs_incomplete || !trusted;
        for record in manifest.iter() {
            if plan.file(record.path).is_some() {
                continue;
            }
            let stays = all_stay || failed.owners.contains(record.owner);
            if stays { plan.kept.push(record) } else { plan.stale.push(record) }
        }
        plan.need_directories();
        plan.check_directories(problems);
        plan
    }

    /// The planned file at `path`.
    pub(super) fn file(&self, path: &str) -> Option<&Staged> {
        let found = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        self.files.get(found)
    }

    /// One file for each path. Owners who plan the same bytes share it: the first of them owns it, and it is
    /// sensitive if it is so for any of them.
    fn unite(&mut self, mut staged: Vec<Staged>, problems: &mut Diagnostics) {
        staged.sort_by(|a, b| (&a.path, &a.owner).cmp(&(&b.path, &b.owner)));
        for next in staged {
            if next.standing_differs() {
                self.changed.insert(next.owner.clone());
            }
            match self.files.last_mut() {
                Some(first) if first.path == next.path => {
                    if first.digest != next.digest || first.size != next.size {
                        problems.push(collision(first, &next));
                    }
                    self.spare.extend(first.share(next));
                }
                _ => self.files.push(next),
            }
        }
    }

    fn need_directories(&mut self) {
        let planned = self.files.iter().map(|file| (file.path.as_str(), file.sensitive));
        let kept = self.kept.iter().map(|record| (record.path, record.sensitive));
        let mut last = ("", true);
        for (path, sensitive) in planned.chain(kept) {
            let parent = super::path::split(path).0;
            // Most files lie beside the one before.
            if last == (parent, sensitive) {
                continue;
            }
            last = (parent, sensitive);
            for directory in ancestors(path) {
                match self.directories.get_mut(directory) {
                    Some(all) => *all &= sensitive,
                    None => drop(self.directories.insert(directory.to_owned(), sensitive)),
                }
            }
        }
    }

    fn check_directories(&self, problems: &mut Diagnostics) {
        for directory in self.directories.keys() {
            let owner = self.file(directory).map(|file| &file.owner).or_else(|| {
                let kept = self.kept.binary_search_by(|record| record.path.cmp(directory)).ok()?;
                self.kept.get(kept).map(|record| record.owner)
            });
            let Some(owner) = owner else { continue };
            let inside = format!("{directory}/");
            let below = self.files.partition_point(|file| *file.path.as_str() < *inside);
            let other = self.files.get(below).filter(|file| file.path.as_str().starts_with(&inside));
            let other = other.map_or_else(
                || "a file that stays is below it".to_owned(),
                |file| format!("{} plans `{}`, which is below it", file.owner, file.path),
            );
            problems.push(
                of(
                    owner,
                    Diagnostic::error(
                        codes::FILE_AND_DIRECTORY,
                        format!("`{directory}` is a file of {owner}, but {other}"),
                    ),
                )
                .help("give one of them another path"),
            );
        }
    }
}

impl Staged {
    /// Whether the file in out/ has other bytes.
    pub(super) fn standing_differs(&self) -> bool {
        !matches!(self.standing, Standing::Same { .. })
    }

    /// Joins an equal file of another owner; returns the temporary that is not needed.
    fn share(&mut self, other: Self) -> Option<Temp> {
        if other.sensitive && !self.sensitive {
            // The other's temporary has the stricter mode.
            self.sensitive = true;
            self.standing = other.standing;
            std::mem::replace(&mut self.temp, other.temp)
        } else {
            other.temp
        }
    }
}

/// Marks a mistake with the device it concerns, if it is one's.
pub(super) fn of(owner: &Owner, diagnostic: Diagnostic) -> Diagnostic {
    match owner {
        Owner::Device(id) => diagnostic.device(id),
        _ => diagnostic,
    }
}

fn collision(first: &Staged, second: &Staged) -> Diagnostic {
    let path = &first.path;
    let message = if first.owner == second.owner {
        format!("{} plans `{path}` twice, with different content", first.owner)
    } else {
        format!("{} and {} both plan `{path}`, with different content", first.owner, second.owner)
    };
    of(&second.owner, Diagnostic::error(codes::COLLISION, message)).help("give one of them another path")
}
