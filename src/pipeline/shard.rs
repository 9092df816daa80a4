//! One shard of a build: everything is loaded, and plugins are chosen for all devices, but only the shard's
//! own devices are resolved and rendered. The first shard also makes what belongs to no device.

use std::collections::BTreeSet;

use super::collect::Collected;
use super::{Choices, Report, Site, fingerprint};
use crate::diagnostic::Diagnostics;
use crate::inventory::Entry;
use crate::output::{self, Failed, Owner, Part, Shard, Transaction};
use crate::render::Used;

/// How many of the devices are the shard's.
pub(super) fn count(shard: Option<Shard>, entries: &[Entry]) -> usize {
    match shard {
        Some(shard) => entries.iter().filter(|entry| shard.holds(&entry.id.to_string())).count(),
        None => entries.len(),
    }
}

/// The plugins and models that files of no device are made for: those that devices of all shards use.
pub(super) fn used(shard: Option<Shard>, choices: &Choices, used: &mut Used) {
    if shard.is_some() {
        *used = choices.used();
    }
}

/// What is left to be done once a shard ended well.
pub(super) fn next(shard: Shard, report: &Report) -> Option<String> {
    let next = || format!("this was {shard}; `provc merge --shards {}` joins them all", shard.of());
    report.committed.then(next)
}

/// Commits what was made of a shard.
pub(super) fn commit(
    transaction: Transaction,
    shard: Shard,
    site: &Site,
    entries: &[Entry],
    all: &mut Collected,
    failed: Failed,
) -> Result<output::Report, Diagnostics> {
    let ids = entries.iter().map(|entry| entry.id.to_string());
    let mut owners: BTreeSet<Owner> = ids.filter(|id| shard.holds(id)).map(Owner::Device).collect();
    let devices = owners.len();
    if shard.is_first() {
        owners.insert(Owner::Static);
        owners.extend(all.used.plugins().map(|plugin| Owner::Plugin(plugin.id().to_owned())));
    }
    let staged = std::mem::take(&mut all.staged);
    let part = Part { shard, inputs: fingerprint::fingerprint(site), devices, failed };
    transaction.commit_shard(staged, owners, part)
}
