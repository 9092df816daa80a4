//! A manifest of which only some is read: it is believed as far as it was, and no further.

use super::*;
use crate::output::manifest::Manifest;
use crate::output::{codes, manifest_id, owned_files};

/// Enough for the manifest to have several pages.
const PHONES: usize = 400;

fn only_of(n: usize) -> Scope {
    Scope::Only { owners: [device(n)].into(), failed: Failed::default() }
}

/// Where bytes are flipped: some in every page, many in the header and at the end.
fn places(length: usize) -> impl Iterator<Item = usize> {
    (0..length).filter(move |at| at % 997 == 0 || (*at < 110 || at + 40 > length) && at % 3 == 0)
}

/// Whatever byte of the manifest is another: a commit of one device does what it would have done, or refuses and
/// leaves out/ alone; and a build of everything that follows removes nothing.
#[test]
fn a_damaged_page_never_costs_a_file() {
    let site = Site::new();
    site.build(&many(PHONES)).unwrap();
    for n in [3, 150] {
        let edited = file(&format!("many/{n:04}.cfg"), "edited", device(n));
        build(&site.options, &[edited], &only_of(n)).unwrap();
    }
    for name in ["manifest", "manifest.changes"] {
        let path = site.state().join(name);
        let good: Vec<Vec<u8>> = ["manifest", "manifest.changes"]
            .iter()
            .map(|name| fs::read(site.state().join(name)).unwrap())
            .collect();
        let length = fs::metadata(&path).unwrap().len() as usize;
        let before = texts(&site.options.out);
        let (mut refused, mut done) = (0, 0);
        for at in places(length) {
            let mut wrong = fs::read(&path).unwrap();
            wrong[at] ^= 1 << (at % 8);
            fs::write(&path, wrong).unwrap();
            // Device 7 loses its file and gets another.
            let mut expected = before.clone();
            match build(&site.options, &[file("other/7", "new", device(7))], &only_of(7)) {
                Ok(report) => {
                    done += 1;
                    assert_eq!(paths(&report.removed), ["many/0007.cfg"], "{name} {at}");
                    expected.remove("many/0007.cfg");
                    expected.insert("other/7".into(), "new".into());
                }
                Err(problems) => {
                    refused += 1;
                    assert!(
                        problems.iter().any(|d| d.code == codes::DAMAGED_STATE),
                        "{name} {at}: {problems:?}"
                    );
                }
            }
            assert_eq!(texts(&site.options.out), expected, "{name} {at}");
            // Everything, on the word of what is left of the manifest: what goes is what device 7 has there now.
            if at % 7 == 0 {
                let report = site.build_with(|o| o.allow_removals = true, &many(1)).unwrap();
                assert!(report.removed.is_empty(), "{name} {at}: {:?}", report.removed);
                assert_eq!(
                    report.warnings.iter().filter(|d| d.code == codes::DAMAGED_STATE).count(),
                    1,
                    "{at}"
                );
            }
            for (name, bytes) in ["manifest", "manifest.changes"].iter().zip(&good) {
                fs::write(site.state().join(name), bytes).unwrap();
            }
            let _ = fs::remove_dir_all(site.out("other"));
            site.put("many/0007.cfg", "phone 7");
        }
        assert!(refused > 0 && (done > 0 || name == "manifest.changes"), "{name}: {refused} {done}");
    }
}

#[test]
fn a_manifest_that_was_cut_or_is_of_another_version_is_not_read_in_part() {
    let site = Site::new();
    site.build(&many(PHONES)).unwrap();
    let path = site.state().join("manifest");
    let good = fs::read(&path).unwrap();
    assert!(Manifest::load_some(&site.state()).is_some());
    let cut = (0..good.len()).filter(|n| n % 499 == 0 || n + 3 > good.len());
    for wrong in cut.map(|n| good[..n].to_vec()).chain([[&good[..], b"x"].concat(), {
        let mut other = good.clone();
        other[8] = 3;
        other
    }]) {
        fs::write(&path, wrong).unwrap();
        assert!(Manifest::load_some(&site.state()).is_none());
        let problems = build(&site.options, &[], &only_of(1)).unwrap_err();
        assert!(problems.iter().all(|d| d.code == codes::DAMAGED_STATE));
        assert_eq!(texts(&site.options.out).len(), PHONES);
    }
    fs::write(&path, good).unwrap();
    assert_eq!(build(&site.options, &[], &only_of(1)).unwrap().removed.len(), 1);
}

/// A checksum is no signature: what a forged manifest says of others' files is not believed either.
#[test]
fn a_claim_that_the_file_does_not_know_of_removes_nothing() {
    let site = Site::new();
    site.build(&many(PHONES)).unwrap();
    let path = site.state().join("manifest");
    let good = fs::read(&path).unwrap();
    let whole = Manifest::load_some(&site.state()).unwrap();
    assert_eq!(whole.of_owners(&[device(3)].into()).len(), 1);
    // The claims stand before the open counts (one for each 64 files) and the text.
    let text: usize = (0..PHONES).map(|n| format!("many/{n:04}.cfg").len() + device_name(n).len()).sum();
    let entries = "many".len();
    let body = good.len() - 20 - 16 * (good.len() - 20).div_ceil(4096 + 16);
    let claims = body - text - entries - (PHONES / 64 + 1) * 4 - PHONES * 4;
    let mut forged = good[..body].to_vec();
    // Device 3 is said to have a claim to the file of device 4.
    assert_eq!(forged[claims + 12..claims + 16], 3u32.to_le_bytes());
    forged[claims + 12] = 4;
    fs::write(&path, crate::output::encode::seal(forged)).unwrap();
    let problems = build(&site.options, &[], &only_of(3)).unwrap_err();
    assert!(problems.iter().all(|d| d.code == codes::DAMAGED_STATE), "{problems:?}");
    assert_eq!(texts(&site.options.out).len(), PHONES);
}

fn device_name(n: usize) -> String {
    device(n).as_ref().id().to_owned()
}

/// What is read in part answers as what is read whole, changes included.
#[test]
fn both_ways_of_reading_agree() {
    let site = Site::new();
    let mut plan = many(PHONES);
    plan.extend((0..PHONES / 3).map(|n| secret(&format!("secret/{}/{n}", n % 9), "s", device(n * 2))));
    plan.extend((0..PHONES / 5).map(|n| file("shared", "same", device(n * 3))));
    plan.push(file(&format!("long/{}/{}", "d".repeat(200), "f".repeat(200)), "x", Owner::Static));
    site.build(&plan).unwrap();
    for round in 0..5 {
        let changed = [
            file(&format!("many/{:04}.cfg", round * 30), &format!("round {round}"), device(round * 30)),
            secret(&format!("new/{round}"), "n", device(round * 30)),
        ];
        build(&site.options, &changed, &only_of(round * 30)).unwrap();
        build(&site.options, &[], &only_of(round * 30 + 1)).unwrap();
    }
    let some = Manifest::load_some(&site.state()).unwrap();
    let crate::output::manifest::Loaded::Whole(whole) = Manifest::load(&site.state()).unwrap() else {
        panic!("it is sound");
    };
    assert!(!some.is_whole() && whole.is_whole());
    assert_eq!((some.len(), some.id()), (whole.len(), whole.id()));
    assert_eq!(whole.len(), whole.iter().count());
    assert_eq!(whole.len(), owned_files(&site.options).unwrap().len());
    assert_eq!(manifest_id(&site.options), some.id());
    for record in whole.iter() {
        assert_eq!(some.find(record.path), Some(record));
        assert_eq!(some.claims(&record), whole.claims(&record));
    }
    for directory in ["many", "secret", "secret/3", "new", "long", "shared", "nowhere", "many/0005.cfg"] {
        assert_eq!(some.below(directory), whole.below(directory), "{directory}");
        assert_eq!(some.made(directory), whole.made(directory), "{directory}");
    }
    for n in 0..PHONES + 3 {
        let owners = [device(n), Owner::Static].into();
        assert_eq!(some.of_owners(&owners), whole.of_owners(&owners), "{n}");
    }
    assert_eq!(some.directories(), whole.directories());
    assert!(some.iter().eq(whole.iter()) && !some.is_damaged());
}
