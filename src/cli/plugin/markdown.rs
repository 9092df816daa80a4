//! `plugin list --format markdown`: the page of all phones, which docs/phones.md is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::list::modules;
use crate::plugin::{Model, Plugin, Version};

/// Lines of data by family and layer.
type Sizes = BTreeMap<String, BTreeMap<String, usize>>;

/// The versions of a family, oldest first.
struct Family<'p> {
    name: &'p str,
    versions: Vec<&'p Plugin>,
}

/// The page: a table of the families, then a section for each.
pub(super) fn page(plugins: &[&Plugin], sizes: &Sizes) -> String {
    let mut families: BTreeMap<&str, Vec<&Plugin>> = BTreeMap::new();
    for plugin in plugins {
        families.entry(&plugin.family).or_default().push(plugin);
    }
    let mut families: Vec<Family<'_>> =
        families.into_iter().map(|(name, versions)| Family { name, versions }).collect();
    for family in &mut families {
        family.versions.sort_by_cached_key(|plugin| Version::parse(plugin.id()));
    }
    let mut text =
        String::from("| family | vendor | versions | models | lines of data |\n|---|---|---|---|---|\n");
    let mut totals = [0; 3];
    for family in &families {
        let lines = sizes.get(family.name).map_or(0, |layers| layers.values().sum());
        let counts = [family.versions.len(), family.models().len(), lines];
        totals.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
        let name = family.name;
        let vendors: BTreeSet<&str> =
            family.versions.iter().map(|plugin| plugin.manifest.vendor.value.as_str()).collect();
        let vendors = Vec::from_iter(vendors).join(", ");
        let [versions, models, lines] = counts;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| [{name}](#{name}) | {vendors} | {versions} | {models} | {lines} |");
    }
    let [versions, models, lines] = totals;
    let _ = writeln!(text, "| all | | {versions} | {models} | {lines} |");
    for family in &families {
        text.push_str(&family.section(sizes));
    }
    text
}

impl<'p> Family<'p> {
    /// Models of all versions, in the order that people count in: T9 before T10.
    fn models(&self) -> Vec<&'p str> {
        let names: BTreeSet<&str> =
            self.versions.iter().flat_map(|p| &p.manifest.models).map(|model| model.name.as_str()).collect();
        let mut names = Vec::from_iter(names);
        names.sort_by_cached_key(|name| Version::parse(name));
        names
    }

    fn section(&self, sizes: &Sizes) -> String {
        let mut text =
            format!("\n## {}\n\n| plugin | what it is for | lines of data |\n|---|---|---|\n", self.name);
        let empty = BTreeMap::new();
        let layers = sizes.get(self.name).unwrap_or(&empty);
        let versions: BTreeSet<String> = self
            .versions
            .iter()
            .filter_map(|p| Some(p.layers.iter().find(|l| layers.contains_key(&l.name))?.name.clone()))
            .collect();
        for (layer, lines) in layers.iter().filter(|(layer, _)| !versions.contains(*layer)) {
            let _ = writeln!(text, "| {layer} | what versions share | {lines} |");
        }
        for plugin in &self.versions {
            let own = plugin.layers.iter().find_map(|layer| layers.get(&layer.name)).copied().unwrap_or(0);
            let description = plugin.manifest.descriptions.get("").map_or("", String::as_str);
            let _ = writeln!(text, "| `{}` | {} | {own} |", plugin.id(), cell(description));
        }
        text.push_str("\n| model | type | lines | keys | modules | firmware |\n|---|---|---|---|---|---|\n");
        for name in self.models() {
            for (model, firmware) in self.kinds(name) {
                let Model { kind, lines, .. } = model;
                let keys = model.own_keys();
                let (modules, name) = (cell(&modules(model)), cell(name));
                let more = capacity(model);
                let _ =
                    writeln!(text, "| {name} | {kind}{more} | {lines} | {keys} | {modules} | {firmware} |");
            }
        }
        text.push_str(&self.key_types());
        text.push_str(&self.features());
        text
    }

    /// A model as the versions have it: once, with its firmware, for all that say the same.
    fn kinds(&self, name: &str) -> Vec<(&'p Model, String)> {
        let mut kinds: Vec<(&'p Model, Vec<&str>)> = Vec::new();
        for plugin in &self.versions {
            let Some(model) = plugin.manifest.models.iter().find(|model| model.name == name) else {
                continue;
            };
            let firmware = plugin.manifest.firmware.value.as_str();
            let says =
                |model: &Model| (model.kind, model.lines, model.own_keys(), modules(model), capacity(model));
            match kinds.iter_mut().find(|(other, _)| says(other) == says(model)) {
                Some((_, versions)) => versions.push(firmware),
                None => kinds.push((model, vec![firmware])),
            }
        }
        kinds.into_iter().map(|(model, versions)| (model, versions.join(", "))).collect()
    }

    /// The types of keys: long lists, that most versions share.
    fn key_types(&self) -> String {
        let types = |model: &Model| {
            let words: Vec<&str> = model.key_types.iter().map(String::as_str).collect();
            if model.own_keys() == 0 && model.modules == 0 { String::new() } else { words.join(", ") }
        };
        let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
        for plugin in &self.versions {
            let (says, firmware) =
                (summary(&plugin.manifest.models, &types), plugin.manifest.firmware.value.as_str());
            match groups.iter_mut().find(|(other, _)| *other == says) {
                Some((_, versions)) => versions.push(firmware),
                None => groups.push((says, vec![firmware])),
            }
        }
        let all = groups.len() == 1;
        let line = |(says, versions): &(String, Vec<&str>)| {
            let of = if all { String::new() } else { format!(" ({})", versions.join(", ")) };
            format!("\nTypes of keys{of}: {says}.\n")
        };
        groups.iter().filter(|(says, _)| says != "-").map(line).collect()
    }

    /// A row for each feature that a version names, a column for each version.
    fn features(&self) -> String {
        let models = || self.versions.iter().flat_map(|plugin| &plugin.manifest.models);
        let names: BTreeSet<&String> = models().flat_map(|model| model.features.keys()).collect();
        let heads: Vec<&str> = self.versions.iter().map(|p| p.manifest.firmware.value.as_str()).collect();
        let mut text = format!("\n| | {} |\n|---|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
        let row = |name: &str, says: &dyn Fn(&Model) -> String| {
            let cells: Vec<String> =
                self.versions.iter().map(|plugin| cell(&summary(&plugin.manifest.models, says))).collect();
            format!("| {name} | {} |\n", cells.join(" | "))
        };
        for name in names {
            text.push_str(&row(&cell(name), &|model| model.features.get(name).map_or(String::new(), said)));
        }
        text
    }
}

/// What most models say, then the others by name: `no; D60, D62: yes`.
fn summary(models: &[Model], says: &dyn Fn(&Model) -> String) -> String {
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for model in models {
        groups.entry(says(model)).or_default().push(&model.name);
    }
    let mut groups: Vec<(String, Vec<&str>)> = groups.into_iter().collect();
    // Stable: between equals the order of the words decides.
    groups.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    let shown = |value: &str| if value.is_empty() { "-".to_owned() } else { value.to_owned() };
    let parts: Vec<String> = groups
        .iter()
        .enumerate()
        .map(|(at, (value, names))| match at {
            0 => shown(value),
            _ => format!("{}: {}", names.join(", "), shown(value)),
        })
        .collect();
    parts.join("; ")
}

/// Handsets of a base and ports of an adapter, after its type.
fn capacity(model: &Model) -> String {
    let handsets = model.handsets.map(|count| format!(", {count} handsets"));
    let ports = model.ports.map(|count| format!(", {count} ports"));
    let protocol = match model.protocol.as_str() {
        "sip" => None,
        other => Some(format!(", {other}")),
    };
    [handsets, ports, protocol].into_iter().flatten().collect()
}

fn said(value: &tera::Value) -> String {
    match (value.as_bool(), value.as_array()) {
        (Some(true), _) => "yes".to_owned(),
        (Some(false), _) => "no".to_owned(),
        (None, Some(words)) => words.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        (None, None) => value.to_string(),
    }
}

/// A text that stays inside its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}
