//! What a file of the inventory defines and refers to, as numbers: all that an incremental build needs to
//! know of the files that it does not read.
//!
//! Entries are known by a 64-bit key of kind and name and compared by a 64-bit digest of their values, both
//! by XXH3, which is the same on every machine. Where an entry stands in its file counts for neither, so
//! moving a device touches nothing. Keys of secrets have their highest bit set, all others not.

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use super::file::{DeviceId, File};
use super::secret::{SecretRef, Source};
use super::value::{Datum, Item, Map};

/// The kinds of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum EntryKind {
    /// A key of `site`: everything depends on each.
    Site = 1,
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
    /// The name of a device. No entry has it for a kind; names have keys so that they can be compared.
    DeviceName,
}

/// One entry of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntrySummary {
    /// What it is known by.
    pub key: u64,
    /// Its kind.
    pub kind: EntryKind,
    /// The digest of its value.
    pub digest: u64,
    /// What else a device can be called, which nothing else may be: the keys of its name and, for a
    /// softphone, of its id; 0 where it has none.
    pub names: [u64; 2],
    /// MAC or id of a device, name of a line; empty for other kinds, which nobody has to find by text.
    pub text: Box<str>,
    /// The keys of what it refers to, sorted.
    pub references: Box<[u64]>,
    /// The patterns by which it refers to lines.
    pub patterns: Box<[Box<str>]>,
}

/// What one file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Its entries, in the order of the sections.
    pub entries: Vec<EntrySummary>,
}

const SECRET: u64 = 1 << 63;

/// The key of an entry.
pub fn key(kind: EntryKind, name: &str) -> u64 {
    let mut bytes = Vec::with_capacity(name.len() + 1);
    bytes.push(kind as u8);
    bytes.extend_from_slice(name.as_bytes());
    hash(&bytes) & !SECRET
}

/// The key of a secret's source.
pub fn secret_key(source: &Source) -> u64 {
    let mut bytes = Vec::new();
    feed_source(source, &mut bytes);
    hash(&bytes) | SECRET
}

/// Whether a key is that of a secret.
pub fn is_secret(key: u64) -> bool {
    key & SECRET != 0
}

fn hash(bytes: &[u8]) -> u64 {
    // The low half of 128 bits; 0 is kept free to say "none".
    (XxHash3_128::oneshot(bytes) as u64).max(1)
}

impl File {
    /// What the file defines.
    pub fn summary(&self) -> Summary {
        let mut summing = Summing::default();
        for named in &self.site {
            summing.add(EntryKind::Site, &named.name, |s| s.value(&named.value));
        }
        for named in &self.profiles {
            summing.add(EntryKind::Profile, &named.name, |s| s.layer(&named.value));
        }
        for named in &self.lines {
            summing.add(EntryKind::Line, &named.name, |s| s.map(&named.value.unpack()));
        }
        for named in &self.layouts {
            summing.add(EntryKind::Layout, &named.name, |s| {
                s.targets(&named.value);
                s.value(&named.value);
            });
        }
        for named in &self.contacts {
            summing.add(EntryKind::Contacts, &named.name, |s| s.list(&named.value));
        }
        for device in &self.devices {
            let id = device.id.to_string();
            let layer = device.layer.unpack();
            summing.add(EntryKind::Device, &id, |s| s.layer(&layer));
            if let Some(entry) = summing.entries.last_mut() {
                let name = layer.text("name").map(|name| &**name);
                let id = matches!(device.id, DeviceId::Id(_)).then_some(&*id);
                entry.names = [name, id].map(|name| name.map_or(0, |name| key(EntryKind::DeviceName, name)));
            }
        }
        Summary { entries: summing.entries }
    }
}

/// Walks values; what was gathered is emptied with every entry, so that there are few allocations.
#[derive(Default)]
struct Summing {
    entries: Vec<EntrySummary>,
    bytes: Vec<u8>,
    references: Vec<u64>,
    patterns: Vec<Box<str>>,
}

impl Summing {
    fn add(&mut self, kind: EntryKind, name: &str, walk: impl FnOnce(&mut Self)) {
        self.bytes.clear();
        walk(self);
        self.references.sort_unstable();
        self.references.dedup();
        let text = matches!(kind, EntryKind::Device | EntryKind::Line).then_some(name).unwrap_or_default();
        self.entries.push(EntrySummary {
            key: key(kind, name),
            kind,
            digest: hash(&self.bytes),
            names: [0; 2],
            text: text.into(),
            references: self.references.as_slice().into(),
            patterns: std::mem::take(&mut self.patterns).into(),
        });
        self.references.clear();
    }

    /// A device or profile.
    fn layer(&mut self, layer: &Map) {
        for (field, kind) in [
            ("profiles", EntryKind::Profile),
            ("extends", EntryKind::Profile),
            ("contacts", EntryKind::Contacts),
        ] {
            self.references
                .extend(layer.list(field).iter().filter_map(Item::text).map(|name| key(kind, name)));
        }
        if let Some(name) = layer.text("key_layout") {
            self.references.push(key(EntryKind::Layout, name));
        }
        let lines = layer.get("lines").map(|item| &item.datum);
        let named = |item: &Item| Some(key(EntryKind::Line, item.text()?));
        match lines {
            Some(Datum::List(list)) => self.references.extend(list.iter().filter_map(named)),
            Some(Datum::Map(map)) => self.references.extend(map.iter().filter_map(|(_, item)| named(item))),
            _ => {}
        }
        for item in ["function_keys", "expansion_modules"].into_iter().filter_map(|field| layer.get(field)) {
            self.targets(item);
        }
        self.map(layer);
    }

    /// The lines that function keys name.
    fn targets(&mut self, item: &Item) {
        match &item.datum {
            Datum::List(list) => list.iter().for_each(|item| self.targets(item)),
            Datum::Map(map) => map.iter().for_each(|(name, item)| match (name, &item.datum) {
                ("target", Datum::Text(line)) => self.references.push(key(EntryKind::Line, line)),
                ("from", Datum::List(list)) => {
                    for line in list.iter().filter_map(Item::text) {
                        match line.contains(['*', '?']) {
                            true => self.patterns.push((&**line).into()),
                            false => self.references.push(key(EntryKind::Line, line)),
                        }
                    }
                }
                _ => self.targets(item),
            }),
            _ => {}
        }
    }

    fn map(&mut self, map: &Map) {
        self.number(map.len() as u64);
        for (name, item) in map.iter() {
            self.text(name);
            self.value(item);
        }
    }

    fn list(&mut self, list: &[Item]) {
        self.number(list.len() as u64);
        list.iter().for_each(|item| self.value(item));
    }

    fn value(&mut self, item: &Item) {
        // The kind goes first, and lengths go before what has one: no two values give the same bytes.
        match &item.datum {
            Datum::Removed => self.bytes.push(0),
            Datum::Broken => self.bytes.push(1),
            Datum::Text(text) => {
                self.bytes.push(2);
                self.text(text);
            }
            Datum::Bool(value) => self.bytes.extend_from_slice(&[3, u8::from(*value)]),
            Datum::Int(value) => {
                self.bytes.push(4);
                self.bytes.extend_from_slice(&value.to_le_bytes());
            }
            Datum::Float(value) => {
                self.bytes.push(5);
                self.number(value.to_bits());
            }
            Datum::Endpoint(endpoint) => {
                self.bytes.push(6);
                self.text(&endpoint.host);
                self.number(endpoint.port.map_or(0, u64::from));
            }
            Datum::Secret(secret) => {
                self.bytes.push(7);
                self.secret(secret);
            }
            Datum::List(list) => {
                self.bytes.push(8);
                self.list(list);
            }
            Datum::Map(map) => {
                self.bytes.push(9);
                self.map(map);
            }
        }
    }

    fn secret(&mut self, secret: &SecretRef) {
        feed_source(&secret.source, &mut self.bytes);
        self.references.push(secret_key(&secret.source));
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }
}

fn feed_source(source: &Source, bytes: &mut Vec<u8>) {
    let mut part = |part: &[u8]| {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    };
    match source {
        Source::Env(name) => {
            part(b"env");
            part(name.as_bytes());
        }
        Source::File(path) => {
            part(b"file");
            part(path.as_os_str().as_encoded_bytes());
        }
        Source::Command(argv) => {
            part(b"command");
            argv.iter().for_each(|word| part(word.as_bytes()));
        }
    }
}
