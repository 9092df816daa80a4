//! The index on disk: the whole of it in `index`, and what changed since in `index.changes`, so that one edit
//! does not write what 100,000 devices take (some 24 MB).
//!
//! Each change names the checksum that it goes on from; the state names the last. What does not lead from
//! the one to the other is of no use, and everything is built.
//!
//! All numbers are little-endian, and the file has a checksum for each of its pages
//! ([`crate::output::seal_pages`]), so that [`super::index_part`] can read some of it:
//!
//! | part | layout |
//! |---|---|
//! | head | magic 8, how many there are of each of the following 7 x 8 |
//! | record | as in [`Record`], 64; by key |
//! | reference | key 8 |
//! | text | UTF-8 |
//! | file | number 4, how many entries are listed before its own 4; by number |
//! | listed | key 8, digest 8; by file, then by key |
//! | name | key of a name of a device 8; sorted |
//! | rest | [`Meta`] as postcard |

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::index::{Index, Listed, Record, Sort, Sorts};
use super::state::{open, seal};
use crate::inventory::summary::Summary;
use crate::output::{Committed, Options, open_pages, read_state, seal_pages};

/// The names of the files.
pub(super) const INDEX: &str = "index";
pub(super) const CHANGES: &str = "index.changes";

/// The magic numbers end in the version of the format.
const MAGIC: &[u8; 8] = b"provcIX2";
const MAGIC_OF_CHANGE: &[u8; 8] = b"provcIC2";

/// The bytes of the head.
pub(super) const HEAD: usize = 8 + 7 * 8;
/// The bytes of a record.
pub(super) const RECORD: usize = 64;
/// The bytes of a key.
pub(super) const NUMBER: usize = 8;
/// The bytes of a file, and those of an entry that is listed.
pub(super) const FILE: usize = 8;
pub(super) const LISTED: usize = 16;
/// Changes are folded in when they take more than this part of the whole: every build reads all of them.
const FOLD: usize = 160;
/// They are never folded in below this size, in bytes.
const LEAST: usize = 64 * 1024;

/// What a build of some devices changes in an index.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Change {
    /// What files define otherwise now, by their numbers.
    pub files: Vec<(u32, Summary)>,
    /// Files that are no more.
    pub gone: Vec<u32>,
    /// The keys of entries that are no more, sorted.
    pub removed: Vec<u64>,
    /// The plugins and models of the devices that were built.
    pub sorts: Sorts,
    /// Whether these have warnings.
    pub warned: Vec<(u64, bool)>,
    /// How many devices are of each kind after it, where that changed.
    pub tallies: Vec<(Sort, usize)>,
    /// How many devices have warnings after it.
    pub all_warned: usize,
}

/// What lies on the disk of an index.
#[derive(Clone, Debug, Default)]
pub(super) struct OnDisk {
    /// Whether there is the whole of it.
    pub(super) whole: bool,
    pub(super) size: usize,
    /// The bytes of all changes since.
    pub(super) changes: Vec<u8>,
    /// The last checksum.
    pub(super) last: u128,
}

impl Index {
    /// Makes a change that was not made before, and notes in it what came of it. Nothing, and no use any more,
    /// if the index became too large.
    pub fn make(&mut self, change: &mut Change) -> Option<()> {
        let before = self.sorts.clone();
        self.apply(change)?;
        let differs = |at: usize, tally: &(Sort, usize)| before.get(at) != Some(tally);
        let tallies = self.sorts.iter().enumerate().filter(|(at, tally)| differs(*at, tally));
        change.tallies = tallies.map(|(_, tally)| tally.clone()).collect();
        change.all_warned = self.warned;
        Some(())
    }

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
            let (change, next, after) = next_change(rest, checksum)?;
            index.apply(&change)?;
            (checksum, rest) = (next, after);
        }
        disk.changes = changes.get(..changes.len() - rest.len())?.to_vec();
        Some((index, disk))
    }

    /// Writes the index: the whole of it, or what is noted of its changes. Tells the last checksum; nothing
    /// if it could not be written.
    pub fn store(&self, disk: &mut OnDisk, held: &Committed) -> Option<u128> {
        // Where there are only some of the records, the next build reads all and writes them.
        if !self.is_partial() && (!disk.whole || disk.is_long()) {
            let (bytes, checksum) = self.encode()?;
            *disk = OnDisk { whole: false, size: bytes.len(), changes: Vec::new(), last: checksum };
            held.replace_state(INDEX, &bytes).ok()?;
            disk.whole = true;
        } else if !disk.changes.is_empty() {
            held.replace_state(CHANGES, &disk.changes).ok()?;
        }
        Some(disk.last)
    }

    /// The bytes of the file, and their checksum.
    pub(super) fn encode(&self) -> Option<(Vec<u8>, u128)> {
        let listed = self.by_files();
        let names = self.names();
        let meta = Meta {
            patterns: self.patterns.clone(),
            sorts: self.sorts.clone(),
            garbage: self.garbage,
            warned: self.warned,
        };
        let meta = postcard::to_stdvec(&meta).ok()?;
        let files: Vec<&[Listed]> = listed.chunk_by(|a, b| a.file == b.file).collect();
        let head = Head {
            records: self.records.len(),
            references: self.references.len(),
            text: self.text.len(),
            files: files.len(),
            listed: listed.len(),
            names: names.len(),
            meta: meta.len(),
        };
        let mut body = Vec::with_capacity(head.size()? + head.size()? / 128);
        body.extend_from_slice(MAGIC);
        head.counts().iter().for_each(|count| body.extend_from_slice(&(*count as u64).to_le_bytes()));
        for record in &self.records {
            body.extend_from_slice(&record.bytes());
        }
        for key in &self.references {
            body.extend_from_slice(&key.to_le_bytes());
        }
        body.extend_from_slice(self.text.as_bytes());
        let mut start = 0u32;
        for entries in files {
            body.extend_from_slice(&entries.first()?.file.to_le_bytes());
            body.extend_from_slice(&start.to_le_bytes());
            start = start.checked_add(u32::try_from(entries.len()).ok()?)?;
        }
        for entry in &listed {
            body.extend_from_slice(&entry.key.to_le_bytes());
            body.extend_from_slice(&entry.digest.to_le_bytes());
        }
        for name in &names {
            body.extend_from_slice(&name.to_le_bytes());
        }
        body.extend_from_slice(&meta);
        Some(seal_pages(body))
    }

    /// All entries by file, and by key.
    fn by_files(&self) -> Vec<Listed> {
        let all = self.records.iter();
        let all = all.map(|record| Listed { file: record.file, key: record.key, digest: record.digest });
        let mut all: Vec<Listed> = all.collect();
        all.par_sort_unstable_by_key(|listed| (listed.file, listed.key));
        all
    }

    /// The names of all devices, sorted.
    fn names(&self) -> Vec<u64> {
        let names = self.records.iter().flat_map(|record| record.names).filter(|name| *name != 0);
        let mut names: Vec<u64> = names.collect();
        names.par_sort_unstable();
        names
    }

    /// Reads what [`Index::encode`] wrote, with its checksum; nothing if it is anything else.
    fn decode(bytes: &[u8]) -> Option<(Self, u128)> {
        let (body, checksum) = open_pages(bytes)?;
        let head = Head::read(body.first_chunk()?)?;
        if head.size()? != body.len() {
            return None;
        }
        let records = body.get(HEAD..head.references_at())?;
        let records: Option<Vec<Record>> =
            records.par_chunks_exact(RECORD).with_min_len(4096).map(Record::read).collect();
        let references = body.get(head.references_at()..head.text_at())?;
        let references = references
            .chunks_exact(NUMBER)
            .map(|chunk| chunk.try_into().map(u64::from_le_bytes).ok())
            .collect::<Option<_>>()?;
        let text = String::from_utf8(body.get(head.text_at()..head.files_at())?.to_vec()).ok()?;
        let meta: Meta = postcard::from_bytes(body.get(head.meta_at()..)?).ok()?;
        let Meta { patterns, sorts, garbage, warned } = meta;
        let index =
            Self { records: records?, references, text, patterns, sorts, garbage, warned, ..Self::default() };
        Some((index, checksum))
    }
}

/// The first of some changes, its checksum and the changes after it; nothing if it does not go on from `before`.
pub(super) fn next_change(changes: &[u8], before: u128) -> Option<(Change, u128, &[u8])> {
    let (length, rest) = changes.split_first_chunk::<8>()?;
    let (sealed, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let (body, next) = open(MAGIC_OF_CHANGE, sealed)?;
    let (goes_on, change): (u128, Change) = postcard::from_bytes(body).ok()?;
    (goes_on == before).then_some((change, next, rest))
}

impl OnDisk {
    /// Whether there are so many changes that all should be written anew.
    pub fn is_long(&self) -> bool {
        self.changes.len() > LEAST.max(self.size / FOLD)
    }

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

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
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

/// What else the index knows; the last part of the file.
#[derive(Serialize, Deserialize)]
pub(super) struct Meta {
    pub patterns: BTreeMap<u64, Vec<String>>,
    pub sorts: Vec<(Sort, usize)>,
    pub garbage: usize,
    pub warned: usize,
}

/// How much there is of each part.
#[derive(Clone, Copy, Default)]
pub(super) struct Head {
    pub records: usize,
    pub references: usize,
    pub text: usize,
    pub files: usize,
    pub listed: usize,
    pub names: usize,
    pub meta: usize,
}

impl Head {
    fn counts(self) -> [usize; 7] {
        [self.records, self.references, self.text, self.files, self.listed, self.names, self.meta]
    }

    /// Reads the begin of a file; nothing if it is that of another one, or if the parts do not add up.
    pub fn read(bytes: &[u8; HEAD]) -> Option<Self> {
        let (counts, _) = bytes.strip_prefix(MAGIC)?.as_chunks::<8>();
        let mut counts = counts.iter().map(|count| usize::try_from(u64::from_le_bytes(*count)).ok());
        let mut count = || counts.next().flatten();
        let head = Self {
            records: count()?,
            references: count()?,
            text: count()?,
            files: count()?,
            listed: count()?,
            names: count()?,
            meta: count()?,
        };
        head.size().map(|_| head)
    }

    /// The bytes of all; nothing if no file can be so large, so that the places below cannot overflow.
    pub fn size(self) -> Option<usize> {
        let sizes = [RECORD, NUMBER, 1, FILE, LISTED, NUMBER, 1];
        self.counts()
            .iter()
            .zip(sizes)
            .try_fold(HEAD, |sum, (count, size)| sum.checked_add(count.checked_mul(size)?))
    }

    pub fn references_at(self) -> usize {
        HEAD + self.records * RECORD
    }

    pub fn text_at(self) -> usize {
        self.references_at() + self.references * NUMBER
    }

    pub fn files_at(self) -> usize {
        self.text_at() + self.text
    }

    pub fn listed_at(self) -> usize {
        self.files_at() + self.files * FILE
    }

    pub fn names_at(self) -> usize {
        self.listed_at() + self.listed * LISTED
    }

    pub fn meta_at(self) -> usize {
        self.names_at() + self.names * NUMBER
    }
}
