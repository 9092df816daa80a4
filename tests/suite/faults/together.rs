//! Several builds at once into one out/: each waits for the one before it, and the last one's tree stands.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use super::{Place, Running, Shape, rounds, shape};
use crate::tree::assert_same;

/// Three inventories that write to the first one's out/, and what each makes.
fn three() -> ([Place; 3], [Shape; 3]) {
    let first = Place::new(60);
    let other = |edits: usize| {
        let mut place = Place::new(60);
        (0..edits).for_each(|_| place.edit());
        place.fleet.edit_all(&mut place.random);
        place.fleet.write(place.root());
        place.out = first.out();
        place
    };
    let (second, third) = (other(5), other(9));
    let places = [first, second, third];
    let clean = [0, 1, 2].map(|n| places[n].clean_tree());
    assert!(clean[0] != clean[1] && clean[1] != clean[2] && clean[0] != clean[2]);
    (places, clean)
}

fn start(place: &Place) -> Running {
    Running::start(place.build(&[]).stderr(Stdio::null()))
}

#[test]
fn of_three_builds_at_once_all_are_made_and_the_last_one_stands() {
    let (places, clean) = three();
    for _ in 0..rounds(5) {
        let mut builds = [0, 1, 2].map(|n| start(&places[n]));
        for build in &mut builds {
            assert!(build.end().success());
        }
        let found = shape(&places[0].out());
        assert!(clean.contains(&found), "a mixture of several builds");
        places[0].nothing_is_left();
    }
}

#[test]
fn a_build_that_is_killed_while_others_wait_does_not_hold_them_up() {
    let (mut places, clean) = three();
    let mut old = places[2].random.below(1);
    places[old].built(&[]);
    for _ in 0..rounds(6) {
        let (killed, next) = ((old + 1) % 3, (old + 2) % 3);
        // It holds the lock, at some moment between its begin and its end.
        let mut holder = start(&places[killed]);
        let (lock, journal) = (places[0].state().join("lock"), places[0].state().join("journal"));
        let late = places[0].random.one_in(2);
        holder.until(|| match late {
            true => journal.exists(),
            false => lock.metadata().is_ok_and(|found| found.len() > 0),
        });
        holder.send(Signal::STOP);
        let mut waiting = start(&places[next]);
        // Long enough for it to meet the lock; nothing depends on whether it does.
        std::thread::sleep(Duration::from_millis(150));
        holder.send(Signal::KILL);
        holder.end();
        assert!(waiting.end().success());
        assert_same(&clean[next], &shape(&places[0].out()));
        places[0].nothing_is_left();
        old = next;
    }
}
