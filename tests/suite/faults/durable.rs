//! `--durable` waits for the disk once before names change and once at the end, however many phones there are.

use super::Place;
use super::traced::{Call, calls, can_trace};

const SYNCS: [&str; 6] = ["fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "msync"];
const TRACED: &str =
    "fsync,fdatasync,sync,syncfs,sync_file_range,msync,rename,renameat,renameat2,unlink,unlinkat,openat";

/// What matters of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Sync,
    /// A name in out/ changes.
    Name,
    /// It is on record what will be written.
    Recorded,
    /// The list of files is replaced.
    Listed,
    /// The record goes.
    Ended,
}

fn step(call: &Call) -> Option<Step> {
    let about = &call.arguments;
    match &*call.name {
        name if SYNCS.contains(&name) => Some(Step::Sync),
        "openat" if about.contains("O_SYNC") || about.contains("O_DSYNC") => Some(Step::Sync),
        "openat" => None,
        "unlink" | "unlinkat" if about.contains("journal") => Some(Step::Ended),
        "unlinkat" if about.contains("Digium") || about.contains("000fd3") => Some(Step::Name),
        "unlink" | "unlinkat" => None,
        _ if about.contains("journal") => Some(Step::Recorded),
        _ if about.contains("manifest") => Some(Step::Listed),
        _ if about.contains(".new\"") => None,
        _ => Some(Step::Name),
    }
}

/// The steps of a build, equal neighbours once but for syncs.
fn steps(place: &Place, more: &[&str]) -> Vec<Step> {
    let mut steps: Vec<_> =
        calls(place, TRACED, more).iter().filter(|call| !call.failed).filter_map(step).collect();
    steps.dedup_by(|one, other| one == other && *one != Step::Sync);
    steps
}

#[test]
fn durable_syncs_once_before_names_change_and_once_at_the_end() {
    if !can_trace("durable_syncs_once_before_names_change_and_once_at_the_end") {
        return;
    }
    use Step::{Ended, Listed, Name, Recorded, Sync};
    for phones in [10, 300] {
        let mut place = Place::new(phones);
        let durable = vec![Recorded, Sync, Name, Listed, Sync, Ended];
        let usual = vec![Recorded, Name, Listed, Ended];
        assert_eq!(steps(&place, &["--durable"]), durable, "the first build of {phones}");
        for _ in 0..2 {
            place.fleet.edit_all(&mut place.random);
            place.fleet.write(place.root());
            assert_eq!(steps(&place, &["--durable"]), durable, "a change to {phones}");
            // Nothing to do is nothing to wait for.
            let idle = steps(&place, &["--durable"]);
            assert!(!idle.contains(&Sync) && !idle.contains(&Name), "no change to {phones}: {idle:?}");
            place.fleet.edit_all(&mut place.random);
            place.fleet.write(place.root());
            assert_eq!(steps(&place, &[]), usual, "not durable");
        }
    }
}

#[test]
fn durable_with_the_state_on_another_file_system_syncs_both() {
    let test = "durable_with_the_state_on_another_file_system_syncs_both";
    let mut counts = Vec::new();
    for phones in [10, 100] {
        let mut place = Place::new(phones);
        let Some(other) = super::killed::other_file_system(place.root()) else {
            return crate::tree::skip(test, "/dev/shm is no other file system");
        };
        if !can_trace(test) {
            return;
        }
        place.apart = Some(other.path().join("state"));
        let steps = steps(&place, &["--durable"]);
        let name = steps.iter().position(|step| *step == Step::Name).unwrap();
        let (before, after) = steps.split_at(name);
        counts.push([before, after].map(|part| part.iter().filter(|step| **step == Step::Sync).count()));
    }
    assert_eq!(counts, [[2, 2], [2, 2]]);
}
