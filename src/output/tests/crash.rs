//! Builds that did not end, and state that cannot be believed.

use super::*;
use crate::output::stop::{Stop, stopping};
use crate::output::{codes, manifest_id};

fn plan(version: &str) -> Vec<Artifact> {
    (0..40).map(|i| file(&format!("d{}/{i:02}", i % 3), &format!("{version} {i}"), device(i))).collect()
}

#[test]
fn after_a_crash_each_file_is_old_or_new_and_the_next_build_goes_on() {
    for after in [0, 1, 17, 39] {
        let site = Site::new();
        site.build(&plan("old")[..30]).unwrap();
        let crashed = stopping(Stop::Crash(after), || site.build(&plan("new")));
        assert!(crashed.is_none());
        assert!(site.state().join("journal").exists());
        let texts_now = texts(&site.options.out);
        let is_new = |(path, text): (&String, &String)| {
            assert!(text.starts_with("old ") || text.starts_with("new "), "{path}: {text}");
            text.starts_with("new ")
        };
        assert!(texts_now.iter().filter(|entry| is_new(*entry)).count() >= after.min(1));
        // Other content than the crashed build planned: still nothing counts as foreign.
        let report = site.build(&plan("newer")).unwrap();
        assert!(report.adopted.is_empty());
        assert!(texts(&site.options.out).values().all(|text| text.starts_with("newer ")));
        assert!(!site.state().join("journal").exists());
        assert_eq!(fs::read_dir(site.state().join("staging")).unwrap().count(), 0);
    }
}

#[test]
fn what_a_crashed_build_wrote_can_go_stale() {
    let site = Site::new();
    let (old, new) = (plan("old"), plan("new"));
    site.build(&old[..30]).unwrap();
    stopping(Stop::Crash(25), || site.build(&new));
    // Some of the stale ones are as the manifest has them, some as the journal has.
    let report = site.build_with(|o| o.allow_removals = true, &old[..5]).unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    assert_eq!(texts(&site.options.out).len(), 5);
}

#[test]
fn files_that_the_power_took_still_count_as_provcs() {
    let site = Site::new();
    stopping(Stop::Crash(5), || site.build(&plan("new")));
    let written = texts(&site.options.out);
    assert!(!written.is_empty());
    for path in written.keys() {
        site.put(path, "");
    }
    let report = site.build(&plan("new")).unwrap();
    assert_eq!((report.written.len(), report.adopted.len()), (40, 0));
}

#[test]
fn two_crashes_in_a_row_lose_nothing() {
    let site = Site::new();
    let (a, b) = (plan("a"), plan("b"));
    stopping(Stop::Crash(10), || site.build(&a[..20]));
    let written = texts(&site.options.out).len();
    assert!(written >= 10);
    stopping(Stop::Crash(3), || site.build_with(|o| o.allow_removals = true, &b[20..]));
    let report = site.build_with(|o| o.allow_removals = true, &b[20..]).unwrap();
    assert!(report.removed.len() >= written);
    assert_eq!(texts(&site.options.out).len(), 20);
    assert!(texts(&site.options.out).values().all(|text| text.starts_with("b ")));
}

#[test]
fn a_failed_device_keeps_what_a_crashed_build_left() {
    let site = Site::new();
    site.build(&plan("old")[..3]).unwrap();
    stopping(Stop::Crash(2), || site.build(&plan("new")[..3]));
    let failed = Failed { owners: (0..3).map(device).collect(), inputs_incomplete: false };
    let before = texts(&site.options.out);
    build(&site.options, &[file("z", "1", device(9))], &failed.clone().into()).unwrap();
    // Their records are those of the bytes on disk, so they can be removed later.
    let report = site.build(&[file("z", "1", device(9))]).unwrap();
    assert!(report.warnings.is_empty());
    assert_eq!(report.removed.len(), before.len());
}

#[test]
fn new_files_that_find_no_room_are_taken_back() {
    let site = Site::new();
    site.build(&plan("old")[..30]).unwrap();
    let before = texts(&site.options.out);
    let directories = |site: &Site| fs::read_dir(&site.options.out).unwrap().count();
    let mut wanted = plan("new");
    // A directory that is placed whole, and files in one that is there.
    wanted.extend((0..30).map(|i| file(&format!("fresh/{i}"), "x", device(i))));
    wanted.extend((0..30).map(|i| file(&format!("d0/fresh-{i}"), "x", device(i))));
    let d = only(stopping(Stop::Full(20), || site.build(&wanted)).unwrap());
    assert_eq!(d.code, codes::NO_SPACE);
    assert_eq!(d.notes, ["nothing below out/ was changed"]);
    assert_eq!((texts(&site.options.out), directories(&site)), (before, 3));
    assert!(!site.state().join("journal").exists());
}

#[test]
fn an_error_half_way_through_replacing_is_told_honestly() {
    let site = Site::new();
    site.build(&plan("old")).unwrap();
    let d = only(stopping(Stop::Full(20), || site.build(&plan("new"))).unwrap());
    assert_eq!(d.code, codes::NO_SPACE);
    assert!(d.notes[0].starts_with("20 files were already placed"), "{:?}", d.notes);
    assert!(site.state().join("journal").exists());
    assert_eq!(site.build(&plan("new")).unwrap().written.len(), 20);
    assert!(!site.state().join("journal").exists());
}

#[test]
fn a_damaged_manifest_is_noticed_and_nothing_is_removed() {
    let site = Site::new();
    site.build(&many(30)).unwrap();
    let manifest = site.state().join("manifest");
    let good = fs::read(&manifest).unwrap();
    let mut wrong = good.clone();
    wrong[good.len() / 2] ^= 1;
    for damage in [wrong, good[..good.len() - 1].to_vec(), Vec::new(), b"rubbish".to_vec()] {
        fs::write(&manifest, damage).unwrap();
        let report = site.build(&many(30)[..1]).unwrap();
        assert_eq!(report.warnings.iter().map(|d| d.code).collect::<Vec<_>>(), [codes::DAMAGED_STATE]);
        assert!(report.removed.is_empty());
        assert_eq!(paths(&report.adopted), ["many/0000.cfg"]);
        assert_eq!(texts(&site.options.out).len(), 30);
    }
    // A different file is a foreign one then.
    fs::write(&manifest, "rubbish").unwrap();
    let problems = site.build(&[file("many/0000.cfg", "changed", device(0))]).unwrap_err();
    assert_eq!(
        problems.iter().map(|d| d.code).collect::<Vec<_>>(),
        [codes::DAMAGED_STATE, codes::FOREIGN_FILE]
    );
}

#[test]
fn a_damaged_journal_is_a_warning() {
    let site = Site::new();
    site.build(&many(3)).unwrap();
    fs::write(site.state().join("journal"), "half a jour").unwrap();
    let report = site.build(&many(2)).unwrap();
    assert_eq!(report.warnings.iter().map(|d| d.code).collect::<Vec<_>>(), [codes::DAMAGED_STATE]);
    assert_eq!(report.removed.len(), 1);
    assert!(site.build(&many(2)).unwrap().warnings.is_empty());
}

#[test]
fn leftovers_in_the_staging_directory_go_and_strangers_stay() {
    let site = Site::new();
    let staging = site.state().join("staging");
    fs::create_dir_all(staging.join("7")).unwrap();
    fs::write(staging.join("7/12"), "left").unwrap();
    fs::create_dir_all(staging.join("notes")).unwrap();
    fs::write(staging.join("notes/mine"), "x").unwrap();
    site.build(&many(1)).unwrap();
    assert!(!staging.join("7").exists());
    assert!(staging.join("notes/mine").exists());
}

#[test]
fn what_a_killed_build_wrote_aside_keeps_the_next_one_from_stopping_early() {
    let site = Site::new();
    site.build(&many(3)).unwrap();
    let sound = manifest_id(&site.options);
    assert!(sound.is_some());
    let staging = site.state().join("staging");
    fs::create_dir(staging.join("notes")).unwrap();
    assert_eq!(manifest_id(&site.options), sound);
    fs::create_dir(staging.join("1")).unwrap();
    assert_eq!(manifest_id(&site.options), None);
    fs::remove_dir(staging.join("1")).unwrap();
    for name in ["temporaries-in-out", "journal.new", "manifest.new"] {
        fs::write(site.state().join(name), "").unwrap();
        assert_eq!(manifest_id(&site.options), None);
        // A build that finds nothing to do clears it away, or the next one would not stop early either.
        site.build(&many(3)).unwrap();
        assert!(manifest_id(&site.options).is_some() && !site.state().join(name).exists());
    }
}
