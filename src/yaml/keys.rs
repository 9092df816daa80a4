//! What is settled when a mapping ends: merge keys and duplicate keys.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::diagnostic::{Diagnostic, Diagnostics, Span};

use super::{Key, Node, Value, codes};

/// The merge key, when it is plain.
pub(super) const MERGE: &str = "<<";

type Entries<'a> = Vec<(Key<'a>, Node<'a>)>;

/// Below this many keys each is compared with each: faster than any set for the mappings of a device.
const FEW: usize = 24;

/// Removes the later ones of duplicate keys, then puts the merged keys in the place of `merge`.
pub(super) fn settle(entries: &mut Entries<'_>, merge: Option<Span>, out: &mut Diagnostics) {
    if has_duplicates(entries) {
        drop_duplicates(entries, out);
    }
    if let Some(at) = merge {
        apply_merge(entries, at, out);
    }
}

/// Whether a key stands twice.
pub(super) fn has_duplicates(entries: &Entries<'_>) -> bool {
    if entries.len() <= FEW {
        return entries
            .iter()
            .enumerate()
            .any(|(n, (key, _))| entries.iter().take(n).any(|(other, _)| other.text == key.text));
    }
    let mut seen = HashSet::with_capacity(entries.len());
    !entries.iter().all(|(key, _)| seen.insert(&*key.text))
}

fn drop_duplicates(entries: &mut Entries<'_>, out: &mut Diagnostics) {
    let mut first = std::collections::BTreeMap::<Cow<'_, str>, Span>::new();
    entries.retain(|(key, _)| match first.get(&key.text) {
        Some(span) => {
            out.push(duplicate(key, *span));
            false
        }
        None => {
            first.insert(key.text.clone(), key.span);
            true
        }
    });
}

fn duplicate(key: &Key<'_>, first: Span) -> Diagnostic {
    let help = if key.text == MERGE {
        "write one `<<` with a list: `<<: [*first, *second]`"
    } else {
        "remove one of the two, or merge them"
    };
    Diagnostic::error(codes::DUPLICATE_KEY, format!("the key `{}` stands twice in this mapping", key.text))
        .at(key.span)
        .label("again here")
        .related("first defined here", first)
        .help(help)
}

/// `at` tells the plain `<<` from a quoted one, which is an ordinary key.
fn apply_merge(entries: &mut Entries<'_>, at: Span, out: &mut Diagnostics) {
    let Some(position) = entries.iter().position(|(key, _)| key.span == at && key.text == MERGE) else {
        return;
    };
    let (_, node) = entries.remove(position);
    let mut sources = Vec::new();
    match node.value {
        Value::Map(map) => sources.push(map),
        Value::Seq(items) => {
            for item in items {
                match item.value {
                    Value::Map(map) => sources.push(map),
                    _ => out.push(not_a_mapping(&item)),
                }
            }
        }
        Value::Scalar(_) => out.push(not_a_mapping(&node)),
    }
    let mut seen: HashSet<String> = entries.iter().map(|(key, _)| key.text.to_string()).collect();
    let merged: Entries<'_> =
        sources.into_iter().flatten().filter(|(key, _)| seen.insert(key.text.to_string())).collect();
    entries.splice(position..position, merged);
}

fn not_a_mapping(node: &Node<'_>) -> Diagnostic {
    Diagnostic::error(
        codes::MERGE_VALUE,
        format!("`<<` merges mappings, found {}", node.kind_name()),
    )
    .at(node.span)
    .help("name an anchor on a mapping, `<<: *name`, or a list of them; in quotes, \"<<\" is an ordinary key")
}
