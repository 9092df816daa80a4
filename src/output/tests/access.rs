//! Modes, groups and who can read what.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;
use crate::output::codes;

/// The umask is the process's, so this test runs again as a process of its own.
#[test]
fn modes_are_the_same_under_any_umask() {
    for umask in ["000", "022", "027", "077", "0777"] {
        let exe = std::env::current_exe().unwrap();
        let test = format!(
            "umask {umask}; exec \"$0\" --exact --ignored output::tests::access::modes_in_this_process"
        );
        let run = Command::new("sh").arg("-c").arg(test).arg(exe).output().unwrap();
        let told = String::from_utf8_lossy(&run.stdout);
        // Under 0777 only root can go on.
        let blind = umask == "0777" && !rustix::process::geteuid().is_root();
        assert!(blind || run.status.success() && told.contains("1 passed"), "umask {umask}: {told}");
    }
}

#[test]
#[ignore = "run by modes_are_the_same_under_any_umask"]
fn modes_in_this_process() {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let options = Options::new(place.path().join("out"));
    let site = Site { place, options };
    let plan = [
        secret("s/t/a", "1", device(1)),
        secret("m/a", "1", device(1)),
        file("m/b", "1", device(1)),
        file("o", "1", device(1)),
    ];
    site.build(&plan).unwrap();
    let modes = |site: &Site| ["", "s", "s/t", "s/t/a", "m", "m/a", "m/b", "o"].map(|path| site.mode(path));
    assert_eq!(modes(&site), [0o755, 0o750, 0o750, 0o640, 0o755, 0o640, 0o644, 0o644]);
    assert_eq!(fs::metadata(site.state()).unwrap().permissions().mode() & 0o077, 0);

    // Both ways, for files that are replaced and files that are not.
    site.build(&[
        file("s/t/a", "1", device(1)),
        secret("m/a", "2", device(1)),
        secret("m/b", "1", device(1)),
        secret("o", "2", device(1)),
    ])
    .unwrap();
    assert_eq!(modes(&site), [0o755, 0o755, 0o755, 0o644, 0o750, 0o640, 0o640, 0o640]);
}

#[test]
fn a_wrong_mode_is_put_right_without_a_new_file() {
    let site = Site::new();
    let plan = [secret("a", "1", device(1)), file("d/b", "1", device(1))];
    site.build(&plan).unwrap();
    let time = |path: &str| fs::metadata(site.out(path)).unwrap().modified().unwrap();
    let (a, b) = (time("a"), time("d/b"));
    fs::set_permissions(site.out("a"), PermissionsExt::from_mode(0o666)).unwrap();
    fs::set_permissions(site.out("d/b"), PermissionsExt::from_mode(0o600)).unwrap();
    fs::set_permissions(site.out("d"), PermissionsExt::from_mode(0o700)).unwrap();
    let report = site.build(&plan).unwrap();
    assert_eq!((report.written.len(), report.unchanged, report.access_fixed), (0, 2, 2));
    assert_eq!((site.mode("a"), site.mode("d/b"), site.mode("d")), (0o640, 0o644, 0o755));
    assert_eq!((time("a"), time("d/b")), (a, b));
    assert!(report.changed_owners.is_empty());
}

#[test]
fn a_directory_that_others_made_keeps_its_mode() {
    let site = Site::new();
    fs::create_dir_all(site.out("d")).unwrap();
    fs::set_permissions(site.out("d"), PermissionsExt::from_mode(0o711)).unwrap();
    site.build(&[secret("d/a", "1", device(1))]).unwrap();
    assert_eq!(site.mode("d"), 0o711);
}

#[test]
fn the_group_is_given_to_all() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root can give files to any group");
    }
    let site = Site::new();
    let plan = [secret("s/a", "1", device(1)), file("b", "1", device(1))];
    let report = site.build(&plan).unwrap();
    assert!(report.readers.unwrap().contains("the user root and the group root only"));
    for group in ["4711", "daemon"] {
        let report = site.build_with(|o| o.group = Some(group.to_owned()), &plan).unwrap();
        assert_eq!((report.access_fixed, report.readers), (2, None));
        let id = crate::output::accounts::group(group).unwrap();
        for path in ["s", "s/a", "b"] {
            assert_eq!(fs::metadata(site.out(path)).unwrap().gid(), id, "{path}");
        }
    }
    let more = [secret("s/a", "2", device(1)), file("b", "1", device(1)), file("n/c", "1", device(1))];
    site.build_with(|o| o.group = Some("4711".to_owned()), &more).unwrap();
    assert!(["s", "s/a", "b", "n", "n/c"].iter().all(|p| fs::metadata(site.out(p)).unwrap().gid() == 4711));
    assert_eq!((site.mode("s/a"), site.mode("s")), (0o640, 0o750));
}

#[test]
fn an_unknown_group_is_an_error_before_anything_happens() {
    let site = Site::new();
    let d = only(site.build_with(|o| o.group = Some("no-such-group".to_owned()), &many(1)));
    assert_eq!(d.code, codes::UNKNOWN_GROUP);
    assert_eq!(fs::read_dir(site.place.path()).unwrap().count(), 0);
}
