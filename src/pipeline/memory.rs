//! What outlives one build of a site inside one process: what `build --watch` keeps so that one edit costs
//! one device's work.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// What one build leaves for the next one of the same site in the same process. An empty one is always
/// right: it costs reading from disk what could have been kept.
#[derive(Default)]
pub struct Memory {
    watched: Watched,
}

/// What is known of the inputs' changes since the last build with the same memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// Nothing: every input is looked at.
    #[default]
    Unknown,
    /// Nothing changed but these files, which may be new or gone.
    Files(BTreeSet<PathBuf>),
}

/// What the last build read, and where it looked for more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Directories that count with all that lies below them.
    pub trees: BTreeSet<PathBuf>,
    /// Single files outside of those: secrets, certificates, what commands of secrets name.
    pub files: BTreeSet<PathBuf>,
}

impl Memory {
    /// What the last build read, and where it looked: what has to be watched to see the next change.
    pub fn watched(&self) -> &Watched {
        &self.watched
    }

    /// Writes what was kept back while nothing urged: the state of the last build, for the next process.
    /// Without it the next process compares everything.
    pub fn save(&mut self) {}
}
