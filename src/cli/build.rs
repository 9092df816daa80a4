//! `check` and `build`.

use std::time::Instant;

use serde_json::{Value, json};

use super::args::{Build, Check, Format, Global, Work};
use super::print::{Printer, count, plural};
use super::settings::{self, Site};
use super::{Status, in_pool};
use crate::diagnostic;
use crate::output;
use crate::pipeline::{self, Action, Report};

/// Runs `check`.
pub(super) fn check(args: &Check, global: &Global, printer: &Printer) -> Status {
    each_site(global, printer, &args.work, "check", |_| Action::Check)
}

/// Runs `build`.
pub(super) fn build(args: &Build, global: &Global, printer: &Printer) -> Status {
    each_site(global, printer, &args.work, "build", |site| Action::Build {
        output: output::Options {
            state: site.state.clone(),
            group: site.group.clone(),
            dry_run: args.dry_run,
            durable: args.durable,
            adopt: args.adopt,
            allow_removals: args.allow_removals,
            ..output::Options::new(&site.out)
        },
        keep_going: args.keep_going,
        verify: args.verify,
        refresh_secrets: args.refresh_secrets,
    })
}

/// Each site succeeds or fails by itself.
fn each_site(
    global: &Global,
    printer: &Printer,
    work: &Work,
    command: &str,
    action: impl Fn(&Site) -> Action + Sync,
) -> Status {
    let sites = match settings::resolve(global) {
        Ok(sites) => sites,
        Err((problems, sources)) => {
            let report = Report { diagnostics: problems.into_sorted(&sources), sources, ..Report::default() };
            printer.diagnostics(&report.diagnostics, &report.sources);
            if printer.format() == Format::Json {
                printer.result(&format!("{}\n", object(&report, 0.0)));
            }
            return Status::Failed;
        }
    };
    let mut ok = true;
    let mut objects = serde_json::Map::new();
    for mut site in sites {
        site.inputs.render.allow_unsupported = work.allow_unsupported;
        #[expect(clippy::disallowed_methods, reason = "the report says how long the work took")]
        let start = Instant::now();
        let action = action(&site);
        let report = in_pool(work.jobs, || pipeline::run(&site.inputs, &action));
        let seconds = start.elapsed().as_secs_f64();
        ok &= report.ok;
        let name = site.inputs.name.clone();
        match (printer.format(), name) {
            (Format::Json, Some(name)) => drop(objects.insert(name, object(&report, seconds))),
            (Format::Json, None) => printer.result(&format!("{}\n", object(&report, seconds))),
            (_, _) => tell(&report, &site, &action, command, seconds, printer),
        }
    }
    if !objects.is_empty() {
        printer.result(&format!("{}\n", json!({"ok": ok, "sites": objects})));
    }
    if ok { Status::Done } else { Status::Failed }
}

fn object(report: &Report, seconds: f64) -> Value {
    let diagnostics = report.diagnostics.iter().map(|d| diagnostic::json(d, &report.sources));
    json!({
        "ok": report.ok,
        "devices": report.devices,
        "files": {
            "written": report.written.len(),
            "unchanged": report.unchanged,
            "removed": report.removed.len(),
        },
        "changed": report.changed,
        "diagnostics": diagnostics.collect::<Vec<_>>(),
        "seconds": (seconds * 1000.0).round() / 1000.0,
    })
}

fn tell(report: &Report, site: &Site, action: &Action, command: &str, seconds: f64, printer: &Printer) {
    printer.diagnostics(&report.diagnostics, &report.sources);
    let name = site.inputs.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    let devices = plural(report.devices, "device");
    let found = count(&report.diagnostics);
    let (dry, durable_out) = match action {
        Action::Build { output, .. } => (output.dry_run, output.out.display().to_string()),
        Action::Check => (false, String::new()),
    };
    if printer.verbose {
        let (wrote, removed) = if dry { ("would write", "would remove") } else { ("wrote", "removed") };
        report.written.iter().for_each(|path| printer.note(&format!("{wrote} {path}")));
        report.removed.iter().for_each(|path| printer.note(&format!("{removed} {path}")));
    }
    report.notes.iter().for_each(|note| printer.note(&format!("{name}note: {note}")));
    if !report.committed && !report.ok {
        let mut notes = report.diagnostics.iter().flat_map(|found| &found.notes);
        let left = if notes.any(|note| note.contains(output::PARTLY)) {
            format!("; {durable_out} is partly new")
        } else if command == "build" {
            format!("; nothing in {durable_out} was changed")
        } else {
            String::new()
        };
        printer.error(&format!("{name}{command} failed: {found}{left}"));
        return;
    }
    if printer.quiet {
        return;
    }
    let besides = if report.diagnostics.is_empty() { String::new() } else { format!(", {found}") };
    let time = format!("{seconds:.2} s");
    let summary = if report.committed {
        let (wrote, removed) = if dry { ("to write", "to remove") } else { ("written", "removed") };
        format!(
            "{name}{devices}: {} {wrote}, {} unchanged, {} {removed} in {durable_out}{besides} ({time})",
            plural(report.written.len(), "file"),
            report.unchanged,
            report.removed.len(),
        )
    } else {
        format!("{name}{devices} checked{besides} ({time})")
    };
    printer.result(&format!("{summary}\n"));
}
