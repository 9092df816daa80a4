//! Builds that succeed.

use super::*;
use crate::output::{codes, owned_files};

#[test]
fn build_change_rebuild() {
    let site = Site::new();
    let report = site
        .build(&[
            file("D/a.cfg", "one", device(1)),
            file("D/b.cfg", "two", device(2)),
            file("c", "x", Owner::Static),
        ])
        .unwrap();
    assert_eq!(paths(&report.written), ["D/a.cfg", "D/b.cfg", "c"]);
    assert_eq!((report.unchanged, report.removed.len(), report.adopted.len()), (0, 0, 0));
    assert_eq!(report.changed_owners, [Owner::Static, device(1), device(2)].into());
    assert_eq!(report.readers, None);
    let before = site.listing();

    // Nothing changed: nothing is touched, not even a directory, but for the lock, the staging place, and the
    // manifest, which may learn that the files have been left alone for longer than the clock's grain.
    let report = site
        .build(&[
            file("c", "x", Owner::Static),
            file("D/b.cfg", "two", device(2)),
            file("D/a.cfg", "one", device(1)),
        ])
        .unwrap();
    assert_eq!((report.written.len(), report.unchanged), (0, 3));
    assert!(report.changed_owners.is_empty());
    let after = site.listing();
    for (path, seen) in &before {
        if ["lock", "staging", "manifest"].iter().all(|name| !path.ends_with(name)) && *path != site.state() {
            assert_eq!(Some(seen), after.get(path), "{}", path.display());
        }
    }
    assert_eq!(before.len(), after.len());

    // One changed, of the same length, and one gone.
    let report = site.build(&[file("D/a.cfg", "ONE", device(1)), file("c", "x", Owner::Static)]).unwrap();
    assert_eq!((paths(&report.written), paths(&report.removed)), (vec!["D/a.cfg"], vec!["D/b.cfg"]));
    assert_eq!(report.changed_owners, [device(1), device(2)].into());
    assert_eq!(texts(&site.options.out), [("D/a.cfg".into(), "ONE".into()), ("c".into(), "x".into())].into());
    assert_eq!(before.get(&site.out("c")), site.listing().get(&site.out("c")));
}

#[test]
fn stale_files_go_with_the_directories_that_provc_made() {
    let site = Site::new();
    site.put("theirs/keep", "k");
    site.put("both/keep", "k");
    fs::create_dir_all(site.out("old")).unwrap();
    site.build(&[
        file("a/b/c/d", "1", device(1)),
        file("both/x", "1", device(1)),
        file("old/x", "1", device(1)),
        file("z", "1", device(2)),
    ])
    .unwrap();
    let report = site.build(&[file("z", "1", device(2))]).unwrap();
    assert_eq!(paths(&report.removed), ["a/b/c/d", "both/x", "old/x"]);
    assert!(!site.out("a").exists());
    assert!(site.out("both/keep").exists() && site.out("theirs/keep").exists());
    assert!(site.out("old").is_dir(), "a directory that was there before is left");
}

#[test]
fn a_stale_file_that_was_edited_is_left_with_a_warning() {
    let site = Site::new();
    site.build(&[file("a", "1", device(1)), file("b", "1", device(1)), file("c", "1", device(2))]).unwrap();
    site.put("a", "2");
    site.put("b", "longer");
    let report = site.build(&[file("c", "1", device(2))]).unwrap();
    assert!(report.removed.is_empty());
    let codes: Vec<_> = report.warnings.iter().map(|d| d.code).collect();
    assert_eq!(codes, [codes::EDITED_FILE, codes::EDITED_FILE]);
    assert_eq!((site.read("a"), site.read("b")), ("2".into(), "longer".into()));
    // Told once.
    assert!(site.build(&[file("c", "1", device(2))]).unwrap().warnings.is_empty());
}

#[test]
fn a_planned_file_that_was_edited_or_replaced_is_put_right() {
    let site = Site::new();
    site.build(&[file("a", "1", device(1)), file("b", "1", device(1)), file("c", "1", device(1))]).unwrap();
    site.put("a", "edited");
    fs::remove_file(site.out("b")).unwrap();
    fs::remove_file(site.out("c")).unwrap();
    std::os::unix::fs::symlink("a", site.out("c")).unwrap();
    let report = site
        .build(&[file("a", "1", device(1)), file("b", "1", device(1)), file("c", "1", device(1))])
        .unwrap();
    assert_eq!(paths(&report.written), ["a", "b", "c"]);
    assert!(fs::symlink_metadata(site.out("c")).unwrap().is_file());
    assert_eq!((site.read("a"), site.read("c")), ("1".into(), "1".into()));
}

#[test]
fn equal_foreign_files_are_adopted_and_different_ones_with_adopt() {
    let site = Site::new();
    site.put("same", "1");
    site.put("other", "theirs");
    site.put("unplanned", "x");
    let plan = [file("same", "1", device(1)), file("other", "ours", device(1))];
    let d = only(site.build(&plan));
    assert_eq!(d.code, codes::FOREIGN_FILE);
    assert!(d.message.contains("`other`") && d.help.unwrap().contains("--adopt"));
    assert_eq!((site.read("other"), site.read("same")), ("theirs".into(), "1".into()));

    let report = site.build_with(|o| o.adopt = true, &plan).unwrap();
    assert_eq!((paths(&report.adopted), paths(&report.written)), (vec!["other", "same"], vec!["other"]));
    assert_eq!(report.unchanged, 1);
    assert_eq!((site.read("other"), site.read("unplanned")), ("ours".into(), "x".into()));
    // Adopted once, owned from then on.
    assert!(site.build(&plan).unwrap().adopted.is_empty());
    let report = site.build_with(|o| o.allow_removals = true, &[]).unwrap();
    assert_eq!(paths(&report.removed), ["other", "same"]);
    assert_eq!(texts(&site.options.out), [("unplanned".into(), "x".into())].into());
}

#[test]
fn a_file_becomes_a_directory_and_back() {
    let site = Site::new();
    let flat = [file("x", "1", device(1)), file("y", "1", device(2))];
    let deep = [file("x/a/b", "1", device(1)), file("x/a/c", "1", device(1)), file("y", "1", device(2))];
    for plan in [&flat[..], &deep, &flat] {
        site.build(plan).unwrap();
        assert_eq!(texts(&site.options.out).len(), plan.len());
        assert!(plan.iter().all(|a| site.out(a.path.as_str()).is_file()));
    }
}

#[test]
fn static_files_are_streamed_and_compared() {
    let site = Site::new();
    let source = site.place.path().join("wallpaper");
    let artifact = Artifact { content: Content::File(source.clone()), ..file("w.png", "", Owner::Static) };
    let mut bytes: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
    for (at, written) in [(0, 1), (0, 0), (150_000, 1), (0, 0)] {
        bytes[at] ^= written as u8;
        fs::write(&source, &bytes).unwrap();
        let report = site.build(std::slice::from_ref(&artifact)).unwrap();
        assert_eq!(report.written.len(), written);
        assert_eq!(fs::read(site.out("w.png")).unwrap(), bytes);
    }
    // The same bytes from memory are the same file.
    let equal = Artifact { content: Content::Bytes(bytes), ..artifact.clone() };
    assert_eq!(site.build(&[equal]).unwrap().unchanged, 1);

    fs::remove_file(&source).unwrap();
    assert_eq!(only(site.build(std::slice::from_ref(&artifact))).code, codes::UNREADABLE_SOURCE);
    fs::create_dir(&source).unwrap();
    assert_eq!(only(site.build(std::slice::from_ref(&artifact))).code, codes::UNREADABLE_SOURCE);
}

#[test]
fn a_failed_device_keeps_its_files() {
    let site = Site::new();
    let plan = [file("a", "1", device(1)), file("b", "1", device(2)), file("c", "1", device(3))];
    site.build(&plan).unwrap();
    let failed = Failed { owners: [device(2)].into(), inputs_incomplete: false };
    let report = build(&site.options, &[file("a", "2", device(1))], &failed.clone().into()).unwrap();
    assert_eq!(paths(&report.removed), ["c"]);
    assert_eq!((site.read("a"), site.read("b")), ("2".into(), "1".into()));
    // Still owned: healed, it is removed like any other.
    let report = site.build(&[file("a", "2", device(1))]).unwrap();
    assert_eq!(paths(&report.removed), ["b"]);
}

#[test]
fn nothing_is_removed_while_inputs_are_incomplete() {
    let site = Site::new();
    site.build(&many(50)).unwrap();
    let failed = Failed { inputs_incomplete: true, ..Failed::default() };
    let report = build(&site.options, &[], &failed.clone().into()).unwrap();
    assert!(report.removed.is_empty());
    assert_eq!(texts(&site.options.out).len(), 50);
    assert_eq!(owned_files(&site.options).unwrap().len(), 50);
}

#[test]
fn owned_files_are_listed() {
    let site = Site::new();
    assert!(owned_files(&site.options).unwrap().is_empty());
    site.put("foreign", "x");
    site.build(&[secret("a", "123", device(1)), file("b/c", "1", Owner::Static)]).unwrap();
    fs::remove_file(site.out("b/c")).unwrap();
    let listed: Vec<_> = owned_files(&site.options)
        .unwrap()
        .into_iter()
        .map(|f| (f.path.to_string(), f.owner, f.size, f.sensitive, f.present))
        .collect();
    assert_eq!(
        listed,
        [("a".to_owned(), device(1), 3, true, true), ("b/c".to_owned(), Owner::Static, 1, false, false)]
    );
}

#[test]
fn a_dry_run_tells_all_and_touches_nothing() {
    let site = Site::new();
    let dry = |o: &mut Options| o.dry_run = true;
    let before = site.listing();
    let report = site.build_with(dry, &[file("a/b", "1", device(1))]).unwrap();
    assert_eq!(paths(&report.written), ["a/b"]);
    assert_eq!(site.listing(), before);

    site.build(&[file("a/b", "1", device(1)), file("c", "1", device(2)), file("d", "1", device(2))]).unwrap();
    site.put("e", "1");
    fs::set_permissions(site.out("c"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let before = site.listing();
    let plan = [file("a/b", "2", device(1)), file("c", "1", device(2)), file("e", "1", device(2))];
    let report = site.build_with(dry, &plan).unwrap();
    assert_eq!(paths(&report.written), ["a/b"]);
    assert_eq!((paths(&report.removed), paths(&report.adopted)), (vec!["d"], vec!["e"]));
    assert_eq!((report.unchanged, report.access_fixed), (2, 1));
    // What a build would refuse, a dry run refuses.
    assert_eq!(only(site.build_with(dry, &[])).code, codes::MASS_REMOVAL);
    assert_eq!(site.listing(), before);
}

#[test]
fn durable_builds_are_like_others() {
    let site = Site::new();
    let report = site.build_with(|o| o.durable = true, &many(3)).unwrap();
    assert_eq!(report.written.len(), 3);
    assert_eq!(site.build_with(|o| o.durable = true, &many(3)).unwrap().unchanged, 3);
}

#[test]
fn a_transaction_that_is_dropped_leaves_nothing() {
    let site = Site::new();
    let transaction = Transaction::begin(&site.options).unwrap();
    transaction.stage(&file("a/b", "1", device(1))).unwrap();
    drop(transaction);
    assert!(!site.options.out.exists());

    site.build(&[file("a", "1", device(1))]).unwrap();
    let before = listing(&site.options.out);
    let transaction = Transaction::begin(&site.options).unwrap();
    transaction.stage(&file("a", "2", device(1))).unwrap();
    assert_eq!(fs::read_dir(site.state().join("staging")).unwrap().count(), 1);
    drop(transaction);
    assert_eq!(listing(&site.options.out), before);
    assert_eq!(fs::read_dir(site.state().join("staging")).unwrap().count(), 0);
}
