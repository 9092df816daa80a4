//! `show`: one device, resolved, with the origin of each value if wanted. Secrets are never shown: those by
//! reference stand as their reference, those written in the inventory as stars.

use serde_json::{Value, json};
use serde_yaml::{Mapping, Value as Yaml};

use super::Status;
use super::args::{Format, Global, Show};
use super::codes;
use super::print::Printer;
use super::settings;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceMap, Span, nearest};
use crate::inventory::schema::is_secret;
use crate::inventory::{Datum, Item, Map};
use crate::pipeline::{self, View};

const HIDDEN: &str = "********";

/// Runs `show`.
pub(super) fn run(args: &Show, global: &Global, printer: &Printer) -> Status {
    let sites = match settings::resolve(global) {
        Ok(sites) => sites,
        Err((problems, sources)) => {
            printer.drawn(&problems.into_sorted(&sources), &sources);
            return Status::Failed;
        }
    };
    let mut names = Vec::new();
    for site in sites {
        let mut out = Diagnostics::default();
        let loaded = pipeline::load(&site.inputs, &mut out);
        let view = View::new(&loaded);
        let Some(entry) = view.find(&args.device) else {
            names.extend(view.names());
            continue;
        };
        let mut own = Diagnostics::default();
        let seen = view.see(entry, &mut own);
        let Some(seen) = seen else {
            // What broke the device may be a mistake of a layer, found while loading.
            own.append(out);
            let own = loaded.inventory.without_consequences(own);
            printer.drawn(&own.into_sorted(&loaded.sources), &loaded.sources);
            printer.error(&format!("{} cannot be shown before these mistakes are mended", entry.id));
            return Status::Failed;
        };
        let status = if own.has_errors() { Status::Failed } else { Status::Done };
        printer.drawn(&own.into_sorted(&loaded.sources), &loaded.sources);
        let choice = seen.choice.map(|choice| (choice.plugin.id().to_owned(), choice.level.as_str()));
        let shown = Shown { id: entry.id.to_string(), choice, values: seen.device.shown(), span: entry.span };
        printer.result(&shown.text(printer.format(), args.origin, &loaded.sources));
        return status;
    }
    let near = nearest(&args.device, names.iter().map(String::as_str));
    let help =
        near.map_or_else(|| "`provc list` prints all".into(), |near| format!("did you mean `{near}`?"));
    let found = Diagnostic::error(codes::NO_SUCH_DEVICE, format!("there is no device `{}`", args.device));
    printer.drawn(&[found.help(help)], &SourceMap::default());
    Status::Failed
}

struct Shown {
    id: String,
    choice: Option<(String, &'static str)>,
    values: Map,
    span: Span,
}

impl Shown {
    fn text(&self, format: Format, origin: bool, sources: &SourceMap) -> String {
        if !origin {
            let mut head = Mapping::new();
            head.insert("id".into(), self.id.as_str().into());
            if let Some((plugin, level)) = &self.choice {
                head.insert("chosen_plugin".into(), plugin.as_str().into());
                head.insert("support".into(), (*level).into());
            }
            head.extend(mapping(&self.values));
            return match format {
                Format::Json => format!("{}\n", json!(head)),
                _ => serde_yaml::to_string(&head).unwrap_or_default(),
            };
        }
        let mut rows = vec![("id".to_owned(), Yaml::from(self.id.as_str()), self.span)];
        origins("", &self.values, &mut rows);
        let place =
            |span: &Span| format!("{}:{}:{}", sources.path(span.file).display(), span.line, span.column);
        if format == Format::Json {
            let row = |(path, value, span): &(String, Yaml, Span)| json!({"path": path, "value": value, "file": sources.path(span.file), "line": span.line, "column": span.column});
            return format!("{}\n", Value::Array(rows.iter().map(row).collect()));
        }
        let text: Vec<(String, String, String)> =
            rows.iter().map(|(path, value, span)| (path.clone(), scalar(value), place(span))).collect();
        let width =
            |column: fn(&(String, String, String)) -> usize| text.iter().map(column).max().unwrap_or(0);
        let (first, second) =
            (width(|row| row.0.chars().count()), width(|row| row.1.chars().count()).min(40));
        text.iter().map(|(path, value, place)| format!("{path:first$}  {value:second$}  {place}\n")).collect()
    }
}

fn scalar(value: &Yaml) -> String {
    match value {
        Yaml::String(text) => text.clone(),
        other => serde_yaml::to_string(other).unwrap_or_default().trim_end().to_owned(),
    }
}

fn mapping(map: &Map) -> Mapping {
    let set = map.iter().filter(|(_, item)| item.is_set());
    set.map(|(name, item)| (Yaml::from(name), yaml(name, item))).collect()
}

fn yaml(name: &str, item: &Item) -> Yaml {
    match &item.datum {
        Datum::Removed | Datum::Broken => Yaml::Null,
        Datum::Text(_) if is_secret(name) => Yaml::from(HIDDEN),
        Datum::Text(text) => Yaml::from(&**text),
        Datum::Bool(b) => Yaml::from(*b),
        Datum::Int(n) => Yaml::from(*n),
        Datum::Float(n) => Yaml::from(*n),
        Datum::Endpoint(endpoint) => Yaml::from(endpoint.to_string()),
        Datum::Secret(secret) => Yaml::from(secret.describe()),
        Datum::List(list) => list.iter().map(|item| yaml(name, item)).collect::<Vec<_>>().into(),
        Datum::Map(map) => Yaml::Mapping(mapping(map)),
    }
}

/// One row for each value, under its dotted path.
fn origins(above: &str, map: &Map, rows: &mut Vec<(String, Yaml, Span)>) {
    for (name, item) in map.iter() {
        let path = if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
        origin(&path, name, item, rows);
    }
}

fn origin(path: &str, name: &str, item: &Item, rows: &mut Vec<(String, Yaml, Span)>) {
    match &item.datum {
        Datum::Removed | Datum::Broken => {}
        Datum::Map(map) => origins(path, map, rows),
        Datum::List(list) => {
            for (number, item) in (1..).zip(list.iter()) {
                origin(&format!("{path}.{number}"), name, item, rows);
            }
        }
        _ => rows.push((path.to_owned(), yaml(name, item), item.span)),
    }
}
