//! Writing a [`Table`](super::table::Table).

use super::layout::{
    AFTER, BEFORE, BEFORE_SENSITIVE, ENTRY, Entry, HEADER, ID, Id, Kind, NUMBER, RECORD, RUN, SENSITIVE,
    SETTLED, SHARE, SHARED, STAMPED, VERSION, checksum,
};
use super::pages::{sums, sums_length};
use super::record::{Claim, OwnerRef, Record};

/// What a table is made of.
#[derive(Default)]
pub(super) struct Parts<'a> {
    /// Sorted by path, without repetition.
    pub(super) records: Vec<Record<'a>>,
    /// All claims of the shared ones, by index into `records`, sorted.
    pub(super) shares: Vec<(usize, Claim<'a>)>,
    /// Sorted.
    pub(super) entries: Vec<Entry<'a>>,
    /// The table that this one goes on from.
    pub(super) after: Id,
    /// How often the manifest was written; two writes with equal content are still two.
    pub(super) generation: u64,
    /// Of a change: for each of `records` whether there was one before, and if so whether it was sensitive.
    pub(super) before: Vec<Option<bool>>,
    /// Of a change: how many files there are in all once it was made.
    pub(super) files: usize,
}

impl Parts<'_> {
    /// Writes a table, all but its checksums.
    pub(super) fn encode(&self, kind: Kind) -> Vec<u8> {
        let (owners, of_records, of_shares) = self.owners();
        let mut text = String::new();
        let entries = owners.len() + self.entries.len();
        let by_owner = self.by_owner(owners.len(), &of_records, &of_shares);
        let open = self.open();
        let numbers = (by_owner.0.len() + by_owner.1.len() + open.len()) * NUMBER;
        let fixed =
            HEADER + self.records.len() * RECORD + entries * ENTRY + self.shares.len() * SHARE + numbers;
        let texts: usize = self.records.iter().map(|record| record.path.len()).sum::<usize>()
            + owners.iter().map(|owner| owner.id().len()).sum::<usize>();
        text.reserve(texts);
        let more: usize = self.entries.iter().map(|entry| entry.parts().1.len()).sum();
        let mut body = Vec::with_capacity(fixed + texts + more + sums_length(fixed + texts + more) + ID);
        body.extend(kind.magic());
        body.extend(VERSION.to_le_bytes());
        body.extend((RECORD as u32).to_le_bytes());
        body.extend(self.generation.to_le_bytes());
        for count in [self.records.len(), owners.len(), self.entries.len(), self.shares.len(), 0] {
            body.extend((count as u64).to_le_bytes());
        }
        body.extend(self.after);
        body.extend([0; 4]);
        body.extend((by_owner.1.len() as u64).to_le_bytes());
        body.extend((self.files.max(self.records.len()) as u64).to_le_bytes());
        for (i, (record, owner)) in self.records.iter().zip(of_records).enumerate() {
            let before = self.before.get(i).copied().flatten();
            body.extend(row(record, owner, before, append(&mut text, record.path)));
        }
        let owners = owners.iter().map(|owner| (owner.kind(), owner.id()));
        for (kind, name) in owners.chain(self.entries.iter().map(|entry| entry.parts())) {
            let (offset, length) = append(&mut text, name);
            body.extend(kind.to_le_bytes());
            body.extend(length.to_le_bytes());
            body.extend(offset.to_le_bytes());
        }
        for ((record, (_, sensitive)), owner) in self.shares.iter().zip(of_shares) {
            body.extend((*record as u32).to_le_bytes());
            body.extend(owner.to_le_bytes());
            body.extend(flag(*sensitive, SENSITIVE).to_le_bytes());
        }
        for number in by_owner.0.iter().chain(&by_owner.1).chain(&open) {
            body.extend(number.to_le_bytes());
        }
        if let Some(length) = body.get_mut(AFTER - 8..AFTER) {
            length.copy_from_slice(&(text.len() as u64).to_le_bytes());
        }
        body.extend(text.as_bytes());
        body
    }

    /// How many claims come before those of each owner, and all claims by owner.
    fn by_owner(&self, owners: usize, of_records: &[u32], of_shares: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let claims = || {
            let firsts = (0u32..).zip(of_records).map(|(record, owner)| (*owner, record));
            let shares = self.shares.iter().zip(of_shares).filter_map(|((record, _), owner)| {
                let first = of_records.get(*record) == Some(owner);
                (!first).then_some((*owner, *record as u32))
            });
            firsts.chain(shares)
        };
        let mut starts = vec![0u32; owners + 1];
        for (owner, _) in claims() {
            if let Some(count) = starts.get_mut(owner as usize + 1) {
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
            let Some(place) = next.get_mut(owner as usize) else { continue };
            if let Some(slot) = order.get_mut(*place as usize) {
                *slot = record;
            }
            *place += 1;
        }
        (starts, order)
    }

    /// How many records before every so many are not sensitive.
    fn open(&self) -> Vec<u32> {
        let mut open = Vec::with_capacity(self.records.len() / RUN + 1);
        let mut sum = 0u32;
        for run in self.records.chunks(RUN) {
            open.push(sum);
            sum += run.iter().filter(|record| !record.sensitive).count() as u32;
        }
        if self.records.len().is_multiple_of(RUN) {
            open.push(sum);
        }
        open
    }

    /// All owners, sorted, and the index of the owner of each record and of each share. Owners come in runs,
    /// because the paths of one device are mostly neighbours; so there is little to sort.
    fn owners(&self) -> (Vec<OwnerRef<'_>>, Vec<u32>, Vec<u32>) {
        let all = self.records.iter().map(|record| record.owner);
        let all = all.chain(self.shares.iter().map(|(_, claim)| claim.0));
        let mut runs: Vec<(OwnerRef<'_>, u32)> = Vec::new();
        let mut run_of: Vec<u32> = Vec::with_capacity(self.records.len() + self.shares.len());
        for owner in all {
            if runs.last().is_none_or(|last| last.0 != owner) {
                runs.push((owner, runs.len() as u32));
            }
            run_of.push(runs.len() as u32 - 1);
        }
        runs.sort();
        let mut index_of = vec![0u32; runs.len()];
        let mut owners: Vec<OwnerRef<'_>> = Vec::with_capacity(runs.len());
        for (owner, run) in runs {
            if owners.last() != Some(&owner) {
                owners.push(owner);
            }
            if let Some(index) = index_of.get_mut(run as usize) {
                *index = owners.len() as u32 - 1;
            }
        }
        for run in &mut run_of {
            *run = index_of.get(*run as usize).copied().unwrap_or(0);
        }
        let of_shares = run_of.split_off(self.records.len());
        (owners, run_of, of_shares)
    }
}

fn row(record: &Record<'_>, owner: u32, before: Option<bool>, (offset, length): (u64, u32)) -> [u8; RECORD] {
    let stamp = record.stamp;
    let flags = flag(record.sensitive, SENSITIVE)
        | flag(record.shared, SHARED)
        | flag(stamp.is_some(), STAMPED)
        | flag(stamp.is_some_and(|stamp| stamp.settled), SETTLED)
        | flag(before.is_some(), BEFORE)
        | flag(before == Some(true), BEFORE_SENSITIVE);
    let (mtime, ctime, inode) = stamp.map_or((0, 0, 0), |stamp| (stamp.mtime, stamp.ctime, stamp.inode));
    let mut row = [0; RECORD];
    let mut rest: &mut [u8] = &mut row;
    let mut put = |piece: &[u8]| {
        if let Some((at, after)) = std::mem::take(&mut rest).split_at_mut_checked(piece.len()) {
            at.copy_from_slice(piece);
            rest = after;
        }
    };
    put(&offset.to_le_bytes());
    put(&length.to_le_bytes());
    put(&owner.to_le_bytes());
    put(&record.size.to_le_bytes());
    put(&record.digest);
    put(&flags.to_le_bytes());
    put(&mtime.to_le_bytes());
    put(&ctime.to_le_bytes());
    put(&inode.to_le_bytes());
    row
}

/// Closes a table with its checksums.
pub(super) fn seal(mut body: Vec<u8>) -> Vec<u8> {
    let sums = sums(&body);
    let id = checksum(body.get(..HEADER).unwrap_or(&body), &sums);
    body.extend(sums);
    body.extend(id);
    body
}

/// The same table, written once more.
pub(super) fn set_generation(body: &mut [u8], generation: u64) {
    if let Some(place) = body.get_mut(16..24) {
        place.copy_from_slice(&generation.to_le_bytes());
    }
}

fn flag(set: bool, flag: u32) -> u32 {
    if set { flag } else { 0 }
}

fn append(text: &mut String, piece: &str) -> (u64, u32) {
    let offset = text.len() as u64;
    text.push_str(piece);
    // Paths are at most 4 kB and ids come from the same inventory; a longer one would be refused on reading.
    (offset, u32::try_from(piece.len()).unwrap_or(u32::MAX))
}
