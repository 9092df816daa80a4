//! Builds that end by a signal, at moments spread over all they do.
//!
//! Half of the moments are drawn from the time that such a build takes, half from the short time in which
//! names change: out of 200 ms those are two or three, which a clock alone would rarely meet. The tests count
//! at which stage builds were caught, so that they cannot pass by never catching one.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Place, Running, Shape, asked, rounds, shape};
use crate::tree::{contents, listing, skip};

/// How far a build had come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Stage {
    /// Nothing is written yet.
    Loading,
    /// Files are written aside.
    Staging,
    /// It is on record what will be written, and no name has changed.
    Recorded,
    /// Some names have changed.
    Renaming,
    /// All names have changed, and the build has not ended.
    Placed,
    /// Only the end of the process was missing, or not even that.
    Done,
}

/// At what moment a build is killed.
#[derive(Clone, Copy)]
enum Moment {
    /// After this part of the time that a build takes.
    After(f64),
    /// So many microseconds after it has recorded what it will write.
    Recorded(usize),
}

fn moment(place: &mut Place) -> Moment {
    match place.random.one_in(2) {
        true => Moment::After(place.random.below(1000) as f64 / 950.0),
        false => Moment::Recorded(place.random.below(5000)),
    }
}

#[expect(clippy::disallowed_methods, reason = "moments are drawn from the time that a build takes")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

/// Builds, and ends the build at a moment; whether it was caught.
#[track_caller]
fn interrupted(place: &Place, more: &[&str], moment: Moment, usual: Duration, signal: Signal) -> bool {
    let mut build = Running::start(&mut place.build(more));
    match moment {
        Moment::After(part) => std::thread::sleep(usual.mul_f64(part)),
        Moment::Recorded(micros) => {
            let journal = place.state().join("journal");
            build.until(|| journal.exists());
            std::thread::sleep(Duration::from_micros(micros as u64));
        }
    }
    build.send(signal);
    build.ended_by(signal)
}

fn stage(place: &Place, old: &Shape, new: &Shape) -> Stage {
    let files = |tree: &Shape| -> Shape {
        let files = tree
            .iter()
            .filter(|(name, entry)| entry.0 & 0o170_000 == 0o100_000 && !name.contains(".provc-tmp-"));
        files.map(|(name, entry)| (name.clone(), entry.clone())).collect()
    };
    let (found, old, new) = (files(&shape(&place.out())), files(old), files(new));
    let state = place.state();
    match (state.join("journal").exists(), found == new, found == old) {
        (false, true, false) => Stage::Done,
        (true, true, false) => Stage::Placed,
        (true, _, true) => Stage::Recorded,
        (_, _, false) => Stage::Renaming,
        (false, _, true) => {
            let aside = !contents(&state.join("staging")).is_empty()
                || listing(&place.out()).keys().any(|name| name.contains(".provc-tmp-"));
            if aside { Stage::Staging } else { Stage::Loading }
        }
    }
}

/// Rounds of: edit, kill, look, and now and then again before a build is let through.
fn kill_at_random(place: &mut Place, count: usize, signals: &[Signal]) -> BTreeMap<Stage, usize> {
    let mut stages = BTreeMap::new();
    let (clean, usual) = timed(|| place.clean_tree());
    place.built(&[]);
    let mut old = clean;
    let mut round = 0;
    // However the dice fall, some are met before names change, and some while they do.
    while round < count || (!spread(&stages) && round < 20 * count) {
        round += 1;
        let mut versions = vec![old];
        let before = place.fleet.clone();
        let kills = if place.random.one_in(4) { 2 } else { 1 };
        for _ in 0..kills {
            place.edit();
            versions.push(place.clean_tree());
            let signal = *place.random.pick(signals);
            let durable: &[&str] = if place.random.one_in(4) { &["--durable"] } else { &[] };
            let moment = moment(place);
            let caught = interrupted(place, durable, moment, usual, signal);
            let (old, new) = (&versions[versions.len() - 2], &versions[versions.len() - 1]);
            let reached = stage(place, old, new);
            if caught && kills == 1 {
                *stages.entry(reached).or_default() += 1;
            }
            place.is_between(&versions);
            if !caught {
                assert_eq!(reached, if old == new { reached } else { Stage::Done });
            }
        }
        let mut clean = versions.pop().unwrap_or_default();
        if place.random.one_in(4) {
            // The edits are taken back: the inputs are what they were for the build that ended well.
            place.fleet = before;
            place.fleet.write(place.root());
            clean = versions.swap_remove(0);
        }
        if place.random.one_in(4) {
            // Looking changes nothing, and tells what the build then does.
            let before = shape(place.root());
            let would = place.built_json(&["--dry-run"]);
            crate::tree::assert_same(&before, &shape(place.root()));
            let does = place.built_json(&[]);
            assert_eq!(would["files"], does["files"]);
        }
        place.repaired(&clean);
        old = clean;
    }
    stages
}

fn spread(stages: &BTreeMap<Stage, usize>) -> bool {
    stages.contains_key(&Stage::Renaming) && stages.keys().any(|stage| *stage < Stage::Renaming)
}

#[expect(clippy::print_stderr, reason = "whoever asks for more rounds wants to see where they fell")]
fn report(stages: &BTreeMap<Stage, usize>) {
    assert!(spread(stages), "builds were caught at {stages:?}");
    if asked("PROVC_FAULTS").is_some() {
        eprintln!("builds were caught at {stages:?}");
    }
}

#[test]
fn killed_at_any_moment_a_build_leaves_old_or_new_files_and_the_next_one_repairs() {
    let mut place = Place::new(200);
    let count = rounds(14);
    let stages = kill_at_random(&mut place, count, &[Signal::KILL]);
    report(&stages);
}

#[test]
fn killed_with_the_state_on_another_file_system_likewise() {
    let mut place = Place::new(120);
    let Some(other) = other_file_system(place.root()) else {
        return skip("killed_with_the_state_on_another_file_system", "/dev/shm is no other file system");
    };
    place.apart = Some(other.path().join("state"));
    let count = rounds(7);
    let stages = kill_at_random(&mut place, count, &[Signal::KILL]);
    report(&stages);
}

pub fn other_file_system(place: &Path) -> Option<tempfile::TempDir> {
    use std::os::unix::fs::MetadataExt;
    let other = tempfile::Builder::new().prefix("provc-test").tempdir_in("/dev/shm").ok()?;
    let device = |path: &Path| path.metadata().ok().map(|found| found.dev());
    (device(other.path()) != device(place)).then_some(other)
}

/// Those of the signals that end a program started from here: what a process ignores, as a shell makes those in its
/// background ignore SIGINT, and `nohup` all it runs SIGHUP, its children ignore too.
fn heeded(signals: &[Signal]) -> Vec<Signal> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap();
    let heeded = signals.iter().copied().filter(|signal| ignored & 1 << (signal.as_raw() - 1) == 0);
    let heeded: Vec<Signal> = heeded.collect();
    assert!(heeded.contains(&Signal::TERM));
    heeded
}

#[test]
fn ended_by_a_signal_a_build_dies_of_it_and_leaves_what_a_kill_leaves() {
    let mut place = Place::new(60);
    let count = rounds(7);
    let signals = heeded(&[Signal::TERM, Signal::INT, Signal::HUP]);
    kill_at_random(&mut place, count, &signals);
    // Before it has done anything, and as the shell sees it.
    for signal in signals {
        let old = shape(&place.out());
        place.fleet.edit_all(&mut place.random);
        place.fleet.write(place.root());
        let mut build = Running::start(&mut place.build(&[]));
        build.send(signal);
        assert_eq!(build.end().signal(), Some(signal.as_raw()));
        assert_eq!(shape(&place.out()), old);
        let clean = place.clean_tree();
        place.repaired(&clean);
    }
}

#[test]
fn a_first_build_that_is_killed_owns_what_it_wrote() {
    let mut place = Place::new(60);
    let (mut clean, usual) = timed(|| place.clean_tree());
    let mut partly = 0;
    let count = rounds(5);
    let mut round = 0;
    while round < count || (partly == 0 && round < 20 * count) {
        round += 1;
        for made in ["out", ".out.provc"] {
            let _ = std::fs::remove_dir_all(place.root().join(made));
        }
        // A directory that is not there comes whole; where it is, its files come one by one.
        if round % 2 == 1 {
            std::fs::create_dir_all(place.out().join("Digium")).unwrap();
        }
        let old = if place.out().exists() { shape(&place.out()) } else { Shape::new() };
        let moment = moment(&mut place);
        interrupted(&place, &[], moment, usual, Signal::KILL);
        let new = place.is_between(&[old, clean.clone()]);
        partly += usize::from(new > 0 && shape(&place.out()) != clean);
        // Other content than the killed build had: nothing counts as somebody else's.
        place.fleet.edit_all(&mut place.random);
        place.fleet.write(place.root());
        clean = place.clean_tree();
        place.repaired(&clean);
    }
    assert!(partly > 0, "no build was caught at work");
}
