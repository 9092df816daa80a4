//! Commits that speak for some owners only.

use super::*;
use crate::output::stop::{Stop, stopping};
use crate::output::{codes, manifest_id, owned_files};

fn only_of(owners: &[Owner]) -> Scope {
    Scope::Only { owners: owners.iter().cloned().collect(), failed: Failed::default() }
}

impl Site {
    fn part(&self, owners: &[Owner], artifacts: &[Artifact]) -> Result<Report, Diagnostics> {
        build(&self.options, artifacts, &only_of(owners))
    }

    fn owners(&self) -> BTreeMap<String, Owner> {
        owned_files(&self.options).unwrap().into_iter().map(|f| (f.path.to_string(), f.owner)).collect()
    }
}

#[test]
fn only_the_files_of_the_owners_are_touched() {
    let site = Site::new();
    site.build(&[
        file("d/a", "1", device(1)),
        file("d/b", "1", device(1)),
        file("d/c", "1", device(2)),
        file("e", "1", device(3)),
    ])
    .unwrap();
    // Not even looked at: an edited file and a missing one of others make no difference.
    site.put("d/c", "edited");
    fs::remove_file(site.out("e")).unwrap();
    let before = manifest_id(&site.options).unwrap();
    let report =
        site.part(&[device(1)], &[file("d/a", "2", device(1)), file("f/g", "1", device(1))]).unwrap();
    assert_eq!((paths(&report.written), paths(&report.removed)), (vec!["d/a", "f/g"], vec!["d/b"]));
    assert_eq!(report.changed_owners, [device(1)].into());
    assert!(report.warnings.is_empty());
    let found = [("d/a", "2"), ("d/c", "edited"), ("f/g", "1")];
    assert_eq!(texts(&site.options.out), found.map(|(path, text)| (path.into(), text.into())).into());
    let owners = [("d/a", 1), ("d/c", 2), ("e", 3), ("f/g", 1)];
    assert_eq!(site.owners(), owners.map(|(path, n)| (path.into(), device(n))).into());
    assert_ne!(manifest_id(&site.options).unwrap(), before);

    // Nothing to do: nothing is written.
    let before = site.listing();
    let report =
        site.part(&[device(1)], &[file("d/a", "2", device(1)), file("f/g", "1", device(1))]).unwrap();
    assert_eq!((report.written.len(), report.unchanged), (0, 2));
    assert_eq!(
        listing(&site.options.out),
        before.clone().into_iter().filter(|(p, _)| p.starts_with(&site.options.out)).collect()
    );

    // A device that goes takes its directories along.
    let report = site.part(&[device(1)], &[]).unwrap();
    assert_eq!(paths(&report.removed), ["d/a", "f/g"]);
    assert!(!site.out("f").exists() && site.out("d").exists());
    // A full build later puts right what was not looked at.
    let report = site.build(&[file("d/c", "1", device(2)), file("e", "1", device(3))]).unwrap();
    assert_eq!(paths(&report.written), ["d/c", "e"]);
}

#[test]
fn a_path_of_another_owner_is_shared_or_a_collision() {
    let site = Site::new();
    site.build(&[file("x", "1", device(1)), file("y", "1", device(2))]).unwrap();
    let before = site.listing();
    let d = only(site.part(&[device(2)], &[file("x", "2", device(2)), file("y", "1", device(2))]));
    assert_eq!(d.code, codes::COLLISION);
    assert_eq!(d.message, format!("{} and {} both plan `x`, with different content", device(1), device(2)));
    let out = |listing: BTreeMap<PathBuf, String>| -> BTreeMap<PathBuf, String> {
        listing.into_iter().filter(|(path, _)| path.starts_with(&site.options.out)).collect()
    };
    assert_eq!(out(site.listing()), out(before));

    // Shared with the other; then each may go, and the last takes it along.
    site.part(&[device(2)], &[file("x", "1", device(2)), file("y", "1", device(2))]).unwrap();
    assert_eq!(site.owners()["x"], device(1));
    let d = only(site.part(&[device(1)], &[file("x", "3", device(1))]));
    assert_eq!(d.code, codes::COLLISION);
    assert!(site.part(&[device(1)], &[]).unwrap().removed.is_empty());
    assert_eq!((site.owners()["x"].clone(), site.read("x")), (device(2), "1".into()));
    // Now that it is alone it may change it.
    site.part(&[device(2)], &[file("x", "4", device(2)), file("y", "1", device(2))]).unwrap();
    assert_eq!(site.read("x"), "4");
    assert_eq!(paths(&site.part(&[device(2)], &[file("y", "1", device(2))]).unwrap().removed), ["x"]);
}

#[test]
fn a_shared_file_is_as_secret_as_its_owners_want() {
    let site = Site::new();
    let (public, hidden) = (|n| file("s/x", "1", device(n)), |n| secret("s/x", "1", device(n)));
    site.build(&[public(1), file("z", "1", device(9))]).unwrap();
    assert_eq!((site.mode("s/x"), site.mode("s")), (0o644, 0o755));
    site.part(&[device(2)], &[hidden(2)]).unwrap();
    assert_eq!((site.mode("s/x"), site.mode("s")), (0o640, 0o750));
    // The first plans it again as public, and it stays as the second wants it; even if it must be written.
    site.put("s/x", "edited");
    site.part(&[device(1)], &[public(1)]).unwrap();
    assert_eq!((site.mode("s/x"), site.mode("s"), site.read("s/x")), (0o640, 0o750, "1".into()));
    site.part(&[device(2)], &[]).unwrap();
    assert_eq!((site.mode("s/x"), site.mode("s")), (0o644, 0o755));
    // And the same in full builds with failed owners.
    site.build(&[public(1), hidden(2), file("z", "1", device(9))]).unwrap();
    assert_eq!(site.mode("s/x"), 0o640);
    let failed = Failed { owners: [device(2)].into(), inputs_incomplete: false };
    build(&site.options, &[public(1), file("z", "1", device(9))], &failed.into()).unwrap();
    assert_eq!(site.mode("s/x"), 0o640);
    site.build(&[public(1), file("z", "1", device(9))]).unwrap();
    assert_eq!((site.mode("s/x"), site.mode("s")), (0o644, 0o755));
}

#[test]
fn directories_get_their_mode_from_all_that_is_below() {
    let site = Site::new();
    site.build(&[
        secret("a/b/x", "1", device(1)),
        secret("a/y", "1", device(2)),
        secret("a/z", "1", device(3)),
    ])
    .unwrap();
    let modes = || (site.mode("a"), site.mode("a/b"));
    assert_eq!(modes(), (0o750, 0o750));
    site.part(&[device(1)], &[file("a/b/x", "1", device(1))]).unwrap();
    assert_eq!(modes(), (0o755, 0o755));
    site.part(&[device(2)], &[secret("a/b/y", "1", device(2))]).unwrap();
    assert_eq!(modes(), (0o755, 0o755));
    site.part(&[device(1)], &[]).unwrap();
    assert_eq!(modes(), (0o750, 0o750));
}

#[test]
fn files_and_directories_that_stay_are_in_the_way() {
    let site = Site::new();
    site.build(&[file("a", "1", device(1)), file("b/c", "1", device(2)), file("b-", "1", device(3))])
        .unwrap();
    let d = only(site.part(&[device(3)], &[file("a/x", "1", device(3))]));
    assert_eq!(d.code, codes::FILE_AND_DIRECTORY);
    assert!(d.message.contains("`a` is a file of") && d.message.contains("plans `a/x`"), "{}", d.message);
    let problems = site.part(&[device(3)], &[file("b", "1", device(3))]).unwrap_err();
    assert_eq!(problems.iter().next().unwrap().code, codes::FILE_AND_DIRECTORY);
    // Once the other has gone, or goes at the same time, the way is free.
    site.part(&[device(1), device(3)], &[file("a/x", "1", device(3))]).unwrap();
    site.part(&[device(2), device(3)], &[file("b", "1", device(3))]).unwrap();
    assert_eq!(texts(&site.options.out), [("b".into(), "1".into())].into());
    // A directory of ours that only a stranger's file kept is free too, once that has gone.
    site.build(&[file("p/q", "1", device(3)), file("r", "1", device(4))]).unwrap();
    site.put("p/stranger", "s");
    site.part(&[device(3)], &[]).unwrap();
    fs::remove_file(site.out("p/stranger")).unwrap();
    site.part(&[device(3)], &[file("p", "1", device(3))]).unwrap();
    assert_eq!(site.read("p"), "1");
}

#[test]
fn the_guard_counts_all_that_is_owned() {
    let site = Site::new();
    site.build(&many(300)).unwrap();
    let owners: Vec<Owner> = (0..31).map(device).collect();
    let d = only(site.part(&owners, &[]));
    assert_eq!(d.code, codes::MASS_REMOVAL);
    assert!(d.message.contains("would remove 31 of the 300"), "{}", d.message);
    assert_eq!(site.part(&owners[..30], &[]).unwrap().removed.len(), 30);
    // The last device.
    let site = Site::new();
    site.build(&[file("a", "1", device(1)), file("b", "1", device(2)), file("s", "1", Owner::Static)])
        .unwrap();
    site.part(&[device(1)], &[]).unwrap();
    let d = only(site.part(&[device(2)], &[]));
    assert!(d.code == codes::MASS_REMOVAL && d.message.contains("no device at all"));
}

#[test]
fn failed_owners_keep_their_files() {
    let site = Site::new();
    site.build(&[file("a", "1", device(1)), file("b", "1", device(2)), file("c", "1", device(3))]).unwrap();
    let scope = |incomplete| Scope::Only {
        owners: [device(1), device(2)].into(),
        failed: Failed { owners: [device(2)].into(), inputs_incomplete: incomplete },
    };
    assert!(build(&site.options, &[], &scope(true)).unwrap().removed.is_empty());
    assert_eq!(paths(&build(&site.options, &[], &scope(false)).unwrap().removed), ["a"]);
    assert_eq!(site.read("b"), "1");
    // What a failed owner has gives way to another's plan, as in a full build.
    let scope = Scope::Only {
        owners: [device(3)].into(),
        failed: Failed { owners: [device(2)].into(), inputs_incomplete: false },
    };
    build(&site.options, &[file("b", "2", device(3)), file("c", "1", device(3))], &scope).unwrap();
    assert_eq!((site.read("b"), site.owners()["b"].clone()), ("2".into(), device(3)));
}

#[test]
fn strangers_are_met_as_in_a_full_build() {
    let site = Site::new();
    site.build(&[file("a", "1", device(1))]).unwrap();
    site.put("b", "theirs");
    assert_eq!(only(site.part(&[device(2)], &[file("b", "1", device(2))])).code, codes::FOREIGN_FILE);
    assert_eq!(paths(&site.part(&[device(2)], &[file("b", "theirs", device(2))]).unwrap().adopted), ["b"]);
    std::os::unix::fs::symlink("/", site.out("l")).unwrap();
    assert_eq!(only(site.part(&[device(3)], &[file("l/x", "1", device(3))])).code, codes::SYMLINK);
    site.put("a", "edited");
    let report = site.part(&[device(1)], &[]).unwrap();
    assert_eq!(report.warnings.iter().map(|d| d.code).collect::<Vec<_>>(), [codes::EDITED_FILE]);
    assert!(!site.owners().contains_key("a"));
}

#[test]
fn out_replaced_by_a_link_and_a_group_that_changes() {
    let site = Site::new();
    site.build(&many(30)).unwrap();
    let elsewhere = site.place.path().join("elsewhere");
    fs::rename(&site.options.out, &elsewhere).unwrap();
    std::os::unix::fs::symlink("elsewhere", &site.options.out).unwrap();
    site.part(&[device(1)], &[file("many/0001.cfg", "new", device(1))]).unwrap();
    assert_eq!(fs::read_to_string(elsewhere.join("many/0001.cfg")).unwrap(), "new");
    // Somewhere else entirely: the files of the others are not there, and are not asked for.
    fs::remove_file(&site.options.out).unwrap();
    site.part(&[device(1)], &[file("many/0001.cfg", "new", device(1))]).unwrap();
    assert_eq!(texts(&site.options.out).len(), 1);
}

#[test]
fn a_crash_in_a_partial_commit_is_recovered_and_shows() {
    for after in 0..6 {
        let site = Site::new();
        site.build(&many(40)).unwrap();
        site.part(&[device(39)], &[file("many/0039.cfg", "newer", device(39))]).unwrap();
        let before = manifest_id(&site.options);
        let plan: Vec<_> = (0..6).map(|i| file(&format!("n{i}/{i}"), "new", device(i))).collect();
        let owners: Vec<Owner> = (0..6).map(device).collect();
        assert!(stopping(Stop::Crash(after), || site.part(&owners, &plan)).is_none());
        assert_eq!(manifest_id(&site.options), None, "nothing can be said before the repair");
        drop(Transaction::begin(&site.options).unwrap());
        assert!(manifest_id(&site.options).is_some_and(|id| Some(id) != before));
        let report = site.part(&owners, &plan).unwrap();
        assert!(report.adopted.is_empty() && report.warnings.is_empty());
        assert_eq!((report.written.len(), report.removed.len()), (6 - after, 6));
        assert_eq!(texts(&site.options.out).len(), 40);
        assert_eq!(site.owners().len(), 40);
    }
}

#[test]
fn a_full_disk_half_way_is_taken_back() {
    let site = Site::new();
    site.build(&many(40)).unwrap();
    let (before, id) = (texts(&site.options.out), manifest_id(&site.options));
    let plan: Vec<_> = (0..6).map(|i| file(&format!("n{i}/{i}"), "new", device(50 + i))).collect();
    let owners: Vec<Owner> = (50..56).map(device).collect();
    let d = only(stopping(Stop::Full(4), || site.part(&owners, &plan)).unwrap());
    assert_eq!((d.code, d.notes), (codes::NO_SPACE, vec!["nothing below out/ was changed".to_owned()]));
    assert_eq!((texts(&site.options.out), manifest_id(&site.options)), (before, id));
}

#[test]
fn a_mode_that_was_changed_before_the_disk_was_full_shows() {
    let site = Site::new();
    site.build(&[secret("s/a", "1", device(1)), file("z", "1", device(2))]).unwrap();
    let id = manifest_id(&site.options);
    let plan = [file("s/a", "1", device(1)), file("s/b", "1", device(1))];
    let d = only(stopping(Stop::Full(0), || site.part(&[device(1)], &plan)).unwrap());
    assert_eq!(d.code, codes::NO_SPACE);
    assert_eq!((site.mode("s/a"), site.mode("s")), (0o644, 0o755));
    // Who takes the edit back and asks whether there is anything to do must hear that there is.
    drop(Transaction::begin(&site.options).unwrap());
    assert_ne!(manifest_id(&site.options), id);
    site.build(&[secret("s/a", "1", device(1)), file("z", "1", device(2))]).unwrap();
    assert_eq!((site.mode("s/a"), site.mode("s")), (0o640, 0o750));
}

#[test]
fn without_a_sound_manifest_there_is_no_part() {
    let site = Site::new();
    site.build(&many(5)).unwrap();
    site.part(&[device(1)], &[file("many/0001.cfg", "new", device(1))]).unwrap();
    let good = fs::read(site.state().join("manifest.changes")).unwrap();
    for name in ["manifest", "manifest.changes"] {
        site.part(&[device(3)], &[]).unwrap();
        site.part(&[device(3)], &[many(4).remove(3)]).unwrap();
        let path = site.state().join(name);
        let mut damaged = fs::read(&path).unwrap();
        damaged.pop();
        fs::write(&path, damaged).unwrap();
        assert_eq!(Transaction::begin(&site.options).unwrap().manifest_id(), None);
        let problems = site.part(&[device(2)], &[]).unwrap_err();
        assert!(problems.has_errors());
        assert!(problems.iter().all(|d| d.code == codes::DAMAGED_STATE));
        // Nothing is removed on its word, and a full build mends it.
        assert_eq!(texts(&site.options.out).len(), 5);
        let mut plan = many(5);
        plan[1] = file("many/0001.cfg", "new", device(1));
        let report = site.build(&plan).unwrap();
        assert_eq!((report.written.len(), report.warnings.iter().count()), (0, 1));
        assert_eq!(site.part(&[device(2)], &[]).unwrap().removed.len(), 1);
        site.build(&plan).unwrap();
    }
    // Changes to another manifest were left by a build that ended before it could remove them.
    fs::write(site.state().join("manifest.changes"), good).unwrap();
    assert_eq!(site.owners().len(), 5);
    assert_eq!(site.part(&[device(2)], &[]).unwrap().removed.len(), 1);
    assert_eq!(site.owners().len(), 4);
}

#[test]
fn a_torn_change_costs_a_full_compare_wherever_it_is_torn() {
    let site = Site::new();
    site.build(&many(5)).unwrap();
    for round in 0..3 {
        site.part(&[device(1)], &[file("many/0001.cfg", &format!("round {round}"), device(1))]).unwrap();
    }
    let path = site.state().join("manifest.changes");
    let whole = fs::read(&path).unwrap();
    let piece = whole.len() / 3;
    let mut plan = many(5);
    plan[1] = file("many/0001.cfg", "round 2", device(1));
    for length in (1..whole.len()).filter(|n| n % 5 == 1 || n % piece < 2) {
        fs::write(&path, &whole[..length]).unwrap();
        let transaction = Transaction::begin(&site.options).unwrap();
        // Cut between two changes nothing shows, as if the last had not been: but its name is another.
        assert_eq!(transaction.manifest_id().is_some(), length % piece == 0, "{length}");
        assert_eq!(transaction.manifest_id(), manifest_id(&site.options).filter(|_| length % piece == 0));
    }
    fs::write(&path, &whole[..piece + 7]).unwrap();
    let report = site.build(&plan).unwrap();
    assert_eq!((report.written.len(), report.adopted.len(), report.warnings.iter().count()), (0, 0, 1));
    assert!(!path.exists());
}

#[test]
fn changes_are_folded_when_they_have_grown() {
    let site = Site::new();
    site.build(&many(200)).unwrap();
    let changes = site.state().join("manifest.changes");
    let (mut folded, mut longest) = (0, 0);
    for round in 0..12 {
        let owners: Vec<Owner> = (0..100).map(device).collect();
        let plan: Vec<_> =
            (0..100).map(|i| file(&format!("many/{i:04}.cfg"), &format!("{round} {i}"), device(i))).collect();
        site.part(&owners, &plan).unwrap();
        let length = fs::metadata(&changes).map_or(0, |found| found.len());
        folded += usize::from(length == 0);
        longest = longest.max(length);
        assert_eq!(site.owners().len(), 200);
    }
    // The one that makes them too long is still appended; the next one writes all of it anew.
    assert!(folded > 0 && (64..96).contains(&(longest / 1024)), "{folded} {longest}");
    assert!(site.build(&many(200)).unwrap().warnings.is_empty());
}

#[test]
fn a_dry_run_of_a_part_touches_nothing() {
    let site = Site::new();
    site.build(&many(30)).unwrap();
    let before = site.listing();
    let mut options = site.options.clone();
    options.dry_run = true;
    let report = build(&options, &[file("x", "1", device(1))], &only_of(&[device(1)])).unwrap();
    assert_eq!((paths(&report.written), paths(&report.removed)), (vec!["x"], vec!["many/0001.cfg"]));
    assert_eq!(site.listing(), before);
}

#[test]
fn durable_parts_are_like_others() {
    let site = Site::new();
    site.build(&many(3)).unwrap();
    site.options_durable_part();
    assert_eq!(site.read("many/0001.cfg"), "durable");
}

impl Site {
    fn options_durable_part(&self) {
        let options = Options { durable: true, ..self.options.clone() };
        build(&options, &[file("many/0001.cfg", "durable", device(1))], &only_of(&[device(1)])).unwrap();
    }
}
