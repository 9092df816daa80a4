//! What some files define otherwise than they did: of a file of eighty devices, mostly one.

use std::collections::{BTreeMap, BTreeSet};

use super::index::Listed;
use crate::inventory::summary::Summary;

/// What became of the entries of some files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Entries that are new, have another value or came from another file; by the numbers of files.
    pub entries: Vec<(u32, Summary)>,
    /// The keys of those that are no more, sorted.
    pub removed: Vec<u64>,
    /// The numbers of all these files, those that are gone included; sorted.
    pub files: Vec<u32>,
}

/// The numbers of files that changed and of files that are gone, sorted.
pub(super) fn numbers(files: &[(u32, &Summary)], gone: &[u32]) -> Vec<u32> {
    let mut all: Vec<u32> = files.iter().map(|(number, _)| *number).chain(gone.iter().copied()).collect();
    all.sort_unstable();
    all
}

impl Difference {
    /// Compares what `files` define with what these and those that are `gone` defined. Nothing if two entries
    /// have one key.
    pub fn new(files: &[(u32, &Summary)], gone: &[u32], defined: &[Listed]) -> Option<Self> {
        let mut before: BTreeMap<u64, &Listed> = defined.iter().map(|listed| (listed.key, listed)).collect();
        let mut seen = BTreeSet::new();
        let mut entries = Vec::new();
        for (number, summary) in files {
            let mut differing = Summary::default();
            for entry in &summary.entries {
                if !seen.insert(entry.key) {
                    return None;
                }
                let old = before.remove(&entry.key);
                if old.is_none_or(|old| (old.file, old.digest) != (*number, entry.digest)) {
                    differing.entries.push(entry.clone());
                }
            }
            entries.push((*number, differing));
        }
        let removed = before.into_keys().collect();
        Some(Self { entries, removed, files: numbers(files, gone) })
    }

    /// The entries, with the numbers of their files.
    pub fn summaries(&self) -> Vec<(u32, &Summary)> {
        self.entries.iter().map(|(number, summary)| (*number, summary)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::summary::{EntryKind, EntrySummary};

    fn file(entries: &[(u64, u64)]) -> Summary {
        let entry = |(key, digest): &(u64, u64)| EntrySummary {
            key: *key,
            kind: EntryKind::Device,
            digest: *digest,
            names: [0; 2],
            text: "".into(),
            references: [].into(),
            patterns: [].into(),
        };
        Summary { entries: entries.iter().map(entry).collect() }
    }

    fn listed(all: &[(u32, u64, u64)]) -> Vec<Listed> {
        all.iter().map(|(file, key, digest)| Listed { file: *file, key: *key, digest: *digest }).collect()
    }

    #[test]
    fn only_what_differs_is_told() {
        let was = listed(&[(1, 10, 5), (1, 11, 5), (1, 12, 5), (2, 20, 5), (2, 21, 5), (3, 30, 5)]);
        // 11 changed, 12 went to file 2, 13 is new; 21 is gone, and so is file 3.
        let (one, two) = (file(&[(10, 5), (11, 6), (13, 5)]), file(&[(20, 5), (12, 5)]));
        let found = Difference::new(&[(2, &two), (1, &one)], &[3], &was).unwrap();
        let expected = Difference {
            entries: vec![(2, file(&[(12, 5)])), (1, file(&[(11, 6), (13, 5)]))],
            removed: vec![21, 30],
            files: vec![1, 2, 3],
        };
        assert_eq!(found, expected);
        assert_eq!(found.summaries().len(), 2);
    }

    #[test]
    fn one_key_twice_is_for_a_build_of_everything_to_tell() {
        let (one, two) = (file(&[(10, 5), (11, 5)]), file(&[(11, 5)]));
        assert_eq!(Difference::new(&[(1, &one), (2, &two)], &[], &listed(&[(1, 11, 5)])), None);
    }
}
