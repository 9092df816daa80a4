//! What the threads of one build bring together.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostics;
use crate::output::{Owner, Staged};
use crate::render::Used;

/// What was made of a run of devices.
#[derive(Default)]
pub(super) struct Collected {
    /// Files, compared with out/ and set aside where they differ.
    pub staged: Vec<Staged>,
    /// Plugins and models in use.
    pub used: Used,
    /// Owners that have mistakes.
    pub failed: BTreeSet<Owner>,
    /// The mistakes.
    pub diagnostics: Diagnostics,
}

impl Collected {
    /// Two runs as one; where one of them is empty nothing is copied.
    pub fn join(mut self, mut other: Self) -> Self {
        if self.staged.len() < other.staged.len() {
            std::mem::swap(&mut self, &mut other);
        }
        self.staged.append(&mut other.staged);
        self.used.join(other.used);
        self.failed.append(&mut other.failed);
        self.diagnostics.append(other.diagnostics);
        self
    }
}
