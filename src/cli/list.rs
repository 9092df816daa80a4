//! `list`: the devices with plugin, support level, files and whether these are built.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Status;
use super::args::{Format, Global};
use super::print::{Printer, columns as columns_of, count};
use super::settings::{self, Site};
use crate::diagnostic::Diagnostics;
use crate::inventory::DeviceId;
use crate::output::{self, Owner};
use crate::pipeline::{self, View};
use crate::render::Cache;

/// Runs `list`.
pub(super) fn run(global: &Global, printer: &Printer) -> Status {
    let sites = match settings::resolve(global) {
        Ok(sites) => sites,
        Err((problems, sources)) => {
            printer.drawn(&problems.into_sorted(&sources), &sources);
            return Status::Failed;
        }
    };
    let mut rows = Vec::new();
    let mut ok = true;
    for site in &sites {
        ok &= list(site, &mut rows, printer);
    }
    match printer.format() {
        Format::Json => printer.result(&format!("{}\n", Value::Array(rows))),
        _ => printer.result(&table(&rows, sites.len() > 1)),
    }
    if ok { Status::Done } else { Status::Failed }
}

fn list(site: &Site, rows: &mut Vec<Value>, printer: &Printer) -> bool {
    let mut out = Diagnostics::default();
    let loaded = pipeline::load(&site.inputs, &mut out);
    let view = View::new(&loaded);
    let templates = view.templates(&mut out);
    let built = built(site, &mut out);
    let mut cache = Cache::default();
    for entry in view.entries() {
        let Some(seen) = view.see(entry, &mut out) else { continue };
        let files = view.files(&seen, &templates, &site.inputs.render, &mut cache);
        let text = |name| seen.device.settings.text(name).map(ToString::to_string);
        let present = built.get(&entry.id.to_string()).copied().unwrap_or_default();
        let state = match files.len() {
            0 => "no files",
            n if present >= n => "built",
            _ if present > 0 => "partly built",
            _ => "not built",
        };
        rows.push(json!({
            "site": site.inputs.name,
            "mac": matches!(entry.id, DeviceId::Mac(_)).then(|| entry.id.to_string()),
            "id": entry.id.to_string(),
            "name": text("name"),
            "vendor": text("vendor"),
            "model": text("model"),
            "firmware": text("firmware"),
            "plugin": seen.choice.map(|choice| choice.plugin.id()),
            "support": seen.choice.map(|choice| choice.level.as_str()),
            "files": files,
            "state": state,
        }));
    }
    let problems = loaded.inventory.without_consequences(out).into_sorted(&loaded.sources);
    let ok = !problems.iter().any(|d| d.severity == crate::diagnostic::Severity::Error);
    if !ok {
        printer.drawn(&problems, &loaded.sources);
        printer.error(&format!(
            "{}: devices with mistakes are listed without files, or not at all",
            count(&problems)
        ));
    }
    ok
}

/// How many files of each device the last build left and are still there.
fn built(site: &Site, out: &mut Diagnostics) -> BTreeMap<String, usize> {
    let options = output::Options { state: site.state.clone(), ..output::Options::new(&site.out) };
    let owned = output::owned_files(&options).map_err(|fault| out.push(*fault)).unwrap_or_default();
    let mut counts = BTreeMap::new();
    for file in owned.into_iter().filter(|file| file.present) {
        if let Owner::Device(id) = file.owner {
            *counts.entry(id).or_default() += 1;
        }
    }
    counts
}

fn table(rows: &[Value], sites: bool) -> String {
    let columns =
        ["site", "id", "name", "vendor", "model", "firmware", "plugin", "support", "files", "state"];
    let columns = columns.iter().filter(|name| sites || **name != "site");
    let mut lines: Vec<Vec<String>> = vec![columns.clone().map(|name| name.to_uppercase()).collect()];
    for row in rows {
        let cell = |name: &&str| match &row[*name] {
            Value::String(text) => text.clone(),
            Value::Array(files) => files.len().to_string(),
            _ => "-".into(),
        };
        lines.push(columns.clone().map(cell).collect());
    }
    columns_of(&lines)
}
