//! Where mistakes are gathered: every stage reports all that it finds, threads gather on their own and
//! the pieces are joined.

use super::{Diagnostic, Severity, SourceMap};

/// A bag of diagnostics.
#[derive(Clone, Default, Debug)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Adds all of another bag.
    pub fn append(&mut self, other: Diagnostics) {
        self.list.extend(other.list);
    }

    /// Changes each.
    #[must_use]
    pub fn map(self, change: impl FnMut(Diagnostic) -> Diagnostic) -> Self {
        Self { list: self.list.into_iter().map(change).collect() }
    }

    /// Keeps some.
    #[must_use]
    pub fn retain(mut self, keep: impl FnMut(&Diagnostic) -> bool) -> Self {
        self.list.retain(keep);
        self
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.severity == Severity::Error)
    }

    /// The diagnostics as they came.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Sorted by path, line and column (those without a place last), then by code, message and device: the
    /// same for every order in which threads finished. Exact repetitions are dropped, and what differs in
    /// nothing but the device is said once, with the first device and the number of the others.
    pub fn into_sorted(mut self, sources: &SourceMap) -> Vec<Diagnostic> {
        self.list.sort_by(|a, b| key(a, sources).cmp(&key(b, sources)));
        self.list.dedup();
        let mut told: Vec<Diagnostic> = Vec::new();
        for next in self.list {
            match told.last_mut() {
                Some(last) if same_cause(last, &next) => match (&last.device, &next.device) {
                    (None, Some(_)) => last.device = next.device,
                    (Some(_), Some(_)) => last.more_devices += 1,
                    _ => {}
                },
                _ => told.push(next),
            }
        }
        told
    }
}

/// Whether two neighbours in the sorted list are one mistake. (A device repeats itself only word for word,
/// which the sort puts side by side and `dedup` took out.)
fn same_cause(a: &Diagnostic, b: &Diagnostic) -> bool {
    (a.code, a.severity, a.span, &a.message) == (b.code, b.severity, b.span, &b.message)
}

type Key<'a> = (bool, Option<(&'a std::path::Path, u32, u32)>, &'static str, &'a str, Option<&'a str>);

fn key<'a>(d: &'a Diagnostic, sources: &'a SourceMap) -> Key<'a> {
    let place = d.span.map(|s| (sources.path(s.file), s.line, s.column));
    (place.is_none(), place, d.code.0, &d.message, d.device.as_deref())
}
