//! Getting artifacts into out/: safely, and without touching what did not change.
//!
//! A build is one [`Transaction`]. `begin` takes the lock and reads what earlier builds left; `stage` is
//! called from many threads as devices are rendered and writes only what differs from out/, to temporary
//! files; `commit` makes every check that could refuse the build before its first rename, so that an error
//! leaves out/ as it was. A reader of out/ sees each file old or new, never half.
//!
//! Nothing here knows of phones: an artifact has a path, bytes and an owner.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

mod accounts;
mod apart;
mod apply;
mod checks;
pub mod codes;
mod commit;
mod compare;
mod content;
mod encode;
mod errors;
mod fresh;
mod layout;
mod list;
mod lock;
mod manifest;
mod memo;
mod merge;
mod pages;
mod part;
mod path;
mod plan;
mod record;
mod settle;
mod shard;
mod staging;
mod stamps;
mod state;
mod table;
mod tree;
mod update;
mod verify;
mod whole;

#[cfg(test)]
mod stop;
#[cfg(test)]
mod tests;

pub use apply::PARTLY;
pub use commit::Report;
pub use errors::Fault;
pub use list::{OwnedFile, owned_files};
pub use memo::{Committed, ManifestCache, manifest_id, open_state, read_state, state_file};
pub use merge::{Merged, Tree as PartTree, merge};
pub use pages::{PagedFile, open_pages, seal_pages};
pub use part::{Inputs, Part};
pub use path::{OutPath, PathError};
pub use shard::Shard;
pub use staging::Staged;
pub use state::Transaction;
pub use table::{seal_manifest, verify_manifest};

/// On whose behalf a file is in out/. The order decides who owns a file that several plan alike.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Owner {
    /// The repository's static/ directory.
    Static,
    /// A plugin's shared files; its id.
    Plugin(String),
    /// One device; its canonical MAC or id.
    Device(String),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static => f.write_str("static/"),
            Self::Plugin(id) => write!(f, "plugin {id}"),
            Self::Device(id) => write!(f, "device {id}"),
        }
    }
}

/// Where a file's bytes come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// The bytes themselves.
    Bytes(Vec<u8>),
    /// A file to copy; it is streamed, however large.
    File(PathBuf),
}

/// One file that a build wants in out/.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Artifact {
    /// Where, below out/.
    pub path: OutPath,
    /// What.
    pub content: Content,
    /// Whether it holds secrets: mode 0640 rather than 0644.
    pub sensitive: bool,
    /// On whose behalf.
    pub owner: Owner,
}

/// How a build writes.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory that phones are served from; created if absent.
    pub out: PathBuf,
    /// Where manifest, lock and temporary files live; `.NAME.provc` beside out/ if not given. One state
    /// directory serves one out/.
    pub state: Option<PathBuf>,
    /// The group of everything that is written, by name or number.
    pub group: Option<String>,
    /// How long to wait for another build.
    pub lock_wait: Duration,
    /// What this process is called in the message to a build that waits for it.
    pub command: String,
    /// Report what a build would do; nothing on disk changes, not even the state directory.
    pub dry_run: bool,
    /// Wait for the disk before the first rename and at the end.
    pub durable: bool,
    /// Overwrite files under planned paths that no earlier build wrote.
    pub adopt: bool,
    /// Let the build remove as much as it wants.
    pub allow_removals: bool,
    /// Build one part of many, beside others at work on the same out/: files are compared and written aside
    /// without the lock, which is taken to commit.
    pub shard: Option<Shard>,
    /// Told how far the placing of files has come.
    pub placing: Arc<Placing>,
}

/// How far the last step of a build is.
#[derive(Default, Debug)]
pub struct Placing {
    /// How many files are to be placed and removed; 0 before that is known.
    pub total: AtomicU64,
    /// How many are.
    pub done: AtomicU64,
}

impl Options {
    /// A plain build into `out` that waits up to 60 seconds for another one.
    pub fn new(out: impl Into<PathBuf>) -> Self {
        Self {
            out: out.into(),
            state: None,
            group: None,
            lock_wait: Duration::from_secs(60),
            command: "provc build".to_owned(),
            dry_run: false,
            durable: false,
            adopt: false,
            allow_removals: false,
            shard: None,
            placing: Arc::default(),
        }
    }
}

/// What a build with `--keep-going` could not make.
#[derive(Clone, Default, Debug)]
pub struct Failed {
    /// Owners with errors: whatever they own in out/ stays as it is.
    pub owners: BTreeSet<Owner>,
    /// Some input could not be read, so nobody knows which devices exist: nothing is removed.
    pub inputs_incomplete: bool,
}

/// What a commit speaks for.
#[derive(Clone, Debug)]
pub enum Scope {
    /// Everything: what is not planned is stale.
    All(Failed),
    /// The files of some owners; all others stay as they are, and are not even looked at.
    Only {
        /// Whose files are planned. Those of their files that are not planned are stale.
        owners: BTreeSet<Owner>,
        /// As in a full build; these need not be among `owners`.
        failed: Failed,
    },
    /// The files of some owners, as one shard of a build knows them. Other owners' files stay, but those
    /// with other bytes under a planned path give way: whether their owners still plan them is for the merge
    /// to say, which knows what all shards plan.
    Shard {
        /// Whose files are planned.
        owners: BTreeSet<Owner>,
        /// As in a full build.
        failed: Failed,
    },
}

impl Scope {
    fn failed(&self) -> &Failed {
        match self {
            Self::All(failed) | Self::Only { failed, .. } | Self::Shard { failed, .. } => failed,
        }
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self::All(Failed::default())
    }
}

impl From<Failed> for Scope {
    fn from(failed: Failed) -> Self {
        Self::All(failed)
    }
}
