//! `plugin list`: every plugin with its models and what they can do.

use serde_json::{Value, json};

use super::super::Status;
use super::super::args::{Format, PluginList};
use super::super::print::{Printer, columns};
use super::load::Loaded;
use super::{markdown, wanted};
use crate::diagnostic::{Diagnostics, SourceMap};
use crate::plugin::{Model, Plugin, size};

/// Runs `plugin list`.
pub(super) fn run(args: &PluginList, loaded: &Loaded, printer: &Printer) -> Status {
    if !loaded.knows(&args.names, printer) {
        return Status::Failed;
    }
    let mut out = Diagnostics::default();
    let sizes = size::lines(&loaded.set, &mut out);
    let unread = out.has_errors();
    printer.drawn(&out.into_sorted(&SourceMap::default()), &SourceMap::default());
    let all = loaded.set.iter().map(|plugin| &**plugin);
    let plugins: Vec<&Plugin> =
        all.filter(|plugin| wanted(&args.names, &plugin.family, plugin.id())).collect();
    printer.result(&match printer.format() {
        Format::Json => format!("{}\n", plugins.iter().map(|plugin| object(plugin)).collect::<Value>()),
        Format::Markdown => markdown::page(&plugins, &sizes),
        Format::Human | Format::Github => table(&plugins),
    });
    if unread || loaded.set.has_mistakes() { Status::Failed } else { Status::Done }
}

fn table(plugins: &[&Plugin]) -> String {
    let head = ["PLUGIN", "VENDOR", "MODEL", "TYPE", "LINES", "KEYS", "MODULES"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for plugin in plugins {
        for model in &plugin.manifest.models {
            rows.push(vec![
                plugin.id().to_owned(),
                plugin.manifest.vendor.value.clone(),
                model.name.clone(),
                model.kind.to_owned(),
                model.lines.to_string(),
                model.own_keys().to_string(),
                modules(model),
            ]);
        }
    }
    columns(&rows)
}

/// How many modules can be attached, and which, with their keys: `3: M680 (16), M685 (84)`.
pub(super) fn modules(model: &Model) -> String {
    let named: Vec<String> =
        model.expansion_modules.iter().map(|module| format!("{} ({})", module.name, module.keys)).collect();
    match (model.modules, named.is_empty()) {
        (0, _) => "-".to_owned(),
        (count, true) => count.to_string(),
        (count, false) => format!("{count}: {}", named.join(", ")),
    }
}

fn object(plugin: &Plugin) -> Value {
    let manifest = &plugin.manifest;
    let models: Vec<Value> = manifest.models.iter().map(model).collect();
    json!({
        "id": plugin.id(),
        "family": plugin.family,
        "version": manifest.version.value,
        "vendor": manifest.vendor.value,
        "firmware": manifest.firmware.value.as_str(),
        "description": manifest.descriptions.get(""),
        "models": models,
    })
}

fn model(model: &Model) -> Value {
    let modules: serde_json::Map<String, Value> =
        model.expansion_modules.iter().map(|module| (module.name.clone(), module.keys.into())).collect();
    json!({
        "name": model.name,
        "type": model.kind,
        "protocol": model.protocol.as_str(),
        "lines": model.lines,
        "function_keys": model.own_keys(),
        "modules": model.modules,
        "expansion_modules": modules,
        "handsets": model.handsets,
        "ports": model.ports,
        "contacts": model.contacts,
        "key_types": model.key_types,
        "features": model.features,
    })
}
