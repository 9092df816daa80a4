//! `timezone`: a zone's rule as templates see it.

use tera::Value;

use super::convert::map;
use crate::inventory::timezone::{Change, lookup};

/// The rule of a zone; null without one.
pub(super) fn value(name: Option<&str>) -> Value {
    let Some(zone) = name.and_then(lookup) else { return Value::none() };
    let dst = zone.dst.as_ref().map_or_else(Value::none, |dst| {
        map([
            ("end", change(&dst.end)),
            ("save", Value::from(dst.save)),
            ("start", change(&dst.start)),
            ("utc_offset", Value::from(dst.utc_offset)),
        ])
    });
    map([
        ("dst", dst),
        ("exact", Value::from(zone.exact)),
        ("name", Value::from(zone.name.as_str())),
        ("posix", Value::from(zone.posix.as_str())),
        ("utc_offset", Value::from(zone.utc_offset)),
    ])
}

fn change(change: &Change) -> Value {
    map([
        ("month", Value::from(change.month)),
        ("time", Value::from(change.time)),
        ("week", Value::from(change.week)),
        ("weekday", Value::from(change.weekday)),
    ])
}
