//! `extra`: a vendor's own parameters, for the family of the device, in the order given.

use tera::Value;

use super::codes::BAD_EXTRA;
use super::convert::{Converter, map};
use crate::diagnostic::{Diagnostic, Diagnostics};
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
