//! What refers to what, for the whole inventory, in numbers: whom a change reaches, and which files define
//! what those need.
//!
//! One record for each entry, sorted by key. It is read and written whole, so records have a fixed size and
//! references lie in one array: 100,000 devices with their lines take some 15 MB and some milliseconds.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rayon::prelude::*;

use super::state::{open, seal};
use crate::inventory::summary::{EntryKind, EntrySummary, Summary};

/// The name of the file.
pub(super) const INDEX: &str = "index";

/// The magic number ends in the version of the format.
const MAGIC: &[u8; 8] = b"provcIX1";

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
    references: (u32, u32),
    text: (u32, u32),
    /// Plugin and model of a device, as an index into [`Index::sorts`], counted from 1.
    pub sort: u32,
    /// As [`EntryKind`].
    kind: u8,
    /// Whether the device had warnings when it was last built.
    pub warned: bool,
    /// Whether it refers to lines by patterns.
    patterned: bool,
}

/// The bytes of a record.
const RECORD: usize = 64;

/// Plugin and model.
pub(super) type Sort = (String, String);

/// The keys of devices by plugin and model.
pub(super) type Sorts = BTreeMap<String, BTreeMap<String, Vec<u64>>>;

/// All entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    records: Vec<Record>,
    references: Vec<u64>,
    text: String,
    /// By the key of an entry, the patterns by which it refers to lines.
    patterns: BTreeMap<u64, Vec<String>>,
    /// The kinds of phone that devices are, with how many are of each.
    sorts: Vec<(Sort, usize)>,
    /// References that no record has any more.
    garbage: usize,
    /// The keys of the entries of each file, once somebody will ask for them often.
    by_file: Option<BTreeMap<u32, Vec<u64>>>,
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

    /// A record of an entry, whose references and text are added.
    fn take_in(&mut self, file: u32, entry: &EntrySummary) -> Option<Record> {
        let record = Record {
            key: entry.key,
            digest: entry.digest,
            names: entry.names,
            file,
            references: run(self.references.len(), entry.references.len())?,
            text: run(self.text.len(), entry.text.len())?,
            kind: entry.kind as u8,
            patterned: !entry.patterns.is_empty(),
            ..Record::default()
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
    pub fn of_files(&self, files: &[u32]) -> Vec<&Record> {
        match &self.by_file {
            Some(by_file) => {
                let keys = files.iter().filter_map(|number| by_file.get(number)).flatten();
                keys.filter_map(|key| self.get(*key)).collect()
            }
            None => self.records.iter().filter(|record| files.binary_search(&record.file).is_ok()).collect(),
        }
    }

    /// Whether [`Index::by_file`] was called.
    pub fn is_by_file(&self) -> bool {
        self.by_file.is_some()
    }

    /// Makes [`Index::of_files`] cheap, for an index that will be asked more than once.
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

    /// Notes whether a device has warnings; tells whether it had.
    pub fn set_warned(&mut self, device: u64, warned: bool) -> bool {
        let record = self.at(device).ok().and_then(|at| self.records.get_mut(at));
        record.is_some_and(|record| std::mem::replace(&mut record.warned, warned))
    }

    /// Puts what some files now define in the place of what they defined; `gone` are files that are no more.
    /// What is known of devices that are still there stays. Nothing, and no use any more, if the index
    /// became too large; that no two entries have one key was seen before.
    pub fn replace(&mut self, files: &[(u32, &Summary)], gone: &[u32]) -> Option<()> {
        let mut numbers: Vec<u32> =
            files.iter().map(|(number, _)| *number).chain(gone.iter().copied()).collect();
        numbers.sort_unstable();
        let mut before: BTreeMap<u64, Record> =
            self.of_files(&numbers).into_iter().map(|record| (record.key, *record)).collect();
        let mut new = Vec::new();
        for (number, summary) in files {
            for entry in &summary.entries {
                let mut record = self.take_in(*number, entry)?;
                match before.remove(&entry.key) {
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
        for old in before.values() {
            self.drop_of(old, true);
            self.count(old.sort, false);
        }
        if !before.is_empty() {
            self.records.retain(|record| !before.contains_key(&record.key));
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
            for (number, summary) in files {
                by_file.insert(*number, summary.entries.iter().map(|entry| entry.key).collect());
            }
        }
        if self.garbage * 4 > self.references.len() {
            self.compact()?;
        }
        Some(())
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

    /// The bytes of the file, and their checksum.
    pub fn encode(&self) -> (Vec<u8>, u128) {
        let mut body = Writer(Vec::with_capacity(
            self.records.len() * RECORD + self.references.len() * 8 + self.text.len() + 1024,
        ));
        body.length(self.records.len());
        for record in &self.records {
            body.0.extend_from_slice(&record.bytes());
        }
        body.length(self.references.len());
        for key in &self.references {
            body.0.extend_from_slice(&key.to_le_bytes());
        }
        body.text(&self.text);
        body.length(self.patterns.len());
        for (key, patterns) in &self.patterns {
            body.0.extend_from_slice(&key.to_le_bytes());
            body.length(patterns.len());
            patterns.iter().for_each(|pattern| body.text(pattern));
        }
        body.length(self.sorts.len());
        for ((plugin, model), count) in &self.sorts {
            body.text(plugin);
            body.text(model);
            body.length(*count);
        }
        body.length(self.garbage);
        seal(MAGIC, body.0)
    }

    /// Reads what [`Index::encode`] wrote, with its checksum; nothing if it is anything else.
    pub fn decode(bytes: &[u8]) -> Option<(Self, u128)> {
        let (body, checksum) = open(MAGIC, bytes)?;
        let mut reader = Reader(body);
        let count = reader.length(RECORD)?;
        let records = reader.take(count * RECORD)?;
        let records: Option<Vec<Record>> = records.chunks_exact(RECORD).map(Record::read).collect();
        let count = reader.length(8)?;
        let references = reader.take(count * 8)?;
        let references = references
            .chunks_exact(8)
            .map(|chunk| chunk.try_into().map(u64::from_le_bytes).ok())
            .collect::<Option<_>>()?;
        let text = reader.text()?;
        let mut patterns = BTreeMap::new();
        for _ in 0..reader.length(16)? {
            let key = reader.number()?;
            let list: Option<Vec<String>> = (0..reader.length(8)?).map(|_| reader.text()).collect();
            patterns.insert(key, list?);
        }
        let sorts: Option<Vec<(Sort, usize)>> = (0..reader.length(24)?)
            .map(|_| Some(((reader.text()?, reader.text()?), usize::try_from(reader.number()?).ok()?)))
            .collect();
        let garbage = usize::try_from(reader.number()?).ok()?;
        let index =
            Self { records: records?, references, text, patterns, sorts: sorts?, garbage, by_file: None };
        Some((index, checksum))
    }
}

fn run(start: usize, length: usize) -> Option<(u32, u32)> {
    Some((u32::try_from(start).ok()?, u32::try_from(length).ok()?))
}

fn range((start, length): (u32, u32)) -> Range<usize> {
    start as usize..start as usize + length as usize
}

impl Record {
    /// Its kind.
    pub fn is(&self, kind: EntryKind) -> bool {
        self.kind == kind as u8
    }

    /// Whether it refers to lines by patterns.
    pub fn has_patterns(&self) -> bool {
        self.patterned
    }

    fn bytes(&self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        let wide = [self.key, self.digest, self.names[0], self.names[1]].map(u64::to_le_bytes);
        let narrow = [self.file, self.references.0, self.references.1, self.text.0, self.text.1, self.sort]
            .map(u32::to_le_bytes);
        let flags = [self.kind, u8::from(self.warned), u8::from(self.patterned)];
        let parts = wide.as_flattened().iter().chain(narrow.as_flattened()).chain(&flags);
        bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; RECORD] = bytes.try_into().ok()?;
        let (wide, rest) = bytes.split_first_chunk::<32>()?;
        let (narrow, flags) = rest.split_first_chunk::<24>()?;
        let wide =
            |at: usize| -> Option<u64> { Some(u64::from_le_bytes(*wide.get(at * 8..)?.first_chunk()?)) };
        let narrow =
            |at: usize| -> Option<u32> { Some(u32::from_le_bytes(*narrow.get(at * 4..)?.first_chunk()?)) };
        Some(Self {
            key: wide(0)?,
            digest: wide(1)?,
            names: [wide(2)?, wide(3)?],
            file: narrow(0)?,
            references: (narrow(1)?, narrow(2)?),
            text: (narrow(3)?, narrow(4)?),
            sort: narrow(5)?,
            kind: *flags.first()?,
            warned: *flags.get(1)? != 0,
            patterned: *flags.get(2)? != 0,
        })
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn length(&mut self, length: usize) {
        self.0.extend_from_slice(&(length as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.take(8)?.first_chunk()?))
    }

    /// How many things follow, none of which is smaller than `size` bytes.
    fn length(&mut self, size: usize) -> Option<usize> {
        let length = usize::try_from(self.number()?).ok()?;
        (length <= self.0.len() / size).then_some(length)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.length(1)?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }
}
