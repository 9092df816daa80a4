//! One file of the inventory, read and checked by itself.
//!
//! Nothing here looks beyond the file, so files are read in parallel and a later build may keep what an
//! unchanged file gave.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::codes;
use super::mac::Mac;
use super::pack::Packed;
use super::read::{Reader, unknown_key};
use super::schema::{CONTACT_LIST, DEVICE, FILE, Group, Kind, LINE, PROFILE, SITE};
use super::value::{Datum, Item, Map};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, Span, nearest};
use crate::yaml::{self, Key, Node, Value};

/// A named entry of a section.
#[derive(Clone, Debug)]
pub struct Named<T> {
    /// The name.
    pub name: Arc<str>,
    /// Where the name stands.
    pub span: Span,
    /// Whether a mistake was found in it: what uses it cannot be built.
    pub broken: bool,
    /// What stands there.
    pub value: T,
}

/// What a device is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceId {
    /// A phone.
    Mac(Mac),
    /// A softphone.
    Id(Arc<str>),
}

impl std::fmt::Display for DeviceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DeviceId::Mac(mac) => mac.fmt(f),
            DeviceId::Id(id) => f.write_str(id),
        }
    }
}

/// A device as written.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its MAC or id.
    pub id: DeviceId,
    /// Where that stands.
    pub span: Span,
    /// Whether a mistake was found in it.
    pub broken: bool,
    /// All that is written, less MAC and id.
    pub layer: Packed,
}

/// What one file holds.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The entries of `site`.
    pub site: Vec<Named<Item>>,
    /// Profiles.
    pub profiles: Vec<Named<Arc<Map>>>,
    /// Lines.
    pub lines: Vec<Named<Packed>>,
    /// Key layouts.
    pub layouts: Vec<Named<Item>>,
    /// Contact lists.
    pub contacts: Vec<Named<Arc<Vec<Item>>>>,
    /// Devices.
    pub devices: Vec<Entry>,
    /// Whether something was lost that cannot be named: a file that is no YAML, a device without MAC.
    pub incomplete: bool,
    /// The sections that could not be read, or not whole: anything may have been defined there.
    pub unread: BTreeSet<&'static str>,
}

/// Reads the text of one file found below `root`.
pub fn read(id: FileId, path: &Path, root: &Path, text: &str, out: &mut Diagnostics) -> File {
    let mut file = File::default();
    let mut found = Diagnostics::default();
    let tree = yaml::parse(id, text, &mut found);
    // A file that broke off leaves nobody knows what unread.
    file.incomplete = found.has_errors();
    if file.incomplete {
        file.unread = all_sections();
    }
    let dir = path.parent().unwrap_or(Path::new(""));
    let mut reader = Reader { root, dir, out: &mut found };
    match tree.as_ref().map(|node| (&node.value, node)) {
        None => {}
        Some((Value::Map(sections), _)) => {
            for (key, node) in sections {
                section(&mut file, &mut reader, key, node);
            }
        }
        Some((Value::Scalar(scalar), _)) if scalar.is_null() => {}
        Some((_, node)) => {
            let problem = Diagnostic::error(codes::WRONG_TYPE, "an inventory file is a mapping of sections");
            reader
                .out
                .push(problem.at(node.span).help("start it with `devices:`, `lines:`, `profiles:` ..."));
            file.incomplete = true;
            file.unread = all_sections();
        }
    }
    out.append(found);
    file
}

fn section(file: &mut File, reader: &mut Reader<'_>, key: &Key<'_>, node: &Node<'_>) {
    if key.text.starts_with("x-") || matches!(&node.value, Value::Scalar(s) if s.is_null()) {
        return;
    }
    match &*key.text {
        "site" => file.site = fields(reader, node, &SITE),
        "profiles" => file.profiles = named(reader, node, |r, n| group(r, n, &PROFILE)),
        "lines" => file.lines = named(reader, node, |r, n| Packed::new(&group(r, n, &LINE), n.span)),
        "function_keys" => {
            file.layouts = named(reader, node, |r, n| {
                let empty = Item { span: n.span, datum: Datum::Removed };
                r.item(Kind::KeyLayout, n).unwrap_or(empty)
            });
        }
        "contacts" => {
            file.contacts =
                named(reader, node, |r, n| match r.item(CONTACT_LIST, n).map(|item| item.datum) {
                    Some(Datum::List(list)) => list,
                    _ => Arc::default(),
                });
        }
        "devices" => devices(file, reader, node),
        _ => {
            reader.out.push(unknown_key(key, &FILE));
            file.incomplete = true;
            file.unread.extend(nearest(&key.text, all_sections()));
        }
    }
}

/// The names of all sections.
pub fn all_sections() -> BTreeSet<&'static str> {
    FILE.fields().map(|field| field.name).collect()
}

fn group(reader: &mut Reader<'_>, node: &Node<'_>, group: &'static Group) -> Arc<Map> {
    // `guest:` with nothing after it is a profile or line without settings.
    if matches!(&node.value, Value::Scalar(s) if s.is_null()) {
        return Arc::default();
    }
    reader.group(group, node).map(Arc::new).unwrap_or_default()
}

fn fields(reader: &mut Reader<'_>, node: &Node<'_>, group: &'static Group) -> Vec<Named<Item>> {
    let Value::Map(entries) = &node.value else {
        reader.group(group, node);
        return Vec::new();
    };
    let mut list = Vec::new();
    for (key, value) in entries {
        match group.field(&key.text) {
            Some(field) => {
                if let Some(item) = reader.item(field.kind, value) {
                    let name = Arc::from(&*key.text);
                    list.push(Named { name, span: key.span, broken: false, value: item });
                }
            }
            None => reader.out.push(unknown_key(key, group)),
        }
    }
    list
}

/// Reads a section of named entries. An entry with a mistake is kept, marked as broken, so that whatever
/// refers to it is not told that it does not exist.
fn named<T>(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    mut read: impl FnMut(&mut Reader<'_>, &Node<'_>) -> T,
) -> Vec<Named<T>> {
    let Value::Map(entries) = &node.value else {
        let found = Diagnostic::error(codes::WRONG_TYPE, "expected a mapping from names");
        reader.out.push(found.at(node.span));
        return Vec::new();
    };
    let mut list = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        if key.text.trim().is_empty() || key.text.chars().any(char::is_control) {
            let found = Diagnostic::error(codes::EMPTY_NAME, "this is not a name").at(key.span);
            reader.out.push(found.help("give the entry a name of one line"));
            continue;
        }
        let (item, broken) = reader.watched(|reader| read(reader, value));
        list.push(Named { name: Arc::from(&*key.text), span: key.span, broken, value: item });
    }
    list
}

fn devices(file: &mut File, reader: &mut Reader<'_>, node: &Node<'_>) {
    let Value::Seq(nodes) = &node.value else {
        let found = Diagnostic::error(codes::WRONG_TYPE, "`devices` is a list");
        reader.out.push(found.at(node.span).help("write each device as `- mac: ...`"));
        file.incomplete = true;
        return;
    };
    file.devices.reserve(nodes.len());
    for node in nodes {
        let (map, broken) = reader.watched(|reader| reader.group(&DEVICE, node));
        let id = map.as_ref().and_then(|map| device_id(map, node, reader.out));
        match (map, id) {
            (Some(mut map), Some((id, span))) => {
                map.remove("mac");
                map.remove("id");
                file.devices.push(Entry { id, span, broken, layer: Packed::new(&map, span) });
            }
            _ => file.incomplete = true,
        }
    }
}

fn device_id(map: &Map, node: &Node<'_>, out: &mut Diagnostics) -> Option<(DeviceId, Span)> {
    let problem = match (map.get("mac"), map.get("id")) {
        (Some(mac), None) => match Mac::parse(mac.text()?) {
            Ok(parsed) => return Some((DeviceId::Mac(parsed), mac.span)),
            Err(reason) => {
                let message = format!("`{}` is not a MAC address: {reason}", mac.text()?);
                Diagnostic::error(codes::BAD_MAC, message)
                    .at(mac.span)
                    .help("write it for example as `00:1a:2b:3c:4d:e0`")
            }
        },
        (None, Some(id)) => {
            let text = id.text()?;
            let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            if plain && !text.starts_with('.') && text.len() <= 64 && Mac::parse(text).is_err() {
                return Some((DeviceId::Id(Arc::clone(text)), id.span));
            }
            Diagnostic::error(codes::BAD_ID, format!("`{text}` cannot be an id"))
                .at(id.span)
                .help("use up to 64 letters, digits, `-`, `_` and `.`, no dot first; a MAC goes under `mac`")
        }
        (Some(_), Some(id)) => {
            Diagnostic::error(codes::CONTRADICTION, "a device has a MAC or an id, not both")
                .at(id.span)
                .help("keep `mac` for a phone, `id` for a softphone, `name` for people")
        }
        (None, None) => {
            let written = |(key, value): &(Key<'_>, Node<'_>)| {
                let null = matches!(&value.value, Value::Scalar(s) if s.is_null());
                matches!(&*key.text, "mac" | "id") && !null
            };
            if matches!(&node.value, Value::Map(entries) if entries.iter().any(written)) {
                // What is wrong with it was reported where it stands.
                return None;
            }
            Diagnostic::error(codes::MISSING, "this device has neither `mac` nor `id`")
                .at(node.span)
                .help("write the phone's MAC address as `mac:`; a softphone has an `id:`")
        }
    };
    out.push(problem);
    None
}
