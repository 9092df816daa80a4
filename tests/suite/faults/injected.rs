//! The last call, or the one that fails: every system call by which a build changes something is once the
//! moment of a kill, and once the place of an error.
//!
//! The random kills next door find what nobody thought of; here nothing is left to chance. Two inventories are
//! built in turn into one out/, so that each build has files to make, to replace and to remove, and directories
//! that come and go.

use std::cell::Cell;

use super::traced::{CHANGING, Call, at_call, calls, can_trace, killed_at};
use super::{Place, Shape, rounds, shape};
use crate::support::run;
use crate::tree::assert_same;

/// Two inventories and what is to be in out/.
struct Turns {
    place: Place,
    fleets: [super::Fleet; 2],
    clean: [Shape; 2],
    /// The calls of the build to the one and to the other.
    calls: [Vec<Call>; 2],
    /// What the last complete build made.
    at: usize,
}

impl Turns {
    fn new(more: &[&str]) -> Self {
        let mut place = Place::new(8);
        let first = place.fleet.clone();
        for _ in 0..8 {
            place.fleet.edit(&mut place.random);
        }
        let second = place.fleet.clone();
        let mut turns = Self {
            place,
            fleets: [first, second],
            clean: [Shape::new(), Shape::new()],
            calls: [Vec::new(), Vec::new()],
            at: 0,
        };
        for to in [0, 1] {
            turns.turn(to);
            turns.clean[to] = turns.place.clean_tree();
        }
        // The state has its usual length only after some builds.
        for to in [0, 1, 0, 1] {
            turns.turn(to);
            turns.calls[to] = calls(&turns.place, CHANGING, more).into_iter().filter(Call::changes).collect();
            turns.place.repaired(&turns.clean[to]);
            turns.at = to;
        }
        turns
    }

    fn turn(&mut self, to: usize) {
        self.place.fleet = self.fleets[to].clone();
        self.place.fleet.write(self.place.root());
    }

    /// Some of the calls of both builds, evenly over each, by turns.
    fn some(&self, count: usize) -> Vec<(usize, Call)> {
        let [first, second] = [0, 1].map(|to| {
            let all = &self.calls[to];
            let count = (count / 2).min(all.len());
            (0..count).map(move |n| (to, all[n * all.len() / count].clone()))
        });
        first.zip(second).flat_map(|(one, other)| [one, other]).collect()
    }

    /// Makes `work` with the build to `to`, from the other.
    fn at_each(&mut self, count: usize, work: impl Fn(&Place, &Call, &[Shape])) {
        for (to, call) in self.some(count) {
            self.turn(1 - to);
            self.place.repaired(&self.clean[1 - to]);
            self.turn(to);
            work(&self.place, &call, &[self.clean[1 - to].clone(), self.clean[to].clone()]);
            // The edit is taken back, or not: what the state says of the inputs is no excuse.
            let wanted = if call.number % 3 == 0 { 1 - to } else { to };
            self.turn(wanted);
            self.place.repaired(&self.clean[wanted]);
        }
    }
}

#[test]
fn killed_at_any_call_a_build_can_be_repaired() {
    if !can_trace("killed_at_any_call_a_build_can_be_repaired") {
        return;
    }
    for (more, share) in [(&[][..], 3), (&["--durable"][..], 1)] {
        let mut turns = Turns::new(more);
        let names: std::collections::BTreeSet<_> = turns.calls[1].iter().map(|call| &*call.name).collect();
        for name in ["openat", "write", "renameat", "unlinkat", "rename", "unlink", "mkdirat"] {
            assert!(names.contains(name), "{name}: {names:?}");
        }
        let (killed, all) = (Cell::new(0), rounds(share * 8));
        turns.at_each(all, |place, call, versions| {
            // What the state holds varies, and with it how many calls there are.
            if killed_at(place, call, more) {
                killed.set(killed.get() + 1);
                place.is_between(versions);
            } else {
                assert_same(&versions[1], &shape(&place.out()));
            }
        });
        let (killed, all) = (killed.get(), turns.some(all).len());
        assert!(killed * 4 >= all * 3, "only {killed} of {all} builds were killed");
    }
}

#[test]
fn an_error_at_any_call_is_told_and_the_next_build_repairs() {
    if !can_trace("an_error_at_any_call_is_told_and_the_next_build_repairs") {
        return;
    }
    let mut turns = Turns::new(&[]);
    for (error, code) in [("ENOSPC", "PV0820"), ("EIO", "PV0825")] {
        turns.at_each(rounds(14), |place, call, versions| {
            let output = run(&mut at_call(place, call, &format!("error={error}"), &[]));
            match output.status {
                // What was only tidying up need not succeed.
                0 => assert_same(&versions[1], &shape(&place.out())),
                1 => {
                    // Threads are counted apart: the main thread's first writes are those that tell the error.
                    let untold = call.name == "write" && call.number <= 3;
                    // A file may be opened to be read, where that number was another's: any code then.
                    let code = if call.name == "openat" { "PV0" } else { code };
                    let told = output.stderr.contains(&format!("error[{code}"));
                    assert!(told || untold, "{call:?}: {}", output.stderr);
                    if output.stderr.contains("already placed or removed") {
                        assert!(!output.stderr.contains("nothing in"), "{}", output.stderr);
                        place.is_between(versions);
                    } else {
                        assert_same(&versions[0], &shape(&place.out()));
                    }
                }
                status => panic!("{status} at {call:?}: {}", output.stderr),
            }
        });
    }
}
