//! Features: what a plugin says of its phones, held against what the inventory asks of them, so that a
//! setting which a phone cannot follow is not dropped in silence.
//!
//! `features` of a manifest, and of one of its models over it, says `true`, `false` or the list of words
//! that the phone knows. [`TABLE`] says which setting asks for which feature; docs/plugin-features.md is
//! the same for people. A feature that is not named there is for `plugin list` alone, and one that a
//! manifest does not name is taken to be there.

use std::collections::BTreeSet;

use super::codes::NO_EFFECT;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::{Datum, Device, Item, Map};
use crate::plugin::{Choice, Model};

/// A feature and the setting that asks for it.
struct Feature {
    name: &'static str,
    /// Dotted; what begins with `sip.` is looked for in every line as well.
    path: &'static str,
    asks: Asks,
}

/// When a setting asks for its feature.
enum Asks {
    /// As soon as it says something: neither false, nor 0, nor an empty list.
    Set,
    /// When it is this word.
    Word(&'static str),
    /// When this other setting, beside it, says something too: a phone may have each, but not both at once.
    Beside(&'static str),
}

const fn f(name: &'static str, path: &'static str) -> Feature {
    Feature { name, path, asks: Asks::Set }
}

const fn word(name: &'static str, path: &'static str, word: &'static str) -> Feature {
    Feature { name, path, asks: Asks::Word(word) }
}

const fn beside(name: &'static str, path: &'static str, other: &'static str) -> Feature {
    Feature { name, path, asks: Asks::Beside(other) }
}

/// Sorted by name.
const TABLE: &[Feature] = &[
    f("admin", "admin"),
    f("backup_proxy", "sip.backup_proxy"),
    f("backup_proxy", "sip.backup_registrar"),
    f("client_certificate", "tls.certificate"),
    f("clock", "clock"),
    f("codecs", "sip.codecs"),
    f("contacts", "contacts"),
    f("dns", "network.dns"),
    f("dot1x", "network.dot1x.mode"),
    f("dtmf", "sip.dtmf_mode"),
    f("keepalive", "sip.keepalive"),
    f("language", "locale"),
    f("lldp", "network.lldp"),
    f("mwi", "sip.subscribe_mwi"),
    f("ntp", "network.ntp"),
    f("outbound_proxy", "sip.outbound_proxy"),
    f("remote_phonebook", "remote_phonebook"),
    // `preferred` is what a phone without it does as well.
    word("srtp", "sip.srtp", "required"),
    f("static_address", "network.address"),
    f("stun", "sip.stun"),
    f("syslog", "network.syslog"),
    word("tcp", "sip.transport", "tcp"),
    f("timezone", "timezone"),
    word("tls", "sip.transport", "tls"),
    f("tones", "tones"),
    f("trusted_certificates", "tls.trusted_certificates"),
    beside("two_phonebooks", "remote_phonebook", "contacts"),
    f("upgrade", "upgrade_to"),
    f("user", "user"),
    f("vlan", "network.vlan"),
    f("wifi", "network.wifi"),
];

/// Warns of settings that have no effect on this phone, each place once.
pub(super) fn check(device: &Device, choice: &Choice, out: &mut Diagnostics) {
    let model = choice.model();
    let mut told = BTreeSet::new();
    for feature in TABLE {
        let can = model.features.get(feature.name).filter(|can| can.as_bool() != Some(true));
        let Some(can) = can else { continue };
        let mut look = |item: Option<&Item>| {
            let Some(item) = item.filter(|item| feature.asked(item, &device.settings)) else { return };
            let Some(found) = refused(feature, can, item, model) else { return };
            if told.insert((feature.name, item.span)) {
                out.push(found.at(item.span));
            }
        };
        match feature.path.strip_prefix("sip.") {
            Some(name) => {
                look(device.sip.get(name));
                device.lines.iter().for_each(|line| look(line.sip.get(name)));
            }
            None => look(find(&device.settings, feature.path)),
        }
    }
}

impl Feature {
    fn asked(&self, item: &Item, settings: &Map) -> bool {
        match (&self.asks, &item.datum) {
            (Asks::Word(word), Datum::Text(text)) => **text == **word,
            (Asks::Word(_), _) => false,
            (Asks::Set, _) => says_something(item),
            (Asks::Beside(other), _) => {
                says_something(item) && find(settings, other).is_some_and(says_something)
            }
        }
    }
}

/// Whether a setting asks for anything at all.
fn says_something(item: &Item) -> bool {
    match &item.datum {
        Datum::Bool(set) => *set,
        Datum::Int(number) => *number != 0,
        Datum::List(list) => !list.is_empty(),
        Datum::Map(map) => map.iter().any(|(_, item)| item.datum != Datum::Removed),
        Datum::Removed => false,
        _ => true,
    }
}

/// The warning, if the phone cannot do what the setting says.
fn refused(feature: &Feature, can: &tera::Value, item: &Item, model: &Model) -> Option<Diagnostic> {
    let (path, model) = (feature.path, &model.name);
    if can.as_bool() == Some(false) {
        let what = match feature.asks {
            Asks::Word(word) => format!("`{path}: {word}`"),
            Asks::Set => format!("`{path}`"),
            Asks::Beside(other) => format!("`{path}` beside `{other}`"),
        };
        let found = Diagnostic::warning(NO_EFFECT, format!("{what} has no effect on the {model}"));
        return Some(found.help("take it from these phones with `~` in a profile of theirs, or leave it"));
    }
    let known: Vec<&str> = can.as_array()?.iter().filter_map(tera::Value::as_str).collect();
    let wanted: Vec<&str> = match &item.datum {
        Datum::Text(text) => vec![text],
        Datum::List(list) => list.iter().filter_map(|item| Some(&**item.text()?)).collect(),
        _ => return None,
    };
    // Of a list, such as codecs, the phone takes those that it has.
    if wanted.iter().any(|word| known.contains(word)) {
        return None;
    }
    let message = format!("`{path}: {}` has no effect on the {model}", wanted.join(", "));
    let help = format!("this model can do {}", known.join(", "));
    Some(Diagnostic::warning(NO_EFFECT, message).help(help))
}

fn find<'m>(settings: &'m Map, path: &str) -> Option<&'m Item> {
    match path.split_once('.') {
        Some((first, rest)) => find(settings.map(first)?, rest),
        None => settings.get(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::schema::{Kind, PROFILE};

    #[test]
    fn every_path_is_a_setting() {
        for feature in TABLE {
            let mut group = &PROFILE;
            let mut words = feature.path.split('.').peekable();
            while let Some(word) = words.next() {
                let field = group.field(word).unwrap_or_else(|| panic!("{}", feature.path));
                match field.kind {
                    Kind::Group(inner) => group = inner,
                    _ => assert!(words.peek().is_none(), "{}", feature.path),
                }
            }
        }
        assert!(TABLE.is_sorted_by_key(|feature| feature.name));
    }

    #[test]
    fn the_page_for_plugin_authors_names_them_all() {
        let page = include_str!("../../docs/plugin-features.md");
        let rows: BTreeSet<&str> =
            page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        let table: BTreeSet<&str> = TABLE.iter().map(|feature| feature.name).collect();
        assert_eq!(rows, table);
    }
}
