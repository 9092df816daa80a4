//! docs/inventory.md tells of every field and word of the schema, and its examples are an inventory that
//! `check` accepts.

use std::collections::BTreeSet;
use std::fs;

use provc::inventory::schema::{AUTO, FILE, FUNCTION_KEY, Group, Kind};

use crate::readme::blocks;
use crate::support::Repository;

fn page() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/inventory.md")).unwrap()
}

/// What the page must hold in backticks: fields of a section by name, fields of a group inside as
/// `group.field`, and every word that can be chosen.
fn terms(kind: Kind, section: bool, name: &str, terms: &mut BTreeSet<String>) {
    match kind {
        Kind::Group(group) if std::ptr::eq(group, &raw const FUNCTION_KEY) => {}
        Kind::Group(group) => fields(group, section, name, terms),
        Kind::List(kind) | Kind::OneOrList(kind) | Kind::MapOf(kind) | Kind::Positions(kind) => {
            self::terms(*kind, section, name, terms);
        }
        Kind::Choice(words) => terms.extend(words.iter().map(ToString::to_string)),
        _ => {}
    }
}

fn fields(group: &'static Group, section: bool, name: &str, all: &mut BTreeSet<String>) {
    for field in group.fields() {
        let plain = section || name.is_empty();
        all.insert(if plain { field.name.to_owned() } else { format!("{name}.{}", field.name) });
        // What stands in a file directly is a section.
        terms(field.kind, name.is_empty(), field.name, all);
    }
}

#[test]
fn the_page_tells_of_every_field_and_word() {
    let mut all = BTreeSet::new();
    fields(&FILE, false, "", &mut all);
    fields(&FUNCTION_KEY, true, "function_keys", &mut all);
    fields(&AUTO, false, "auto", &mut all);
    for term in ["sip.proxy", "network.vlan.id", "vlan.id", "auto.from", "upgrade_to", "number"] {
        assert_eq!(all.contains(term), term != "network.vlan.id", "{term}");
    }
    let page = page();
    let missing: Vec<String> = all.into_iter().filter(|term| !page.contains(&format!("`{term}`"))).collect();
    assert!(missing.is_empty(), "docs/inventory.md does not tell of {missing:?}");
}

#[test]
fn the_page_tells_of_nothing_else() {
    let mut all = BTreeSet::new();
    fields(&FILE, false, "", &mut all);
    fields(&AUTO, false, "auto", &mut all);
    // The first cell of a row is a field, or several.
    for row in page().lines().filter(|line| line.starts_with("| `")) {
        let cell = row.split(" | ").next().unwrap();
        for name in cell.split('`').skip(1).step_by(2).filter(|name| name.contains('.')) {
            assert!(all.contains(name), "there is no field `{name}`");
        }
    }
}

#[test]
fn the_examples_of_the_page_are_one_inventory() {
    let repository = Repository::new(&[]);
    let blocks = blocks(&page(), "yaml");
    assert!(blocks.len() >= 6);
    for (number, block) in blocks.iter().enumerate() {
        repository.write(&format!("inventory/block-{number}.yaml"), block);
    }
    repository.provc(&["check"]).expect(0);
}
