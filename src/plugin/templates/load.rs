//! Reading the templates of plugins.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::compile::Compiling;
use super::{Expression, Place, Places, Shapes, Templates};
use crate::diagnostic::{Diagnostics, FileId, SourceMap};
use crate::plugin::set::{Layer, OVERRIDE_LAYERS, PLUGIN_LAYER, Plugin};
use crate::plugin::source::Source;
use crate::yaml;

/// Reads template files, each once however many versions of a family share it.
#[derive(Debug, Default)]
pub struct Loader {
    files: BTreeMap<PathBuf, Option<(FileId, Arc<str>)>>,
    inputs: Vec<PathBuf>,
    /// Whether an earlier run of this very program compiled the same templates without a mistake.
    proven: bool,
}

impl Loader {
    /// One for templates that an earlier run of this very program compiled without a mistake: their names are
    /// not checked again, and what they do with texts is not found out ([`Reads::EVERYTHING`]). That is most of
    /// the time of loading a plugin, and more than a few devices take to be rendered.
    ///
    /// [`Reads::EVERYTHING`]: crate::plugin::names::reads::Reads::EVERYTHING
    pub fn of_proven() -> Self {
        Self { proven: true, ..Self::default() }
    }

    /// Reads and compiles the templates of some plugins, in parallel. Mistakes of all of them go to `out`;
    /// a plugin whose templates have mistakes gives `None`.
    pub fn load(
        &mut self,
        plugins: &[Arc<Plugin>],
        shapes: &Shapes,
        sources: &mut SourceMap,
        out: &mut Diagnostics,
    ) -> Vec<Option<Templates>> {
        let read: Vec<Read> = plugins.iter().map(|plugin| self.read(plugin, sources, out)).collect();
        let compiled: Vec<(Option<Templates>, Diagnostics)> = plugins
            .par_iter()
            .zip(read)
            .map(|(plugin, read)| {
                let mut out = Diagnostics::default();
                (Compiling::new(plugin, read, self.proven).run(shapes, &mut out), out)
            })
            .collect();
        let mut templates = Vec::new();
        for (found, problems) in compiled {
            out.append(problems);
            templates.push(found);
        }
        templates
    }

    /// The template files that were read from disk, in the order read.
    pub fn inputs(&self) -> &[PathBuf] {
        &self.inputs
    }

    fn read(&mut self, plugin: &Plugin, sources: &mut SourceMap, out: &mut Diagnostics) -> Read {
        let before = out.iter().count();
        let mut read = Read { places: BTreeMap::new(), names: BTreeSet::new(), complete: true };
        for layer in &plugin.layers {
            let root = format!("{}/templates", layer.path);
            for name in layer.source.files(&root, out) {
                let path = format!("{root}/{name}");
                if let Some((file, text)) = self.file(layer, &path, sources, out) {
                    let full = format!("{}/{name}", layer.name);
                    read.places.insert(full, (text, Place::File(file)));
                    read.names.insert(name);
                }
            }
        }
        alias_plugin(plugin, &mut read.places);
        expressions(plugin, &mut read.places);
        read.complete = out.iter().count() == before;
        read
    }

    fn file(
        &mut self,
        layer: &Layer,
        path: &str,
        sources: &mut SourceMap,
        out: &mut Diagnostics,
    ) -> Option<(FileId, Arc<str>)> {
        let shown = layer.source.shown(path);
        if let Some(known) = self.files.get(&shown) {
            return known.clone();
        }
        if let Source::Directory(_) = &*layer.source {
            self.inputs.push(shown.clone());
        }
        let read =
            layer.source.read(path, out).and_then(|bytes| text(&shown, bytes.into_owned(), sources, out));
        self.files.insert(shown, read.clone());
        read
    }
}

fn text(
    path: &Path,
    bytes: Vec<u8>,
    sources: &mut SourceMap,
    out: &mut Diagnostics,
) -> Option<(FileId, Arc<str>)> {
    let file = sources.reserve(path);
    match yaml::decode_utf8(file, bytes) {
        Ok(text) => {
            let text: Arc<str> = text.into();
            sources.set_text(file, text.clone());
            Some((file, text))
        }
        Err(error) => {
            out.push(error);
            None
        }
    }
}

/// The templates of a plugin before they are compiled.
pub(super) struct Read {
    pub places: Places,
    /// Names without their layers.
    pub names: BTreeSet<String>,
    /// Whether all of them could be read.
    pub complete: bool,
}

/// Gives templates of the plugin itself their second name, where an override asks for them by it.
fn alias_plugin(plugin: &Plugin, places: &mut Places) {
    let own = plugin.layers.iter().filter(|layer| !OVERRIDE_LAYERS.contains(&layer.name.as_str()));
    let own: Vec<&str> = own.map(|layer| layer.name.as_str()).collect();
    let asked: BTreeSet<String> = places
        .iter()
        .filter(|(name, _)| OVERRIDE_LAYERS.iter().any(|layer| name.starts_with(&format!("{layer}/"))))
        .flat_map(|(_, (text, _))| crate::plugin::names::uses(text).templates)
        .filter_map(|name| Some(name.strip_prefix(PLUGIN_LAYER)?.strip_prefix('/')?.to_owned()))
        .collect();
    for name in asked {
        let found = own.iter().find_map(|layer| places.get(&format!("{layer}/{name}")));
        if let Some(found) = found.cloned() {
            places.insert(format!("{PLUGIN_LAYER}/{name}"), found);
        }
    }
}

/// Before an expression of the manifest, to make a template of it, and behind it.
const IF: &str = "{% if ";
const END_IF: &str = " %}1{% endif %}";

/// The templates that the manifest holds itself.
fn expressions(plugin: &Plugin, places: &mut Places) {
    let mut add = |expression: Expression, value: &crate::plugin::manifest::Spanned<String>| {
        let condition = matches!(expression, Expression::When(..));
        let text: Arc<str> = if condition {
            format!("{IF}{}{END_IF}", value.value).into()
        } else {
            value.value.as_str().into()
        };
        let prefix = if condition { IF.len() } else { 0 };
        let place = Place::Value { span: value.span, prefix, text: value.value.clone() };
        places.insert(expression.name(), (text, place));
    };
    for (kind, index, file) in plugin.manifest.files.all() {
        add(Expression::Path(kind, index), &file.path);
        if let Some(when) = &file.when {
            add(Expression::When(kind, index), when);
        }
    }
    for (rule, dhcp) in plugin.manifest.dhcp.iter().enumerate() {
        for (option, (_, value)) in dhcp.options.iter().enumerate() {
            add(Expression::Dhcp(rule, option), value);
        }
    }
}
