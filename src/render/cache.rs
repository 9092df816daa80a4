//! What many devices share, converted once.
//!
//! Profiles give a thousand phones the same `sip`, `network` and contacts, behind the same pointer; a
//! model's empty keys are the same for all its phones. One cache serves one thread at a time, so it needs no
//! lock; between two runs of devices it can be trimmed of what only single devices had. A value that could not be converted whole is not kept: each device must hear of it.

use std::collections::HashMap;
use std::sync::Arc;

use tera::Value;

use super::convert::Converter;
use super::model::ModelValues;
use super::stencils::Stencils;
use crate::diagnostic::Diagnostics;
use crate::inventory::schema::{CONTACT, Group, Kind};
use crate::inventory::{Datum, Item, Map, Secrets};
use crate::plugin::{Model, ModuleModel};

/// The cache of one thread, for one [`super::Renderer`]: it holds files made with its options and secrets.
#[derive(Default)]
pub struct Cache {
    groups: HashMap<(usize, usize), (Arc<Map>, Value)>,
    lists: HashMap<usize, (Arc<Vec<Item>>, Vec<Value>)>,
    models: HashMap<(usize, Vec<String>), Arc<ModelValues>>,
    pub(super) stencils: Stencils,
}

/// More mappings than this are not shared by many: devices of their own settings fill the cache.
const MOST_MAPPINGS: usize = 4096;

impl Cache {
    /// Empties the cache of mappings once they are many, so that it does not grow with the inventory.
    pub fn trim(&mut self) {
        if self.groups.len() > MOST_MAPPINGS {
            self.groups.clear();
        }
        self.stencils.trim();
    }

    /// A group with all its fields, converted once for each mapping.
    pub(super) fn group(
        &mut self,
        group: &'static Group,
        map: Option<&Arc<Map>>,
        secrets: &Secrets,
        out: &mut Diagnostics,
    ) -> Value {
        self.keyed(std::ptr::from_ref(group) as usize, map, secrets, out, |converter, map| {
            converter.group(group, map)
        })
    }

    /// A mapping of free values.
    pub(super) fn free(&mut self, map: Option<&Arc<Map>>, secrets: &Secrets, out: &mut Diagnostics) -> Value {
        self.keyed(0, map, secrets, out, |converter, map| {
            map.map_or_else(|| super::convert::map([]), |map| converter.free_map(map))
        })
    }

    fn keyed(
        &mut self,
        what: usize,
        map: Option<&Arc<Map>>,
        secrets: &Secrets,
        out: &mut Diagnostics,
        convert: impl FnOnce(&mut Converter<'_>, Option<&Map>) -> Value,
    ) -> Value {
        let key = (what, map.map_or(0, |map| Arc::as_ptr(map) as usize));
        if let Some((_, value)) = self.groups.get(&key) {
            return value.clone();
        }
        let mut found = Diagnostics::default();
        let value = convert(&mut Converter { secrets, out: &mut found }, map.map(|map| &**map));
        if found.is_empty() {
            // The mapping is kept alive with its value, so that its address stays its own.
            self.groups.insert(key, (map.cloned().unwrap_or_default(), value.clone()));
        }
        out.append(found);
        value
    }

    /// The contacts of one list.
    pub(super) fn contacts(
        &mut self,
        list: &Arc<Vec<Item>>,
        secrets: &Secrets,
        out: &mut Diagnostics,
    ) -> Vec<Value> {
        let key = Arc::as_ptr(list) as usize;
        if let Some((_, values)) = self.lists.get(&key) {
            return values.clone();
        }
        let mut found = Diagnostics::default();
        let mut converter = Converter { secrets, out: &mut found };
        let values: Vec<Value> = list.iter().filter_map(|item| contact(item, &mut converter)).collect();
        if found.is_empty() {
            self.lists.insert(key, (Arc::clone(list), values.clone()));
        }
        out.append(found);
        values
    }

    /// What templates see of a model with these modules.
    pub(super) fn model(&mut self, model: &Model, modules: &[&ModuleModel]) -> Arc<ModelValues> {
        let names = modules.iter().map(|module| module.name.clone()).collect();
        // Models live as long as the plugins do, and those longer than any cache.
        let values = self.models.entry((std::ptr::from_ref(model) as usize, names));
        Arc::clone(values.or_insert_with(|| Arc::new(ModelValues::new(model, modules))))
    }
}

/// A contact: its fields, and its numbers as a list of {kind, number}.
fn contact(item: &Item, converter: &mut Converter<'_>) -> Option<Value> {
    let map = item.map()?;
    let mut numbers = Vec::new();
    let mut add = |kind: &str, item: &Item, converter: &mut Converter<'_>| {
        let number = converter.item(Kind::Text, item);
        numbers.push(super::convert::map([("kind", Value::from(kind)), ("number", number)]));
    };
    if let Some(number) = map.get("number") {
        add("work", number, converter);
    }
    if let Some(Datum::Map(several)) = map.get("numbers").map(|item| &item.datum) {
        for (kind, item) in several.iter().filter(|(_, item)| item.is_set()) {
            add(kind, item, converter);
        }
    }
    let mut field =
        |name: &str| map.get(name).map_or_else(Value::none, |item| converter.item(Kind::Text, item));
    let [email, first, last, organization] =
        ["email", "first_name", "last_name", "organization"].map(&mut field);
    let name = match map.get("name") {
        Some(_) => field("name"),
        None => {
            let parts: Vec<&str> = [&first, &last].into_iter().filter_map(Value::as_str).collect();
            match (parts.is_empty(), organization.as_str()) {
                (false, _) => Value::from(parts.join(" ")),
                (true, Some(organization)) => Value::from(organization),
                (true, None) => Value::none(),
            }
        }
    };
    debug_assert!(CONTACT.field("email").is_some());
    Some(super::convert::map([
        ("email", email),
        ("first_name", first),
        ("last_name", last),
        ("name", name),
        ("numbers", Value::from(numbers)),
        ("organization", organization),
    ]))
}
