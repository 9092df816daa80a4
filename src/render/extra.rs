//! `extra`: a vendor's own parameters, for the family of the device, in the order given.

use std::collections::BTreeSet;

use tera::Value;

use super::codes::BAD_EXTRA;
use super::convert::{Converter, map};
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::inventory::{Datum, Map};
use crate::plugin::Plugin;

/// The parameters of the plugin's family.
pub(super) fn values(settings: &Map, plugin: &Plugin, converter: &mut Converter<'_>) -> Value {
    let Some(own) = settings.map("extra").and_then(|extra| extra.map(&plugin.family)) else {
        return Value::from(Vec::<Value>::new());
    };
    let set = own.iter().filter(|(_, item)| item.is_set());
    let values = set.map(|(name, item)| map([("name", Value::from(name)), ("value", converter.free(item))]));
    Value::from(values.collect::<Vec<_>>())
}

/// Warns of a family that is none but almost one: its parameters would reach no phone. (One that is like
/// no other may be for plugins that are not here.)
pub fn check_families(layer: &Map, families: &BTreeSet<&str>, out: &mut Diagnostics) {
    let Some(extra) = layer.map("extra") else { return };
    for (name, item) in extra.iter().filter(|(name, _)| !families.contains(name)) {
        if let Some(near) = nearest(name, families.iter().copied()) {
            let message = format!("there is no plugin family `{name}`");
            let found = Diagnostic::warning(BAD_EXTRA, message).at(item.span);
            out.push(found.help(format!("did you mean `{near}`?")));
        }
    }
}

/// Refuses parameters that the family has no place for.
pub(super) fn check(settings: &Map, plugin: &Plugin, out: &mut Diagnostics) {
    let Some((item, own)) = settings
        .map("extra")
        .and_then(|extra| extra.get(&plugin.family))
        .and_then(|item| Some((item, item.map()?)))
    else {
        return;
    };
    let Some(place) = &plugin.manifest.extra else {
        let message = format!("the family `{}` takes no extra parameters", plugin.family);
        let help = "take them out, or use `vars` with a template of your own under overrides/";
        out.push(Diagnostic::error(BAD_EXTRA, message).at(item.span).help(help));
        return;
    };
    for (name, item) in own.iter() {
        if !place.pattern.is_match(name) {
            let message = format!("`{name}` is not the name of a parameter of `{}`", plugin.family);
            let help = format!("its names match `{}`", place.written);
            out.push(Diagnostic::error(BAD_EXTRA, message).at(item.span).help(help));
        }
        if matches!(item.datum, Datum::List(_) | Datum::Map(_)) {
            let found =
                Diagnostic::error(BAD_EXTRA, format!("the extra parameter `{name}` is not one value"));
            out.push(found.at(item.span).help("write text, a number, true or false"));
        }
    }
}
