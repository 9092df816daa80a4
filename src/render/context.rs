//! The context of one device: everything that its templates can name.
//!
//! PLUGIN.md ("What a template sees") is the contract; [`super::shape`] describes the same to the check of
//! names, and a test holds the two together.

use std::collections::BTreeMap;
use std::sync::Arc;

use tera::{Context, Value};

use super::cache::Cache;
use super::convert::{Converter, field, map, number, text};
use super::layout::{self, Laid, Layout};
use super::model::slot_value;
use super::{Options, capability, site, timezone};
use crate::diagnostic::Diagnostics;
use crate::inventory::schema::{HANDSET, Kind, LINE, PORT, SETTINGS, SIP};
use crate::inventory::{Device, DeviceId, Item, Line, Map, Secrets};
use crate::plugin::manifest::lay_over;
use crate::plugin::{Choice, Model, Plugin, Slot};

/// What contexts are made with.
pub(super) struct Maker<'a> {
    pub secrets: &'a Secrets,
    pub options: &'a Options,
    pub plugin: &'a Plugin,
    pub cache: &'a mut Cache,
    pub out: &'a mut Diagnostics,
}

impl Maker<'_> {
    /// The context of a device.
    pub fn device(&mut self, device: &Device, choice: &Choice) -> Context {
        let settings = &device.settings;
        let mut context = Context::new();
        self.settings(settings, &device.sip, &mut context);
        let site = self.site(&device.site);
        context.insert_value("firmware_target", super::firmware::target(settings, self.plugin, &site));
        context.insert_value("site", site);
        context.insert_value("device", self.about(device, choice));

        let model = choice.model();
        let mut report = layout::Report { out: self.out, allow_unsupported: self.options.allow_unsupported };
        let modules = layout::modules(device, model, &mut report);
        let values = self.cache.model(model, &modules.models);
        let laid = layout::lay_out(device, model, &modules.attached, &values.slots, &mut report);
        let lines: Vec<(u32, Value)> = device
            .lines
            .iter()
            .filter(|line| line.position <= model.lines)
            .map(|line| (line.position, self.line(line)))
            .collect();
        self.keys(&laid, &values.slots, &values.empty, &lines, &mut context);
        let find = |position| {
            let line = lines.iter().find(|(p, _)| *p == position).map(|(_, line)| line.clone());
            map([("line", line.unwrap_or_else(Value::none)), ("position", Value::from(position))])
        };
        context.insert_value("line_slots", Value::from((1..=model.lines).map(find).collect::<Vec<_>>()));
        context
            .insert_value("lines", Value::from(lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>()));
        context.insert_value("model", values.model.clone());

        let own = self.cache.free(settings.map("vars"), self.secrets, self.out);
        context.insert_value("vars", lay_over(&model.vars, &own));
        context.insert_value("tables", self.plugin.manifest.tables.clone());
        let mut contacts = Vec::new();
        for list in &device.contacts {
            contacts.extend(self.cache.contacts(&list.contacts, self.secrets, self.out));
        }
        contacts.truncate(model.contacts.map_or(usize::MAX, |most| most as usize));
        context.insert_value("contacts", Value::from(contacts));
        let mut converter = Converter { secrets: self.secrets, out: self.out };
        context.insert_value("extra", super::extra::values(settings, self.plugin, &mut converter));
        context.insert_value("handsets", handsets(settings, model, &mut converter));
        context.insert_value("ports", ports(settings, model, &mut converter));
        context
    }

    /// The context of files that belong to no device: the site and the settings that every device starts
    /// from, with the model for files of a model.
    pub fn shared(&mut self, base: (&Arc<Map>, &Arc<Map>, &Arc<Map>), model: Option<&Model>) -> Context {
        let (settings, sip, site) = base;
        let mut context = Context::new();
        self.settings(settings, sip, &mut context);
        let site = self.site(site);
        context.insert_value("firmware_target", super::firmware::target(settings, self.plugin, &site));
        context.insert_value("site", site);
        context.insert_value("tables", self.plugin.manifest.tables.clone());
        let below = model.map_or(&self.plugin.manifest.vars, |model| &model.vars);
        let own = self.cache.free(settings.map("vars"), self.secrets, self.out);
        context.insert_value("vars", lay_over(below, &own));
        if let Some(model) = model {
            context.insert_value("model", self.cache.model(model, &[]).model.clone());
        }
        let mut converter = Converter { secrets: self.secrets, out: self.out };
        context.insert_value("extra", super::extra::values(settings, self.plugin, &mut converter));
        context
    }

    /// The settings that go by one name in inventory and template.
    fn settings(&mut self, settings: &Map, sip: &Arc<Map>, context: &mut Context) {
        for setting in SETTINGS {
            let value = match (setting.name, setting.kind) {
                ("vars", _) => continue,
                ("sip", Kind::Group(group)) => self.cache.group(group, Some(sip), self.secrets, self.out),
                ("remote_phonebook", Kind::Group(group)) => match settings.map(setting.name) {
                    Some(map) => {
                        let book = self.cache.group(group, Some(map), self.secrets, self.out);
                        self.phonebook(book)
                    }
                    None => Value::none(),
                },
                ("timezone", _) => timezone::value(settings.text(setting.name).map(|name| &**name)),
                (name, Kind::Group(group)) => {
                    self.cache.group(group, settings.map(name), self.secrets, self.out)
                }
                (name, _) => text(settings.text(name).map(|text| &**text)),
            };
            context.insert_value(setting.name, value);
        }
        let locale = settings.text("locale").and_then(|locale| locale.split_once('_'));
        context.insert_value("language", text(locale.map(|(language, _)| language)));
        if settings.get("tones").is_none() {
            context.insert_value("tones", text(locale.map(|(_, country)| country)));
        }
    }

    /// `{family}` in the URL is for servers that answer each vendor in its own XML.
    fn phonebook(&self, book: Value) -> Value {
        let Some(url) = field(&book, "url") else { return book };
        let filled = url.replace("{family}", &self.plugin.family);
        if filled == url { book } else { lay_over(&book, &map([("url", Value::from(filled))])) }
    }

    fn site(&mut self, site: &Arc<Map>) -> Value {
        let prefix = self.options.plugin_root.get(self.plugin.id()).map(String::as_str);
        site::value(site, prefix)
    }

    fn about(&self, device: &Device, choice: &Choice) -> Value {
        let setting = |name| text(device.settings.text(name).map(|text| &**text));
        let (id, mac) = match &device.id {
            DeviceId::Mac(mac) => (Value::from(mac.to_string()), Value::from(mac.to_string())),
            DeviceId::Id(id) => (Value::from(&**id), Value::none()),
        };
        map([
            ("firmware", setting("firmware")),
            ("id", id),
            ("ip", setting("ip")),
            ("mac", mac),
            // As the plugin spells them: file names and vendor codes depend on it.
            ("model", Value::from(choice.model().name.as_str())),
            ("name", setting("name")),
            ("vendor", Value::from(self.plugin.manifest.vendor.value.as_str())),
        ])
    }

    fn line(&mut self, line: &Line) -> Value {
        let mut converter = Converter { secrets: self.secrets, out: self.out };
        let mut values: Vec<(&'static str, Value)> = Vec::with_capacity(11);
        for field in LINE.sorted() {
            match field.name {
                "sip" | "vars" => {}
                name => values.push((
                    name,
                    line.values.get(name).map_or_else(Value::none, |i| converter.item(field.kind, i)),
                )),
            }
        }
        values.push(("name", text(line.name.as_deref())));
        values.push(("position", Value::from(line.position)));
        values.push(("sip", self.cache.group(&SIP, Some(&line.sip), self.secrets, self.out)));
        values.push(("vars", self.cache.free(line.values.map("vars"), self.secrets, self.out)));
        Value::from(values.into_iter().collect::<BTreeMap<_, _>>())
    }

    /// `function_keys`, `key_slots` and `set_slots`.
    fn keys(
        &mut self,
        laid: &Layout<'_>,
        slots: &[Slot],
        empty: &[Value],
        lines: &[(u32, Value)],
        context: &mut Context,
    ) {
        let mut all = empty.to_vec();
        let mut keys = Vec::with_capacity(laid.keys.len());
        let mut set = Vec::with_capacity(laid.keys.len());
        for (&place, &position) in &laid.lines {
            let line = lines.iter().find(|(p, _)| *p == position).map(|(_, line)| line.clone());
            if let (Some(value), Some(slot)) = (all.get_mut(place), slots.get(place)) {
                *value = slot_value(slot, Value::none(), line.unwrap_or_else(Value::none));
            }
        }
        for (&place, key) in &laid.keys {
            let (Some(value), Some(slot)) = (all.get_mut(place), slots.get(place)) else { continue };
            let key = self.key(key, slot);
            *value = slot_value(slot, key.clone(), Value::none());
            keys.push(key);
            set.push(value.clone());
        }
        context.insert_value("function_keys", Value::from(keys));
        context.insert_value("key_slots", Value::from(all));
        context.insert_value("set_slots", Value::from(set));
    }

    fn key(&mut self, laid: &Laid<'_>, slot: &Slot) -> Value {
        let mut converter = Converter { secrets: self.secrets, out: self.out };
        let mut value = |item: &Option<Item>| {
            item.as_ref().map_or_else(Value::none, |item| converter.item(Kind::Text, item))
        };
        map([
            ("label", value(&laid.key.label)),
            ("line", number(laid.key.line.map(|(line, _)| line))),
            ("module", number(slot.module)),
            ("position", Value::from(slot.position)),
            ("type", Value::from(laid.kind)),
            ("value", value(&laid.key.value)),
        ])
    }
}

/// Gives a device another MAC, or id where it has no MAC, in what templates see of it.
pub(super) fn rename(context: &mut Context, id: &str) {
    let Some(device) = context.get("device") else { return };
    let has_mac = field(device, "mac").is_some();
    let mac = if has_mac { Value::from(id) } else { Value::none() };
    let device = lay_over(device, &map([("id", Value::from(id)), ("mac", mac)]));
    context.insert_value("device", device);
}

/// The handsets that the base takes; that there are more was reported.
fn handsets(settings: &Map, model: &Model, converter: &mut Converter<'_>) -> Value {
    let list = settings.list("handsets").iter().filter_map(Item::map).take(capability::handsets(model));
    Value::from(list.map(|handset| converter.group(&HANDSET, Some(handset))).collect::<Vec<_>>())
}

/// Ports in order, each with its position, without those that the device does not have.
fn ports(settings: &Map, model: &Model, converter: &mut Converter<'_>) -> Value {
    let mut ports: Vec<(u32, Value)> = Vec::new();
    for (position, port) in settings.map("ports").into_iter().flat_map(|ports| ports.iter()) {
        if let (Ok(position), Some(port)) = (position.parse(), port.map()) {
            if position > capability::ports(model) {
                continue;
            }
            let value = converter.group(&PORT, Some(port));
            ports.push((position, lay_over(&value, &map([("position", Value::from(position))]))));
        }
    }
    ports.sort_by_key(|(position, _)| *position);
    Value::from(ports.into_iter().map(|(_, port)| port).collect::<Vec<_>>())
}
