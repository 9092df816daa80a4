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
pub enum AssociateError {
    /// No plugin is of this vendor.
    UnknownVendor { vendor: String, near: Vec<String>, known: Vec<String> },
    /// The plugins of this vendor do not list the model.
    UnknownModel { model: String, vendor: Option<String>, near: Vec<String>, known: Vec<String> },
    /// No plugin has the pinned id.
    UnknownPlugin { pin: String, near: Vec<String>, known: Vec<String> },
    /// The pinned plugin is of another vendor.
    PinOtherVendor { pin: String, vendor: String, own: String },
    /// The pinned plugin does not list the model; `others` do.
    PinWithoutModel { pin: String, model: String, near: Vec<String>, others: Vec<String> },
    /// Every plugin that lists the model refuses the firmware.
    Refused { firmware: String, refusals: Vec<(String, String)> },
    /// No plugin speaks this protocol on the model.
    NoProtocol { model: String, protocol: Protocol, plugins: Vec<String> },
    /// Nothing says which model it is.
    NoModel,
    /// Several vendors make a model of this name.
    AmbiguousVendor { model: String, vendors: Vec<String> },
}

/// The field of a device that an error is about.
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
    /// The field to point at.
    pub fn field(&self) -> Field {
        match self {
            Self::UnknownVendor { .. } => Field::Vendor,
            Self::UnknownModel { .. } | Self::AmbiguousVendor { .. } => Field::Model,
            Self::UnknownPlugin { .. } | Self::PinOtherVendor { .. } | Self::PinWithoutModel { .. } => {
                Field::Plugin
            }
            Self::Refused { .. } => Field::Firmware,
            Self::NoProtocol { .. } => Field::Protocol,
            Self::NoModel => Field::Device,
        }
    }

    /// The kind of mistake.
    pub fn code(&self) -> Code {
        match self {
            Self::UnknownVendor { .. } => UNKNOWN_VENDOR,
            Self::UnknownModel { .. } => UNKNOWN_MODEL,
            Self::UnknownPlugin { .. } => UNKNOWN_PLUGIN,
            Self::PinOtherVendor { .. } => PIN_OTHER_VENDOR,
            Self::PinWithoutModel { .. } => PIN_WITHOUT_MODEL,
            Self::Refused { .. } => REFUSED_FIRMWARE,
            Self::NoProtocol { .. } => NO_PROTOCOL,
            Self::NoModel => NO_MODEL,
            Self::AmbiguousVendor { .. } => AMBIGUOUS_VENDOR,
        }
    }

    /// A diagnostic without a place; the place is that of [`AssociateError::field`] in the inventory.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic::error(self.code(), self.message()).maybe_help(self.help())
    }

    fn message(&self) -> String {
        match self {
            Self::UnknownVendor { vendor, .. } => format!("no plugin is for phones of `{vendor}`"),
            Self::UnknownModel { model, vendor: Some(vendor), .. } => {
                format!("no plugin knows the model `{model}` of {vendor}")
            }
            Self::UnknownModel { model, vendor: None, .. } => format!("no plugin knows the model `{model}`"),
            Self::UnknownPlugin { pin, .. } => format!("there is no plugin `{pin}`"),
            Self::PinOtherVendor { pin, vendor, own } => {
                format!("the plugin `{pin}` is for phones of {own}, not of `{vendor}`")
            }
            Self::PinWithoutModel { pin, model, .. } => {
                format!("the plugin `{pin}` does not know the model `{model}`")
            }
            Self::Refused { firmware, .. } => {
                format!("no plugin may be given to a phone with the firmware `{firmware}`")
            }
            Self::NoProtocol { model, protocol, .. } => {
                format!("no plugin speaks {} on the model `{model}`", protocol.as_str())
            }
            Self::NoModel => "the device has no model, so that no plugin can be chosen".to_owned(),
            Self::AmbiguousVendor { model, .. } => format!("several vendors make a model `{model}`"),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::UnknownVendor { near, known, .. } => suggest(near, "known vendors are", known),
            Self::UnknownModel { near, known, .. } => suggest(near, "known models are", known),
            Self::UnknownPlugin { near, known, .. } => suggest(near, "the plugins are", known),
            Self::PinOtherVendor { .. } => Some("remove the pin, or correct the vendor".to_owned()),
            Self::PinWithoutModel { near, others, .. } => suggest(near, "plugins that know it are", others)
                .or_else(|| {
                    Some("remove the pin, or add the model under `models` in an override".to_owned())
                }),
            Self::Refused { refusals, .. } => {
                let each: Vec<_> = refusals.iter().map(|(id, what)| format!("{id} refuses {what}")).collect();
                Some(format!("upgrade the phone, or correct `firmware`: {}", each.join(", ")))
            }
            Self::NoProtocol { plugins, .. } => {
                Some(format!("correct `protocol`; the model is known to {}", plugins.join(", ")))
            }
            Self::NoModel => Some("add `model:`, here or in one of its profiles".to_owned()),
            Self::AmbiguousVendor { vendors, .. } => {
                Some(format!("add `vendor:`, one of {}", vendors.join(", ")))
            }
        }
    }

    pub(super) fn unknown_vendor(vendor: &str, model: Option<&str>, set: &PluginSet) -> Self {
        let known: BTreeSet<&str> = set.iter().flat_map(|plugin| vendor_names(plugin)).collect();
        let mut near = nearest_of(vendor, &known);
        if let Some(model) = model.filter(|_| near.is_empty()) {
            let makers = set.iter().filter(|plugin| plugin.model(model).is_some());
            near = unique(makers.map(|plugin| plugin.manifest.vendor.value.as_str()));
        }
        Self::UnknownVendor { vendor: vendor.to_owned(), near, known: owned(known) }
    }

    pub(super) fn unknown_model(
        model: &str,
        vendor: Option<&str>,
        plugins: &[usize],
        set: &PluginSet,
    ) -> Self {
        let plugins = plugins.iter().filter_map(|at| set.at(*at));
        let known: BTreeSet<&str> = plugins.flat_map(|plugin| models(plugin)).collect();
        let near = nearest_of(model, &known);
        Self::UnknownModel {
            model: model.to_owned(),
            vendor: vendor.map(str::to_owned),
            near,
            known: owned(known),
        }
    }

    pub(super) fn unknown_plugin(pin: &str, set: &PluginSet) -> Self {
        let known: BTreeSet<&str> = set.iter().map(|plugin| plugin.id()).collect();
        Self::UnknownPlugin { pin: pin.to_owned(), near: nearest_of(pin, &known), known: owned(known) }
    }

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
        Self::PinWithoutModel {
            pin: plugin.id().to_owned(),
            model: model.to_owned(),
            near: nearest_of(model, &models(plugin).collect()),
            others: set.iter().filter(knows).map(|other| other.id().to_owned()).collect(),
        }
    }

    pub(super) fn refused(plugins: &[&Arc<Plugin>], query: &Query<'_>) -> Self {
        let refusal = |plugin: &&Arc<Plugin>| {
            let refused = plugin.manifest.associate.refuse_firmware.as_ref()?;
            Some((plugin.id().to_owned(), refused.as_str().to_owned()))
        };
        Self::Refused {
            firmware: query.firmware.unwrap_or_default().to_owned(),
            refusals: plugins.iter().filter_map(refusal).collect(),
        }
    }
}

fn models(plugin: &Plugin) -> impl Iterator<Item = &str> {
    plugin.manifest.models.iter().map(|model| model.name.as_str())
}

fn owned(names: BTreeSet<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

fn unique<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    owned(names.collect())
}

/// Up to three names that may have been meant, the nearest first.
fn nearest_of(name: &str, known: &BTreeSet<&str>) -> Vec<String> {
    let mut left = known.clone();
    let mut found = Vec::new();
    while found.len() < 3 {
        let Some(near) = nearest(name, left.iter().copied()) else { break };
        left.remove(near);
        found.push(near.to_owned());
    }
    found
}

/// "did you mean", else what there is.
fn suggest(near: &[String], intro: &str, known: &[String]) -> Option<String> {
    let quoted = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    if let Some((last, rest)) = quoted(near).split_last() {
        let rest = rest.iter().map(|name| format!("{name}, ")).collect::<String>();
        let joint = if rest.is_empty() { "" } else { "or " };
        return Some(format!("did you mean {}{joint}{last}?", rest));
    }
    let shown = known.get(..known.len().min(LISTED)).unwrap_or_default();
    let more = match known.len() - shown.len() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    (!shown.is_empty()).then(|| format!("{intro} {}{more}", shown.join(", ")))
}
