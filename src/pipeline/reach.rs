//! Whom a change reaches.
//!
//! A change spreads against the direction of references: from a line to the layouts, profiles and devices
//! that name it, from a profile to those that extend or use it. What is then needed to resolve the devices
//! found, their profiles, lines and so on, lies in the direction of references, and with it the files that
//! have to be read. Whatever cannot be told from numbers alone is [`Beyond`] this.

use std::collections::BTreeSet;

use rayon::prelude::*;
use wildmatch::WildMatch;

use super::difference::Difference;
use super::index::{Index, Record};
use crate::inventory::schema::SITE;
use crate::inventory::summary::{EntryKind, is_secret, key};

/// What a build of some devices has to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// The keys of the devices to be built, sorted.
    pub devices: Vec<u64>,
    /// MACs and ids of the devices that are gone.
    pub gone: Vec<String>,
    /// The keys of all entries that are gone, sorted.
    pub removed: Vec<u64>,
    /// How many devices there are.
    pub count: usize,
    /// The keys of all entries that these need, the devices themselves included, sorted.
    pub needed: Vec<u64>,
    /// The keys of the secrets that these name, sorted.
    pub secrets: Vec<u64>,
    /// The numbers of the files that define them.
    pub files: BTreeSet<u32>,
}

/// Why nobody can tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beyond {
    /// Everything has to be built.
    All,
    /// The whole index is needed, and there is only some of it.
    Index,
}

/// The index as it was, and what some files define otherwise now.
struct View<'a> {
    was: &'a Index,
    now: Index,
    difference: &'a Difference,
}

impl<'a> View<'a> {
    /// Nothing if two entries have one key.
    fn new(was: &'a Index, difference: &'a Difference) -> Option<Self> {
        let view = Self { was, now: Index::new(&difference.summaries())?, difference };
        let elsewhere = |old: &Record| difference.files.binary_search(&old.file).is_err();
        let twice = view.now.records().iter().any(|record| was.get(record.key).is_some_and(elsewhere));
        (!twice).then_some(view)
    }

    fn shows(&self, old: &Record) -> bool {
        self.now.get(old.key).is_none() && self.stays(old.key)
    }

    fn stays(&self, key: u64) -> bool {
        self.difference.removed.binary_search(&key).is_err()
    }

    fn get(&self, key: u64) -> Option<(&Index, &Record)> {
        let now = self.now.get(key).map(|record| (&self.now, record));
        now.or_else(|| self.was.get(key).filter(|old| self.stays(old.key)).map(|old| (self.was, old)))
    }

    /// The keys of the entries for which something holds.
    fn find(&self, holds: impl Fn(&Index, &Record) -> bool + Sync) -> Result<Vec<u64>, Beyond> {
        if self.was.is_partial() {
            return Err(Beyond::Index);
        }
        let was = self.was.records().par_iter().filter(|old| self.shows(old) && holds(self.was, old));
        let now = self.now.records().iter().filter(|record| holds(&self.now, record));
        let mut keys: Vec<u64> = was.map(|record| record.key).collect();
        keys.extend(now.map(|record| record.key));
        Ok(keys)
    }
}

/// What changed in the inventory: keys and, where they matter, names.
#[derive(Debug, Default)]
struct Changed {
    /// Entries whose value changed, or that are new or gone, and secrets.
    keys: BTreeSet<u64>,
    /// Names of lines among them.
    lines: Vec<String>,
    /// Keys of names that devices have got.
    names: BTreeSet<u64>,
    gone: Vec<String>,
    removed: Vec<u64>,
    new: usize,
    /// Whether it is something that every device starts from.
    everyone: bool,
}

impl Changed {
    fn between(view: &View<'_>) -> Self {
        let mut changed = Self::default();
        let was = view.was;
        for record in view.now.records() {
            let old = was.get(record.key);
            if old.is_some_and(|old| old.digest == record.digest) {
                continue;
            }
            changed.note(&view.now, record);
            changed.new += usize::from(old.is_none() && record.is(EntryKind::Device));
            let had = old.map_or([0; 2], |old| old.names);
            changed.names.extend(record.names.into_iter().filter(|name| *name != 0 && !had.contains(name)));
        }
        for record in view.difference.removed.iter().filter_map(|key| was.get(*key)) {
            changed.note(was, record);
            changed.removed.push(record.key);
            if record.is(EntryKind::Device) {
                changed.gone.push(was.text(record).to_owned());
            }
        }
        changed
    }

    fn note(&mut self, index: &Index, record: &Record) {
        self.keys.insert(record.key);
        self.everyone |= record.is(EntryKind::Site);
        if record.is(EntryKind::Line) {
            self.lines.push(index.text(record).to_owned());
        }
    }

    /// Whether a device has got a name that another one has.
    fn name_twice(&self, view: &View<'_>) -> Result<bool, Beyond> {
        if self.names.is_empty() {
            return Ok(false);
        }
        if view.was.is_partial() && !self.names.iter().all(|name| view.was.is_free(*name)) {
            return Err(Beyond::Index);
        }
        let mut seen = BTreeSet::new();
        let was = self.names_of(view.was.records().iter().filter(|old| view.shows(old)));
        Ok(was.chain(self.names_of(view.now.records().iter())).any(|name| !seen.insert(name)))
    }

    fn names_of<'r>(&self, records: impl Iterator<Item = &'r Record>) -> impl Iterator<Item = u64> {
        records.flat_map(|record| record.names).filter(|name| self.names.contains(name))
    }

    /// Entries whose patterns match the name of a line that changed.
    fn patterned(&self, view: &View<'_>) -> Vec<u64> {
        if self.lines.is_empty() {
            return Vec::new();
        }
        let matches = |pattern: &String| {
            let pattern = WildMatch::new(pattern);
            self.lines.iter().any(|line| pattern.matches(line))
        };
        let both = view.was.patterns().chain(view.now.patterns());
        both.filter(|(_, patterns)| patterns.iter().any(matches)).map(|(key, _)| key).collect()
    }
}

/// Whom it reaches that some files define something else and that some secrets changed. `also` are devices that
/// are to be built for other reasons, if there are any.
pub(super) fn reach(
    was: &Index,
    difference: &Difference,
    secrets: &[u64],
    also: Option<&(dyn Fn(&Record) -> bool + Sync)>,
    count: usize,
) -> Result<Reach, Beyond> {
    let view = View::new(was, difference).ok_or(Beyond::All)?;
    let changed = Changed::between(&view);
    if changed.everyone || changed.name_twice(&view)? {
        return Err(Beyond::All);
    }
    let base = key(EntryKind::Profile, "base");
    let mut keys: Vec<u64> = changed.keys.iter().copied().chain(changed.patterned(&view)).collect();
    keys.extend(secrets);
    let is_device = |key: &u64| {
        let record = view.now.get(*key).or_else(|| was.get(*key));
        record.is_some_and(|record| record.is(EntryKind::Device))
    };
    // Nothing refers to a device: where only devices changed, nobody else has to be looked at.
    let alone = also.is_none() && keys.iter().all(is_device);
    spread(&view, &mut keys, alone)?;
    if keys.binary_search(&base).is_ok() {
        return Err(Beyond::All);
    }
    let mut devices = match alone {
        true => keys.clone(),
        false => view.find(|index, record| {
            record.is(EntryKind::Device)
                && (keys.binary_search(&record.key).is_ok()
                    || index.references(record).iter().any(|key| keys.binary_search(key).is_ok())
                    // A device that moved to another file keeps what was known of it.
                    || also.is_some_and(|also| was.get(record.key).is_some_and(also)))
        })?,
    };
    devices.retain(|key| view.get(*key).is_some());
    devices.sort_unstable();
    let others = keys.iter().copied().filter(|key| view.get(*key).is_some());
    let start = devices.iter().copied().chain(others).chain(view.get(base).map(|_| base));
    let (secrets, needed) = needed(&view, start.collect())?.into_iter().partition(|key| is_secret(*key));
    let needed: Vec<u64> = needed;
    let files = needed.iter().filter_map(|key| view.get(*key)).map(|(_, record)| record.file).collect();
    let count = (count + changed.new).saturating_sub(changed.gone.len());
    Ok(Reach { devices, gone: changed.gone, removed: changed.removed, count, needed, secrets, files })
}

/// Adds all that refers to some entries, directly or not, but devices; sorts them.
fn spread(view: &View<'_>, keys: &mut Vec<u64>, alone: bool) -> Result<(), Beyond> {
    loop {
        keys.sort_unstable();
        keys.dedup();
        if alone {
            return Ok(());
        }
        let more = view.find(|index, record| {
            !record.is(EntryKind::Device)
                && keys.binary_search(&record.key).is_err()
                && index.references(record).iter().any(|key| keys.binary_search(key).is_ok())
        })?;
        if more.is_empty() {
            return Ok(());
        }
        keys.extend(more);
    }
}

/// All that some entries refer to, directly or not, and what everything needs. Where something is referred to
/// that is not there, all is to be built.
fn needed(view: &View<'_>, mut open: Vec<u64>) -> Result<Vec<u64>, Beyond> {
    let mut needed = BTreeSet::new();
    // These few names are all that `site` can hold.
    let of_site = SITE.fields().map(|field| key(EntryKind::Site, field.name));
    open.extend(of_site.filter(|key| view.get(*key).is_some()));
    let mut all_lines = false;
    while let Some(key) = open.pop() {
        if !needed.insert(key) || is_secret(key) {
            continue;
        }
        let (index, record) = view.get(key).ok_or(Beyond::All)?;
        open.extend_from_slice(index.references(record));
        if record.has_patterns() && !all_lines {
            all_lines = true;
            open.extend(view.find(|_, record| record.is(EntryKind::Line))?);
        }
    }
    Ok(needed.into_iter().collect())
}
