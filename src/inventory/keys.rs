//! Function keys after merging: lines named by `target` and `auto` become values and labels, feature codes
//! stand in where a key names none. Where a key goes on the phone is the model's business, later.

use std::collections::HashSet;
use std::sync::Arc;

use super::codes;
use super::device::{Auto, Key, Keys, Line, Module};
use super::file::Named;
use super::lines::Lines;
use super::load::Inventory;
use super::pack::Packed;
use super::patterns::{Matches, Patterns};
use super::resolve::{FLOATING, names, unknown};
use super::secret::Secrets;
use super::value::{Datum, Item, Map};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};

/// What keys are resolved against.
pub(super) struct Context<'a, 'i> {
    pub inventory: &'i Inventory,
    pub patterns: &'a Patterns<'i>,
    pub secrets: &'a Secrets,
    pub settings: &'a Map,
    pub lines: &'a Lines,
}

/// Types that mean nothing without a value.
const NEED_VALUE: [&str; 5] = ["speeddial", "blf", "intercom", "dtmf", "url"];

/// Types whose value, if absent, is the feature code of that name.
const FEATURE_VALUE: [&str; 4] = ["park", "group_pickup", "record", "voicemail"];

pub(super) fn resolve(context: &Context<'_, '_>, out: &mut Diagnostics) -> Keys {
    let mut keys = Keys::default();
    if let Some(map) = context.settings.map("function_keys") {
        keys.fixed = context.by_position(map, out);
        if let Some((item, auto)) = map.get("auto").and_then(|item| Some((item, item.map()?))) {
            keys.auto = Some(context.auto(item.span, auto, out));
        }
    }
    keys.floating =
        context.settings.list(FLOATING).iter().filter_map(|item| context.key(0, item, out)).collect();
    keys
}

/// The expansion modules with their keys.
pub(super) fn modules(context: &Context<'_, '_>, out: &mut Diagnostics) -> Vec<Module> {
    let written = context.settings.list("expansion_modules").iter();
    written
        .filter_map(|item| {
            let map = item.map()?;
            let model = map.get("model").and_then(|model| Some((Arc::clone(model.text()?), model.span)));
            let keys = map.map("keys").map(|keys| context.by_position(keys, out)).unwrap_or_default();
            Some(Module { span: item.span, model, keys })
        })
        .collect()
}

impl Context<'_, '_> {
    fn by_position(&self, map: &Map, out: &mut Diagnostics) -> Vec<Key> {
        let mut keys: Vec<Key> =
            map.iter().filter_map(|(position, item)| self.key(position.parse().ok()?, item, out)).collect();
        keys.sort_by_key(|key| key.position);
        keys
    }

    fn key(&self, position: u32, item: &Item, out: &mut Diagnostics) -> Option<Key> {
        let map = item.map()?;
        let Some((kind, kind_span)) = map.get("type").and_then(|t| Some((Arc::clone(t.text()?), t.span)))
        else {
            if map.is_broken() {
                return None;
            }
            let found = Diagnostic::error(codes::INCOMPLETE_KEY, "this key has no type").at(item.span);
            out.push(
                found.help("write `type:`, for example `speeddial` or `blf`; `type: none` clears the key"),
            );
            return None;
        };
        let target = map.get("target").and_then(|item| {
            let name = item.text()?;
            let line = self.inventory.lines.get(name);
            if line.is_none() {
                out.push(unknown(codes::UNKNOWN_LINE, "line", name, item.span, &self.inventory.lines));
            }
            line
        });
        let value = map.get("value").cloned().or_else(|| target.and_then(number));
        let label = map.get("label").cloned().or_else(|| target.and_then(display_name));
        let referred = map.get("target").is_some();
        if value.is_none() && !referred && !map.is_broken() && NEED_VALUE.contains(&&*kind) {
            let message = format!("a key of type `{kind}` needs a value");
            let found = Diagnostic::error(codes::INCOMPLETE_KEY, message).at(item.span);
            out.push(found.help("write `value:`, or `target:` with the name of a line"));
        }
        let line = map.get("line").and_then(|item| match item.datum {
            Datum::Int(n) => Some((u32::try_from(n).ok()?, item.span)),
            _ => None,
        });
        let code = || self.feature_code(&kind, line.map(|(line, _)| line));
        let value = value.or_else(code);
        Some(Key { position, span: item.span, kind, kind_span, value, label, line })
    }

    fn feature_code(&self, kind: &str, line: Option<u32>) -> Option<Item> {
        let word = FEATURE_VALUE.into_iter().find(|word| *word == kind)?;
        // The mailbox of the key's line, which is the first unless it says another, goes before the site's code.
        let mut lines = self.lines.list.iter();
        let of = match line {
            Some(position) => lines.find(|line| line.position == position),
            None => lines.next(),
        };
        let own = of.filter(|_| word == "voicemail").map(|line| &line.values);
        own.and_then(|values| values.get(word))
            .or_else(|| self.settings.map("feature_codes")?.get(word))
            .cloned()
    }

    fn auto(&self, span: Span, map: &Map, out: &mut Diagnostics) -> Auto {
        if map.get("from").is_none() {
            let found = Diagnostic::error(codes::MISSING, "`auto` does not say for which lines").at(span);
            out.push(found.help("write `from:` with names of lines, or patterns such as `sales-*`"));
        }
        let mut chosen: Vec<&Named<Packed>> = Vec::new();
        let mut seen = HashSet::new();
        for (name, span) in names(map.list("from")) {
            let lines = matching(self.inventory, self.patterns, name, span, out);
            chosen.extend(lines.iter().filter(|line| seen.insert(&*line.name)));
        }
        if map.bool("exclude_self") == Some(true) {
            let own = |line: &Line, other: &Named<_>| line.name.as_ref() == Some(&other.name);
            chosen.retain(|other| !self.lines.list.iter().any(|line| own(line, other)));
        }
        match map.text("sort").map(|text| &**text) {
            Some("label") => {
                chosen.sort_by_cached_key(|line| self.sort_text(display_name(line)).to_lowercase())
            }
            Some("number") => chosen.sort_by_cached_key(|line| numeric(&self.sort_text(number(line)))),
            _ => {}
        }
        let blf: Arc<str> = Arc::from("blf");
        let keys = chosen.into_iter().map(|line| Key {
            position: 0,
            span,
            kind: Arc::clone(&blf),
            kind_span: span,
            value: number(line),
            label: display_name(line),
            line: None,
        });
        Auto {
            span,
            start: map.int("start").and_then(|n| u32::try_from(n).ok()),
            drop: map.text("overflow").is_some_and(|word| &**word == "drop"),
            keys: keys.collect(),
        }
    }

    fn sort_text(&self, item: Option<Item>) -> Arc<str> {
        match item.as_ref().map(|item| &item.datum) {
            Some(Datum::Text(text)) => Arc::clone(text),
            // That it cannot be fetched is reported where the key is rendered.
            Some(Datum::Secret(secret)) => self.secrets.line(secret).unwrap_or_default(),
            _ => Arc::default(),
        }
    }
}

/// Digits as a number would sort them, of any length; anything else after them, as text.
fn numeric(text: &str) -> (bool, usize, String, String) {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let significant = text.trim_start_matches('0');
    match digits {
        true => (false, significant.len(), significant.to_string(), text.to_string()),
        false => (true, 0, String::new(), text.to_string()),
    }
}

fn number(line: &Named<Packed>) -> Option<Item> {
    line.value.get("number").or_else(|| line.value.get("username"))
}

fn display_name(line: &Named<Packed>) -> Option<Item> {
    line.value.get("display_name").or_else(|| number(line))
}

/// The lines that a name or a pattern with `*` and `?` stands for, in the order of their names.
fn matching<'i>(
    inventory: &'i Inventory,
    patterns: &Patterns<'i>,
    name: &Arc<str>,
    span: Span,
    out: &mut Diagnostics,
) -> Matches<'i> {
    if let Some(line) = inventory.lines.get(name) {
        return Arc::new(vec![line]);
    }
    if !name.contains(['*', '?']) {
        out.push(unknown(codes::UNKNOWN_LINE, "line", name, span, &inventory.lines));
        return Arc::default();
    }
    let lines = patterns.matches(name);
    if lines.is_empty() {
        let found = Diagnostic::warning(codes::NO_MATCH, format!("no line matches `{name}`")).at(span);
        out.push(found.help("define such lines, or take the pattern out"));
    }
    lines
}

/// Checks the lines that keys of a layer name, for layers that no device may use.
pub(super) fn check_targets<'i>(
    inventory: &'i Inventory,
    patterns: &Patterns<'i>,
    layer: &Map,
    out: &mut Diagnostics,
) {
    if let Some(item) = layer.get("function_keys") {
        check_item(inventory, patterns, item, out);
    }
    for module in layer.list("expansion_modules") {
        if let Some(keys) = module.map().and_then(|module| module.get("keys")) {
            check_item(inventory, patterns, keys, out);
        }
    }
}

/// The same for a mapping or list of keys.
pub(super) fn check_item<'i>(
    inventory: &'i Inventory,
    patterns: &Patterns<'i>,
    item: &Item,
    out: &mut Diagnostics,
) {
    let mut check = |key: &Item| {
        let Some(map) = key.map() else { return };
        if let Some((name, target)) = map.get("target").and_then(|t| Some((t.text()?, t)))
            && !inventory.lines.contains_key(name)
        {
            out.push(unknown(codes::UNKNOWN_LINE, "line", name, target.span, &inventory.lines));
        }
        for (name, span) in names(map.list("from")) {
            matching(inventory, patterns, name, span, out);
        }
    };
    match &item.datum {
        Datum::List(keys) => keys.iter().for_each(check),
        Datum::Map(keys) => keys.iter().for_each(|(_, key)| check(key)),
        _ => {}
    }
}

/// Checks that handsets and ports name lines which the device has. (Whether keys do is checked when they
/// are laid on the model, where it can be turned into a warning.)
pub(super) fn check_lines(settings: &Map, lines: &Lines, out: &mut Diagnostics) {
    let mut check = |what: &str, item: &Item| {
        let Datum::Int(n) = item.datum else { return };
        if !lines.broken && !lines.list.iter().any(|line| i64::from(line.position) == n) {
            let message = format!("this {what} names line {n}, which the device does not have");
            let found = Diagnostic::error(codes::NO_SUCH_LINE, message).at(item.span);
            out.push(found.help("give the device that line, or name another"));
        }
    };
    for handset in settings.list("handsets").iter().filter_map(Item::map) {
        handset.list("lines").iter().for_each(|line| check("handset", line));
    }
    let ports = settings.map("ports").into_iter().flat_map(|ports| ports.iter());
    for port in ports.filter_map(|(_, port)| port.map()) {
        if let Some(line) = port.get("line") {
            check("port", line);
        }
    }
}
