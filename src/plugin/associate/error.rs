//! Why a device gets no plugin, in words that lead to the way out.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::codes::{
    AMBIGUOUS_VENDOR, NO_MODEL, NO_PROTOCOL, PIN_OTHER_VENDOR, PIN_WITHOUT_MODEL, REFUSED_FIRMWARE,
    UNKNOWN_MODEL, UNKNOWN_PLUGIN, UNKNOWN_VENDOR,
};
use super::super::manifest::Protocol;
use super::super::set::{Plugin, PluginSet};
use super::{Query, fold, vendor_names};
use crate::diagnostic::{Code, Diagnostic, nearest};

/// How many names a help line lists.
const LISTED: usize = 12;

/// Why a device gets no plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssociateError {
    /// The kind of mistake, one of `PV06`.
    pub code: Code,
    /// The field of the device to point at.
    pub field: Field,
    /// What is wrong, as a diagnostic says it.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
}

/// A field of a device that an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `vendor`
    Vendor,
    /// `model`
    Model,
    /// `firmware`
    Firmware,
    /// `plugin`
    Plugin,
    /// `protocol`
    Protocol,
    /// The device as a whole.
    Device,
}

impl AssociateError {
    fn new(code: Code, field: Field, message: String, help: Option<String>) -> Self {
        Self { code, field, message, help }
    }

    /// A diagnostic without a place: the place is that of [`AssociateError::field`] in the inventory.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic::error(self.code, self.message.clone()).maybe_help(self.help.clone())
    }

    /// No plugin is of the vendor.
    pub(super) fn unknown_vendor(vendor: &str, model: Option<&str>, set: &PluginSet) -> Self {
        let known: BTreeSet<&str> = set.iter().flat_map(|plugin| vendor_names(plugin)).collect();
        let mut near = nearest_of(vendor, &known);
        if let Some(model) = model.filter(|_| near.is_empty()) {
            let makers = set.iter().filter(|plugin| plugin.model(model).is_some());
            let makers: BTreeSet<&str> = makers.map(|plugin| &*plugin.manifest.vendor.value).collect();
            near = makers.into_iter().collect();
        }
        let message = format!("no plugin is for phones of `{vendor}`");
        let help = suggest(&near, "known vendors are", known);
        Self::new(UNKNOWN_VENDOR, Field::Vendor, message, help)
    }

    /// The plugins of the vendor (all plugins, without one) do not list the model.
    pub(super) fn unknown_model(
        model: &str,
        vendor: Option<&str>,
        plugins: &[usize],
        set: &PluginSet,
    ) -> Self {
        let plugins = plugins.iter().filter_map(|at| set.at(*at));
        let known: BTreeSet<&str> = plugins.flat_map(|plugin| models(plugin)).collect();
        let of = vendor.map(|vendor| format!(" of {vendor}")).unwrap_or_default();
        let message = format!("no plugin knows the model `{model}`{of}");
        let help = suggest(&nearest_of(model, &known), "known models are", known);
        Self::new(UNKNOWN_MODEL, Field::Model, message, help)
    }

    /// No plugin has the pinned id.
    pub(super) fn unknown_plugin(pin: &str, set: &PluginSet) -> Self {
        let known: BTreeSet<&str> = set.iter().map(|plugin| plugin.id()).collect();
        let help = suggest(&nearest_of(pin, &known), "the plugins are", known);
        Self::new(UNKNOWN_PLUGIN, Field::Plugin, format!("there is no plugin `{pin}`"), help)
    }

    /// The pinned plugin is of another vendor than the device.
    pub(super) fn pin_other_vendor(plugin: &Plugin, vendor: &str) -> Self {
        let own = &plugin.manifest.vendor.value;
        let message = format!("the plugin `{}` is for phones of {own}, not of `{vendor}`", plugin.id());
        let help = Some("remove the pin, or correct the vendor".to_owned());
        Self::new(PIN_OTHER_VENDOR, Field::Plugin, message, help)
    }

    /// The pinned plugin does not list the model.
    pub(super) fn pin_without_model(
        plugin: &Plugin,
        model: &str,
        vendor: Option<&str>,
        set: &PluginSet,
    ) -> Self {
        let own = vendor.unwrap_or(&plugin.manifest.vendor.value);
        let knows = |other: &&Arc<Plugin>| {
            other.model(model).is_some() && vendor_names(other).any(|name| fold(name) == fold(own))
        };
        let others = set.iter().filter(knows).map(|other| other.id()).collect();
        let near = nearest_of(model, &models(plugin).collect());
        let message = format!("the plugin `{}` does not know the model `{model}`", plugin.id());
        let help = suggest(&near, "plugins that know it are", others)
            .or_else(|| Some("remove the pin, or add the model under `models` in an override".to_owned()));
        Self::new(PIN_WITHOUT_MODEL, Field::Plugin, message, help)
    }

    /// Every plugin that lists the model refuses the firmware.
    pub(super) fn refused<'p>(plugins: impl Iterator<Item = &'p Arc<Plugin>>, query: &Query<'_>) -> Self {
        let refusal = |plugin: &'p Arc<Plugin>| {
            let refused = plugin.manifest.associate.refuse_firmware.as_ref()?;
            Some(format!("{} refuses {}", plugin.id(), refused.as_str()))
        };
        let refusals: BTreeSet<String> = plugins.filter_map(refusal).collect();
        let refusals = Vec::from_iter(refusals).join(", ");
        let firmware = query.firmware.unwrap_or_default();
        let message = format!("no plugin may be given to a phone with the firmware `{firmware}`");
        let help = format!("upgrade the phone, or correct `firmware`: {refusals}");
        Self::new(REFUSED_FIRMWARE, Field::Firmware, message, Some(help))
    }

    /// No plugin that lists the model speaks the protocol on it.
    pub(super) fn no_protocol<'p>(
        plugins: impl Iterator<Item = &'p Arc<Plugin>>,
        model: &str,
        protocol: Protocol,
    ) -> Self {
        let plugins: BTreeSet<&str> = plugins.map(|plugin| plugin.id()).collect();
        let message = format!("no plugin speaks {} on the model `{model}`", protocol.as_str());
        let help = suggest(&[], "correct `protocol`; the model is known to", plugins);
        Self::new(NO_PROTOCOL, Field::Protocol, message, help)
    }

    /// Nothing says which model the device is.
    pub(super) fn no_model() -> Self {
        let message = "the device has no model, so that no plugin can be chosen".to_owned();
        let help = Some("add `model:` to it or to one of its profiles".to_owned());
        Self::new(NO_MODEL, Field::Device, message, help)
    }

    /// Several vendors make a model of this name, and the device names none.
    pub(super) fn ambiguous_vendor(model: &str, vendors: &[&str]) -> Self {
        let message = format!("several vendors make a model `{model}`");
        let help = format!("add `vendor:` with one of {}", vendors.join(", "));
        Self::new(AMBIGUOUS_VENDOR, Field::Model, message, Some(help))
    }
}

fn models(plugin: &Plugin) -> impl Iterator<Item = &str> {
    plugin.manifest.models.iter().map(|model| model.name.as_str())
}

/// Up to three names that may have been meant, the nearest first.
fn nearest_of<'k>(name: &str, known: &BTreeSet<&'k str>) -> Vec<&'k str> {
    let mut left = known.clone();
    let mut found = Vec::new();
    while found.len() < 3 {
        let Some(near) = nearest(name, left.iter().copied()) else { break };
        left.remove(near);
        found.push(near);
    }
    found
}

/// "did you mean", else what there is; nothing where there is nothing.
fn suggest(near: &[&str], intro: &str, known: BTreeSet<&str>) -> Option<String> {
    let quoted: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((only, [])) => return Some(format!("did you mean {only}?")),
        Some((last, rest)) => return Some(format!("did you mean {} or {last}?", rest.join(", "))),
        None => {}
    }
    let shown: Vec<&str> = known.iter().copied().take(LISTED).collect();
    let more = match known.len() - shown.len() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    (!shown.is_empty()).then(|| format!("{intro} {}{more}", shown.join(", ")))
}
