//! Looking at devices without building them: what `show` and `list` need.

use std::collections::BTreeMap;

use super::{Choices, Loaded};
use crate::diagnostic::Diagnostics;
use crate::inventory::{Device, DeviceId, Entry, Mac, Resolver};
use crate::plugin::{Choice, Templates};
use crate::render::{Cache, Options, Renderer};

/// A loaded site, ready to be asked for its devices.
pub struct View<'a> {
    loaded: &'a Loaded,
    resolver: Resolver<'a>,
    choices: Choices,
}

/// One device with its plugin.
pub struct Seen<'v> {
    /// The device.
    pub device: Device,
    /// Its plugin; none if there is none for it.
    pub choice: Option<&'v Choice>,
}

impl<'a> View<'a> {
    /// A view on what was loaded.
    pub fn new(loaded: &'a Loaded) -> Self {
        let resolver = Resolver::new(&loaded.inventory, &loaded.secrets);
        let choices = Choices::make(&resolver, &loaded.inventory.devices, &loaded.plugins);
        Self { loaded, resolver, choices }
    }

    /// The devices as written, sorted by MAC or id.
    pub fn entries(&self) -> &'a [Entry] {
        &self.loaded.inventory.devices
    }

    /// The device of a MAC in any spelling, an id or a name.
    pub fn find(&self, wanted: &str) -> Option<&'a Entry> {
        let mac = Mac::parse(wanted).ok().map(DeviceId::Mac);
        let named = |entry: &&Entry| {
            Some(&entry.id) == mac.as_ref()
                || matches!(&entry.id, DeviceId::Id(id) if **id == *wanted)
                || entry.layer.text("name").is_some_and(|name| *name == *wanted)
        };
        self.entries().iter().find(named)
    }

    /// What a person may have meant: MACs, ids and names.
    pub fn names(&self) -> Vec<String> {
        let names = self.entries().iter().flat_map(|entry| {
            let name = entry.layer.text("name").map(|name| name.to_string());
            std::iter::once(entry.id.to_string()).chain(name)
        });
        names.collect()
    }

    /// A device resolved; none if it has mistakes, which go to `out`.
    pub fn see(&self, entry: &Entry, out: &mut Diagnostics) -> Option<Seen<'_>> {
        let device = self.resolver.device(entry, out);
        let choice = self.choices.of(&device, out);
        (!device.broken).then_some(Seen { device, choice })
    }

    /// The templates of all plugins in use.
    pub fn templates(&self, out: &mut Diagnostics) -> BTreeMap<String, Templates> {
        let mut templates = BTreeMap::new();
        self.choices.templates(&mut templates, &mut self.loaded.sources.clone(), out);
        templates
    }

    /// The paths of a device's files below out/.
    pub fn files(
        &self,
        seen: &Seen<'_>,
        templates: &BTreeMap<String, Templates>,
        options: &Options,
        cache: &mut Cache,
    ) -> Vec<String> {
        let renderer = Renderer { secrets: &self.loaded.secrets, templates, options };
        seen.choice.map(|choice| renderer.paths(&seen.device, choice, cache)).unwrap_or_default()
    }
}
