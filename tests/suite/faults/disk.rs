//! No room left: for bytes, for inodes, under a limit on the size of files, wherever out/ and the state lie.
//!
//! On a small file system a build is tried with ever more room, until there is enough. Every one that fails
//! leaves out/ as it was and takes no room with it.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use super::{Place, asked, prepared, shape, with_mounts};
use crate::tree::assert_same;

const PAGE: u64 = 4096;

/// What there is no more of.
#[derive(Clone, Copy, Debug)]
enum Lacking {
    Bytes,
    Inodes,
}

impl Lacking {
    fn left(self, small: &Path) -> u64 {
        let found = statvfs(small).unwrap();
        match self {
            Self::Bytes => found.f_bavail * found.f_frsize / PAGE,
            Self::Inodes => found.f_favail,
        }
    }

    /// Leaves so many pages or inodes; what takes the others lies in `filler`.
    fn leave(self, small: &Path, left: u64) {
        let filler = small.join("filler");
        let _ = fs::remove_dir_all(&filler);
        fs::create_dir(&filler).unwrap();
        match self {
            Self::Bytes => {
                let file = File::create(filler.join("0")).unwrap();
                if let Some(size) = self.left(small).checked_sub(left).filter(|pages| *pages > 0) {
                    fallocate(&file, FallocateFlags::empty(), 0, size * PAGE).unwrap();
                }
            }
            Self::Inodes => {
                for n in 0..self.left(small).saturating_sub(left) {
                    File::create(filler.join(n.to_string())).unwrap();
                }
            }
        }
    }
}

/// Builds with ever more room on the file system `small`; how many builds failed.
fn with_ever_more_room(place: &mut Place, small: &Path, lacking: Lacking) -> usize {
    place.built(&[]);
    for _ in 0..6 {
        place.edit();
    }
    let (old, new) = (shape(&place.out()), place.clean_tree());
    assert!(old != new);
    let (mut left, mut failed) = (0, 0);
    loop {
        lacking.leave(small, left);
        let before = lacking.left(small);
        let output = crate::support::run(&mut place.build(&[]));
        if output.status == 0 {
            break;
        }
        assert_eq!(output.status, 1, "{}", output.stderr);
        assert!(output.stderr.contains("error[PV0820]"), "{lacking:?} {left}: {}", output.stderr);
        assert_same(&old, &shape(&place.out()));
        place.nothing_is_left();
        // Directories that the first try made may stay; a file that stays would do so in every try.
        let takes = before.saturating_sub(lacking.left(small));
        assert!(takes <= 3, "{lacking:?}: {takes} are gone with {left} left");
        failed += 1;
        left += if asked("PROVC_FAULTS").is_some() { 1 } else { 1 + place.random.below(5) as u64 };
        assert!(left < 2000, "never enough room: {}", output.stderr);
    }
    assert_same(&new, &shape(&place.out()));
    place.nothing_is_left();
    fs::remove_dir_all(small.join("filler")).unwrap();
    place.repaired(&new);
    failed
}

const SMALL: &str = "mkdir small; mount -t tmpfs -o size=2m,nr_inodes=400 tmpfs small";

#[test]
fn a_full_file_system_under_out_and_state() {
    with_mounts("disk::both_inside", SMALL);
}

#[test]
fn a_full_file_system_under_out_alone() {
    with_mounts("disk::out_inside", SMALL);
}

#[test]
fn a_full_file_system_under_the_state_alone() {
    with_mounts("disk::state_inside", SMALL);
}

/// A place with out/ and the state on the small file system or not.
fn inside(out: bool, state: bool) {
    for (lacking, least) in [(Lacking::Bytes, if out { 5 } else { 2 }), (Lacking::Inodes, 2)] {
        let small = prepared().join("small");
        let mut place = Place::new(16);
        if out {
            place.out = small.join(format!("{lacking:?}")).join("out");
            fs::create_dir(place.out.parent().unwrap()).unwrap();
        }
        if out != state {
            let root = if state { &small } else { place.root() };
            place.apart = Some(root.join(format!("state of {lacking:?}")));
        }
        let failed = with_ever_more_room(&mut place, &small, lacking);
        assert!(failed >= least, "{lacking:?}: only {failed} builds found no room");
        if out {
            fs::remove_dir_all(place.out.parent().unwrap()).unwrap();
        }
    }
}

#[test]
#[ignore = "run by a_full_file_system_under_out_and_state"]
fn both_inside() {
    inside(true, true);
}

#[test]
#[ignore = "run by a_full_file_system_under_out_alone"]
fn out_inside() {
    inside(true, false);
}

#[test]
#[ignore = "run by a_full_file_system_under_the_state_alone"]
fn state_inside() {
    inside(false, true);
}

#[test]
fn a_limit_on_the_size_of_files() {
    let mut place = Place::new(60);
    place.built(&[]);
    for _ in 0..6 {
        place.edit();
    }
    let (old, new) = (shape(&place.out()), place.clean_tree());
    // The shell counts in blocks of 512 bytes. The kernel ends a process that exceeds the limit, unless it has
    // been told to return an error instead.
    for (ignore, ended_by_signal) in [("trap '' XFSZ;", false), ("", true)] {
        for blocks in [0, 1, 2, 4, 8, 64] {
            let build = place.build(&[]);
            let mut limited = Command::new("sh");
            let script = format!("{ignore} ulimit -f {blocks}; exec \"$@\"");
            limited.args(["-c", &script, "sh"]).arg(build.get_program()).args(build.get_args());
            limited.current_dir(place.root()).stdin(Stdio::null()).env("NO_COLOR", "1");
            let output = limited.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            if ended_by_signal {
                let signal = output.status.signal();
                assert_eq!(signal, Some(rustix::process::Signal::XFSZ.as_raw()), "{blocks}: {said}");
            } else {
                assert_eq!(output.status.code(), Some(1), "{blocks}: {said}");
                assert!(said.contains("error[PV0820]") || blocks == 0, "{blocks}: {said}");
            }
            assert_same(&old, &shape(&place.out()));
        }
    }
    place.repaired(&new);
}
