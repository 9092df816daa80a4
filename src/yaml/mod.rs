//! YAML text to a tree of nodes with positions.
//!
//! Nothing is guessed about types: a scalar is the exact text the user wrote, so that `password: 0123`,
//! `number: +33123`, `username: no` and `mac: 000413E00012` mean those characters. Merge keys and anchors
//! are resolved here, duplicate keys and alias bombs refused here, so that no later stage knows of them.

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
