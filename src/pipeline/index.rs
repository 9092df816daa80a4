//! What refers to what, for the whole inventory, in numbers: whom a change reaches, and which files define
//! what those need.
//!
//! One record for each entry, sorted by key. Records have a fixed size and references lie in one array, so that
//! reading all of it costs little ([`super::index_file`]); where a change reaches few, only their records and
//! what these refer to are read ([`super::index_part`]).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rayon::prelude::*;

use crate::inventory::summary::{EntryKind, EntrySummary, Summary};

/// An entry of the inventory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// What it is known by.
    pub key: u64,
    /// The digest of its value.
    pub digest: u64,
    /// What else a device can be called, as in its summary.
    pub names: [u64; 2],
    /// The number of its file.
    pub file: u32,
    pub(super) references: (u32, u32),
    pub(super) text: (u32, u32),
    /// Plugin and model of a device, as an index into [`Index::sorts`], counted from 1.
    pub sort: u32,
    /// As [`EntryKind`].
    pub(super) kind: u8,
    /// Whether the device had warnings when it was last built.
    pub warned: bool,
    /// Whether it refers to lines by patterns.
    pub(super) patterned: bool,
}

/// Plugin and model.
pub(super) type Sort = (String, String);

/// The keys of devices by plugin and model.
pub(super) type Sorts = BTreeMap<String, BTreeMap<String, Vec<u64>>>;

/// All entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) records: Vec<Record>,
    pub(super) references: Vec<u64>,
    pub(super) text: String,
    /// By the key of an entry, the patterns by which it refers to lines.
    pub(super) patterns: BTreeMap<u64, Vec<String>>,
    /// The kinds of phone that devices are, with how many are of each.
    pub(super) sorts: Vec<(Sort, usize)>,
    /// References that no record has any more.
    pub(super) garbage: usize,
    /// How many devices have warnings.
    pub(super) warned: usize,
    /// The keys of the entries of each file, once somebody will ask for them often.
    pub(super) by_file: Option<BTreeMap<u32, Vec<u64>>>,
    /// Whether there are more records than these.
    pub(super) partial: bool,
    /// Of a partial index: names that nobody has.
    pub(super) free_names: BTreeSet<u64>,
}

/// An entry as its file is known to define it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// The number of the file.
    pub file: u32,
    /// The entry's key.
    pub key: u64,
    /// The digest of its value.
    pub digest: u64,
}

impl Index {
    /// The index of whole files, each with its number. Nothing if two entries have the same key.
    pub fn new(files: &[(u32, &Summary)]) -> Option<Self> {
        let mut index = Self::default();
        for (number, summary) in files {
            for entry in &summary.entries {
                let record = index.take_in(*number, entry)?;
                index.records.push(record);
            }
        }
        index.records.par_sort_unstable_by_key(|record| record.key);
        let distinct = |pair: &[Record]| pair.first().map(|r| r.key) != pair.last().map(|r| r.key);
        index.records.par_windows(2).all(distinct).then_some(index)
    }

    /// Adds a record with its references and text; the places of these are set. Whoever adds sorts.
    pub(super) fn add(&mut self, record: Record, references: &[u64], text: &str) -> Option<()> {
        let places = (run(self.references.len(), references.len())?, run(self.text.len(), text.len())?);
        self.references.extend_from_slice(references);
        self.text.push_str(text);
        self.records.push(Record { references: places.0, text: places.1, ..record });
        Some(())
    }

    /// A record of an entry, whose references and text are added.
    fn take_in(&mut self, file: u32, entry: &EntrySummary) -> Option<Record> {
        let record = Record {
            references: run(self.references.len(), entry.references.len())?,
            text: run(self.text.len(), entry.text.len())?,
            ..Record::of(file, entry)
        };
        self.references.extend_from_slice(&entry.references);
        self.text.push_str(&entry.text);
        if record.patterned {
            self.patterns.insert(entry.key, entry.patterns.iter().map(ToString::to_string).collect());
        }
        Some(record)
    }

    /// The record of a key.
    pub fn get(&self, key: u64) -> Option<&Record> {
        self.at(key).ok().and_then(|at| self.records.get(at))
    }

    fn at(&self, key: u64) -> Result<usize, usize> {
        self.records.binary_search_by_key(&key, |record| record.key)
    }

    /// All records, by key.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// What an entry refers to.
    pub fn references(&self, record: &Record) -> &[u64] {
        self.references.get(range(record.references)).unwrap_or_default()
    }

    /// MAC or id of a device, name of a line.
    pub fn text(&self, record: &Record) -> &str {
        self.text.get(range(record.text)).unwrap_or_default()
    }

    /// Entries with the patterns by which they refer to lines.
    pub fn patterns(&self) -> impl Iterator<Item = (u64, &[String])> {
        self.patterns.iter().map(|(key, patterns)| (*key, patterns.as_slice()))
    }

    /// The entries of some files (sorted numbers).
    pub fn listed(&self, files: &[u32]) -> Vec<Listed> {
        let listed = |record: &Record| Listed { file: record.file, key: record.key, digest: record.digest };
        match &self.by_file {
            Some(by_file) => {
                let keys = files.iter().filter_map(|number| by_file.get(number)).flatten();
                keys.filter_map(|key| self.get(*key)).map(listed).collect()
            }
            None => {
                let theirs = |record: &&Record| files.binary_search(&record.file).is_ok();
                self.records.iter().filter(theirs).map(listed).collect()
            }
        }
    }

    /// Whether there are more records than these: then only what is known to be among them may be asked for.
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// Of a partial index: whether it is known that nobody has this name.
    pub fn is_free(&self, name: u64) -> bool {
        self.free_names.contains(&name)
    }

    /// Whether [`Index::by_file`] was called.
    pub fn is_by_file(&self) -> bool {
        self.by_file.is_some()
    }

    /// Makes [`Index::listed`] cheap, for an index that will be asked more than once.
    pub fn by_file(&mut self) {
        let mut by_file: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for record in &self.records {
            by_file.entry(record.file).or_default().push(record.key);
        }
        self.by_file = Some(by_file);
    }

    /// Plugin and model of a device; none before it was first built.
    pub fn sort_of(&self, record: &Record) -> Option<&Sort> {
        self.sorts.get((record.sort as usize).checked_sub(1)?).map(|(sort, _)| sort)
    }

    /// The plugins and models that devices have.
    pub fn sorts_in_use(&self) -> BTreeSet<&Sort> {
        self.sorts.iter().filter(|(_, count)| *count > 0).map(|(sort, _)| sort).collect()
    }

    /// The plugins and models that devices will have once some have got others and some are gone.
    pub fn sorts_after<'k>(&self, made: &'k Sorts, gone: impl Iterator<Item = &'k u64>) -> BTreeSet<Sort> {
        let mut after = Self { sorts: self.sorts.clone(), ..Self::default() };
        let devices = made.values().flat_map(BTreeMap::values).flatten();
        for record in devices.chain(gone).filter_map(|key| self.get(*key)) {
            after.count(record.sort, false);
        }
        let mut sorts: BTreeSet<Sort> = after.sorts_in_use().into_iter().cloned().collect();
        for (plugin, models) in made {
            sorts.extend(models.keys().map(|model| (plugin.clone(), model.clone())));
        }
        sorts
    }

    /// Notes the plugin and model that some devices have now.
    pub fn set_sort(&mut self, plugin: &str, model: &str, devices: &[u64]) {
        let known = self.sorts.iter().position(|((p, m), _)| p == plugin && m == model);
        let at = known.unwrap_or_else(|| {
            self.sorts.push(((plugin.to_owned(), model.to_owned()), 0));
            self.sorts.len() - 1
        });
        let Ok(number) = u32::try_from(at + 1) else { return };
        for device in devices {
            let Ok(at) = self.at(*device) else { continue };
            if let Some(record) = self.records.get_mut(at) {
                let before = std::mem::replace(&mut record.sort, number);
                self.count(before, false);
                self.count(number, true);
            }
        }
    }

    fn count(&mut self, sort: u32, more: bool) {
        if let Some((_, count)) = (sort as usize).checked_sub(1).and_then(|at| self.sorts.get_mut(at)) {
            *count = if more { *count + 1 } else { count.saturating_sub(1) };
        }
    }

    /// Notes whether a device has warnings.
    pub fn set_warned(&mut self, device: u64, warned: bool) {
        if let Some(record) = self.at(device).ok().and_then(|at| self.records.get_mut(at)) {
            let had = std::mem::replace(&mut record.warned, warned);
            self.warned = (self.warned + usize::from(warned)).saturating_sub(usize::from(had));
        }
    }

    /// How many devices have warnings.
    pub fn warned(&self) -> usize {
        self.warned
    }

    /// Puts entries that some files now define, or define otherwise, in the place of those that there were; `gone`
    /// are files that are no more, `removed` entries. What is known of devices that are still there stays. Nothing, and no use any more, if
    /// the index became too large; that no two entries have one key was seen before.
    pub fn replace(&mut self, files: &[(u32, &Summary)], gone: &[u32], removed: &[u64]) -> Option<()> {
        let mut new = Vec::new();
        for (number, summary) in files {
            for entry in &summary.entries {
                let mut record = self.take_in(*number, entry)?;
                let old = self.get(entry.key).copied();
                self.relist(entry.key, old.map(|old| old.file), Some(*number));
                match old {
                    Some(old) => {
                        (record.sort, record.warned) = (old.sort, old.warned);
                        self.drop_of(&old, !record.patterned);
                        if let Ok(at) = self.at(entry.key)
                            && let Some(place) = self.records.get_mut(at)
                        {
                            *place = record;
                        }
                    }
                    None => new.push(record),
                }
            }
        }
        for old in removed.iter().filter_map(|key| self.get(*key).copied()).collect::<Vec<_>>() {
            self.warned -= usize::from(old.warned).min(self.warned);
            self.drop_of(&old, true);
            self.count(old.sort, false);
            self.relist(old.key, Some(old.file), None);
        }
        if !removed.is_empty() {
            self.records.retain(|record| removed.binary_search(&record.key).is_err());
        }
        match new.as_slice() {
            [] => {}
            [one] => self.records.insert(self.at(one.key).err()?, *one),
            more => {
                self.records.extend_from_slice(more);
                self.records.par_sort_unstable_by_key(|record| record.key);
            }
        }
        if let Some(by_file) = &mut self.by_file {
            gone.iter().for_each(|number| drop(by_file.remove(number)));
        }
        if self.garbage * 4 > self.references.len() {
            self.compact()?;
        }
        Some(())
    }

    /// Notes that an entry went from one file to another, where it matters.
    fn relist(&mut self, key: u64, from: Option<u32>, to: Option<u32>) {
        let Some(by_file) = self.by_file.as_mut().filter(|_| from != to) else { return };
        if let Some(keys) = from.and_then(|from| by_file.get_mut(&from)) {
            keys.retain(|other| *other != key);
        }
        if let Some(to) = to {
            by_file.entry(to).or_default().push(key);
        }
    }

    /// Counts what an old record leaves behind.
    fn drop_of(&mut self, old: &Record, patterns: bool) {
        self.garbage += old.references.1 as usize;
        if patterns && old.patterned {
            self.patterns.remove(&old.key);
        }
    }

    fn compact(&mut self) -> Option<()> {
        let (mut all_references, mut all_text) = (Vec::new(), String::new());
        for at in 0..self.records.len() {
            let record = *self.records.get(at)?;
            let (references, text) = (self.references(&record), self.text(&record));
            let places = (run(all_references.len(), references.len())?, run(all_text.len(), text.len())?);
            all_references.extend_from_slice(references);
            all_text.push_str(text);
            let record = self.records.get_mut(at)?;
            (record.references, record.text) = places;
        }
        (self.references, self.text, self.garbage) = (all_references, all_text, 0);
        Some(())
    }
}

fn run(start: usize, length: usize) -> Option<(u32, u32)> {
    Some((u32::try_from(start).ok()?, u32::try_from(length).ok()?))
}

fn range((start, length): (u32, u32)) -> Range<usize> {
    start as usize..start as usize + length as usize
}

impl Record {
    /// The record of an entry, but for the places of its references and text.
    pub(super) fn of(file: u32, entry: &EntrySummary) -> Self {
        Self {
            key: entry.key,
            digest: entry.digest,
            names: entry.names,
            file,
            kind: entry.kind as u8,
            patterned: !entry.patterns.is_empty(),
            ..Self::default()
        }
    }

    /// Its kind.
    pub fn is(&self, kind: EntryKind) -> bool {
        self.kind == kind as u8
    }

    /// Whether it refers to lines by patterns.
    pub fn has_patterns(&self) -> bool {
        self.patterned
    }
}
