//! The Digium family: what its phones are told, read back from the files as values.

mod choice;
mod files;
mod keys;

use std::collections::BTreeMap;

use crate::support::Repository;
use crate::xml::Element;

/// A model, its accounts, the firmware it has a plugin for, and where its first and last key are with one
/// account: position, panel, index.
struct Model {
    name: &'static str,
    lines: usize,
    versions: &'static [&'static str],
    keys: &'static [(usize, &'static str, usize)],
    tls: bool,
}

const ALL: &[&str] = &["1.4.0.0", "2.2.1.8", "2.8.1"];
const LATER: &[&str] = &["2.2.1.8", "2.8.1"];

const MODELS: &[Model] = &[
    Model { name: "D40", lines: 2, versions: ALL, keys: &[], tls: false },
    Model { name: "D45", lines: 2, versions: LATER, keys: &[(1, "main", 1)], tls: false },
    Model { name: "D50", lines: 4, versions: ALL, keys: &[(1, "side", 0), (10, "side", 9)], tls: false },
    Model { name: "D60", lines: 4, versions: LATER, keys: &[(1, "main", 1)], tls: true },
    Model { name: "D62", lines: 2, versions: LATER, keys: &[(1, "main", 1)], tls: true },
    // Five keys beside one account, twenty screens of them.
    Model { name: "D65", lines: 6, versions: LATER, keys: &[(1, "main", 1), (100, "main", 5)], tls: true },
    Model { name: "D70", lines: 6, versions: ALL, keys: &[(1, "side", 0), (100, "side", 9)], tls: false },
];

/// A key type as an inventory has it, what it dials after which code, and whether its lamp watches.
const KEYS: &[(&str, &str, &str, bool)] = &[
    (r#"type: speeddial, value: "+33100000001", label: K"#, "+33100000001", "", false),
    (r#"type: blf, value: "1009", label: K"#, "1009", "", true),
    (r#"type: park, value: "701", label: K"#, "701", "", true),
    (r#"type: intercom, value: "1009", label: K"#, "1009", "*80", false),
    (r#"type: pickup, value: "1009", label: K"#, "1009", "*8", false),
    (r#"type: group_pickup, label: K"#, "*7", "", false),
    (r#"type: voicemail, label: K"#, "*98", "", false),
];

const SETTINGS: &str = r#"
site: {http_url: "http://192.0.2.1:8667"}
contacts:
  company:
    - {name: Bob Martin, number: "1002"}
    - {first_name: Zoé, last_name: Ünal, organization: R&D, numbers: {work: "1003", mobile: "+33600000000"}}
profiles:
  base:
    vendor: Digium
    locale: fr_CA
    timezone: America/Montreal
    upgrade_to: 9.9
    sip:
      proxy: 192.0.2.10:5070
      backup_proxy: 192.0.2.11
      transport: tcp
      subscribe_mwi: true
      register_expires: 600
      codecs: [opus, g722, pcma]
    network:
      ntp: [192.0.2.20, 192.0.2.21]
      vlan: {id: 100, priority: 5, pc_port_id: 200}
    admin: {username: admin, password: adminpw, pin: "2468"}
    feature_codes: {voicemail: "*98", pickup: "*8", group_pickup: "*7", park: "700", intercom: "*80"}
    contacts: [company]
"#;

fn lines(count: usize) -> String {
    let line = |n| {
        format!(
            "{{number: \"100{n}\", username: user{n}, auth_username: auth{n}, password: 'p&<{n}', \
             display_name: \"Name {n}\", label: \"Label {n}\"{}}}",
            if n == 2 { ", voicemail: \"*982\"" } else { "" }
        )
    };
    (1..=count).map(line).collect::<Vec<_>>().join(", ")
}

/// A repository that was built without a word of complaint.
fn built(inventory: &str) -> Repository {
    let repository = Repository::new(&[("inventory/all.yaml", inventory)]);
    let run = repository.provc(&["build"]).expect(0);
    assert!(!run.stderr.contains("error") && !run.stderr.contains("warning"), "{}", run.stderr);
    repository
}

fn xml(repository: &Repository, file: &str) -> Element {
    Element::parse(&repository.read(&format!("out/Digium/{file}")))
}

/// The settings of a file by their ids; an id that stands there twice fails.
fn settings(config: &Element) -> BTreeMap<&str, &str> {
    let rows = config.rows("setting", ["id", "value"]);
    let settings: BTreeMap<&str, &str> = rows.iter().map(|[id, value]| (*id, *value)).collect();
    assert_eq!(settings.len(), rows.len(), "a setting stands twice: {rows:?}");
    settings
}
