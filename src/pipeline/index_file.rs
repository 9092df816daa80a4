//! The index on disk: the whole of it in `index`, and what changed since in `index.changes`, so that one edit
//! does not write what 100,000 devices take (some 18 MB).
//!
//! Each change names the checksum that it goes on from; the state names the last. What does not lead from
//! the one to the other is of no use, and everything is built.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::index::{Index, Record, Sort, Sorts};
use super::state::{open, seal};
use crate::inventory::summary::Summary;
use crate::output::{Committed, Options, read_state};

/// The names of the files.
const INDEX: &str = "index";
const CHANGES: &str = "index.changes";

/// The magic numbers end in the version of the format.
const MAGIC: &[u8; 8] = b"provcIX1";
const MAGIC_OF_CHANGE: &[u8; 8] = b"provcIC1";

/// The bytes of a record.
const RECORD: usize = 64;
/// Changes are folded in when they take more than this part of the whole.
const FOLD: usize = 40;
/// They are never folded in below this size, in bytes.
const LEAST: usize = 64 * 1024;

/// What a build of some devices changes in an index.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Change {
    /// What files define now, by their numbers.
    pub files: Vec<(u32, Summary)>,
    /// Files that are no more.
    pub gone: Vec<u32>,
    /// The keys of entries that are no more, sorted.
    pub removed: Vec<u64>,
    /// The plugins and models of the devices that were built.
    pub sorts: Sorts,
    /// Whether these have warnings.
    pub warned: Vec<(u64, bool)>,
}

/// What lies on the disk of an index.
#[derive(Clone, Debug, Default)]
pub(super) struct OnDisk {
    /// Whether there is the whole of it.
    whole: bool,
    size: usize,
    /// The bytes of all changes since.
    changes: Vec<u8>,
    /// The last checksum.
    last: u128,
}

impl Index {
    /// Makes a change. Nothing, and no use any more, if the index became too large.
    pub fn apply(&mut self, change: &Change) -> Option<()> {
        let files: Vec<(u32, &Summary)> =
            change.files.iter().map(|(number, summary)| (*number, summary)).collect();
        self.replace(&files, &change.gone, &change.removed)?;
        for (plugin, models) in &change.sorts {
            for (model, devices) in models {
                self.set_sort(plugin, model, devices);
            }
        }
        for (device, warned) in &change.warned {
            self.set_warned(*device, *warned);
        }
        Some(())
    }

    /// Reads an index as it was when its last checksum was this one.
    pub fn load(options: &Options, last: u128) -> Option<(Self, OnDisk)> {
        let bytes = read_state(options, INDEX)?;
        let (mut index, mut checksum) = Self::decode(&bytes)?;
        let mut disk = OnDisk { whole: true, size: bytes.len(), changes: Vec::new(), last };
        if checksum == last {
            return Some((index, disk));
        }
        let changes = read_state(options, CHANGES)?;
        let mut rest = changes.as_slice();
        while checksum != last {
            let (length, after) = rest.split_first_chunk::<8>()?;
            let (sealed, after) =
                after.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
            let (body, next) = open(MAGIC_OF_CHANGE, sealed)?;
            let (before, change): (u128, Change) = postcard::from_bytes(body).ok()?;
            (before == checksum).then(|| index.apply(&change))??;
            (checksum, rest) = (next, after);
        }
        disk.changes = changes.get(..changes.len() - rest.len())?.to_vec();
        Some((index, disk))
    }

    /// Writes the index: the whole of it, or what is noted of its changes. Tells the last checksum; nothing
    /// if it could not be written.
    pub fn store(&self, disk: &mut OnDisk, held: &Committed) -> Option<u128> {
        if !disk.whole || disk.changes.len() > LEAST.max(disk.size / FOLD) {
            let (bytes, checksum) = self.encode();
            *disk = OnDisk { whole: false, size: bytes.len(), changes: Vec::new(), last: checksum };
            held.replace_state(INDEX, &bytes).ok()?;
            disk.whole = true;
        } else if !disk.changes.is_empty() {
            held.replace_state(CHANGES, &disk.changes).ok()?;
        }
        Some(disk.last)
    }

    /// The bytes of the file, and their checksum.
    fn encode(&self) -> (Vec<u8>, u128) {
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
    fn decode(bytes: &[u8]) -> Option<(Self, u128)> {
        let (body, checksum) = open(MAGIC, bytes)?;
        let mut reader = Reader(body);
        let count = reader.length(RECORD)?;
        let records = reader.take(count * RECORD)?;
        let records: Option<Vec<Record>> =
            records.par_chunks_exact(RECORD).with_min_len(4096).map(Record::read).collect();
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
        let records = records?;
        let warned = records.iter().filter(|record| record.warned).count();
        let index =
            Self { records, references, text, patterns, sorts: sorts?, garbage, warned, by_file: None };
        Some((index, checksum))
    }
}

impl OnDisk {
    /// Notes a change that was made.
    pub fn note(&mut self, change: &Change) {
        let Ok(body) = postcard::to_stdvec(&(self.last, change)) else {
            // A path that is not UTF-8 is not in there, so this is not met; it would cost a whole index.
            self.whole = false;
            return;
        };
        let (bytes, checksum) = seal(MAGIC_OF_CHANGE, body);
        self.changes.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.changes.extend_from_slice(&bytes);
        self.last = checksum;
    }
}

impl Record {
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
