//! The outline of a device: everything that its files depend on but the texts that are only shown.

use std::borrow::Cow;
use std::sync::Arc;

use super::intern::{Interned, write_count, write_datum, write_text};
use crate::inventory::{Datum, Device, DeviceId, Item, Key, Line, Secrets};
use crate::plugin::Choice;
use crate::plugin::names::reads::{Reads, Text, Use};

/// Settings that no file depends on: resolving a device has made of them what the device holds beside its
/// settings, or they are for people.
pub(super) const ELSEWHERE: [&str; 11] = [
    "expansion_modules",
    "extends",
    "floating_keys",
    "function_keys",
    "id",
    "lines",
    "mac",
    "note",
    "profiles",
    "server",
    "tags",
];

/// A device taken apart.
pub(in crate::render) struct Probe<'d> {
    /// Devices of equal outlines have the same files but for the values.
    pub outline: Vec<u8>,
    /// The texts that are only shown, in order; none is blank.
    pub values: Vec<Cow<'d, str>>,
    /// For each text of the device, in the order of [`super::blank`]: the value that it is, if it is one.
    pub holes: Vec<Option<usize>>,
}

impl<'d> Probe<'d> {
    /// Takes a device apart. `None` if a secret of it cannot be had.
    pub fn new(
        device: &'d Device,
        choice: &Choice,
        reads: &Reads,
        secrets: &Secrets,
        interned: &mut Interned,
    ) -> Option<Self> {
        let probe = Self { outline: Vec::with_capacity(512), values: Vec::new(), holes: Vec::new() };
        let mut work = Work { probe, reads, secrets, interned, compared: Vec::new() };
        work.device(device, choice)?;
        Some(work.probe)
    }
}

struct Work<'d, 'w> {
    probe: Probe<'d>,
    reads: &'w Reads,
    secrets: &'w Secrets,
    interned: &'w mut Interned,
    /// Values that templates compare with each other.
    compared: Vec<usize>,
}

impl<'d> Work<'d, '_> {
    fn device(&mut self, device: &'d Device, choice: &Choice) -> Option<()> {
        // The model is part of the plugin, which the templates keep alive.
        write_count(std::ptr::from_ref(choice.model()) as usize, &mut self.probe.outline);
        self.byte(u8::from(device.broken));
        match &device.id {
            DeviceId::Mac(mac) => {
                self.byte(b'm');
                self.text(Text::Id, Cow::Owned(mac.to_string()));
            }
            DeviceId::Id(id) => {
                self.byte(b'i');
                self.text(Text::Id, Cow::Borrowed(id));
            }
        }
        for (name, item) in device.settings.iter().filter(|(name, _)| !ELSEWHERE.contains(name)) {
            self.name(name);
            match (name, &item.datum) {
                ("name", Datum::Text(name)) => self.text(Text::Name, Cow::Borrowed(name)),
                ("ip", Datum::Text(ip)) => self.text(Text::Ip, Cow::Borrowed(ip)),
                (_, datum) => self.datum(datum),
            }
        }
        self.byte(b'.');
        for map in [&device.sip, &device.site] {
            let number = self.interned.map(map);
            self.number(number);
        }
        self.count(device.lines.len());
        device.lines.iter().try_for_each(|line| self.line(line))?;
        self.keys(&device.keys.fixed)?;
        self.keys(&device.keys.floating)?;
        self.byte(u8::from(device.keys.auto.is_some()));
        if let Some(auto) = &device.keys.auto {
            self.number(auto.start.unwrap_or_default());
            self.byte(u8::from(auto.drop));
            self.keys(&auto.keys)?;
        }
        self.count(device.modules.len());
        for module in &device.modules {
            self.name(module.model.as_ref().map_or("", |(model, _)| model));
            self.keys(&module.keys)?;
        }
        self.count(device.contacts.len());
        for list in &device.contacts {
            let number = self.interned.list(&list.contacts);
            self.number(number);
        }
        Some(())
    }

    fn line(&mut self, line: &'d Line) -> Option<()> {
        self.number(line.position);
        self.byte(u8::from(line.name.is_some()));
        if let Some(name) = &line.name
            && let Some(text) = Text::of_line("name")
        {
            self.text(text, Cow::Borrowed(name));
        }
        let number = self.interned.map(&line.sip);
        self.number(number);
        self.count(line.values.len());
        for (name, item) in line.values.iter() {
            self.name(name);
            match (name, Text::of_line(name)) {
                // `line.sip` is made of it.
                ("sip", _) => {}
                (_, Some(text)) => self.item(text, item)?,
                (_, None) => self.datum(&item.datum),
            }
        }
        Some(())
    }

    fn keys(&mut self, keys: &'d [Key]) -> Option<()> {
        self.count(keys.len());
        for key in keys {
            self.number(key.position);
            self.name(&key.kind);
            self.number(key.line.map_or(0, |(line, _)| line));
            for (text, item) in [(Text::KeyLabel, &key.label), (Text::KeyValue, &key.value)] {
                self.byte(u8::from(item.is_some()));
                if let Some(item) = item {
                    self.item(text, item)?;
                }
            }
        }
        Some(())
    }

    /// A value that is shown as text, whatever it is.
    fn item(&mut self, text: Text, item: &'d Item) -> Option<()> {
        match &item.datum {
            Datum::Text(value) => self.text(text, Cow::Borrowed(value)),
            Datum::Secret(secret) => {
                let value: Arc<str> = self.secrets.line(secret).ok()?;
                self.text(text, Cow::Owned(value.to_string()));
            }
            datum => {
                self.probe.holes.push(None);
                self.byte(b'd');
                self.datum(datum);
            }
        }
        Some(())
    }

    fn text(&mut self, text: Text, value: Cow<'d, str>) {
        let used = self.reads.of(text);
        // A blank text may make a line blank, or count as none.
        if used == Use::Read || value.trim().is_empty() {
            self.probe.holes.push(None);
            self.byte(b't');
            write_text(&value, &mut self.probe.outline);
            return;
        }
        self.byte(b'h');
        let next = self.probe.values.len();
        if used == Use::Compared {
            let values = &self.probe.values;
            let same = self.compared.iter().copied().find(|at| values.get(*at) == Some(&value));
            // Equal values are one hole, so that they stay equal.
            self.count(same.unwrap_or(next));
            if let Some(same) = same {
                self.probe.holes.push(Some(same));
                return;
            }
            self.compared.push(next);
        }
        self.probe.holes.push(Some(next));
        self.probe.values.push(value);
    }

    fn datum(&mut self, datum: &Datum) {
        match datum {
            Datum::Map(map) => {
                let number = self.interned.map(map);
                self.byte(b'#');
                self.number(number);
            }
            datum => write_datum(datum, &mut self.probe.outline),
        }
    }

    fn byte(&mut self, byte: u8) {
        self.probe.outline.push(byte);
    }

    fn number(&mut self, number: u32) {
        self.probe.outline.extend_from_slice(&number.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        write_count(count, &mut self.probe.outline);
    }

    fn name(&mut self, name: &str) {
        write_text(name, &mut self.probe.outline);
    }
}
