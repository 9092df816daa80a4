//! The system's watcher: which directories it holds, and whether it still does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

use notify::{Config, ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::codes;
use super::watching::Message;
use crate::diagnostic::Diagnostic;

/// The directories that the system watches for this process.
pub(super) struct Watcher {
    system: RecommendedWatcher,
    held: BTreeSet<PathBuf>,
}

impl Watcher {
    /// A watcher of nothing. Events go to `to`, but those of reading: a build opens every input, and none
    /// of that is news.
    pub fn new(to: Sender<Message>) -> Result<Self, Diagnostic> {
        let send = move |event: notify::Result<Event>| {
            let reading = event.as_ref().is_ok_and(|event| {
                use notify::event::{AccessKind, AccessMode};
                matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write))
            });
            if !reading {
                // Nobody listens any more: the watch is over.
                let _ = to.send(Message::Event(event));
            }
        };
        let system =
            RecommendedWatcher::new(send, Config::default()).map_err(|error| cannot_watch(&error))?;
        Ok(Self { system, held: BTreeSet::new() })
    }

    /// Watches these directories and no others; tells whether any is new. One that is gone or closed to us
    /// is passed over: what is above it is watched too.
    pub fn hold(&mut self, wanted: &BTreeSet<PathBuf>) -> Result<bool, Diagnostic> {
        let needless: Vec<PathBuf> = self.held.difference(wanted).cloned().collect();
        for path in needless {
            self.held.remove(&path);
            let _ = self.system.unwatch(&path);
        }
        let mut new = false;
        for path in wanted {
            if self.held.contains(path) {
                continue;
            }
            match self.system.watch(path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.held.insert(path.clone());
                    new = true;
                }
                Err(error) if is_limit(&error) => return Err(cannot_watch(&error)),
                Err(_) => {}
            }
        }
        Ok(new)
    }

    /// A name came or went: if a directory that is watched stood there, or below, it has to be watched anew.
    pub fn forget(&mut self, path: &Path) {
        let from = (std::ops::Bound::Included(path), std::ops::Bound::Unbounded);
        let below = self.held.range::<Path, _>(from).take_while(|held| held.starts_with(path));
        let below: Vec<PathBuf> = below.cloned().collect();
        for path in below {
            self.held.remove(&path);
            let _ = self.system.unwatch(&path);
        }
    }
}

/// Whether the kernel has no watch or no descriptor left for us.
fn is_limit(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::MaxFilesWatch => true,
        // ENOSPC and EMFILE; ENOSYS where there is no such call.
        ErrorKind::Io(error) => matches!(error.raw_os_error(), Some(28 | 24 | 38)),
        _ => false,
    }
}

fn cannot_watch(error: &notify::Error) -> Diagnostic {
    let (what, help) = match &error.kind {
        ErrorKind::MaxFilesWatch => (
            "the kernel's limit of watched directories is reached".to_owned(),
            "raise it: `sysctl fs.inotify.max_user_watches=1048576` (in /etc/sysctl.d/ for good)",
        ),
        ErrorKind::Io(error) if error.raw_os_error() == Some(24) => (
            "the kernel's limit of watching programs or of open files is reached".to_owned(),
            "raise it: `sysctl fs.inotify.max_user_instances=1024` (in /etc/sysctl.d/ for good), or `ulimit -n`",
        ),
        _ => (
            format!("the kernel does not tell of changes: {error}"),
            "provc looks for changes itself; `--poll SECONDS` sets how often",
        ),
    };
    Diagnostic::warning(codes::CANNOT_WATCH, what).help(help)
}
