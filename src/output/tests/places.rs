//! Where out/ and the state lie: other file systems, full ones, and places that will not do.

use std::process::Command;

use super::*;
use crate::output::codes;

/// A site whose state lies on another file system, if this machine has one.
fn two_file_systems() -> Option<(Site, tempfile::TempDir)> {
    let mut site = Site::new();
    let other = tempfile::Builder::new().prefix("provc-test").tempdir_in("/dev/shm").ok()?;
    if fs::metadata(other.path()).ok()?.dev() == fs::metadata(site.place.path()).ok()?.dev() {
        return None;
    }
    site.options.state = Some(other.path().join("state"));
    Some((site, other))
}

#[test]
fn the_state_on_another_file_system() {
    let Some((site, _other)) = two_file_systems() else { return skip("/dev/shm is no other file system") };
    site.build(&[secret("a/b", "1", device(1)), file("c", "1", device(1))]).unwrap();
    assert_eq!((site.mode("a"), site.mode("a/b"), site.mode("c")), (0o750, 0o640, 0o644));
    assert!(!site.place.path().join(".out.provc").exists());

    // While staged, the new bytes lie beside the old ones under a dot name that only the owner can read.
    let transaction = Transaction::begin(&site.options).unwrap();
    let staged = [file("a/b", "22", device(1)), file("a/x/y", "1", device(1)), file("a/x/y", "1", device(2))]
        .map(|artifact| transaction.stage(&artifact).unwrap());
    let names: Vec<_> = texts(&site.options.out).into_keys().filter(|p| p.contains("/.provc-tmp-")).collect();
    assert_eq!(names.len(), 3);
    assert!(names.iter().all(|name| name.starts_with("a/") && site.mode(name) == 0o600));
    assert_eq!(site.read("a/b"), "1");
    transaction.commit(staged.into(), &Scope::default()).unwrap();
    assert_eq!(texts(&site.options.out), [("a/b".into(), "22".into()), ("a/x/y".into(), "1".into())].into());
    assert_eq!((site.mode("a/b"), site.mode("a/x/y"), site.mode("a")), (0o644, 0o644, 0o755));
    assert!(!site.state().join("temporaries-in-out").exists());

    // Dropped or killed, they are swept.
    let before = texts(&site.options.out);
    let transaction = Transaction::begin(&site.options).unwrap();
    transaction.stage(&file("a/b", "333", device(1))).unwrap();
    drop(transaction);
    assert_eq!(texts(&site.options.out), before);
    fs::write(site.state().join("temporaries-in-out"), "").unwrap();
    site.put("a/x/.provc-tmp-9", "left by a killed build");
    drop(Transaction::begin(&site.options).unwrap());
    assert_eq!(texts(&site.options.out), before);
}

#[test]
fn no_temporary_lies_in_out_without_word_of_it() {
    let Some((site, _other)) = two_file_systems() else { return skip("/dev/shm is no other file system") };
    site.build(&many(1)).unwrap();
    let before = texts(&site.options.out);
    let transaction = Transaction::begin(&site.options).unwrap();
    // Where no file can be made, as on a state directory without inodes.
    fs::create_dir(site.state().join("temporaries-in-out")).unwrap();
    for i in 0..3 {
        assert!(transaction.stage(&file(&format!("many/new{i}"), "new", device(i))).is_err());
    }
    assert_eq!(texts(&site.options.out), before);
}

/// Runs a script as root in mount and user namespaces of its own, where that is permitted.
fn with_mounts(script: &str, test: &str) -> bool {
    let exe = std::env::current_exe().unwrap();
    let place = tempfile::tempdir().unwrap();
    let script = format!(
        "set -e; cd '{}'; {script}; PROVC_TEST_PLACE=$PWD exec \"$0\" --exact --ignored --nocapture output::tests::places::{test}",
        place.path().display()
    );
    let permitted = Command::new("unshare").args(["-Urm", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !permitted.is_ok_and(|run| run.status.success()) {
        return false;
    }
    let run = Command::new("unshare").args(["-Urm", "sh", "-c", &script]).arg(exe).output().unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success() && told.contains("1 passed"),
        "{told}\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
    true
}

#[expect(clippy::disallowed_methods, reason = "the parent test tells where it mounted")]
fn mounted_site() -> Site {
    let place = PathBuf::from(std::env::var_os("PROVC_TEST_PLACE").unwrap());
    let options = Options::new(place.join("fs/out"));
    Site { place: tempfile::tempdir().unwrap(), options }
}

#[test]
fn a_full_disk_leaves_out_as_it_was() {
    if !with_mounts("mkdir fs; mount -t tmpfs -o size=128k none fs", "full_disk_inside") {
        skip("mounting is not permitted here");
    }
}

#[test]
#[ignore = "run by a_full_disk_leaves_out_as_it_was"]
fn full_disk_inside() {
    let mut site = mounted_site();
    let small: Vec<_> = (0..5).map(|i| file(&format!("d/{i}"), "old", device(i))).collect();
    site.build(&small).unwrap();
    let before = listing(&site.options.out);
    let large: Vec<_> = (0..40).map(|i| file(&format!("d/{i}"), &"x".repeat(9000), device(i))).collect();
    for _ in 0..2 {
        let d = only(site.build(&large));
        assert_eq!(d.code, codes::NO_SPACE);
        assert!(d.message.contains("out/d/"), "{}", d.message);
        assert_eq!(listing(&site.options.out), before);
    }
    // A part alike, at whatever point the disk is full: with some room, the files fit and the manifest may not.
    let scope = || Scope::Only { owners: (5..9).map(device).collect(), failed: Failed::default() };
    let id = crate::output::manifest_id(&site.options);
    let mut ended = [0, 0];
    for ballast in 0..40 {
        let room = fs::File::create(site.options.out.with_file_name("ballast")).unwrap();
        if rustix::fs::fallocate(&room, rustix::fs::FallocateFlags::empty(), 0, 1 + ballast * 4096).is_err() {
            break;
        }
        let part: Vec<_> = (5..9).map(|i| file(&format!("d/{i}"), &"x".repeat(5000), device(i))).collect();
        match build(&site.options, &part, &scope()) {
            Ok(_) => {
                ended[0] += 1;
                room.set_len(0).unwrap();
                site.build(&small).unwrap();
            }
            Err(problems) => {
                ended[1] += 1;
                assert!(problems.iter().all(|d| d.code == codes::NO_SPACE), "{problems:?}");
                assert_eq!(texts(&site.options.out).len(), 5);
            }
        }
    }
    fs::remove_file(site.options.out.with_file_name("ballast")).unwrap();
    assert!(ended[0] > 0 && ended[1] > 0, "{ended:?}");
    assert_ne!(crate::output::manifest_id(&site.options), id);
    // Nothing is left behind that would keep the disk full.
    assert_eq!(site.build(&small).unwrap().unchanged, 5);

    // The same with the state elsewhere and the temporaries in out/.
    site.options.state = Some(site.place.path().join("state"));
    site.build(&small).unwrap();
    let before = texts(&site.options.out);
    assert_eq!(only(site.build(&large)).code, codes::NO_SPACE);
    assert_eq!(texts(&site.options.out), before);
    assert_eq!(site.build(&small).unwrap().unchanged, 5);
}

#[test]
fn a_read_only_file_system() {
    let script =
        "mkdir fs; mount -t tmpfs none fs; mkdir fs/out; echo old > fs/out/a; mount -o remount,ro none fs";
    if !with_mounts(script, "read_only_inside") {
        skip("mounting is not permitted here");
    }
}

#[test]
#[ignore = "run by a_read_only_file_system"]
fn read_only_inside() {
    let mut site = mounted_site();
    assert_eq!(only(site.build(&many(1))).code, codes::READ_ONLY);
    // The state elsewhere: the temporaries must lie in out/, and cannot.
    site.options.state = Some(site.place.path().join("state"));
    let d = only(site.build(&many(1)));
    assert_eq!(d.code, codes::READ_ONLY);
    assert_eq!(site.read("a"), "old\n");
    // A dry run only looks.
    assert_eq!(site.build_with(|o| o.dry_run = true, &many(1)).unwrap().written.len(), 1);
}

#[test]
fn a_mount_below_out_and_out_as_a_bind_mount() {
    let script = "mkdir -p fs/out/m; mount --bind fs/out fs/out; mount -t tmpfs none fs/out/m";
    if !with_mounts(script, "mounts_inside") {
        skip("mounting is not permitted here");
    }
}

#[test]
#[ignore = "run by a_mount_below_out_and_out_as_a_bind_mount"]
fn mounts_inside() {
    let site = mounted_site();
    let plan = |text: &str| ["a", "m/b", "m/d/c", "n/e"].map(|path| secret(path, text, device(1)));
    for text in ["1", "22", "3"] {
        assert_eq!(site.build(&plan(text)).unwrap().written.len(), 4);
        assert_eq!(texts(&site.options.out).len(), 4);
        assert!(texts(&site.options.out).values().all(|found| found == text));
        assert_eq!(["a", "m/b", "m/d/c", "n/e"].map(|path| site.mode(path)), [0o640; 4]);
    }
    assert_eq!(site.build(&plan("3")).unwrap().unchanged, 4);
}

#[test]
fn places_that_will_not_do() {
    let site = Site::new();
    let state = Some(site.out("state"));
    assert_eq!(only(site.build_with(|o| o.state = state, &many(1))).code, codes::BAD_PLACE);
    assert!(!site.options.out.exists());
    fs::write(&site.options.out, "a file").unwrap();
    let d = only(site.build(&many(1)));
    assert_eq!(d.code, codes::BAD_PLACE);
    assert!(d.message.ends_with("is not a directory"));
    let below = site.out("x");
    assert_eq!(only(site.build_with(|o| o.out = below, &many(1))).code, codes::BAD_PLACE);
    fs::remove_file(&site.options.out).unwrap();
    std::os::unix::fs::symlink("nowhere", &site.options.out).unwrap();
    assert!(only(site.build(&many(1))).message.contains("is a link to"));
}

#[test]
fn out_as_a_link_is_followed() {
    let site = Site::new();
    fs::create_dir(site.place.path().join("srv")).unwrap();
    std::os::unix::fs::symlink("srv", &site.options.out).unwrap();
    site.build(&[file("a/b", "1", device(1))]).unwrap();
    assert_eq!(fs::read_to_string(site.place.path().join("srv/a/b")).unwrap(), "1");
}

#[test]
fn a_user_without_rights_is_told() {
    if !rustix::process::geteuid().is_root() {
        return skip("needs root, to become somebody else");
    }
    let run = |user: &str| {
        Command::new("setpriv")
            .args(["--reuid", user, "--regid", user, "--clear-groups"])
            .arg("true")
            .output()
    };
    if !run("65534").is_ok_and(|run| run.status.success()) {
        return skip("setpriv cannot change the user here");
    }
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::create_dir(place.path().join("fs")).unwrap();
    let exe = std::env::current_exe().unwrap();
    let copy = place.path().join("test");
    fs::copy(exe, &copy).unwrap();
    let run = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(copy)
        .args(["--exact", "--ignored", "output::tests::places::no_rights_inside"])
        .env("PROVC_TEST_PLACE", place.path())
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
}

#[test]
#[ignore = "run by a_user_without_rights_is_told"]
fn no_rights_inside() {
    let mut site = mounted_site();
    let d = only(site.build(&many(1)));
    assert_eq!(d.code, codes::PERMISSION);
    assert!(d.message.contains(".out.provc"), "{}", d.message);
    // The group of somebody else.
    site.options = Options::new(site.place.path().join("out"));
    site.options.group = Some("root".to_owned());
    assert_eq!(only(site.build(&many(1))).code, codes::GROUP_REFUSED);
    // A directory in out/ that became read-only: refused before the first change, also of files elsewhere.
    site.options.group = None;
    site.build(&[file("d/a", "1", device(1)), file("e/a", "1", device(1))]).unwrap();
    fs::set_permissions(site.out("e"), std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    fs::create_dir(site.out("f")).unwrap();
    fs::set_permissions(site.out("f"), std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    let plan = [
        file("d/a", "2", device(1)),
        file("d/b", "1", device(1)),
        file("e/a", "1", device(1)),
        file("f/b", "2", device(1)),
    ];
    let d = only(site.build(&plan));
    assert_eq!(d.code, codes::PERMISSION);
    assert!(d.message.contains("out/f"), "{}", d.message);
    let left = texts(&site.options.out);
    assert_eq!(
        left.into_iter().collect::<Vec<_>>(),
        [("d/a".into(), "1".into()), ("e/a".into(), "1".into())]
    );
}
