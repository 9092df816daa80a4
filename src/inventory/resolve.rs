//! From layers to devices: base, then the profiles, then the key layout, then the device itself.
//!
//! Devices share most of their layers. Each distinct stack of profiles is merged once and kept, so a
//! device costs only what it overrides.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use super::device::{ContactList, Device, Identity};
use super::file::{Entry, Named};
use super::load::Inventory;
use super::merge::{overlay, overlay_own};
use super::patterns::Patterns;
use super::secret::Secrets;
use super::table::Table;
use super::value::{Datum, Item, Map};
use super::{codes, keys, lines};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, nearest};

/// The name of the profile that is applied to every device.
const BASE: &str = "base";
/// Where a layout written as a list waits beside `function_keys`, which merge by position.
pub(super) const FLOATING: &str = "floating_keys";

/// How many names before and after a wrong one are compared with it.
const MOST_COMPARED: usize = 1_000;

/// How many names a help lists.
const LISTED: usize = 8;

/// The names of some profiles, in the order in which a device applies them.
type Profiles = Vec<Arc<str>>;

/// Resolves the devices of one inventory; many threads may use it at once.
pub struct Resolver<'i> {
    inventory: &'i Inventory,
    secrets: &'i Secrets,
    patterns: Patterns<'i>,
    stacks: RwLock<BTreeMap<Profiles, Stack>>,
    layouts: RwLock<BTreeMap<(Profiles, Arc<str>), Stack>>,
}

/// A merged stack of layers.
#[derive(Clone)]
struct Stack {
    settings: Arc<Map>,
    sip: Arc<Map>,
    site: Arc<Map>,
    /// A layer of it has a mistake, which was reported: nothing can be built on it.
    broken: bool,
}

impl<'i> Resolver<'i> {
    /// A resolver for these layers.
    pub fn new(inventory: &'i Inventory, secrets: &'i Secrets) -> Self {
        let patterns = Patterns::new(&inventory.lines);
        Self { inventory, secrets, patterns, stacks: RwLock::default(), layouts: RwLock::default() }
    }

    /// The settings that every device starts from: what files that belong to no device may see.
    pub fn base(&self) -> (Arc<Map>, Arc<Map>, Arc<Map>) {
        let stack = self.stack(&[]);
        (stack.settings, stack.sip, stack.site)
    }

    /// Resolves one device. Its mistakes go to `out`; those of the layers that it uses were reported with
    /// them. What can be resolved is, also of a device that cannot be built ([`Device::broken`]), so that
    /// its other mistakes are found in the same run.
    pub fn device(&self, entry: &Entry, out: &mut Diagnostics) -> Device {
        let mut found = Diagnostics::default();
        let mut device = self.resolve(entry, &mut found);
        device.broken |= entry.broken || found.has_errors() || self.inventory.lacks_foundation();
        if !found.is_empty() {
            let id = entry.id.to_string();
            out.append(found.map(|d| d.device(id.clone())));
        }
        device
    }

    /// What a device says it is, for the choice of its plugin; far cheaper than resolving it.
    pub fn identity(&self, entry: &Entry) -> Identity {
        let known = |(name, _): (&Arc<str>, Span)| {
            self.inventory.profiles.contains_key(name).then(|| Arc::clone(name))
        };
        let layer = entry.layer.only(|name| name == "profiles" || Identity::FIELDS.contains(&name));
        let profiles: Vec<_> = names(layer.list("profiles")).filter_map(known).collect();
        let stack = self.stack(&profiles);
        Identity::new(|name| {
            let item = layer.raw(name).or_else(|| stack.settings.raw(name))?;
            item.text().cloned()
        })
    }

    fn resolve(&self, entry: &Entry, out: &mut Diagnostics) -> Device {
        let layer = entry.layer.unpack();
        let mut profiles = Vec::new();
        for (name, span) in names(layer.list("profiles")) {
            match self.inventory.profiles.contains_key(name) {
                true => profiles.push(Arc::clone(name)),
                false => {
                    out.push(unknown(codes::UNKNOWN_PROFILE, "profile", name, span, &self.inventory.profiles))
                }
            }
        }
        let mut stack = self.stack(&profiles);
        let layout = layer.raw("key_layout").or_else(|| stack.settings.raw("key_layout"));
        if let Some(Item { datum: Datum::Text(name), span }) = layout {
            match self.inventory.layouts.get(name) {
                Some(layout) => stack = self.with_layout(&stack, &profiles, layout),
                None => {
                    let layouts = &self.inventory.layouts;
                    out.push(unknown(codes::UNKNOWN_LAYOUT, "key layout", name, *span, layouts));
                }
            }
        }
        let own_server = layer.raw("server").is_some();
        let settings = overlay_own(&stack.settings, layer);
        let sip = match (settings.map("sip"), stack.settings.map("sip")) {
            (Some(own), Some(shared)) if !Arc::ptr_eq(own, shared) => with_defaults(own),
            (Some(own), None) => with_defaults(own),
            (None, _) => Arc::default(),
            _ => Arc::clone(&stack.sip),
        };
        let site = match own_server {
            true => self.site(&settings),
            false => Arc::clone(&stack.site),
        };
        let lines = lines::resolve(self.inventory, &settings, &sip, out);
        let context = keys::Context {
            inventory: self.inventory,
            patterns: &self.patterns,
            secrets: self.secrets,
            settings: &settings,
            lines: &lines,
        };
        let keys = keys::resolve(&context, out);
        let modules = keys::modules(&context, out);
        let contacts = self.contacts(&settings, out);
        keys::check_lines(&settings, &lines, out);
        let device = Device {
            id: entry.id.clone(),
            span: entry.span,
            broken: stack.broken || lines.broken,
            settings,
            sip,
            site,
            lines: lines.list,
            keys,
            modules,
            contacts,
        };
        require(&device, out);
        device
    }

    fn stack(&self, profiles: &[Arc<str>]) -> Stack {
        if let Some(stack) = read(&self.stacks).get(profiles) {
            return stack.clone();
        }
        let mut order = Vec::new();
        let mut broken = false;
        for name in std::iter::once(BASE).chain(profiles.iter().map(|name| &**name)) {
            broken |= !self.flatten(name, &mut order, &mut Vec::new());
        }
        let mut settings = Arc::<Map>::default();
        for profile in order {
            broken |= profile.broken;
            settings = overlay(&settings, &profile.value);
        }
        let stack = self.finish(settings, broken);
        write(&self.stacks).insert(profiles.to_vec(), stack.clone());
        stack
    }

    fn with_layout(&self, stack: &Stack, profiles: &[Arc<str>], layout: &Named<Item>) -> Stack {
        let key = (profiles.to_vec(), Arc::clone(&layout.name));
        if let Some(stack) = read(&self.layouts).get(&key) {
            return stack.clone();
        }
        let name = match layout.value.datum {
            Datum::List(_) => FLOATING,
            _ => "function_keys",
        };
        let layer = Arc::new(Map::from_entries(vec![(name.into(), layout.value.clone())]));
        let mut laid = stack.clone();
        laid.settings = overlay(&stack.settings, &layer);
        laid.broken |= layout.broken;
        write(&self.layouts).insert(key, laid.clone());
        laid
    }

    fn finish(&self, settings: Arc<Map>, broken: bool) -> Stack {
        let sip = settings.map("sip").map(with_defaults).unwrap_or_default();
        let site = self.site(&settings);
        Stack { settings, sip, site, broken }
    }

    fn site(&self, settings: &Map) -> Arc<Map> {
        match settings.map("server") {
            Some(server) => overlay(&self.inventory.site, server),
            None => Arc::clone(&self.inventory.site),
        }
    }

    /// Adds a profile and, before it, its parents; each once, at its first place. False if something in
    /// it is unknown or goes round in a ring, which [`Resolver::check_layers`] reports.
    fn flatten(&self, name: &str, order: &mut Vec<&'i Named<Arc<Map>>>, path: &mut Vec<Arc<str>>) -> bool {
        let Some(profile) = self.inventory.profiles.get(name) else { return name == BASE };
        if order.iter().any(|other| other.name == profile.name) {
            return true;
        }
        if path.contains(&profile.name) {
            return false;
        }
        path.push(Arc::clone(&profile.name));
        let mut fine = true;
        for (parent, _) in names(profile.value.list("extends")) {
            fine &= self.inventory.profiles.contains_key(parent) && self.flatten(parent, order, path);
        }
        path.pop();
        order.push(profile);
        fine
    }

    fn contacts(&self, settings: &Map, out: &mut Diagnostics) -> Vec<ContactList> {
        let mut lists = Vec::new();
        for (name, span) in names(settings.list("contacts")) {
            match self.inventory.contacts.get(name) {
                Some(list) => {
                    lists.push(ContactList { name: Arc::clone(name), contacts: Arc::clone(&list.value) });
                }
                None => out.push(unknown(
                    codes::UNKNOWN_CONTACTS,
                    "contact list",
                    name,
                    span,
                    &self.inventory.contacts,
                )),
            }
        }
        lists
    }

    /// Checks what no device may use: the references of every profile.
    pub fn check_layers(&self, out: &mut Diagnostics) {
        let inventory = self.inventory;
        for profile in inventory.profiles.values() {
            for (name, span) in names(profile.value.list("extends")) {
                if !inventory.profiles.contains_key(name) {
                    out.push(unknown(codes::UNKNOWN_PROFILE, "profile", name, span, &inventory.profiles));
                }
            }
            if let Some(ring) = self.ring(profile) {
                out.push(ring);
            }
            if let Some(Item { datum: Datum::Text(name), span }) = profile.value.get("key_layout")
                && !inventory.layouts.contains_key(name)
            {
                out.push(unknown(codes::UNKNOWN_LAYOUT, "key layout", name, *span, &inventory.layouts));
            }
            self.contacts(&profile.value, out);
            keys::check_targets(inventory, &self.patterns, &profile.value, out);
        }
        for layout in inventory.layouts.values() {
            keys::check_item(inventory, &self.patterns, &layout.value, out);
        }
    }

    /// The ring that starts and ends at this profile, told once: at its first member by name.
    fn ring(&self, profile: &Named<Arc<Map>>) -> Option<Diagnostic> {
        let mut trail = vec![Arc::clone(&profile.name)];
        if !self.reaches(&profile.name, &profile.name, &mut trail) {
            return None;
        }
        if trail.iter().min() != Some(&profile.name) {
            return None;
        }
        trail.push(Arc::clone(&profile.name));
        let span = names(profile.value.list("extends"))
            .find(|(name, _)| trail.get(1) == Some(name))
            .map_or(profile.span, |(_, span)| span);
        let message = format!("profiles extend each other in a ring: {}", trail.join(" -> "));
        let mut found = Diagnostic::error(codes::PROFILE_CYCLE, message).at(span);
        for name in trail.iter().skip(1) {
            if let Some(member) = self.inventory.profiles.get(name).filter(|m| m.name != profile.name) {
                found = found.related(format!("`{name}` is defined here"), member.span);
            }
        }
        Some(found.help("take one `extends` of the ring away"))
    }

    fn reaches(&self, from: &Arc<str>, to: &Arc<str>, trail: &mut Vec<Arc<str>>) -> bool {
        let Some(profile) = self.inventory.profiles.get(from) else { return false };
        for (parent, _) in names(profile.value.list("extends")) {
            if parent == to {
                return true;
            }
            if !trail.contains(parent) {
                trail.push(Arc::clone(parent));
                if self.reaches(parent, to, trail) {
                    return true;
                }
                trail.pop();
            }
        }
        false
    }
}

/// The names in a list of names, with their places.
pub(super) fn names(list: &[Item]) -> impl Iterator<Item = (&Arc<str>, Span)> {
    list.iter().filter_map(|item| Some((item.text()?, item.span)))
}

/// The diagnostic for a reference to something that is not there.
pub(super) fn unknown<T>(code: Code, what: &str, name: &str, span: Span, all: &Table<T>) -> Diagnostic {
    let found = Diagnostic::error(code, format!("there is no {what} `{name}`")).at(span);
    // A mistake that every device has must not look at every name for each: of very many, only those are
    // compared that begin alike.
    let candidates = all.around(name, MOST_COMPARED);
    match nearest(name, candidates.iter().map(|candidate| &*candidate.name)) {
        Some(near) => {
            let place = all.get(near).map(|near| near.span);
            let found = found.help(format!("did you mean `{near}`?"));
            match place {
                Some(place) => found.related(format!("`{near}` is defined here"), place),
                None => found,
            }
        }
        None if all.is_empty() => found.help(format!("define it: there is no {what} at all")),
        None if all.len() <= LISTED => {
            let names: Vec<&str> = all.keys().map(|name| &**name).collect();
            found.help(format!("define it, or name one of {}", names.join(", ")))
        }
        None => found.help(format!("define it, or name one of the {} that are defined", all.len())),
    }
}

/// SIP settings with the defaults that follow from others.
pub(super) fn with_defaults(sip: &Arc<Map>) -> Arc<Map> {
    let mut sip = Arc::clone(sip);
    for (name, from) in [("registrar", "proxy"), ("backup_registrar", "backup_proxy")] {
        if sip.get(name).is_none()
            && let Some(item) = sip.get(from).cloned()
        {
            Arc::make_mut(&mut sip).set(name, item);
        }
    }
    sip
}

/// What has to be there once all layers are merged.
fn require(device: &Device, out: &mut Diagnostics) {
    if let Some(item) = device.settings.get("remote_phonebook")
        && item.map().is_some_and(|map| map.get("url").is_none() && !map.is_broken())
    {
        let found = Diagnostic::error(codes::MISSING, "this phone book has no `url`").at(item.span);
        out.push(found.help("write `url:`, or take `remote_phonebook` away with `~`"));
    }
    let missing = |name: &&str| device.settings.get(name).is_none() && !device.settings.is_broken();
    let missing: Vec<&str> = ["vendor", "model"].into_iter().filter(missing).collect();
    if !missing.is_empty() {
        let message = format!("device {} has no {}", device.id, missing.join(" and no "));
        let help =
            format!("write `{}:` in the device, or in a profile that it uses", missing.join(":` and `"));
        out.push(Diagnostic::error(codes::NO_MODEL, message).at(device.span).help(help));
    }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}
