//! Places that cannot be written, in part or from some moment on, and an out/ that is moved, replaced or gone,
//! between builds and under one at work.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use super::{LOOK, Place, Running, Shape, prepared, shape, with_mounts};
use crate::support::{Output, run};
use crate::tree::{assert_same, contents, is_root, skip};

/// A built place with an edit to every Digium phone, and the trees before and after it.
fn edited(phones: usize) -> (Place, [Shape; 2]) {
    let mut place = Place::new(phones);
    place.built(&[]);
    let old = shape(&place.out());
    for _ in 0..6 {
        place.edit();
    }
    place.fleet.edit_all(&mut place.random);
    place.fleet.write(place.root());
    let new = place.clean_tree();
    (place, [old, new])
}

/// A build that fails with this code and changes nothing.
#[track_caller]
fn refused(place: &Place, old: &Shape, code: &str) -> Output {
    let output = run(&mut place.build(&[])).expect(1);
    assert!(output.stderr.contains(&format!("error[{code}]")), "{}", output.stderr);
    assert_same(old, &shape(&place.out()));
    output
}

/// A phone's file that both trees have, with other bytes; the last one, so that others come before it.
fn replaced(old: &Shape, new: &Shape) -> String {
    let differs = |name: &&String| new.get(*name).is_some_and(|new| new.1 != old[*name].1);
    old.keys().rev().filter(|name| name.ends_with(".cfg")).find(differs).unwrap().clone()
}

fn tool(name: &str, args: &[&str], path: &Path) -> bool {
    Command::new(name).args(args).arg(path).output().is_ok_and(|output| output.status.success())
}

#[test]
fn read_only_mounts() {
    with_mounts("places::read_only_inside", "");
}

#[test]
#[ignore = "run by read_only_mounts"]
fn read_only_inside() {
    let (place, [old, new]) = edited(20);
    let _ = prepared();
    fs::remove_dir_all(place.out().join("none")).ok();
    for (path, code) in [
        (place.out(), "PV0821"),
        (place.state(), "PV0821"),
        (place.out().join("Digium"), "PV0821"),
        (place.root().to_path_buf(), "PV0821"),
    ] {
        assert!(tool("mount", &["--bind", path.to_str().unwrap()], &path));
        assert!(tool("mount", &["-o", "remount,ro,bind"], &path));
        refused(&place, &old, code);
        assert!(tool("umount", &[], &path));
    }
    // A file that cannot be replaced, as it is a mount itself: some were replaced before it.
    let file = place.out().join(replaced(&old, &new));
    assert!(tool("mount", &["--bind", file.to_str().unwrap()], &file));
    let output = run(&mut place.build(&[])).expect(1);
    assert!(output.stderr.contains("error[PV0825]"), "{}", output.stderr);
    place.is_between(&[old, new.clone()]);
    assert!(tool("umount", &[], &file));
    place.repaired(&new);
}

#[test]
fn files_and_directories_that_nobody_may_change() {
    let (mut place, mut trees) = edited(20);
    let name = replaced(&trees[0], &trees[1]);
    for (flag, below) in [("i", &*name), ("i", "Digium"), ("a", "Digium"), ("i", "")] {
        let path = place.out().join(below);
        if !is_root() || !tool("chattr", &[&format!("+{flag}")], &path) {
            return skip("files_and_directories_that_nobody_may_change", "chattr cannot be used here");
        }
        let output = run(&mut place.build(&[]));
        assert!(tool("chattr", &[&format!("-{flag}")], &path));
        if below.is_empty() && output.status == 0 {
            // Nothing was to change in out/ itself.
            place.repaired(&trees[1]);
        } else {
            let output = output.expect(1);
            assert!(output.stderr.contains("error[PV0822]"), "{flag} {below}: {}", output.stderr);
            if output.stderr.contains("already placed or removed") {
                // A directory that is empty at the end cannot be removed from one that may not change.
                assert!(below != "Digium" || flag == "a", "{flag} {below}: {}", output.stderr);
                assert!(output.stderr.contains("is partly new"), "{}", output.stderr);
                place.is_between(&trees);
            } else {
                assert_same(&trees[0], &shape(&place.out()));
            }
            place.repaired(&trees[1]);
        }
        place.fleet.edit_all(&mut place.random);
        place.edit();
        let new = place.clean_tree();
        trees = [trees[1].clone(), new];
    }
}

#[test]
fn files_of_another_user_in_a_directory_that_protects_them() {
    let test = "files_of_another_user_in_a_directory_that_protects_them";
    let (place, [old, new]) = edited(20);
    if !is_root() {
        return skip(test, "needs root, to become somebody else");
    }
    // Somebody else needs a binary that they can reach.
    let binary = place.root().join("provc");
    fs::copy(env!("CARGO_BIN_EXE_provc"), &binary).unwrap();
    fs::set_permissions(place.root(), fs::Permissions::from_mode(0o755)).unwrap();
    let give = |owner: u32| {
        for entry in walkdir::WalkDir::new(place.root()) {
            chown(entry.unwrap().path(), Some(owner), Some(owner)).unwrap();
        }
    };
    give(65_534);
    let digium = place.out().join("Digium");
    let build = || {
        let usual = place.build(&[]);
        let mut build = Command::new("setpriv");
        build.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&binary).args(usual.get_args());
        run(build.current_dir(place.root()).env("NO_COLOR", "1"))
    };
    // With the sticky bit only the owner of a file, or of the directory, may replace it.
    let root_owned: Vec<_> = fs::read_dir(&digium).unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in root_owned.iter().take(5).chain([&digium]) {
        chown(path, Some(0), Some(0)).unwrap();
    }
    fs::set_permissions(&digium, fs::Permissions::from_mode(0o1777)).unwrap();
    let output = build().expect(1);
    assert!(output.stderr.contains("error[PV0822]"), "{}", output.stderr);
    place.is_between(&[old, new.clone(), with_mode(&shape(&place.out()), "Digium")]);
    give(65_534);
    fs::set_permissions(&digium, fs::Permissions::from_mode(0o755)).unwrap();
    build().expect(0);
    give(0);
    place.repaired(&new);
}

/// Only the entries whose mode was changed by the test.
fn with_mode(tree: &Shape, name: &str) -> Shape {
    tree.iter().filter(|entry| entry.0 == name).map(|(name, entry)| (name.clone(), entry.clone())).collect()
}

#[test]
fn out_moved_between_builds() {
    let (mut place, [old, _]) = edited(20);
    let (out, elsewhere) = (place.out(), place.root().join("elsewhere"));

    // A link to where it went: nothing has changed for provc.
    fs::rename(&out, &elsewhere).unwrap();
    symlink("elsewhere", &out).unwrap();
    let new = place.clean_tree();
    place.built(&[]);
    assert!(out.is_symlink());
    assert_same(&new, &shape(&elsewhere));

    // Gone without a trace, it comes back whole; a link back to nothing and a file are refused.
    fs::remove_file(&out).unwrap();
    place.built(LOOK);
    assert_same(&new, &shape(&out));
    fs::remove_dir_all(&out).unwrap();
    fs::write(&out, "mine").unwrap();
    assert!(run(&mut place.build(LOOK)).expect(1).stderr.contains("error[PV0813]"));
    assert_eq!(fs::read(&out).unwrap(), b"mine");
    fs::remove_file(&out).unwrap();
    symlink("nowhere", &out).unwrap();
    assert!(run(&mut place.build(LOOK)).expect(1).stderr.contains("error[PV0813]"));
    assert!(!place.root().join("nowhere").exists());
    fs::remove_file(&out).unwrap();

    // An older copy in its place, as from a backup: brought up to date, with what was removed since.
    fs::create_dir(&out).unwrap();
    for (name, (mode, bytes)) in old.iter().filter(|(name, _)| !name.is_empty()) {
        let path = out.join(name);
        if mode & 0o170_000 == 0o040_000 {
            fs::create_dir(&path).unwrap();
        } else {
            fs::write(&path, bytes).unwrap();
        }
    }
    place.fleet.edit_all(&mut place.random);
    place.fleet.write(place.root());
    let new = place.clean_tree();
    place.built(&[LOOK, &["--adopt"]].concat());
    let left = contents(&out);
    for (name, (_, bytes)) in new.iter().filter(|(_, entry)| entry.0 & 0o170_000 == 0o100_000) {
        assert_eq!(left.get(name), Some(bytes), "{name}");
    }
    // Files that only the backup had are nobody's: they are left.
    assert!(left.keys().all(|name| new.contains_key(name) || old.contains_key(name)));
}

#[test]
fn another_sites_tree_in_place_of_out_is_not_taken_for_its_own() {
    let (place, _) = edited(20);
    place.built(&[]);
    let other = Place::new(3);
    other.built(&[]);
    // Files of the other site under names that this one does not plan.
    fs::write(other.out().join("Digium/notes.txt"), "mine").unwrap();
    fs::write(other.out().join("Digium/000fd3fffff1.cfg"), "another phone's").unwrap();
    let before = contents(&other.out());
    fs::rename(place.out(), place.root().join("elsewhere")).unwrap();
    symlink(other.out(), place.out()).unwrap();
    run(&mut place.build(LOOK));
    let after = contents(&other.out());
    assert!(before.keys().all(|name| after.contains_key(name)), "{:?}", after.keys());
    for name in ["Digium/notes.txt", "Digium/000fd3fffff1.cfg"] {
        assert_eq!(before[name], after[name]);
    }
}

/// Stops a build when something is so, does something, and lets it go on.
fn meanwhile(place: &Place, when: impl Fn() -> bool, what: impl FnOnce()) -> i32 {
    let mut build = Running::start(&mut place.build(&[]));
    let met = build.until(when);
    build.send(Signal::STOP);
    assert!(met, "the build ended before the moment came");
    what();
    build.send(Signal::CONT);
    build.end().code().unwrap()
}

#[test]
fn out_replaced_under_a_build() {
    for moment in ["staging/0", "journal"] {
        let (place, [old, new]) = edited(60);
        let (out, aside) = (place.out(), place.root().join("aside"));
        let foreign = place.root().join("foreign");
        fs::create_dir_all(foreign.join("Digium")).unwrap();
        fs::write(foreign.join("Digium/mine.cfg"), "mine").unwrap();
        fs::write(foreign.join("logo.txt"), "mine too").unwrap();
        let others = shape(&foreign);
        let sign = place.state().join(moment);
        meanwhile(
            &place,
            || sign.exists(),
            || {
                fs::rename(&out, &aside).unwrap();
                symlink("foreign", &out).unwrap();
            },
        );
        // The build holds the directory that it began with. Nothing is written through the link.
        assert_same(&others, &shape(&foreign));
        fs::remove_file(&out).unwrap();
        fs::rename(&aside, &out).unwrap();
        place.is_between(&[old, new.clone()]);
        place.built(LOOK);
        assert_same(&new, &shape(&out));
    }
}
