//! Builds that must not happen, and leave out/ as it was.

use std::os::unix::fs::symlink;

use super::*;
use crate::output::codes;

#[test]
fn the_guard_at_its_bounds() {
    // (owned, planned afterwards, refused): more than a tenth, and at least 20.
    for (owned, planned, refused) in [
        (200, 180, false),
        (200, 179, true),
        (100, 81, false),
        (100, 80, true),
        (21, 2, false),
        (20, 0, true),
        (21, 1, true),
    ] {
        let site = Site::new();
        site.build(&many(owned)).unwrap();
        let result = site.build(&many(planned));
        if refused {
            let d = only(result);
            assert_eq!(d.code, codes::MASS_REMOVAL);
            assert!(
                d.message.contains(&format!("remove {} of the {owned}", owned - planned)),
                "{}",
                d.message
            );
            assert!(d.help.unwrap().contains("--allow-removals"));
            assert_eq!(texts(&site.options.out).len(), owned);
        } else {
            assert_eq!(result.unwrap().removed.len(), owned - planned);
        }
        site.build_with(|o| o.allow_removals = true, &many(planned)).unwrap();
        assert_eq!(texts(&site.options.out).len(), planned);
    }
}

#[test]
fn no_device_at_all_is_refused_however_few_there_were() {
    let site = Site::new();
    site.build(&[file("a", "1", device(1)), file("s", "1", Owner::Static)]).unwrap();
    let d = only(site.build(&[file("s", "1", Owner::Static)]));
    assert_eq!(d.code, codes::MASS_REMOVAL);
    assert!(d.message.contains("no device at all"));
    assert_eq!(d.notes, [format!("`a` of {}", device(1))]);
    // Without devices before, there is nothing to guard.
    let site = Site::new();
    site.build(&[file("s", "1", Owner::Static)]).unwrap();
    assert_eq!(site.build(&[]).unwrap().removed.len(), 1);
}

#[test]
fn collisions_name_both_owners_whatever_the_order() {
    let site = Site::new();
    let mut plan =
        vec![file("x", "1", device(2)), file("x", "2", Owner::Plugin("p".into())), file("y", "1", device(1))];
    for _ in 0..3 {
        plan.rotate_left(1);
        let d = only(site.build(&plan));
        assert_eq!(d.code, codes::COLLISION);
        assert_eq!(d.message, format!("plugin p and {} both plan `x`, with different content", device(2)));
        assert!(!site.options.out.exists());
    }
    let d = only(site.build(&[file("x", "1", device(2)), file("x", "22", device(2))]));
    assert!(d.message.contains("plans `x` twice"));
}

#[test]
fn equal_bytes_are_one_file_of_the_first_owner() {
    let site = Site::new();
    let mut plan = vec![secret("x", "1", device(2)), file("x", "1", device(1)), file("x", "1", device(3))];
    for _ in 0..3 {
        plan.rotate_left(1);
        let site = Site::new();
        let report = site.build(&plan).unwrap();
        assert_eq!(paths(&report.written), ["x"]);
        assert_eq!(report.changed_owners, [device(1), device(2), device(3)].into());
        assert_eq!(crate::output::owned_files(&site.options).unwrap()[0].owner, device(1));
        assert_eq!(site.mode("x"), 0o640, "sensitive for one is sensitive");
        assert_eq!(site.build(&plan).unwrap().access_fixed, 0);
    }
    assert!(!site.options.out.exists());
}

#[test]
fn a_path_that_is_also_a_directory() {
    let site = Site::new();
    let plan = [file("a", "1", device(1)), file("a-b", "1", device(2)), file("a/b/c", "1", device(2))];
    let d = only(site.build(&plan));
    assert_eq!(d.code, codes::FILE_AND_DIRECTORY);
    assert!(d.message.contains("`a` is a file of") && d.message.contains("`a/b/c`"), "{}", d.message);
}

#[test]
fn no_link_leads_a_build_out_of_out() {
    let site = Site::new();
    let elsewhere = site.place.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("b"), "theirs").unwrap();
    fs::create_dir(&site.options.out).unwrap();
    symlink(&elsewhere, site.out("a")).unwrap();
    symlink("../elsewhere/b", site.out("c")).unwrap();
    for adopt in [false, true] {
        let problems = site
            .build_with(|o| o.adopt = adopt, &[file("a/b", "1", device(1)), file("a/d/e", "1", device(1))])
            .unwrap_err();
        assert_eq!(problems.iter().map(|d| d.code).collect::<Vec<_>>(), [codes::SYMLINK]);
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);
    }
    // As the file itself it is somebody's, and with --adopt the link is replaced, not what it points to.
    assert_eq!(only(site.build(&[file("c", "1", device(1))])).code, codes::FOREIGN_FILE);
    site.build_with(|o| o.adopt = true, &[file("c", "1", device(1))]).unwrap();
    assert!(fs::symlink_metadata(site.out("c")).unwrap().is_file());
    assert_eq!(fs::read_to_string(elsewhere.join("b")).unwrap(), "theirs");
}

#[test]
fn a_link_put_over_our_directory_later_protects_what_is_behind_it() {
    let site = Site::new();
    site.build(&[file("d/a", "1", device(1)), file("d/b", "1", device(1)), file("z", "1", device(2))])
        .unwrap();
    let elsewhere = site.place.path().join("elsewhere");
    fs::rename(site.out("d"), &elsewhere).unwrap();
    symlink(&elsewhere, site.out("d")).unwrap();
    let problems = site.build(&[file("d/a", "2", device(1)), file("z", "1", device(2))]).unwrap_err();
    // `d/b` is not planned any more, and out of reach.
    let codes: Vec<_> = problems.iter().map(|d| d.code).collect();
    assert_eq!(codes, [codes::EDITED_FILE, codes::SYMLINK]);
    // The stale file behind the link has the very bytes that provc wrote; it is not out/ any more.
    let report = site.build(&[file("z", "1", device(2))]).unwrap();
    assert!(report.removed.is_empty());
    assert_eq!(texts(&elsewhere), [("a".into(), "1".into()), ("b".into(), "1".into())].into());
    assert!(fs::symlink_metadata(site.out("d")).unwrap().is_symlink());
}

#[test]
fn a_directory_or_a_strange_file_in_the_way() {
    let site = Site::new();
    fs::create_dir_all(site.out("d/e")).unwrap();
    site.put("f", "theirs");
    rustix::fs::mkfifoat(rustix::fs::CWD, site.out("fifo"), rustix::fs::Mode::RWXU).unwrap();
    let before = listing(&site.options.out);
    let plan = [
        file("d", "1", device(1)),
        file("f/x", "1", device(1)),
        file("fifo", "1", device(1)),
        file("ok", "1", device(1)),
    ];
    let problems = site.build(&plan).unwrap_err();
    let mut codes: Vec<_> = problems.iter().map(|d| d.code).collect();
    codes.sort();
    assert_eq!(codes, [codes::FILE_AND_DIRECTORY, codes::FOREIGN_FILE, codes::DIRECTORY_IN_THE_WAY]);
    assert_eq!(listing(&site.options.out), before);
}

#[test]
fn a_directory_of_ours_with_a_foreign_file_is_not_cleared_for_a_file() {
    let site = Site::new();
    site.build(&[file("x/a", "1", device(1))]).unwrap();
    site.put("x/theirs", "t");
    assert_eq!(only(site.build(&[file("x", "1", device(1))])).code, codes::DIRECTORY_IN_THE_WAY);
    assert_eq!((site.read("x/a"), site.read("x/theirs")), ("1".into(), "t".into()));
}

#[test]
fn many_foreign_files_are_not_told_one_by_one() {
    let site = Site::new();
    for i in 0..50 {
        site.put(&format!("many/{i:04}.cfg"), "theirs");
    }
    let problems = site.build(&many(50)).unwrap_err();
    assert_eq!(problems.iter().count(), 21);
    assert!(problems.iter().last().unwrap().message.starts_with("30 more planned paths"));
}

#[test]
fn a_second_build_waits_and_then_names_the_first() {
    let site = Site::new();
    let mut options = site.options.clone();
    options.command = "provc build --watch".to_owned();
    let first = Transaction::begin(&options).unwrap();
    for dry_run in [false, true] {
        let d = only(site.build_with(|o| o.dry_run = dry_run, &many(1)));
        assert_eq!(d.code, codes::LOCKED);
        let holder = format!("`provc build --watch (process {})`", std::process::id());
        assert!(d.message.contains(&holder), "{}", d.message);
    }
    let waiting = std::thread::spawn({
        let mut options = site.options.clone();
        options.lock_wait = Duration::from_secs(30);
        move || build(&options, &many(2), &Scope::default()).is_ok()
    });
    std::thread::sleep(Duration::from_millis(100));
    drop(first);
    assert!(waiting.join().unwrap());
    assert_eq!(texts(&site.options.out).len(), 2);
}
