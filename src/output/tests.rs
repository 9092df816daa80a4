//! Builds against real directories: what a later build, a crash, another program or a second build meets.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rayon::prelude::*;

use super::{Artifact, Content, Failed, ManifestCache, Options, OutPath, Owner, Report, Scope, Transaction};
use crate::diagnostic::{Diagnostic, Diagnostics};

mod access;
mod build;
mod crash;
mod memory;
mod pages;
mod partial;
mod places;
mod random;
mod refuse;
mod shards;
mod speed;
mod whole;

/// A repository with an out/.
struct Site {
    place: tempfile::TempDir,
    options: Options,
}

impl Site {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut options = Options::new(place.path().join("out"));
        options.lock_wait = Duration::from_millis(120);
        Self { place, options }
    }

    fn out(&self, path: &str) -> PathBuf {
        self.options.out.join(path)
    }

    fn state(&self) -> PathBuf {
        self.options.state.clone().unwrap_or_else(|| self.place.path().join(".out.provc"))
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.out(path)).unwrap()
    }

    fn put(&self, path: &str, text: &str) {
        fs::create_dir_all(self.out(path).parent().unwrap()).unwrap();
        fs::write(self.out(path), text).unwrap();
    }

    fn mode(&self, path: &str) -> u32 {
        fs::symlink_metadata(self.out(path)).unwrap().mode() & 0o7777
    }

    fn build(&self, artifacts: &[Artifact]) -> Result<Report, Diagnostics> {
        build(&self.options, artifacts, &Scope::default())
    }

    fn build_with(
        &self,
        change: impl FnOnce(&mut Options),
        artifacts: &[Artifact],
    ) -> Result<Report, Diagnostics> {
        let mut options = self.options.clone();
        change(&mut options);
        build(&options, artifacts, &Scope::default())
    }

    /// Every path below the place with kind, mode, owner, time of change and content.
    fn listing(&self) -> BTreeMap<PathBuf, String> {
        listing(self.place.path())
    }
}

fn listing(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let content = if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        if meta.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        }
        let times = (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec(), meta.ino());
        found.insert(path, format!("{:o} {}:{} {times:?} {content:?}", meta.mode(), meta.uid(), meta.gid()));
    }
    found
}

/// Paths and texts of all files below a directory.
fn texts(root: &Path) -> BTreeMap<String, String> {
    let files = listing(root).into_keys().filter(|path| path.is_file());
    files
        .map(|path| {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

fn build(options: &Options, artifacts: &[Artifact], scope: &Scope) -> Result<Report, Diagnostics> {
    let one = |fault: Box<Diagnostic>| {
        let mut all = Diagnostics::default();
        all.push(*fault);
        all
    };
    // As the pipeline does: what speaks for some reads the manifest only where it has to.
    let transaction = match scope {
        Scope::Only { .. } => Transaction::begin_some(options, &ManifestCache::default()),
        _ => Transaction::begin(options),
    };
    let transaction = transaction.map_err(one)?;
    let staged: Result<Vec<_>, _> =
        artifacts.par_iter().map(|artifact| transaction.stage(artifact)).collect();
    transaction.commit(staged.map_err(one)?, scope)
}

fn device(n: usize) -> Owner {
    Owner::Device(format!("00:00:00:00:00:{n:02x}"))
}

fn file(path: &str, text: &str, owner: Owner) -> Artifact {
    let content = Content::Bytes(text.as_bytes().to_vec());
    Artifact { path: OutPath::new(path).unwrap(), content, sensitive: false, owner }
}

fn secret(path: &str, text: &str, owner: Owner) -> Artifact {
    Artifact { sensitive: true, ..file(path, text, owner) }
}

/// One file each of `n` devices.
fn many(n: usize) -> Vec<Artifact> {
    (0..n).map(|i| file(&format!("many/{i:04}.cfg"), &format!("phone {i}"), device(i))).collect()
}

fn paths(list: &[OutPath]) -> Vec<&str> {
    list.iter().map(OutPath::as_str).collect()
}

/// The only mistake of a build that failed.
fn only(result: Result<Report, Diagnostics>) -> Diagnostic {
    let problems = result.unwrap_err();
    assert_eq!(problems.iter().count(), 1, "{problems:?}");
    problems.iter().next().unwrap().clone()
}

fn skip(why: &str) {
    #[expect(clippy::print_stderr, reason = "a test that cannot run here says so")]
    {
        eprintln!("skipped: {why}");
    }
}
