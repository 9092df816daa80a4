//! YAML text to a tree of nodes with positions.
//!
//! Nothing is guessed about types: a scalar is the exact text the user wrote, so that `password: 0123`,
//! `number: +33123`, `username: no` and `mac: 000413E00012` mean those characters. Merge keys and anchors
//! are resolved here, duplicate keys and alias bombs refused here, so that no later stage knows of them.

mod alias;
mod characters;
pub mod codes;
mod context;
pub mod decode;
mod extent;
mod input;
mod keys;
mod parse;
mod place;
mod simple;
mod syntax;

pub use characters::decode_utf8;
pub use parse::parse;

use std::borrow::Cow;

use crate::diagnostic::Span;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// The place of the value.
    pub span: Span,
    /// The value.
    pub value: Value<'a>,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Text, or nothing.
    Scalar(Scalar<'a>),
    /// A list.
    Seq(Vec<Node<'a>>),
    /// A mapping in the order written; keys are unique and merge keys already applied.
    Map(Vec<(Key<'a>, Node<'a>)>),
}

/// A scalar as written, less its quotes.
#[derive(Clone, Debug)]
pub struct Scalar<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// Whether it stood without quotes (and was not a block scalar).
    pub plain: bool,
}

/// A key of a mapping.
#[derive(Clone, Debug)]
pub struct Key<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// Its place.
    pub span: Span,
}

impl Scalar<'_> {
    /// Whether this removes an inherited value: a plain `null`, `~` or nothing. Quoted, it is text.
    pub fn is_null(&self) -> bool {
        self.plain && matches!(&*self.text, "" | "~" | "null")
    }
}

impl<'a> Node<'a> {
    /// The entries, if it is a mapping.
    pub fn as_map(&self) -> Option<&[(Key<'a>, Node<'a>)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_seq(&self) -> Option<&[Node<'a>]> {
        match &self.value {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The scalar, if it is one; it may be null.
    pub fn as_scalar(&self) -> Option<&Scalar<'a>> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Whether it is a plain `null`, `~` or nothing.
    pub fn is_null(&self) -> bool {
        self.as_scalar().is_some_and(Scalar::is_null)
    }

    /// The value under a key, if it is a mapping and has it.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.as_map()?.iter().find(|(k, _)| k.text == key).map(|(_, node)| node)
    }

    /// What it is, with an article, for "expected a list, found a mapping".
    pub fn kind_name(&self) -> &'static str {
        match &self.value {
            Value::Scalar(scalar) if scalar.is_null() => "nothing",
            Value::Scalar(_) => "a text",
            Value::Seq(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The same without borrowing from the text.
    pub fn into_owned(self) -> Node<'static> {
        let value = match self.value {
            Value::Scalar(Scalar { text, plain }) => {
                Value::Scalar(Scalar { text: Cow::Owned(text.into_owned()), plain })
            }
            Value::Seq(items) => Value::Seq(items.into_iter().map(Node::into_owned).collect()),
            Value::Map(entries) => Value::Map(
                entries.into_iter().map(|(key, node)| (key.into_owned(), node.into_owned())).collect(),
            ),
        };
        Node { span: self.span, value }
    }
}

impl Key<'_> {
    /// The same without borrowing from the text.
    pub fn into_owned(self) -> Key<'static> {
        Key { text: Cow::Owned(self.text.into_owned()), span: self.span }
    }
}

#[cfg(test)]
mod tests;
