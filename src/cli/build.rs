//! `check` and `build`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::args::{Build, Check, Format, Global, Work};
use super::print::{Printer, count, plural};
use super::settings::{self, Site};
use super::{Status, in_pool, progress};
use crate::diagnostic::{self, Diagnostics, SourceMap};
use crate::output::{self, Shard};
use crate::pipeline::{self, Action, Hint, Memory, Report};

/// Runs `check`.
pub(super) fn check(args: &Check, global: &Global, printer: &Printer) -> Status {
    each_site(global, printer, &args.work, "check", |_| Action::Check)
}

/// Runs `build`.
pub(super) fn build(args: &Build, global: &Global, printer: &Printer) -> Status {
    if args.watch {
        return super::watch::run(args, global, printer);
    }
    each_site(global, printer, &args.work, "build", |site| action(args, site))
}

/// What `build` is to do for a site.
pub(super) fn action(args: &Build, site: &Site) -> Action {
    Action::Build {
        output: output::Options {
            state: site.state.clone(),
            group: site.group.clone(),
            dry_run: args.writing.dry_run,
            durable: args.writing.durable,
            adopt: args.writing.adopt,
            allow_removals: args.writing.allow_removals,
            shard: args.shard,
            ..waiting(args.shard, &site.out)
        },
        keep_going: args.keep_going,
        verify: args.verify,
        refresh_secrets: args.refresh_secrets,
    }
}

/// Shards come to commit at about the same time, and wait for each other longer than for a stranger.
fn waiting(shard: Option<Shard>, out: &Path) -> output::Options {
    let options = output::Options::new(out);
    match shard {
        Some(shard) => output::Options {
            lock_wait: Duration::from_secs(600),
            command: format!("provc build --shard {}/{}", shard.index(), shard.of()),
            ..options
        },
        None => options,
    }
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
            return unresolved(problems, sources, printer);
        }
    };
    let mut ok = true;
    let mut objects = serde_json::Map::new();
    for mut site in sites {
        site.inputs.render.allow_unsupported = work.allow_unsupported;
        #[expect(clippy::disallowed_methods, reason = "the report says how long the work took")]
        let start = Instant::now();
        let action = action(&site);
        let mut memory = Memory::default();
        let progress = Arc::clone(memory.progress());
        let report = progress::drawn(printer, &progress, || {
            in_pool(work.jobs, || pipeline::run_with(&site.inputs, &action, &mut memory, &Hint::Unknown))
        });
        let seconds = start.elapsed().as_secs_f64();
        ok &= report.ok;
        let name = site.inputs.name.clone();
        match (printer.format(), name) {
            (Format::Json, Some(name)) => drop(objects.insert(name, object(&report, seconds))),
            (Format::Json, None) => printer.result(&format!("{}\n", object(&report, seconds))),
            (_, _) => tell(&report, &site, action.output(), command, seconds, printer),
        }
    }
    if !objects.is_empty() {
        printer.result(&format!("{}\n", json!({"ok": ok, "sites": objects})));
    }
    if ok { Status::Done } else { Status::Failed }
}

/// Tells what is wrong with the settings.
pub(super) fn unresolved(problems: Diagnostics, sources: SourceMap, printer: &Printer) -> Status {
    let report = Report { diagnostics: problems.into_sorted(&sources), sources, ..Report::default() };
    printer.diagnostics(&report.diagnostics, &report.sources);
    if printer.format() == Format::Json {
        printer.result(&format!("{}\n", object(&report, 0.0)));
    }
    Status::Failed
}

/// The report as an object of JSON.
pub(super) fn object(report: &Report, seconds: f64) -> Value {
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

/// The report for people; `output` if the out directory was to be touched at all.
pub(super) fn tell(
    report: &Report,
    site: &Site,
    output: Option<&output::Options>,
    command: &str,
    seconds: f64,
    printer: &Printer,
) {
    let name = site.inputs.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    let devices = plural(report.devices, "device");
    let found = count(&report.diagnostics);
    let dry = output.is_some_and(|output| output.dry_run);
    let durable_out = output.map(|output| output.out.display().to_string()).unwrap_or_default();
    details(report, &name, dry, printer);
    if !report.committed && !report.ok {
        let mut notes = report.diagnostics.iter().flat_map(|found| &found.notes);
        let left = if notes.any(|note| note.contains(output::PARTLY)) {
            format!("; {durable_out} is partly new")
        } else if output.is_some() {
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

/// The mistakes, the files if they are wanted, and the notes: all but the summary. `name` stands before the
/// notes; `dry`: nothing was done.
pub(super) fn details(report: &Report, name: &str, dry: bool, printer: &Printer) {
    printer.diagnostics(&report.diagnostics, &report.sources);
    if printer.verbose {
        let (wrote, removed) = if dry { ("would write", "would remove") } else { ("wrote", "removed") };
        report.written.iter().for_each(|path| printer.note(&format!("{wrote} {path}")));
        report.removed.iter().for_each(|path| printer.note(&format!("{removed} {path}")));
    }
    report.notes.iter().for_each(|note| printer.note(&format!("{name}note: {note}")));
}
