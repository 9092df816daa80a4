//! A resolved device as one mapping, for people: what `show` prints and where each value came from.

use std::sync::Arc;

use super::device::{Device, Key};
use super::value::{Datum, Item, Map, Name};
use crate::diagnostic::Span;

impl Device {
    /// Everything that the device was resolved to, in one mapping. Lines and keys stand by position, with
    /// their defaults; layers, references and `auto` are followed and gone.
    pub fn shown(&self) -> Map {
        let mut all = Map::clone(&self.settings);
        for gone in ["profiles", "extends", "key_layout", super::resolve::FLOATING, "server"] {
            all.remove(gone);
        }
        if all.get("tones").is_none()
            && let Some((locale, country)) =
                self.settings.get("locale").and_then(|l| Some((l, l.text()?.split_once('_')?.1)))
        {
            all.set("tones", Item { span: locale.span, datum: Datum::Text(country.into()) });
        }
        let mut set = |name: &'static str, map: Map, span: Span| match map.is_empty() {
            true => drop(all.remove(name)),
            false => all.set(name, Item { span, datum: Datum::Map(Arc::new(map)) }),
        };
        set("sip", Map::clone(&self.sip), self.span);
        set("site", Map::clone(&self.site), self.span);
        let lines = self.lines.iter().map(|line| {
            let mut values = Map::clone(&line.values);
            if let Some(name) = &line.name {
                values.set("name", Item { span: line.span, datum: Datum::Text(Arc::clone(name)) });
            }
            values.set("sip", Item { span: line.span, datum: Datum::Map(Arc::clone(&line.sip)) });
            (Name::from(line.position.to_string()), item(values, line.span))
        });
        set("lines", Map::from_entries(lines.collect()), self.span);
        let fixed = self.keys.fixed.iter().map(|key| (Name::from(key.position.to_string()), shown_key(key)));
        let mut keys = Map::from_entries(fixed.collect());
        if let Some(auto) = &self.keys.auto {
            let list = auto.keys.iter().map(shown_key).collect();
            keys.set("auto", Item { span: auto.span, datum: Datum::List(Arc::new(list)) });
        }
        if !self.keys.floating.is_empty() {
            let list = self.keys.floating.iter().map(shown_key).collect();
            keys.set("anywhere", Item { span: self.span, datum: Datum::List(Arc::new(list)) });
        }
        set("function_keys", keys, self.span);
        if !self.modules.is_empty() {
            let modules = self.modules.iter().map(|module| {
                let mut map = Map::default();
                if let Some((model, span)) = &module.model {
                    map.set("model", Item { span: *span, datum: Datum::Text(Arc::clone(model)) });
                }
                let keys =
                    module.keys.iter().map(|key| (Name::from(key.position.to_string()), shown_key(key)));
                map.set("keys", item(Map::from_entries(keys.collect()), module.span));
                item(map, module.span)
            });
            let list = Datum::List(Arc::new(modules.collect()));
            all.set("expansion_modules", Item { span: self.span, datum: list });
        }
        all
    }
}

fn item(map: Map, span: Span) -> Item {
    Item { span, datum: Datum::Map(Arc::new(map)) }
}

fn shown_key(key: &Key) -> Item {
    let mut map = Map::default();
    map.set("type", Item { span: key.kind_span, datum: Datum::Text(Arc::clone(&key.kind)) });
    for (name, value) in [("value", &key.value), ("label", &key.label)] {
        if let Some(value) = value {
            map.set(name, value.clone());
        }
    }
    if let Some((line, span)) = key.line {
        map.set("line", Item { span, datum: Datum::Int(i64::from(line)) });
    }
    item(map, key.span)
}
