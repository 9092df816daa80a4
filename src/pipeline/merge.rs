//! The end of a build in shards, told like the end of any build.

use super::{Report, SourceMap};
use crate::output::{self, PartTree};

/// Joins shards: see [`output::merge`].
pub fn merge(options: &output::Options, shards: Option<u16>, trees: &[PartTree]) -> Report {
    let mut report = Report::default();
    let problems = match output::merge(options, shards, trees) {
        Err(problems) => problems,
        Ok(merged) => {
            report.devices = merged.devices;
            let problems = report.take(merged.report);
            report.notes.push(format!("{} shards were merged", merged.shards));
            problems
        }
    };
    report.ok = !problems.has_errors();
    report.diagnostics = problems.into_sorted(&SourceMap::default());
    report
}
