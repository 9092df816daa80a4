//! What the engine says about templates, as places in files and manifests.
//!
//! The engine gives a message and a place for one mistake; for several at once, and for the templates
//! through which a failing one was reached, it gives only printed reports, which are read back here.

use tera::{ErrorKind, ReportError};

use super::{Place, Places};
use crate::diagnostic::{Diagnostic, Span};
use crate::plugin::codes::TEMPLATE_FAILED;
use crate::plugin::filters::mask_secrets;
use crate::plugin::format::take_escape_problem;

/// Why a file could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// What is wrong, in lower case without a full stop. It may quote a value.
    pub message: String,
    /// The template's name as the engine knows it, such as `common/device.cfg.tera`.
    pub template: Option<String>,
    /// The place in the template or manifest.
    pub span: Option<Span>,
    /// The places from which it was included or called, the nearest first.
    pub called_from: Vec<Span>,
}

impl TemplateError {
    pub(super) fn plain(message: &str) -> Self {
        Self { message: message.to_owned(), template: None, span: None, called_from: Vec::new() }
    }

    pub(super) fn at(message: String, span: Span) -> Self {
        Self { message, template: None, span: Some(span), called_from: Vec::new() }
    }

    /// The same with every secret masked: what the engine says may quote a value.
    #[must_use]
    pub fn masked(mut self, secrets: &[&str]) -> Self {
        self.message = mask_secrets(&self.message, secrets);
        self
    }

    /// A diagnostic; the device is added by whoever knows it.
    pub fn diagnostic(&self) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(TEMPLATE_FAILED, self.message.clone());
        diagnostic.span = self.span;
        for span in &self.called_from {
            diagnostic = diagnostic.related("called from here", *span);
        }
        diagnostic
    }
}

/// A failure while rendering; `at` is where the manifest asks for the template.
pub(super) fn of_render(error: &tera::Error, places: &Places, at: Span) -> TemplateError {
    let ErrorKind::RenderingError(report) = error.kind() else {
        // A failed write has no place of its own; the escaping that refused a value kept its reason.
        let message = match take_escape_problem() {
            Some(problem) => problem.to_string(),
            None => lower(&error.to_string()),
        };
        return TemplateError::at(message, at);
    };
    let printed = error.to_string();
    let calls = printed.lines().filter_map(|line| line.strip_prefix("note: called from "));
    TemplateError {
        message: said(report, places),
        template: Some(report.filename().to_owned()),
        span: Some(of_report(report, places).unwrap_or(at)),
        called_from: calls.filter_map(|call| printed_place(call, 1, places)).collect(),
    }
}

/// What a report says. What a template says itself by `throw` stays as its author wrote it.
fn said(report: &ReportError, places: &Places) -> String {
    let text = places.get(report.filename()).and_then(|(text, _)| text.get(report.span().range.clone()));
    let thrown = text.is_some_and(|text| text.trim_start().starts_with("throw"));
    if thrown { report.message().to_owned() } else { lower(report.message()) }
}

/// One mistake with its place.
pub(super) fn of_report(report: &ReportError, places: &Places) -> Option<Span> {
    let (text, place) = places.get(report.filename())?;
    let range = &report.span().range;
    Some(span_of(text, place, range.start, range.end))
}

/// A mistake that was only printed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Printed {
    pub message: String,
    pub span: Span,
}

/// Reads reports back: `error: MESSAGE`, ` --> NAME:LINE:COLUMN`, and carets as long as the offending text.
pub(super) fn printed(text: &str, places: &Places) -> Vec<Printed> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(message) = line.strip_prefix("error: ") else { continue };
        let Some(place) = lines.next().and_then(|line| line.trim_start().strip_prefix("--> ")) else {
            continue;
        };
        let carets = lines.by_ref().take(3).last().unwrap_or_default();
        let length = carets.chars().filter(|c| *c == '^').count();
        if let Some(span) = printed_place(place, length, places) {
            found.push(Printed { message: lower(message), span });
        }
    }
    found
}

/// `NAME:LINE:COLUMN`, counted from 1.
fn printed_place(text: &str, length: usize, places: &Places) -> Option<Span> {
    let mut parts = text.rsplitn(3, ':');
    let column: usize = parts.next()?.parse().ok()?;
    let line: usize = parts.next()?.parse().ok()?;
    let (source, place) = places.get(parts.next()?)?;
    let start = offset(source, line, column);
    let end = source.get(start..).unwrap_or_default().char_indices().nth(length);
    Some(span_of(source, place, start, end.map_or(source.len(), |(at, _)| start + at)))
}

/// The byte offset of a line and column, counted in characters from 1.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}

/// A range of bytes of a template, as a span of the file that its text stands in.
pub(super) fn span_of(text: &str, place: &Place, start: usize, end: usize) -> Span {
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = characters(before.get(line_start..).unwrap_or_default());
    let marked = text.get(start..end).unwrap_or_default();
    let length = characters(marked.lines().next().unwrap_or_default());
    match place {
        Place::File(file) => {
            let line = small(before.matches('\n').count()).saturating_add(1);
            Span { file: *file, line, column: column.saturating_add(1), len: length }
        }
        Place::Value { span, prefix, text } => {
            // A value written on one line stands in the manifest as it is, or between two quotes.
            let written = characters(text);
            let quote = match span.len.checked_sub(written) {
                Some(0) => 0,
                Some(2) => 1,
                _ => return *span,
            };
            let column = column.saturating_sub(small(*prefix)).min(written);
            let length = length.min(written - column);
            Span { column: span.column + quote + column, len: length, ..*span }
        }
    }
}

fn characters(text: &str) -> u32 {
    small(text.chars().count())
}

fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Messages of ours begin in lower case; the engine's do not, nor do they all end without a full stop.
pub(super) fn lower(message: &str) -> String {
    let message = message.trim_end_matches('.');
    let mut chars = message.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}
