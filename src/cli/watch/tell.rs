//! What is printed of a build of a watch: one line, unless there are mistakes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::running::Running;
use crate::cli::args::Format;
use crate::cli::build;
use crate::cli::print::{Printer, count, plural};
use crate::diagnostic;
use crate::pipeline::Report;

/// How many changed inputs are named.
const NAMED: usize = 3;

/// What a person last saw of a site.
#[derive(Default)]
pub(super) struct Told {
    ok: bool,
    diagnostics: Vec<Value>,
    notes: Vec<String>,
    /// Whether there was a build at all.
    any: bool,
}

/// Prints what came of a build, if it is news. `paths`: what changed, as far as the events tell; none if
/// nobody waits for the result of this build.
pub(super) fn tell(
    running: &mut Running,
    mut report: Report,
    paths: BTreeSet<PathBuf>,
    seconds: f64,
    printer: &Printer,
) {
    let first = !running.told.any;
    let diagnostics = report.diagnostics.iter().map(|found| diagnostic::json(found, &report.sources));
    let diagnostics: Vec<Value> = diagnostics.collect();
    let as_before = report.ok == running.told.ok && diagnostics == running.told.diagnostics;
    let nothing = as_before && report.written.is_empty() && report.removed.is_empty();
    // Whoever saved a file with the same mistake again wants to hear it again.
    let awaited = !paths.is_empty() && (printer.verbose || !report.ok);
    // Said when it is another than before, not at every build.
    let notes = std::mem::take(&mut report.notes);
    if !notes.is_empty() && notes != running.told.notes {
        report.notes.clone_from(&notes);
        running.told.notes = notes;
    }
    running.told =
        Told { ok: report.ok, diagnostics, any: true, notes: std::mem::take(&mut running.told.notes) };
    if nothing && !first && !awaited {
        return;
    }
    let inputs: Vec<PathBuf> = match report.inputs_changed.take() {
        Some(inputs) if !inputs.is_empty() => inputs,
        _ => topmost(paths),
    };
    if printer.format() == Format::Json {
        let mut object = build::object(&report, seconds);
        if let Value::Object(object) = &mut object {
            object.insert("site".into(), json!(running.site.inputs.name));
            object.insert("inputs".into(), inputs.iter().map(|path| path.display().to_string()).collect());
        }
        printer.result(&format!("{object}\n"));
    } else if first || !report.committed {
        build::tell(&report, &running.site, running.action.output(), "build", seconds, printer);
        if !report.ok {
            printer.note("watching for the next change");
        }
    } else {
        line(&report, running, &inputs, seconds, printer);
    }
}

/// Of a directory that came or went with what it holds, the directory.
fn topmost(paths: BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let mut top: Vec<PathBuf> = Vec::new();
    // What lies below a path follows it.
    for path in paths {
        if !top.last().is_some_and(|above| path.starts_with(above)) {
            top.push(path);
        }
    }
    top
}

fn line(report: &Report, running: &Running, inputs: &[PathBuf], seconds: f64, printer: &Printer) {
    let name = running.site.inputs.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    build::details(report, &name, false, printer);
    if printer.quiet {
        return;
    }
    let besides = match report.diagnostics.as_slice() {
        [] => String::new(),
        found => format!(", {}", count(found)),
    };
    let summary = format!(
        "{name}{}: {} written, {} unchanged, {} removed in {}{besides} ({})",
        named(inputs),
        plural(report.written.len(), "file"),
        report.unchanged,
        report.removed.len(),
        running.site.out.display(),
        duration(seconds),
    );
    printer.result(&format!("{summary}\n"));
}

fn named(inputs: &[PathBuf]) -> String {
    let shown: Vec<String> = inputs.iter().take(NAMED).map(|path| shown(path)).collect();
    match (shown.is_empty(), inputs.len().saturating_sub(NAMED)) {
        // Events were lost, or a build was made up for.
        (true, _) => "build".to_owned(),
        (false, 0) => shown.join(", "),
        (false, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string().replace(char::is_control, "?")
}

fn duration(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", (seconds * 1000.0).ceil()) } else { format!("{seconds:.2} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_inputs_are_named_and_the_others_counted() {
        let paths: Vec<PathBuf> = (0..15).map(|i| PathBuf::from(format!("i/{i:02}.yaml"))).collect();
        assert_eq!(named(&paths), "i/00.yaml, i/01.yaml, i/02.yaml and 12 more");
        assert_eq!(named(paths.get(..3).unwrap()), "i/00.yaml, i/01.yaml, i/02.yaml");
        assert_eq!(named(&[]), "build");
        assert_eq!(named(&["a\nb".into()]), "a?b");
    }

    #[test]
    fn a_directory_stands_for_what_it_holds() {
        let paths = ["i/a", "i/a/b", "i/a/b/x.yaml", "i/a.yaml", "i/b"].map(PathBuf::from);
        let top = topmost(BTreeSet::from(paths));
        assert_eq!(top, ["i/a", "i/a.yaml", "i/b"].map(PathBuf::from));
    }

    #[test]
    fn short_times_are_in_milliseconds() {
        assert_eq!([0.0004, 0.0042, 1.234].map(duration), ["1 ms", "5 ms", "1.23 s"]);
    }
}
