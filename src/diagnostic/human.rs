//! Diagnostics for people, in the look of rustc.

use std::borrow::Cow;

use annotate_snippets::{
    AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};

use super::excerpt::Lines;
use super::machine::path;
use super::{Diagnostic, Severity, SourceMap, Span};

/// Lines of one file no further apart than this are drawn together.
const NEAR: u32 = 4;

/// How the text is to look.
#[derive(Clone, Copy, Debug)]
pub struct HumanOptions {
    /// Whether ANSI colours are used.
    pub color: bool,
    /// Columns of the terminal; longer source lines are cut to the part around the caret.
    pub width: usize,
}

impl Default for HumanOptions {
    fn default() -> Self {
        Self { color: false, width: 120 }
    }
}

/// The text of some diagnostics, each followed by an empty line. Source lines are drawn as they stand but
/// for the values of secret keys.
pub fn human(diagnostics: &[Diagnostic], sources: &SourceMap, options: HumanOptions) -> String {
    let renderer = if options.color { Renderer::styled() } else { Renderer::plain() };
    // Lines are cut here, where the true columns are known.
    let renderer = renderer.term_width(usize::from(u16::MAX));
    let width = options.width.max(40) - 12;
    let mut lines = Lines::new(sources);
    let mut text = String::new();
    for diagnostic in diagnostics {
        let places = places(diagnostic);
        let rendered = renderer.render(&[group(diagnostic, &places, &mut lines, width)]);
        text.push_str(&name_places(&rendered, &places, sources));
        text.push_str("\n\n");
    }
    text
}

/// Stands for the name of a place: the renderer would count columns in the line as it is drawn, but that
/// has its secrets and its ends cut. The character is for private use and belongs to no text.
const PLACEHOLDER: char = '\u{10fffd}';

/// Puts `file:line:column` where the placeholders are, in their order.
fn name_places(rendered: &str, places: &[Place<'_>], sources: &SourceMap) -> String {
    let mut pieces = rendered.split(PLACEHOLDER);
    let mut text = pieces.next().unwrap_or_default().to_owned();
    let mut places = places.iter().filter_map(|place| place.marks.first());
    for piece in pieces {
        if let Some(Mark { span, .. }) = places.next() {
            let path = path(sources, span.file);
            text.push_str(&format!(
                "{}:{}:{}",
                normalize_untrusted_str(&tame(&path)),
                span.line,
                span.column
            ));
        }
        text.push_str(piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':'));
    }
    text
}

fn group<'a>(d: &'a Diagnostic, places: &[Place<'a>], lines: &mut Lines<'_>, width: usize) -> Group<'a> {
    let level = match d.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(tame(&d.message)).id(d.code.0));
    for place in places {
        group = group.element(place.element(lines, width));
    }
    for note in &d.notes {
        group = group.element(Level::NOTE.message(clean(note)));
    }
    if let Some(device) = device_note(d) {
        group = group.element(Level::NOTE.message(clean(&device).into_owned()));
    }
    if let Some(help) = &d.help {
        group = group.element(Level::HELP.message(clean(help)));
    }
    group
}

fn device_note(d: &Diagnostic) -> Option<String> {
    let device = d.device.as_ref()?;
    Some(match d.more_devices {
        0 => format!("device {device}"),
        1 => format!("device {device} and 1 more device"),
        more => format!("device {device} and {more} more devices"),
    })
}

/// Messages may quote what a user wrote: nothing in it shall steer a terminal.
fn clean(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.contains(|c: char| c.is_control()) {
        return text.into();
    }
    let lines: Vec<String> = text.lines().map(|line| normalize_untrusted_str(&tame(line))).collect();
    lines.join("\n").into()
}

fn tame(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { text.into() } else { text.chars().map(tame_char).collect::<String>().into() }
}

/// The renderer shows C0 and direction controls as pictures but lets C1 through, which some terminals obey.
pub(super) fn tame_char(c: char) -> char {
    match c {
        PLACEHOLDER | '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => '\u{fffd}',
        _ => c,
    }
}

struct Mark<'a> {
    span: Span,
    label: Option<&'a str>,
    kind: AnnotationKind,
}

/// Lines of one file that are drawn together.
struct Place<'a> {
    marks: Vec<Mark<'a>>,
}

/// The place of the mistake first; related places join it where they are near, else follow.
fn places(d: &Diagnostic) -> Vec<Place<'_>> {
    let mut places: Vec<Place<'_>> = Vec::new();
    let own = d.span.map(|span| Mark { span, label: d.label.as_deref(), kind: AnnotationKind::Primary });
    let related = d.related.iter().map(|related| Mark {
        span: related.span,
        label: Some(&related.message),
        kind: AnnotationKind::Context,
    });
    for mark in own.into_iter().chain(related) {
        let near = |other: &Mark<'_>| {
            other.span.file == mark.span.file && other.span.line.abs_diff(mark.span.line) <= NEAR
        };
        match places.iter_mut().find(|place| place.marks.iter().any(near)) {
            Some(place) => place.marks.push(mark),
            None => places.push(Place { marks: vec![mark] }),
        }
    }
    places
}

impl<'a> Place<'a> {
    fn element(&self, lines: &mut Lines<'_>, width: usize) -> Element<'a> {
        let origin = || Origin::path(PLACEHOLDER.to_string()).into();
        let Some(first) = self.marks.first() else { return origin() };
        let top = self.marks.iter().map(|mark| mark.span.line).min().unwrap_or(1);
        let bottom = self.marks.iter().map(|mark| mark.span.line).max().unwrap_or(1);
        let mut text = String::new();
        let mut annotations = Vec::new();
        for line in top..=bottom {
            let marks: Vec<&Mark<'a>> = self.marks.iter().filter(|mark| mark.span.line == line).collect();
            let spans: Vec<Span> = marks.iter().map(|mark| mark.span).collect();
            let Some(drawn) = lines.draw(first.span.file, line, &spans, width) else { return origin() };
            for (mark, range) in marks.iter().zip(&drawn.ranges) {
                let range = range.start + text.len()..range.end + text.len();
                annotations.push(mark.kind.span(range).label(mark.label.map(clean)));
            }
            text.push_str(&drawn.text);
            if line != bottom {
                text.push('\n');
            }
        }
        let snippet = Snippet::source(text).path(PLACEHOLDER.to_string()).line_start(top as usize);
        snippet.annotations(annotations).into()
    }
}
