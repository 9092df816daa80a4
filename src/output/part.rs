//! What a shard leaves for the merge: every path that it planned, for whom, with which bytes, and what the
//! shard was made from.
//!
//! The file is called `part` and lies in the shard's own directory below the state directory. It is written
//! last and removed before anything else, so that its being there says that the shard ended. It holds the
//! length of a JSON object (4 bytes, little-endian), the object, and a table of the paths in the manifest's
//! format, whose field for the table before it holds the sha1 of the object.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use super::encode::{Parts, seal};
use super::errors::{Fault, system};
use super::layout::Kind;
use super::record::{Claim, OwnerRef, Record};
use super::shard::Shard;
use super::staging::Staged;
use super::table::Table;
use super::tree::gone_is_none;
use super::{Failed, Owner};

/// A digest of each kind of input, by what people call it: the shards of one build have equal ones.
pub type Inputs = BTreeMap<String, String>;

/// What a shard says of itself.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which one it is.
    pub shard: Shard,
    /// What it was made from.
    pub inputs: Inputs,
    /// How many devices it holds, those with mistakes included.
    pub devices: usize,
    /// What it could not make, with `--keep-going`.
    pub failed: Failed,
}

/// How that is written.
#[derive(Serialize, Deserialize)]
struct Written {
    shard: u16,
    of: u16,
    inputs: Inputs,
    devices: usize,
    failed: Vec<(u32, String)>,
    incomplete: bool,
}

impl Part {
    /// The file. Each path stands in it once, with all owners that this shard has for it.
    pub(super) fn encode(&self, staged: &[Staged]) -> Vec<u8> {
        let failed =
            self.failed.owners.iter().map(|owner| (owner.as_ref().kind(), owner.as_ref().id().to_owned()));
        let written = Written {
            shard: self.shard.index(),
            of: self.shard.of(),
            inputs: self.inputs.clone(),
            devices: self.devices,
            failed: failed.collect(),
            incomplete: self.failed.inputs_incomplete,
        };
        // Text keys and plain numbers can always be written; an empty object would be refused on reading.
        let head = serde_json::to_vec(&written).unwrap_or_default();
        let mut files: Vec<&Staged> = staged.iter().collect();
        files.sort_by(|a, b| (&a.path, &a.owner).cmp(&(&b.path, &b.owner)));
        let (mut records, mut shares) = (Vec::new(), Vec::new());
        for alike in files.chunk_by(|a, b| a.path == b.path) {
            let claims = alike.iter().map(|file| (file.owner.as_ref(), file.sensitive));
            if let Some((record, claims)) = alike.first().and_then(|file| united(file.record(None), claims)) {
                shares.extend(claims.into_iter().map(|claim| (records.len(), claim)));
                records.push(record);
            }
        }
        let after = Sha1::digest(&head).into();
        let table = Parts { records, shares, after, ..Parts::default() }.encode(Kind::Part);
        let mut bytes = u32::try_from(head.len()).unwrap_or_default().to_le_bytes().to_vec();
        bytes.extend(head);
        bytes.extend(seal(table));
        bytes
    }

    /// Reads such a file, or says what is wrong with it. Any bytes are answered.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, Table), &'static str> {
        const SHORT: &str = "it is cut short";
        let (length, rest) = bytes.split_first_chunk().ok_or(SHORT)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| SHORT)?;
        let (head, table) = rest.split_at_checked(length).ok_or(SHORT)?;
        let table = Table::decode(Kind::Part, table.to_vec())?;
        if table.after() != <[u8; 20]>::from(Sha1::digest(head)) {
            return Err("its checksum does not match");
        }
        let written: Written =
            serde_json::from_slice(head).map_err(|_| "it was written by another version of provc")?;
        let failed = written.failed.iter();
        let owners: Option<BTreeSet<Owner>> =
            failed.map(|(kind, id)| Some(OwnerRef::from_kind(*kind, id)?.to_owner())).collect();
        let part = Self {
            shard: Shard::new(written.shard, written.of).ok_or("it names no shard")?,
            inputs: written.inputs,
            devices: written.devices,
            failed: Failed {
                owners: owners.ok_or("it names an unknown owner")?,
                inputs_incomplete: written.incomplete,
            },
        };
        Ok((part, table))
    }
}

/// A record on behalf of all of its claims (in the order of their owners), and the claims that have to be
/// written down beside it: none if there is but one owner.
pub(super) fn united<'a>(
    record: Record<'a>,
    claims: impl Iterator<Item = Claim<'a>>,
) -> Option<(Record<'a>, Vec<Claim<'a>>)> {
    let mut all: Vec<Claim<'a>> = Vec::new();
    for claim in claims {
        match all.last_mut().filter(|last| last.0 == claim.0) {
            Some(last) => last.1 |= claim.1,
            None => all.push(claim),
        }
    }
    let owner = all.first()?.0;
    let sensitive = all.iter().any(|claim| claim.1);
    let shared = all.len() > 1;
    let record = Record { owner, sensitive, shared, ..record };
    Some((record, if shared { all } else { Vec::new() }))
}

/// The directories of shards in a state directory, whether their shards ended or not.
pub(super) fn shards(state: &Path) -> Result<BTreeSet<Shard>, Fault> {
    let fault = |e| system(&e, "read", state);
    let Some(entries) = gone_is_none(fs::read_dir(state)).map_err(fault)? else { return Ok(BTreeSet::new()) };
    let mut found = BTreeSet::new();
    for entry in entries {
        let name = entry.map_err(fault)?.file_name();
        found.extend(name.to_str().and_then(Shard::of_directory));
    }
    Ok(found)
}

/// Takes away what shards left for a merge.
pub(super) fn forget(state: &Path, which: impl Fn(Shard) -> bool) -> Result<(), Fault> {
    for shard in shards(state)?.into_iter().filter(|shard| which(*shard)) {
        let path = state.join(shard.directory()).join(Kind::Part.file());
        gone_is_none(fs::remove_file(&path)).map_err(|e| system(&e, "remove", &path))?;
    }
    Ok(())
}
