//! A device with holes in place of its texts.

use std::sync::Arc;

use super::probe::ELSEWHERE;
use crate::inventory::{Datum, Device, Item, Key, Map};
use crate::plugin::format::holes::hole;
use crate::plugin::names::reads::Text;

/// A device with holes, and the hole of its MAC or id if that is one. `holes` is for each text, in the
/// order in which [`super::Probe`] goes through them, the number of its hole.
pub(in crate::render) fn blank(device: &Device, holes: &[Option<usize>]) -> (Device, Option<String>) {
    let mut device = device.clone();
    let mut next = holes.iter().map(|number| number.map(hole));
    let mut next = || next.next().flatten();
    let id = next();
    let settings = entries(&device.settings, |name, item| {
        let own = matches!((name, &item.datum), ("name" | "ip", Datum::Text(_)));
        (own && !ELSEWHERE.contains(&name)).then(&mut next).flatten()
    });
    set(&mut device.settings, settings);
    for line in &mut device.lines {
        if line.name.is_some()
            && let Some(hole) = next()
        {
            line.name = Some(hole.into());
        }
        let values = entries(&line.values, |name, _| Text::of_line(name).and_then(|_| next()));
        set(&mut line.values, values);
    }
    let mut keys = |keys: &mut [Key]| {
        for item in keys.iter_mut().flat_map(|key| [&mut key.label, &mut key.value]).flatten() {
            if let Some(hole) = next() {
                item.datum = Datum::Text(hole.into());
            }
        }
    };
    keys(&mut device.keys.fixed);
    keys(&mut device.keys.floating);
    if let Some(auto) = &mut device.keys.auto {
        keys(&mut auto.keys);
    }
    device.modules.iter_mut().for_each(|module| keys(&mut module.keys));
    (device, id)
}

/// The entries of a mapping that are to be holes.
fn entries(map: &Map, mut hole: impl FnMut(&str, &Item) -> Option<String>) -> Vec<(String, Item)> {
    let holes = map.iter().filter_map(|(name, item)| {
        let datum = Datum::Text(hole(name, item)?.into());
        Some((name.to_owned(), Item { span: item.span, datum }))
    });
    holes.collect()
}

fn set(map: &mut Arc<Map>, entries: Vec<(String, Item)>) {
    if entries.is_empty() {
        return;
    }
    let map = Arc::make_mut(map);
    entries.into_iter().for_each(|(name, item)| map.set(name, item));
}
