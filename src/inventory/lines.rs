//! The lines of a device: references followed, defaults filled in, SIP settings laid over the device's.

use std::sync::Arc;

use super::codes;
use super::device::Line;
use super::load::Inventory;
use super::merge::overlay;
use super::resolve::{unknown, with_defaults};
use super::value::{Datum, Item, Map};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// The lines of one device.
pub(super) struct Lines {
    /// By position.
    pub list: Vec<Line>,
    /// One of them has a mistake, which was reported where it stands.
    pub broken: bool,
}

/// What a line that names its own proxy does not take from the device: it registers elsewhere.
const BELONGS_TO_PROXY: [&str; 5] = ["registrar", "backup_proxy", "backup_registrar", "domain", "realm"];

/// Which field stands in for one that is absent.
const DEFAULTS: [(&str, &[&str]); 4] = [
    ("username", &["number"]),
    ("auth_username", &["username"]),
    ("display_name", &["number", "username"]),
    ("label", &["display_name"]),
];

pub(super) fn resolve(inventory: &Inventory, settings: &Map, sip: &Arc<Map>, out: &mut Diagnostics) -> Lines {
    let mut lines = Lines { list: Vec::new(), broken: false };
    let written: Vec<(u32, &Item)> = match settings.get("lines").map(|item| &item.datum) {
        Some(Datum::List(list)) => (1..).zip(list.iter()).collect(),
        Some(Datum::Map(map)) => map
            .iter()
            .filter(|(_, item)| item.is_set())
            .filter_map(|(position, item)| Some((position.parse().ok()?, item)))
            .collect(),
        _ => Vec::new(),
    };
    for (position, item) in written {
        let (name, own) = match &item.datum {
            Datum::Map(map) => (None, Map::clone(map)),
            Datum::Text(name) => match inventory.lines.get(name) {
                Some(line) => {
                    lines.broken |= line.broken;
                    (Some(Arc::clone(name)), line.value.unpack())
                }
                None => {
                    out.push(unknown(codes::UNKNOWN_LINE, "line", name, item.span, &inventory.lines));
                    lines.broken = true;
                    continue;
                }
            },
            _ => continue,
        };
        let sip = own.map("sip").map_or_else(|| Arc::clone(sip), |own| line_sip(settings, own));
        let values = Arc::new(with_line_defaults(own, settings));
        let known = values.get("username").is_some() || values.is_broken();
        if !known && settings.text("protocol").is_none_or(|p| &**p != "sccp") {
            let place =
                name.as_ref().and_then(|name| inventory.lines.get(name)).map_or(item.span, |l| l.span);
            let found = Diagnostic::error(codes::NO_NUMBER, "this line has neither number nor username");
            out.push(
                found.at(place).help("write `number:`, what others dial, or `username:`, its SIP account"),
            );
        }
        lines.list.push(Line { position, name, span: item.span, values, sip });
    }
    lines.list.sort_by_key(|line| line.position);
    lines
}

fn line_sip(settings: &Map, own: &Arc<Map>) -> Arc<Map> {
    let mut below = settings.map("sip").cloned().unwrap_or_default();
    if own.get("proxy").is_some() {
        let map = Arc::make_mut(&mut below);
        for name in BELONGS_TO_PROXY {
            map.remove(name);
        }
    }
    with_defaults(&overlay(&below, own))
}

fn with_line_defaults(mut values: Map, settings: &Map) -> Map {
    values.remove("sip");
    for (name, stand_ins) in DEFAULTS {
        if values.get(name).is_none()
            && let Some(item) = stand_ins.iter().find_map(|other| values.get(other)).cloned()
        {
            values.set(name, item);
        }
    }
    // A plain null takes the feature code away from this line.
    if values.raw("voicemail").is_none()
        && let Some(item) = settings.map("feature_codes").and_then(|codes| codes.get("voicemail"))
    {
        values.set("voicemail", item.clone());
    }
    values
}
