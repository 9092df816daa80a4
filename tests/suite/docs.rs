//! docs/inventory.md tells of every field and word of the schema, and its examples are an inventory that
//! `check` accepts. So are those of docs/repository.md, and its JSON is what `check` prints.

use std::collections::BTreeSet;
use std::fs;

use provc::inventory::schema::{AUTO, FILE, FUNCTION_KEY, Group, Kind};

use crate::readme::blocks;
use crate::support::Repository;

fn document(name: &str) -> String {
    fs::read_to_string(format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn page() -> String {
    document("inventory.md")
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

/// A repository as `init` makes it, with every directory that provc.yaml can name.
fn repository() -> Repository {
    let repository =
        Repository::new(&[("plugins/.keep", ""), ("overrides/.keep", ""), ("static/a.txt", "a")]);
    repository.provc(&["init"]).expect(0);
    repository
}

#[test]
fn the_settings_of_the_page_are_accepted() {
    let blocks = blocks(&document("repository.md"), "yaml");
    let [settings, sites, over] = &blocks[..] else { panic!("{} blocks", blocks.len()) };
    let repository = repository();
    repository.write("overrides/digium/plugin.yaml", over);
    repository.write("provc.yaml", settings);
    let checked = repository.provc(&["check"]).expect(0);
    assert!(checked.stderr.is_empty(), "{}", checked.stderr);

    for part in ["site", "lines", "devices"] {
        let text = repository.read(&format!("inventory/{part}.yaml"));
        for customer in ["paris", "lyon"] {
            repository.write(&format!("customers/acme/{customer}/{part}.yaml"), &text);
        }
    }
    repository.write("common/profiles.yaml", "profiles: {office: {}}\n");
    repository.write("provc.yaml", sites);
    let checked = repository.provc(&["check"]).expect(0);
    assert_eq!(checked.stdout.lines().count(), 2, "{}", checked.stdout);
}

#[test]
fn the_json_of_the_page_is_what_check_prints() {
    let blocks = blocks(&document("repository.md"), "json");
    let mut quoted: serde_json::Value = serde_json::from_str(&blocks[0]).unwrap();
    let repository = repository();
    let devices = repository.read("inventory/devices.yaml");
    repository.write("inventory/devices.yaml", &devices.replace("target: bob", "target: bbo"));
    let mut printed = repository.provc(&["check", "--format", "json"]).expect(1).json();
    quoted["seconds"] = 0.into();
    printed["seconds"] = 0.into();
    assert_eq!(printed, quoted);
}
