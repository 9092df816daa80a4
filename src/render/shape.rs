//! The context of templates as a shape: what the check of names holds a template against when its plugin
//! loads, before any device is rendered.

use std::collections::BTreeMap;

use crate::inventory::schema::{CONTACT, Group, HANDSET, Kind, LINE, PORT, SETTINGS, SIP};
use crate::plugin::names::{Shape, Spec};
use crate::plugin::templates::Shapes;

use Spec::{Leaf, List, Map};

const CHANGE: Spec = Map(&[("month", Leaf), ("time", Leaf), ("week", Leaf), ("weekday", Leaf)]);
const KEY: Spec = Map(&[
    ("label", Leaf),
    ("line", Leaf),
    ("module", Leaf),
    ("position", Leaf),
    ("type", Leaf),
    ("value", Leaf),
]);

/// What is there whatever the inventory's schema says.
const OURS: &[(&str, Spec)] = &[
    (
        "site",
        Map(&[
            ("http", Map(&[("host", Leaf), ("path", Leaf), ("port", Leaf), ("scheme", Leaf)])),
            ("http_url", Leaf),
            ("name", Leaf),
            ("tftp_host", Leaf),
        ]),
    ),
    ("language", Leaf),
    ("firmware_target", Map(&[("url", Leaf), ("version", Leaf)])),
    (
        "timezone",
        Map(&[
            ("dst", Map(&[("end", CHANGE), ("save", Leaf), ("start", CHANGE), ("utc_offset", Leaf)])),
            ("exact", Leaf),
            ("name", Leaf),
            ("posix", Leaf),
            ("utc_offset", Leaf),
        ]),
    ),
    ("extra", List(&Map(&[("name", Leaf), ("value", Leaf)]))),
    ("serial", Leaf),
];

/// What only files of a device see.
const OF_DEVICE: &[(&str, Spec)] = &[
    (
        "device",
        Map(&[
            ("firmware", Leaf),
            ("id", Leaf),
            ("ip", Leaf),
            ("mac", Leaf),
            ("model", Leaf),
            ("name", Leaf),
            ("vendor", Leaf),
        ]),
    ),
    ("function_keys", List(&KEY)),
];

/// For whom a file is written: it decides what its templates see.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// One device.
    Device,
    /// All devices of a model.
    Model,
    /// All devices of a plugin.
    Common,
}

/// The names that templates see, with their shapes. Tables are the plugin's own business.
pub fn shapes() -> Shapes {
    Shapes {
        device: roots(Audience::Device),
        model: roots(Audience::Model),
        common: roots(Audience::Common),
        dhcp: roots(Audience::Common),
    }
}

fn roots(audience: Audience) -> BTreeMap<&'static str, Shape> {
    let mut roots = BTreeMap::new();
    for field in SETTINGS {
        roots.insert(field.name, of_kind(field.kind));
    }
    add(&mut roots, OURS);
    roots.insert("vars", Shape::Free);
    if audience != Audience::Common {
        roots.insert("model", model());
    }
    if audience == Audience::Device {
        add(&mut roots, OF_DEVICE);
        let line = line();
        let slot = slot(&line);
        let line_slot = Shape::map([("line", line.clone()), ("position", Shape::Leaf)]);
        roots.insert("contacts", Shape::list(contact()));
        roots.insert("handsets", Shape::list(of_group(&HANDSET, &[])));
        roots.insert("key_slots", Shape::list(slot.clone()));
        roots.insert("line_slots", Shape::list(line_slot));
        roots.insert("lines", Shape::list(line));
        roots.insert("ports", Shape::list(of_group(&PORT, &["position"])));
        roots.insert("set_slots", Shape::list(slot));
    }
    roots
}

fn add(roots: &mut BTreeMap<&'static str, Shape>, specs: &'static [(&'static str, Spec)]) {
    roots.extend(specs.iter().map(|(name, spec)| (*name, Shape::from(spec))));
}

fn of_kind(kind: Kind) -> Shape {
    match kind {
        Kind::Group(group) => of_group(group, &[]),
        Kind::List(kind) | Kind::OneOrList(kind) => Shape::list(of_kind(*kind)),
        Kind::Endpoint => Shape::map([("host", Shape::Leaf), ("port", Shape::Leaf)]),
        Kind::Pem => Shape::map([("der_base64", Shape::Leaf), ("pem", Shape::Leaf)]),
        Kind::MapOf(_) | Kind::Free => Shape::Free,
        _ => Shape::Leaf,
    }
}

/// A group with its fields, and some that it gets on the way to the template.
fn of_group(group: &'static Group, more: &[&'static str]) -> Shape {
    let own = group.fields().map(|field| (field.name, of_kind(field.kind)));
    Shape::map(own.chain(more.iter().map(|name| (*name, Shape::Leaf))))
}

fn line() -> Shape {
    let fields = LINE.fields().map(|field| match field.name {
        "sip" => ("sip", of_group(&SIP, &[])),
        name => (name, of_kind(field.kind)),
    });
    Shape::map(fields.chain([("name", Shape::Leaf), ("position", Shape::Leaf)]))
}

fn contact() -> Shape {
    let number = Shape::map([("kind", Shape::Leaf), ("number", Shape::Leaf)]);
    let fields = CONTACT.fields().filter(|field| field.name != "number").map(|field| match field.name {
        "numbers" => ("numbers", Shape::list(number.clone())),
        name => (name, Shape::Leaf),
    });
    Shape::map(fields)
}

fn slot(line: &Shape) -> Shape {
    let leaves = ["kind", "last_on_page", "module", "n", "n_on_page", "name", "page", "position"];
    let leaves = leaves.into_iter().map(|name| (name, Shape::Leaf));
    Shape::map(leaves.chain([("key", Shape::from(&KEY)), ("line", line.clone())]))
}

fn model() -> Shape {
    let leaves = [
        "contacts",
        "expansion_modules",
        "function_keys",
        "handsets",
        "lines",
        "multicell",
        "name",
        "ports",
        "protocol",
        "type",
    ];
    Shape::map(leaves.into_iter().map(|name| (name, Shape::Leaf)).chain([("vars", Shape::Free)]))
}
