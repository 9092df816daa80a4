//! From the parser's marks to bytes of the text and to spans.
//!
//! The parser counts characters and hands out copies of every scalar; to borrow from the text instead we
//! need byte offsets. Marks come nearly in order, so a cursor that walks along is enough.

use saphyr_parser::Marker;

use crate::diagnostic::{FileId, Span};

/// A cursor that knows one character index and its byte offset.
pub(super) struct Offsets<'a> {
    text: &'a str,
    ascii: bool,
    index: usize,
    offset: usize,
}

impl<'a> Offsets<'a> {
    pub(super) fn new(text: &'a str, ascii: bool) -> Self {
        Self { text, ascii, index: 0, offset: 0 }
    }

    /// The byte offset of a mark.
    #[inline]
    pub(super) fn of(&mut self, mark: &Marker) -> usize {
        if self.ascii { mark.index().min(self.text.len()) } else { self.walk(mark.index()) }
    }

    fn walk(&mut self, index: usize) -> usize {
        let bytes = self.text.as_bytes();
        while self.index < index && self.offset < bytes.len() {
            self.offset += 1;
            while is_continuation(bytes.get(self.offset)) {
                self.offset += 1;
            }
            self.index += 1;
        }
        while self.index > index && self.offset > 0 {
            self.offset -= 1;
            while is_continuation(bytes.get(self.offset)) && self.offset > 0 {
                self.offset -= 1;
            }
            self.index -= 1;
        }
        self.offset
    }

    /// The last line and column there are, for an offset at the end of the text; else no limit.
    pub(super) fn end(&self, offset: usize) -> (u32, u32) {
        if offset < self.text.len() {
            return (u32::MAX, u32::MAX);
        }
        let lines =
            self.text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'));
        lines.fold((0, 1), |(line, _), text| (line.saturating_add(1), self.count(text).saturating_add(1)))
    }

    /// The text from a byte offset on.
    pub(super) fn rest(&self, offset: usize) -> &'a str {
        self.text.get(offset..).unwrap_or_default()
    }

    /// The byte at an offset; 0 past the end.
    #[inline]
    pub(super) fn byte(&self, offset: usize) -> u8 {
        self.text.as_bytes().get(offset).copied().unwrap_or(0)
    }

    /// The slice of `len` bytes at an offset, if it reads `wanted`.
    #[inline]
    pub(super) fn borrow(&self, offset: usize, wanted: &str) -> Option<&'a str> {
        self.text.get(offset..offset + wanted.len()).filter(|raw| *raw == wanted)
    }

    /// How many characters a text has.
    #[inline]
    pub(super) fn count(&self, text: &str) -> u32 {
        number(if self.ascii { text.len() } else { text.chars().count() })
    }

    /// How many characters there are from an offset to the end of its line, trailing blanks left out.
    pub(super) fn count_to_line_end(&self, offset: usize) -> u32 {
        let rest = self.rest(offset);
        let line = rest.split(['\n', '\r']).next().unwrap_or_default();
        self.count(line.trim_end())
    }
}

fn is_continuation(byte: Option<&u8>) -> bool {
    byte.is_some_and(|b| b & 0xc0 == 0x80)
}

/// A count for a span; files of more than four thousand million lines do not exist.
#[inline]
pub(super) fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The span of `len` characters at a mark.
#[inline]
pub(super) fn span(file: FileId, mark: &Marker, len: u32) -> Span {
    Span { file, line: number(mark.line()), column: number(mark.col()).saturating_add(1), len }
}
