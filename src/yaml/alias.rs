//! Anchors and what aliases make of them.
//!
//! An alias is a copy of its anchor's value. Nine lines of aliases to lists of aliases make a thousand
//! million nodes, so copies are counted before they are made.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Span};

use super::{Node, codes};

/// How many nodes aliases may copy in any file; a larger file may copy ten times what stands above.
const ALLOWANCE: usize = 100_000;

/// A value with an anchor.
struct Anchored<'a> {
    node: Node<'a>,
    /// Nodes in it, itself included.
    nodes: usize,
    /// Levels of collections in it.
    height: usize,
}

/// The anchors met so far.
#[derive(Default)]
pub(super) struct Anchors<'a> {
    known: BTreeMap<usize, Anchored<'a>>,
    /// Nodes copied so far, in aliases and for safekeeping.
    pub(super) copied: usize,
}

impl<'a> Anchors<'a> {
    /// Keeps a copy of an anchor's value; `own` is how many nodes the file has held so far.
    pub(super) fn remember(
        &mut self,
        id: usize,
        node: &Node<'a>,
        (nodes, height): (usize, usize),
        own: usize,
    ) -> Result<(), Diagnostic> {
        self.spend(nodes, own, node.span)?;
        self.known.insert(id, Anchored { node: node.clone(), nodes, height });
        Ok(())
    }

    /// The copy that an alias called `name` at `span` stands for, and its height; nothing where the alias
    /// stands inside the anchor's own value.
    pub(super) fn copy(
        &mut self,
        id: usize,
        span: Span,
        own: usize,
    ) -> Result<Option<(Node<'a>, usize)>, Diagnostic> {
        let Some(nodes) = self.known.get(&id).map(|anchored| anchored.nodes) else { return Ok(None) };
        self.spend(nodes, own, span)?;
        Ok(self.known.get(&id).map(|anchored| (anchored.node.clone(), anchored.height)))
    }

    fn spend(&mut self, nodes: usize, own: usize, span: Span) -> Result<(), Diagnostic> {
        self.copied = self.copied.saturating_add(nodes);
        let limit = ALLOWANCE.max(own.saturating_mul(10));
        if self.copied <= limit {
            return Ok(());
        }
        Err(Diagnostic::error(codes::ALIAS_BOMB, format!("aliases copy more than {limit} values"))
            .at(span)
            .label("this one passes the limit")
            .note(format!(
                "a file's aliases may copy {ALLOWANCE} values, or ten times as many as stand above them"
            ))
            .help("put shared settings into a named entry and refer to its name instead of an alias"))
    }
}
