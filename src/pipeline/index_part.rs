//! As much of the index on disk as a change needs that reaches the changed devices alone: what the changed files
//! defined, and what the devices in question refer to. For one device of 100,000 that is some fifty records, in
//! as many pages.
//!
//! What is read is an ordinary index that knows that it is not all ([`Index::is_partial`]). Where more turns out
//! to be needed, or anything is not as it should be, the whole is read after all.

use std::collections::{BTreeMap, BTreeSet};

use super::difference::Difference;
use super::index::{Index, Listed, Record};
use super::index_file::{
    CHANGES, Change, FILE, HEAD, Head, INDEX, LISTED, Meta, NUMBER, OnDisk, RECORD, next_change,
};
use crate::inventory::schema::SITE;
use crate::inventory::summary::{EntryKind, EntrySummary, is_secret, key};
use crate::output::{Options, PagedFile, open_state, read_state};

/// An index on disk, with what changed since it was written.
pub(super) struct Part {
    file: PagedFile,
    head: Head,
    meta: Meta,
    changed: BTreeMap<u64, Changed>,
    disk: OnDisk,
}

/// What changes since say of an entry.
#[derive(Default)]
struct Changed {
    is: Is,
    /// Plugin and model, as in [`Record`], if that was found out since.
    sort: Option<u32>,
    warned: Option<bool>,
}

#[derive(Default)]
enum Is {
    /// What the file of the index says.
    #[default]
    AsItWas,
    Removed,
    Now {
        file: u32,
        entry: EntrySummary,
        /// Whether it was removed in between: then nothing of before holds.
        new: bool,
    },
}

/// An entry, with its references and text.
struct Entry {
    record: Record,
    references: Vec<u64>,
    text: String,
}

impl Part {
    /// Opens an index as it was when its last checksum was this one. Nothing if there is none, or if it should be
    /// written anew, for which all of it has to be read.
    pub fn open(options: &Options, last: u128) -> Option<Self> {
        let file = open_state(options, INDEX)?;
        let mut begin = [0; HEAD];
        file.copy(0, &mut begin)?;
        let head = Head::read(&begin).filter(|head| head.size() == Some(file.size()))?;
        let mut meta = vec![0; head.meta];
        file.copy(head.meta_at(), &mut meta)?;
        let meta = postcard::from_bytes(&meta).ok()?;
        let disk = OnDisk { whole: true, size: file.size(), changes: Vec::new(), last };
        let mut checksum = file.name();
        let mut part = Self { file, head, meta, changed: BTreeMap::new(), disk };
        if checksum == last {
            return Some(part);
        }
        let changes = read_state(options, CHANGES)?;
        let mut rest = changes.as_slice();
        while checksum != last {
            let (change, next, after) = next_change(rest, checksum)?;
            part.take_in(change)?;
            (checksum, rest) = (next, after);
        }
        part.disk.changes = changes.get(..changes.len() - rest.len())?.to_vec();
        (!part.disk.is_long()).then_some(part)
    }

    /// Takes in a change, as [`Index::apply`] would make it.
    fn take_in(&mut self, change: Change) -> Option<()> {
        for (file, summary) in change.files {
            for entry in summary.entries {
                let patterns: Vec<String> = entry.patterns.iter().map(ToString::to_string).collect();
                match patterns.is_empty() {
                    true => drop(self.meta.patterns.remove(&entry.key)),
                    false => drop(self.meta.patterns.insert(entry.key, patterns)),
                }
                let changed = self.changed.entry(entry.key).or_default();
                let new = matches!(changed.is, Is::Removed | Is::Now { new: true, .. });
                changed.is = Is::Now { file, entry, new };
            }
        }
        for key in change.removed {
            self.meta.patterns.remove(&key);
            self.changed.insert(key, Changed { is: Is::Removed, ..Changed::default() });
        }
        for (tally, count) in change.tallies {
            match self.meta.sorts.iter_mut().find(|(known, _)| *known == tally) {
                Some(known) => known.1 = count,
                None => self.meta.sorts.push((tally, count)),
            }
        }
        for (plugin, models) in &change.sorts {
            for (model, devices) in models {
                let at = self.meta.sorts.iter().position(|((p, m), _)| p == plugin && m == model)?;
                let number = u32::try_from(at + 1).ok()?;
                devices.iter().for_each(|key| self.changed.entry(*key).or_default().sort = Some(number));
            }
        }
        for (key, warned) in change.warned {
            self.changed.entry(key).or_default().warned = Some(warned);
        }
        self.meta.warned = change.all_warned;
        Some(())
    }

    /// What some files (sorted numbers) define. Nothing if it cannot be read.
    pub fn listed(&self, files: &[u32]) -> Option<Vec<Listed>> {
        let mut all = Vec::new();
        for file in files {
            let at = self.search(self.head.files, |at| Some(self.file_at(at)?.0 < *file))?;
            let Some((number, start)) = self.file_at(at).filter(|found| found.0 == *file) else { continue };
            let end = match at + 1 < self.head.files {
                true => self.file_at(at + 1)?.1,
                false => self.head.listed,
            };
            let mut bytes = vec![0; end.checked_sub(start).filter(|_| end <= self.head.listed)? * LISTED];
            self.file.copy(self.head.listed_at() + start * LISTED, &mut bytes)?;
            for pair in bytes.as_chunks::<NUMBER>().0.as_chunks::<2>().0 {
                let [key, digest] = pair.map(u64::from_le_bytes);
                if self.changed.get(&key).is_none_or(|changed| matches!(changed.is, Is::AsItWas)) {
                    all.push(Listed { file: number, key, digest });
                }
            }
        }
        for (key, changed) in &self.changed {
            if let Is::Now { file, entry, .. } = &changed.is
                && files.binary_search(file).is_ok()
            {
                all.push(Listed { file: *file, key: *key, digest: entry.digest });
            }
        }
        Some(all)
    }

    /// Number and first entry of a file.
    fn file_at(&self, at: usize) -> Option<(u32, usize)> {
        let mut bytes = [0; FILE];
        (at < self.head.files).then(|| self.file.copy(self.head.files_at() + at * FILE, &mut bytes))??;
        let [number, start] = *bytes.as_chunks::<4>().0.first_chunk::<2>()?;
        Some((u32::from_le_bytes(number), u32::from_le_bytes(start) as usize))
    }

    /// The index of what a difference concerns and of all that this refers to, directly or not. Nothing if
    /// anything cannot be read.
    pub fn index(self, difference: &Difference) -> Option<(Index, OnDisk)> {
        let mut index = Index { partial: true, ..Index::default() };
        let mut open: Vec<u64> = SITE.fields().map(|field| key(EntryKind::Site, field.name)).collect();
        open.push(key(EntryKind::Profile, "base"));
        open.extend(&difference.removed);
        let mut names = BTreeSet::new();
        for entry in difference.entries.iter().flat_map(|(_, summary)| &summary.entries) {
            open.push(entry.key);
            open.extend_from_slice(&entry.references);
            names.extend(entry.names.iter().filter(|name| **name != 0));
        }
        let mut seen = BTreeSet::new();
        while let Some(key) = open.pop() {
            if is_secret(key) || !seen.insert(key) {
                continue;
            }
            let Some(entry) = self.entry(key)? else { continue };
            open.extend_from_slice(&entry.references);
            index.add(entry.record, &entry.references, &entry.text)?;
        }
        index.records.sort_unstable_by_key(|record| record.key);
        for name in names {
            if !self.may_have(name)? {
                index.free_names.insert(name);
            }
        }
        let Meta { patterns, sorts, garbage: _, warned } = self.meta;
        (index.patterns, index.sorts, index.warned) = (patterns, sorts, warned);
        Some((index, self.disk))
    }

    /// An entry as it is. Nothing if it cannot be read, and nothing in it if there is none.
    #[expect(clippy::option_option, reason = "what cannot be read is another thing than what is not there")]
    fn entry(&self, key: u64) -> Option<Option<Entry>> {
        let changed = self.changed.get(&key);
        let standing = match changed.map(|changed| &changed.is) {
            Some(Is::Removed) => return Some(None),
            Some(Is::Now { new: true, .. }) => None,
            _ => self.standing(key)?,
        };
        let mut entry = match changed.map(|changed| &changed.is) {
            Some(Is::Now { file, entry, .. }) => {
                let (sort, warned) = standing.map_or((0, false), |record| (record.sort, record.warned));
                Entry {
                    record: Record { sort, warned, ..Record::of(*file, entry) },
                    references: entry.references.to_vec(),
                    text: entry.text.to_string(),
                }
            }
            _ => match standing {
                Some(record) => self.read(record)?,
                None => return Some(None),
            },
        };
        if let Some(changed) = changed {
            entry.record.sort = changed.sort.unwrap_or(entry.record.sort);
            entry.record.warned = changed.warned.unwrap_or(entry.record.warned);
        }
        Some(Some(entry))
    }

    /// The record of a key in the file of the index.
    #[expect(clippy::option_option, reason = "what cannot be read is another thing than what is not there")]
    fn standing(&self, key: u64) -> Option<Option<Record>> {
        let key_at = |at: usize| self.number(HEAD + at * RECORD);
        // Keys are hashes, so that one can say about where each is; from there the bounds are moved apart until
        // it is between them.
        let about = (u128::from(key) * self.head.records as u128) >> 63;
        let about = usize::try_from(about).ok()?.min(self.head.records);
        let (mut low, mut high, mut step) = (about, about, 64);
        while low > 0 && key_at(low)? >= key {
            (low, step) = (low.saturating_sub(step), step * 2);
        }
        step = 64;
        while high < self.head.records && key_at(high)? < key {
            (high, step) = (high.saturating_add(step).min(self.head.records), step * 2);
        }
        while low < high {
            let middle = low.midpoint(high);
            if key_at(middle)? < key { low = middle + 1 } else { high = middle }
        }
        if low >= self.head.records || key_at(low)? != key {
            return Some(None);
        }
        let mut bytes = [0; RECORD];
        self.file.copy(HEAD + low * RECORD, &mut bytes)?;
        Some(Some(Record::read(&bytes)?))
    }

    /// References and text of a record of the file.
    fn read(&self, record: Record) -> Option<Entry> {
        let (start, count) = (record.references.0 as usize, record.references.1 as usize);
        let mut references =
            vec![0; count.checked_mul(NUMBER).filter(|_| start + count <= self.head.references)?];
        self.file.copy(self.head.references_at() + start * NUMBER, &mut references)?;
        let references =
            references.as_chunks::<NUMBER>().0.iter().map(|key| u64::from_le_bytes(*key)).collect();
        let (start, length) = (record.text.0 as usize, record.text.1 as usize);
        let mut text = vec![0; Some(length).filter(|_| start + length <= self.head.text)?];
        self.file.copy(self.head.text_at() + start, &mut text)?;
        Some(Entry { record, references, text: String::from_utf8(text).ok()? })
    }

    /// Whether any device may have a name.
    fn may_have(&self, name: u64) -> Option<bool> {
        let at = |at: usize| self.number(self.head.names_at() + at * NUMBER);
        let found = self.search(self.head.names, |middle| Some(at(middle)? < name))?;
        let standing = found < self.head.names && at(found)? == name;
        let since = self
            .changed
            .values()
            .any(|changed| matches!(&changed.is, Is::Now { entry, .. } if entry.names.contains(&name)));
        Some(standing || since)
    }

    /// How many of `count` come before what is searched.
    fn search(&self, count: usize, before: impl Fn(usize) -> Option<bool>) -> Option<usize> {
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low.midpoint(high);
            if before(middle)? { low = middle + 1 } else { high = middle }
        }
        Some(low)
    }

    fn number(&self, at: usize) -> Option<u64> {
        let mut bytes = [0; NUMBER];
        self.file.copy(at, &mut bytes)?;
        Some(u64::from_le_bytes(bytes))
    }
}

#[cfg(test)]
mod tests;
