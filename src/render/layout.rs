//! Laying the function keys of a device on the keys of its model.
//!
//! Keys with a position go there, then the phone's lines take their own keys, then keys by `auto` and
//! those of a layout written as a list take what is left. What a phone cannot do is refused at the key that
//! asks for it, never dropped in silence.

use std::collections::{BTreeMap, BTreeSet};

use super::codes;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity, Span};
use crate::inventory::{Device, Key, Module};
use crate::plugin::{Bank, Model, ModuleModel, Slot};

/// Where a key is: its place among the model's slots.
pub(super) type Place = usize;

/// The keys of a device on their slots.
pub(super) struct Layout<'d> {
    /// By place in the slots; the type is what the slot can do, after a downgrade.
    pub keys: BTreeMap<Place, Laid<'d>>,
    /// Which line shows on which slot.
    pub lines: BTreeMap<Place, u32>,
}

/// A key on its slot.
pub(super) struct Laid<'d> {
    /// The key as resolved.
    pub key: &'d Key,
    /// Its type on this slot.
    pub kind: &'d str,
}

/// Where mistakes go, and whether what a phone cannot do is an error.
pub(super) struct Report<'o> {
    pub out: &'o mut Diagnostics,
    pub allow_unsupported: bool,
}

impl Report<'_> {
    /// Reports something that the phone cannot do; what asks for it is left out.
    fn unsupported(&mut self, code: Code, message: String, at: Span, help: String) {
        let mut found = Diagnostic::error(code, message).at(at).help(help);
        if self.allow_unsupported {
            found.severity = Severity::Warning;
            found = found.note("left out, as --allow-unsupported asks");
        }
        self.out.push(found);
    }
}

/// The expansion modules of a device.
#[derive(Default)]
pub(super) struct Modules<'d> {
    /// Those that the phone takes, in order.
    pub attached: Vec<&'d Module>,
    /// The model of each; empty where a manifest tells no kinds apart.
    pub models: Vec<&'d ModuleModel>,
}

/// The modules that a device names, in order, and what is wrong with them. One that the phone does not take
/// is left out, and those after it move up.
pub(super) fn modules<'d>(device: &'d Device, model: &'d Model, report: &mut Report<'_>) -> Modules<'d> {
    let mut modules = Modules::default();
    for (at, module) in device.modules.iter().enumerate() {
        if at >= model.modules as usize {
            let message = match model.modules {
                0 => format!("the {} takes no expansion module", model.name),
                1 => format!("the {} takes one expansion module, this is number {}", model.name, at + 1),
                n => format!("the {} takes {n} expansion modules, this is number {}", model.name, at + 1),
            };
            report.unsupported(codes::TOO_MANY_MODULES, message, module.span, "take the module out".into());
            break;
        }
        let Some((name, span)) = &module.model else {
            // With one kind of module there is nothing to choose.
            match &model.expansion_modules[..] {
                [] => modules.attached.push(module),
                [only] => modules.add(module, only),
                _ => report.unsupported(
                    codes::UNKNOWN_MODULE,
                    "this expansion module has no model".into(),
                    module.span,
                    format!("write `model:`: {}", known_modules(model)),
                ),
            }
            continue;
        };
        match model.expansion_modules.iter().find(|known| same_name(&known.name, name)) {
            Some(known) => modules.add(module, known),
            // Only the number of modules is known, not their kinds: any name will do.
            None if model.expansion_modules.is_empty() => modules.attached.push(module),
            None => report.unsupported(
                codes::UNKNOWN_MODULE,
                format!("the {} takes no expansion module `{name}`", model.name),
                *span,
                format!("it takes {}", known_modules(model)),
            ),
        }
    }
    modules
}

impl<'d> Modules<'d> {
    fn add(&mut self, module: &'d Module, model: &'d ModuleModel) {
        self.attached.push(module);
        self.models.push(model);
    }
}

fn known_modules(model: &Model) -> String {
    let names: Vec<&str> = model.expansion_modules.iter().map(|module| module.name.as_str()).collect();
    names.join(", ")
}

fn same_name(a: &str, b: &str) -> bool {
    let plain = |text: &str| -> String {
        text.chars().filter(|c| !c.is_whitespace() && *c != '-').flat_map(char::to_lowercase).collect()
    };
    plain(a) == plain(b)
}

/// Lays the keys of `device` on `slots`.
pub(super) fn lay_out<'d>(
    device: &'d Device,
    model: &'d Model,
    modules: &'d [&'d Module],
    slots: &'d [Slot],
    report: &mut Report<'_>,
) -> Layout<'d> {
    let mut work = Work {
        device,
        model,
        modules,
        slots,
        layout: Layout { keys: BTreeMap::new(), lines: BTreeMap::new() },
    };
    work.fixed(report);
    work.line_keys(report);
    work.auto(report);
    work.floating(report);
    work.layout
}

struct Work<'d> {
    device: &'d Device,
    model: &'d Model,
    modules: &'d [&'d Module],
    slots: &'d [Slot],
    layout: Layout<'d>,
}

impl<'d> Work<'d> {
    fn fixed(&mut self, report: &mut Report<'_>) {
        let own = self.slots.iter().take_while(|slot| slot.module.is_none()).count();
        for key in &self.device.keys.fixed {
            match key.position as usize {
                n if n <= own => self.put(n - 1, key, report),
                n => {
                    let message = format!("position {n} is past the keys of the {}", self.model.name);
                    let help = self.past_own_keys(n, own);
                    report.unsupported(codes::NO_SUCH_KEY, message, key.span, help);
                }
            }
        }
        for (number, module) in (1..).zip(self.modules) {
            let start = self.slots.iter().position(|slot| slot.module == Some(number));
            let count = self.slots.iter().filter(|slot| slot.module == Some(number)).count();
            for key in &module.keys {
                match (start, key.position as usize) {
                    (Some(start), n) if n <= count => self.put(start + n - 1, key, report),
                    (_, n) => {
                        let message = format!("position {n} is past the keys of expansion module {number}");
                        let help = format!("it has {count} keys");
                        report.unsupported(codes::NO_SUCH_KEY, message, key.span, help);
                    }
                }
            }
        }
    }

    fn past_own_keys(&self, position: usize, own: usize) -> String {
        let has = match own {
            0 => format!("the {} has no programmable keys of its own", self.model.name),
            1 => "it has 1 key".to_string(),
            n => format!("it has {n} keys"),
        };
        match self.slots.get(position - 1) {
            Some(Slot { module: Some(m), position, .. }) => format!(
                "{has}; this would be key {position} of expansion module {m}: write it under `expansion_modules`"
            ),
            _ => has,
        }
    }

    /// Puts a key on a slot that exists, if the slot can do it.
    fn put(&mut self, place: Place, key: &'d Key, report: &mut Report<'_>) {
        let Some(slot) = self.slots.get(place) else { return };
        let Some(kind) = self.able(slot, &key.kind) else {
            let message = match slot.module {
                None => {
                    format!("key {} of the {} cannot be a `{}`", slot.position, self.model.name, key.kind)
                }
                Some(m) => {
                    format!("key {} of expansion module {m} cannot be a `{}`", slot.position, key.kind)
                }
            };
            let can = self.types(slot).collect::<Vec<_>>().join(", ");
            report.unsupported(codes::UNSUPPORTED_TYPE, message, key.kind_span, format!("it can be {can}"));
            return;
        };
        if self.has_line(key, report) {
            self.layout.keys.insert(place, Laid { key, kind });
        }
    }

    fn has_line(&self, key: &Key, report: &mut Report<'_>) -> bool {
        let Some((line, span)) = key.line else { return true };
        // A line past those of the model was reported, and is left out with its keys.
        let lines = || self.device.lines.iter().filter(|line| line.position <= self.model.lines);
        let exists = lines().any(|other| other.position == line);
        if !exists {
            let lines: Vec<String> = lines().map(|line| line.position.to_string()).collect();
            let help = match lines.len() {
                0 => "the device has no lines".to_string(),
                _ => format!("the device has line {}", lines.join(", ")),
            };
            let message = format!("this key uses line {line}, which the device does not have");
            report.unsupported(codes::KEY_WITHOUT_LINE, message, span, help);
        }
        exists
    }

    fn bank(&self, slot: &Slot) -> Option<&'d Bank> {
        self.model.banks.get(slot.bank)
    }

    fn types(&self, slot: &Slot) -> impl Iterator<Item = &'d str> + use<'d> {
        let own = self.bank(slot).and_then(|bank| bank.types.as_ref());
        own.unwrap_or(&self.model.key_types).iter().map(String::as_str)
    }

    /// What a slot makes of a type: the type itself, what stands in for it there, or nothing.
    fn able(&self, slot: &Slot, kind: &'d str) -> Option<&'d str> {
        if kind == "none" || self.types(slot).any(|able| able == kind) {
            return Some(kind);
        }
        self.bank(slot)?.downgrade.get(kind).map(String::as_str)
    }

    /// The lines take the keys that are theirs, unless a function key has taken one.
    fn line_keys(&mut self, report: &mut Report<'_>) {
        let mut homeless = Vec::new();
        for line in &self.device.lines {
            let home = self.slots.iter().position(|slot| slot.line == Some(line.position));
            let Some(home) = home else { continue };
            if !self.layout.keys.contains_key(&home) {
                self.layout.lines.insert(home, line.position);
                continue;
            }
            let elsewhere = |laid: &Laid<'_>| {
                laid.kind == "line" && laid.key.line.map_or(1, |(line, _)| line) == line.position
            };
            if !self.layout.keys.values().any(elsewhere) {
                homeless.push((line, home));
            }
        }
        for (line, home) in homeless {
            let mut found = Diagnostic::warning(
                codes::LINE_WITHOUT_KEY,
                format!("line {} has no key left: a function key stands at its position", line.position),
            )
            .at(line.span)
            .help("move the function key, or give another key `type: line`");
            if let Some(laid) = self.layout.keys.get(&home) {
                found = found.related("the function key", laid.key.span);
            }
            report.out.push(found);
        }
    }

    /// The first place from `from` on that nobody has and that can do `kind`. A module that the device does
    /// not name has places, to be cleared, but nobody knows that it is there.
    fn free(&self, from: Place, kind: &'d str) -> Option<(Place, &'d str)> {
        let there = |slot: &Slot| slot.module.is_none_or(|module| module as usize <= self.modules.len());
        self.slots.iter().enumerate().skip(from).filter(|(_, slot)| there(slot)).find_map(|(place, slot)| {
            let taken = self.layout.keys.contains_key(&place) || self.layout.lines.contains_key(&place);
            if taken { None } else { Some((place, self.able(slot, kind)?)) }
        })
    }

    /// Whether there is any key that can be of a type, free or not.
    fn any_can(&self, kind: &'d str) -> bool {
        self.slots.iter().any(|slot| self.able(slot, kind).is_some())
    }

    fn no_key_can(&self, kind: &str, at: Span, report: &mut Report<'_>) {
        let message = format!("no key of the {} can be a `{kind}`", self.model.name);
        let can: BTreeSet<&str> = self.slots.iter().flat_map(|slot| self.types(slot)).collect();
        let help = match can.is_empty() {
            true => "it has no programmable keys".to_owned(),
            false => format!("its keys can be {}", can.into_iter().collect::<Vec<_>>().join(", ")),
        };
        report.unsupported(codes::UNSUPPORTED_TYPE, message, at, help);
    }

    fn auto(&mut self, report: &mut Report<'_>) {
        let Some(auto) = &self.device.keys.auto else { return };
        let mut from = auto.start.map_or(0, |start| start as usize - 1);
        if let Some(key) = auto.keys.first().filter(|key| !self.any_can(&key.kind)) {
            return self.no_key_can(&key.kind, auto.span, report);
        }
        for (at, key) in auto.keys.iter().enumerate() {
            match self.free(from, &key.kind) {
                Some((place, kind)) => {
                    self.layout.keys.insert(place, Laid { key, kind });
                    from = place + 1;
                }
                None if auto.drop => break,
                None => {
                    let all = auto.keys.len();
                    let message =
                        format!("{all} keys do not fit on this {}: {at} found a place", self.model.name);
                    let help = "name fewer lines, or write `overflow: drop` to leave out what does not fit";
                    report.unsupported(codes::NO_ROOM, message, auto.span, help.into());
                    break;
                }
            }
        }
    }

    fn floating(&mut self, report: &mut Report<'_>) {
        for key in &self.device.keys.floating {
            if !self.has_line(key, report) {
                continue;
            }
            match self.free(0, &key.kind) {
                Some((place, kind)) => {
                    self.layout.keys.insert(place, Laid { key, kind });
                }
                None if !self.any_can(&key.kind) => self.no_key_can(&key.kind, key.kind_span, report),
                None => {
                    let message = format!("this key finds no free place on the {}", self.model.name);
                    let help = format!(
                        "take keys out of the layout, or give the phone a model that has more keys of type `{}`",
                        key.kind
                    );
                    report.unsupported(codes::NO_ROOM, message, key.span, help);
                }
            }
        }
    }
}
