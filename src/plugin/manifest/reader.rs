//! The shapes that manifests are made of, on top of [`decode`]: what is asked for is what is known, so that
//! the fields a section may have are listed once, in the code that reads them.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, nearest};
use crate::yaml::decode::{self, wrong_shape};
pub(crate) use crate::yaml::decode::{Fields, Spanned};
use crate::yaml::{Key, Node, Value};

/// More ways to read a field; `name` is both the field's name and what messages call it.
pub(crate) trait Read<'n, 'a> {
    /// `true` or `false`; left out it is false.
    fn flag(&mut self, name: &'static str, out: &mut Diagnostics) -> bool;
    /// A whole number no greater than `max`.
    fn count(&mut self, name: &'static str, max: u32, out: &mut Diagnostics) -> Option<u32>;
    /// One of a table's words.
    fn word<T: Copy>(&mut self, name: &'static str, table: &[(&str, T)], out: &mut Diagnostics) -> Option<T>;
    /// A list of texts; left out it is empty.
    fn texts(&mut self, name: &'static str, out: &mut Diagnostics) -> Vec<Spanned<String>>;
    /// The items of a list; left out it is empty.
    fn list(&mut self, name: &'static str, out: &mut Diagnostics) -> &'n [Node<'a>];
    /// The entries of a mapping; left out it is empty.
    fn map(&mut self, name: &'static str, out: &mut Diagnostics) -> &'n [(Key<'a>, Node<'a>)];
}

impl<'n, 'a> Read<'n, 'a> for Fields<'n, 'a> {
    fn flag(&mut self, name: &'static str, out: &mut Diagnostics) -> bool {
        self.boolean(name, out).unwrap_or_default()
    }

    fn count(&mut self, name: &'static str, max: u32, out: &mut Diagnostics) -> Option<u32> {
        self.get(name).and_then(|node| count(node, name, max, out))
    }

    fn word<T: Copy>(&mut self, name: &'static str, table: &[(&str, T)], out: &mut Diagnostics) -> Option<T> {
        self.get(name).and_then(|node| word(node, name, table, out))
    }

    fn texts(&mut self, name: &'static str, out: &mut Diagnostics) -> Vec<Spanned<String>> {
        self.get(name).map(|node| texts(node, name, out)).unwrap_or_default()
    }

    fn list(&mut self, name: &'static str, out: &mut Diagnostics) -> &'n [Node<'a>] {
        self.get(name).and_then(|node| list(node, name, out)).unwrap_or_default()
    }

    fn map(&mut self, name: &'static str, out: &mut Diagnostics) -> &'n [(Key<'a>, Node<'a>)] {
        self.get(name).and_then(|node| mapping(node, name, out)).unwrap_or_default()
    }
}

/// The entries of a node that has to be a mapping.
pub(crate) fn mapping<'n, 'a>(
    node: &'n Node<'a>,
    name: &str,
    out: &mut Diagnostics,
) -> Option<&'n [(Key<'a>, Node<'a>)]> {
    if let Value::Map(entries) = &node.value {
        return Some(entries);
    }
    wrong_shape(node, &format!("`{name}`"), "a mapping", out);
    None
}

/// The items of a node that has to be a list.
pub(crate) fn list<'n, 'a>(node: &'n Node<'a>, name: &str, out: &mut Diagnostics) -> Option<&'n [Node<'a>]> {
    if let Value::Seq(items) = &node.value {
        return Some(items);
    }
    wrong_shape(node, &format!("`{name}`"), "a list", out);
    None
}

/// The text of a node.
pub(crate) fn text(node: &Node<'_>, name: &str, out: &mut Diagnostics) -> Option<Spanned<String>> {
    decode::text(node, &format!("`{name}`"), out)
}

/// The texts of a list.
pub(crate) fn texts(node: &Node<'_>, name: &str, out: &mut Diagnostics) -> Vec<Spanned<String>> {
    decode::list_of(node, &format!("`{name}`"), out, decode::text).unwrap_or_default()
}

/// A whole number no greater than `max`.
pub(crate) fn count(node: &Node<'_>, name: &str, max: u32, out: &mut Diagnostics) -> Option<u32> {
    decode::integer(node, &format!("`{name}`"), 0..=max, out)
}

/// One of a table's words.
pub(crate) fn word<T: Copy>(
    node: &Node<'_>,
    name: &str,
    table: &[(&str, T)],
    out: &mut Diagnostics,
) -> Option<T> {
    decode::one_of(node, &format!("`{name}`"), table, out)
}

/// A mapping of texts; entries that are null are left out.
pub(crate) fn text_map(entries: &[(Key<'_>, Node<'_>)], out: &mut Diagnostics) -> BTreeMap<String, String> {
    let entries = entries.iter().filter(|(_, node)| !node.is_null());
    entries
        .filter_map(|(key, node)| Some((key.text.to_string(), text(node, &key.text, out)?.value)))
        .collect()
}

/// Reports a mistake at a place.
pub(crate) fn report<T>(code: Code, message: &str, span: Span, out: &mut Diagnostics) -> Option<T> {
    out.push(Diagnostic::error(code, message).at(span));
    None
}

/// "did you mean `x`?" for the nearest of the candidates, if one is near.
pub(crate) fn near<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    nearest(name, candidates).map(|found| format!("did you mean `{found}`?"))
}
