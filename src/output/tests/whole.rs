//! Directories that out/ does not have yet, and what keeps them from being placed whole.

use super::*;
use crate::output::stop::{Stop, stopping};
use rustix::fs::Mode;

/// The files in the staging directory before the commit, and what the commit did: a file that is placed by itself
/// lies in a numbered directory, one that comes with its directory has its own name already.
fn staged_names(site: &Site, artifacts: &[Artifact], scope: &Scope) -> (Vec<String>, Report) {
    let transaction = Transaction::begin(&site.options).unwrap();
    let staged: Vec<_> = artifacts.iter().map(|artifact| transaction.stage(artifact).unwrap()).collect();
    let names = texts(&site.state().join("staging")).into_keys().collect();
    (names, transaction.commit(staged, scope).unwrap())
}

#[test]
fn a_new_directory_is_written_under_its_own_names_and_gets_its_modes() {
    let site = Site::new();
    let files = [
        file("a/b/open", "1", device(1)),
        secret("a/b/secret", "2", device(1)),
        secret("a/c/deep/er/secret", "3", device(2)),
        secret("only/secret", "4", device(2)),
        file("top", "5", device(3)),
    ];
    let (names, report) = staged_names(&site, &files, &Scope::default());
    let own = ["a/b/open", "a/b/secret", "a/c/deep/er/secret", "only/secret"];
    let own = own.map(|path| format!("provc-new/{path}"));
    assert!(own.iter().all(|path| names.contains(path)), "{names:?}");
    assert_eq!((names.len(), report.written.len()), (5, 5));
    let modes = ["a", "a/b", "a/c", "a/c/deep", "a/c/deep/er", "only", "a/b/open", "a/b/secret", "top"];
    assert_eq!(
        modes.map(|path| site.mode(path)),
        [0o755, 0o755, 0o750, 0o750, 0o750, 0o750, 0o644, 0o640, 0o644]
    );
    assert_eq!(fs::read_dir(site.state().join("staging")).unwrap().count(), 0);
    // What the manifest says is what stands there: nothing is written, nothing is foreign, all can go.
    let again = site.build(&files).unwrap();
    assert_eq!((again.written.len(), again.unchanged, again.access_fixed), (0, 5, 0));
    let report = site.build_with(|o| o.allow_removals = true, &files[4..]).unwrap();
    assert_eq!(report.removed.len(), 4);
    assert_eq!(fs::read_dir(&site.options.out).unwrap().count(), 1);
}

#[test]
fn what_came_with_its_directory_is_proven_by_stat() {
    let site = Site::new();
    let transaction = Transaction::begin(&site.options).unwrap();
    let staged: Vec<_> = many(40).iter().map(|artifact| transaction.stage(artifact).unwrap()).collect();
    // Past the grain of the clock.
    std::thread::sleep(Duration::from_millis(60));
    transaction.commit(staged, &Scope::default()).unwrap();
    let transaction = Transaction::begin(&site.options).unwrap();
    for record in transaction.manifest.iter() {
        let stat = rustix::fs::stat(site.out(record.path)).unwrap();
        assert!(record.stamp.is_some_and(|stamp| stamp.proves(&stat)), "{}", record.path);
    }
}

#[test]
fn one_path_of_two_owners_is_one_file() {
    let site = Site::new();
    let mut files = many(5);
    files.extend([file("many/shared", "same", device(1)), secret("many/shared", "same", device(2))]);
    assert_eq!(site.build(&files).unwrap().written.len(), 6);
    assert_eq!((site.mode("many/shared"), site.read("many/shared").as_str()), (0o640, "same"));
    let problems = {
        let site = Site::new();
        site.build(&[file("many/x", "1", device(1)), file("many/x", "2", device(2))]).unwrap_err()
    };
    assert_eq!(problems.iter().map(|d| d.code).collect::<Vec<_>>(), [crate::output::codes::COLLISION]);
}

#[test]
fn a_file_that_is_not_planned_after_all_is_not_placed() {
    let site = Site::new();
    let transaction = Transaction::begin(&site.options).unwrap();
    let mut staged: Vec<_> = many(5).iter().map(|artifact| transaction.stage(artifact).unwrap()).collect();
    staged.remove(2);
    let failed = Failed { owners: [device(2)].into(), inputs_incomplete: false };
    transaction.commit(staged, &failed.into()).unwrap();
    let names: Vec<String> = texts(&site.options.out).into_keys().collect();
    assert_eq!(names, ["many/0000.cfg", "many/0001.cfg", "many/0003.cfg", "many/0004.cfg"]);
    assert_eq!(fs::read_dir(site.state().join("staging")).unwrap().count(), 0);
}

#[test]
fn a_directory_that_came_in_between_is_filled() {
    let site = Site::new();
    let transaction = Transaction::begin(&site.options).unwrap();
    let staged: Vec<_> = many(5).iter().map(|artifact| transaction.stage(artifact).unwrap()).collect();
    site.put("many/foreign", "not ours");
    transaction.commit(staged, &Scope::default()).unwrap();
    assert_eq!(texts(&site.options.out).len(), 6);
    assert_eq!(site.read("many/foreign"), "not ours");
}

#[test]
fn a_group_that_new_directories_inherit_is_inherited() {
    let site = Site::new();
    site.build(&[file("top", "x", device(1))]).unwrap();
    rustix::fs::chmod(&site.options.out, Mode::from_raw_mode(0o2755)).unwrap();
    let mut files = vec![file("top", "x", device(1)), file("below/x", "x", device(1))];
    let (names, _) = staged_names(&site, &files, &Scope::default());
    assert!(names.iter().all(|name| !name.contains("below")), "{names:?}");
    assert_eq!(site.mode("below"), 0o2755);
    files.push(file("below/deeper/x", "x", device(1)));
    site.build(&files).unwrap();
    assert_eq!(site.mode("below/deeper"), 0o2755);
}

#[test]
fn what_a_killed_build_left_is_cleared_and_what_it_placed_is_known() {
    for after in [0, 1, 2] {
        let site = Site::new();
        fs::create_dir(&site.options.out).unwrap();
        let mut files = many(30);
        files.extend((0..30).map(|i| file(&format!("more/{i}"), "x", device(i))));
        assert!(stopping(Stop::Crash(after), || site.build(&files)).is_none());
        let placed = texts(&site.options.out).len();
        assert_eq!(placed, after * 30);
        let report = site.build(&files).unwrap();
        assert_eq!((report.written.len(), report.unchanged, report.adopted.len()), (60 - placed, placed, 0));
        assert_eq!(fs::read_dir(site.state().join("staging")).unwrap().count(), 0);
    }
}

#[test]
fn a_staging_directory_that_is_a_link_loses_nothing() {
    let site = Site::new();
    let theirs = site.place.path().join("theirs");
    fs::create_dir_all(theirs.join("provc-new/d")).unwrap();
    fs::write(theirs.join("provc-new/d/file"), "precious").unwrap();
    fs::create_dir_all(site.state()).unwrap();
    std::os::unix::fs::symlink(&theirs, site.state().join("staging")).unwrap();
    drop(site.build(&many(3)));
    assert_eq!(fs::read_to_string(theirs.join("provc-new/d/file")).unwrap(), "precious");
}
