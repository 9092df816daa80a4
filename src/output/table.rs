//! The file format of the manifest and of the crash journal: which paths a build wrote, with digest and
//! owner.
//!
//! Removal follows what stands here, so a table counts only if its checksum, its bounds and every path in
//! it hold; a damaged one is worth as much as none. Fixed-size records sorted by path, with the texts
//! behind them, can be searched where they lie and mapped into memory; the header tells the size of a
//! record, so that fields can be added at its end without orphaning what older builds wrote.
//!
//! All numbers are little-endian:
//!
//! | part | layout |
//! |---|---|
//! | header | magic 8, version 4, record size 4, records 8, owners 8, directories 8, text length 8 |
//! | record | text offset 8, length 4, owner index 4, size 8, sha1 20, flags 4 (bit 0: sensitive) |
//! | owner | kind 4 (0 static, 1 plugin, 2 device), text length 4, text offset 8 |
//! | directory | reserved 4, text length 4, text offset 8 |
//! | text | paths and ids, UTF-8 |
//! | end | sha1 20 of everything before |

use std::collections::BTreeMap;

use sha1::{Digest, Sha1};

use super::{Owner, path};

/// A sha1 digest of a file's bytes.
pub(super) type FileDigest = [u8; 20];

const VERSION: u32 = 1;
const HEADER: usize = 48;
const RECORD: usize = 48;
const ENTRY: usize = 16;
const DIGEST: usize = 20;
const SENSITIVE: u32 = 1;

/// Which of the two files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// What the last build left in out/.
    Manifest,
    /// What a build was about to write.
    Journal,
}

impl Kind {
    /// The name in the state directory.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Journal => "journal",
        }
    }

    fn magic(self) -> [u8; 8] {
        match self {
            Self::Manifest => *b"provcman",
            Self::Journal => *b"provcjnl",
        }
    }
}

/// One file of a build.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Record<'a> {
    pub(super) path: &'a str,
    pub(super) digest: FileDigest,
    pub(super) size: u64,
    pub(super) sensitive: bool,
    pub(super) owner: &'a Owner,
}

/// A verified table.
pub(super) struct Table {
    bytes: Vec<u8>,
    record_size: usize,
    records: usize,
    text_at: usize,
    text_len: usize,
    owners: Vec<Owner>,
    directories: Vec<Box<str>>,
}

impl Table {
    /// A table of nothing.
    pub(super) fn empty() -> Self {
        Self {
            bytes: Vec::new(),
            record_size: RECORD,
            records: 0,
            text_at: 0,
            text_len: 0,
            owners: Vec::new(),
            directories: Vec::new(),
        }
    }

    /// Writes a table. `records` and `directories` are sorted by path, without repetition.
    pub(super) fn encode(kind: Kind, records: &[Record<'_>], directories: &[&str]) -> Vec<u8> {
        let owners: BTreeMap<&Owner, u32> = records.iter().map(|r| (r.owner, 0)).collect();
        let owners: BTreeMap<&Owner, u32> = owners.into_keys().zip(0..).collect();
        let mut text = String::new();
        let mut body =
            Vec::with_capacity(HEADER + records.len() * RECORD + (owners.len() + directories.len()) * ENTRY);
        body.extend(kind.magic());
        body.extend(VERSION.to_le_bytes());
        body.extend((RECORD as u32).to_le_bytes());
        for count in [records.len(), owners.len(), directories.len(), 0] {
            body.extend((count as u64).to_le_bytes());
        }
        for record in records {
            let (offset, length) = append(&mut text, record.path);
            body.extend(offset.to_le_bytes());
            body.extend(length.to_le_bytes());
            body.extend(owners.get(record.owner).copied().unwrap_or_default().to_le_bytes());
            body.extend(record.size.to_le_bytes());
            body.extend(record.digest);
            body.extend(if record.sensitive { SENSITIVE } else { 0 }.to_le_bytes());
        }
        let owners = owners.into_keys().map(|owner| (owner.kind(), owner.id()));
        for (kind, entry) in owners.chain(directories.iter().map(|directory| (0, *directory))) {
            let (offset, length) = append(&mut text, entry);
            body.extend(kind.to_le_bytes());
            body.extend(length.to_le_bytes());
            body.extend(offset.to_le_bytes());
        }
        if let Some(length) = body.get_mut(HEADER - 8..HEADER) {
            length.copy_from_slice(&(text.len() as u64).to_le_bytes());
        }
        body.extend(text.as_bytes());
        let digest = Sha1::digest(&body);
        body.extend(digest);
        body
    }

    /// Reads a table, or says what is wrong with it. Any bytes are answered.
    pub(super) fn decode(kind: Kind, bytes: Vec<u8>) -> Result<Self, &'static str> {
        let size = bytes.len().checked_sub(DIGEST).ok_or("it is cut short")?;
        let (body, digest) = bytes.split_at_checked(size).ok_or("it is cut short")?;
        if !body.starts_with(&kind.magic()) {
            return Err("it is not such a file");
        }
        if Sha1::digest(body).as_slice() != digest {
            return Err("its checksum does not match");
        }
        // What follows holds for every file that provc wrote; it is checked all the same, because a
        // checksum is no signature.
        const BOUNDS: &str = "its parts do not add up";
        if u32_at(body, 8) != Some(VERSION) {
            return Err("it was written by another version of provc");
        }
        let record_size = u32_at(body, 12).map_or(0, |n| n as usize);
        let count = |at| u64_at(body, at).and_then(|n| usize::try_from(n).ok()).ok_or(BOUNDS);
        let (records, owner_count, directory_count, text_len) =
            (count(16)?, count(24)?, count(32)?, count(40)?);
        let owners_at = records.checked_mul(record_size).and_then(|n| n.checked_add(HEADER)).ok_or(BOUNDS)?;
        let entries =
            owner_count.checked_add(directory_count).and_then(|n| n.checked_mul(ENTRY)).ok_or(BOUNDS)?;
        let text_at = owners_at.checked_add(entries).ok_or(BOUNDS)?;
        if record_size < RECORD || text_at.checked_add(text_len) != Some(size) {
            return Err(BOUNDS);
        }
        let mut table = Self { record_size, records, text_at, text_len, ..Self::empty() };
        table.bytes = bytes;
        table.owners = (0..owner_count)
            .map(|i| table.owner_at(owners_at + i * ENTRY))
            .collect::<Option<_>>()
            .ok_or(BOUNDS)?;
        let directories_at = owners_at + owner_count * ENTRY;
        table.directories = (0..directory_count)
            .map(|i| table.entry_at(directories_at + i * ENTRY).map(Box::from))
            .collect::<Option<_>>()
            .ok_or(BOUNDS)?;
        table.check_paths()?;
        Ok(table)
    }

    fn check_paths(&self) -> Result<(), &'static str> {
        let mut previous = None;
        for i in 0..self.records {
            let path = self.record(i).ok_or("its parts do not add up")?.path;
            if path::check(path).is_err() || previous.is_some_and(|p| p >= path) {
                return Err("it names impossible paths");
            }
            previous = Some(path);
        }
        let sorted = self.directories.is_sorted_by(|a, b| a < b);
        if !sorted || self.directories.iter().any(|d| path::check(d).is_err()) {
            return Err("it names impossible directories");
        }
        Ok(())
    }

    /// Whether this table was read from just these bytes.
    pub(super) fn is(&self, bytes: &[u8]) -> bool {
        self.bytes == bytes
    }

    /// How many files.
    pub(super) fn len(&self) -> usize {
        self.records
    }

    /// The files, sorted by path.
    pub(super) fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.records).filter_map(|i| self.record(i))
    }

    /// Looks a file up.
    pub(super) fn find(&self, path: &str) -> Option<Record<'_>> {
        let (mut low, mut high) = (0, self.records);
        while low < high {
            let middle = low.midpoint(high);
            let record = self.record(middle)?;
            match record.path.cmp(path) {
                std::cmp::Ordering::Equal => return Some(record),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The directories that provc made, sorted.
    pub(super) fn directories(&self) -> impl Iterator<Item = &str> {
        self.directories.iter().map(AsRef::as_ref)
    }

    fn record(&self, index: usize) -> Option<Record<'_>> {
        let at = index.checked_mul(self.record_size)?.checked_add(HEADER)?;
        let bytes = self.bytes.get(at..at.checked_add(RECORD)?)?;
        Some(Record {
            path: self.text(u64_at(bytes, 0)?, u32_at(bytes, 8)?)?,
            owner: self.owners.get(u32_at(bytes, 12)? as usize)?,
            size: u64_at(bytes, 16)?,
            digest: bytes.get(24..44)?.try_into().ok()?,
            sensitive: u32_at(bytes, 44)? & SENSITIVE != 0,
        })
    }

    fn owner_at(&self, at: usize) -> Option<Owner> {
        Owner::from_kind(u32_at(&self.bytes, at)?, self.entry_at(at)?)
    }

    fn entry_at(&self, at: usize) -> Option<&str> {
        self.text(u64_at(&self.bytes, at.checked_add(8)?)?, u32_at(&self.bytes, at.checked_add(4)?)?)
    }

    fn text(&self, offset: u64, length: u32) -> Option<&str> {
        let text = self.bytes.get(self.text_at..)?.get(..self.text_len)?;
        let offset = usize::try_from(offset).ok()?;
        std::str::from_utf8(text.get(offset..offset.checked_add(length as usize)?)?).ok()
    }
}

fn append(text: &mut String, piece: &str) -> (u64, u32) {
    let offset = text.len() as u64;
    text.push_str(piece);
    // Paths are at most 4 kB and ids come from the same inventory; a longer one would be refused on reading.
    (offset, u32::try_from(piece.len()).unwrap_or(u32::MAX))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// Checks the bytes of a manifest: how many files it lists, or what is wrong with it. For tools and fuzzing.
pub fn verify_manifest(bytes: &[u8]) -> Result<usize, &'static str> {
    let table = Table::decode(Kind::Manifest, bytes.to_vec())?;
    let listed = table.iter().filter(|record| table.find(record.path).is_some()).count();
    if listed == table.len() { Ok(listed) } else { Err("it cannot be searched") }
}

/// `body` with the magic and the checksum of a manifest, sound or not: lets a fuzzer past both.
pub fn seal_manifest(body: &[u8]) -> Vec<u8> {
    let mut bytes = Kind::Manifest.magic().to_vec();
    bytes.extend(body);
    let digest = Sha1::digest(&bytes);
    bytes.extend(digest);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Parts = (BTreeMap<String, (u8, u64, bool)>, Vec<String>);

    fn owner(n: u8) -> Owner {
        match n % 4 {
            0 => Owner::Static,
            1 => Owner::Plugin(format!("plugin-{n}")),
            _ => Owner::Device(format!("00:00:00:00:00:{n:02x}")),
        }
    }

    fn encode((files, directories): &Parts) -> Vec<u8> {
        let owners: Vec<Owner> = files.values().map(|f| owner(f.0)).collect();
        let records: Vec<Record<'_>> = files
            .iter()
            .zip(&owners)
            .map(|((path, f), owner)| Record { path, digest: [f.0; 20], size: f.1, sensitive: f.2, owner })
            .collect();
        let directories: std::collections::BTreeSet<&str> = directories.iter().map(String::as_str).collect();
        Table::encode(Kind::Manifest, &records, &directories.into_iter().collect::<Vec<_>>())
    }

    fn parts() -> impl Strategy<Value = Parts> {
        let file = (any::<u8>(), any::<u64>(), any::<bool>());
        (
            proptest::collection::btree_map("[a-zé]{1,8}(/[a-z.-]{3,8}){0,2}", file, 0..20),
            proptest::collection::vec("[a-z]{1,4}", 0..4),
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read(parts in parts()) {
            let bytes = encode(&parts);
            prop_assert_eq!(verify_manifest(&bytes), Ok(parts.0.len()));
            let table = Table::decode(Kind::Manifest, bytes.clone()).unwrap();
            for (record, (path, f)) in table.iter().zip(&parts.0) {
                prop_assert_eq!(record.path, path);
                prop_assert_eq!((record.digest, record.size, record.sensitive), ([f.0; 20], f.1, f.2));
                prop_assert_eq!(record.owner, &owner(f.0));
            }
            prop_assert!(table.find("not there").is_none());
            prop_assert!(table.directories().count() <= parts.1.len());
            prop_assert!(Table::decode(Kind::Journal, bytes).is_err());
        }

        #[test]
        fn one_changed_byte_is_noticed(parts in parts(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
            let mut bytes = encode(&parts);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(verify_manifest(&bytes).is_err());
        }

        #[test]
        fn a_cut_or_grown_file_is_noticed(parts in parts(), at in any::<prop::sample::Index>()) {
            let mut bytes = encode(&parts);
            bytes.push(0);
            prop_assert!(verify_manifest(&bytes).is_err());
            bytes.truncate(at.index(bytes.len() - 1));
            prop_assert!(verify_manifest(&bytes).is_err());
        }

        /// Someone who can compute a checksum still gets no panic and no path outside out/.
        #[test]
        fn a_forged_checksum_brings_no_panic(
            parts in parts(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut bytes = encode(&parts);
            bytes.truncate(bytes.len() - DIGEST);
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            let digest = Sha1::digest(&bytes);
            bytes.extend(digest);
            if let Ok(table) = Table::decode(Kind::Manifest, bytes) {
                for record in table.iter() {
                    prop_assert!(path::check(record.path).is_ok());
                }
            }
        }

        #[test]
        fn any_bytes_are_answered(bytes in any::<Vec<u8>>()) {
            prop_assert!(verify_manifest(&bytes).is_err());
            prop_assert_ne!(verify_manifest(&seal_manifest(&bytes)), Err("its checksum does not match"));
        }
    }

    #[test]
    fn a_longer_record_of_a_later_version_is_read() {
        let owner = Owner::Static;
        let record = Record { path: "a", digest: [1; 20], size: 7, sensitive: true, owner: &owner };
        let mut bytes = Table::encode(Kind::Manifest, &[record], &[]);
        bytes.truncate(bytes.len() - DIGEST);
        bytes[12..16].copy_from_slice(&64u32.to_le_bytes());
        bytes.splice(HEADER + RECORD..HEADER + RECORD, [9; 16]);
        let digest = Sha1::digest(&bytes);
        bytes.extend(digest);
        assert_eq!(Table::decode(Kind::Manifest, bytes).unwrap().find("a"), Some(record));
    }

    #[test]
    fn a_path_that_leaves_out_is_refused() {
        let owner = Owner::Static;
        let record = Record { path: "../a", digest: [1; 20], size: 7, sensitive: true, owner: &owner };
        let bytes = Table::encode(Kind::Manifest, &[record], &[]);
        assert_eq!(verify_manifest(&bytes), Err("it names impossible paths"));
    }
}
