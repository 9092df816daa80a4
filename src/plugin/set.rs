//! Finding and loading plugins: the standard set that the binary carries, the `--plugins` directories over
//! it, the site's overrides over both.
//!
//! A later source replaces a layer or version of a family as a whole (`digium/common`, `digium/v2_8_1`):
//! half a directory from here and half from there is what nobody has tested. What a site wants to change
//! in part goes into `overrides/`. All manifests are read, in parallel; templates are read only for the
//! plugins that are used ([`super::templates`]).

mod plugin;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use self::plugin::model_names;
pub use self::plugin::{Layer, Plugin, StaticFile};
use super::associate::Index;
use super::codes::{
    DUPLICATE, STRAY_DIRECTORY, UNKNOWN_LAYER, UNKNOWN_MODEL_NAME, UNKNOWN_OVERRIDE, UNREADABLE,
};
use super::embedded::STANDARD;
use super::layers::{lay_over, overriding};
use super::manifest::{Expected, Manifest, near};
use super::source::Source;
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, Severity, SourceMap};
use crate::yaml::decode::{self, Spanned};
use crate::yaml::{self, Node};

/// The name under which templates of an override can extend what the plugin itself has, and so no name
/// for a layer.
pub(super) const PLUGIN_LAYER: &str = "plugin";
/// What the layer of an override is called in template names: `override/device.cfg.tera` for a family's,
/// `override-id/device.cfg.tera` for one plugin's.
pub(super) const OVERRIDE_LAYERS: [&str; 2] = ["override", "override-id"];

/// All plugins that there are, sorted by id.
#[derive(Debug, Default)]
pub struct PluginSet {
    plugins: Vec<Arc<Plugin>>,
    pub(super) index: Index,
    inputs: Vec<PathBuf>,
    mistakes: bool,
}

/// Which plugins are loaded.
#[derive(Clone, Copy)]
enum Wanted<'w> {
    All,
    /// These units of families, of a set that has no mistake.
    Some(&'w BTreeMap<String, BTreeSet<String>>),
}

impl Wanted<'_> {
    fn family(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(families) => families.contains_key(name),
        }
    }

    fn unit(&self, family: &str, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(families) => families.get(family).is_some_and(|units| units.contains(name)),
        }
    }

    fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }
}

/// A directory with a manifest, found and read but not yet understood.
struct Unit {
    source: Arc<Source>,
    path: String,
    text: Option<(FileId, Arc<str>)>,
}

/// The units of one family by directory name.
type Family = BTreeMap<String, Unit>;

impl PluginSet {
    /// Loads the standard plugins, then those of `directories`, later over earlier, then lays the site's
    /// `overrides` over them. Mistakes of all manifests go to `out`; a plugin whose identity cannot be read
    /// is left out.
    pub fn load(
        directories: &[PathBuf],
        overrides: Option<&Path>,
        sources: &mut SourceMap,
        out: &mut Diagnostics,
    ) -> Self {
        let (trees, overrides) = Self::trees(directories, overrides, out);
        Self::load_from(trees, overrides, sources, out)
    }

    /// Loads some plugins of a set that was loaded before without a word about it, and is still the same: of each
    /// family the named directories ([`Plugin::units`]). What is wrong with others, or between plugins, is not
    /// looked for; whatever these are asked for and have, they answer as the whole set does.
    pub fn load_some(
        directories: &[PathBuf],
        overrides: Option<&Path>,
        wanted: &BTreeMap<String, BTreeSet<String>>,
        sources: &mut SourceMap,
        out: &mut Diagnostics,
    ) -> Self {
        let (trees, overrides) = Self::trees(directories, overrides, out);
        Self::load_wanted(trees, overrides, Wanted::Some(wanted), sources, out)
    }

    fn trees(
        directories: &[PathBuf],
        overrides: Option<&Path>,
        out: &mut Diagnostics,
    ) -> (Vec<Source>, Option<Source>) {
        let mut trees = vec![Source::Embedded(STANDARD)];
        for directory in directories {
            if directory.is_dir() {
                trees.push(Source::Directory(directory.clone()));
            } else {
                let message = format!("there is no plugins directory {}", directory.display());
                out.push(
                    Diagnostic::error(UNREADABLE, message)
                        .help("check the path after --plugins, or in provc.yaml"),
                );
            }
        }
        (trees, overrides.map(|path| Source::Directory(path.to_owned())))
    }

    /// Loads plugins from trees, later over earlier.
    pub fn load_from(
        trees: Vec<Source>,
        overrides: Option<Source>,
        sources: &mut SourceMap,
        out: &mut Diagnostics,
    ) -> Self {
        Self::load_wanted(trees, overrides, Wanted::All, sources, out)
    }

    fn load_wanted(
        trees: Vec<Source>,
        overrides: Option<Source>,
        wanted: Wanted<'_>,
        sources: &mut SourceMap,
        out: &mut Diagnostics,
    ) -> Self {
        let before = out.iter().count();
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        for tree in trees {
            find_units(&Arc::new(tree), wanted, &mut families, out);
        }
        let mut inputs = Vec::new();
        for unit in families.values_mut().flat_map(BTreeMap::values_mut) {
            unit.read(sources, &mut inputs, out);
        }
        let mut site: Family = overrides.map(|tree| find_overrides(tree, out)).unwrap_or_default();
        for unit in site.values_mut() {
            unit.read(sources, &mut inputs, out);
        }
        let loaded: Vec<(Vec<Plugin>, Diagnostics)> = families
            .par_iter()
            .map(|(name, family)| {
                let mut out = Diagnostics::default();
                (load_family(name, family, &site, wanted, &mut out), out)
            })
            .collect();
        let mut plugins = Vec::new();
        for (found, problems) in loaded {
            plugins.extend(found.into_iter().map(Arc::new));
            out.append(problems);
        }
        plugins.sort_by(|a, b| a.id().cmp(b.id()));
        if wanted.is_all() {
            same_ids(&plugins, out);
            unused_overrides(&site, &families, out);
        }
        let index = Index::new(&plugins);
        let mistakes = out.iter().skip(before).any(|d| d.severity == Severity::Error);
        Self { plugins, index, inputs, mistakes }
    }

    /// All plugins, sorted by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Plugin>> {
        self.plugins.iter()
    }

    /// Whether any of the manifests has a mistake, so that plugins or models may be missing.
    pub fn has_mistakes(&self) -> bool {
        self.mistakes
    }

    /// A plugin by id.
    pub fn get(&self, id: &str) -> Option<&Arc<Plugin>> {
        self.plugins.iter().find(|plugin| plugin.id() == id)
    }

    /// A plugin by its place in [`PluginSet::iter`].
    pub(super) fn at(&self, index: usize) -> Option<&Arc<Plugin>> {
        self.plugins.get(index)
    }

    /// The manifests that were read from disk, in the order read.
    pub fn inputs(&self) -> &[PathBuf] {
        &self.inputs
    }
}

impl Unit {
    /// Reads the manifest, if it has one.
    fn read(&mut self, sources: &mut SourceMap, inputs: &mut Vec<PathBuf>, out: &mut Diagnostics) {
        let path = format!("{}/plugin.yaml", self.path);
        let Some(bytes) = self.source.read(&path, out) else { return };
        let shown = self.source.shown(&path);
        if let Source::Directory(_) = &*self.source {
            inputs.push(shown.clone());
        }
        let file = sources.reserve(shown);
        match yaml::decode_utf8(file, bytes.into_owned()) {
            Ok(text) => {
                let text: Arc<str> = text.into();
                sources.set_text(file, text.clone());
                self.text = Some((file, text));
            }
            Err(error) => out.push(error),
        }
    }

    fn parse(&self, out: &mut Diagnostics) -> Option<Node<'_>> {
        let (file, text) = self.text.as_ref()?;
        yaml::parse(*file, text, out)
    }

    fn layer(&self, name: &str) -> Layer {
        Layer { name: name.to_owned(), source: self.source.clone(), path: self.path.clone() }
    }
}

/// Finds the layers and versions of a tree; those of the same name found earlier are replaced.
fn find_units(
    tree: &Arc<Source>,
    wanted: Wanted<'_>,
    families: &mut BTreeMap<String, Family>,
    out: &mut Diagnostics,
) {
    let directories = |path: &str, out: &mut Diagnostics| {
        tree.list(path, out).into_iter().filter(|entry| entry.directory).collect::<Vec<_>>()
    };
    for family in directories("", out).into_iter().filter(|family| wanted.family(&family.name)) {
        let units = directories(&family.name, out);
        for unit in units.into_iter().filter(|unit| wanted.unit(&family.name, &unit.name)) {
            let path = format!("{}/{}", family.name, unit.name);
            let inside = tree.list(&path, out);
            let is_unit = |name: &str| matches!(name, "plugin.yaml" | "templates" | "files");
            if !inside.iter().any(|entry| is_unit(&entry.name)) || reserved(&unit.name) {
                let shown = tree.shown(&path);
                let message = format!("{} is neither a version nor a layer", shown.display());
                let help = "a version or layer has a plugin.yaml or templates/, and is not called \
                            plugin, override or override-id";
                out.push(Diagnostic::warning(STRAY_DIRECTORY, message).help(help));
                continue;
            }
            let unit_of = Unit { source: tree.clone(), path, text: None };
            families.entry(family.name.clone()).or_default().insert(unit.name, unit_of);
        }
    }
}

fn reserved(name: &str) -> bool {
    name == PLUGIN_LAYER || OVERRIDE_LAYERS.contains(&name)
}

fn find_overrides(tree: Source, out: &mut Diagnostics) -> Family {
    let tree = Arc::new(tree);
    let entries = tree.list("", out).into_iter().filter(|entry| entry.directory);
    entries
        .map(|entry| (entry.name.clone(), Unit { source: tree.clone(), path: entry.name, text: None }))
        .collect()
}

/// Loads every version of a family.
fn load_family(
    name: &str,
    family: &Family,
    site: &Family,
    wanted: Wanted<'_>,
    out: &mut Diagnostics,
) -> Vec<Plugin> {
    let parsed: BTreeMap<&str, Node<'_>> =
        family.iter().filter_map(|(unit, found)| Some((unit.as_str(), found.parse(out)?))).collect();
    // What does not parse may be a layer of any version.
    let broken = out.has_errors();
    let versions = family.iter().filter(|(unit, _)| is_version(unit, parsed.get(unit.as_str())));
    let plugins: Vec<Plugin> = versions
        .filter_map(|(directory, unit)| {
            let node = parsed.get(directory.as_str())?;
            let loading = Loading { name, directory, unit, family, parsed: &parsed, site };
            let mut found = Diagnostics::default();
            let mut plugin = loading.load(node, &mut found);
            if let Some(plugin) = &mut plugin {
                plugin.broken = broken || found.has_errors();
            }
            out.append(found);
            plugin
        })
        .collect();
    if wanted.is_all() {
        unknown_models(&plugins, out);
    }
    plugins
}

/// Reports models that versions name and no version of the family has.
fn unknown_models(plugins: &[Plugin], out: &mut Diagnostics) {
    let known = || plugins.iter().flat_map(|p| &p.manifest.models).map(|model| model.name.as_str());
    for named in plugins.iter().flat_map(|plugin| &plugin.manifest.named_models) {
        if known().any(|name| name == named.value) {
            continue;
        }
        let message = format!("there is no model `{}` under `models`", named.value);
        let help = near(&named.value, known());
        out.push(Diagnostic::error(UNKNOWN_MODEL_NAME, message).at(named.span).maybe_help(help));
    }
}

/// A version is a directory called `v` and a digit, or one whose manifest has an id.
fn is_version(directory: &str, manifest: Option<&Node<'_>>) -> bool {
    let numbered =
        directory.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    manifest.is_some_and(|node| numbered || node.get("id").is_some())
}

/// One version while it is loaded.
struct Loading<'l, 'a> {
    name: &'l str,
    directory: &'l str,
    unit: &'l Unit,
    family: &'l Family,
    parsed: &'l BTreeMap<&'l str, Node<'a>>,
    site: &'l Family,
}

impl Loading<'_, '_> {
    fn load(&self, node: &Node<'_>, out: &mut Diagnostics) -> Option<Plugin> {
        let expected = Expected { family: self.name, directory: self.directory };
        let mut layers = Vec::new();
        let mut merged: Option<Node<'_>> = None;
        for name in self.layer_names(node, out) {
            if let Some((key, unit)) = self.family.get_key_value(&name) {
                layers.push(unit.layer(key));
                if let Some(node) = self.parsed.get(name.as_str()).cloned() {
                    merged = Some(match merged {
                        Some(below) => lay_over(below, node),
                        None => node,
                    });
                }
            }
        }
        layers.push(self.unit.layer(self.directory));
        let mut merged = match merged {
            Some(below) => lay_over(below, node.clone()),
            None => node.clone(),
        };
        let names = [self.name.to_owned(), expected.id()];
        for (name, layer) in names.iter().zip(OVERRIDE_LAYERS) {
            let Some(unit) = self.site.get(name) else { continue };
            layers.push(unit.layer(layer));
            if let Some(over) = unit.parse(out) {
                let span = merged.span;
                merged = Node { span, ..lay_over(merged, overriding(over, out)) };
            }
        }
        layers.reverse();
        let manifest = Manifest::read(&merged, &expected, out)?;
        let models = model_names(&manifest, out);
        Some(Plugin { manifest, family: self.name.to_owned(), layers, models, broken: false })
    }

    /// The layers that the version names, or `common` where it names none and there is one.
    fn layer_names(&self, node: &Node<'_>, out: &mut Diagnostics) -> Vec<String> {
        let Some(named) = node.get("layers") else {
            return self.family.keys().filter(|name| *name == "common").cloned().collect();
        };
        if named.is_null() {
            return Vec::new();
        }
        let named = decode::one_or_list(named, "`layers`", out, decode::text).unwrap_or_default();
        named.into_iter().filter_map(|layer| self.known_layer(layer, out)).collect()
    }

    fn known_layer(&self, layer: Spanned<String>, out: &mut Diagnostics) -> Option<String> {
        let is_layer = |name: &str| !is_version(name, self.parsed.get(name)) && name != self.directory;
        if self.family.contains_key(&layer.value) && is_layer(&layer.value) {
            return Some(layer.value);
        }
        let message = format!("family `{}` has no layer `{}`", self.name, layer.value);
        let help = near(&layer.value, self.family.keys().map(String::as_str).filter(|name| is_layer(name)));
        out.push(Diagnostic::error(UNKNOWN_LAYER, message).at(layer.span).maybe_help(help));
        None
    }
}

/// Reports plugins of one id: `v2_8_1` and `v2.8.1` side by side.
fn same_ids(plugins: &[Arc<Plugin>], out: &mut Diagnostics) {
    for pair in plugins.windows(2) {
        if let [first, second] = pair
            && first.id() == second.id()
        {
            let message = format!("two plugins have the id `{}`", first.id());
            let error = Diagnostic::error(DUPLICATE, message).at(second.manifest.id.span);
            out.push(error.related("the first is here", first.manifest.id.span));
        }
    }
}

/// Reports overrides that lie over nothing: a misspelled name would otherwise change nothing in silence.
fn unused_overrides(site: &Family, families: &BTreeMap<String, Family>, out: &mut Diagnostics) {
    let id = |family: &str, directory: &str| Expected { family, directory }.id();
    let ids = families.iter().flat_map(|(name, family)| family.keys().map(move |unit| id(name, unit)));
    let ids: Vec<String> = ids.collect();
    for (name, unit) in site.iter().filter(|(name, _)| !families.contains_key(*name) && !ids.contains(name)) {
        let shown = unit.source.shown(&unit.path);
        let message = format!("{} overrides no family or plugin", shown.display());
        let help = near(name, families.keys().chain(&ids).map(String::as_str));
        out.push(Diagnostic::error(UNKNOWN_OVERRIDE, message).maybe_help(help));
    }
}
