//! The lines that a pattern stands for, found once for all devices that use it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::file::Named;
use super::pack::Packed;
use super::table::Table;

/// The lines that match, in the order of their names.
pub(super) type Matches<'i> = Arc<Vec<&'i Named<Packed>>>;

/// The patterns met so far. A pattern in a profile would otherwise look at every line for every device.
pub(super) struct Patterns<'i> {
    lines: &'i Table<Packed>,
    known: RwLock<BTreeMap<Arc<str>, Matches<'i>>>,
}

impl<'i> Patterns<'i> {
    /// Patterns over these lines.
    pub(super) fn new(lines: &'i Table<Packed>) -> Self {
        Self { lines, known: RwLock::default() }
    }

    /// The lines that match a pattern with `*` and `?`.
    pub(super) fn matches(&self, pattern: &Arc<str>) -> Matches<'i> {
        if let Some(found) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(pattern) {
            return Arc::clone(found);
        }
        let compiled = wildmatch::WildMatch::new(pattern);
        let found: Matches<'i> =
            Arc::new(self.lines.values().filter(|line| compiled.matches(&line.name)).collect());
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(Arc::clone(pattern), Arc::clone(&found));
        found
    }
}
