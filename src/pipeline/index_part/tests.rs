//! Some of an index answers as all of it does, and its damage is noticed.

use std::fs;

use super::*;
use crate::inventory::summary::Summary;
use crate::pipeline::difference::numbers;
use crate::pipeline::index::Sorts;
use crate::pipeline::reach::{Beyond, reach};

/// A generator of random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// What the files of an inventory define; by number.
type Files = BTreeMap<u32, Summary>;

fn entry(kind: EntryKind, name: &str, digest: u64, references: &[u64]) -> EntrySummary {
    let device = kind == EntryKind::Device;
    let mut references = references.to_vec();
    references.sort_unstable();
    EntrySummary {
        key: key(kind, name),
        kind,
        digest,
        names: if device { [key(EntryKind::DeviceName, name), 0] } else { [0; 2] },
        text: if device || kind == EntryKind::Line { name.into() } else { "".into() },
        references: references.into(),
        patterns: [].into(),
    }
}

fn device(n: u64, digest: u64) -> EntrySummary {
    let profile = key(EntryKind::Profile, ["base", "office", "hall"][(n % 3) as usize]);
    let line = key(EntryKind::Line, &format!("line-{n}"));
    entry(EntryKind::Device, &format!("device-{n}"), digest, &[profile, line])
}

/// `count` devices and their lines, twenty to a file, and three profiles.
fn inventory(count: u64) -> Files {
    let office = key(EntryKind::Profile, "hall");
    let profiles = [("base", vec![]), ("hall", vec![]), ("office", vec![office])];
    let profiles = profiles.map(|(name, extends)| entry(EntryKind::Profile, name, 1, &extends));
    let mut files = Files::from([(0, Summary { entries: profiles.into() })]);
    for n in 0..count {
        let (devices, lines) = (1 + (n / 20) as u32 * 2, 2 + (n / 20) as u32 * 2);
        files.entry(devices).or_default().entries.push(device(n, n));
        let line = entry(EntryKind::Line, &format!("line-{n}"), n, &[]);
        files.entry(lines).or_default().entries.push(line);
    }
    files
}

/// An inventory with its index, in memory and on disk.
struct Site {
    place: tempfile::TempDir,
    options: Options,
    files: Files,
    index: Index,
    disk: OnDisk,
}

impl Site {
    fn new(count: u64) -> Self {
        let place = tempfile::tempdir().unwrap();
        let state = place.path().to_owned();
        let options = Options { state: Some(state), ..Options::new(place.path().join("out")) };
        let files = inventory(count);
        let all: Vec<_> = files.iter().map(|(number, summary)| (*number, summary)).collect();
        let mut index = Index::new(&all).unwrap();
        let devices: Vec<u64> = (0..count).map(|n| device(n, n).key).collect();
        let (one, other) = devices.split_at(devices.len() / 2);
        index.set_sort("acme-1", "A5", one);
        index.set_sort("acme-2", "A7", other);
        index.set_warned(one[0], true);
        let (bytes, last) = index.encode().unwrap();
        fs::write(place.path().join(INDEX), &bytes).unwrap();
        let disk = OnDisk { whole: true, size: bytes.len(), changes: Vec::new(), last };
        Self { place, options, files, index, disk }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.place.path().join(name)
    }

    /// Some edits of the files of devices; nothing of the index.
    fn edit(&self, random: &mut Random) -> (Files, Vec<u32>) {
        let odd: Vec<u32> = self.files.keys().copied().filter(|number| number % 2 == 1).collect();
        let mut changed = Files::new();
        let mut gone = Vec::new();
        for _ in 0..1 + random.below(3) {
            let number = odd[random.below(odd.len() as u64) as usize];
            let mut summary = changed.get(&number).unwrap_or(&self.files[&number]).clone();
            let at = random.below(summary.entries.len().max(1) as u64) as usize;
            match random.below(6) {
                0 if !summary.entries.is_empty() => drop(summary.entries.remove(at)),
                1 => summary.entries.push(device(1000 + random.below(1000), random.below(9))),
                2 if changed.is_empty() && gone.is_empty() && !summary.entries.is_empty() => {
                    // Every entry moves to another file.
                    let to = odd[random.below(odd.len() as u64) as usize];
                    if to != number {
                        let mut other = self.files[&to].clone();
                        other.entries.append(&mut summary.entries);
                        changed.insert(to, other);
                        gone.push(number);
                        return (changed, gone);
                    }
                }
                _ => {
                    if let Some(entry) = summary.entries.get_mut(at) {
                        entry.digest += 1 + random.below(3);
                    }
                }
            }
            changed.insert(number, summary);
        }
        (changed, gone)
    }

    /// Makes an edit, as a build of what it reaches does.
    fn apply(&mut self, (changed, gone): (Files, Vec<u32>), difference: Difference, random: &mut Random) {
        let devices = difference.entries.iter().flat_map(|(_, summary)| &summary.entries);
        let devices: Vec<u64> = devices.map(|entry| entry.key).collect();
        let model = ["A5", "A6", "A7"][random.below(3) as usize];
        let warned = devices.iter().map(|key| (*key, random.below(3) == 0)).collect();
        let models = BTreeMap::from([(model.to_owned(), devices)]);
        let mut change = Change {
            files: difference.entries,
            gone: gone.clone(),
            removed: difference.removed,
            sorts: Sorts::from([("acme-1".to_owned(), models)]),
            warned,
            ..Change::default()
        };
        self.index.make(&mut change).unwrap();
        self.disk.note(&change);
        fs::write(self.path(CHANGES), &self.disk.changes).unwrap();
        self.files.extend(changed);
        gone.iter().for_each(|number| drop(self.files.remove(number)));
    }
}

/// All that is known of an entry.
fn shown(index: &Index, key: u64) -> Option<impl PartialEq + std::fmt::Debug> {
    let record = index.get(key)?;
    let sort = index.sort_of(record).cloned();
    let rest = (record.digest, record.names, record.file, record.warned, record.has_patterns());
    Some((rest, sort, index.references(record).to_vec(), index.text(record).to_owned()))
}

#[test]
fn some_of_it_answers_as_all_of_it_does() {
    let (mut reached, mut beyond) = (0, 0);
    for seed in 0..8 {
        let mut random = Random(seed);
        let mut site = Site::new(400);
        for _ in 0..30 {
            let (changed, gone) = site.edit(&mut random);
            let summaries: Vec<_> = changed.iter().map(|(number, summary)| (*number, summary)).collect();
            let part = Part::open(&site.options, site.disk.last).unwrap();
            let files = numbers(&summaries, &gone);
            let sorted = |mut listed: Vec<Listed>| {
                listed.sort_unstable_by_key(|listed| (listed.file, listed.key));
                listed
            };
            let listed = sorted(site.index.listed(&files));
            assert_eq!(sorted(part.listed(&files).unwrap()), listed);
            // Two devices of one name are for a build of everything to tell.
            let Some(difference) = Difference::new(&summaries, &gone, &listed) else { continue };
            let (some, disk) = part.index(&difference).unwrap();
            assert!(some.is_partial() && some.records().len() < 300, "{}", some.records().len());
            assert_eq!((disk.last, &disk.changes), (site.disk.last, &site.disk.changes));
            assert_eq!(
                (some.warned(), some.sorts_in_use()),
                (site.index.warned(), site.index.sorts_in_use())
            );
            for record in some.records() {
                assert_eq!(shown(&some, record.key), shown(&site.index, record.key));
            }
            let all = reach(&site.index, &difference, &[], None, 400);
            match reach(&some, &difference, &[], None, 400) {
                Err(Beyond::Index) => beyond += 1,
                found => {
                    reached += 1;
                    assert_eq!(found, all);
                }
            }
            if all.is_ok() {
                site.apply((changed, gone), difference, &mut random);
                assert_eq!(
                    Index::load(&site.options, site.disk.last).unwrap().0.records(),
                    site.index.records()
                );
            }
        }
    }
    assert!(reached > 100, "{reached} {beyond}");
}

#[test]
fn its_damage_is_noticed_where_it_matters() {
    let mut site = Site::new(1500);
    let mut changed = Files::from([(7, site.files[&7].clone())]);
    changed.get_mut(&7).unwrap().entries[3].digest += 1;
    let summaries: Vec<_> = changed.iter().map(|(number, summary)| (*number, summary)).collect();
    let difference = Difference::new(&summaries, &[], &site.index.listed(&[7])).unwrap();
    let look = |options: &Options, last| {
        let part = Part::open(options, last)?;
        let difference = Difference::new(&summaries, &[], &part.listed(&[7])?)?;
        let (index, _) = part.index(&difference)?;
        Some((reach(&index, &difference, &[], None, 1500), difference))
    };
    let right = look(&site.options, site.disk.last);
    assert!(right.as_ref().is_some_and(|(reach, found)| reach.is_ok() && *found == difference));
    let good = fs::read(site.path(INDEX)).unwrap();
    let (mut noticed, mut elsewhere) = (0, 0);
    for at in (0..good.len()).filter(|at| at % 307 == 0 || *at < 70 || at + 40 > good.len()) {
        let mut wrong = good.clone();
        wrong[at] ^= 1 << (at % 8);
        fs::write(site.path(INDEX), wrong).unwrap();
        assert!(Index::load(&site.options, site.disk.last).is_none(), "{at}");
        match look(&site.options, site.disk.last) {
            None => noticed += 1,
            found => {
                elsewhere += 1;
                assert_eq!(found, right, "{at}");
            }
        }
    }
    assert!(noticed > 100 && elsewhere > 100, "{noticed} {elsewhere}");
    for length in (0..good.len()).filter(|n| n % 997 == 0 || n + 60 > good.len()) {
        fs::write(site.path(INDEX), &good[..length]).unwrap();
        assert!(Part::open(&site.options, site.disk.last).is_none(), "{length}");
    }
    // Another version.
    let mut other = good.clone();
    other[7] = b'1';
    let (bytes, _) =
        crate::output::seal_pages(other[..other.len() - 24 - 16 * other.len().div_ceil(4112)].to_vec());
    fs::write(site.path(INDEX), bytes).unwrap();
    assert!(Part::open(&site.options, site.disk.last).is_none());
    fs::write(site.path(INDEX), &good).unwrap();

    // Changes since: every byte counts.
    let before = site.disk.last;
    site.apply((changed.clone(), Vec::new()), difference.clone(), &mut Random(3));
    let good = fs::read(site.path(CHANGES)).unwrap();
    assert!(Part::open(&site.options, site.disk.last).is_some());
    for at in 0..good.len() {
        let mut wrong = good.clone();
        wrong[at] ^= 1 << (at % 8);
        fs::write(site.path(CHANGES), wrong).unwrap();
        assert!(Part::open(&site.options, site.disk.last).is_none(), "{at}");
        assert!(Part::open(&site.options, before).is_some(), "what was before needs none of them");
        fs::write(site.path(CHANGES), &good[..at]).unwrap();
        assert!(Part::open(&site.options, site.disk.last).is_none(), "{at}");
    }
}
