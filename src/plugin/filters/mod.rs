//! The filters that templates have beyond the engine's own, and the engine's own that would not do.
//!
//! Ours refuse arguments they do not know (the engine ignores them) and never quote a value in an error:
//! it may be a password. Of the engine's filters, replaced are: `safe`, which does not exist here (the scan
//! in [`super::names`] refuses it when a template loads, this one when it is called all the same);
//! `default`, which ignored null; `group_by`, which gave its groups in an order that changes from run to
//! run; `int` and `float`, whose errors quote the value. No engine function reads a file, the environment,
//! the network or a clock. Text that was escaped while it was captured (`{% set x %}...{% endset %}`) is
//! not escaped again; the engine's filters that keep it so can delete from it but insert escaped text only.

mod replaced;
mod secrets;
mod text;
mod time;

#[cfg(test)]
mod tests;

pub use secrets::mask_secrets;
pub(super) use text::respell;

use tera::value::Key;
use tera::{Error, Kwargs, State, Tera, TeraResult, Value};

use super::format::{Format, escaped};

/// Prepares an engine for the templates of one format: its escaping, for every template, and all filters.
/// Call it before templates are added. `tables` is the plugin's map of tables.
///
/// | filter | gives |
/// |---|---|
/// | `mac(sep="", upper=false)` | a MAC in any spelling, respelled |
/// | `pad(width)` | the text with zeros before it up to a width; a minus stays in front |
/// | `signed` | a number with its sign, `+` also for zero |
/// | `hms(format="+HH:MM")` | seconds as hours, minutes, seconds ([`hms`](self)) |
/// | `tail(length)` | the last characters |
/// | `words` | the list of words; an empty list for null |
/// | `without(chars)` | the text without any of these characters |
/// | `urlencode` | the text with all but `A-Z a-z 0-9 - . _ ~` as `%XX` |
/// | `lookup(table, default)` | a table's entry; without `default` a missing entry is an error |
/// | `default(value)` | the value instead of null and undefined, never instead of 0, false or "" |
/// | `xml`, `ini`, `keyvalue`, `csv`, `cli`, `text` | the text as it stands in that format, for a language inside a value; the file's own escaping comes on top |
///
/// `hms`: in its format `H`, `M`, `S` are numbers and `HH`, `MM`, `SS` have two digits at least; the
/// greatest unit takes what is above it (`M` alone counts all minutes); a `+` before the first unit is the
/// sign in any case, a `-` there only when negative; all else is copied. Seconds that the format would
/// lose are an error.
pub fn register(tera: &mut Tera, format: Format, tables: Value) {
    tera.autoescape_on([""]);
    tera.set_escape_fn(format.escape_fn());

    tera.register_filter("mac", text::mac);
    tera.register_filter("pad", text::pad);
    tera.register_filter("signed", text::signed);
    tera.register_filter("tail", text::tail);
    tera.register_filter("words", text::words);
    tera.register_filter("without", text::without);
    tera.register_filter("urlencode", text::urlencode);
    tera.register_filter("hms", time::hms);
    tera.register_filter("lookup", move |value: Value, args: Kwargs, _: &State| {
        lookup(&tables, &value, &args)
    });

    tera.register_filter("safe", replaced::safe);
    tera.register_filter("default", replaced::default);
    tera.register_filter("group_by", replaced::group_by);
    tera.register_filter("int", replaced::int);
    tera.register_filter("float", replaced::float);

    for inner in Format::ALL {
        tera.register_filter(inner.name(), move |value: Value, args: Kwargs, _: &State| {
            only(inner.name(), &args, &[])?;
            escaped(inner, &text_of(inner.name(), &value)?).map_err(Error::message)
        });
    }
}

fn lookup(tables: &Value, key: &Value, args: &Kwargs) -> TeraResult<Value> {
    only("lookup", args, &["table", "default"])?;
    let name = args.must_get::<&str>("table")?;
    let Some(table) = tables.as_map().and_then(|tables| tables.get(&Key::Str(name))) else {
        return Err(Error::message(format!("lookup: there is no table `{name}`")));
    };
    let Some(table) = table.as_map() else {
        return Err(Error::message(format!("lookup: the table `{name}` is not a map")));
    };
    let default = args.get::<Value>("default")?;
    if key.is_none() || key.is_undefined() {
        return default
            .ok_or_else(|| Error::message(format!("lookup: null has no entry in the table `{name}`")));
    }
    let key = text_of("lookup", key)?;
    match table.get(&Key::Str(&key)) {
        Some(entry) => Ok(entry.clone()),
        None => default
            .ok_or_else(|| Error::message(format!("lookup: the table `{name}` has no entry for the value"))),
    }
}

/// Refuses arguments that a filter does not have.
fn only(filter: &str, args: &Kwargs, known: &[&str]) -> TeraResult<()> {
    for (name, _) in args.iter() {
        let name = name.as_str().unwrap_or_default();
        if !known.contains(&name) {
            return Err(Error::message(format!("{filter}: there is no argument `{name}`")));
        }
    }
    Ok(())
}

/// A text, number or boolean as text.
fn text_of(filter: &str, value: &Value) -> TeraResult<String> {
    if let Some(text) = value.as_str() {
        return Ok(text.to_owned());
    }
    if value.is_number() || value.is_bool() {
        return Ok(value.to_string());
    }
    Err(Error::message(format!("{filter}: needs a text or a number, not {}", value.name())))
}

/// A whole number, also one written as a float (what `/` gives) or as text.
fn integer_of(filter: &str, value: &Value) -> TeraResult<i64> {
    let number = match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => value.as_number().and_then(|number| number.as_integer()).and_then(|n| i64::try_from(n).ok()),
    };
    number.ok_or_else(|| Error::message(format!("{filter}: needs a whole number")))
}
