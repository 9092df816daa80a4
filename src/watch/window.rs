//! When a batch of events is complete. Times are counted from the start of the watch.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::sign::Sign;

/// A batch is complete once nothing happened for this long.
pub const QUIET: Duration = Duration::from_millis(30);
/// Under steady noise, and while a file is being written, a batch is complete after this long.
pub const LONGEST: Duration = Duration::from_secs(1);
/// The quiet that completes a batch while git is changing the work tree (it holds its index's lock).
pub const REPOSITORY_QUIET: Duration = Duration::from_millis(500);
/// The longest that git is waited for.
pub const BUSY: Duration = Duration::from_secs(60);

/// The time between the first event of a batch and the build.
#[derive(Debug, Default)]
pub(super) struct Window {
    span: Option<(Duration, Duration)>,
    /// Files that somebody is writing.
    open: BTreeSet<PathBuf>,
    /// Whether git was at work since the batch began.
    repository: bool,
}

impl Window {
    /// Something happened that belongs into the batch.
    pub fn note(&mut self, sign: Sign, path: &Path, now: Duration) {
        match sign {
            Sign::Begun | Sign::Created => drop(self.open.insert(path.to_path_buf())),
            Sign::Written | Sign::Gone | Sign::Came => drop(self.open.remove(path)),
            Sign::Changed => {}
        }
        self.stir(now);
    }

    /// Something happened that no path tells.
    pub fn stir(&mut self, now: Duration) {
        let first = self.span.map_or(now, |(first, _)| first);
        self.span = Some((first, now));
    }

    /// When there was quiet for long enough, or too long none; `None` while nothing happened.
    pub fn due(&self) -> Option<Duration> {
        let (first, last) = self.span?;
        Some((last + QUIET).min(first + LONGEST))
    }

    /// When the batch is complete at the latest, seen at a time when it is due. `repository_busy`: git is
    /// at work. Of the open files those count of which `writing` holds.
    pub fn complete(&mut self, repository_busy: bool, writing: impl Fn(&Path) -> bool) -> Option<Duration> {
        let (first, last) = self.span?;
        self.open.retain(|path| writing(path));
        self.repository |= repository_busy;
        // What git did is not over when its lock goes: the last events may still be on their way.
        let longest = first + if self.repository { BUSY } else { LONGEST };
        let quiet = match (repository_busy, self.open.is_empty()) {
            (true, _) => last + REPOSITORY_QUIET,
            (false, false) => last + LONGEST,
            (false, true) => last + QUIET,
        };
        Some(quiet.min(longest))
    }
}
