//! What a commit makes of the manifest: all of it anew, or the records that changed.

use super::apply::Apply;
use super::encode::Parts;
use super::errors::Fault;
use super::layout::{ENTRY, Entry, HEADER, ID, Kind, NUMBER, RECORD, SHARE};
use super::memo::reserve;
use super::pages::sums_length;
use super::record::{Claim, Record, Stamp};
use super::settle::Update;
use super::staging::Staged;
use super::stamps::stamps;

impl Apply<'_> {
    /// Takes room for what the manifest will need, at most. Which directories stay is only known in the end.
    pub(super) fn reserve(&self) -> Result<(), Fault> {
        let of_owner = |id: &str| (ENTRY + SHARE + 2 * NUMBER + id.len()) as u64;
        let file = |file: &Staged| {
            let claims: u64 = file.claims.iter().map(|(owner, _)| of_owner(owner.as_ref().id())).sum();
            (RECORD + NUMBER + file.path.as_str().len()) as u64 + of_owner(file.owner.as_ref().id()) + claims
        };
        let record = |record: &Record<'_>| {
            let claims = if record.shared { self.transaction.manifest.claims(record) } else { Vec::new() };
            let claims: u64 = claims.iter().map(|(owner, _)| of_owner(owner.id())).sum();
            (RECORD + NUMBER + record.path.len()) as u64 + of_owner(record.owner.id()) + claims
        };
        let entry = |path: &&str| (ENTRY + path.len()) as u64;
        let plan = self.plan;
        let directories: u64 = plan.made.iter().chain(&self.checked.missing).map(entry).sum();
        let planned: u64 = plan.files.iter().map(file).sum();
        let fixed = (HEADER + ID + 2 * NUMBER) as u64 + directories + planned;
        let manifest = &self.transaction.manifest;
        let with_sums = |most: u64| most + usize::try_from(most).map_or(0, |most| sums_length(most) as u64);
        let most = if plan.partial {
            let gone: u64 = plan.stale.iter().map(|record| entry(&record.path)).sum();
            let again = self.transaction.refreshed();
            let again: u64 = again.iter().filter_map(|(path, _)| Some(record(&manifest.find(path)?))).sum();
            manifest.room(with_sums(fixed + gone + again))
        } else {
            with_sums(fixed + plan.kept.iter().map(record).sum::<u64>())
        };
        reserve(&self.transaction.state, Kind::Manifest.file(), most)
    }

    /// What the manifest is to say from now on.
    pub(super) fn update(&self, gone: &[&str]) -> Update {
        let manifest = &self.transaction.manifest;
        let stamps = stamps(self.tree, self.staging, &self.plan.files, &self.whole);
        let planned = self.plan.files.iter().zip(stamps).map(|(file, stamp)| file.record(stamp));
        if !self.plan.partial {
            let mut records: Vec<Record<'_>> = planned.collect();
            if !self.plan.kept.is_empty() {
                records.extend(&self.plan.kept);
                records.sort_by_key(|record| record.path);
            }
            let mut entries: Vec<Entry<'_>> =
                self.plan.made.iter().chain(&self.made).copied().map(Entry::Made).collect();
            entries.sort_unstable();
            entries.dedup();
            entries.retain(|entry| !matches!(entry, Entry::Made(path) if gone.binary_search(path).is_ok()));
            let shares = self.shares(&records);
            let mut parts = Parts { records, shares, entries, ..Parts::default() };
            return Update::All(manifest.encode_all(&mut parts));
        }
        let refreshed = self.transaction.refreshed();
        let again = refreshed.iter().filter_map(|(path, stamp)| {
            let stays = self.plan.file(path).is_none()
                && self.plan.stale.binary_search_by(|record| record.path.cmp(path)).is_err();
            manifest.find(path).filter(|_| stays).map(|record| Record { stamp: Some(*stamp), ..record })
        });
        let same = |record: &Record<'_>| {
            manifest.find(record.path) == Some(*record)
                && (!record.shared || manifest.claims(record) == self.claims(record))
        };
        let mut records: Vec<Record<'_>> = planned.chain(again).filter(|record| !same(record)).collect();
        records.sort_unstable_by_key(|record| record.path);
        let made = self.made.iter().filter(|path| !manifest.made(path)).map(|path| Entry::Made(path));
        let unmade = gone.iter().map(|path| Entry::Unmade(path));
        let stale = self.plan.stale.iter().map(|record| match record.sensitive {
            true => Entry::SensitiveGone(record.path),
            false => Entry::Gone(record.path),
        });
        let mut entries: Vec<Entry<'_>> = made.chain(unmade).chain(stale).collect();
        entries.sort_unstable();
        if records.is_empty() && entries.is_empty() {
            return Update::Nothing;
        }
        let shares = self.shares(&records);
        Update::Some(manifest.encode_change(&mut Parts { records, shares, entries, ..Parts::default() }))
    }

    pub(super) fn shares<'r>(&'r self, records: &[Record<'r>]) -> Vec<(usize, Claim<'r>)> {
        let shared = records.iter().enumerate().filter(|(_, record)| record.shared);
        shared.flat_map(|(i, record)| self.claims(record).into_iter().map(move |claim| (i, claim))).collect()
    }

    /// All owners of a record that is planned or kept.
    fn claims<'r>(&'r self, record: &Record<'r>) -> Vec<Claim<'r>> {
        match self.plan.file(record.path) {
            Some(file) => file.claims.iter().map(|(owner, sensitive)| (owner.as_ref(), *sensitive)).collect(),
            None => self.transaction.manifest.claims(record),
        }
    }
}

impl Staged {
    /// The record of this file.
    pub(super) fn record(&self, stamp: Option<Stamp>) -> Record<'_> {
        Record {
            path: self.path.as_str(),
            digest: self.digest,
            size: self.size,
            sensitive: self.sensitive,
            owner: self.owner.as_ref(),
            shared: !self.claims.is_empty(),
            stamp,
        }
    }
}
