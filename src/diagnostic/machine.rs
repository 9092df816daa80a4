//! Diagnostics for programs: JSON (CLI.md's object) and GitHub workflow commands.

use serde_json::{Value, json};

use super::{Diagnostic, FileId, Severity, SourceMap, Span};

/// A file's path with forward slashes on every system.
pub(super) fn path(sources: &SourceMap, file: FileId) -> String {
    let path = sources.path(file).to_string_lossy();
    if std::path::MAIN_SEPARATOR == '\\' { path.replace('\\', "/") } else { path.into_owned() }
}

fn severity(d: &Diagnostic) -> &'static str {
    match d.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// One diagnostic as the object that `--format json` prints; null where there is no place, device or help.
/// Lines and columns (in characters) count from 1.
pub fn json(d: &Diagnostic, sources: &SourceMap) -> Value {
    let related: Vec<Value> = d
        .related
        .iter()
        .map(|related| {
            let Span { file, line, column, .. } = related.span;
            json!({"message": related.message, "file": path(sources, file), "line": line, "column": column})
        })
        .collect();
    json!({
        "severity": severity(d),
        "code": d.code.0,
        "message": d.message,
        "file": d.span.map(|span| path(sources, span.file)),
        "line": d.span.map(|span| span.line),
        "column": d.span.map(|span| span.column),
        "device": d.device,
        "related": related,
        "help": d.help,
    })
}

/// One diagnostic as a workflow command of GitHub Actions, without a line end: an annotation at its place
/// in a pull request. The help follows the message on a line of its own.
pub fn github(d: &Diagnostic, sources: &SourceMap) -> String {
    let mut properties = Vec::new();
    if let Some(span) = d.span {
        properties.push(format!("file={}", property(&path(sources, span.file))));
        properties.push(format!("line={}", span.line));
        properties.push(format!("col={}", span.column));
    }
    properties.push(format!("title={}", property(d.code.0)));
    let mut message = d.message.clone();
    if let Some(device) = &d.device {
        message.push_str(&match d.more_devices {
            0 => format!(" (device {device})"),
            more => format!(" (device {device} and {more} more)"),
        });
    }
    if let Some(help) = &d.help {
        message.push_str("\nhelp: ");
        message.push_str(help);
    }
    format!("::{} {}::{}", severity(d), properties.join(","), data(&message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
