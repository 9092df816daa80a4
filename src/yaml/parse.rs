//! From the parser's events to the tree.
//!
//! The tree is built on a stack of open collections, never by recursion, and the depth is bounded, so that
//! no input overflows the stack here nor in those who walk the tree. Entries of all open collections share
//! one buffer each: a collection is copied out of it, at its exact size, when it ends.

use std::borrow::Cow;
use std::ops::ControlFlow;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::diagnostic::{Diagnostic, Diagnostics, FileId, Span};

use super::alias::Anchors;
use super::characters::{self, Survey};
use super::input::TextInput;
use super::place::{self, Offsets, number};
use super::{Key, Node, Scalar, Value, codes, keys, simple, syntax};

/// How deep collections may be nested. INVENTORY.md needs eight.
pub(super) const MAX_DEPTH: usize = 64;

/// Parses one file's text. Mistakes go to `out`; the tree is there unless the text cannot be read as YAML
/// (or is built to exhaust memory). A tree with mistakes reported stands for what the user meant: of
/// duplicate keys the first, a value without its refused tag. An empty file is a null at its start.
///
/// A byte order mark at the start is skipped and counts in no column.
pub fn parse<'a>(file: FileId, text: &'a str, out: &mut Diagnostics) -> Option<Node<'a>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let survey = characters::survey(file, text, out);
    if survey == Survey::Refused {
        return None;
    }
    if survey != Survey::Doubtful
        && let Some(root) = simple::parse(file, text, survey == Survey::Ascii)
    {
        return Some(root);
    }
    parse_whole(file, text, survey, out)
}

/// The same for any text, by the parser that knows all of YAML.
pub(super) fn parse_whole<'a>(
    file: FileId,
    text: &'a str,
    survey: Survey,
    out: &mut Diagnostics,
) -> Option<Node<'a>> {
    let mut parser = Parser::new(TextInput::new(text));
    let mut builder = Builder {
        file,
        doubtful: survey == Survey::Doubtful,
        offsets: Offsets::new(text, survey == Survey::Ascii),
        frames: Vec::new(),
        entries: Vec::new(),
        items: Vec::new(),
        anchors: Anchors::default(),
        own: 0,
        documents: 0,
        root: None,
        out,
    };
    while let Some(event) = parser.next_event() {
        let flow = match event {
            Ok((event, span)) => builder.event(event, &span),
            Err(error) => {
                let open = builder.frames.iter().rev().find(|frame| frame.flow).map(|frame| frame.span);
                builder.out.push(syntax::explain(file, text, &error, open));
                return None;
            }
        };
        match flow {
            ControlFlow::Continue(()) => {}
            ControlFlow::Break(Stop::Whole) => break,
            ControlFlow::Break(Stop::Broken) => return None,
        }
    }
    Some(builder.root.unwrap_or_else(|| null(Span { file, line: 1, column: 1, len: 0 })))
}

/// Why no further event is wanted.
enum Stop {
    /// There is a tree.
    Whole,
    /// There is none.
    Broken,
}

type Flow = ControlFlow<Stop>;

/// A collection that has not ended.
struct Frame<'a> {
    kind: Kind<'a>,
    span: Span,
    /// Where it starts, in bytes.
    offset: usize,
    /// Whether it is written with brackets; a mapping in block style has the span of its first key.
    flow: bool,
    anchor: usize,
    /// Nodes made before it, to know its size.
    before: usize,
    /// Levels below it.
    height: usize,
}

enum Kind<'a> {
    /// `start`: its first entry in the shared buffer.
    /// `merge`: where a plain `<<` stands.
    Map {
        start: usize,
        pending: Pending<'a>,
        merge: Option<Span>,
    },
    Seq {
        start: usize,
    },
}

/// What a mapping waits for.
enum Pending<'a> {
    Key,
    Value(Key<'a>),
    /// The value of a key that was refused.
    Nothing,
}

struct Builder<'a, 'd> {
    file: FileId,
    doubtful: bool,
    offsets: Offsets<'a>,
    frames: Vec<Frame<'a>>,
    entries: Vec<(Key<'a>, Node<'a>)>,
    items: Vec<Node<'a>>,
    anchors: Anchors<'a>,
    /// Nodes that the file itself holds, so far.
    own: usize,
    documents: usize,
    root: Option<Node<'a>>,
    out: &'d mut Diagnostics,
}

impl<'a> Builder<'a, '_> {
    fn event(&mut self, event: Event<'a>, span: &saphyr_parser::Span) -> Flow {
        match event {
            Event::Scalar(value, style, anchor, tag) => self.scalar(value, style, anchor, tag, span),
            Event::MappingStart(anchor, tag) => {
                let kind = Kind::Map { start: self.entries.len(), pending: Pending::Key, merge: None };
                self.open(kind, anchor, tag, span)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(Kind::Seq { start: self.items.len() }, anchor, tag, span)
            }
            Event::MappingEnd | Event::SequenceEnd => self.close(span),
            Event::Alias(id) => self.alias(id, span),
            Event::DocumentStart(explicit) => self.document(explicit, span),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Flow::Continue(()),
        }
    }

    fn document(&mut self, explicit: bool, span: &saphyr_parser::Span) -> Flow {
        self.documents += 1;
        if self.documents == 1 {
            return Flow::Continue(());
        }
        let diagnostic =
            Diagnostic::error(codes::SEVERAL_DOCUMENTS, "a second document starts in the same file")
                .at(place::span(self.file, &span.start, if explicit { 3 } else { 0 }))
                .help("put each document into a file of its own, or remove the `---` or `...` line");
        self.out.push(diagnostic);
        Flow::Break(Stop::Whole)
    }

    fn scalar(
        &mut self,
        value: Cow<'a, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<Cow<'a, Tag>>,
        at: &saphyr_parser::Span,
    ) -> Flow {
        self.own += 1;
        let mut plain = style == ScalarStyle::Plain;
        let nothing = plain && value.is_empty();
        let mut offset = self.offsets.of(&at.start);
        let mut span = place::span(self.file, &at.start, 0);
        if anchor != 0 || tag.is_some() {
            (offset, span) = self.offsets.skip_properties(offset, span, nothing);
            if let Some(tag) = tag {
                self.tag(&tag, true, &at.start);
                plain = false;
            }
        }
        let text = if nothing {
            span = self.place_of_nothing(span, offset);
            value
        } else {
            let quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
            let start = offset + usize::from(quoted);
            let raw = self.offsets.borrow(start, &value);
            span.len = match (style, raw) {
                (ScalarStyle::Plain, Some(raw)) => self.offsets.count(raw),
                (ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, Some(raw))
                    if self.offsets.byte(start + raw.len()) == self.offsets.byte(offset) =>
                {
                    self.offsets.count(raw).saturating_add(2)
                }
                (ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, _) => self.offsets.quoted_len(offset),
                _ => self.offsets.count_to_line_end(offset),
            };
            if raw.is_none() || self.doubtful {
                self.refuse_controls(&value, span);
            }
            match raw {
                Some(raw) => Cow::Borrowed(raw),
                // The scanner's buffer has room to spare.
                None => Cow::Owned(value.into_owned().into_boxed_str().into_string()),
            }
        };
        let node = Node { span, value: Value::Scalar(Scalar { text, plain }) };
        if anchor != 0 {
            self.remember(anchor, &node, 1, 0)?;
        }
        self.put(node, 0);
        Flow::Continue(())
    }

    fn alias(&mut self, id: usize, at: &saphyr_parser::Span) -> Flow {
        let offset = self.offsets.of(&at.start);
        let name = syntax::word(self.offsets.rest(offset));
        let span = place::span(self.file, &at.start, self.offsets.count(name));
        let (mut node, height) = match self.anchors.copy(id, span, self.own) {
            Ok(Some(copy)) => copy,
            Ok(None) => {
                let message = format!("`{name}` stands inside the value it names");
                self.out.push(
                    Diagnostic::error(codes::RECURSIVE_ALIAS, message)
                        .at(span)
                        .help("a value cannot contain itself: name another anchor"),
                );
                (null(span), 0)
            }
            Err(diagnostic) => {
                self.out.push(diagnostic);
                return Flow::Break(Stop::Broken);
            }
        };
        if self.frames.len() + height > MAX_DEPTH {
            self.out.push(syntax::too_deep(span));
            return Flow::Break(Stop::Broken);
        }
        if let Some(Frame { kind: Kind::Map { pending: Pending::Key, .. }, .. }) = self.frames.last() {
            node.span = span;
        }
        self.put(node, height);
        Flow::Continue(())
    }

    fn remember(&mut self, id: usize, node: &Node<'a>, nodes: usize, height: usize) -> Flow {
        match self.anchors.remember(id, node, (nodes, height), self.own) {
            Ok(()) => Flow::Continue(()),
            Err(diagnostic) => {
                self.out.push(diagnostic);
                Flow::Break(Stop::Broken)
            }
        }
    }

    /// Where nothing stands: just after the colon or the dash, whatever token the parser met next.
    fn place_of_nothing(&self, mut span: Span, offset: usize) -> Span {
        match self.frames.last() {
            Some(Frame { kind: Kind::Map { pending: Pending::Value(key), .. }, .. }) => {
                let after = key.span.column.saturating_add(key.span.len);
                if self.offsets.byte(offset) == b':' && span.line == key.span.line {
                    span.column = span.column.saturating_add(1);
                } else if span.line != key.span.line {
                    (span.line, span.column) = (key.span.line, after);
                }
            }
            Some(Frame { kind: Kind::Seq { .. }, .. }) if self.offsets.byte(offset) == b'-' => {
                span.column = span.column.saturating_add(1);
            }
            // The parser takes the end of a text without a last line end to be on a further line.
            _ => (span.line, span.column) = (span.line, span.column).min(self.offsets.end(offset)),
        }
        span
    }

    fn refuse_controls(&mut self, value: &str, span: Span) {
        if let Some(c) = value.chars().find(|c| characters::is_refused(*c)) {
            self.out.push(characters::refusal(c, span));
        }
    }

    fn tag(&mut self, tag: &Tag, scalar: bool, mark: &Marker) {
        if scalar && tag.is_yaml_core_schema() && tag.suffix == "str" {
            return;
        }
        // It may be a password that starts with `!`, so it is not named.
        let diagnostic = Diagnostic::error(codes::TAG, "a value carries a tag, which is not supported")
            .at(place::span(self.file, mark, 1))
            .help("remove the tag; to keep a `!` as text, put the value in quotes");
        self.out.push(diagnostic);
    }

    fn open(
        &mut self,
        kind: Kind<'a>,
        anchor: usize,
        tag: Option<Cow<'a, Tag>>,
        at: &saphyr_parser::Span,
    ) -> Flow {
        self.own += 1;
        let mut offset = self.offsets.of(&at.start);
        let mut span = place::span(self.file, &at.start, 0);
        if self.frames.len() >= MAX_DEPTH {
            self.out.push(syntax::too_deep(Span { len: 1, ..span }));
            return Flow::Break(Stop::Broken);
        }
        if anchor != 0 || tag.is_some() {
            (offset, span) = self.offsets.skip_properties(offset, span, false);
            if let Some(tag) = tag {
                self.tag(&tag, false, &at.start);
            }
        }
        let flow = matches!(self.offsets.byte(offset), b'{' | b'[');
        let flow = flow && (matches!(kind, Kind::Map { .. }) == (self.offsets.byte(offset) == b'{'));
        if flow || matches!(kind, Kind::Seq { .. }) {
            span.len = 1;
        }
        let before = self.own + self.anchors.copied;
        self.frames.push(Frame { kind, span, offset, flow, anchor, before, height: 0 });
        Flow::Continue(())
    }

    fn close(&mut self, at: &saphyr_parser::Span) -> Flow {
        let Some(frame) = self.frames.pop() else { return Flow::Continue(()) };
        let mut span = frame.span;
        if frame.flow {
            span.len = if number(at.start.line()) == span.line {
                number(at.start.col()).saturating_add(2).saturating_sub(span.column)
            } else {
                self.offsets.count_to_line_end(frame.offset)
            };
        }
        let value = match frame.kind {
            Kind::Map { start, merge, .. } => {
                let mut entries: Vec<_> = self.entries.drain(start..).collect();
                keys::settle(&mut entries, merge, self.out);
                Value::Map(entries)
            }
            Kind::Seq { start } => Value::Seq(self.items.drain(start..).collect()),
        };
        let node = Node { span, value };
        let height = frame.height + 1;
        if frame.anchor != 0 {
            let nodes = (self.own + self.anchors.copied).saturating_sub(frame.before) + 1;
            self.remember(frame.anchor, &node, nodes, height)?;
        }
        self.put(node, height);
        Flow::Continue(())
    }

    fn put(&mut self, node: Node<'a>, height: usize) {
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return;
        };
        frame.height = frame.height.max(height);
        match &mut frame.kind {
            Kind::Seq { .. } => self.items.push(node),
            Kind::Map { pending, merge, .. } => match std::mem::replace(pending, Pending::Key) {
                Pending::Value(key) => self.entries.push((key, node)),
                Pending::Nothing => {}
                Pending::Key => {
                    if !frame.flow && frame.span.len == 0 {
                        frame.span = node.span;
                    }
                    *pending = match node {
                        Node { span, value: Value::Scalar(scalar) }
                            if !scalar.plain || !scalar.text.is_empty() =>
                        {
                            if scalar.plain && scalar.text == keys::MERGE {
                                merge.get_or_insert(span);
                            }
                            Pending::Value(Key { text: scalar.text, span })
                        }
                        node => {
                            self.out.push(refused_key(&node));
                            Pending::Nothing
                        }
                    };
                }
            },
        }
    }
}

fn refused_key(node: &Node<'_>) -> Diagnostic {
    let (message, help) = match node.value {
        Value::Scalar(_) => {
            ("a key is missing before the colon".to_owned(), "write the key, or remove the line")
        }
        _ => (
            format!("{} cannot be a key", node.kind_name()),
            "keys are texts; where a text in braces or brackets is meant, put it in quotes",
        ),
    };
    Diagnostic::error(codes::KEY_NOT_TEXT, message).at(node.span).help(help)
}

/// Nothing, at a place.
fn null<'a>(span: Span) -> Node<'a> {
    Node { span, value: Value::Scalar(Scalar { text: Cow::Borrowed(""), plain: true }) }
}
