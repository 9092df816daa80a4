//! How far a build is, for whoever draws it while the build works.
//!
//! Plain numbers that the threads of a build count up and never read: drawing costs a build nothing, and a
//! build that nobody watches knows nothing of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::output::Placing;

/// What a build is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Reading the inventory and the plugins.
    Reading,
    /// Resolving and rendering devices, comparing their files and writing aside those that differ.
    Rendering,
    /// Putting the files in place.
    Writing,
}

/// The progress of one build.
#[derive(Default, Debug)]
pub struct Progress {
    phase: AtomicU8,
    total: AtomicU64,
    done: AtomicU64,
    placing: Arc<Placing>,
}

/// One look at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// What the build is doing.
    pub phase: Phase,
    /// How much of it there is, in files or devices; 0 where that is not known.
    pub total: u64,
    /// How much of it is done.
    pub done: u64,
}

impl Progress {
    /// That of a merge, which has nothing to read and to render.
    pub fn merging() -> Arc<Self> {
        let progress = Self::default();
        progress.begin(Phase::Writing, 0);
        Arc::new(progress)
    }

    /// Where the output counts what it places: see [`crate::output::Options::placing`].
    pub fn placing(&self) -> Arc<Placing> {
        Arc::clone(&self.placing)
    }

    /// How far the build is.
    pub fn look(&self) -> Look {
        let [rendering, writing] = [Phase::Rendering, Phase::Writing].map(|phase| phase as u8);
        match self.phase.load(Ordering::Relaxed) {
            phase if phase == writing => Look {
                phase: Phase::Writing,
                total: self.placing.total.load(Ordering::Relaxed),
                done: self.placing.done.load(Ordering::Relaxed),
            },
            phase => Look {
                phase: if phase == rendering { Phase::Rendering } else { Phase::Reading },
                total: self.total.load(Ordering::Relaxed),
                done: self.done.load(Ordering::Relaxed),
            },
        }
    }

    /// A phase begins, of so many files or devices if that is known. The numbers of writing are the output's
    /// own.
    pub(super) fn begin(&self, phase: Phase, total: usize) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total as u64, Ordering::Relaxed);
        if phase == Phase::Reading {
            self.placing.done.store(0, Ordering::Relaxed);
            self.placing.total.store(0, Ordering::Relaxed);
        }
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// So many more are done.
    pub(super) fn add(&self, done: usize) {
        self.done.fetch_add(done as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_follow_each_other_and_each_counts_its_own() {
        let progress = Progress::default();
        assert_eq!(progress.look(), Look { phase: Phase::Reading, total: 0, done: 0 });
        progress.begin(Phase::Rendering, 130);
        progress.add(64);
        progress.add(64);
        assert_eq!(progress.look(), Look { phase: Phase::Rendering, total: 130, done: 128 });
        progress.begin(Phase::Writing, 0);
        progress.placing().total.store(7, Ordering::Relaxed);
        progress.placing().done.store(3, Ordering::Relaxed);
        assert_eq!(progress.look(), Look { phase: Phase::Writing, total: 7, done: 3 });
        // The next build with the same numbers begins at nothing.
        progress.begin(Phase::Reading, 0);
        progress.begin(Phase::Writing, 0);
        assert_eq!(progress.look(), Look { phase: Phase::Writing, total: 0, done: 0 });
    }
}
