//! Filters of the engine that are replaced; the module above says why.

use std::collections::BTreeMap;

use tera::value::Key;
use tera::{Error, Kwargs, Map, State, TeraResult, Value};

use super::{integer_of, only, text_of};

pub fn safe(_: Value, _: Kwargs, _: &State) -> TeraResult<Value> {
    Err(Error::message("safe: values are always escaped"))
}

pub fn default(value: Value, args: Kwargs, _: &State) -> TeraResult<Value> {
    only("default", &args, &["value"])?;
    let default = args.must_get::<Value>("value")?;
    Ok(if value.is_none() || value.is_undefined() { default } else { value })
}

/// Groups in order of their keys, numbers first. Elements without a key are left out.
pub fn group_by(value: &[Value], args: Kwargs, _: &State) -> TeraResult<Map> {
    only("group_by", &args, &["attribute"])?;
    let attribute = args.must_get::<&str>("attribute")?;
    let mut groups: BTreeMap<(Option<i64>, String), Vec<Value>> = BTreeMap::new();
    for element in value {
        let Some(key) = element.get_from_path(attribute) else {
            return Err(Error::message(format!("group_by: an element has no `{attribute}`")));
        };
        if key.is_none() {
            continue;
        }
        let number = if key.is_number() { Some(integer_of("group_by", key)?) } else { None };
        groups.entry((number, text_of("group_by", key)?)).or_default().push(element.clone());
    }
    let (texts, numbers): (Vec<_>, Vec<_>) =
        groups.into_iter().partition(|((number, _), _)| number.is_none());
    let mut out = Map::new();
    for ((number, text), elements) in numbers.into_iter().chain(texts) {
        out.insert(number.map_or_else(|| Key::from(text), Key::I64), Value::from(elements));
    }
    Ok(out)
}

pub fn int(value: Value, args: Kwargs, _: &State) -> TeraResult<i64> {
    only("int", &args, &["base"])?;
    let base = args.get::<u32>("base")?.unwrap_or(10);
    if !(2..=36).contains(&base) {
        return Err(Error::message("int: a base is 2 to 36"));
    }
    let Some(text) = value.as_str() else { return integer_of("int", &value) };
    let text = text.trim();
    let digits = match base {
        2 => text.strip_prefix("0b"),
        8 => text.strip_prefix("0o"),
        16 => text.strip_prefix("0x"),
        _ => None,
    };
    i64::from_str_radix(digits.unwrap_or(text), base)
        .map_err(|_| Error::message(format!("int: the text is no whole number in base {base}")))
}

pub fn float(value: Value, args: Kwargs, _: &State) -> TeraResult<f64> {
    only("float", &args, &[])?;
    let number = match value.as_str() {
        Some(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        None => value.as_number().map(|number| number.as_float()),
    };
    number.ok_or_else(|| Error::message("float: needs a number"))
}
