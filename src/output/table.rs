//! The file format of the manifest, of what partial builds add to it, and of the crash journal: which paths
//! a build wrote, with digest, owner and what `stat` said.
//!
//! Removal follows what stands here, so a table counts only if its checksum, its bounds and every path in
//! it hold; a damaged one is worth as much as none. Fixed-size records sorted by path, with the texts
//! behind them, are searched where they lie: opening a table builds nothing. The header tells the size of a
//! record, so that fields can be added at its end.
//!
//! All numbers are little-endian:
//!
//! | part | layout |
//! |---|---|
//! | header | magic 8, version 4, record size 4, generation 8, records 8, owners 8, entries 8, shares 8, text length 8, checksum of the table before 20, reserved 4 |
//! | record | text offset 8, length 4, owner index 4, size 8, sha1 20, flags 4 (bit 0 sensitive, 1 shared, 2 stamped, 3 settled), mtime 8, ctime 8 (ns), inode 8 |
//! | owner | kind 4 (0 static, 1 plugin, 2 device), text length 4, text offset 8; sorted |
//! | entry | kind 4 (0 a directory that provc made, 1 one that it no longer has, 2 a file that it no longer has), text length 4, text offset 8; sorted |
//! | share | record index 4, owner index 4, flags 4 (bit 0 sensitive); all owners of shared records, sorted |
//! | text | paths and ids, UTF-8 |
//! | end | sha1 20 of the header and of the xxh3 (128 bits) of the rest: sha1 alone would take most of the time of opening |

use std::cmp::Ordering;
use std::sync::OnceLock;

use sha1::{Digest, Sha1};
use twox_hash::XxHash3_128;

use super::encode::seal;
use super::path;
use super::record::{Claim, OwnerRef, Record, Stamp};

/// The checksum at the end of a table, by which other tables and the pipeline's state name it.
pub(super) type Id = [u8; ID];

pub(super) const HEADER: usize = 88;
pub(super) const ID: usize = 20;
pub(super) const VERSION: u32 = 3;
pub(super) const RECORD: usize = 72;
pub(super) const ENTRY: usize = 16;
pub(super) const SHARE: usize = 12;
pub(super) const AFTER: usize = 64;

pub(super) const SENSITIVE: u32 = 1;
pub(super) const SHARED: u32 = 2;
pub(super) const STAMPED: u32 = 4;
pub(super) const SETTLED: u32 = 8;

/// What does not add up.
const BOUNDS: &str = "its parts do not add up";

/// Which of the files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// What the last full build left in out/.
    Manifest,
    /// What partial builds changed since.
    Changes,
    /// What a build was about to write.
    Journal,
    /// What one shard of a build planned. It goes on from nothing: in that place stands the checksum of
    /// what else the shard says.
    Part,
}

impl Kind {
    /// The name in the state directory.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Changes => "manifest.changes",
            Self::Journal => "journal",
            Self::Part => "part",
        }
    }

    pub(super) fn magic(self) -> [u8; 8] {
        match self {
            Self::Manifest => *b"provcman",
            Self::Changes => *b"provcchg",
            Self::Journal => *b"provcjnl",
            Self::Part => *b"provcprt",
        }
    }
}

/// What an entry says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Entry<'a> {
    Made(&'a str),
    Unmade(&'a str),
    Gone(&'a str),
}

impl<'a> Entry<'a> {
    pub(super) fn parts(self) -> (u32, &'a str) {
        match self {
            Self::Made(path) => (0, path),
            Self::Unmade(path) => (1, path),
            Self::Gone(path) => (2, path),
        }
    }

    fn from_parts(kind: u32, path: &'a str) -> Option<Self> {
        [Self::Made(path), Self::Unmade(path), Self::Gone(path)].into_iter().find(|e| e.parts().0 == kind)
    }
}

/// A verified table.
pub(super) struct Table {
    bytes: Vec<u8>,
    layout: Layout,
    /// How many of the records before each are not sensitive.
    open: OnceLock<Vec<u32>>,
    /// Records by owner: where each owner's begin, and their indexes.
    owned: OnceLock<(Vec<u32>, Vec<u32>)>,
}

impl Table {
    /// A table of nothing.
    pub(super) fn empty() -> Self {
        Self {
            bytes: Vec::new(),
            layout: Layout { record_size: RECORD, ..Layout::default() },
            open: OnceLock::new(),
            owned: OnceLock::new(),
        }
    }

    /// Reads a table, or says what is wrong with it. Any bytes are answered.
    pub(super) fn decode(kind: Kind, bytes: Vec<u8>) -> Result<Self, &'static str> {
        let size = bytes.len().checked_sub(ID).ok_or("it is cut short")?;
        let (body, id) = bytes.split_at_checked(size).ok_or("it is cut short")?;
        if !body.starts_with(&kind.magic()) {
            return Err("it is not such a file");
        }
        if u32_at(body, 8) != Some(VERSION) {
            return Err("it was written by another version of provc");
        }
        if checksum(body).as_slice() != id {
            return Err("its checksum does not match");
        }
        // What follows holds for every file that provc wrote; it is checked all the same, because a
        // checksum is no signature.
        let layout = Layout::read(body).ok_or(BOUNDS)?;
        if layout.record_size < RECORD || layout.size != size {
            return Err(BOUNDS);
        }
        let table = Self { layout, bytes, ..Self::empty() };
        table.check()?;
        Ok(table)
    }

    /// The length in bytes of the table that `bytes` begins with, if its header says so.
    pub(super) fn length(bytes: &[u8]) -> Option<usize> {
        Layout::read(bytes)?.size.checked_add(ID)
    }

    /// Checks each part once, so that no later step meets anything but an owner, a sorted path, a share. Runs
    /// over bytes: as long as all of them are plain ASCII, there is no text to be made of any.
    fn check(&self) -> Result<(), &'static str> {
        const PATHS: &str = "it names impossible paths";
        let text = self.bytes.get(self.layout.text_at..self.text_end()).ok_or(BOUNDS)?;
        let plain = path::all_plain(text);
        let impossible = |path: &[u8]| {
            !(plain && path::is_plain_alone(path))
                && std::str::from_utf8(path).map_or(true, |path| path::check(path).is_err())
        };
        let rows = self.bytes.get(HEADER..self.owners_at()).ok_or(BOUNDS)?;
        let mut previous: &[u8] = b"";
        for row in rows.chunks_exact(self.layout.record_size) {
            let path = piece(text, u64_at(row, 0), u32_at(row, 8)).ok_or(BOUNDS)?;
            let (owner, flags) = u32_at(row, 12).zip(u32_at(row, 44)).ok_or(BOUNDS)?;
            if owner as usize >= self.layout.owners || flags & SHARED != 0 && self.layout.shares == 0 {
                return Err(BOUNDS);
            }
            if impossible(path) || previous >= path {
                return Err(PATHS);
            }
            previous = path;
        }
        let names = self.bytes.get(self.owners_at()..self.shares_at()).ok_or(BOUNDS)?;
        let (owners, entries) = names.split_at_checked(self.layout.owners * ENTRY).ok_or(BOUNDS)?;
        let mut previous: Option<(u32, &[u8])> = None;
        for row in owners.chunks_exact(ENTRY) {
            let kind =
                u32_at(row, 0).filter(|kind| OwnerRef::from_kind(*kind, "").is_some()).ok_or(BOUNDS)?;
            let id = piece(text, u64_at(row, 8), u32_at(row, 4)).ok_or(BOUNDS)?;
            // Only static/ has no name, and then no other.
            let unnamed = kind == 0 && !id.is_empty();
            if unnamed || previous >= Some((kind, id)) || !plain && std::str::from_utf8(id).is_err() {
                return Err(BOUNDS);
            }
            previous = Some((kind, id));
        }
        let mut previous: Option<(u32, &[u8])> = None;
        for row in entries.chunks_exact(ENTRY) {
            let kind = u32_at(row, 0).filter(|kind| Entry::from_parts(*kind, "").is_some()).ok_or(BOUNDS)?;
            let path = piece(text, u64_at(row, 8), u32_at(row, 4)).ok_or(BOUNDS)?;
            if impossible(path) || previous >= Some((kind, path)) {
                return Err(PATHS);
            }
            previous = Some((kind, path));
        }
        let in_bounds = |i| self.share(i).is_some_and(|(record, _)| record < self.layout.records);
        if !(0..self.layout.shares).all(in_bounds)
            || !(0..self.layout.shares).map(|i| self.share(i)).is_sorted()
        {
            return Err(BOUNDS);
        }
        Ok(())
    }

    /// The bytes that it was read from; none for a table that never was on disk.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its checksum.
    pub(super) fn id(&self) -> Option<Id> {
        self.bytes.last_chunk().copied()
    }

    /// The checksum of the table that this one goes on from.
    pub(super) fn after(&self) -> Id {
        after(&self.bytes).unwrap_or_default()
    }

    pub(super) fn generation(&self) -> u64 {
        u64_at(&self.bytes, 16).unwrap_or(0)
    }

    /// How many files.
    pub(super) fn len(&self) -> usize {
        self.layout.records
    }

    /// Where `path` is, or would be, among the records.
    pub(super) fn position(&self, path: &str) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.layout.records);
        while low < high {
            let middle = low.midpoint(high);
            match self.path(middle).unwrap_or_default().cmp(path) {
                Ordering::Equal => return Ok(middle),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// Looks a file up.
    pub(super) fn find(&self, path: &str) -> Option<Record<'_>> {
        self.record(self.position(path).ok()?)
    }

    /// How many of the first `index` files are not sensitive.
    pub(super) fn open_before(&self, index: usize) -> usize {
        let open = self.open.get_or_init(|| {
            let mut sum = 0;
            let each = (0..self.layout.records).map(|i| {
                let before = sum;
                sum += u32::from(self.flags(i) & SENSITIVE == 0);
                before
            });
            let mut all: Vec<u32> = each.collect();
            all.push(sum);
            all
        });
        open.get(index).map_or(0, |n| *n as usize)
    }

    /// The indexes of the files that `owner` has a claim to.
    pub(super) fn owned_by(&self, owner: OwnerRef<'_>) -> &[u32] {
        let (mut low, mut high) = (0, self.layout.owners);
        while low < high {
            let middle = low.midpoint(high);
            if self.owner(middle).is_some_and(|found| found < owner) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        if self.owner(low) != Some(owner) {
            return &[];
        }
        let (starts, order) = self.owned.get_or_init(|| self.by_owner());
        let at = |i: usize| starts.get(i).map_or(order.len(), |n| *n as usize);
        order.get(at(low)..at(low + 1)).unwrap_or_default()
    }

    fn by_owner(&self) -> (Vec<u32>, Vec<u32>) {
        let claims = || {
            let firsts = (0..self.layout.records).filter_map(|i| Some((self.owner_of(i)?, i as u32)));
            let shares = (0..self.layout.shares).filter_map(|i| {
                let share = self.share(i)?;
                let first = self.owner_of(share.0)? == share.1;
                (!first).then_some((share.1, share.0 as u32))
            });
            firsts.chain(shares)
        };
        let mut starts = vec![0u32; self.layout.owners + 1];
        for (owner, _) in claims() {
            if let Some(count) = starts.get_mut(owner + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut order = vec![0u32; sum as usize];
        for (owner, record) in claims() {
            let Some(place) = next.get_mut(owner) else { continue };
            if let Some(slot) = order.get_mut(*place as usize) {
                *slot = record;
            }
            *place += 1;
        }
        (starts, order)
    }

    /// All owners of a shared record.
    pub(super) fn claims(&self, index: usize) -> Vec<Claim<'_>> {
        let first = partition(self.layout.shares, |i| self.share(i).is_some_and(|share| share.0 < index));
        (first..self.layout.shares)
            .map_while(|i| self.share(i).filter(|share| share.0 == index).zip(Some(i)))
            .filter_map(|((_, owner), i)| {
                let flags = u32_at(&self.bytes, self.shares_at() + i * SHARE + 8)?;
                Some((self.owner(owner)?, flags & SENSITIVE != 0))
            })
            .collect()
    }

    /// What it says beside its records.
    pub(super) fn entries(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        (0..self.layout.entries).filter_map(|i| self.entry(i))
    }

    /// Whether it says so.
    pub(super) fn says(&self, wanted: Entry<'_>) -> bool {
        let at = partition(self.layout.entries, |i| self.entry(i).is_some_and(|found| found < wanted));
        self.entry(at) == Some(wanted)
    }

    /// The record at `index`.
    pub(super) fn record(&self, index: usize) -> Option<Record<'_>> {
        let bytes = self.row(index)?;
        let flags = u32_at(bytes, 44)?;
        let stamp = Stamp {
            mtime: u64_at(bytes, 48)?.cast_signed(),
            ctime: u64_at(bytes, 56)?.cast_signed(),
            inode: u64_at(bytes, 64)?,
            settled: flags & SETTLED != 0,
        };
        Some(Record {
            path: self.text(u64_at(bytes, 0)?, u32_at(bytes, 8)?)?,
            owner: self.owner(u32_at(bytes, 12)? as usize)?,
            size: u64_at(bytes, 16)?,
            digest: bytes.get(24..44)?.try_into().ok()?,
            sensitive: flags & SENSITIVE != 0,
            shared: flags & SHARED != 0,
            stamp: (flags & STAMPED != 0).then_some(stamp),
        })
    }

    /// The path of the record at `index`.
    pub(super) fn path(&self, index: usize) -> Option<&str> {
        let bytes = self.row(index)?;
        self.text(u64_at(bytes, 0)?, u32_at(bytes, 8)?)
    }

    /// The index of the first owner of a record.
    fn owner_of(&self, index: usize) -> Option<usize> {
        Some(u32_at(self.row(index)?, 12)? as usize)
    }

    fn flags(&self, index: usize) -> u32 {
        self.row(index).and_then(|row| u32_at(row, 44)).unwrap_or(0)
    }

    fn row(&self, index: usize) -> Option<&[u8]> {
        if index >= self.layout.records {
            return None;
        }
        let at = HEADER + index * self.layout.record_size;
        self.bytes.get(at..at + RECORD)
    }

    fn owner(&self, index: usize) -> Option<OwnerRef<'_>> {
        if index >= self.layout.owners {
            return None;
        }
        let (kind, id) = self.named(self.owners_at() + index * ENTRY)?;
        OwnerRef::from_kind(kind, id)
    }

    fn entry(&self, index: usize) -> Option<Entry<'_>> {
        if index >= self.layout.entries {
            return None;
        }
        let (kind, path) = self.named(self.owners_at() + (self.layout.owners + index) * ENTRY)?;
        Entry::from_parts(kind, path)
    }

    /// Indexes of record and owner.
    fn share(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.layout.shares {
            return None;
        }
        let at = self.shares_at() + index * SHARE;
        let owner = u32_at(&self.bytes, at + 4)? as usize;
        (owner < self.layout.owners).then_some((u32_at(&self.bytes, at)? as usize, owner))
    }

    fn owners_at(&self) -> usize {
        HEADER + self.layout.records * self.layout.record_size
    }

    fn shares_at(&self) -> usize {
        self.owners_at() + (self.layout.owners + self.layout.entries) * ENTRY
    }

    fn text_end(&self) -> usize {
        self.bytes.len().saturating_sub(ID)
    }

    fn named(&self, at: usize) -> Option<(u32, &str)> {
        let text = self.text(u64_at(&self.bytes, at + 8)?, u32_at(&self.bytes, at + 4)?)?;
        Some((u32_at(&self.bytes, at)?, text))
    }

    fn text(&self, offset: u64, length: u32) -> Option<&str> {
        let text = self.bytes.get(self.layout.text_at..self.text_end())?;
        std::str::from_utf8(piece(text, Some(offset), Some(length))?).ok()
    }
}

fn piece(text: &[u8], offset: Option<u64>, length: Option<u32>) -> Option<&[u8]> {
    let offset = usize::try_from(offset?).ok()?;
    text.get(offset..offset.checked_add(length? as usize)?)
}

/// Where the parts of a table are, as its header says.
#[derive(Default)]
struct Layout {
    record_size: usize,
    records: usize,
    owners: usize,
    entries: usize,
    shares: usize,
    text_at: usize,
    /// All but the checksum.
    size: usize,
}

impl Layout {
    fn read(body: &[u8]) -> Option<Self> {
        let count = |at| u64_at(body, at).and_then(|n| usize::try_from(n).ok());
        let record_size = u32_at(body, 12)? as usize;
        let (records, owners, entries, shares) = (count(24)?, count(32)?, count(40)?, count(48)?);
        let text_at = records
            .checked_mul(record_size)?
            .checked_add(owners.checked_add(entries)?.checked_mul(ENTRY)?)?
            .checked_add(shares.checked_mul(SHARE)?)?
            .checked_add(HEADER)?;
        let size = text_at.checked_add(count(56)?)?;
        Some(Self { record_size, records, owners, entries, shares, text_at, size })
    }
}

pub(super) fn checksum(body: &[u8]) -> Id {
    let (header, rest) = body.split_at(HEADER.min(body.len()));
    let mut hash = Sha1::new();
    hash.update(header);
    hash.update(XxHash3_128::oneshot(rest).to_le_bytes());
    hash.finalize().into()
}

/// The table that these bytes say they go on from.
pub(super) fn after(bytes: &[u8]) -> Option<Id> {
    bytes.get(AFTER..)?.first_chunk().copied()
}

/// How many of the first `count` indexes come before what is searched.
pub(super) fn partition(count: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Checks the bytes of a manifest: how many files it lists, or what is wrong with it. For tools and fuzzing.
pub fn verify_manifest(bytes: &[u8]) -> Result<usize, &'static str> {
    let table = Table::decode(Kind::Manifest, bytes.to_vec())?;
    let found = |i: &usize| table.record(*i).is_some_and(|record| table.position(record.path) == Ok(*i));
    let listed = (0..table.len()).filter(found).count();
    if listed == table.len() { Ok(listed) } else { Err("it cannot be searched") }
}

/// `body` with the magic, the version and the checksum of a manifest, sound or not: lets a fuzzer past them.
pub fn seal_manifest(body: &[u8]) -> Vec<u8> {
    let mut bytes = Kind::Manifest.magic().to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(body);
    seal(bytes)
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
