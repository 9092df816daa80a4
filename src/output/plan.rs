//! What a commit is to do, worked out from the staged files and the earlier builds alone: one file for each
//! path, the directories they need, what stays for others and what is stale. Touches no disk.
//!
//! A partial commit asks the manifest only for what its owners have and for what is at and around the
//! planned paths, so that it costs what it changes and not what there is.

use std::collections::{BTreeMap, BTreeSet};

use rayon::slice::ParallelSliceMut as _;

use super::manifest::{Manifest, Tally};
use super::path::{ancestors, split};
use super::record::{Claim, OwnerRef, Record};
use super::staging::{Staged, Standing, Temp, file_mode};
use super::{Failed, OutPath, Owner, Scope, codes};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// The work of a commit.
pub(super) struct Plan<'a> {
    /// One for each path, sorted.
    pub(super) files: Vec<Staged>,
    /// Temporaries of equal files that lost to another owner's.
    pub(super) spare: Vec<Temp>,
    /// Owners of files that differ from what is in out/.
    pub(super) changed: BTreeSet<Owner>,
    /// Files that stay though nobody plans them: those of failed owners. In a partial commit, where all
    /// that is not stale stays, none is listed.
    pub(super) kept: Vec<Record<'a>>,
    /// Files that no one plans any more.
    pub(super) stale: Vec<Record<'a>>,
    /// Directories that must exist or may have to change, without out/ itself.
    pub(super) directories: BTreeMap<String, Need>,
    /// Directories that earlier builds made, as far as they may no longer be needed; sorted.
    pub(super) made: Vec<&'a str>,
    /// Whether only some owners' files are spoken of.
    pub(super) partial: bool,
    /// Whether other shards are at work: what they plan is not known.
    pub(super) shard: bool,
    /// How many files of earlier builds this plan could remove: all, or those of a shard's owners.
    pub(super) owned: usize,
}

/// What a directory is needed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Need {
    /// Whether all below it is sensitive.
    pub(super) sensitive: bool,
    /// Whether it must exist; else it only gets its mode.
    pub(super) exist: bool,
}

impl<'a> Plan<'a> {
    /// Makes the plan; mistakes go to `problems`. Without `trusted` no file is stale.
    pub(super) fn new(
        staged: Vec<Staged>,
        manifest: &'a Manifest,
        scope: &Scope,
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
            made: Vec::new(),
            partial: !matches!(scope, Scope::All(_)),
            shard: matches!(scope, Scope::Shard { .. }),
            owned: manifest.len(),
        };
        plan.unite(staged, problems);
        let Failed { owners, inputs_incomplete } = scope.failed();
        let failed = owners.iter().map(Owner::as_ref).collect();
        let stays = Stays { all: *inputs_incomplete || !trusted, failed };
        match scope {
            Scope::All(_) => {
                plan.made = manifest.directories();
                plan.sort_out(manifest, &stays);
                plan.need_directories();
                plan.check_directories(problems);
            }
            Scope::Only { owners, .. } | Scope::Shard { owners, .. } => {
                plan.sort_out_some(manifest, owners, &stays, problems);
            }
        }
        plan
    }

    /// The planned file at `path`.
    pub(super) fn file(&self, path: &str) -> Option<&Staged> {
        self.files.get(self.position(path)?)
    }

    fn position(&self, path: &str) -> Option<usize> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()
    }

    /// One file for each path. Owners who plan the same bytes share it: the first of them owns it, and it is
    /// sensitive if it is so for any of them.
    fn unite(&mut self, mut staged: Vec<Staged>, problems: &mut Diagnostics) {
        staged.par_sort_by(|a, b| (&a.path, &a.owner).cmp(&(&b.path, &b.owner)));
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

    /// Every record of earlier builds is planned again, stays, or is stale.
    fn sort_out(&mut self, manifest: &'a Manifest, stays: &Stays<'_>) {
        let mut refitted = Vec::new();
        for record in manifest.iter() {
            let planned = self.position(record.path);
            if stays.nobody() {
                if planned.is_none() {
                    self.stale.push(record);
                }
                continue;
            }
            let all = manifest.claims(&record);
            let stay: Vec<Claim<'_>> = all.iter().copied().filter(|claim| stays.of(claim.0)).collect();
            if let Some(file) = planned.and_then(|at| self.files.get_mut(at)) {
                if file.digest == record.digest && file.size == record.size {
                    file.join(&stay);
                }
            } else if stay.is_empty() {
                self.stale.push(record);
            } else if stay.len() == all.len() {
                self.kept.push(record);
            } else {
                refitted.extend(refit(&record, &stay));
            }
        }
        self.add(refitted);
    }

    /// The same for the records of some owners, and what their files meet of the others'.
    fn sort_out_some(
        &mut self,
        manifest: &'a Manifest,
        owners: &BTreeSet<Owner>,
        stays: &Stays<'_>,
        problems: &mut Diagnostics,
    ) {
        let theirs: BTreeSet<OwnerRef<'_>> = owners.iter().map(Owner::as_ref).collect();
        for file in &mut self.files {
            let Some(record) = manifest.find(file.path.as_str()) else { continue };
            let all = manifest.claims(&record);
            let planning = |claim: &Claim<'_>| file.is_claimed_by(claim.0);
            let mut others = all
                .into_iter()
                .filter(|claim| !planning(claim) && (stays.of(claim.0) || !theirs.contains(&claim.0)))
                .collect::<Vec<_>>();
            if file.digest != record.digest || file.size != record.size {
                // What failed owners had there gives way, as in a full build.
                others.retain(|claim| !stays.failed.contains(&claim.0) && !theirs.contains(&claim.0));
                if let Some(other) = others.first().filter(|_| !self.shard) {
                    problems.push(collides(&file.path, other.0, file.owner.as_ref()));
                }
            } else {
                file.join(&others);
            }
        }
        let mut refitted = Vec::new();
        let known = manifest.of_owners(owners);
        if self.shard {
            self.owned = known.len();
        }
        for record in known {
            if self.position(record.path).is_some() {
                continue;
            }
            let all = manifest.claims(&record);
            let stay: Vec<Claim<'_>> =
                all.iter().copied().filter(|c| stays.of(c.0) || !theirs.contains(&c.0)).collect();
            if stay.is_empty() {
                self.stale.push(record);
            } else if stay.len() < all.len() {
                refitted.extend(refit(&record, &stay));
            }
        }
        self.add(refitted);
        self.around(manifest, problems);
    }

    fn add(&mut self, files: Vec<Staged>) {
        if !files.is_empty() {
            self.files.extend(files);
            self.files.sort_by(|a, b| a.path.cmp(&b.path));
        }
    }

    fn need_directories(&mut self) {
        let planned = self.files.iter().map(|file| (file.path.as_str(), file.sensitive));
        let kept = self.kept.iter().map(|record| (record.path, record.sensitive));
        let mut last = ("", true);
        for (path, sensitive) in planned.chain(kept) {
            let parent = split(path).0;
            // Most files lie beside the one before.
            if last == (parent, sensitive) {
                continue;
            }
            last = (parent, sensitive);
            for directory in ancestors(path) {
                match self.directories.get_mut(directory) {
                    Some(need) => need.sensitive &= sensitive,
                    None => {
                        self.directories.insert(directory.to_owned(), Need { sensitive, exist: true });
                    }
                }
            }
        }
    }

    fn check_directories(&self, problems: &mut Diagnostics) {
        for directory in self.directories.keys() {
            let owner = self.file(directory).map(|file| file.owner.as_ref()).or_else(|| {
                let kept = self.kept.binary_search_by(|record| record.path.cmp(directory)).ok()?;
                self.kept.get(kept).map(|record| record.owner)
            });
            if let Some(owner) = owner {
                problems.push(self.file_and_directory(directory, owner));
            }
        }
    }

    /// A partial commit's directories, from how many files are below each before and after.
    fn around(&mut self, manifest: &'a Manifest, problems: &mut Diagnostics) {
        let mut below: BTreeMap<&str, Tally> = BTreeMap::new();
        let mut exist: BTreeSet<&str> = BTreeSet::new();
        for file in &self.files {
            let path = file.path.as_str();
            let known = manifest.find(path);
            for directory in ancestors(path) {
                let tally = below.entry(directory).or_insert_with(|| manifest.below(directory));
                if let Some(record) = known {
                    tally.remove(record.sensitive);
                }
                tally.add(file.sensitive);
                exist.insert(directory);
            }
            if known.is_none() {
                below.entry(path).or_insert_with(|| manifest.below(path));
            }
        }
        for record in &self.stale {
            for directory in ancestors(record.path) {
                let tally = below.entry(directory).or_insert_with(|| manifest.below(directory));
                tally.remove(record.sensitive);
            }
        }
        let is_stale = |path: &str| self.stale.binary_search_by(|record| record.path.cmp(path)).is_ok();
        for (path, tally) in &below {
            if tally.files == 0 {
                continue;
            }
            let kept = || manifest.find(path).filter(|_| !is_stale(path)).map(|record| record.owner);
            if let Some(owner) = self.file(path).map(|file| file.owner.as_ref()).or_else(kept) {
                problems.push(self.file_and_directory(path, owner));
            }
        }
        let needed = below.iter().filter(|(_, tally)| tally.files > 0);
        self.directories = needed
            .map(|(path, tally)| {
                let need = Need { sensitive: tally.open == 0, exist: exist.contains(path) };
                ((*path).to_owned(), need)
            })
            .collect();
        // Only above what was removed can a directory have become empty.
        let stale = self.stale.iter().flat_map(|record| ancestors(record.path));
        let mut made: BTreeSet<&'a str> = stale.filter(|directory| manifest.made(directory)).collect();
        let in_the_way =
            |path: &str| self.file(path).is_some_and(|file| file.standing == Standing::Directory);
        if self.files.iter().any(|file| file.standing == Standing::Directory) {
            let all = manifest.directories().into_iter();
            made.extend(all.filter(|path| in_the_way(path) || ancestors(path).any(in_the_way)));
        }
        self.made = made.into_iter().collect();
    }

    fn file_and_directory(&self, directory: &str, owner: OwnerRef<'_>) -> Diagnostic {
        let inside = format!("{directory}/");
        let below = self.files.partition_point(|file| *file.path.as_str() < *inside);
        let other = self.files.get(below).filter(|file| file.path.as_str().starts_with(&inside));
        let owner = owner.to_owner();
        let other = other.map_or_else(
            || "a file that stays is below it".to_owned(),
            |file| format!("{} plans `{}`, which is below it", file.owner, file.path),
        );
        let message = format!("`{directory}` is a file of {owner}, but {other}");
        let help = if self.shard {
            "give one of them another path; if one is no longer planned, build once without --shard"
        } else {
            "give one of them another path"
        };
        of(&owner, Diagnostic::error(codes::FILE_AND_DIRECTORY, message)).help(help)
    }
}

/// Whose files stay though they are not planned.
struct Stays<'s> {
    all: bool,
    failed: BTreeSet<OwnerRef<'s>>,
}

impl Stays<'_> {
    fn nobody(&self) -> bool {
        !self.all && self.failed.is_empty()
    }

    fn of(&self, owner: OwnerRef<'_>) -> bool {
        self.all || self.failed.contains(&owner)
    }
}

impl Staged {
    /// Whether the file in out/ has other bytes.
    pub(super) fn standing_differs(&self) -> bool {
        !matches!(self.standing, Standing::Same { .. })
    }

    fn is_claimed_by(&self, owner: OwnerRef<'_>) -> bool {
        self.owner.as_ref() == owner || self.claims.iter().any(|claim| claim.0.as_ref() == owner)
    }

    /// Joins an equal file of another owner; returns the temporary that is not needed.
    fn share(&mut self, other: Self) -> Option<Temp> {
        self.claim(other.owner.as_ref(), other.sensitive);
        if other.sensitive && !self.sensitive {
            // The other's temporary has the stricter mode.
            self.sensitive = true;
            self.standing = other.standing;
            self.stamp = other.stamp;
            std::mem::replace(&mut self.temp, other.temp)
        } else {
            other.temp
        }
    }

    /// Joins owners who had the same file before and are not asked now.
    fn join(&mut self, others: &[Claim<'_>]) {
        for (owner, sensitive) in others {
            if self.is_claimed_by(*owner) {
                continue;
            }
            self.claim(*owner, *sensitive);
            if *sensitive && !self.sensitive {
                self.sensitive = true;
                self.tighten = true;
            }
        }
        if let Some((first, _)) = self.claims.first() {
            self.owner = first.clone();
        }
    }

    /// Adds an owner, in order. The claims come before `sensitive` becomes that of all of them.
    fn claim(&mut self, owner: OwnerRef<'_>, sensitive: bool) {
        if self.claims.is_empty() {
            if self.owner.as_ref() == owner {
                return;
            }
            self.claims.push((self.owner.clone(), self.sensitive));
        }
        match self.claims.binary_search_by(|claim| claim.0.as_ref().cmp(&owner)) {
            Ok(at) => {
                if let Some(claim) = self.claims.get_mut(at) {
                    claim.1 |= sensitive;
                }
            }
            Err(at) => self.claims.insert(at, (owner.to_owner(), sensitive)),
        }
    }
}

/// A file that loses some of its owners, and perhaps its secrecy with them.
fn refit(record: &Record<'_>, stay: &[Claim<'_>]) -> Option<Staged> {
    let (first, sensitive) = stay.first().copied()?;
    let mut file = Staged {
        // A record's path was checked when the table was read.
        path: OutPath::new(record.path).ok()?,
        owner: first.to_owner(),
        digest: record.digest,
        size: record.size,
        sensitive,
        standing: Standing::Same { mode: file_mode(record.sensitive).bits(), group: true },
        temp: None,
        stamp: record.stamp,
        claims: Vec::new(),
        tighten: false,
    };
    file.join(stay);
    Some(file)
}

/// Marks a mistake with the device it concerns, if it is one's.
pub(super) fn of(owner: &Owner, diagnostic: Diagnostic) -> Diagnostic {
    match owner {
        Owner::Device(id) => diagnostic.device(id),
        _ => diagnostic,
    }
}

fn collision(first: &Staged, second: &Staged) -> Diagnostic {
    if first.owner != second.owner {
        return collides(&first.path, first.owner.as_ref(), second.owner.as_ref());
    }
    let message = format!("{} plans `{}` twice, with different content", first.owner, first.path);
    of(&second.owner, Diagnostic::error(codes::COLLISION, message)).help("give one of them another path")
}

pub(super) fn collides(path: &OutPath, one: OwnerRef<'_>, other: OwnerRef<'_>) -> Diagnostic {
    let (first, second) = (one.min(other).to_owner(), one.max(other).to_owner());
    let message = format!("{first} and {second} both plan `{path}`, with different content");
    of(&second, Diagnostic::error(codes::COLLISION, message)).help("give one of them another path")
}
