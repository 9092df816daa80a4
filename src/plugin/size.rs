//! How much data a family takes: the lines of its manifests and templates, comments and blank lines included,
//! as `wc -l` counts them. Tests, static files and a site's overrides do not count.

use std::collections::BTreeMap;

use super::set::{Layer, OVERRIDE_LAYERS, PluginSet};
use crate::diagnostic::Diagnostics;

/// Lines by family, then by version or layer. What cannot be read goes to `out` and counts nothing.
pub fn lines(set: &PluginSet, out: &mut Diagnostics) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut families: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for plugin in set.iter() {
        let family = families.entry(plugin.family.clone()).or_default();
        for layer in plugin.layers.iter().filter(|layer| !OVERRIDE_LAYERS.contains(&layer.name.as_str())) {
            if !family.contains_key(&layer.name) {
                family.insert(layer.name.clone(), of_layer(layer, out));
            }
        }
    }
    families
}

fn of_layer(layer: &Layer, out: &mut Diagnostics) -> usize {
    let templates = format!("{}/templates", layer.path);
    let files = layer.source.files(&templates, out).into_iter().map(|file| format!("{templates}/{file}"));
    let files: Vec<String> = files.chain([format!("{}/plugin.yaml", layer.path)]).collect();
    let read = files.iter().filter_map(|file| layer.source.read(file, out));
    read.map(|bytes| bytes.split_inclusive(|byte| *byte == b'\n').count()).sum()
}
