//! The plugin of each device, and the templates of the plugins in use.
//!
//! A million devices are a few dozen kinds of phone: each distinct vendor, model and firmware is asked for
//! once, before anything is rendered, so that only templates in use are compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::index::Sort;
use crate::diagnostic::{Code, Diagnostics, SourceMap};
use crate::inventory::{Device, Entry, Identity, Resolver};
use crate::plugin::associate::{AssociateError, Field, Query};
use crate::plugin::codes;
use crate::plugin::templates::Loader;
use crate::plugin::{Choice, Plugin, PluginSet, Templates};
use crate::render;

/// The plugin for every kind of device that there is.
pub struct Choices {
    by_kind: BTreeMap<Identity, Result<Choice, AssociateError>>,
    /// Plugins have mistakes: what no plugin knows may stand in one of them.
    incomplete: bool,
}

/// What may be nothing but the consequence of a plugin's own mistake.
const LOST_WITH_A_PLUGIN: [Code; 4] =
    [codes::UNKNOWN_VENDOR, codes::UNKNOWN_MODEL, codes::UNKNOWN_PLUGIN, codes::PIN_WITHOUT_MODEL];

impl Choices {
    /// Chooses for all devices.
    pub fn make(resolver: &Resolver<'_>, entries: &[Entry], plugins: &PluginSet) -> Self {
        let kinds: BTreeSet<Identity> = entries
            .par_chunks(1024)
            .map(|entries| entries.iter().map(|entry| resolver.identity(entry)).collect::<BTreeSet<_>>())
            .reduce(BTreeSet::new, |mut a, mut b| {
                a.append(&mut b);
                a
            });
        let choose = |kind: Identity| {
            let choice = plugins.associate(&Query::from(&kind));
            (kind, choice)
        };
        Self { by_kind: kinds.into_iter().map(choose).collect(), incomplete: plugins.has_mistakes() }
    }

    /// All plugins and models that devices use.
    pub fn used(&self) -> render::Used {
        let mut used = render::Used::default();
        for choice in self.by_kind.values().filter_map(|choice| choice.as_ref().ok()) {
            used.add(&choice.plugin, &choice.model().name);
        }
        used
    }

    /// The choice for a device; without one the reason goes to `out`.
    pub fn of(&self, device: &Device, out: &mut Diagnostics) -> Option<&Choice> {
        match self.by_kind.get(&device.identity())? {
            Ok(choice) => Some(choice),
            // That it has no vendor or model was reported when it was resolved.
            Err(_) if device.settings.get("vendor").is_none() || device.settings.get("model").is_none() => {
                None
            }
            Err(error) if self.incomplete && LOST_WITH_A_PLUGIN.contains(&error.code) => None,
            Err(error) => {
                let field = match error.field {
                    Field::Vendor => "vendor",
                    Field::Model => "model",
                    Field::Firmware => "firmware",
                    Field::Plugin => "plugin",
                    Field::Protocol => "protocol",
                    Field::Device => "",
                };
                let span = device.settings.get(field).map_or(device.span, |item| item.span);
                out.push(error.diagnostic().at(span).device(device.id.to_string()));
                None
            }
        }
    }

    /// Plugin and model of every kind of device that has them.
    pub fn sorts(&self) -> impl Iterator<Item = (&Identity, Sort)> {
        let of = |choice: &Choice| (choice.plugin.id().to_owned(), choice.model().name.clone());
        self.by_kind.iter().filter_map(move |(kind, choice)| Some((kind, of(choice.as_ref().ok()?))))
    }

    /// Plugin and model of a kind of device, if there is one for it.
    pub fn sort(&self, kind: &Identity) -> Option<(&Arc<Plugin>, &str)> {
        let choice = self.by_kind.get(kind)?.as_ref().ok()?;
        Some((&choice.plugin, &choice.model().name))
    }

    /// Adds the templates of every chosen plugin to those that are known, by plugin id; mistakes in them go
    /// to `out`.
    pub fn templates(
        &self,
        known: &mut BTreeMap<String, Templates>,
        sources: &mut SourceMap,
        out: &mut Diagnostics,
    ) {
        templates(self.plugins(), Loader::default(), known, sources, out);
    }

    /// The chosen plugins, each as often as it was chosen.
    pub fn plugins(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.by_kind.values().filter_map(|choice| choice.as_ref().ok()).map(|choice| &choice.plugin)
    }
}

/// Adds the templates of some plugins to those that are known, by plugin id; mistakes in them go to `out`.
pub(super) fn templates<'p>(
    plugins: impl Iterator<Item = &'p Arc<Plugin>>,
    mut loader: Loader,
    known: &mut BTreeMap<String, Templates>,
    sources: &mut SourceMap,
    out: &mut Diagnostics,
) {
    // A file made on a broken manifest would only have the same mistake again.
    let wanted: BTreeMap<&str, &Arc<Plugin>> = plugins
        .filter(|plugin| !plugin.broken && !known.contains_key(plugin.id()))
        .map(|plugin| (plugin.id(), plugin))
        .collect();
    let plugins: Vec<Arc<Plugin>> = wanted.into_values().cloned().collect();
    let templates = loader.load(&plugins, &render::shapes(), sources, out);
    let named = plugins.iter().map(|plugin| plugin.id().to_owned()).zip(templates);
    known.extend(named.filter_map(|(id, templates)| Some((id, templates?))));
}
