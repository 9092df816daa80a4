//! The file format against chance, damage and forgery.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::output::Owner;
use crate::output::encode::Parts;
use crate::output::layout::ID;
use crate::output::record::Stamp;

/// Files with owners, size, sensitivity and stamp; directories.
type Made = (BTreeMap<String, (Vec<u8>, u64, bool, Option<(i64, bool)>)>, Vec<String>);

fn owner(n: u8) -> Owner {
    match n % 4 {
        0 => Owner::Static,
        1 => Owner::Plugin(format!("plugin-{n}")),
        _ => Owner::Device(format!("00:00:00:00:00:{n:02x}")),
    }
}

fn owners(list: &[u8]) -> Vec<Owner> {
    list.iter().map(|n| owner(*n)).collect::<BTreeSet<_>>().into_iter().collect()
}

fn stamp((time, settled): (i64, bool)) -> Stamp {
    Stamp { mtime: time, ctime: time.wrapping_add(1), inode: time.cast_unsigned(), settled }
}

fn encode((files, directories): &Made) -> Vec<u8> {
    let all: Vec<Vec<Owner>> = files.values().map(|f| owners(&f.0)).collect();
    let mut parts = Parts { generation: 7, after: [3; 20], ..Parts::default() };
    for (i, ((path, f), owners)) in files.iter().zip(&all).enumerate() {
        parts.records.push(Record {
            path,
            digest: [f.0[0]; 20],
            size: f.1,
            sensitive: f.2,
            owner: owners[0].as_ref(),
            shared: owners.len() > 1,
            stamp: f.3.map(stamp),
        });
        if owners.len() > 1 {
            parts.shares.extend(owners.iter().map(|owner| (i, (owner.as_ref(), owner == &owners[0]))));
        }
    }
    let directories: BTreeSet<&str> = directories.iter().map(String::as_str).collect();
    parts.entries = directories.into_iter().map(Entry::Made).collect();
    seal(parts.encode(Kind::Manifest))
}

fn parts() -> impl Strategy<Value = Made> {
    let owners = proptest::collection::vec(any::<u8>(), 1..4);
    let stamp = proptest::option::of((any::<i64>(), any::<bool>()));
    let file = (owners, any::<u64>(), any::<bool>(), stamp);
    (
        proptest::collection::btree_map("[a-zé]{1,8}(/[a-z][a-z.-]{2,7}){0,2}", file, 0..20),
        proptest::collection::vec("[a-z]{1,4}", 0..4),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(parts in parts()) {
        let bytes = encode(&parts);
        prop_assert_eq!(verify_manifest(&bytes), Ok(parts.0.len()));
        prop_assert_eq!(Table::length(&bytes), Some(bytes.len()));
        let table = Table::decode(Kind::Manifest, bytes.clone()).unwrap();
        prop_assert_eq!((table.generation(), table.after()), (7, [3; 20]));
        let mut open = 0;
        let mut by_owner: BTreeMap<Owner, Vec<usize>> = BTreeMap::new();
        for (i, (path, f)) in parts.0.iter().enumerate() {
            let record = table.record(i).unwrap();
            prop_assert_eq!(record.path, path);
            prop_assert_eq!((record.digest, record.size, record.sensitive), ([f.0[0]; 20], f.1, f.2));
            prop_assert_eq!(record.stamp, f.3.map(stamp));
            let owners = owners(&f.0);
            prop_assert_eq!(record.owner, owners[0].as_ref());
            prop_assert_eq!(record.shared, owners.len() > 1);
            if record.shared {
                let claims: Vec<_> = owners.iter().map(|o| (o.as_ref(), o == &owners[0])).collect();
                prop_assert_eq!(table.claims(i), claims);
            }
            for owner in owners {
                by_owner.entry(owner).or_default().push(i);
            }
            prop_assert_eq!(table.open_before(i), open);
            open += usize::from(!f.2);
        }
        for (owner, records) in by_owner {
            let mut found = table.owned_by(owner.as_ref());
            found.sort_unstable();
            prop_assert_eq!(found, records);
        }
        prop_assert!(table.owned_by(OwnerRef::Device("nobody")).is_empty());
        prop_assert!(table.find("not there").is_none());
        prop_assert!(parts.1.iter().all(|path| table.says(Entry::Made(path))));
        prop_assert!(!table.says(Entry::Gone("a")) && !table.says(Entry::Made("not there")));
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
        bytes.truncate(bytes.len() - ID);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(table) = Table::decode(Kind::Manifest, seal(bytes)) {
            for i in 0..table.len() {
                let record = table.record(i).unwrap();
                prop_assert!(path::check(record.path).is_ok());
                table.claims(i);
                table.owned_by(record.owner);
            }
            table.open_before(table.len());
            prop_assert!(table.entries().all(|entry| path::check(entry.parts().1).is_ok()));
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in any::<Vec<u8>>()) {
        prop_assert!(verify_manifest(&bytes).is_err());
        prop_assert_ne!(verify_manifest(&seal_manifest(&bytes)), Err("its checksum does not match"));
    }
}

fn one(path: &str) -> Parts<'_> {
    let record = Record {
        path,
        digest: [1; 20],
        size: 7,
        sensitive: true,
        owner: OwnerRef::Static,
        shared: false,
        stamp: Some(stamp((5, true))),
    };
    Parts { records: vec![record], ..Parts::default() }
}

#[test]
fn a_longer_record_of_a_later_version_is_read() {
    let parts = one("a");
    let mut bytes = parts.encode(Kind::Manifest);
    bytes[12..16].copy_from_slice(&88u32.to_le_bytes());
    bytes.splice(HEADER + RECORD..HEADER + RECORD, [9; 16]);
    let table = Table::decode(Kind::Manifest, seal(bytes)).unwrap();
    assert_eq!(table.find("a"), Some(parts.records[0]));
}

#[test]
fn a_path_that_leaves_out_is_refused() {
    for path in ["../a", "a/../b", "/a", "a//b", "a/", "", "a\\b", "a\nb", ".provc-tmp-1"] {
        let bytes = seal(one(path).encode(Kind::Manifest));
        assert_eq!(verify_manifest(&bytes), Err("it names impossible paths"), "{path:?}");
    }
}

#[test]
fn an_older_version_is_not_believed() {
    let mut bytes = one("a").encode(Kind::Manifest);
    bytes[8] = 1;
    assert_eq!(verify_manifest(&seal(bytes)), Err("it was written by another version of provc"));
}
