//! What a build read, so that the next one can tell what changed: size, times and inode of each file, and a
//! digest of its bytes for when these differ or prove nothing.
//!
//! The rule is git's (Documentation/technical/racy-git): a file changed in the same tick of the clock in
//! which it was read may change once more without its times telling, so the times of a file count only if
//! they lay well before the moment at which the build looked.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};
use walkdir::WalkDir;

/// A sha1 digest.
pub(super) type Digest = [u8; 20];

/// The coarsest clock of a file system that is still in use with local disks (FAT has 2 s).
const GRAIN: Duration = Duration::from_secs(2);

/// How many files are looked at before it pays to do so on several threads.
const MANY: usize = 512;

/// When a build began to look, in nanoseconds since 1970 less the grain of the clock.
#[derive(Clone, Copy)]
pub(super) struct Moment(i64);

impl Moment {
    /// Now.
    pub fn now() -> Self {
        #[expect(clippy::disallowed_methods, reason = "only which files are read again depends on it")]
        let now = SystemTime::now();
        let before = now.checked_sub(GRAIN).and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self(before.and_then(|time| i64::try_from(time.as_nanos()).ok()).unwrap_or(0))
    }
}

/// What `stat` says of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stat {
    size: u64,
    mtime: i64,
    ctime: i64,
    device: u64,
    inode: u64,
}

impl Stat {
    /// What it says now; nothing if there is no such file, or it cannot be looked at.
    pub fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        let time = |seconds: i64, nanoseconds: i64| {
            seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
        };
        Some(Self {
            size: found.size(),
            mtime: time(found.mtime(), found.mtime_nsec()),
            ctime: time(found.ctime(), found.ctime_nsec()),
            device: found.dev(),
            inode: found.ino(),
        })
    }

    /// What of it stays as long as there is the file, or the directory.
    pub fn identity(self) -> Self {
        Self { device: self.device, inode: self.inode, ..Self::default() }
    }

    /// What tells one program from another: its ctime also changes when somebody makes a link to it, as
    /// package managers and profilers do.
    pub fn of_program(self) -> Self {
        Self { ctime: 0, ..self }
    }

    /// The same, if it will prove that the file did not change since.
    fn settled(self, moment: Moment) -> Option<Self> {
        (self.mtime < moment.0 && self.ctime < moment.0).then_some(self)
    }
}

/// A file as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Input {
    /// Where it is.
    pub path: PathBuf,
    /// What proves that it did not change; nothing if only its bytes can.
    stat: Option<Stat>,
    /// The digest of its bytes; nothing if it could not be read, or only was looked at.
    digest: Option<Digest>,
    /// Whether there was no such file.
    absent: bool,
}

/// How a file stands against an [`Input`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is the same, and that was plain to see.
    Same,
    /// It is the same, but for what proves it: this does from now on.
    Settled(Input),
    /// It changed, or it is gone.
    Changed,
}

impl Input {
    /// A file as it is.
    pub fn look(path: &Path, moment: Moment) -> Self {
        let stat = Stat::of(path);
        let digest = fs::read(path).ok().map(|bytes| sha1(&bytes));
        Self::read(path, stat, moment, digest)
    }

    /// A file that was read after it was looked at.
    pub fn read(path: &Path, stat: Option<Stat>, moment: Moment, digest: Option<Digest>) -> Self {
        let absent = stat.is_none();
        Self { path: path.to_owned(), stat: stat.and_then(|stat| stat.settled(moment)), digest, absent }
    }

    /// A file that is too large to be read for this alone: any change of its times counts as a change.
    /// So does having been looked at in the tick of a change.
    pub fn look_only(path: &Path, moment: Moment) -> Self {
        Self::read(path, Stat::of(path), moment, None)
    }

    /// The digest of its bytes.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Whether there was no such file.
    pub fn was_absent(&self) -> bool {
        self.absent
    }

    /// Compares it with what is there now.
    pub fn standing(&self, moment: Moment) -> Standing {
        let now = Stat::of(&self.path);
        if now.is_some() && now == self.stat || now.is_none() && self.absent {
            return Standing::Same;
        }
        let (Some(stat), Some(digest)) = (now, self.digest) else { return Standing::Changed };
        match fs::read(&self.path) {
            Ok(bytes) if sha1(&bytes) == digest => {
                let again = Self::read(&self.path, Some(stat), moment, Some(digest));
                if again == *self { Standing::Same } else { Standing::Settled(again) }
            }
            _ => Standing::Changed,
        }
    }
}

/// The sha1 of some bytes.
pub(super) fn sha1(bytes: &[u8]) -> Digest {
    Sha1::digest(bytes).into()
}

/// Compares many.
pub(super) fn standings(inputs: &[&Input], moment: Moment) -> Vec<Standing> {
    match inputs.len() {
        0..MANY => inputs.iter().map(|input| input.standing(moment)).collect(),
        _ => inputs.par_iter().map(|input| input.standing(moment)).collect(),
    }
}

/// All files below a directory, sorted, links not followed. What cannot be read is reported by whoever
/// reads it in earnest; here it is merely not among them.
pub(super) fn files_below(root: &Path) -> Vec<PathBuf> {
    let walk = WalkDir::new(root).sort_by_file_name().into_iter().filter_map(Result::ok);
    walk.filter(|entry| !entry.file_type().is_dir()).map(walkdir::DirEntry::into_path).collect()
}

/// How a set of files differs from the one that was there.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Files that changed or are new, sorted.
    pub changed: Vec<PathBuf>,
    /// Files that are gone, sorted.
    pub gone: Vec<PathBuf>,
    /// Files of which only the proof changed.
    pub settled: Vec<Input>,
}

impl Changes {
    /// Whether nothing that counts changed.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.gone.is_empty()
    }

    /// Compares the files that there are with those that there were.
    pub fn between(were: &[Input], are: &[PathBuf], moment: Moment) -> Self {
        let mut known: BTreeMap<&OsStr, &Input> =
            were.iter().map(|input| (input.path.as_os_str(), input)).collect();
        let mut changes = Self::default();
        let mut both = Vec::with_capacity(were.len());
        for path in are {
            match known.remove(path.as_os_str()) {
                Some(input) => both.push(input),
                None => changes.changed.push(path.clone()),
            }
        }
        changes.gone.extend(known.into_values().map(|input| input.path.clone()));
        for (input, standing) in both.iter().zip(standings(&both, moment)) {
            match standing {
                Standing::Same => {}
                Standing::Settled(again) => changes.settled.push(again),
                Standing::Changed => changes.changed.push(input.path.clone()),
            }
        }
        changes.changed.sort();
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment before which no file of these tests was made, and one after all of them.
    const LONG_AGO: Moment = Moment(0);
    const LATER: Moment = Moment(i64::MAX);

    #[test]
    fn a_file_is_known_by_what_stat_says_or_by_its_bytes() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a");
        fs::write(&path, "one").unwrap();
        let settled = Input::look(&path, LATER);
        assert!(settled.stat.is_some());
        assert_eq!(settled.standing(LATER), Standing::Same);
        // The same bytes in another file.
        let other = place.path().join("b");
        fs::write(&other, "one").unwrap();
        fs::rename(&other, &path).unwrap();
        let Standing::Settled(again) = settled.standing(LATER) else { panic!("it has another inode") };
        assert_eq!(again.standing(LATER), Standing::Same);
        fs::write(&path, "two").unwrap();
        assert_eq!(settled.standing(LATER), Standing::Changed);
        fs::remove_file(&path).unwrap();
        assert_eq!(settled.standing(LATER), Standing::Changed);
    }

    #[test]
    fn times_that_lie_in_the_tick_of_the_look_prove_nothing() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a");
        fs::write(&path, "one").unwrap();
        let racy = Input::look(&path, LONG_AGO);
        assert_eq!(racy.stat, None);
        assert_eq!(racy.standing(LONG_AGO), Standing::Same, "the bytes say so");
        assert!(matches!(racy.standing(LATER), Standing::Settled(_)), "and by now stat can");
        // The same size, and perhaps the same tick.
        fs::write(&path, "two").unwrap();
        assert_eq!(racy.standing(LONG_AGO), Standing::Changed);
    }

    #[test]
    fn a_file_that_was_not_there_stays_the_same_until_it_is() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a");
        let racy = Input::look_only(place.path(), LONG_AGO);
        assert_eq!(racy.standing(LATER), Standing::Changed, "nobody knows, which is not being absent");
        let absent = Input::look(&path, LATER);
        assert_eq!(absent.standing(LATER), Standing::Same);
        fs::write(&path, "").unwrap();
        assert_eq!(absent.standing(LATER), Standing::Changed);
    }

    #[test]
    fn changes_are_told_apart() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for name in ["edited", "gone", "same", "touched"] {
            fs::write(path(name), name).unwrap();
        }
        let were: Vec<Input> =
            files_below(place.path()).iter().map(|path| Input::look(path, LATER)).collect();
        fs::write(path("edited"), "otherwise").unwrap();
        fs::remove_file(path("gone")).unwrap();
        fs::write(path("new"), "").unwrap();
        fs::File::open(path("touched")).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let changes = Changes::between(&were, &files_below(place.path()), LATER);
        assert_eq!(changes.changed, [path("edited"), path("new")]);
        assert_eq!(changes.gone, [path("gone")]);
        assert_eq!(changes.settled.len(), 1);
        assert!(!changes.is_empty());
    }
}
