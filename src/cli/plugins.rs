//! The plugins that a command works on when it looks at no inventory.

use super::args::Global;
use super::codes::SITE_NEEDED;
use super::print::Printer;
use super::settings::{self, Site};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceMap};
use crate::plugin::PluginSet;

/// Loads the plugins of the settings and flags. Mistakes in them are told; without plugins there is nothing.
/// Sites with plugins of their own have to be named.
pub(super) fn load(global: &Global, printer: &Printer) -> Option<PluginSet> {
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
    Some(set)
}
