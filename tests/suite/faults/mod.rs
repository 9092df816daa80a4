//! Crashes and faults, made from outside against the real binary: builds that are killed at any moment, disks
//! that are full, directories that may not be written, state that is damaged, builds that meet each other.
//!
//! What all of them hold to: each file in out/ is, in full, one that a build has planned; nothing else lies
//! there; and the next build gives what a clean build gives.
//!
//! `PROVC_FAULTS=N` makes N times as many rounds as CI does, `PROVC_SEED=N` other ones.

mod disk;
mod durable;
mod fleet;
mod injected;
mod killed;
mod places;
mod reader;
mod state;
mod together;
mod traced;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use self::fleet::{Fleet, Random};
use super::support::{Output, Repository, command, run};
use super::tree::{self, listing};

/// A number from the environment.
#[expect(clippy::disallowed_methods, reason = "whoever looks for a rare fault asks for more rounds")]
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// How many rounds are made of something of which CI makes so many.
fn rounds(usual: usize) -> usize {
    usual * asked("PROVC_FAULTS").map_or(1, |times| times as usize)
}

/// The random numbers of a test; a test that fails tells the seed.
fn random() -> (Random, Told) {
    let seed = asked("PROVC_SEED").unwrap_or(3);
    (Random::new(seed), Told(seed))
}

/// Tells the seed of a test that fails.
struct Told(u64);

impl Drop for Told {
    #[expect(clippy::print_stderr, reason = "shown with what else a failed test said")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {}: PROVC_SEED={0}", self.0);
        }
    }
}

/// Mode and bytes of everything below a directory, the directory itself included.
type Shape = BTreeMap<String, (u32, Vec<u8>)>;

fn shape(root: &Path) -> Shape {
    listing(root).into_iter().map(|(name, entry)| (name, (entry.mode, entry.bytes))).collect()
}

/// What only matters while nobody is killed.
const QUIET: [&str; 3] = ["build", "--quiet", "--allow-removals"];

/// For a build after out/ was changed by hand.
const LOOK: &[&str] = &["--verify"];

/// A repository with a made inventory, and a second place where the same is built from nothing.
struct Place {
    repository: Repository,
    clean: Repository,
    out: PathBuf,
    /// Where the state is, if not beside out/.
    apart: Option<PathBuf>,
    fleet: Fleet,
    random: Random,
    _told: Told,
}

impl Place {
    fn new(phones: usize) -> Self {
        let (mut random, told) = random();
        let fleet = Fleet::new(phones, &mut random);
        let repository = Repository::new(&[]);
        let place = Self {
            out: repository.path().join("out"),
            repository,
            clean: Repository::new(&[]),
            apart: None,
            fleet,
            random,
            _told: told,
        };
        place.fleet.write(place.root());
        place
    }

    fn root(&self) -> &Path {
        self.repository.path()
    }

    fn out(&self) -> PathBuf {
        self.out.clone()
    }

    fn state(&self) -> PathBuf {
        self.apart.clone().unwrap_or_else(|| self.out.with_file_name(".out.provc"))
    }

    /// Changes the inventory.
    fn edit(&mut self) {
        self.fleet.edit(&mut self.random);
        self.fleet.write(self.root());
    }

    fn build(&self, more: &[&str]) -> Command {
        let mut build = command(self.root(), &QUIET);
        build.args(more).arg("--out").arg(&self.out).stdout(Stdio::null());
        if let Some(state) = &self.apart {
            build.arg("--state").arg(state);
        }
        build
    }

    #[track_caller]
    fn built(&self, more: &[&str]) -> Output {
        run(&mut self.build(more)).expect(0)
    }

    /// The same with its result.
    #[track_caller]
    fn built_json(&self, more: &[&str]) -> serde_json::Value {
        let mut build = self.build(more);
        run(build.args(["--format", "json"]).stdout(Stdio::piped())).expect(0).json()
    }

    /// What a build from nothing makes of the inventory as it is.
    fn clean_tree(&self) -> Shape {
        let root = self.clean.path();
        for made in ["out", ".out.provc"] {
            let _ = fs::remove_dir_all(root.join(made));
        }
        self.fleet.write(root);
        run(&mut command(root, &QUIET)).expect(0);
        shape(&root.join("out"))
    }

    /// Builds, and expects what a clean build makes, without leftovers.
    #[track_caller]
    fn repaired(&self, clean: &Shape) {
        let said = self.built(&[]).stderr;
        tree::assert_same(clean, &shape(&self.out()));
        assert!(!said.contains("warning"), "{said}");
        self.nothing_is_left();
    }

    #[track_caller]
    fn nothing_is_left(&self) {
        let left = listing(&self.state()).into_keys().filter(|name| {
            ["journal", "temporaries-in-out"].contains(&&**name)
                || name.ends_with(".new")
                || name.starts_with("staging/")
        });
        assert_eq!(left.collect::<Vec<_>>(), Vec::<String>::new());
    }

    /// Each file is one of these versions in full; those that all versions have are there; there is nothing
    /// else. Returns how many files there are that the first version did not have so.
    #[track_caller]
    fn is_between(&self, versions: &[Shape]) -> usize {
        let found = shape(&self.out());
        let mut new = 0;
        for (name, (mode, bytes)) in &found {
            if mode & 0o170_000 == 0o040_000 {
                continue;
            }
            let base = name.rsplit('/').next().unwrap_or_default();
            if base.starts_with(".provc-tmp-") {
                assert!(self.apart.is_some(), "{name} is a temporary file in out/");
                assert_eq!(mode & 0o7777, 0o600, "{name} can be read by others");
                continue;
            }
            let known = versions.iter().any(|version| version.get(name).is_some_and(|v| v.1 == *bytes));
            assert!(known, "{name} of {} bytes is no version that a build has planned", bytes.len());
            let modes = versions.iter().any(|version| version.get(name).is_some_and(|v| v.0 == *mode));
            assert!(modes, "{name} has the mode {mode:o}");
            new += usize::from(versions[0].get(name).is_none_or(|old| old.1 != *bytes));
        }
        let is_file = |entry: &(u32, Vec<u8>)| entry.0 & 0o170_000 == 0o100_000;
        for name in versions[0].keys().filter(|name| !found.contains_key(*name)) {
            let kept = versions.iter().all(|version| version.get(name).is_some_and(is_file));
            assert!(!kept, "{name} is in every version, and missing");
        }
        new
    }
}

/// Runs a test of this suite that is ignored otherwise, as root of mounts of its own, in an empty directory
/// that `script` has prepared; says so where that is not permitted.
fn with_mounts(test: &str, script: &str) {
    let place = tempfile::tempdir().unwrap();
    let unshare = |script: &str| {
        let mut unshare = Command::new("unshare");
        unshare.arg(if tree::is_root() { "-m" } else { "-Urm" }).args(["sh", "-e", "-c", script]);
        unshare.arg(std::env::current_exe().unwrap()).env("PROVC_TEST_PLACE", place.path());
        unshare.current_dir(place.path()).output().unwrap()
    };
    if !unshare("mount -t tmpfs none /mnt").status.success() {
        return tree::skip(test, "nothing can be mounted here");
    }
    let script = format!("{script}\nexec \"$0\" --exact --ignored --nocapture faults::{test}");
    let done = unshare(&script);
    let said = String::from_utf8_lossy(&done.stdout);
    let all = format!("{said}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && said.contains("1 passed"), "{all}");
}

/// The directory that [`with_mounts`] has prepared.
#[expect(clippy::disallowed_methods, reason = "the parent test tells where it mounted")]
fn prepared() -> PathBuf {
    PathBuf::from(std::env::var_os("PROVC_TEST_PLACE").unwrap())
}

/// A build at work; killed with the test that forgets it.
struct Running(Child);

impl Running {
    fn start(build: &mut Command) -> Self {
        Self(build.stdin(Stdio::null()).spawn().unwrap())
    }

    fn send(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            // One that has ended, and was waited for, is gone.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits until something is so or the build has ended.
    fn until(&mut self, what: impl Fn() -> bool) -> bool {
        loop {
            if what() {
                return true;
            }
            if self.0.try_wait().unwrap().is_some() {
                return what();
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    fn end(&mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }

    /// Whether this signal ended it; any other end is a success or a failed test.
    #[track_caller]
    fn ended_by(&mut self, signal: Signal) -> bool {
        let status = self.end();
        assert!(
            status.success() || status.signal() == Some(signal.as_raw()),
            "neither built nor killed: {status:?}"
        );
        !status.success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
