//! docs/plugins.md is true: the family that it writes down is one, its commands print what it quotes, and its tables
//! leave nothing out.

use std::path::Path;

use provc::plugin::format::Format;

use crate::readme::quoted_commands;
use crate::support::Repository;

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/plugins.md")).unwrap()
}

/// The files that the page writes down: a line with nothing but a path, then a block.
fn files(page: &str) -> Vec<(&str, &str)> {
    let mut files = Vec::new();
    for part in page.split("\n\n`plugins/").skip(1) {
        let (path, rest) = part.split_once("`\n\n```").unwrap();
        let (_, text) = rest.split_once('\n').unwrap();
        let (text, _) = text.split_once("```").unwrap();
        files.push((path, text));
    }
    files
}

/// A repository with the first files of the page, as many as are wanted.
fn repository(wanted: impl Fn(&str) -> bool) -> Repository {
    let (page, repository) = (page(), Repository::new(&[]));
    let files = files(&page);
    assert!(files.len() >= 8, "{files:?}");
    for (path, text) in files.iter().filter(|(path, _)| wanted(path)) {
        repository.write(&format!("plugins/{path}"), text);
    }
    repository
}

#[test]
fn the_family_of_the_guide_does_what_it_says() {
    let repository = repository(|path| !path.contains("v3_0"));
    quoted_commands(&page(), repository.path());
}

#[test]
fn the_next_version_of_the_guide_holds_only_what_differs() {
    let repository = repository(|path| !path.contains("tests"));
    let inventory = "profiles:\n  base: {vendor: Acme, sip: {proxy: 192.0.2.10, transport: tls}}\n\
        devices:\n  - {mac: 00:1a:2b:00:00:01, model: A6, lines: [{number: '1', username: u, password: p}]}\n\
        \x20 - {mac: 00:1a:2b:00:00:02, model: A4, firmware: 3.0.1, lines: [{number: '2', username: v, password: p}],\n\
        \x20    expansion_modules: [{model: X20, keys: {20: {type: speeddial, value: '3'}}}], extra: {acme: {backlight: 5}}}\n";
    repository.write("inventory/all.yaml", inventory);
    let built = repository.provc(&["build"]).expect(0);
    assert!(!built.stderr.contains("warning"), "{}", built.stderr);
    let file = repository.read("out/acme/001a2b000001.cfg");
    assert!(file.contains("\nline.1.transport=2\n") && file.contains("\nkey.12.type=0\n"), "{file}");
    let file = repository.read("out/acme/001a2b000002.cfg");
    assert!(file.contains("\nmodule.1.key.20.value=3\n") && file.ends_with("\nbacklight=5\n"), "{file}");
    let listed = repository.provc(&["list", "--format", "json"]).expect(0).json();
    assert_eq!((&listed[0]["plugin"], &listed[1]["support"]), (&"acme-3.0".into(), &"exact".into()));
}

/// A model by one entry of an override, as the guide says.
#[test]
fn a_model_is_one_entry() {
    let repository = repository(|path| !path.contains("tests"));
    let page = page();
    let entry = page.split("# overrides/acme/plugin.yaml\n").nth(1).unwrap().split("```").next().unwrap();
    repository.write("overrides/acme/plugin.yaml", entry);
    repository.write(
        "inventory/all.yaml",
        "devices: [{mac: 00:1a:2b:00:00:01, vendor: Acme, model: a8, function_keys: {24: {type: blf, value: '1'}}}]\n",
    );
    repository.provc(&["build"]).expect(0);
    let file = repository.read("out/acme/001a2b000001.cfg");
    assert!(file.contains("\nkey.24.type=2\n") && file.contains("\nline.8.enabled=0\n"), "{file}");
    let found = repository.provc(&["identify", "--dhcp", "Acme-A8", "--format", "json"]).expect(0).json();
    assert_eq!((&found["model"], &found["support"]), (&"A8".into(), &"probable".into()));
}

#[test]
fn the_guide_names_every_name_and_filter() {
    let page = page();
    let named = |name: &str| page.contains(&format!("`{name}`")) || page.contains(&format!("`{name}("));
    let shapes = provc::render::shapes();
    let names = shapes.device.keys().copied().chain(["item", "tables"]);
    let formats = Format::ALL.map(Format::name);
    let filters =
        ["mac", "pad", "signed", "hms", "tail", "words", "without", "urlencode", "lookup", "default"];
    let missing: Vec<&str> = names.chain(formats).chain(filters).filter(|name| !named(name)).collect();
    assert!(missing.is_empty(), "docs/plugins.md does not name {missing:?}");
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/identify.md").exists());
}
