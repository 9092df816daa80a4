//! One site of a watch: what it keeps between builds, and when it has to be built.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::tell::Told;
use crate::cli::settings::Site;
use crate::pipeline::{Action, Hint, Memory, Report, run_with};
use crate::watch::{Change, Id, Subject};

/// How long after a build that could not write the next try is made; it doubles up to [`SELDOM`].
const AGAIN: Duration = Duration::from_secs(5);
const SELDOM: Duration = Duration::from_secs(60);

/// One site.
pub(super) struct Running {
    /// Its name in the watch.
    pub id: Id,
    /// Where its inputs and outputs are.
    pub site: Site,
    /// What to do with its files.
    pub action: Action,
    /// What was told of its last build.
    pub told: Told,
    /// What changed since the last build; empty paths if a build is due for another reason.
    pending: Option<Change>,
    memory: Memory,
    /// Whether the last build left something that a later process would want.
    unsaved: bool,
    /// Whether every input has to be looked at, whatever the events say.
    distrust: bool,
    /// When to try again, and how long after that.
    again: Option<(Duration, Duration)>,
}

impl Running {
    /// A site that was not built yet.
    pub fn new(id: Id, site: Site, action: Action) -> Self {
        Self {
            id,
            site,
            action,
            told: Told::default(),
            pending: Some(Change::default()),
            memory: Memory::lasting(),
            unsaved: false,
            distrust: true,
            again: None,
        }
    }

    /// What has to be watched for it.
    pub fn subject(&self) -> Subject {
        let out = &self.site.out;
        let mut ignored = vec![out.clone()];
        ignored.extend(self.site.state.clone().or_else(|| beside(out)));
        Subject::of_site(&self.site.inputs, self.memory.watched(), ignored)
    }

    /// Something changed, or may have.
    pub fn change(&mut self, change: Change) {
        let Some(pending) = &mut self.pending else {
            self.pending = Some(change);
            return;
        };
        pending.paths.extend(change.paths);
        pending.hint = match (std::mem::take(&mut pending.hint), change.hint) {
            (Hint::Files(mut files), Hint::Files(more)) => {
                files.extend(more);
                Hint::Files(files)
            }
            _ => Hint::Unknown,
        };
    }

    /// Whether a build is due.
    pub fn is_due(&self) -> bool {
        self.pending.is_some()
    }

    /// Builds. The paths are those that are known to have changed.
    pub fn build(&mut self, now: Duration) -> (Report, BTreeSet<PathBuf>) {
        let Change { paths, hint } = self.pending.take().unwrap_or_default();
        // After a mistake it is not known how far the last build looked.
        let hint = if self.distrust { Hint::Unknown } else { hint };
        let report = run_with(&self.site.inputs, &self.action, &mut self.memory, &hint);
        self.unsaved = true;
        if let Action::Build { refresh_secrets, .. } = &mut self.action {
            // Asked for once, not at every edit.
            *refresh_secrets = false;
        }
        self.distrust = !report.ok;
        // A full disk, a lock that another build holds, a vault that does not answer: no input will change
        // when that is over.
        let elsewhere = |code: &str| code.starts_with("PV08") || code == "PV0315";
        let again = !report.ok && report.diagnostics.iter().any(|found| elsewhere(found.code.0));
        self.again = again.then(|| {
            let wait = self.again.map_or(AGAIN, |(_, wait)| (wait * 2).min(SELDOM));
            (now + wait, wait)
        });
        (report, paths)
    }

    /// When it has to be built again although nothing changed.
    pub fn again_at(&self) -> Option<Duration> {
        self.again.filter(|_| !self.is_due()).map(|(at, _)| at)
    }

    /// Writes what the next process wants to know.
    pub fn save(&mut self) {
        if std::mem::take(&mut self.unsaved) {
            self.memory.save();
        }
    }
}

/// Where the state of builds is if nothing else was said.
fn beside(out: &Path) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(out.file_name()?);
    name.push(".provc");
    Some(out.with_file_name(name))
}
