//! Reading fields out of nodes: what is asked for is what is known, so that the list of fields a section
//! may have is written once, in the code that reads them. Every reader reports what is wrong and goes on.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::plugin::codes::{BAD_VALUE, MISSING_FIELD, UNKNOWN_FIELD};
use crate::yaml::{Key, Node, Value};

/// A value and the place in a manifest that it came from.
#[derive(Clone, Debug)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Puts a value at a place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// The fields of one mapping, read by name.
pub(crate) struct Fields<'n, 'a> {
    /// What the mapping is, for messages: "a file", "model `D40`".
    what: String,
    span: Span,
    entries: &'n [(Key<'a>, Node<'a>)],
    known: Vec<&'static str>,
}

impl<'n, 'a> Fields<'n, 'a> {
    /// The fields of a node that has to be a mapping.
    pub fn of(node: &'n Node<'a>, what: impl Into<String>, out: &mut Diagnostics) -> Option<Self> {
        let what = what.into();
        let entries = mapping(node, &what, out)?;
        Some(Self { what, span: node.span, entries, known: Vec::new() })
    }

    /// The place of the mapping.
    pub fn span(&self) -> Span {
        self.span
    }

    /// A field that may be left out; null counts as left out.
    pub fn get(&mut self, name: &'static str) -> Option<&'n Node<'a>> {
        self.known.push(name);
        self.entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node).filter(|n| !is_null(n))
    }

    /// A field that must be there.
    pub fn require(&mut self, name: &'static str, out: &mut Diagnostics) -> Option<&'n Node<'a>> {
        let found = self.get(name);
        if found.is_none() {
            let message = format!("{} has no `{name}`", self.what);
            out.push(Diagnostic::error(MISSING_FIELD, message).at(self.span).help(format!("add `{name}:`")));
        }
        found
    }

    /// The fields whose names begin with a prefix (`description_fr`), by the rest of the name.
    pub fn prefixed(&mut self, prefix: &str) -> Vec<(&'n str, &'n Node<'a>)> {
        let entries = self.entries.iter();
        entries.filter_map(|(key, node)| Some((key.text.strip_prefix(prefix)?, node))).collect()
    }

    /// Reports every field that nobody asked for, except those with a prefix that was read.
    pub fn finish_but(self, prefix: Option<&str>, out: &mut Diagnostics) {
        for (key, _) in self.entries {
            let name = &*key.text;
            if self.known.contains(&name) || prefix.is_some_and(|p| name.starts_with(p)) {
                continue;
            }
            let message = format!("{} has no field `{name}`", self.what);
            let help = near(name, self.known.iter().copied());
            out.push(Diagnostic::error(UNKNOWN_FIELD, message).at(key.span).maybe_help(help));
        }
    }

    /// Reports every field that nobody asked for.
    pub fn finish(self, out: &mut Diagnostics) {
        self.finish_but(None, out);
    }

    /// Text, if the field is there.
    pub fn text(&mut self, name: &'static str, out: &mut Diagnostics) -> Option<Spanned<String>> {
        self.get(name).and_then(|node| text(node, name, out))
    }

    /// Text that must be there.
    pub fn require_text(&mut self, name: &'static str, out: &mut Diagnostics) -> Option<Spanned<String>> {
        self.require(name, out).and_then(|node| text(node, name, out))
    }

    /// `true` or `false`; left out it is false.
    pub fn flag(&mut self, name: &'static str, out: &mut Diagnostics) -> bool {
        self.get(name).and_then(|node| flag(node, name, out)).unwrap_or_default()
    }

    /// A whole number no greater than `max`.
    pub fn count(&mut self, name: &'static str, max: u32, out: &mut Diagnostics) -> Option<u32> {
        self.get(name).and_then(|node| count(node, name, max, out))
    }

    /// One of a table's words.
    pub fn word<T: Copy>(
        &mut self,
        name: &'static str,
        table: &[(&str, T)],
        out: &mut Diagnostics,
    ) -> Option<T> {
        self.get(name).and_then(|node| word(node, name, table, out))
    }

    /// A list of texts; left out it is empty.
    pub fn texts(&mut self, name: &'static str, out: &mut Diagnostics) -> Vec<Spanned<String>> {
        self.get(name).map(|node| texts(node, name, out)).unwrap_or_default()
    }

    /// The nodes of a list; left out it is empty.
    pub fn list(&mut self, name: &'static str, out: &mut Diagnostics) -> &'n [Node<'a>] {
        self.get(name).and_then(|node| list(node, name, out)).unwrap_or_default()
    }

    /// The entries of a mapping; left out it is empty.
    pub fn map(&mut self, name: &'static str, out: &mut Diagnostics) -> &'n [(Key<'a>, Node<'a>)] {
        self.get(name).and_then(|node| mapping(node, &format!("`{name}`"), out)).unwrap_or_default()
    }

    /// A mapping of texts; left out it is empty.
    pub fn text_map(&mut self, name: &'static str, out: &mut Diagnostics) -> BTreeMap<String, String> {
        let entries = self.map(name, out).iter().filter(|(_, node)| !is_null(node));
        entries
            .filter_map(|(key, node)| Some((key.text.to_string(), text(node, &key.text, out)?.value)))
            .collect()
    }
}

/// Whether the node is a plain null.
pub(crate) fn is_null(node: &Node<'_>) -> bool {
    matches!(&node.value, Value::Scalar(scalar) if scalar.is_null())
}

/// The entries of a node that has to be a mapping; null is an empty one.
pub(crate) fn mapping<'n, 'a>(
    node: &'n Node<'a>,
    what: &str,
    out: &mut Diagnostics,
) -> Option<&'n [(Key<'a>, Node<'a>)]> {
    match &node.value {
        Value::Map(entries) => Some(entries),
        Value::Scalar(scalar) if scalar.is_null() => Some(&[]),
        _ => wrong(node, &format!("{what} must be a mapping"), out),
    }
}

/// The items of a node that has to be a list.
pub(crate) fn list<'n, 'a>(node: &'n Node<'a>, what: &str, out: &mut Diagnostics) -> Option<&'n [Node<'a>]> {
    match &node.value {
        Value::Seq(items) => Some(items),
        _ => wrong(node, &format!("`{what}` must be a list"), out),
    }
}

/// The text of a node that has to be a scalar with something in it.
pub(crate) fn text(node: &Node<'_>, what: &str, out: &mut Diagnostics) -> Option<Spanned<String>> {
    match &node.value {
        Value::Scalar(scalar) if !scalar.is_null() => Some(Spanned::new(scalar.text.to_string(), node.span)),
        _ => wrong(node, &format!("`{what}` must be text"), out),
    }
}

/// The texts of a list.
pub(crate) fn texts(node: &Node<'_>, what: &str, out: &mut Diagnostics) -> Vec<Spanned<String>> {
    let items = list(node, what, out).unwrap_or_default();
    items.iter().filter_map(|item| text(item, what, out)).collect()
}

/// A plain `true` or `false`.
pub(crate) fn flag(node: &Node<'_>, what: &str, out: &mut Diagnostics) -> Option<bool> {
    match &node.value {
        Value::Scalar(scalar) if scalar.text == "true" => Some(true),
        Value::Scalar(scalar) if scalar.text == "false" => Some(false),
        _ => wrong(node, &format!("`{what}` must be true or false"), out),
    }
}

/// A whole number no greater than `max`.
pub(crate) fn count(node: &Node<'_>, what: &str, max: u32, out: &mut Diagnostics) -> Option<u32> {
    let number = match &node.value {
        Value::Scalar(scalar) => scalar.text.parse().ok().filter(|n| *n <= max),
        _ => None,
    };
    number.or_else(|| wrong(node, &format!("`{what}` must be a whole number from 0 to {max}"), out))
}

/// One of a table's words.
pub(crate) fn word<T: Copy>(
    node: &Node<'_>,
    what: &str,
    table: &[(&str, T)],
    out: &mut Diagnostics,
) -> Option<T> {
    let found = text(node, what, out)?;
    let hit = table.iter().find(|(word, _)| *word == found.value);
    if hit.is_none() {
        let words: Vec<&str> = table.iter().map(|(word, _)| *word).collect();
        let help = near(&found.value, words.iter().copied())
            .unwrap_or_else(|| format!("write one of: {}", words.join(", ")));
        let message = format!("`{what}` cannot be `{}`", found.value);
        out.push(Diagnostic::error(BAD_VALUE, message).at(node.span).help(help));
    }
    hit.map(|(_, value)| *value)
}

/// Reports a value of the wrong shape.
pub(crate) fn wrong<T>(node: &Node<'_>, message: &str, out: &mut Diagnostics) -> Option<T> {
    report(BAD_VALUE, message, node.span, out)
}

/// Reports a mistake at a place.
pub(crate) fn report<T>(code: Code, message: &str, span: Span, out: &mut Diagnostics) -> Option<T> {
    out.push(Diagnostic::error(code, message).at(span));
    None
}

/// "did you mean `x`?" for the nearest of the candidates, if one is near.
pub(crate) fn near<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    crate::diagnostic::suggest::nearest(name, candidates).map(|found| format!("did you mean `{found}`?"))
}
