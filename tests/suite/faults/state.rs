//! State that is damaged, old or gone: it costs a look at everything, and perhaps the word that files are
//! provc's own, but never a file of somebody else's and never one that is planned.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use super::{LOOK, Place, Random, Running, Shape, rounds, shape};
use crate::support::run;
use crate::tree::{assert_same, contents};

/// Files of others, in directories of provc's and of their own.
const FOREIGN: [&str; 3] = ["Digium/notes.txt", "Digium/000fd3fffff1.cfg", "mine/a.txt"];

/// What a disk, a person or a program can do to a file of the state.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Truncated,
    Flipped,
    Zeroed,
    Longer,
    Rubbish,
    Removed,
    /// As an earlier build left it.
    Older,
    /// With the content of another file of the state.
    Another,
}

const DAMAGES: [Damage; 8] = [
    Damage::Truncated,
    Damage::Flipped,
    Damage::Zeroed,
    Damage::Longer,
    Damage::Rubbish,
    Damage::Removed,
    Damage::Older,
    Damage::Another,
];

fn files(state: &Path) -> Vec<PathBuf> {
    let names = contents(state).into_keys();
    names
        .filter(|name| !name.starts_with("lock") && !name.starts_with("staging"))
        .map(|name| state.join(name))
        .collect()
}

/// Damages one file in one way; what was done, or nothing.
fn damage(state: &Path, older: &BTreeMap<String, Vec<u8>>, random: &mut Random) -> Option<String> {
    let files = files(state);
    if files.is_empty() {
        return None;
    }
    let (path, how) = (random.pick(&files), *random.pick(&DAMAGES));
    let mut bytes = fs::read(path).unwrap();
    let (length, at) = (bytes.len(), random.below(bytes.len()));
    match how {
        Damage::Truncated => bytes.truncate(at),
        Damage::Flipped => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
        Damage::Zeroed => bytes.iter_mut().skip(at).take(1 + random.below(4096)).for_each(|byte| *byte = 0),
        Damage::Longer => (0..=random.below(300)).for_each(|_| bytes.push(random.next() as u8)),
        Damage::Rubbish => bytes = (0..random.below(5000)).map(|_| random.next() as u8).collect(),
        Damage::Removed => fs::remove_file(path).unwrap(),
        Damage::Older => bytes.clone_from(older.get(path.file_name()?.to_str()?)?),
        Damage::Another => bytes = fs::read(random.pick(&files)).unwrap(),
    }
    if !matches!(how, Damage::Removed) {
        fs::write(path, &bytes).unwrap();
    }
    Some(format!("{how:?} {} of {length} bytes at {at}", path.display()))
}

/// --adopt takes over files only: what is in the way of them or of directories goes by hand.
fn give_way(place: &Place) {
    let swap = place.out().join("swap");
    let _ = if swap.is_dir() { fs::remove_dir_all(&swap) } else { fs::remove_file(&swap) };
}

/// Builds over a damaged state, and holds what comes of it against what a clean build makes.
#[track_caller]
fn holds(place: &Place, clean: &Shape, done: &[String]) {
    let before = contents(&place.out());
    let first = run(&mut place.build(LOOK));
    let said = format!("{done:?}: {}", first.stderr);
    match first.status {
        0 => {}
        1 => {
            // Somebody else's, for all that provc can know.
            let codes = ["PV0807", "PV0808", "PV0810"];
            assert!(codes.iter().any(|code| first.stderr.contains(&format!("error[{code}]"))), "{said}");
            assert_same(&before, &contents(&place.out()));
            give_way(place);
            place.built(&[LOOK, &["--adopt"]].concat());
        }
        status => panic!("{status} {said}"),
    }
    let found = shape(&place.out());
    for (name, entry) in clean.iter().filter(|(name, _)| !name.is_empty()) {
        assert_eq!(found.get(name).map(|found| &found.1), Some(&entry.1), "{name}: {said}");
    }
    for name in FOREIGN {
        assert_eq!(found.get(name).map(|found| &*found.1), Some(name.as_bytes()), "{said}");
    }
    let is_file = |name: &&String| found[*name].0 & 0o170_000 == 0o100_000;
    let surplus: Vec<_> = found.keys().filter(is_file).filter(|name| !clean.contains_key(*name)).collect();
    let stale: Vec<_> = surplus.into_iter().filter(|name| !FOREIGN.contains(&name.as_str())).collect();
    for name in &stale {
        assert_eq!(before.get(*name), Some(&found[*name].1), "{name}: {said}");
    }
    // Where no damage was noticed, there is nothing too much; a sound state of earlier cannot be noticed.
    let sound = ["Older", "Removed", "Another", "Truncated"];
    let sound = done.iter().any(|done| sound.iter().any(|how| done.starts_with(how)));
    let noticed = first.status == 1 || first.stderr.contains("warning");
    assert!(stale.is_empty() || noticed || sound, "{stale:?} {said}");
    // What was left is nobody's: taken away by hand, all is as it was.
    stale.iter().for_each(|name| fs::remove_file(place.out().join(name)).unwrap());
    assert!(!place.built(LOOK).stderr.contains("warning"), "{said}");
    place.nothing_is_left();
}

/// A built place with files in out/ that are not provc's.
fn with_foreign_files() -> Place {
    let place = Place::new(40);
    place.built(&[]);
    for name in FOREIGN {
        let path = place.out().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    place
}

#[test]
fn damage_to_any_file_of_the_state_never_removes_what_is_not_provcs() {
    let mut place = with_foreign_files();
    let mut older = contents(&place.state());
    for round in 0..rounds(12) {
        let before = contents(&place.state());
        // Now and then a build that did not end, with its journal.
        if place.random.one_in(3) {
            place.edit();
            let mut build = Running::start(&mut place.build(&[]));
            let journal = place.state().join("journal");
            build.until(|| journal.exists());
            build.send(Signal::KILL);
            build.end();
        }
        if !place.random.one_in(3) {
            place.edit();
        }
        let state = place.state();
        let count = 1 + place.random.below(2);
        let done: Vec<_> = (0..count).filter_map(|_| damage(&state, &older, &mut place.random)).collect();
        let clean = place.clean_tree();
        holds(&place, &clean, &done);
        if round % 3 == 0 {
            older = before;
        }
    }
}

#[test]
fn the_state_as_it_was_some_builds_ago() {
    let mut place = with_foreign_files();
    for _ in 0..rounds(3) {
        let state = place.state();
        let before = contents(&state);
        for _ in 0..1 + place.random.below(3) {
            place.edit();
            place.built(&[]);
        }
        place.edit();
        // As from a backup of the state alone.
        fs::remove_dir_all(&state).unwrap();
        fs::create_dir_all(state.join("staging")).unwrap();
        before.iter().for_each(|(name, bytes)| fs::write(state.join(name), bytes).unwrap());
        let clean = place.clean_tree();
        // Files that builds made in between are nobody's; they may stay without a word.
        give_way(&place);
        run(&mut place.build(&[LOOK, &["--adopt"]].concat())).expect(0);
        let found = contents(&place.out());
        for (name, (mode, bytes)) in &clean {
            assert!(mode & 0o170_000 == 0o040_000 || found.get(name) == Some(bytes), "{name}");
        }
        assert!(FOREIGN.iter().all(|name| found.get(*name).is_some_and(|bytes| bytes == name.as_bytes())));
        for name in
            found.keys().filter(|name| !clean.contains_key(*name) && !FOREIGN.contains(&name.as_str()))
        {
            fs::remove_file(place.out().join(name)).unwrap();
        }
        place.built(LOOK);
    }
}

#[test]
fn the_state_removed() {
    let mut place = Place::new(40);
    place.built(&[]);
    fs::remove_dir_all(place.state()).unwrap();
    // Nothing changed: all is taken over, and is provc's again.
    let clean = place.clean_tree();
    place.repaired(&clean);
    place.edit();
    let clean = place.clean_tree();
    place.repaired(&clean);

    // Changed meanwhile: provc cannot know whose files those are.
    fs::remove_dir_all(place.state()).unwrap();
    let before = shape(&place.out());
    place.fleet.edit_all(&mut place.random);
    place.fleet.write(place.root());
    let output = run(&mut place.build(&[])).expect(1);
    assert!(
        output.stderr.contains("error[PV0808]") && output.stderr.contains("--adopt"),
        "{}",
        output.stderr
    );
    assert_same(&before, &shape(&place.out()));
    place.built(&["--adopt"]);
    let clean = place.clean_tree();
    place.repaired(&clean);

    // Something else in its place.
    fs::remove_dir_all(place.state()).unwrap();
    fs::write(place.state(), "mine").unwrap();
    let output = run(&mut place.build(&[])).expect(1);
    assert!(output.stderr.contains("error[PV08"), "{}", output.stderr);
    assert_same(&clean, &shape(&place.out()));
}
