//! How far scalars reach in the text, where the parser's marks do not tell.

use crate::diagnostic::Span;

use super::place::Offsets;

impl Offsets<'_> {
    /// The length of a quoted scalar with escapes or several lines, on its first line.
    pub(super) fn quoted_len(&self, offset: usize) -> u32 {
        let mut chars = self.rest(offset).chars().peekable();
        let quote = chars.next();
        let mut len = 1u32;
        while let Some(c) = chars.next() {
            match c {
                '\n' | '\r' => break,
                '\\' if quote == Some('"') => {
                    let escaped = chars.next_if(|c| !matches!(c, '\n' | '\r'));
                    len = len.saturating_add(u32::from(escaped.is_some()));
                }
                '\'' if quote == Some('\'') && chars.next_if_eq(&'\'').is_some() => {
                    len = len.saturating_add(1)
                }
                c if Some(c) == quote => return len.saturating_add(1),
                _ => {}
            }
            len = len.saturating_add(1);
        }
        len
    }

    /// Past the anchor and the tag before a value, to the value itself; past the last of them if the value
    /// is nothing.
    pub(super) fn skip_properties(&self, offset: usize, span: Span, nothing: bool) -> (usize, Span) {
        let (mut end, mut end_span) = (offset, span);
        let (mut offset, mut span) = (offset, span);
        let mut rest = self.rest(offset).chars().peekable();
        let mut in_property = false;
        let mut in_comment = false;
        while let Some(c) = rest.peek().copied() {
            let breaks = matches!(c, '\n' | '\r');
            match c {
                _ if in_comment && !breaks => {}
                ' ' | '\t' | '\n' | '\r' => (in_property, in_comment) = (false, in_comment && !breaks),
                _ if in_property => {}
                '&' | '!' => in_property = true,
                '#' => in_comment = true,
                _ => break,
            }
            rest.next();
            offset += c.len_utf8();
            if c == '\n' || c == '\r' && rest.peek() != Some(&'\n') {
                (span.line, span.column) = (span.line.saturating_add(1), 1);
            } else {
                span.column = span.column.saturating_add(1);
            }
            if in_property {
                (end, end_span) = (offset, span);
            }
        }
        if nothing { (end, end_span) } else { (offset, span) }
    }
}
