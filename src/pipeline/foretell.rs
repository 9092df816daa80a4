//! Doing with the plugins of the devices that a change reaches: what others there are matters only for phones of
//! kinds that nobody has met, and for what belongs to no device.

use std::collections::{BTreeMap, BTreeSet};

use super::index::{Index, Sort, Sorts};
use super::memory::Plugins;
use super::partly::Partly;
use super::reach::Reach;
use crate::diagnostic::Diagnostics;
use crate::inventory::summary::{EntryKind, key};
use crate::inventory::{Inventory, Resolver};
use crate::plugin::PluginSet;

impl Partly<'_> {
    /// Plugin and model of each reached device, if they are of kinds that there were before, and if what belongs to
    /// no device stays as it is: then no other plugin has to be loaded.
    pub(super) fn foretold(&self, index: &Index, inventory: &Inventory, reach: &Reach) -> Option<Sorts> {
        let known = self.state.known.as_ref();
        let known = known.filter(|_| !self.memory.lasting && self.delta.plugins.is_empty())?;
        let resolver = Resolver::new(inventory, &self.memory.secrets);
        let mut sorts = Sorts::new();
        for entry in &inventory.devices {
            let (plugin, model) = known.sort(&resolver.identity(entry))?;
            note(&mut sorts, plugin, model, &entry.id.to_string());
        }
        let same = self.after(index, reach, &sorts).iter().eq(index.sorts_in_use());
        same.then_some(sorts)
    }

    /// The plugins and models in use after it.
    pub(super) fn after(&self, index: &Index, reach: &Reach, sorts: &Sorts) -> BTreeSet<Sort> {
        let gone: Vec<u64> = reach.gone.iter().map(|id| key(EntryKind::Device, id)).collect();
        index.sorts_after(sorts, gone.iter())
    }

    /// Loads the plugins of some devices.
    pub(super) fn load_some(&mut self, sorts: &Sorts, out: &mut Diagnostics) -> Plugins {
        let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for plugin in self.state.plugins.iter().filter(|plugin| sorts.contains_key(&plugin.id)) {
            let (family, units) = plugin.units.clone();
            wanted.entry(family).or_default().extend(units);
        }
        let (plugins, overrides) = (&self.site.plugins, self.site.overrides.as_deref());
        let set = PluginSet::load_some(plugins, overrides, &wanted, &mut self.memory.sources, out);
        Plugins { files: Vec::new(), set, templates: BTreeMap::new() }
    }
}

/// Notes plugin and model of a device.
pub(super) fn note(sorts: &mut Sorts, plugin: &str, model: &str, device: &str) {
    let models = sorts.entry(plugin.to_owned()).or_default();
    models.entry(model.to_owned()).or_default().push(key(EntryKind::Device, device));
}
