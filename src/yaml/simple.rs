//! The YAML that people mostly write, read in one pass over its bytes.
//!
//! Block mappings and lists, collections in brackets on one line, scalars on one line without escapes, comments.
//! Whatever else stands in a file (anchors, tags, escapes, scalars over several lines, tabs, nothing after a
//! colon), and every mistake, makes this give up, and the whole parser reads the file. Only what is surely
//! read the same way is accepted: a property test compares the two trees, places included.

use std::borrow::Cow;

use crate::diagnostic::{FileId, Span};

use super::place::number;
use super::{Key, Node, Scalar, Value, keys};

/// Deeper files are left to the whole parser, which counts exactly.
const MAX_DEPTH: usize = 32;
/// YAML limits keys to 1024 characters.
const LONGEST_KEY: usize = 1000;

/// The tree of a text in the simple form; none for any other. The text holds no characters that are refused.
pub(super) fn parse(file: FileId, text: &str, ascii: bool) -> Option<Node<'_>> {
    if memchr::memchr2(b'\t', b'\r', text.as_bytes()).is_some() || !ascii && text.contains('\u{feff}') {
        return None;
    }
    let mut reader = Reader {
        file,
        text,
        ascii,
        at: 0,
        line: 1,
        line_start: 0,
        indent: None,
        entries: Vec::new(),
        items: Vec::new(),
    };
    reader.content()?;
    if reader.indent == Some(0) && reader.rest().starts_with("---\n") {
        reader.at += 3;
        reader.next_line()?;
    }
    let root = (reader.indent == Some(0)).then(|| reader.block(0, 0))??;
    reader.indent.is_none().then_some(root)
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    ascii: bool,
    /// The next byte.
    at: usize,
    line: u32,
    /// The byte at which the line starts.
    line_start: usize,
    /// The indentation of the line that was come to last; none at the end of the text.
    indent: Option<usize>,
    /// Entries and items of all open collections, copied out at their exact number.
    entries: Vec<(Key<'a>, Node<'a>)>,
    items: Vec<Node<'a>>,
}

/// Whether a byte has a meaning of its own inside brackets.
fn is_flow(byte: u8) -> bool {
    matches!(byte, b',' | b'[' | b']' | b'{' | b'}')
}

impl<'a> Reader<'a> {
    /// The byte at an offset; the end of the text is a line end.
    #[inline]
    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(b'\n')
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn count(&self, start: usize, end: usize) -> u32 {
        number(match self.ascii {
            true => end.saturating_sub(start),
            false => self.text.get(start..end).map_or(0, |text| text.chars().count()),
        })
    }

    /// From one byte to another of this line.
    fn span(&self, start: usize, end: usize) -> Span {
        let column = self.count(self.line_start, start).saturating_add(1);
        Span { file: self.file, line: self.line, column, len: self.count(start, end) }
    }

    fn skip_spaces(&mut self) {
        while self.byte(self.at) == b' ' {
            self.at += 1;
        }
    }

    fn skip_line(&mut self) {
        let rest = self.rest();
        self.at += memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
    }

    /// From a line end to the next line that holds something.
    fn next_line(&mut self) -> Option<()> {
        if self.at >= self.text.len() {
            self.indent = None;
            return Some(());
        }
        self.at += 1;
        self.line = self.line.checked_add(1)?;
        self.content()
    }

    /// From the start of a line to the next line that holds something, this one included.
    fn content(&mut self) -> Option<()> {
        loop {
            self.line_start = self.at;
            self.skip_spaces();
            match self.byte(self.at) {
                b'#' => self.skip_line(),
                b'\n' => {}
                _ => break,
            }
            if self.at >= self.text.len() {
                self.indent = None;
                return Some(());
            }
            self.at += 1;
            self.line = self.line.checked_add(1)?;
        }
        let indent = self.at - self.line_start;
        self.indent = Some(indent);
        (indent > 0 || !self.rest().starts_with("...")).then_some(())
    }

    /// What may follow a value on its line: blanks and a comment. Then to the next line.
    fn end_of_line(&mut self) -> Option<()> {
        let value_end = self.at;
        self.skip_spaces();
        match self.byte(self.at) {
            b'\n' => {}
            b'#' if self.at > value_end => self.skip_line(),
            _ => return None,
        }
        self.next_line()
    }

    fn is_dash(&self) -> bool {
        self.byte(self.at) == b'-' && matches!(self.byte(self.at + 1), b' ' | b'\n')
    }

    /// A mapping or list whose first line starts here.
    fn block(&mut self, indent: usize, depth: usize) -> Option<Node<'a>> {
        if depth > MAX_DEPTH {
            return None;
        }
        if self.is_dash() {
            return self.list(indent, depth);
        }
        let first = self.key(false)?;
        self.mapping(first, indent, depth)
    }

    /// A block mapping; its first key was read.
    fn mapping(&mut self, first: Key<'a>, indent: usize, depth: usize) -> Option<Node<'a>> {
        let (start, span) = (self.entries.len(), first.span);
        let mut key = first;
        loop {
            self.skip_spaces();
            let value = match self.byte(self.at) {
                b'\n' | b'#' => {
                    self.end_of_line()?;
                    match self.indent? {
                        deeper if deeper > indent => self.block(deeper, depth + 1)?,
                        // A list may stand as far left as its key.
                        same if same == indent && self.is_dash() => {
                            let mut list = self.list(indent, depth + 1)?;
                            // The whole parser has no mark of its own for such a list. What it takes for
                            // one is not worth describing where that is another line or list.
                            let first = list.as_seq()?.first()?;
                            if first.span.line != list.span.line || first.as_seq().is_some() {
                                return None;
                            }
                            list.span = Span { len: 1, ..first.span };
                            list
                        }
                        _ => return None,
                    }
                }
                _ => self.inline(depth)?,
            };
            self.entries.push((key, value));
            match self.indent {
                Some(deeper) if deeper > indent => return None,
                Some(same) if same == indent => key = self.key(false)?,
                _ => return self.end_mapping(start, span),
            }
        }
    }

    fn end_mapping(&mut self, start: usize, span: Span) -> Option<Node<'a>> {
        let entries: Vec<_> = self.entries.drain(start..).collect();
        (!keys::has_duplicates(&entries)).then_some(Node { span, value: Value::Map(entries) })
    }

    fn list(&mut self, indent: usize, depth: usize) -> Option<Node<'a>> {
        let (start, span) = (self.items.len(), self.span(self.at, self.at + 1));
        while self.indent == Some(indent) && self.is_dash() {
            self.at += 1;
            self.skip_spaces();
            let item = match self.byte(self.at) {
                b'\n' | b'#' => {
                    self.end_of_line()?;
                    let deeper = self.indent.filter(|deeper| *deeper > indent)?;
                    self.block(deeper, depth + 1)?
                }
                _ => {
                    let column = self.at - self.line_start;
                    match self.key(false) {
                        Some(key) if depth < MAX_DEPTH => self.mapping(key, column, depth + 1)?,
                        _ => self.inline(depth)?,
                    }
                }
            };
            self.items.push(item);
            if self.indent > Some(indent) {
                return None;
            }
        }
        Some(Node { span, value: Value::Seq(self.items.drain(start..).collect()) })
    }

    /// A key with its colon, after which a blank or a line end stands. Without one nothing is read.
    fn key(&mut self, flow: bool) -> Option<Key<'a>> {
        let start = self.at;
        let (inner, end) = match self.byte(start) {
            b'"' | b'\'' => self.quoted(start)?,
            _ => {
                let end = self.plain_end(start, flow)?;
                (start..end, end)
            }
        };
        if self.byte(end) != b':' || !matches!(self.byte(end + 1), b' ' | b'\n') || end - start > LONGEST_KEY
        {
            return None;
        }
        let text = self.text.get(inner)?;
        if text == keys::MERGE {
            return None;
        }
        self.at = end + 1;
        Some(Key { text: Cow::Borrowed(text), span: self.span(start, end) })
    }

    /// A value on the line of its key or dash, to the next line.
    fn inline(&mut self, depth: usize) -> Option<Node<'a>> {
        let node = match self.byte(self.at) {
            b'{' | b'[' => self.flow(depth + 1)?,
            _ => self.scalar(false)?,
        };
        self.end_of_line()?;
        Some(node)
    }

    fn scalar(&mut self, flow: bool) -> Option<Node<'a>> {
        let start = self.at;
        let (inner, end, plain) = match self.byte(start) {
            b'"' | b'\'' => {
                let (inner, end) = self.quoted(start)?;
                (inner, end, false)
            }
            _ => {
                let end = self.plain_end(start, flow)?;
                (start..end, end, true)
            }
        };
        self.at = end;
        let text = Cow::Borrowed(self.text.get(inner)?);
        Some(Node { span: self.span(start, end), value: Value::Scalar(Scalar { text, plain }) })
    }

    /// The inside of a quoted scalar without escapes, and the byte after it.
    fn quoted(&self, start: usize) -> Option<(std::ops::Range<usize>, usize)> {
        let quote = self.byte(start);
        let rest = self.text.as_bytes().get(start + 1..)?;
        let length = memchr::memchr3(quote, b'\n', b'\\', rest)?;
        let end = start + 1 + length;
        // In single quotes a backslash is itself: rare enough for the whole parser.
        (self.byte(end) == quote && self.byte(end + 1) != quote).then_some((start + 1..end, end + 1))
    }

    /// The end of a scalar without quotes, blanks after it left out: at a comment, at the line end, at a colon
    /// before a blank or, in brackets, at what has a meaning there.
    fn plain_end(&self, start: usize, flow: bool) -> Option<usize> {
        match self.byte(start) {
            b'-' if self.byte(start + 1).is_ascii_alphanumeric() => {}
            b' ' | b'\n' | b'-' | b'?' | b':' | b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*'
            | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%' | b'@' | b'`' => return None,
            _ => {}
        }
        let mut at = start;
        // Past the last byte that is no blank.
        let mut end = start;
        loop {
            match self.byte(at) {
                b'\n' => return Some(end),
                b' ' => {}
                b'#' if end < at => return Some(end),
                b':' => {
                    let next = self.byte(at + 1);
                    if matches!(next, b' ' | b'\n') || flow && is_flow(next) {
                        // A blank before the colon is left to the whole parser.
                        return (end == at).then_some(end);
                    }
                    end = at + 1;
                }
                byte if flow && is_flow(byte) => return Some(end),
                _ => end = at + 1,
            }
            at += 1;
        }
    }

    /// A mapping or list in brackets, closed on its line.
    fn flow(&mut self, depth: usize) -> Option<Node<'a>> {
        if depth > MAX_DEPTH {
            return None;
        }
        let start = self.at;
        let mapping = self.byte(start) == b'{';
        let close = if mapping { b'}' } else { b']' };
        let (entries, items) = (self.entries.len(), self.items.len());
        self.at += 1;
        self.skip_spaces();
        let mut open = self.byte(self.at) != close;
        while open {
            if mapping {
                let key = self.key(true)?;
                self.skip_spaces();
                let value = self.flow_value(depth)?;
                self.entries.push((key, value));
            } else {
                let item = self.flow_value(depth)?;
                self.items.push(item);
            }
            self.skip_spaces();
            open = self.byte(self.at) == b',';
            if open {
                self.at += 1;
                self.skip_spaces();
            }
        }
        if self.byte(self.at) != close {
            return None;
        }
        self.at += 1;
        let span = self.span(start, self.at);
        if mapping {
            return self.end_mapping(entries, span);
        }
        Some(Node { span, value: Value::Seq(self.items.drain(items..).collect()) })
    }

    fn flow_value(&mut self, depth: usize) -> Option<Node<'a>> {
        match self.byte(self.at) {
            b'{' | b'[' => self.flow(depth + 1),
            _ => self.scalar(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::characters::{Survey, survey};
    use super::super::parse::parse_whole;
    use super::super::{Node, Scalar, Value};
    use super::parse;
    use crate::diagnostic::{Diagnostics, FileId, Span};

    const SIMPLE: &str = r#"---
# site
site: {name: "bench: a", 'q': [], http_url: http://10.0.0.1:8667/a#b} # note

profiles:
  base:
      vendor: Snom # not D785
      codecs: [g722, pcma,pcmu]
      numbers: {work: "+33 1", other: {}, éa: -1}
  # between
  "office 1":
      extends:
      - base
      -   'other'
devices:
  - mac: 00:1a:2b:3c:4d:e0
    name: Chloé a,b [c] {d} x:y
    note: "é, desk: 1"
    lines:
    - {number: "1001", label: 漢é, x: {y: [a, [b]]}}
    - number: "1002"

      label: ""
  -
    id: soft
    function_keys:
      1: {type: blf}
last: ~"#;

    /// The nodes of a tree in the order of the text.
    fn flat(node: &Node<'_>, nodes: &mut Vec<String>) {
        let Span { line, column, len, .. } = node.span;
        let place = format!("{line}:{column}+{len}");
        match &node.value {
            Value::Scalar(Scalar { text, plain }) => nodes.push(format!("{place} {text:?} plain {plain}")),
            Value::Seq(items) => {
                nodes.push(format!("{place} {} items", items.len()));
                items.iter().for_each(|item| flat(item, nodes));
            }
            Value::Map(entries) => {
                nodes.push(format!("{place} {} entries", entries.len()));
                for (key, value) in entries {
                    nodes.push(format!("{key:?}"));
                    flat(value, nodes);
                }
            }
        }
    }

    /// Accepted or not; whatever is accepted must be what the whole parser reads, without a mistake.
    fn accepted(text: &str) -> bool {
        let mut out = Diagnostics::default();
        let found = survey(FileId(0), text, &mut out);
        if matches!(found, Survey::Doubtful | Survey::Refused) {
            return false;
        }
        let Some(simple) = parse(FileId(0), text, found == Survey::Ascii) else { return false };
        let whole = parse_whole(FileId(0), text, found, &mut out);
        assert!(out.is_empty(), "{text:?}: {:?}", out.iter().next());
        let (mut one, mut other) = (Vec::new(), Vec::new());
        flat(&simple, &mut one);
        whole.iter().for_each(|whole| flat(whole, &mut other));
        let at = one.iter().zip(&other).position(|(a, b)| a != b).unwrap_or(one.len().min(other.len()));
        assert_eq!(one.get(at), other.get(at), "value {at} of {text:?}");
        true
    }

    #[test]
    fn what_people_write_is_simple() {
        assert!(accepted(SIMPLE));
        assert!(accepted(&SIMPLE.replace(|c: char| !c.is_ascii(), "e")));
        for text in [
            "a: b",
            "- a\n- b\n",
            "- a: b\n  c: d\n-  e: f\n",
            "a:\n- b: c\n  d: e\n- f\ng: h\n",
            "a b: 'c' #\n",
        ] {
            assert!(accepted(text), "{text:?}");
        }
    }

    #[test]
    fn the_rest_is_left_to_the_whole_parser() {
        let refused = [
            "",
            "# a\n",
            "a:\n",
            "a\n",
            "a: b\n  c\n",
            "a: b: c",
            "a: 'b''c'",
            "a: \"\\n\"",
            "a: &x b",
            "a: *b",
            "a: !t b",
            "<<: {}",
            "a: |\n b\n",
            "a: [b,\n c]",
            "a: [b, ]",
            "a: {b}",
            "a: {b: }",
            "a: [b: c]",
            "a: b\na: c\n",
            "a: {b: 1, b: 2}",
            "a: b\n c: d\n",
            "a:\n  b: c\n d: e\n",
            "- a\nb: c\n",
            "a: b\n- c\n",
            " a: b",
            "a: b\r\n",
            "a:\tb",
            "a: b\n---\nc: d\n",
            "a: b\n...\n",
            "? a",
            "a : b",
            "a: b#c:",
            "a: b:",
            "a: 'b' c",
            "a: {b: c}d",
            "{a: b}: c",
            "- - a",
            "%a: b",
            "a: {b : c}",
            "a: {b:c}",
            "a: [b #c]",
        ];
        for text in refused {
            assert!(!accepted(text), "{text:?}");
        }
    }

    /// Pieces of the simple form, and some that only the whole parser reads.
    const PIECES: &[&str] = &[
        "\n", "\n", "\n  ", "\n  ", "\n    ", "\n- ", "\n  - ", "- ", ": ", ": ", ":", "a", "b", "c", "a: ",
        "b: ", "é", "1", "-", "-1", " ", "  ", " #", "#", "\"", "'", "\"x\"", "'y'", "[", "]", "{", "}",
        ", ", ",", "[a, b]", "{a: b}", "{c: [d]}", "\n# x", "~", "null", ".", "...", "---\n", "&a ", "*a",
        "<<", "|", ">", "?", "? ", "!", "%", "@", "`", "\\", "=", "/", "://",
    ];

    fn soup() -> impl Strategy<Value = String> {
        proptest::collection::vec(proptest::sample::select(PIECES), 0..14).prop_map(|pieces| pieces.concat())
    }

    fn mutated() -> impl Strategy<Value = String> {
        let edit = (0..SIMPLE.len(), 0..4_usize, proptest::sample::select(PIECES));
        proptest::collection::vec(edit, 1..4).prop_map(|edits| {
            let mut chars: Vec<char> = SIMPLE.chars().collect();
            for (at, remove, piece) in edits {
                let at = at.min(chars.len());
                let end = (at + remove).min(chars.len());
                chars.splice(at..end, piece.chars());
            }
            chars.into_iter().collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_is_accepted_is_read_as_by_the_whole_parser(soup in soup(), mutated in mutated()) {
            accepted(&soup);
            accepted(&mutated);
        }
    }
}
