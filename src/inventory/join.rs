//! Joining the sections of all files. The same entry in two places is an error that shows both.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rayon::prelude::*;

use super::codes;
use super::file::{DeviceId, Entry, File, Named};
use super::load::Inventory;
use super::table::Table;
use super::value::Map;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};

/// What a person calls a key of `site`, which cannot be renamed.
const SITE_KEY: &str = "site key";

/// Joins the sections of all files; the same entry in two places is an error that shows both.
pub fn join(files: Vec<File>, out: &mut Diagnostics) -> Inventory {
    let mut inventory = Inventory::default();
    let (mut site, mut profiles, mut layouts, mut contacts) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // These are many: room for exactly so many.
    let mut lines = Vec::with_capacity(files.iter().map(|file| file.lines.len()).sum());
    inventory.devices.reserve_exact(files.iter().map(|file| file.devices.len()).sum());
    for file in files {
        inventory.incomplete |= file.incomplete;
        inventory.unread.extend(file.unread);
        site.extend(file.site);
        profiles.extend(file.profiles);
        lines.extend(file.lines);
        layouts.extend(file.layouts);
        contacts.extend(file.contacts);
        inventory.devices.extend(file.devices);
    }
    let site = table(site, SITE_KEY, out);
    let site = site.values().map(|named| (named.name.to_string().into(), named.value.clone()));
    inventory.site = Arc::new(Map::from_entries(site.collect()));
    inventory.profiles = table(profiles, "profile", out);
    inventory.lines = table(lines, "line", out);
    inventory.layouts = table(layouts, "key layout", out);
    inventory.contacts = table(contacts, "contact list", out);
    inventory.devices.par_sort_unstable_by(|a, b| (&a.id, a.span).cmp(&(&b.id, b.span)));
    distinct_devices(&mut inventory.devices, out);
    distinct_names(&mut inventory.devices, out);
    inventory
}

fn table<T: Send>(entries: Vec<Named<T>>, what: &str, out: &mut Diagnostics) -> Table<T> {
    Table::new(entries, |first, next| {
        // Which of the two was meant is not known: nothing that uses either can be built.
        first.broken = true;
        let found = twice(codes::DEFINED_TWICE, what, &next.name, next.span, first.span);
        out.push(found.help(match what {
            SITE_KEY => "take one of them out",
            _ => "rename one of them, or take it out",
        }));
    })
}

fn twice(code: Code, what: &str, name: &str, at: Span, first: Span) -> Diagnostic {
    Diagnostic::error(code, format!("{what} `{name}` is defined twice"))
        .at(at)
        .related("first defined here", first)
}

/// Finds devices with one MAC or id, which are neighbours.
fn distinct_devices(devices: &mut [Entry], out: &mut Diagnostics) {
    for same in devices.chunk_by_mut(|a, b| a.id == b.id) {
        let [first, others @ ..] = same else { continue };
        for device in others {
            first.broken = true;
            device.broken = true;
            let id = device.id.to_string();
            let found = twice(codes::DEVICE_TWICE, "device", &id, device.span, first.span);
            out.push(found.device(id).help("take one of them out"));
        }
    }
}

/// What a device is called: by name, or by id; ids come before all names.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Called {
    name: Arc<str>,
    by_name: bool,
    /// Names are compared in the order of the files, so that "first" is what a reader would call first.
    span: Span,
    index: usize,
}

/// Finds devices of one name. Names are compared by hash first, so that a million of them need not all be
/// held as text.
fn distinct_names(devices: &mut [Entry], out: &mut Diagnostics) {
    let hashes = devices.par_iter().enumerate().flat_map_iter(|(index, device)| {
        let calls = [called_by_id(devices, index), called_by_name(device, index)];
        calls.into_iter().flatten().map(move |called| {
            let mut hasher = DefaultHasher::new();
            called.name.hash(&mut hasher);
            (hasher.finish(), index)
        })
    });
    let mut hashes: Vec<(u64, usize)> = hashes.collect();
    hashes.par_sort_unstable();
    let mut same: Vec<Called> = Vec::new();
    for group in hashes.chunk_by(|(a, _), (b, _)| a == b).filter(|group| group.len() > 1) {
        let mut members: Vec<usize> = group.iter().map(|(_, index)| *index).collect();
        members.dedup();
        for index in members {
            same.extend(called_by_id(devices, index));
            same.extend(devices.get(index).and_then(|device| called_by_name(device, index)));
        }
    }
    same.sort();
    for group in same.chunk_by(|a, b| a.name == b.name) {
        let [first, others @ ..] = group else { continue };
        for called in others.iter().filter(|called| called.by_name) {
            let Some(device) = devices.get_mut(called.index) else { continue };
            device.broken = true;
            let message = format!("two devices are called `{}`", called.name);
            let found = Diagnostic::error(codes::NAME_TWICE, message).at(called.span);
            let found = found.related("the first is here", first.span);
            out.push(found.device(device.id.to_string()).help("rename one of them"));
        }
    }
}

/// The first of the devices with one id.
fn called_by_id(devices: &[Entry], index: usize) -> Option<Called> {
    let device = devices.get(index)?;
    let DeviceId::Id(name) = &device.id else { return None };
    let before = index.checked_sub(1).and_then(|before| devices.get(before));
    let first = before.is_none_or(|before| before.id != device.id);
    first.then(|| Called { name: Arc::clone(name), by_name: false, span: device.span, index })
}

fn called_by_name(device: &Entry, index: usize) -> Option<Called> {
    let item = device.layer.get("name")?;
    Some(Called { name: Arc::clone(item.text()?), by_name: true, span: item.span, index })
}
