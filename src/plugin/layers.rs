//! Laying one manifest over another, on the trees: every node keeps the place it was written at, so that a
//! mistake in a family's common layer is shown there, and the typed manifest is read once, from the result.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plugin::codes::OVERRIDE_FIELD;
use crate::yaml::{Node, Value};

/// One tree laid over another: mappings key by key, scalars and lists replace, null removes. A null that
/// removes nothing stays, and means what it means to the reader: nothing.
pub(super) fn lay_over<'a>(base: Node<'a>, over: Node<'a>) -> Node<'a> {
    let span = over.span;
    let (mut entries, above) = match (base.value, over.value) {
        (Value::Map(below), Value::Map(above)) => (below, above),
        (_, value) => return Node { span, value },
    };
    for (key, node) in above {
        let Some(at) = entries.iter().position(|(known, _)| known.text == key.text) else {
            entries.push((key, node));
            continue;
        };
        if node.is_null() {
            entries.remove(at);
        } else if let Some(entry) = entries.get_mut(at) {
            let below = std::mem::replace(&mut entry.1, Node { span, value: Value::Seq(Vec::new()) });
            *entry = (key, lay_over(below, node));
        }
    }
    Node { span, value: Value::Map(entries) }
}

/// What a site may change of a plugin that it does not own. What makes the plugin what it is (id, vendor,
/// firmware, how it is chosen) stays: another such plugin is another plugin.
const OVERRIDABLE: &[&str] = &[
    "tables",
    "vars",
    "models",
    "model_defaults",
    "function_keys",
    "files",
    "static",
    "extra",
    "dhcp",
    "resync",
    "firmware_packages",
];

/// The part of an override's manifest that it may set; the rest is reported.
pub(super) fn overriding<'a>(node: Node<'a>, out: &mut Diagnostics) -> Node<'a> {
    let Node { span, value } = node;
    let Value::Map(mut entries) = value else { return Node { span, value } };
    entries.retain(|(key, _)| {
        let allowed = OVERRIDABLE.contains(&&*key.text);
        if !allowed {
            let message = format!("an override cannot set `{}`", key.text);
            let help = super::manifest::near(&key.text, OVERRIDABLE.iter().copied())
                .unwrap_or_else(|| format!("it can set {}", OVERRIDABLE.join(", ")));
            out.push(Diagnostic::error(OVERRIDE_FIELD, message).at(key.span).help(help));
        }
        allowed
    });
    Node { span, value: Value::Map(entries) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceMap;

    fn merged(layers: &[&str]) -> String {
        let mut sources = SourceMap::default();
        let mut out = Diagnostics::default();
        let nodes = layers.iter().map(|text| {
            let file = sources.add("layer.yaml", *text);
            crate::yaml::parse(file, text, &mut out).unwrap()
        });
        let node = nodes.reduce(lay_over).unwrap();
        assert!(out.is_empty());
        serde_json::to_string(&crate::plugin::manifest::value::free(&node)).unwrap()
    }

    #[test]
    fn mappings_merge_key_by_key_and_lists_replace() {
        let common = "{tables: {language: {fr: 1, en: 2}, tone: {FR: x}}, files: {device: [a, b]}}";
        let version = "{tables: {language: {en: 3, de: 4}}, files: {device: [c]}}";
        assert_eq!(
            merged(&[common, version]),
            r#"{"files":{"device":["c"]},"tables":{"language":{"de":4,"en":3,"fr":1},"tone":{"FR":"x"}}}"#
        );
    }

    #[test]
    fn null_removes_what_is_below() {
        assert_eq!(merged(&["{a: 1, b: {c: 2, d: 3}}", "{a: ~, b: {c: null}}"]), r#"{"b":{"d":3}}"#);
        assert_eq!(merged(&["{a: 1}", "{a: 'null'}"]), r#"{"a":"null"}"#);
        assert_eq!(merged(&["{a: 1}", "{b: ~}"]), r#"{"a":1,"b":null}"#);
    }

    #[test]
    fn a_mapping_replaces_a_scalar_and_back() {
        assert_eq!(merged(&["{a: 1}", "{a: {b: 2}}", "{a: [3]}"]), r#"{"a":[3]}"#);
    }
}
