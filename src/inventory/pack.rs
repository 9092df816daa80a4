//! A layer in few bytes.
//!
//! As a tree, what is written of a phone and its line takes some four thousand bytes, seven times its text,
//! because every value is an allocation or two. Devices and lines are therefore kept packed, in a tenth of
//! that, and become trees one at a time, for as long as a device is worked on. Profiles, which many devices
//! share, stay trees.
//!
//! ```text
//! layer   = file line entries          file and line: what places inside are relative to
//! entries = count (name item)*
//! name    = 0 length bytes | number    of a word of the schema; above those, of a position
//! item    = tag [line] column length payload
//! ```
//!
//! Numbers are LEB128. `line` is counted from that of the surrounding value and left out where it is the
//! same. Payloads of unknown length stand after it, so that an entry can be passed over. The bytes never
//! leave the process.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::names;
use super::secret::{SecretRef, Source};
use super::value::{Datum, Endpoint, Item, Map, Name};
use crate::diagnostic::{FileId, Span};

const REMOVED: u8 = 0;
const BROKEN: u8 = 1;
const FALSE: u8 = 2;
const TRUE: u8 = 3;
const INT: u8 = 4;
/// From here on a payload starts with its length.
const FLOAT: u8 = 5;
const TEXT: u8 = 6;
const ENDPOINT: u8 = 7;
const LIST: u8 = 8;
const MAP: u8 = 9;
const ENV: u8 = 10;
const FILE: u8 = 11;
const COMMAND: u8 = 12;
const KIND: u8 = 0x0f;
/// The item stands on the line of what surrounds it.
const SAME_LINE: u8 = 0x10;

/// A mapping whose values all stand in one file, packed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Packed(Box<[u8]>);

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.unpack().fmt(f)
    }
}

impl Packed {
    /// Packs a mapping; `base` is a place in the same file, near by.
    pub fn new(map: &Map, base: Span) -> Self {
        // Most layers are smaller. What is kept is copied out, so that the allocator gets this room back whole.
        let mut writer = Writer(Vec::with_capacity(512));
        writer.number(u64::from(base.file.0));
        writer.number(u64::from(base.line));
        writer.map(map, base.line);
        Self(Box::from(&*writer.0))
    }

    /// The whole mapping.
    pub fn unpack(&self) -> Map {
        self.only(|_| true)
    }

    /// The entries with these names, in their order.
    pub fn only(&self, wanted: impl Fn(&str) -> bool) -> Map {
        let mut reader = Reader { rest: &self.0, file: FileId(0) };
        let entries = reader.header().and_then(|line| reader.entries(line, wanted));
        Map::from_entries(entries.unwrap_or_default())
    }

    /// The entry of that name, also a removal.
    pub fn raw(&self, name: &str) -> Option<Item> {
        let mut reader = Reader { rest: &self.0, file: FileId(0) };
        let line = reader.header()?;
        for _ in 0..reader.number()? {
            if reader.is_named(name)? {
                return reader.item(line);
            }
            reader.skip()?;
        }
        None
    }

    /// The entry of that name, if it is set and not removed.
    pub fn get(&self, name: &str) -> Option<Item> {
        self.raw(name).filter(Item::is_set)
    }

    /// The entry as text that needs no fetching.
    pub fn text(&self, name: &str) -> Option<Arc<str>> {
        self.raw(name)?.text().cloned()
    }
}

/// Numbers near zero, of either sign, as small ones.
fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)).cast_unsigned()
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -(n & 1).cast_signed()
}

struct Writer(Vec<u8>);

impl Writer {
    #[expect(clippy::cast_possible_truncation, reason = "seven bits at a time are meant")]
    fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// What `write` writes, after its length.
    fn sized(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        write(self);
        let end = self.0.len();
        self.number((end - start) as u64);
        let length = self.0.len() - end;
        if let Some(written) = self.0.get_mut(start..) {
            written.rotate_right(length);
        }
    }

    fn map(&mut self, map: &Map, line: u32) {
        self.number(map.len() as u64);
        for (name, item) in map.iter() {
            self.name(name);
            self.item(item, line);
        }
    }

    fn name(&mut self, name: &str) {
        let words = names::words();
        let position = || name.parse::<u32>().ok().filter(|n| (1..=9999).contains(n));
        if let Some(word) = names::number(name) {
            self.number(word as u64 + 1);
        } else if let Some(position) = position().filter(|n| *names::position(*n) == *name) {
            self.number(words.len() as u64 + u64::from(position));
        } else {
            self.number(0);
            self.bytes(name.as_bytes());
        }
    }

    fn item(&mut self, item: &Item, line: u32) {
        let Span { line: own, column, len, .. } = item.span;
        let kind = match &item.datum {
            Datum::Removed => REMOVED,
            Datum::Broken => BROKEN,
            Datum::Bool(false) => FALSE,
            Datum::Bool(true) => TRUE,
            Datum::Int(_) => INT,
            Datum::Float(_) => FLOAT,
            Datum::Text(_) => TEXT,
            Datum::Endpoint(_) => ENDPOINT,
            Datum::List(_) => LIST,
            Datum::Map(_) => MAP,
            Datum::Secret(secret) => match secret.source {
                Source::Env(_) => ENV,
                Source::File(_) => FILE,
                Source::Command(_) => COMMAND,
            },
        };
        if own == line {
            self.0.push(kind | SAME_LINE);
        } else {
            self.0.push(kind);
            self.number(zigzag(i64::from(own) - i64::from(line)));
        }
        self.number(u64::from(column));
        self.number(u64::from(len));
        match &item.datum {
            Datum::Removed | Datum::Broken | Datum::Bool(_) => {}
            Datum::Int(n) => self.number(zigzag(*n)),
            Datum::Float(n) => self.bytes(&n.to_le_bytes()),
            Datum::Text(text) => self.bytes(text.as_bytes()),
            Datum::Endpoint(endpoint) => self.sized(|w| {
                w.number(endpoint.port.map_or(0, |port| u64::from(port) + 1));
                w.0.extend_from_slice(endpoint.host.as_bytes());
            }),
            Datum::List(list) => self.sized(|w| {
                w.number(list.len() as u64);
                list.iter().for_each(|item| w.item(item, own));
            }),
            Datum::Map(map) => self.sized(|w| w.map(map, own)),
            // A secret stands where its item does.
            Datum::Secret(secret) => match &secret.source {
                Source::Env(name) => self.bytes(name.as_bytes()),
                Source::File(path) => self.bytes(path.as_os_str().as_bytes()),
                Source::Command(argv) => self.sized(|w| argv.iter().for_each(|arg| w.bytes(arg.as_bytes()))),
            },
        }
    }
}

/// Reads what [`Writer`] wrote; every `None` is the end of the bytes, which cannot come early.
struct Reader<'p> {
    rest: &'p [u8],
    file: FileId,
}

impl<'p> Reader<'p> {
    /// The line that those of the entries are relative to.
    fn header(&mut self) -> Option<u32> {
        self.file = FileId(self.small()?);
        self.small()
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(n);
            }
        }
        None
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    fn bytes(&mut self) -> Option<&'p [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    fn entries(&mut self, line: u32, wanted: impl Fn(&str) -> bool) -> Option<Vec<(Name, Item)>> {
        let count = self.number()?;
        let mut entries = Vec::with_capacity(usize::try_from(count).ok()?.min(self.rest.len()));
        for _ in 0..count {
            let name = self.name()?;
            if wanted(&name) {
                entries.push((name, self.item(line)?));
            } else {
                self.skip()?;
            }
        }
        Some(entries)
    }

    fn name(&mut self) -> Option<Name> {
        let words = names::words();
        let number = usize::try_from(self.number()?).ok()?;
        match number.checked_sub(1) {
            None => Some(Cow::Owned(text(self.bytes()?)?.to_owned())),
            Some(word) => match words.get(word) {
                Some(word) => Some(Cow::Borrowed(word)),
                None => Some(names::position(u32::try_from(number - words.len()).ok()?)),
            },
        }
    }

    fn is_named(&mut self, wanted: &str) -> Option<bool> {
        match usize::try_from(self.number()?).ok()?.checked_sub(1) {
            None => Some(self.bytes()? == wanted.as_bytes()),
            Some(word) => match names::words().get(word) {
                Some(word) => Some(*word == wanted),
                None => {
                    Some(*names::position(u32::try_from(word + 1 - names::words().len()).ok()?) == *wanted)
                }
            },
        }
    }

    fn skip(&mut self) -> Option<()> {
        let tag = self.byte()?;
        if tag & SAME_LINE == 0 {
            self.number()?;
        }
        self.number()?;
        self.number()?;
        match tag & KIND {
            INT => drop(self.number()?),
            FLOAT.. => drop(self.bytes()?),
            _ => {}
        }
        Some(())
    }

    fn item(&mut self, line: u32) -> Option<Item> {
        let tag = self.byte()?;
        let line = match tag & SAME_LINE {
            0 => u32::try_from(i64::from(line) + unzigzag(self.number()?)).ok()?,
            _ => line,
        };
        let span = Span { file: self.file, line, column: self.small()?, len: self.small()? };
        let secret = |source| Some(Datum::Secret(Arc::new(SecretRef::new(source, span))));
        let datum = match tag & KIND {
            REMOVED => Datum::Removed,
            FALSE => Datum::Bool(false),
            TRUE => Datum::Bool(true),
            INT => Datum::Int(unzigzag(self.number()?)),
            FLOAT => Datum::Float(f64::from_le_bytes(self.bytes()?.try_into().ok()?)),
            TEXT => Datum::Text(Arc::from(text(self.bytes()?)?)),
            ENV => secret(Source::Env(text(self.bytes()?)?.into()))?,
            FILE => secret(Source::File(PathBuf::from(OsStr::from_bytes(self.bytes()?))))?,
            kind @ (ENDPOINT | LIST | MAP | COMMAND) => {
                let mut inner = Reader { rest: self.bytes()?, file: self.file };
                match kind {
                    ENDPOINT => inner.endpoint()?,
                    LIST => inner.list(line)?,
                    MAP => Datum::Map(Arc::new(Map::from_entries(inner.entries(line, |_| true)?))),
                    _ => secret(Source::Command(inner.arguments()?))?,
                }
            }
            _ => Datum::Broken,
        };
        Some(Item { span, datum })
    }

    fn endpoint(&mut self) -> Option<Datum> {
        let port = self.number()?.checked_sub(1).map(u16::try_from).transpose().ok()?;
        Some(Datum::Endpoint(Arc::new(Endpoint { host: text(self.rest)?.into(), port })))
    }

    fn list(&mut self, line: u32) -> Option<Datum> {
        let count = self.number()?;
        let items: Option<Vec<Item>> = (0..count).map(|_| self.item(line)).collect();
        Some(Datum::List(Arc::new(items?)))
    }

    fn arguments(&mut self) -> Option<Vec<Box<str>>> {
        let mut arguments = Vec::new();
        while !self.rest.is_empty() {
            arguments.push(text(self.bytes()?)?.into());
        }
        Some(arguments)
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
