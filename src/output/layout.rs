//! The layout of tables in bytes: the manifest, what partial builds add to it, the crash journal, a shard's plan.
//! Which paths a build wrote, with digest, owner and what `stat` said.
//!
//! All numbers are little-endian:
//!
//! | part | layout |
//! |---|---|
//! | header | magic 8, version 4, record size 4, generation 8, records 8, owners 8, entries 8, shares 8, text length 8, checksum of the table before 20, reserved 4, claims 8, files that there are in all 8 |
//! | record | text offset 8, length 4, owner index 4, size 8, sha1 20, flags 4 (bit 0 sensitive, 1 shared, 2 stamped, 3 settled; in a change, of the record before it: 4 there was one, 5 sensitive), mtime 8, ctime 8 (ns), inode 8 |
//! | owner | kind 4 (0 static, 1 plugin, 2 device), text length 4, text offset 8; sorted |
//! | entry | kind 4 (0 a directory that provc made, 1 one that it no longer has, 2 a file that it no longer has, 3 the same of a sensitive file), text length 4, text offset 8; sorted |
//! | share | record index 4, owner index 4, flags 4 (bit 0 sensitive); all owners of shared records, sorted |
//! | start | for each owner, and once more at the end: how many claims come before its own 4 |
//! | claim | record index 4; by owner, then in order |
//! | open | for the first record of every 64, and for the end if it is one: how many before it are not sensitive 4 |
//! | text | paths and ids, UTF-8 |
//! | sums | xxh3 (128 bits) 16 of every 4096 bytes of all before |
//! | end | sha1 20 of the header and of the xxh3 (128 bits) of the sums: sha1 of all would take most of the time of opening |

use sha1::{Digest, Sha1};
use twox_hash::XxHash3_128;

use super::pages::sums_length;

/// The checksum at the end of a table, by which other tables and the pipeline's state name it.
pub(super) type Id = [u8; ID];

pub(super) const HEADER: usize = 104;
pub(super) const ID: usize = 20;
pub(super) const VERSION: u32 = 4;
pub(super) const RECORD: usize = 72;
pub(super) const ENTRY: usize = 16;
pub(super) const SHARE: usize = 12;
/// A start, a claim, an open count.
pub(super) const NUMBER: usize = 4;
pub(super) const AFTER: usize = 64;
/// So many records have one open count.
pub(super) const RUN: usize = 64;

pub(super) const SENSITIVE: u32 = 1;
pub(super) const SHARED: u32 = 2;
pub(super) const STAMPED: u32 = 4;
pub(super) const SETTLED: u32 = 8;
pub(super) const BEFORE: u32 = 16;
pub(super) const BEFORE_SENSITIVE: u32 = 32;

/// What does not add up.
pub(super) const BOUNDS: &str = "its parts do not add up";
pub(super) const CUT: &str = "it is cut short";
pub(super) const WRONG: &str = "its checksum does not match";

/// Where counts stand in the header, beside those that it begins with.
const CLAIMS: usize = 88;
pub(super) const FILES: usize = 96;

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
    /// A file that was not sensitive.
    Gone(&'a str),
    /// A file that was.
    SensitiveGone(&'a str),
}

impl<'a> Entry<'a> {
    pub(super) fn parts(self) -> (u32, &'a str) {
        match self {
            Self::Made(path) => (0, path),
            Self::Unmade(path) => (1, path),
            Self::Gone(path) => (2, path),
            Self::SensitiveGone(path) => (3, path),
        }
    }

    pub(super) fn from_parts(kind: u32, path: &'a str) -> Option<Self> {
        let all = [Self::Made(path), Self::Unmade(path), Self::Gone(path), Self::SensitiveGone(path)];
        all.into_iter().find(|entry| entry.parts().0 == kind)
    }
}

/// Header and layout of a table of this kind.
pub(super) fn begin(kind: Kind, bytes: &[u8]) -> Result<(&[u8; HEADER], Layout), &'static str> {
    if !bytes.starts_with(&kind.magic()) {
        return Err("it is not such a file");
    }
    if u32_at(bytes, 8).ok_or(CUT)? != VERSION {
        return Err("it was written by another version of provc");
    }
    let header = bytes.first_chunk().ok_or(CUT)?;
    let layout = Layout::read(header).ok_or(BOUNDS)?;
    if layout.record_size < RECORD { Err(BOUNDS) } else { Ok((header, layout)) }
}

/// Where the parts of a table are, as its header says.
#[derive(Default)]
pub(super) struct Layout {
    pub(super) record_size: usize,
    pub(super) records: usize,
    pub(super) owners: usize,
    pub(super) entries: usize,
    pub(super) shares: usize,
    pub(super) claims: usize,
    pub(super) text_at: usize,
    /// All but the checksums.
    pub(super) size: usize,
}

impl Layout {
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let count = |at| u64_at(body, at).and_then(|n| usize::try_from(n).ok());
        let record_size = u32_at(body, 12)? as usize;
        let (records, owners, entries, shares) = (count(24)?, count(32)?, count(40)?, count(48)?);
        let claims = count(CLAIMS)?;
        let numbers = owners.checked_add(1)?.checked_add(claims)?.checked_add(records / RUN + 1)?;
        let text_at = records
            .checked_mul(record_size)?
            .checked_add(owners.checked_add(entries)?.checked_mul(ENTRY)?)?
            .checked_add(shares.checked_mul(SHARE)?)?
            .checked_add(numbers.checked_mul(NUMBER)?)?
            .checked_add(HEADER)?;
        let size = text_at.checked_add(count(AFTER - 8)?)?;
        Some(Self { record_size, records, owners, entries, shares, claims, text_at, size })
    }

    /// With the checksums.
    pub(super) fn length(&self) -> Option<usize> {
        self.size.checked_add(sums_length(self.size))?.checked_add(ID)
    }
}

/// The checksum of a table by its header and the checksums of its pages.
pub(super) fn checksum(header: &[u8], sums: &[u8]) -> Id {
    let mut hash = Sha1::new();
    hash.update(header);
    hash.update(XxHash3_128::oneshot(sums).to_le_bytes());
    hash.finalize().into()
}

/// The table that these bytes say they go on from.
pub(super) fn after(bytes: &[u8]) -> Option<Id> {
    bytes.get(AFTER..)?.first_chunk().copied()
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
