//! Free values of a manifest (`tables`, `vars`) as templates see them.
//!
//! Numbers spelled as JSON spells them and `true`/`false` are typed where they stand without quotes; all
//! else is text, also a number that would not be written as it stands (`1.10`). Keys are inserted sorted, so that a template that loops over them always sees one order.

use std::collections::BTreeMap;

use tera::value::Key;
use tera::{Map, Value as Tera};

use crate::inventory::{Datum, typed_scalar};
use crate::yaml::{Node, Scalar, Value};

/// A node as a template value.
pub(crate) fn free(node: &Node<'_>) -> Tera {
    match &node.value {
        Value::Scalar(scalar) => scalar_value(scalar),
        Value::Seq(items) => Tera::from(items.iter().map(free).collect::<Vec<_>>()),
        Value::Map(entries) => {
            let sorted: BTreeMap<&str, &Node<'_>> = entries.iter().map(|(k, n)| (&*k.text, n)).collect();
            map(sorted.into_iter().map(|(key, node)| (key, free(node))))
        }
    }
}

/// A map from entries that come sorted.
pub(crate) fn map<'k>(entries: impl IntoIterator<Item = (&'k str, Tera)>) -> Tera {
    Tera::from(entries.into_iter().map(|(key, value)| (Key::from(key.to_owned()), value)).collect::<Map>())
}

/// One value laid over another: maps key by key, everything else replaces.
pub fn lay_over(base: &Tera, over: &Tera) -> Tera {
    let (Some(below), Some(above)) = (base.as_map(), over.as_map()) else { return over.clone() };
    // Most devices add nothing: what is shared stays shared.
    if above.is_empty() {
        return base.clone();
    }
    let mut merged: BTreeMap<&str, Tera> = BTreeMap::new();
    for (key, value) in below.iter().chain(above) {
        let Some(name) = key.as_str() else { continue };
        let value = merged.get(name).map_or_else(|| value.clone(), |under| lay_over(under, value));
        merged.insert(name, value);
    }
    map(merged)
}

fn scalar_value(scalar: &Scalar<'_>) -> Tera {
    let text = &*scalar.text;
    if !scalar.plain {
        return Tera::from(text);
    }
    if scalar.is_null() {
        return Tera::none();
    }
    // The inventory's own `vars` are typed by the same rule.
    match typed_scalar(text) {
        Some(Datum::Bool(b)) => Tera::from(b),
        Some(Datum::Int(n)) => Tera::from(n),
        Some(Datum::Float(n)) => Tera::from(n),
        _ => Tera::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Tera {
        scalar_value(&Scalar { text: text.into(), plain: true })
    }

    #[test]
    fn only_json_spellings_are_typed() {
        assert_eq!(plain("10"), Tera::from(10));
        assert_eq!(plain("-1.5"), Tera::from(-1.5));
        assert_eq!(plain("true"), Tera::from(true));
        assert!(plain("~").is_none());
        for text in
            ["007", "+1", "1.", ".5", "yes", "0x1f", "123456789012345678901234567890", "1 2", "1.10", "1e3"]
        {
            assert_eq!(plain(text), Tera::from(text), "{text}");
        }
        assert_eq!(scalar_value(&Scalar { text: "10".into(), plain: false }), Tera::from("10"));
    }

    #[test]
    fn maps_are_laid_over_key_by_key_and_sorted() {
        let base = map([("a", Tera::from(1)), ("m", map([("x", Tera::from(1)), ("z", Tera::from(3))]))]);
        let over = map([("b", Tera::from(2)), ("m", map([("y", Tera::from(2))]))]);
        let merged = lay_over(&base, &over);
        assert_eq!(serde_json::to_string(&merged).unwrap(), r#"{"a":1,"b":2,"m":{"x":1,"y":2,"z":3}}"#);
    }
}
