//! From values of the inventory to values of the template engine, by the schema: every documented field is
//! there, null when not set, in the order of its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use tera::value::Key;
use tera::{Map as TeraMap, Value};

use super::pem;
use crate::diagnostic::Diagnostics;
use crate::inventory::schema::{Group, Kind};
use crate::inventory::{Datum, Item, Map, Secrets};

/// Turns values into template values, fetching secrets on the way.
pub(super) struct Converter<'a> {
    pub secrets: &'a Secrets,
    /// Where a secret that cannot be had is reported.
    pub out: &'a mut Diagnostics,
}

/// A mapping with these entries, which the caller gives in the order of their names.
pub(super) fn map<const N: usize>(entries: [(&'static str, Value); N]) -> Value {
    debug_assert!(entries.is_sorted_by_key(|(name, _)| *name), "{:?}", entries.each_ref().map(|e| e.0));
    // The engine makes a mapping of its own from any other: one that hashes nothing costs half.
    Value::from(BTreeMap::from(entries))
}

/// Text or null.
pub(super) fn text(text: Option<&str>) -> Value {
    text.map_or_else(Value::none, Value::from)
}

/// A number or null.
pub(super) fn number(number: Option<u32>) -> Value {
    number.map_or_else(Value::none, Value::from)
}

impl Converter<'_> {
    /// A group with all its fields. A group inside it that is not set is null as a whole.
    pub fn group(&mut self, group: &'static Group, settings: Option<&Map>) -> Value {
        let fields = group.sorted().iter().map(|field| {
            let item = settings.and_then(|settings| settings.get(field.name));
            (field.name, item.map_or_else(Value::none, |item| self.item(field.kind, item)))
        });
        Value::from(fields.collect::<BTreeMap<_, _>>())
    }

    /// One value.
    pub fn item(&mut self, kind: Kind, item: &Item) -> Value {
        match (kind, &item.datum) {
            (Kind::Group(group), Datum::Map(map)) => self.group(group, Some(map)),
            (Kind::List(kind) | Kind::OneOrList(kind), Datum::List(list)) => match kind {
                Kind::Pem => Value::from(list.iter().flat_map(|item| self.pem(item)).collect::<Vec<_>>()),
                _ => Value::from(list.iter().map(|item| self.item(*kind, item)).collect::<Vec<_>>()),
            },
            (Kind::Pem, _) => self.pem(item).into_iter().next().unwrap_or_else(Value::none),
            _ => self.free(item),
        }
    }

    /// A value whose kind is its own: text, a number, a secret, or anything under `vars`.
    pub fn free(&mut self, item: &Item) -> Value {
        match &item.datum {
            Datum::Removed | Datum::Broken => Value::none(),
            Datum::Text(text) => Value::from(&**text),
            Datum::Bool(b) => Value::from(*b),
            Datum::Int(n) => Value::from(*n),
            Datum::Float(n) => Value::from(*n),
            Datum::Endpoint(endpoint) => {
                map([("host", Value::from(&*endpoint.host)), ("port", number(endpoint.port.map(u32::from)))])
            }
            Datum::Secret(secret) => match self.secrets.line(secret) {
                Ok(text) => Value::from(&*text),
                Err(problem) => {
                    self.out.push(problem);
                    Value::none()
                }
            },
            Datum::List(list) => Value::from(list.iter().map(|item| self.free(item)).collect::<Vec<_>>()),
            Datum::Map(map) => self.free_map(map),
        }
    }

    /// A mapping of free values, without those taken away.
    pub fn free_map(&mut self, map: &Map) -> Value {
        let mut entries: Vec<(&str, &Item)> = map.iter().filter(|(_, item)| item.is_set()).collect();
        entries.sort_by_key(|(name, _)| *name);
        let entries = entries.into_iter();
        Value::from(entries.map(|(name, item)| (key(name), self.free(item))).collect::<TeraMap>())
    }

    /// The certificates or the key that a PEM text holds.
    fn pem(&mut self, item: &Item) -> Vec<Value> {
        let Datum::Secret(secret) = &item.datum else { return Vec::new() };
        let blocks = self.secrets.fetch(secret).and_then(|text| pem::blocks(&text, secret.span));
        match blocks {
            Ok(blocks) => blocks
                .into_iter()
                .map(|block| map([("der_base64", Value::from(block.der)), ("pem", Value::from(block.pem))]))
                .collect(),
            Err(problem) => {
                self.out.push(problem);
                Vec::new()
            }
        }
    }
}

/// A text in a mapping.
pub(super) fn field<'v>(map: &'v Value, name: &'static str) -> Option<&'v str> {
    map.as_map()?.get(&Key::Str(name))?.as_str()
}

/// A key that a user chose.
pub(super) fn key(name: &str) -> Key<'static> {
    Key::String(Arc::from(name))
}
