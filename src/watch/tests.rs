//! Sequences of events as editors, git and people cause them, and what they come to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{
    AccessKind, AccessMode, CreateKind, DataChange, Flag, MetadataKind, ModifyKind, RemoveKind, RenameMode,
};
use notify::{Event, EventKind};
use tempfile::TempDir;

use super::change::{Change, Sum, Touch};
use super::lookup::{look, route};
use super::plan::Plan;
use super::sign::{self, Sign};
use super::window::{BUSY, LONGEST, QUIET, REPOSITORY_QUIET, Window};
use super::*;
use crate::pipeline::{Hint, Site, Watched};

const CLOSED: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));
const CREATED: EventKind = EventKind::Create(CreateKind::File);
const WROTE: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
const FROM: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::From));
const TO: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::To));
const REMOVED: EventKind = EventKind::Remove(RemoveKind::File);
const NEW_DIRECTORY: EventKind = EventKind::Create(CreateKind::Folder);
const NO_DIRECTORY: EventKind = EventKind::Remove(RemoveKind::Folder);
const MODE: EventKind = EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any));
const OPENED: EventKind = EventKind::Access(AccessKind::Open(AccessMode::Any));

/// A repository, its plan, and what a batch of events means there.
struct Place {
    directory: TempDir,
    plan: Plan,
    subject: Subject,
}

impl Place {
    /// With these files; directories end with a slash, links are written `name -> target`.
    fn new(entries: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let site = Site {
            inventory: vec!["inventory".into()],
            plugins: vec!["plugins".into()],
            statics: Some("static".into()),
            ..Site::default()
        };
        let watched = Watched { files: BTreeSet::from(["keys/admin".into()]), ..Watched::default() };
        let subject = Subject::of_site(&site, &watched, vec!["out".into(), ".out.provc".into()]);
        let mut place = Self { directory, plan: Plan::default(), subject };
        entries.iter().for_each(|entry| place.make(entry));
        place.plan();
        place
    }

    fn make(&self, entry: &str) {
        let (name, target) = entry.split_once(" -> ").unwrap_or((entry, ""));
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match (entry.ends_with('/'), target) {
            (true, _) => fs::create_dir_all(path).unwrap(),
            (false, "") => fs::write(path, "").unwrap(),
            (false, target) => std::os::unix::fs::symlink(target, path).unwrap(),
        }
    }

    fn root(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn plan(&mut self) {
        self.plan = Plan::make(&self.subject, &self.root());
    }

    fn watched(&self) -> Vec<String> {
        let root = self.root();
        let below = self.plan.watched.iter().filter_map(|path| path.strip_prefix(&root).ok());
        below.map(|path| path.display().to_string()).collect()
    }

    /// What the events come to, with the disk as it is now.
    fn sum(&self, events: &[(EventKind, &str)]) -> Sum {
        let mut touched = std::collections::BTreeMap::<PathBuf, Touch>::new();
        for (kind, name) in events {
            let event = Event::new(*kind).add_path(self.path(name));
            for (sign, path) in sign::read(&event).unwrap() {
                if self.plan.concerns(sign, path) {
                    touched.entry(path.into()).and_modify(|t| t.add(sign)).or_insert(Touch::new(sign));
                }
            }
        }
        let mut sum = Sum::default();
        for (path, touch) in touched {
            sum.add(&self.plan, &path, touch, look(&path));
        }
        sum
    }

    fn change(&self, events: &[(EventKind, &str)]) -> Option<Change> {
        self.sum(events).change()
    }

    /// That these events mean that just these inventory files may have changed.
    #[track_caller]
    fn only(&self, events: &[(EventKind, &str)], files: &[&str]) {
        let files: BTreeSet<PathBuf> = files.iter().map(PathBuf::from).collect();
        let expected = Change { paths: files.clone(), hint: Hint::Files(files) };
        assert_eq!(self.change(events), Some(expected));
    }

    /// That these events mean that everything has to be looked at; `structure`: and watched anew.
    #[track_caller]
    fn everything(&self, events: &[(EventKind, &str)], structure: bool) {
        let sum = self.sum(events);
        assert_eq!(sum.structure, structure, "{sum:?}");
        assert_eq!(sum.change().unwrap().hint, Hint::Unknown);
    }
}

#[test]
fn a_file_written_in_place_is_that_file() {
    let place = Place::new(&["inventory/a.yaml", "inventory/sub/b.yml"]);
    place.only(
        &[(OPENED, "inventory/a.yaml"), (WROTE, "inventory/a.yaml"), (CLOSED, "inventory/a.yaml")],
        &["inventory/a.yaml"],
    );
    let two = [(CLOSED, "inventory/a.yaml"), (MODE, "inventory/sub/b.yml")];
    place.only(&two, &["inventory/a.yaml", "inventory/sub/b.yml"]);
}

#[test]
fn a_file_replaced_by_vim_is_that_file() {
    let place = Place::new(&["inventory/a.yaml"]);
    let events = [
        (CREATED, "inventory/.a.yaml.swp"),
        (WROTE, "inventory/.a.yaml.swp"),
        (CREATED, "inventory/4913"),
        (CLOSED, "inventory/4913"),
        (REMOVED, "inventory/4913"),
        (FROM, "inventory/a.yaml"),
        (TO, "inventory/a.yaml~"),
        (CREATED, "inventory/a.yaml"),
        (WROTE, "inventory/a.yaml"),
        (CLOSED, "inventory/a.yaml"),
        (MODE, "inventory/a.yaml"),
        (REMOVED, "inventory/a.yaml~"),
        (REMOVED, "inventory/.a.yaml.swp"),
    ];
    place.only(&events, &["inventory/a.yaml"]);
}

#[test]
fn a_file_replaced_by_sed_or_emacs_is_that_file() {
    let place = Place::new(&["inventory/a.yaml", "inventory/a.yaml~"]);
    let sed = [
        (CREATED, "inventory/sedXq3Kd1"),
        (WROTE, "inventory/sedXq3Kd1"),
        (CLOSED, "inventory/sedXq3Kd1"),
        (FROM, "inventory/sedXq3Kd1"),
        (TO, "inventory/a.yaml"),
    ];
    place.only(&sed, &["inventory/a.yaml"]);
    let emacs = [
        (CREATED, "inventory/.#a.yaml"),
        (CREATED, "inventory/#a.yaml#"),
        (CLOSED, "inventory/#a.yaml#"),
        (FROM, "inventory/a.yaml"),
        (TO, "inventory/a.yaml~"),
        (CREATED, "inventory/a.yaml"),
        (CLOSED, "inventory/a.yaml"),
        (REMOVED, "inventory/#a.yaml#"),
        (REMOVED, "inventory/.#a.yaml"),
    ];
    place.only(&emacs, &["inventory/a.yaml"]);
    assert_eq!(place.change(emacs.get(..3).unwrap()), None, "an unsaved text is nothing");
}

#[test]
fn new_and_removed_files_are_those_files() {
    let place = Place::new(&["inventory/a.yaml", "inventory/new.yaml"]);
    place.only(&[(CREATED, "inventory/new.yaml"), (CLOSED, "inventory/new.yaml")], &["inventory/new.yaml"]);
    place.only(&[(REMOVED, "inventory/b.yaml")], &["inventory/b.yaml"]);
    place.only(
        &[(FROM, "inventory/b.yaml"), (TO, "inventory/a.yaml")],
        &["inventory/a.yaml", "inventory/b.yaml"],
    );
}

#[test]
fn reading_and_strangers_are_nothing() {
    let place = Place::new(&["inventory/a.yaml", "inventory/.git/x", "out/a.yaml", "other/a.yaml"]);
    for events in [
        (OPENED, "inventory/a.yaml"),
        (EventKind::Access(AccessKind::Close(AccessMode::Read)), "inventory/a.yaml"),
        (CLOSED, "inventory/.git/x"),
        (CLOSED, "out/a.yaml"),
        (TO, "out"),
        (NEW_DIRECTORY, ".out.provc"),
        (CLOSED, "other/a.yaml"),
        (CLOSED, "README"),
    ] {
        assert_eq!(place.change(&[events]), None, "{events:?}");
    }
}

#[test]
fn directories_that_come_and_go_are_everything() {
    let place = Place::new(&["inventory/a.yaml", "inventory/old/b.yaml", "inventory/new.yaml/c.yaml"]);
    place.everything(&[(NEW_DIRECTORY, "inventory/new.yaml")], true);
    fs::rename(place.path("inventory/old"), place.path("inventory/newer")).unwrap();
    place.everything(&[(FROM, "inventory/old")], true);
    place.everything(&[(TO, "inventory/newer")], true);
    place.everything(&[(NO_DIRECTORY, "inventory/old"), (CLOSED, "inventory/a.yaml")], true);
    place.everything(&[(REMOVED, "inventory")], true);
}

#[test]
fn other_trees_and_secrets_are_everything_but_need_no_new_plan() {
    let place = Place::new(&["inventory/pin.txt", "plugins/p/t.tera", "static/.hidden", "keys/admin"]);
    for name in ["inventory/pin.txt", "plugins/p/t.tera", "static/.hidden", "keys/admin"] {
        place.everything(&[(CLOSED, name)], false);
    }
    place.everything(&[(TO, "keys/admin")], true);
    assert_eq!(place.change(&[(CLOSED, "keys/other")]), None);
}

#[test]
fn what_is_not_there_is_waited_for_above() {
    let mut place = Place::new(&["inventory/"]);
    assert_eq!(place.watched(), ["", "inventory"]);
    place.everything(&[(NEW_DIRECTORY, "plugins")], true);
    place.everything(&[(NEW_DIRECTORY, "keys")], true);
    place.make("keys/");
    place.plan();
    assert_eq!(place.watched(), ["", "inventory", "keys"]);
    fs::remove_dir(place.path("inventory")).unwrap();
    place.plan();
    place.everything(&[(NEW_DIRECTORY, "inventory")], true);
}

#[test]
fn links_are_watched_where_they_lead() {
    let place = Place::new(&[
        "data/v1/a.yaml",
        "data/v1/sub/b.yaml",
        "data/current -> v1",
        "inventory/a.yaml -> ../data/current/a.yaml",
        "inventory/sub -> ../data/current/sub",
        "inventory/back -> ..",
        "inventory/nowhere -> gone",
    ]);
    // The link that is exchanged, the file behind it, and one in the directory behind another.
    place.everything(&[(TO, "data/current")], true);
    place.everything(&[(CLOSED, "data/v1/a.yaml")], false);
    place.everything(&[(CREATED, "inventory/gone")], true);
    place.everything(&[(CREATED, "inventory/a.yaml")], true);
    // It is `inventory/sub/b.yaml`, and the way round by `back` another spelling: neither may be relied on.
    assert_eq!(place.change(&[(CLOSED, "data/v1/sub/b.yaml")]).unwrap().hint, Hint::Unknown);
}

#[test]
fn a_file_behind_one_link_is_spelled_as_the_pipeline_spells_it() {
    let place =
        Place::new(&["real/a.yaml", "inventory -> real", "elsewhere/b.yaml", "real/more -> ../elsewhere"]);
    place.only(
        &[(CLOSED, "real/a.yaml"), (CLOSED, "elsewhere/b.yaml")],
        &["inventory/a.yaml", "inventory/more/b.yaml"],
    );
}

#[test]
fn two_ways_to_one_directory_are_never_relied_on() {
    let mut place = Place::new(&["inventory/sub/a.yaml"]);
    place.subject.trees.push(Tree { root: "inventory/sub".into(), kind: Kind::Inventory });
    place.plan();
    place.everything(&[(CLOSED, "inventory/sub/a.yaml")], false);
}

#[test]
fn out_inside_an_inventory_is_not_watched() {
    let mut place = Place::new(&["inventory/a.yaml", "out/b.yaml", ".out.provc/lock", "deep/out/b.yaml"]);
    place.subject = Subject {
        trees: vec![Tree { root: ".".into(), kind: Kind::Whole }],
        files: Vec::new(),
        ignored: vec!["out".into(), ".out.provc".into(), "deep/out".into(), "deep/none/out".into()],
    };
    place.plan();
    assert_eq!(place.watched(), ["", "deep", "inventory"]);
    assert_eq!(place.change(&[(NO_DIRECTORY, "out"), (MODE, "deep/out"), (CLOSED, "out/b.yaml")]), None);
    // But where out/ is the directory around it, the inventory counts.
    place.subject.ignored = vec![".".into()];
    place.plan();
    assert_eq!(place.watched(), ["", ".out.provc", "deep", "deep/out", "inventory", "out"]);
}

#[test]
fn lost_events_and_unknown_ones_are_told_apart_from_none() {
    assert!(sign::read(&Event::new(EventKind::Other).set_flag(Flag::Rescan)).is_err());
    assert!(sign::read(&Event::new(EventKind::Any)).is_err());
    let mut sum = Sum::default();
    sum.lose();
    assert!(sum.structure);
    assert_eq!(sum.change(), Some(Change::default()));
    assert_eq!(Sum::default().change(), None);
    let both = Event::new(EventKind::Modify(ModifyKind::Name(RenameMode::Both)));
    let both = both.add_path("a".into()).add_path("b".into());
    assert_eq!(sign::read(&both).unwrap(), [(Sign::Gone, Path::new("a")), (Sign::Came, Path::new("b"))]);
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn a_batch_ends_with_quiet_or_after_some_time() {
    let mut window = Window::default();
    assert_eq!(window.due(), None);
    window.note(Sign::Written, Path::new("a"), ms(100));
    assert_eq!(window.due(), Some(ms(100) + QUIET));
    window.note(Sign::Written, Path::new("b"), ms(120));
    assert_eq!(window.due(), Some(ms(120) + QUIET));
    assert_eq!(window.complete(false, |_| true), window.due());
    // A thousand files of a checkout, one every millisecond, and then noise without end.
    (121..5000).for_each(|at| window.note(Sign::Changed, Path::new("c"), ms(at)));
    assert_eq!(window.due(), Some(ms(100) + LONGEST));
}

#[test]
fn a_file_that_is_being_written_is_waited_for() {
    let (a, mut window) = (Path::new("a"), Window::default());
    window.note(Sign::Created, a, ms(0));
    window.note(Sign::Begun, a, ms(1));
    assert_eq!(window.complete(false, |_| true), Some(LONGEST));
    window.note(Sign::Written, a, ms(50));
    assert_eq!(window.complete(false, |_| true), Some(ms(50) + QUIET));
    window.note(Sign::Created, a, ms(60));
    assert_eq!(window.complete(false, |_| false), Some(ms(60) + QUIET), "a link, or gone");
}

#[test]
fn git_is_waited_for() {
    let mut window = Window::default();
    window.note(Sign::Written, Path::new("a"), ms(0));
    assert_eq!(window.complete(true, |_| true), Some(REPOSITORY_QUIET));
    (0..100_000).step_by(100).for_each(|at| window.note(Sign::Written, Path::new("a"), ms(at)));
    assert_eq!(window.complete(true, |_| true), Some(BUSY));
    let mut window = Window::default();
    window.note(Sign::Written, Path::new("a"), ms(0));
    window.complete(true, |_| true);
    window.note(Sign::Written, Path::new("b"), ms(2_000));
    assert_eq!(window.complete(false, |_| true), Some(ms(2_000) + QUIET), "it was at work until now");
    let mut place = Place::new(&["inventory/a.yaml", ".git/HEAD"]);
    place.plan();
    assert!(!place.plan.repository_is_busy());
    place.make(".git/index.lock");
    assert!(place.plan.repository_is_busy());
    // A linked work tree.
    fs::remove_dir_all(place.path(".git")).unwrap();
    fs::write(place.path(".git"), "gitdir: elsewhere/worktrees/x\n").unwrap();
    place.plan();
    assert!(!place.plan.repository_is_busy());
    place.make("elsewhere/worktrees/x/index.lock");
    assert!(place.plan.repository_is_busy());
}

#[test]
fn a_route_names_each_directory_without_links() {
    let place = Place::new(&["a/b/c", "l -> a/b", "a/up -> ../l", "round -> round"]);
    let names = |path: &str| -> Vec<String> {
        let route = route(&place.root(), Path::new(path));
        let steps = route.steps.iter().map(|(directory, name)| directory.join(name));
        let below = steps.map(|path| path.strip_prefix(place.root()).unwrap().display().to_string());
        below
            .chain(route.end.map(|end| format!("={}", end.strip_prefix(place.root()).unwrap().display())))
            .collect()
    };
    assert_eq!(names("./a/../l/c"), ["a", "l", "a", "a/b", "a/b/c", "=a/b/c"]);
    assert_eq!(names("a/up"), ["a", "a/up", "l", "a", "a/b", "=a/b"]);
    assert_eq!(names("a/none/more"), ["a", "a/none"]);
    assert_eq!(names("round/x").len(), 41);
}

mod live;
