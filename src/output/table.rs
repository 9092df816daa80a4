//! Reading the manifest, what partial builds add to it, and the crash journal ([`super::layout`]).
//!
//! Removal follows what stands here, so a table counts only if its checksums, its bounds and every path in
//! it hold; a damaged one is worth as much as none. Fixed-size records sorted by path, with the texts
//! behind them, are searched where they lie: opening a table builds nothing, and one that is asked for a few
//! of its records is read in pages ([`super::pages`]), each of which is checked when it is read, and each record
//! when it is looked at. The header tells the size of a record, so that fields can be added at its end.

use std::cmp::Ordering;
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::encode::seal;
use super::layout::{
    BEFORE, BEFORE_SENSITIVE, BOUNDS, CUT, ENTRY, Entry, FILES, HEADER, Id, Kind, Layout, NUMBER, RECORD,
    RUN, SENSITIVE, SETTLED, SHARE, SHARED, STAMPED, VERSION, WRONG, after, begin, checksum, u32_at, u64_at,
};
use super::pages::{Pages, sums};
use super::path;
use super::record::{Claim, OwnerRef, Record, Stamp};

/// A verified table.
pub(super) struct Table {
    source: Source,
    layout: Layout,
    header: [u8; HEADER],
    id: Option<Id>,
}

enum Source {
    /// All of it, checked as a whole.
    Whole(Vec<u8>),
    /// A file, checked as far as it was asked for.
    Pages(Pages),
}

impl Table {
    /// A table of nothing.
    pub(super) fn empty() -> Self {
        Self {
            source: Source::Whole(Vec::new()),
            layout: Layout { record_size: RECORD, ..Layout::default() },
            header: [0; HEADER],
            id: None,
        }
    }

    /// Reads a table, or says what is wrong with it. Any bytes are answered.
    pub(super) fn decode(kind: Kind, bytes: Vec<u8>) -> Result<Self, &'static str> {
        let (header, layout) = begin(kind, &bytes)?;
        if layout.length() != Some(bytes.len()) {
            return Err(CUT);
        }
        let (content, end) = bytes.split_at_checked(layout.size).ok_or(CUT)?;
        let (standing, id) = end.split_last_chunk().ok_or(CUT)?;
        if sums(content) != standing || checksum(header, standing) != *id {
            return Err(WRONG);
        }
        let (header, id) = (*header, Some(*id));
        let table = Self { source: Source::Whole(bytes), layout, header, id };
        // What follows holds for every file that provc wrote; it is checked all the same, because a
        // checksum is no signature.
        table.check()?;
        Ok(table)
    }

    /// A table of which only what is asked for will be read, and checked then: see [`Table::is_damaged`].
    pub(super) fn open(kind: Kind, file: File) -> Result<Self, &'static str> {
        const UNREADABLE: &str = "it cannot be read";
        let length =
            file.metadata().ok().and_then(|found| usize::try_from(found.len()).ok()).ok_or(UNREADABLE)?;
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0).map_err(|_| CUT)?;
        let (_, layout) = begin(kind, &header)?;
        if Some(length) != layout.length() {
            return Err(CUT);
        }
        let mut end = vec![0; length - layout.size];
        file.read_exact_at(&mut end, layout.size as u64).map_err(|_| UNREADABLE)?;
        let (standing, id) = end.split_last_chunk().ok_or(CUT)?;
        if checksum(&header, standing) != *id {
            return Err(WRONG);
        }
        let (id, standing) = (Some(*id), standing.to_vec());
        Ok(Self { source: Source::Pages(Pages::new(file, layout.size, standing)), layout, header, id })
    }

    /// Whether anything that was asked for could not be had. What was answered is then worth nothing.
    pub(super) fn is_damaged(&self) -> bool {
        matches!(&self.source, Source::Pages(pages) if pages.is_damaged())
    }

    /// Whether it was read as a whole.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.source, Source::Whole(_))
    }

    /// The length in bytes of the table that `bytes` begins with, if its header says so.
    pub(super) fn length(bytes: &[u8]) -> Option<usize> {
        Layout::read(bytes)?.length()
    }

    /// Checks each part once, so that no later step meets anything but an owner, a sorted path, a share. Runs
    /// over bytes: as long as all of them are plain ASCII, there is no text to be made of any.
    fn check(&self) -> Result<(), &'static str> {
        const PATHS: &str = "it names impossible paths";
        let Source::Whole(bytes) = &self.source else { return Ok(()) };
        let text = bytes.get(self.layout.text_at..self.layout.size).ok_or(BOUNDS)?;
        let plain = path::all_plain(text);
        let impossible = |path: &[u8]| {
            !(plain && path::is_plain_alone(path))
                && std::str::from_utf8(path).map_or(true, |path| path::check(path).is_err())
        };
        let rows = bytes.get(HEADER..self.owners_at()).ok_or(BOUNDS)?;
        let mut previous: &[u8] = b"";
        let mut open = 0u32;
        for (i, row) in rows.chunks_exact(self.layout.record_size).enumerate() {
            let path = piece(text, u64_at(row, 0), u32_at(row, 8)).ok_or(BOUNDS)?;
            let (owner, flags) = u32_at(row, 12).zip(u32_at(row, 44)).ok_or(BOUNDS)?;
            if owner as usize >= self.layout.owners || flags & SHARED != 0 && self.layout.shares == 0 {
                return Err(BOUNDS);
            }
            if impossible(path) || previous >= path {
                return Err(PATHS);
            }
            previous = path;
            if i % RUN == 0 && self.number(self.open_at(), i / RUN) != Some(open) {
                return Err(BOUNDS);
            }
            open += u32::from(flags & SENSITIVE == 0);
        }
        if self.layout.records.is_multiple_of(RUN)
            && self.number(self.open_at(), self.layout.records / RUN) != Some(open)
        {
            return Err(BOUNDS);
        }
        let names = bytes.get(self.owners_at()..self.shares_at()).ok_or(BOUNDS)?;
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
        let starts = |i| self.number(self.starts_at(), i).map(|n| n as usize);
        let claims = |i| self.number(self.claims_at(), i).map(|n| n as usize);
        let ordered = (0..=self.layout.owners).map(starts).is_sorted()
            && starts(0) == Some(0)
            && starts(self.layout.owners) == Some(self.layout.claims)
            && (0..self.layout.claims).all(|i| claims(i).is_some_and(|record| record < self.layout.records));
        if ordered { Ok(()) } else { Err(BOUNDS) }
    }

    /// Whether it is written as these bytes and their checksums.
    pub(super) fn is(&self, content: &[u8]) -> bool {
        matches!(&self.source, Source::Whole(bytes) if bytes.get(..self.layout.size) == Some(content))
            && self.id.is_some()
    }

    /// How many bytes its file takes; none for a table that never was on disk.
    pub(super) fn size(&self) -> u64 {
        self.id.and_then(|_| self.layout.length()).map_or(0, |length| length as u64)
    }

    /// Its checksum.
    pub(super) fn id(&self) -> Option<Id> {
        self.id
    }

    /// The checksum of the table that this one goes on from.
    pub(super) fn after(&self) -> Id {
        after(&self.header).unwrap_or_default()
    }

    pub(super) fn generation(&self) -> u64 {
        u64_at(&self.header, 16).unwrap_or(0)
    }

    /// How many files there are in all, once this change was made.
    pub(super) fn files(&self) -> usize {
        u64_at(&self.header, FILES).and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
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
        let first = index - index % RUN;
        let before = self.number(self.open_at(), index / RUN).unwrap_or(0);
        let open = |i: &usize| self.flags(*i).is_some_and(|flags| flags & SENSITIVE == 0);
        before as usize + (first..index).filter(open).count()
    }

    /// The indexes of the files that `owner` has a claim to.
    pub(super) fn owned_by(&self, owner: OwnerRef<'_>) -> Vec<usize> {
        let at = partition(self.layout.owners, |i| self.owner(i).is_some_and(|found| found < owner));
        if self.owner(at) != Some(owner) {
            return Vec::new();
        }
        let start = |i| self.number(self.starts_at(), i).map_or(0, |n| n as usize);
        let claims = start(at)..start(at + 1).min(self.layout.claims);
        let records = claims.filter_map(|i| self.number(self.claims_at(), i)).map(|n| n as usize);
        // A claim leads to somebody's file, which may be removed: the file has to know of it.
        let theirs = |record: &usize| {
            let known =
                self.owner_of(*record) == Some(at) || self.shares_of(*record).any(|(_, owner)| owner == at);
            if !known {
                self.damage();
            }
            known
        };
        records.filter(theirs).collect()
    }

    /// The shares of a record, with their indexes of owners.
    fn shares_of(&self, record: usize) -> impl Iterator<Item = (usize, usize)> {
        let first = partition(self.layout.shares, |i| self.share(i).is_some_and(|share| share.0 < record));
        (first..self.layout.shares)
            .map_while(move |i| self.share(i).filter(|share| share.0 == record).map(|share| (i, share.1)))
    }

    /// All owners of a shared record.
    pub(super) fn claims(&self, index: usize) -> Vec<Claim<'_>> {
        let claim = |(i, owner): (usize, usize)| {
            let flags = u32::from_le_bytes(self.fixed(self.shares_at() + i * SHARE + 8)?);
            Some((self.owner(owner)?, flags & SENSITIVE != 0))
        };
        self.shares_of(index).filter_map(claim).collect()
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
        let bytes: [u8; RECORD] = self.fixed(self.row_at(index)?)?;
        let flags = u32_at(&bytes, 44)?;
        let stamp = Stamp {
            mtime: u64_at(&bytes, 48)?.cast_signed(),
            ctime: u64_at(&bytes, 56)?.cast_signed(),
            inode: u64_at(&bytes, 64)?,
            settled: flags & SETTLED != 0,
        };
        Some(Record {
            path: self.safe(u64_at(&bytes, 0)?, u32_at(&bytes, 8)?)?,
            owner: self.owner(u32_at(&bytes, 12)? as usize)?,
            size: u64_at(&bytes, 16)?,
            digest: bytes.get(24..44)?.try_into().ok()?,
            sensitive: flags & SENSITIVE != 0,
            shared: flags & SHARED != 0,
            stamp: (flags & STAMPED != 0).then_some(stamp),
        })
    }

    /// Of the record at `index` of a change: whether there was one before, and if so whether it was sensitive.
    pub(super) fn before(&self, index: usize) -> Option<bool> {
        let flags = self.flags(index)?;
        (flags & BEFORE != 0).then_some(flags & BEFORE_SENSITIVE != 0)
    }

    /// The path of the record at `index`.
    pub(super) fn path(&self, index: usize) -> Option<&str> {
        let bytes: [u8; 12] = self.fixed(self.row_at(index)?)?;
        self.safe(u64_at(&bytes, 0)?, u32_at(&bytes, 8)?)
    }

    /// The index of the first owner of a record.
    fn owner_of(&self, index: usize) -> Option<usize> {
        Some(u32::from_le_bytes(self.fixed(self.row_at(index)? + 12)?) as usize)
    }

    fn flags(&self, index: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.fixed(self.row_at(index)? + 44)?))
    }

    fn row_at(&self, index: usize) -> Option<usize> {
        (index < self.layout.records).then(|| HEADER + index * self.layout.record_size)
    }

    fn owner(&self, index: usize) -> Option<OwnerRef<'_>> {
        if index >= self.layout.owners {
            return None;
        }
        let (kind, offset, length) = self.named(self.owners_at() + index * ENTRY)?;
        OwnerRef::from_kind(kind, self.text(offset, length)?)
    }

    fn entry(&self, index: usize) -> Option<Entry<'_>> {
        if index >= self.layout.entries {
            return None;
        }
        let (kind, offset, length) = self.named(self.owners_at() + (self.layout.owners + index) * ENTRY)?;
        Entry::from_parts(kind, self.safe(offset, length)?)
    }

    /// Indexes of record and owner.
    fn share(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.layout.shares {
            return None;
        }
        let bytes: [u8; 8] = self.fixed(self.shares_at() + index * SHARE)?;
        let owner = u32_at(&bytes, 4)? as usize;
        (owner < self.layout.owners).then_some((u32_at(&bytes, 0)? as usize, owner))
    }

    fn owners_at(&self) -> usize {
        HEADER + self.layout.records * self.layout.record_size
    }

    fn shares_at(&self) -> usize {
        self.owners_at() + (self.layout.owners + self.layout.entries) * ENTRY
    }

    fn starts_at(&self) -> usize {
        self.shares_at() + self.layout.shares * SHARE
    }

    fn claims_at(&self) -> usize {
        self.starts_at() + (self.layout.owners + 1) * NUMBER
    }

    fn open_at(&self) -> usize {
        self.claims_at() + self.layout.claims * NUMBER
    }

    /// One of the numbers that begin at `at`.
    fn number(&self, at: usize, index: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.fixed(at + index * NUMBER)?))
    }

    /// Kind, offset and length of a text.
    fn named(&self, at: usize) -> Option<(u32, u64, u32)> {
        let bytes: [u8; ENTRY] = self.fixed(at)?;
        Some((u32_at(&bytes, 0)?, u64_at(&bytes, 8)?, u32_at(&bytes, 4)?))
    }

    /// A text that is a path below out/.
    fn safe(&self, offset: u64, length: u32) -> Option<&str> {
        let text = self.text(offset, length)?;
        // All of a whole table was checked when it was read.
        if self.is_whole() || path::check(text).is_ok() {
            return Some(text);
        }
        self.damage();
        None
    }

    fn text(&self, offset: u64, length: u32) -> Option<&str> {
        let at = usize::try_from(offset).ok().and_then(|offset| self.layout.text_at.checked_add(offset));
        let ends = |at: &usize| at.checked_add(length as usize).is_some_and(|end| end <= self.layout.size);
        let piece = at.filter(ends).and_then(|at| match &self.source {
            Source::Whole(bytes) => bytes.get(at..at + length as usize),
            Source::Pages(pages) => pages.piece(at, length as usize),
        });
        let text = piece.and_then(|piece| std::str::from_utf8(piece).ok());
        if text.is_none() {
            self.damage();
        }
        text
    }

    fn fixed<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        match &self.source {
            Source::Whole(bytes) => bytes.get(at..)?.first_chunk().copied(),
            Source::Pages(pages) => {
                let mut bytes = [0; N];
                pages.copy(at, &mut bytes).map(|()| bytes)
            }
        }
    }

    fn damage(&self) {
        if let Source::Pages(pages) = &self.source {
            pages.damage();
        }
    }
}

fn piece(text: &[u8], offset: Option<u64>, length: Option<u32>) -> Option<&[u8]> {
    let offset = usize::try_from(offset?).ok()?;
    text.get(offset..offset.checked_add(length? as usize)?)
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
