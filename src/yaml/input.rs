//! What the scanner reads from: the text with a byte position.
//!
//! The parser crate's own `StrInput` decodes a character for every look ahead and asks for 128 bytes of
//! buffer for every plain scalar. Inventories are nearly all ASCII and short scalars, so a byte test first
//! and a small buffer hint are worth a fifth of the parse time (docs/yaml.md).

use saphyr_parser::Input;
use saphyr_parser::input::{SkipTabs, is_blank, is_break, is_breakz, is_flow};

/// How many characters the scanner copies before it asks again; with one more it is what the scanner
/// reserves for every scalar, and its first allocation is of 32 bytes.
const CHUNK: usize = 24;

/// A cursor over text.
pub(super) struct TextInput<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> TextInput<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    #[inline(always)]
    fn byte(&self, n: usize) -> u8 {
        self.text.as_bytes().get(self.at + n).copied().unwrap_or(0)
    }

    #[cold]
    fn wide(&self) -> char {
        self.text.get(self.at..).and_then(|rest| rest.chars().next()).unwrap_or('\0')
    }

    /// The length of the character here; 0 at the end.
    #[inline(always)]
    fn width(&self) -> usize {
        match self.text.as_bytes().get(self.at) {
            Some(byte) if *byte < 0x80 => 1,
            Some(_) => self.wide().len_utf8(),
            None => 0,
        }
    }

    #[inline(always)]
    fn after_blank_or_end(byte: u8) -> bool {
        matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0)
    }

    /// Three equal marks that stand alone on their line so far.
    fn is_marker(&self, mark: u8) -> bool {
        self.byte(0) == mark
            && self.byte(1) == mark
            && self.byte(2) == mark
            && Self::after_blank_or_end(self.byte(3))
    }
}

impl Input for TextInput<'_> {
    #[inline(always)]
    fn lookahead(&mut self, _count: usize) {}

    #[inline(always)]
    fn buflen(&self) -> usize {
        CHUNK
    }

    #[inline(always)]
    fn bufmaxlen(&self) -> usize {
        CHUNK
    }

    #[inline(always)]
    fn buf_is_empty(&self) -> bool {
        false
    }

    #[inline]
    fn raw_read_ch(&mut self) -> char {
        let c = self.peek();
        self.skip();
        c
    }

    #[inline]
    fn raw_read_non_breakz_ch(&mut self) -> Option<char> {
        let c = self.peek();
        if is_breakz(c) || c == '\u{feff}' {
            return None;
        }
        self.skip();
        Some(c)
    }

    #[inline(always)]
    fn skip(&mut self) {
        self.at += self.width();
    }

    #[inline]
    fn skip_n(&mut self, count: usize) {
        for _ in 0..count {
            self.skip();
        }
    }

    #[inline(always)]
    fn peek(&self) -> char {
        let byte = self.byte(0);
        if byte < 0x80 { char::from(byte) } else { self.wide() }
    }

    #[inline(always)]
    fn peek_nth(&self, n: usize) -> char {
        if n == 1 && self.byte(0) < 0x80 && self.byte(1) < 0x80 {
            return char::from(self.byte(1));
        }
        self.text.get(self.at..).and_then(|rest| rest.chars().nth(n)).unwrap_or('\0')
    }

    #[inline]
    fn peek_opt(&self) -> Option<char> {
        self.text.get(self.at..).and_then(|rest| rest.chars().next())
    }

    #[inline]
    fn next_2_are(&self, c1: char, c2: char) -> bool {
        self.peek() == c1 && self.peek_nth(1) == c2
    }

    #[inline]
    fn next_3_are(&self, c1: char, c2: char, c3: char) -> bool {
        self.next_2_are(c1, c2) && self.peek_nth(2) == c3
    }

    #[inline]
    fn next_is_document_indicator(&self) -> bool {
        self.is_marker(b'-') || self.is_marker(b'.')
    }

    #[inline]
    fn next_is_document_start(&self) -> bool {
        self.is_marker(b'-')
    }

    #[inline]
    fn next_is_document_end(&self) -> bool {
        self.is_marker(b'.')
    }

    #[inline]
    fn skip_ws_to_eol(&mut self, skip_tabs: SkipTabs) -> (usize, Result<SkipTabs, &'static str>) {
        let start = self.at;
        let (mut tabs, mut spaces) = (false, false);
        loop {
            match self.byte(0) {
                b' ' => spaces = true,
                b'\t' if skip_tabs != SkipTabs::No => tabs = true,
                _ => break,
            }
            self.at += 1;
        }
        let mut count = self.at - start;
        if self.byte(0) == b'#' {
            if !tabs && !spaces {
                return (count, Err("comments must be separated from other tokens by whitespace"));
            }
            count += self.skip_while_non_breakz();
        }
        (count, Ok(SkipTabs::Result(tabs, spaces)))
    }

    #[inline(always)]
    fn next_can_be_plain_scalar(&self, in_flow: bool) -> bool {
        match self.byte(0) {
            b':' => {
                let next = self.byte(1);
                !(Self::after_blank_or_end(next) || in_flow && is_flow(char::from(next)))
            }
            byte if byte < 0x80 => !(in_flow && is_flow(char::from(byte))),
            // U+FEFF
            0xef => self.byte(1) != 0xbb || self.byte(2) != 0xbf,
            _ => true,
        }
    }

    #[inline(always)]
    fn next_is_blank_or_break(&self) -> bool {
        let c = char::from(self.byte(0));
        is_blank(c) || is_break(c)
    }

    #[inline(always)]
    fn next_is_blank_or_breakz(&self) -> bool {
        Self::after_blank_or_end(self.byte(0))
    }

    #[inline]
    fn skip_while_non_breakz(&mut self) -> usize {
        let mut count = 0;
        loop {
            match self.byte(0) {
                0 | b'\n' | b'\r' => return count,
                0xef if self.byte(1) == 0xbb && self.byte(2) == 0xbf => return count,
                _ => {
                    self.skip();
                    count += 1;
                }
            }
        }
    }
}
