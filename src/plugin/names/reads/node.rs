//! What of the context holds texts of a device, and where.

use super::{Owner, Text};

/// Something of the context that holds texts, or is one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Node {
    One(Owner),
    Many(Owner),
    Slot,
    Slots,
    LineSlot,
    LineSlots,
    Text(Text),
    /// A text that the context's text is part of, or was made of.
    Made(Text),
}

/// What a name of the context stands for.
pub(super) fn root(name: &str) -> Option<Node> {
    Some(match name {
        "device" => Node::One(Owner::Device),
        "lines" => Node::Many(Owner::Line),
        "function_keys" => Node::Many(Owner::Key),
        "line_slots" => Node::LineSlots,
        "key_slots" | "set_slots" => Node::Slots,
        _ => return None,
    })
}

/// A field of a mapping.
pub(super) fn field(of: Node, name: &str) -> Option<Node> {
    match (of, name) {
        (Node::One(owner), name) => Text::at(owner, name).map(Node::Text),
        (Node::Slot, "key") => Some(Node::One(Owner::Key)),
        (Node::Slot | Node::LineSlot, "line") => Some(Node::One(Owner::Line)),
        _ => None,
    }
}

/// An element of a list.
pub(super) fn element(of: Node) -> Option<Node> {
    match of {
        Node::Many(owner) => Some(Node::One(owner)),
        Node::Slots => Some(Node::Slot),
        Node::LineSlots => Some(Node::LineSlot),
        _ => None,
    }
}

/// Every text that a node holds.
pub(super) fn texts(of: Node) -> Vec<Text> {
    match of {
        Node::Text(text) | Node::Made(text) => vec![text],
        Node::One(owner) | Node::Many(owner) => Text::all_of(owner),
        Node::LineSlot | Node::LineSlots => Text::all_of(Owner::Line),
        Node::Slot | Node::Slots => {
            let mut both = Text::all_of(Owner::Line);
            both.extend(Text::all_of(Owner::Key));
            both
        }
    }
}
