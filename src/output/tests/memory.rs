//! The manifest in memory, the pipeline's own files, and what a look at out/ finds.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::output::{ManifestCache, codes, manifest_id, read_state, state_file};

fn with(options: &Options, cache: &ManifestCache, artifacts: &[Artifact], scope: &Scope) -> Report {
    let transaction = Transaction::begin_with(options, cache).unwrap();
    let staged = artifacts.iter().map(|artifact| transaction.stage(artifact).unwrap()).collect();
    transaction.commit(staged, scope).unwrap()
}

fn part(n: usize) -> Scope {
    Scope::Only { owners: [device(n)].into(), failed: Failed::default() }
}

#[test]
fn the_cache_follows_its_own_commits_and_those_of_others() {
    let site = Site::new();
    let cache = ManifestCache::default();
    with(&site.options, &cache, &many(30), &Scope::default());
    let held = |cache: &ManifestCache| {
        let manifest = cache.take(&site.state()).unwrap();
        let id = manifest.as_ref().and_then(|manifest| manifest.id());
        if let Some(manifest) = manifest {
            cache.put(&site.state(), manifest);
        }
        id
    };
    assert_eq!(held(&cache), manifest_id(&site.options));
    for text in ["x", "y"] {
        with(&site.options, &cache, &[file("many/0001.cfg", text, device(1))], &part(1));
        assert_eq!(held(&cache), manifest_id(&site.options));
    }
    // Not read again: what lies there could not even be read.
    let manifest = site.state().join("manifest");
    let good = fs::read(&manifest).unwrap();
    let mut wrong = good.clone();
    wrong[100] ^= 1;
    fs::write(&manifest, wrong).unwrap();
    assert!(with(&site.options, &cache, &[], &part(2)).warnings.is_empty());
    fs::write(&manifest, good).unwrap();

    // Another process builds in between.
    build(&site.options, &[file("many/0003.cfg", "theirs", device(3))], &part(3)).unwrap();
    let report = with(&site.options, &cache, &[], &part(3));
    assert_eq!(paths(&report.removed), ["many/0003.cfg"]);
    assert!(report.warnings.is_empty());
    // A transaction that is dropped leaves the cache as it was; one that fails makes it read again.
    drop(Transaction::begin_with(&site.options, &cache).unwrap());
    assert_eq!(held(&cache), manifest_id(&site.options));
    let transaction = Transaction::begin_with(&site.options, &cache).unwrap();
    let staged = vec![transaction.stage(&file("many/0005.cfg", "other", device(6))).unwrap()];
    transaction.commit(staged, &part(6)).unwrap_err();
    assert_eq!(held(&cache), None);
    // No state directory any more.
    fs::remove_dir_all(site.state()).unwrap();
    assert_eq!(with(&site.options, &cache, &many(1), &Scope::default()).adopted.len(), 1);
}

#[test]
fn the_pipelines_files_are_written_under_the_lock() {
    let site = Site::new();
    assert_eq!((read_state(&site.options, "pipeline"), manifest_id(&site.options)), (None, None));
    let transaction = Transaction::begin(&site.options).unwrap();
    let staged = vec![transaction.stage(&file("a", "1", device(1))).unwrap()];
    let (report, held) = transaction.commit_and_hold(staged, &Scope::default()).unwrap();
    assert_eq!(report.written.len(), 1);
    held.replace_state("pipeline", b"what was built").unwrap();
    let id = held.manifest_id();
    assert!(id.is_some() && manifest_id(&site.options).is_none(), "a build is at work until this is dropped");
    assert_eq!(only(site.build(&many(1))).code, codes::LOCKED);
    drop(held);
    assert_eq!(manifest_id(&site.options), id);
    assert_eq!(read_state(&site.options, "pipeline").unwrap(), b"what was built");
    let found = fs::metadata(state_file(&site.options, "pipeline")).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    // A build that fails to write it leaves the old one.
    let transaction = Transaction::begin(&site.options).unwrap();
    let (_, held) = transaction.commit_and_hold(Vec::new(), &part(2)).unwrap();
    fs::create_dir(state_file(&site.options, "pipeline.new")).unwrap();
    assert!(held.replace_state("pipeline", b"new").is_err());
    assert_eq!(read_state(&site.options, "pipeline").unwrap(), b"what was built");
    let dry = Options { dry_run: true, ..site.options.clone() };
    drop(held);
    let (_, held) = Transaction::begin(&dry).unwrap().commit_and_hold(Vec::new(), &part(2)).unwrap();
    held.replace_state("other", b"x").unwrap();
    assert_eq!(read_state(&site.options, "other"), None);
}

/// Longer than any clock's grain that tests meet.
fn settle() {
    std::thread::sleep(Duration::from_millis(40));
}

fn verify(site: &Site) -> std::collections::BTreeSet<Owner> {
    Transaction::begin(&site.options).unwrap().verify_standing().unwrap()
}

/// Another content of the same length with the same mtime: only the ctime tells.
fn forge(path: &Path, text: &str) {
    let before = fs::metadata(path).unwrap();
    fs::write(path, text).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    let after = fs::metadata(path).unwrap();
    assert_eq!(
        (before.len(), before.mtime_nsec(), before.ino()),
        (after.len(), after.mtime_nsec(), after.ino())
    );
}

#[test]
fn an_edit_with_a_forged_mtime_is_noticed() {
    let site = Site::new();
    let plan = many(30);
    site.build(&plan).unwrap();
    settle();
    // All are settled from here on.
    assert_eq!(site.build(&plan).unwrap().unchanged, 30);
    settle();
    forge(&site.out("many/0004.cfg"), "phone X");
    assert_eq!(verify(&site), [device(4)].into());
    let report = site.build(&plan).unwrap();
    assert_eq!(paths(&report.written), ["many/0004.cfg"]);
    assert_eq!(site.read("many/0004.cfg"), "phone 4");
    // At once after the build, within the clock's grain.
    forge(&site.out("many/0004.cfg"), "phone Y");
    assert_eq!(verify(&site), [device(4)].into());
    assert_eq!(paths(&site.build(&plan).unwrap().written), ["many/0004.cfg"]);
    for round in 0..50 {
        site.put("many/0007.cfg", &format!("edit {}", round % 10));
        let report = site.build(&plan).unwrap();
        assert_eq!(paths(&report.written), ["many/0007.cfg"], "{round}");
        forge(&site.out("many/0007.cfg"), "phone Z");
        assert_eq!(verify(&site), [device(7)].into(), "{round}");
    }
}

#[test]
fn settled_files_are_not_read() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root can do what follows");
    }
    let site = Site::new();
    let plan = [file("a", "1", device(1)), file("b", "1", device(1))];
    site.build(&plan).unwrap();
    settle();
    site.build(&plan).unwrap();
    // The time of the last reading tells, where the file system keeps it.
    let old = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    for path in ["a", "b"] {
        let times = fs::FileTimes::new().set_accessed(old);
        fs::File::options().write(true).open(site.out(path)).unwrap().set_times(times).unwrap();
    }
    // Setting it changed the ctime, so both are read once more.
    site.build(&plan).unwrap();
    let read = |path: &str| fs::metadata(site.out(path)).unwrap().atime();
    if read("a") == 1_000_000 {
        return skip("this file system does not keep the time of reading");
    }
    settle();
    site.build(&plan).unwrap();
    let before = listing(&site.options.out);
    assert!(verify(&site).is_empty());
    assert_eq!(site.build(&plan).unwrap().unchanged, 2);
    assert_eq!(listing(&site.options.out), before);
}

#[test]
fn verify_finds_what_is_missing_edited_or_has_wrong_modes() {
    let site = Site::new();
    let plan = [
        file("d/a", "1", device(1)),
        file("d/b", "1", device(2)),
        secret("e/c", "1", device(3)),
        file("f", "1", device(4)),
        file("g/h", "1", device(5)),
        file("i", "1", Owner::Static),
        file("j/k", "1", device(6)),
        file("l", "1", device(7)),
    ];
    site.build(&plan).unwrap();
    assert!(verify(&site).is_empty());
    settle();
    assert!(verify(&site).is_empty());
    let chmod =
        |path: &str, mode| fs::set_permissions(site.out(path), PermissionsExt::from_mode(mode)).unwrap();
    fs::remove_file(site.out("d/a")).unwrap();
    site.put("d/b", "2");
    chmod("e/c", 0o644);
    fs::remove_file(site.out("f")).unwrap();
    fs::create_dir(site.out("f")).unwrap();
    chmod("g", 0o700);
    fs::remove_file(site.out("i")).unwrap();
    std::os::unix::fs::symlink("d/b", site.out("i")).unwrap();
    fs::rename(site.out("j"), site.place.path().join("j")).unwrap();
    std::os::unix::fs::symlink(site.place.path().join("j"), site.out("j")).unwrap();
    let wrong = verify(&site);
    let expected: std::collections::BTreeSet<Owner> = (1..=6).map(device).chain([Owner::Static]).collect();
    assert_eq!(wrong, expected);
    // What can be repaired is, by a commit of just these.
    fs::remove_dir(site.out("f")).unwrap();
    fs::remove_file(site.out("j")).unwrap();
    let mine: Vec<_> = plan.iter().filter(|artifact| wrong.contains(&artifact.owner)).cloned().collect();
    build(&site.options, &mine, &Scope::Only { owners: wrong, failed: Failed::default() }).unwrap();
    assert!(verify(&site).is_empty());
    assert_eq!((site.mode("g"), site.mode("e/c"), site.read("d/b")), (0o755, 0o640, "1".into()));
    // out/ is gone.
    fs::remove_dir_all(&site.options.out).unwrap();
    assert_eq!(verify(&site).len(), 8);
}

#[test]
fn what_verify_had_to_read_is_saved_by_the_next_commit() {
    let site = Site::new();
    site.build(&many(30)).unwrap();
    // The same bytes, written by somebody else: only reading tells.
    for (path, text) in texts(&site.options.out) {
        site.put(&path, &text);
    }
    settle();
    let look = || {
        let transaction = Transaction::begin(&site.options).unwrap();
        assert!(transaction.verify_standing().unwrap().is_empty());
        let read = transaction.refreshed().len();
        let none = Scope::Only { owners: [].into(), failed: Failed::default() };
        transaction.commit(Vec::new(), &none).unwrap();
        read
    };
    assert_eq!((look(), look()), (30, 0));
    let id = manifest_id(&site.options);
    assert_eq!((look(), manifest_id(&site.options)), (0, id));
}
