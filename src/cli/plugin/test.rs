//! `plugin test`: the cases that plugins bring along, run with the plugins as they are.

use rayon::prelude::*;
use serde_json::{Value, json};

use super::super::Status;
use super::super::args::{Format, PluginTest};
use super::super::codes::{CANNOT_WRITE, NO_TESTS};
use super::super::print::{Printer, plural};
use super::load::Loaded;
use super::wanted;
use crate::diagnostic::{self, Diagnostic, Severity, SourceMap};
use crate::pipeline::cases::{self, Case, Outcome, Runner};

/// Runs `plugin test`.
pub(super) fn run(args: &PluginTest, loaded: &Loaded, printer: &Printer) -> Status {
    if !loaded.knows(&args.names, printer) {
        return Status::Failed;
    }
    let directories = &loaded.site.inputs.plugins;
    let tell = |diagnostic| printer.drawn(&[diagnostic], &SourceMap::default());
    let all = match cases::find(directories) {
        Ok(all) => all,
        Err(message) => {
            tell(Diagnostic::error(CANNOT_WRITE, message));
            return Status::Failed;
        }
    };
    let without: Vec<&String> = args
        .names
        .iter()
        .filter(|name| !all.iter().any(|case| case.family == **name || case.plugin == **name))
        .collect();
    if all.is_empty() || !without.is_empty() {
        tell(no_tests(&without));
        return Status::Failed;
    }
    let chosen: Vec<&Case> =
        all.iter().filter(|case| wanted(&args.names, &case.family, &case.plugin)).collect();
    let runner = Runner::new(directories, args.bless);
    let outcomes: Vec<(&Case, Outcome)> = chosen.par_iter().map(|case| (*case, runner.run(case))).collect();
    let failed = outcomes.iter().filter(|(_, outcome)| !outcome.is_fine()).count();
    if printer.format() == Format::Json {
        let rows: Value = outcomes.iter().map(|(case, outcome)| object(case, outcome)).collect();
        printer.result(&format!("{rows}\n"));
    } else {
        for (case, outcome) in &outcomes {
            human(case, outcome, printer);
        }
        let failures = if failed == 0 { String::new() } else { format!(", {failed} failed") };
        printer.result(&format!("{}{failures}\n", plural(outcomes.len(), "case")));
    }
    if failed == 0 && !loaded.set.has_mistakes() { Status::Done } else { Status::Failed }
}

/// The plugins that a binary carries have left their tests behind.
fn no_tests(names: &[&String]) -> Diagnostic {
    let message = match names {
        [] => "there are no tests of plugins here".to_owned(),
        [name, ..] => format!("there are no tests of `{name}` here"),
    };
    let help = "the plugins that the program carries come without tests: name the directory of their sources with --plugins";
    Diagnostic::error(NO_TESTS, message).help(help)
}

fn human(case: &Case, outcome: &Outcome, printer: &Printer) {
    let head = format!("{} {}", case.plugin, case.name);
    match outcome {
        Outcome::Same if printer.quiet => {}
        Outcome::Same => printer.result(&format!("{head}: ok\n")),
        Outcome::Blessed(count) => printer.result(&format!("{head}: {} written\n", plural(*count, "file"))),
        Outcome::Io(message) => printer.result(&format!("{head}: {message}\n")),
        Outcome::Differs(differences) => {
            for found in differences {
                printer.result(&format!("{head}: {} {}\n{}", found.path, found.what, found.excerpt));
            }
        }
        Outcome::Said(diagnostics, sources) => {
            let worst = diagnostics.iter().any(|found| found.severity == Severity::Error);
            let what = if worst { "does not build" } else { "does not build without a warning" };
            printer.result(&format!("{head}: {what}\n"));
            printer.drawn(diagnostics, sources);
        }
    }
}

fn object(case: &Case, outcome: &Outcome) -> Value {
    let differences: Vec<Value> = match outcome {
        Outcome::Differs(found) => {
            found.iter().map(|f| json!({"file": f.path, "what": f.what, "diff": f.excerpt})).collect()
        }
        _ => Vec::new(),
    };
    let said: Vec<Value> = match outcome {
        Outcome::Said(diagnostics, sources) => {
            diagnostics.iter().map(|found| diagnostic::json(found, sources)).collect()
        }
        Outcome::Io(message) => vec![json!({"message": message})],
        _ => Vec::new(),
    };
    json!({
        "plugin": case.plugin,
        "case": case.name,
        "file": case.file.display().to_string(),
        "ok": outcome.is_fine(),
        "differences": differences,
        "diagnostics": said,
    })
}
