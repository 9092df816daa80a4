//! Who is asking: vendor, model, version and MAC of a phone, from what it says when it asks for its address
//! or its files.
//!
//! Every rule of every plugin (`identify` in a manifest) looks at the request. Of those that match, the most
//! specific one speaks: it looks at more things; else tells more of model, version and MAC; else asks for
//! more characters letter by letter ([`Pattern::literals`](super::manifest::Pattern::literals)). Between
//! equals the first family by name wins, and in it the rule written first, so the answer never depends on the
//! order of loading. What the winner leaves open, other matching rules of its family may add, as long as they
//! do not contradict it.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::associate::{self, Level, Query, fold, vendor_names};
use super::manifest::{Identify, Rule, Subject};
use super::set::{Plugin, PluginSet};
use crate::inventory::Mac;

/// What is longer than this many bytes was not said by a phone.
const MAX_LENGTH: usize = 8192;

/// Over what the phone asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// For an address.
    Dhcp,
    /// For a file, by HTTP or HTTPS.
    Http,
    /// For a file, by TFTP.
    Tftp,
}

/// What a phone said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    channel: Channel,
    said: Vec<(Subject, String)>,
    mac: Option<Mac>,
}

impl Request {
    /// A request that says nothing yet.
    pub fn new(channel: Channel) -> Self {
        Self { channel, said: Vec::new(), mac: None }
    }

    /// The path of an HTTP request, with or without its query, which is not looked at; or the file name of a
    /// TFTP request. No phone climbs directories: a path with `..` is nobody's.
    #[must_use]
    pub fn path(self, path: &str) -> Self {
        let path = match self.channel {
            Channel::Http => path.split(['?', '#']).next().unwrap_or_default(),
            Channel::Dhcp | Channel::Tftp => path,
        };
        if path.split(['/', '\\']).any(|part| part == "..") { self } else { self.with(Subject::Path, path) }
    }

    /// A DHCP option by number; 60 is the vendor class. NULs at its end do not count.
    #[must_use]
    pub fn option(self, number: u8, value: &str) -> Self {
        let subject = if number == 60 { Subject::VendorClass } else { Subject::Option(number) };
        self.with(subject, value.trim_end_matches('\0'))
    }

    /// An HTTP header, its name in any case.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        let subject = match name.trim().to_ascii_lowercase() {
            name if name == "user-agent" => Subject::UserAgent,
            name => Subject::Header(name),
        };
        self.with(subject, value.trim())
    }

    /// The address that the request came from, where the server knows it.
    #[must_use]
    pub fn mac(mut self, mac: Option<Mac>) -> Self {
        self.mac = mac;
        self
    }

    fn with(mut self, subject: Subject, value: &str) -> Self {
        if value.len() <= MAX_LENGTH {
            self.said.push((subject, value.to_owned()));
        }
        self
    }

    fn get(&self, subject: &Subject) -> Option<&str> {
        self.said.iter().find(|(said, _)| said == subject).map(|(_, value)| value.as_str())
    }
}

/// What is known of who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identified {
    /// The vendor, as the plugin spells it.
    pub vendor: Option<String>,
    /// The model, as the plugin spells it; as the phone does where no plugin lists it.
    pub model: Option<String>,
    /// The firmware that runs on the phone.
    pub version: Option<String>,
    /// The address.
    pub mac: Option<Mac>,
    /// The id of the plugin that a device of this model and firmware gets.
    pub plugin: Option<String>,
    /// How well that plugin fits; without one, why there is none.
    pub support: Option<Level>,
}

/// All rules of all plugins, ready to be asked.
#[derive(Debug)]
pub struct Identifier<'s> {
    set: &'s PluginSet,
    rules: Vec<Known<'s>>,
}

/// A rule, which versions may share by a common layer.
#[derive(Debug)]
struct Known<'s> {
    channel: Channel,
    rule: &'s Rule,
    /// The first of the plugins that have it.
    plugin: &'s Plugin,
}

/// A rule that matches a request, with what it tells.
struct Claim<'s> {
    known: &'s Known<'s>,
    told: Told,
}

/// Facts by the name of their group.
#[derive(Clone, Debug, Default)]
struct Told {
    vendor: Option<String>,
    model: Option<String>,
    version: Option<String>,
    mac: Option<Mac>,
}

impl<'s> Identifier<'s> {
    /// The rules of a set.
    pub fn new(set: &'s PluginSet) -> Self {
        let mut rules: Vec<Known<'s>> = Vec::new();
        for plugin in set.iter() {
            let Identify { dhcp, http, tftp } = &plugin.manifest.identify;
            for (channel, list) in [(Channel::Dhcp, dhcp), (Channel::Http, http), (Channel::Tftp, tftp)] {
                for rule in list {
                    let shared = |known: &Known<'_>| {
                        known.plugin.family == plugin.family && known.rule.span == rule.span
                    };
                    if !rules.iter().any(shared) {
                        rules.push(Known { channel, rule, plugin });
                    }
                }
            }
        }
        // Plugins come sorted by id, which is not by family: `a-b-1` stands before `a-c`.
        rules.sort_by(|a, b| a.plugin.family.cmp(&b.plugin.family));
        Self { set, rules }
    }

    /// What is known of who asks; nothing is known of those that no rule claims, but the address that came
    /// with the request.
    pub fn identify(&self, request: &Request) -> Identified {
        let mut claims: Vec<Claim<'_>> = self.rules.iter().filter_map(|known| known.claim(request)).collect();
        // Stable: what stands first wins between equals.
        claims.sort_by_key(|claim| Reverse(claim.rank()));
        let Some(best) = claims.first() else {
            return Identified { mac: request.mac, ..Identified::default() };
        };
        let mut told = best.told.clone();
        let family = &best.known.plugin.family;
        for claim in claims.iter().skip(1).filter(|claim| claim.known.plugin.family == *family) {
            told.add(&claim.told);
        }
        self.choose(told, best.known.plugin, request.mac)
    }

    fn choose(&self, told: Told, plugin: &Plugin, mac: Option<Mac>) -> Identified {
        let vendor = told.vendor.as_deref().unwrap_or(&plugin.manifest.vendor.value);
        let query = Query {
            vendor: Some(vendor),
            model: told.model.as_deref(),
            firmware: told.version.as_deref(),
            ..Query::default()
        };
        let mut found = Identified {
            vendor: Some(vendor.to_owned()),
            version: told.version.clone(),
            mac: told.mac.or(mac),
            ..Identified::default()
        };
        if let Ok(choice) = self.set.associate(&query) {
            if told.vendor.is_none() {
                found.vendor = Some(choice.plugin.manifest.vendor.value.clone());
            }
            found.model = Some(choice.model().name.clone());
            found.plugin = Some(choice.plugin.id().to_owned());
            found.support = Some(choice.level);
            return found;
        }
        let of_vendor = self.set.iter().filter(|plugin| associate::support(&query, plugin).is_some());
        let listed = query.model.and_then(|name| of_vendor.filter_map(|plugin| plugin.model(name)).next());
        // Without a choice no plugin is more than unknown, and those that list the model refuse its firmware.
        found.support = Some(if listed.is_some() { Level::Improbable } else { Level::Unknown });
        found.model = listed.map(|model| model.name.clone()).or(told.model);
        found
    }
}

impl Known<'_> {
    fn claim(&self, request: &Request) -> Option<Claim<'_>> {
        if self.channel != request.channel {
            return None;
        }
        let mut caught: BTreeMap<&str, Cow<'_, str>> = BTreeMap::new();
        for (subject, pattern) in &self.rule.matches {
            let groups = pattern.captures(request.get(subject)?)?;
            for name in pattern.groups() {
                if let Some(part) = groups.name(name).filter(|part| !part.as_str().is_empty()) {
                    caught.entry(name).or_insert_with(|| self.replaced(name, part.as_str()).into());
                }
            }
        }
        let own = &self.plugin.manifest.vendor.value;
        if let Some(vendor) = caught.get_mut("vendor") {
            // What the rule itself sets is meant as it stands there.
            if vendor_names(self.plugin).any(|name| fold(name) == fold(vendor)) {
                *vendor = own.as_str().into();
            }
        }
        for (name, value) in &self.rule.set {
            caught.entry(name).or_insert_with(|| value.as_str().into());
        }
        let mut take = |name| caught.remove(name).map(Cow::into_owned);
        let told = Told {
            vendor: take("vendor"),
            model: take("model"),
            version: take("version"),
            // All zeros, as in the name of a file for every phone, is nobody's address.
            mac: take("mac").and_then(|text| Mac::parse(&text).ok()),
        };
        Some(Claim { known: self, told })
    }

    fn replaced(&self, group: &str, text: &str) -> String {
        let pairs = self.rule.replace.get(group).into_iter().flatten();
        pairs.fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }
}

impl Claim<'_> {
    /// How specific the rule is; more is greater. The vendor does not count: every rule tells it.
    fn rank(&self) -> (usize, usize, usize) {
        let matches = &self.known.rule.matches;
        let Told { vendor: _, model, version, mac } = &self.told;
        let told = usize::from(model.is_some()) + usize::from(version.is_some()) + usize::from(mac.is_some());
        (matches.len(), told, matches.iter().map(|(_, pattern)| pattern.literals()).sum())
    }
}

impl Told {
    /// Takes from another rule what is still open, unless the two speak of different phones.
    fn add(&mut self, other: &Self) {
        let differ = |a: &Option<String>, b: &Option<String>| {
            a.as_ref().zip(b.as_ref()).is_some_and(|(a, b)| fold(a) != fold(b))
        };
        let macs = self.mac.zip(other.mac).is_some_and(|(a, b)| a != b);
        if macs
            || differ(&self.vendor, &other.vendor)
            || differ(&self.model, &other.model)
            || differ(&self.version, &other.version)
        {
            return;
        }
        let open = |mine: &mut Option<String>, theirs: &Option<String>| {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        };
        open(&mut self.vendor, &other.vendor);
        open(&mut self.model, &other.model);
        open(&mut self.version, &other.version);
        self.mac = self.mac.or(other.mac);
    }
}
