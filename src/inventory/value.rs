//! Values of the inventory after reading: checked against the schema, owned, each with its place.
//!
//! Text and mappings are behind `Arc`: a device that overrides two settings shares all others with its
//! profiles, which makes merging cheap and lets the render stage see by pointer that a group of settings
//! is one that it has already converted.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::secret::SecretRef;
use crate::diagnostic::Span;

/// A value and the place that it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Where it was written.
    pub span: Span,
    /// What it is.
    pub datum: Datum,
}

/// What an item holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// A plain `null`, `~` or nothing: takes an inherited value away.
    Removed,
    /// Something that could not be read, which was reported: what lacks it has no mistake of its own.
    Broken,
    /// Text, exactly as written.
    Text(Arc<str>),
    /// true or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction (under `vars` and `extra` only).
    Float(f64),
    /// A host, perhaps with a port.
    Endpoint(Arc<Endpoint>),
    /// Text that is fetched when a device needs it.
    Secret(Arc<SecretRef>),
    /// A list.
    List(Arc<Vec<Item>>),
    /// A mapping.
    Map(Arc<Map>),
}

/// HOST or HOST:PORT. A version 6 address has no brackets here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Name or address.
    pub host: Box<str>,
    /// Port, where one was written.
    pub port: Option<u16>,
}

impl Endpoint {
    /// Reads `host`, `host:port`, `v6`, `[v6]` or `[v6]:port`. The error is the reason, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some((scheme, _)) = text.split_once(':').filter(|(word, _)| matches!(*word, "sip" | "sips")) {
            return Err(format!("it is written without `{scheme}:`"));
        }
        let (host, port) = split_port(text)?;
        if !is_host(host) {
            return Err(format!("`{host}` is neither a host name nor an address"));
        }
        let port = port.map(parse_port).transpose()?;
        Ok(Self { host: host.into(), port })
    }
}

fn split_port(text: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("the bracket is not closed")?;
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(format!("`{host}` is not a version 6 address"));
        }
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(format!("`{rest}` stands after the bracket")),
        };
    }
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok((text, None));
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => {
            Err("it has several colons (a version 6 address with a port is `[address]:port`)".into())
        }
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}

fn parse_port(text: &str) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(port),
        _ => Err(format!("`{text}` is not a port from 1 to 65535")),
    }
}

/// Whether `text` may be a host: an IP address, or dot-separated labels of letters, digits, `-` and `_`.
pub fn is_host(text: &str) -> bool {
    if text.parse::<std::net::IpAddr>().is_ok() {
        return true;
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    // Four groups of digits that are no address (10.0.0.300) are a slip, never a name.
    let digits_only = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(label)
        && !(digits_only && name.contains('.'))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// The name of an entry: a word of the schema or one that the user chose.
pub type Name = Cow<'static, str>;

/// A mapping in the order in which its keys were first written. Small, so looked up by scanning.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    entries: Vec<(Name, Item)>,
}

impl Map {
    /// A mapping of these entries; the caller has made sure that the names are distinct.
    pub fn from_entries(entries: Vec<(Name, Item)>) -> Self {
        Self { entries }
    }

    /// A copy to which so many entries can be added.
    pub(super) fn with_room(&self, more: usize) -> Self {
        let mut entries = Vec::with_capacity(self.entries.len() + more);
        entries.extend_from_slice(&self.entries);
        Self { entries }
    }

    /// The entries in order, removals included.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Item)> {
        self.entries.iter().map(|(name, item)| (&**name, item))
    }

    /// The entries with their names as stored: cloning a name of the schema costs nothing.
    pub(super) fn entries(&self) -> std::slice::Iter<'_, (Name, Item)> {
        self.entries.iter()
    }

    /// The entries themselves.
    pub(super) fn into_entries(self) -> std::vec::IntoIter<(Name, Item)> {
        self.entries.into_iter()
    }

    /// The entry of that name, to be changed.
    pub(super) fn raw_mut(&mut self, name: &str) -> Option<&mut Item> {
        self.entries.iter_mut().find(|(n, _)| n == name).map(|(_, item)| item)
    }

    /// Adds an entry that is not there yet.
    pub(super) fn push(&mut self, name: Name, item: Item) {
        self.entries.push((name, item));
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry of that name, if it is set and not removed.
    pub fn get(&self, name: &str) -> Option<&Item> {
        self.raw(name).filter(|item| item.is_set())
    }

    /// Whether an entry could not be read: nothing can be said of what is missing here.
    pub fn is_broken(&self) -> bool {
        self.entries.iter().any(|(_, item)| item.datum == Datum::Broken)
    }

    /// The entry of that name, also a removal.
    pub fn raw(&self, name: &str) -> Option<&Item> {
        self.entries.iter().find(|(n, _)| n == name).map(|(_, item)| item)
    }

    /// Sets an entry, keeping its place if it was there.
    pub fn set(&mut self, name: impl Into<Name>, item: Item) {
        let name = name.into();
        match self.raw_mut(&name) {
            Some(old) => *old = item,
            None => self.push(name, item),
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, name: &str) -> Option<Item> {
        let at = self.entries.iter().position(|(n, _)| n == name)?;
        Some(self.entries.remove(at).1)
    }

    /// The entry as text that needs no fetching.
    pub fn text(&self, name: &str) -> Option<&Arc<str>> {
        self.get(name)?.text()
    }

    /// The entry as a mapping.
    pub fn map(&self, name: &str) -> Option<&Arc<Map>> {
        self.get(name)?.map()
    }

    /// The entry as a list; empty when there is none.
    pub fn list(&self, name: &str) -> &[Item] {
        match self.get(name).map(|item| &item.datum) {
            Some(Datum::List(list)) => list,
            _ => &[],
        }
    }

    /// The entry as a whole number.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.get(name)?.datum {
            Datum::Int(n) => Some(n),
            _ => None,
        }
    }

    /// The entry as true or false.
    pub fn bool(&self, name: &str) -> Option<bool> {
        match self.get(name)?.datum {
            Datum::Bool(b) => Some(b),
            _ => None,
        }
    }
}

impl Item {
    /// Whether it holds a value.
    pub fn is_set(&self) -> bool {
        !matches!(self.datum, Datum::Removed | Datum::Broken)
    }

    /// The text, unless it has to be fetched or is something else.
    pub fn text(&self) -> Option<&Arc<str>> {
        match &self.datum {
            Datum::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The mapping, if it is one.
    pub fn map(&self) -> Option<&Arc<Map>> {
        match &self.datum {
            Datum::Map(map) => Some(map),
            _ => None,
        }
    }
}
