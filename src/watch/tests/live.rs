//! The real watcher over a real directory. Nothing is timed: what must come is waited for, what must not is
//! looked for after something else came.

use super::*;

const LONG: Duration = Duration::from_secs(60);

struct Live {
    place: Place,
    watching: Watching,
}

impl Live {
    fn new(entries: &[&str]) -> Self {
        let place = Place::new(entries);
        let mut watching = Watching::new(place.root(), None);
        assert_eq!(watching.take_problem(), None);
        assert!(watching.set(1, place.subject.clone()));
        assert!(!watching.set(1, place.subject.clone()), "the same again is nothing new");
        Self { place, watching }
    }

    /// What changed, gathered until it includes a path; the hints of the batches.
    #[track_caller]
    fn until(&mut self, path: &str) -> Vec<Hint> {
        let mut hints = Vec::new();
        loop {
            match self.watching.wait(Some(LONG)) {
                Wake::Changed(mut changes) => {
                    let change = changes.remove(&1).unwrap();
                    hints.push(change.hint);
                    if change.paths.contains(Path::new(path)) {
                        return hints;
                    }
                }
                other => panic!("{other:?} instead of a change of {path}; before {hints:?}"),
            }
        }
    }
}

impl Live {
    /// That an edit of this file is told as just that, once all that was before has been told.
    #[track_caller]
    fn settles(&mut self, path: &str) {
        for _ in 0..50 {
            self.place.make(path);
            if self.until(path).last() == Some(&files(&[path])) {
                return;
            }
        }
        panic!("{path} is never told alone");
    }
}

fn files(names: &[&str]) -> Hint {
    Hint::Files(names.iter().map(PathBuf::from).collect())
}

#[test]
fn an_edit_is_told_with_its_file() {
    let mut live = Live::new(&["inventory/a.yaml", "inventory/sub/b.yaml", "keys/admin"]);
    live.place.make("inventory/sub/b.yaml");
    assert_eq!(live.until("inventory/sub/b.yaml"), [files(&["inventory/sub/b.yaml"])]);
    live.place.make("keys/admin");
    assert_eq!(live.until("keys/admin"), [Hint::Unknown]);
    fs::write(live.place.path("inventory/.t"), "").unwrap();
    fs::rename(live.place.path("inventory/.t"), live.place.path("inventory/a.yaml")).unwrap();
    assert_eq!(live.until("inventory/a.yaml"), [files(&["inventory/a.yaml"])]);
}

#[test]
fn a_directory_that_comes_back_is_watched_again() {
    let mut live = Live::new(&["inventory/a.yaml", "inventory/sub/deep/b.yaml"]);
    for _ in 0..5 {
        // In one batch or in several: the directory of the same name is another one.
        fs::remove_dir_all(live.place.path("inventory/sub")).unwrap();
        live.place.make("inventory/sub/deep/b.yaml");
        live.until("inventory/sub");
        live.settles("inventory/sub/deep/b.yaml");
    }
}

#[test]
fn a_root_that_is_moved_away_and_back_is_watched_again() {
    let mut live = Live::new(&["inventory/a.yaml"]);
    fs::rename(live.place.path("inventory"), live.place.path("aside")).unwrap();
    assert_eq!(live.until("inventory"), [Hint::Unknown]);
    live.place.make("aside/a.yaml");
    fs::rename(live.place.path("aside"), live.place.path("inventory")).unwrap();
    live.until("inventory");
    live.settles("inventory/a.yaml");
}

#[test]
fn files_in_a_directory_that_appears_are_not_missed() {
    let mut live = Live::new(&["inventory/a.yaml"]);
    live.place.make("inventory/x/y/z/b.yaml");
    live.until("inventory/x");
    live.settles("inventory/x/y/z/b.yaml");
}

#[test]
fn the_watch_ends_when_asked() {
    let mut live = Live::new(&["inventory/a.yaml"]);
    let stopper = live.watching.stopper();
    std::thread::spawn(move || stopper.stop());
    assert_eq!(live.watching.wait(Some(LONG)), Wake::Stop);
    assert_eq!(live.watching.wait(Some(Duration::ZERO)), Wake::Idle);
}

#[test]
fn polling_asks_the_caller_to_look() {
    let place = Place::new(&["inventory/a.yaml"]);
    let mut watching = Watching::new(place.root(), Some(ms(1)));
    assert!(!watching.set(1, place.subject.clone()));
    assert_eq!((watching.polls(), watching.wait(None)), (Some(ms(1)), Wake::Look));
}
