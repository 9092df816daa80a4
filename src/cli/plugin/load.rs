//! The plugins that a command works on when it looks at no inventory.

use super::super::args::Global;
use super::super::codes::{NO_SUCH_PLUGIN, SITE_NEEDED};
use super::super::print::Printer;
use super::super::settings::{self, Site};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceMap, nearest};
use crate::plugin::PluginSet;

/// Plugins, and the site whose directories they come from.
pub(in crate::cli) struct Loaded {
    /// The plugins.
    pub set: PluginSet,
    /// The site.
    pub site: Site,
}

/// Loads the plugins of the settings and flags. Mistakes in them are told; what cannot be read at all leaves
/// nothing. Sites with plugins of their own have to be named.
pub(in crate::cli) fn load(global: &Global, printer: &Printer) -> Option<Loaded> {
    let mut sites = match settings::resolve(global) {
        Ok(sites) => sites,
        Err((problems, sources)) => {
            printer.drawn(&problems.into_sorted(&sources), &sources);
            return None;
        }
    };
    let place = |site: &Site| (site.inputs.plugins.clone(), site.inputs.overrides.clone());
    if sites.windows(2).any(|pair| matches!(pair, [a, b] if place(a) != place(b))) {
        let names: Vec<&str> = sites.iter().filter_map(|site| site.inputs.name.as_deref()).collect();
        let message = "the sites have plugins or overrides of their own";
        let help = format!("add --site with one of {}", names.join(", "));
        printer.drawn(&[Diagnostic::error(SITE_NEEDED, message).help(help)], &SourceMap::default());
        return None;
    }
    let site = sites.pop()?;
    let (mut sources, mut out) = (SourceMap::default(), Diagnostics::default());
    let inputs = &site.inputs;
    let set = PluginSet::load(&inputs.plugins, inputs.overrides.as_deref(), &mut sources, &mut out);
    printer.drawn(&out.into_sorted(&sources), &sources);
    Some(Loaded { set, site })
}

impl Loaded {
    /// Whether all names are those of families or plugins; tells of those that are not.
    pub fn knows(&self, names: &[String], printer: &Printer) -> bool {
        let known = || self.set.iter().flat_map(|plugin| [plugin.family.as_str(), plugin.id()]);
        let mut all = true;
        for name in names.iter().filter(|name| !known().any(|known| known == *name)) {
            let help = match nearest(name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`provc plugin list` prints all".to_owned(),
            };
            let found = Diagnostic::error(NO_SUCH_PLUGIN, format!("there is no plugin or family `{name}`"));
            printer.drawn(&[found.help(help)], &SourceMap::default());
            all = false;
        }
        all
    }
}
