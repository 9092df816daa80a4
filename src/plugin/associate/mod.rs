//! Which plugin a device gets.
//!
//! exact: the model is listed and the firmware matches; complete: listed, same generation; probable:
//! listed, other or unstated firmware; unknown: the vendor only; improbable: a refused firmware. Only the
//! first three are ever chosen. Within a level the nearest firmware that is not newer than the phone's
//! wins, else the newest. The choice depends on nothing but the plugins and the few strings of a
//! [`Query`], not on the order in which plugins were found.

mod error;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

pub use error::{AssociateError, Field};

use super::manifest::{Model, Protocol};
use super::set::{Plugin, PluginSet};
use super::version::Version;
use crate::inventory::Identity;

/// What is known of a device. Vendors and models compare without case, blanks and hyphens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query<'q> {
    /// The vendor; without one the model has to tell it.
    pub vendor: Option<&'q str>,
    /// The model.
    pub model: Option<&'q str>,
    /// The firmware that runs on the phone today.
    pub firmware: Option<&'q str>,
    /// The id of the plugin that the inventory pins.
    pub plugin: Option<&'q str>,
    /// The protocol that the inventory asks for.
    pub protocol: Option<Protocol>,
}

impl<'q> From<&'q Identity> for Query<'q> {
    fn from(kind: &'q Identity) -> Self {
        Self {
            vendor: kind.vendor.as_deref(),
            model: kind.model.as_deref(),
            firmware: kind.firmware.as_deref(),
            plugin: kind.plugin.as_deref(),
            protocol: match kind.protocol.as_deref() {
                Some("sip") => Some(Protocol::Sip),
                Some("sccp") => Some(Protocol::Sccp),
                _ => None,
            },
        }
    }
}

/// How well a plugin fits a device. Ordered: better is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The model is listed and the firmware matches.
    Exact,
    /// The model is listed and the firmware is of the same generation.
    Complete,
    /// The model is listed.
    Probable,
    /// The vendor is right.
    Unknown,
    /// The firmware is one that the plugin must not be given to.
    Improbable,
}

impl Level {
    /// As `list` and `identify` print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Complete => "complete",
            Self::Probable => "probable",
            Self::Unknown => "unknown",
            Self::Improbable => "improbable",
        }
    }
}

/// The plugin for a device.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// How well it fits.
    pub level: Level,
    /// The model, as a position in `plugin.manifest.models`.
    model: usize,
}

impl Choice {
    /// The device's model as the plugin describes it.
    #[expect(clippy::indexing_slicing, reason = "the position came from this list, which never changes")]
    pub fn model(&self) -> &Model {
        &self.plugin.manifest.models[self.model]
    }
}

/// Plugins by vendor.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// By folded vendor name or alias: places in the set.
    vendors: BTreeMap<String, Vec<usize>>,
}

impl Index {
    pub fn new(plugins: &[Arc<Plugin>]) -> Self {
        let mut vendors: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, plugin) in plugins.iter().enumerate() {
            let names: BTreeSet<String> = vendor_names(plugin).map(fold).collect();
            for name in names {
                vendors.entry(name).or_default().push(at);
            }
        }
        Self { vendors }
    }
}

pub(super) fn vendor_names(plugin: &Plugin) -> impl Iterator<Item = &str> {
    let aliases = plugin.manifest.associate.vendor_aliases.iter().map(String::as_str);
    std::iter::once(plugin.manifest.vendor.value.as_str()).chain(aliases)
}

/// A vendor's or model's name as it is compared: without case, blanks and hyphens.
pub fn fold(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace() && *c != '-').flat_map(char::to_lowercase).collect()
}

/// How well a plugin fits a device; `None` where it is of another vendor. The pin is not looked at.
pub fn support(query: &Query<'_>, plugin: &Plugin) -> Option<Level> {
    let of_vendor = |vendor| vendor_names(plugin).any(|name| fold(name) == fold(vendor));
    let model = query.model.and_then(|name| plugin.model(name));
    match query.vendor {
        Some(vendor) if !of_vendor(vendor) => return None,
        // Nothing but the model can tell the vendor.
        None if model.is_none() => return None,
        _ => {}
    }
    let model = model.filter(|model| query.protocol.is_none_or(|wanted| wanted == model.protocol));
    Some(level(query.firmware.map(Version::parse).as_ref(), model.is_some(), plugin))
}

fn level(firmware: Option<&Version>, listed: bool, plugin: &Plugin) -> Level {
    let rules = &plugin.manifest.associate;
    // As for ordering, what stands before the generation is no part of the version.
    let refused = |firmware: &Version| {
        let version = Version::parse(rules.generation(firmware.as_str()).1);
        rules.refuse_firmware.as_ref().is_some_and(|refused| refused.matches(&version))
    };
    let Some(firmware) = firmware else { return if listed { Level::Probable } else { Level::Unknown } };
    if refused(firmware) {
        return Level::Improbable;
    }
    if !listed {
        return Level::Unknown;
    }
    let own = &plugin.manifest.firmware.value;
    if own.matches(firmware, &rules.compared(firmware.as_str()), rules.firmware_match) {
        return Level::Exact;
    }
    let (theirs, ours) =
        (rules.generation(firmware.as_str()).0, rules.generation(own.reference().as_str()).0);
    if theirs.is_some() && theirs == ours { Level::Complete } else { Level::Probable }
}

/// A plugin that has the device's model.
struct Candidate<'s> {
    plugin: &'s Arc<Plugin>,
    model: usize,
    level: Level,
    /// Whether its firmware is not newer than the phone's.
    not_newer: bool,
    /// What is compared of its firmware.
    firmware: Version,
}

impl<'s> Candidate<'s> {
    fn new(plugin: &'s Arc<Plugin>, model: usize, firmware: Option<&Version>) -> Self {
        let rules = &plugin.manifest.associate;
        let own = rules.compared(plugin.manifest.firmware.value.reference().as_str());
        let not_newer = firmware.is_some_and(|phone| own <= rules.compared(phone.as_str()));
        Self { plugin, model, level: level(firmware, true, plugin), not_newer, firmware: own }
    }

    /// Better is greater. The last two only tell apart plugins that nothing else does.
    fn rank(&self) -> impl Ord + '_ {
        use std::cmp::Reverse;
        let protocol = self.plugin.manifest.protocol;
        (Reverse(self.level), self.not_newer, &self.firmware, Reverse(protocol), Reverse(self.plugin.id()))
    }

    fn choice(&self) -> Choice {
        Choice { plugin: self.plugin.clone(), level: self.level, model: self.model }
    }
}

impl PluginSet {
    /// The plugin for a device.
    ///
    /// # Errors
    /// What stands in the way, with near names for help.
    pub fn associate(&self, query: &Query<'_>) -> Result<Choice, AssociateError> {
        let firmware = query.firmware.map(Version::parse);
        match query.plugin {
            Some(pin) => self.pinned(pin, query, firmware.as_ref()),
            None => self.chosen(query, firmware.as_ref()),
        }
    }

    fn pinned(
        &self,
        pin: &str,
        query: &Query<'_>,
        firmware: Option<&Version>,
    ) -> Result<Choice, AssociateError> {
        let plugin = self.get(pin).ok_or_else(|| AssociateError::unknown_plugin(pin, self))?;
        let other = |vendor: &&str| vendor_names(plugin).all(|name| fold(name) != fold(vendor));
        if let Some(vendor) = query.vendor.filter(other) {
            return Err(AssociateError::pin_other_vendor(plugin, vendor));
        }
        let model = match (query.model, plugin.manifest.models.as_slice()) {
            (Some(name), _) => plugin
                .model_at(name)
                .ok_or_else(|| AssociateError::pin_without_model(plugin, name, query.vendor, self))?,
            (None, [_]) => 0,
            (None, _) => return Err(AssociateError::no_model()),
        };
        let candidate = Candidate::new(plugin, model, firmware);
        allowed(vec![candidate], query)
    }

    fn chosen(&self, query: &Query<'_>, firmware: Option<&Version>) -> Result<Choice, AssociateError> {
        let of_vendor: Vec<usize> = match query.vendor {
            Some(vendor) => {
                let found = self.index.vendors.get(&fold(vendor));
                found.ok_or_else(|| AssociateError::unknown_vendor(vendor, query.model, self))?.clone()
            }
            None => (0..self.iter().len()).collect(),
        };
        let Some(name) = query.model else { return Err(AssociateError::no_model()) };
        let plugins = of_vendor.iter().filter_map(|at| self.at(*at));
        let listed: Vec<Candidate<'_>> = plugins
            .filter_map(|plugin| Some(Candidate::new(plugin, plugin.model_at(name)?, firmware)))
            .collect();
        if listed.is_empty() {
            return Err(AssociateError::unknown_model(name, query.vendor, &of_vendor, self));
        }
        let vendors = listed.iter().map(|c| c.plugin.manifest.vendor.value.as_str());
        let vendors: BTreeMap<String, &str> = vendors.map(|vendor| (fold(vendor), vendor)).collect();
        if query.vendor.is_none() && vendors.len() > 1 {
            let vendors: Vec<&str> = vendors.into_values().collect();
            return Err(AssociateError::ambiguous_vendor(name, &vendors));
        }
        allowed(listed, query)
    }
}

/// The best of those that speak the device's protocol and may be given its firmware.
fn allowed(candidates: Vec<Candidate<'_>>, query: &Query<'_>) -> Result<Choice, AssociateError> {
    let (speaking, silent): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|c| query.protocol.is_none_or(|wanted| c.choice().model().protocol == wanted));
    let best = speaking.iter().max_by(|a, b| a.rank().cmp(&b.rank()));
    match best {
        Some(best) if best.level <= Level::Probable => Ok(best.choice()),
        Some(_) => Err(AssociateError::refused(speaking.iter().map(|c| c.plugin), query)),
        None => {
            let model = query.model.unwrap_or_default();
            let protocol = query.protocol.unwrap_or_default();
            Err(AssociateError::no_protocol(silent.iter().map(|c| c.plugin), model, protocol))
        }
    }
}

/// Answers that were given before: a million devices share few queries.
#[derive(Debug)]
pub struct Associator<'s> {
    set: &'s PluginSet,
    answers: RwLock<HashMap<String, Result<Choice, AssociateError>>>,
}

impl<'s> Associator<'s> {
    /// For the devices of one build.
    pub fn new(set: &'s PluginSet) -> Self {
        Self { set, answers: RwLock::default() }
    }

    /// As [`PluginSet::associate`].
    ///
    /// # Errors
    /// As [`PluginSet::associate`].
    pub fn associate(&self, query: &Query<'_>) -> Result<Choice, AssociateError> {
        let key = key(query);
        if let Some(answer) = self.answers.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return answer.clone();
        }
        let answer = self.set.associate(query);
        self.answers.write().unwrap_or_else(PoisonError::into_inner).insert(key, answer.clone());
        answer
    }
}

/// A query as one text; lengths keep the parts apart, whatever they hold.
fn key(query: &Query<'_>) -> String {
    use std::fmt::Write;
    let Query { vendor, model, firmware, plugin, protocol } = query;
    let mut key = String::new();
    for part in [vendor, model, firmware, plugin, &protocol.map(Protocol::as_str)] {
        match part {
            // Writing to a string cannot fail.
            Some(text) => _ = write!(key, "{}:{text}", text.len()),
            None => key.push('-'),
        }
    }
    key
}
