//! One plugin as it is loaded: its manifest, and the directories that its files come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::plugin::associate::fold;
use crate::plugin::codes::DUPLICATE;
use crate::plugin::manifest::{Manifest, Model};
use crate::plugin::set::OVERRIDE_LAYERS;
use crate::plugin::source::{Content, Source};

/// One plugin: its manifest and where its files are.
#[derive(Debug)]
pub struct Plugin {
    /// The manifest, layers and overrides merged.
    pub manifest: Manifest,
    /// The family: the name of the directory that the versions share.
    pub family: String,
    /// Where templates and static files are looked for, the strongest first.
    pub layers: Vec<Layer>,
    /// Whether its manifest has a mistake: no file can be made.
    pub broken: bool,
    /// Models by folded name and alias, as positions in `manifest.models`.
    pub(super) models: BTreeMap<String, usize>,
}

/// A directory that contributes to a plugin.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Its name in template names: that of its directory, or `override`.
    pub name: String,
    /// The tree it is in.
    pub source: Arc<Source>,
    /// Its path in the tree.
    pub path: String,
}

/// A file that is copied as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticFile {
    /// Its path below the plugin's directory in out/.
    pub path: String,
    /// Where it comes from.
    pub content: Content,
}

impl Plugin {
    /// Its id, such as `digium-2.8.1`.
    pub fn id(&self) -> &str {
        &self.manifest.id.value
    }

    /// The directories of its family that it is made of.
    pub fn units(&self) -> impl Iterator<Item = &str> {
        let names = self.layers.iter().map(|layer| layer.name.as_str());
        names.filter(|name| !OVERRIDE_LAYERS.contains(name))
    }

    /// A model by name or alias, compared without case, blanks and hyphens.
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.model_at(name).and_then(|at| self.manifest.models.get(at))
    }

    /// The position of a model in the manifest.
    pub(in crate::plugin) fn model_at(&self, name: &str) -> Option<usize> {
        self.models.get(&fold(name)).copied()
    }

    /// The files that are copied as they are, sorted by path. A file of a version replaces its layer's of
    /// the same name, one of an override both.
    pub fn static_files(&self, out: &mut Diagnostics) -> Vec<StaticFile> {
        let Some(directory) = &self.manifest.static_dir else { return Vec::new() };
        let directory = directory.value.trim_end_matches('/');
        let mut files = BTreeMap::new();
        for layer in self.layers.iter().rev() {
            let root = format!("{}/{directory}", layer.path);
            for path in layer.source.files(&root, out) {
                if let Some(content) = layer.source.content(&format!("{root}/{path}")) {
                    files.insert(path, content);
                }
            }
        }
        files.into_iter().map(|(path, content)| StaticFile { path, content }).collect()
    }
}

/// The names by which a plugin's models are found; two that cannot be told apart are a mistake.
pub(super) fn model_names(manifest: &Manifest, out: &mut Diagnostics) -> BTreeMap<String, usize> {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for (at, model) in manifest.models.iter().enumerate() {
        if let Some(first) = names.insert(fold(&model.name), at).and_then(|at| manifest.models.get(at)) {
            out.push(alike(&model.name, model.span, &first.name, first.span));
        }
    }
    for (alias, model) in &manifest.associate.model_aliases {
        if let Some(at) = names.get(&fold(&model.value)).copied() {
            names.entry(fold(alias)).or_insert(at);
        }
    }
    names
}

fn alike(name: &str, span: Span, other: &str, first: Span) -> Diagnostic {
    let message = format!("models `{other}` and `{name}` cannot be told apart");
    Diagnostic::error(DUPLICATE, message)
        .at(span)
        .related("the first is here", first)
        .help("names are compared without case, blanks and hyphens: remove one")
}
