//! What an entry of the inventory refers to, and whether it changed: what an incremental build needs to
//! find the devices that a change can reach.
//!
//! Entries are known by a 64-bit key of kind and name and compared by a 64-bit digest of their values.
//! Where they stand in their files counts for neither, so moving a device touches nothing. Both are valid
//! within one build of this program only, as the standard hasher may change with the compiler.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use super::secret::{SecretRef, Source};
use super::value::{Datum, Item, Map};

/// The kinds of entry that can be referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A key of `site`: everything depends on each.
    Site,
    /// A profile.
    Profile,
    /// A line.
    Line,
    /// A key layout.
    Layout,
    /// A contact list.
    Contacts,
    /// A device, by MAC or id.
    Device,
    /// The name of a device, or its id if it has one.
    DeviceName,
}

/// A reference as written in a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reference<'a> {
    /// To an entry, by name.
    Entry(EntryKind, &'a str),
    /// To all lines that match.
    Pattern(&'a str),
    /// To a secret.
    Secret(&'a SecretRef),
}

/// The key of an entry.
pub fn key(kind: EntryKind, name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, name).hash(&mut hasher);
    hasher.finish()
}

/// The key of a secret's source.
pub fn secret_key(source: &Source) -> u64 {
    let mut hasher = DefaultHasher::new();
    (u8::MAX, source).hash(&mut hasher);
    hasher.finish()
}

/// The digest of a value.
pub fn digest(item: &Item) -> u64 {
    let mut hasher = DefaultHasher::new();
    feed(&item.datum, &mut hasher);
    hasher.finish()
}

/// The digest of a layer.
pub fn layer_digest(layer: &Map) -> u64 {
    let mut hasher = DefaultHasher::new();
    feed_map(layer, &mut hasher);
    hasher.finish()
}

fn feed_map(map: &Map, hasher: &mut impl Hasher) {
    map.len().hash(hasher);
    for (name, item) in map.iter() {
        name.hash(hasher);
        feed(&item.datum, hasher);
    }
}

fn feed(datum: &Datum, hasher: &mut impl Hasher) {
    std::mem::discriminant(datum).hash(hasher);
    match datum {
        Datum::Removed => {}
        Datum::Text(text) => text.hash(hasher),
        Datum::Bool(b) => b.hash(hasher),
        Datum::Int(n) => n.hash(hasher),
        Datum::Float(n) => n.to_bits().hash(hasher),
        Datum::Endpoint(endpoint) => endpoint.hash(hasher),
        Datum::Secret(secret) => secret.source.hash(hasher),
        Datum::List(list) => {
            list.len().hash(hasher);
            list.iter().for_each(|item| feed(&item.datum, hasher));
        }
        Datum::Map(map) => feed_map(map, hasher),
    }
}

/// Calls `found` for everything that a layer refers to: a device, a profile, or a key layout laid under
/// `function_keys`.
pub fn of_layer<'a>(layer: &'a Map, found: &mut impl FnMut(Reference<'a>)) {
    for (field, kind) in [
        ("profiles", EntryKind::Profile),
        ("extends", EntryKind::Profile),
        ("contacts", EntryKind::Contacts),
    ] {
        for name in layer.list(field).iter().filter_map(Item::text) {
            found(Reference::Entry(kind, name));
        }
    }
    if let Some(name) = layer.text("key_layout") {
        found(Reference::Entry(EntryKind::Layout, name));
    }
    for (name, item) in layer.iter() {
        match (name, &item.datum) {
            ("lines", Datum::List(list)) => list.iter().for_each(|item| of_line(item, found)),
            ("lines", Datum::Map(map)) => map.iter().for_each(|(_, item)| of_line(item, found)),
            _ => of_value(item, found),
        }
    }
}

fn of_line<'a>(item: &'a Item, found: &mut impl FnMut(Reference<'a>)) {
    match item.text() {
        Some(name) => found(Reference::Entry(EntryKind::Line, name)),
        None => of_value(item, found),
    }
}

/// Calls `found` for everything inside a value: secrets, and the lines that keys name.
pub fn of_value<'a>(item: &'a Item, found: &mut impl FnMut(Reference<'a>)) {
    match &item.datum {
        Datum::Secret(secret) => found(Reference::Secret(secret)),
        Datum::List(list) => list.iter().for_each(|item| of_value(item, found)),
        Datum::Map(map) => {
            for (name, item) in map.iter() {
                match (name, &item.datum) {
                    ("target", Datum::Text(name)) => found(Reference::Entry(EntryKind::Line, name)),
                    ("from", Datum::List(list)) => list.iter().filter_map(Item::text).for_each(|name| {
                        found(match name.contains(['*', '?']) {
                            true => Reference::Pattern(name),
                            false => Reference::Entry(EntryKind::Line, name),
                        });
                    }),
                    _ => of_value(item, found),
                }
            }
        }
        _ => {}
    }
}
