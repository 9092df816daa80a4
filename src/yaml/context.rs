//! The lines around the place where the parser stopped. Only used once a file is known to be broken.

use crate::diagnostic::Span;

use super::place::number;

/// The text in lines, and the place.
pub(super) struct Context<'a> {
    lines: Vec<&'a str>,
    at: Span,
}

impl<'a> Context<'a> {
    pub(super) fn new(text: &'a str, at: Span) -> Self {
        // A line break is LF, CRLF or, for the parser, CR.
        let lines = text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'));
        let mut context = Self { lines: lines.collect(), at };
        let count = number(context.lines.len());
        let length = |context: &Self, line| number(context.line(line).chars().count());
        if at.line >= count && context.rest_of_line().is_empty() && context.line(at.line).trim().is_empty() {
            let line = context.content_line_above(at.line.min(count.saturating_add(1))).unwrap_or(1);
            let column = number(context.line(line).trim_end().chars().count()).saturating_add(1);
            context.at = Span { line, column, len: 0, ..at };
        } else {
            context.at.column = at.column.min(length(&context, at.line).saturating_add(1));
        }
        context
    }

    /// The place, or the end of the last line that holds something, where the parser went past the text.
    pub(super) fn at(&self) -> Span {
        self.at
    }

    fn line(&self, line: u32) -> &'a str {
        self.lines.get((line as usize).wrapping_sub(1)).copied().unwrap_or_default()
    }

    fn split(&self) -> (&'a str, &'a str) {
        let line = self.line(self.at.line);
        let before = self.at.column.saturating_sub(1) as usize;
        let offset = line.char_indices().nth(before).map_or(line.len(), |(offset, _)| offset);
        line.split_at_checked(offset).unwrap_or((line, ""))
    }

    /// From the place to the end of its line.
    pub(super) fn rest_of_line(&self) -> &'a str {
        self.split().1
    }

    /// Whether a key and its colon stand before the place, on its line.
    pub(super) fn has_colon_before(&self) -> bool {
        self.split().0.contains(": ")
    }

    /// The first tab in the indentation of the place's line or one below.
    pub(super) fn indenting_tab(&self) -> Option<Span> {
        let first = (self.at.line as usize).saturating_sub(1);
        self.lines.iter().enumerate().skip(first).find_map(|(n, line)| {
            let tab = line.chars().take_while(|c| matches!(c, ' ' | '\t')).position(|c| c == '\t')?;
            (!line.trim().is_empty()).then_some(Span {
                line: number(n + 1),
                column: number(tab + 1),
                len: 1,
                ..self.at
            })
        })
    }

    /// The last line before another that holds more than blanks and a comment.
    pub(super) fn content_line_above(&self, line: u32) -> Option<u32> {
        (1..line).rev().find(|n| {
            let text = self.line(*n).trim();
            !text.is_empty() && !text.starts_with('#')
        })
    }

    /// The line that the place ends: its own, if anything stands before it there, else the one above.
    pub(super) fn content_line(&self) -> u32 {
        if self.split().0.trim().is_empty() {
            self.content_line_above(self.at.line).unwrap_or(self.at.line)
        } else {
            self.at.line
        }
    }

    /// The first colon of a line, where no blank follows it and the line has no proper one.
    pub(super) fn colon_without_blank(&self, line: u32) -> Option<Span> {
        let text = self.line(line);
        let content = text.trim_start().trim_start_matches("- ").trim_start();
        if text.contains(": ") || text.trim_end().ends_with(':') || content.starts_with(['"', '\'', '#']) {
            return None;
        }
        let colon = text.chars().position(|c| c == ':')?;
        Some(Span { line, column: number(colon + 1), len: 1, ..self.at })
    }

    /// What a line holds, less its indentation.
    pub(super) fn whole(&self, line: u32) -> Span {
        let text = self.line(line);
        let indent = text.chars().take_while(|c| c.is_whitespace()).count();
        let len = text.trim().chars().count();
        Span { line, column: number(indent + 1), len: number(len), ..self.at }
    }
}
