//! Loading a site: its inventory and its plugins.

use crate::diagnostic::{Diagnostics, SourceMap};
use crate::inventory::{self, Inventory, Secrets};
use crate::plugin::PluginSet;

use super::Site;

/// What a site is made from.
pub struct Loaded {
    /// The files read.
    pub sources: SourceMap,
    /// The inventory as written.
    pub inventory: Inventory,
    /// All plugins.
    pub plugins: PluginSet,
    /// The store of secrets, still empty.
    pub secrets: Secrets,
}

/// Loads a site; mistakes go to `out`.
pub fn load(site: &Site, out: &mut Diagnostics) -> Loaded {
    let mut sources = SourceMap::default();
    let inventory = inventory::load(&site.inventory, &mut sources, out);
    let plugins = PluginSet::load(&site.plugins, site.overrides.as_deref(), &mut sources, out);
    let secrets = Secrets::new(&site.repository);
    Loaded { sources, inventory, plugins, secrets }
}
