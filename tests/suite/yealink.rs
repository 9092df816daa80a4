//! The Yealink family: what its phones are told, read back from the files as names and values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use provc::plugin::{PluginSet, key_slots};

use crate::support::Repository;

const SETTINGS: &str = r##"
site: {http_url: "http://192.0.2.1"}
profiles:
  base:
    vendor: Yealink
    locale: fr_FR
    timezone: Europe/Paris
    sip: {proxy: 192.0.2.10, codecs: [pcma]}
    network: {vlan: {id: 5}, syslog: {server: 192.0.2.21}}
    admin: {username: boss, password: secret-admin}
    http: {username: prov, password: secret-http}
    feature_codes: {pickup: "*8", park: "700", voicemail: "*98", group_pickup: "*7", record: "*3"}
lines:
  alice: {number: "1001", password: secret-line}
devices:
"##;

/// Parameters that a file may name more than once: each line is a further user, or a further certificate.
const REPEATED: &[&str] = &["security.user_password", "trusted_certificates.url"];

/// A file as values by name; fails where a name is there twice.
fn values(text: &str) -> BTreeMap<&str, &str> {
    let mut values = BTreeMap::new();
    assert_eq!(text.lines().next(), Some("#!version:1.0.0.1"));
    for line in text.lines().skip(1) {
        let (name, value) = line.split_once(" = ").unwrap_or_else(|| panic!("{line:?} is no parameter"));
        let before = values.insert(name, value);
        let again = REPEATED.iter().any(|repeated| name.ends_with(repeated));
        assert!(before.is_none() || again, "{name} is there twice");
    }
    values
}

fn plugins() -> PluginSet {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins");
    let (mut sources, mut out) = <_>::default();
    PluginSet::load(&[directory], None, &mut sources, &mut out)
}

/// All devices built in one repository; the files by device, and what was said.
fn built(devices: &str) -> (Repository, String) {
    let repository = Repository::new(&[("inventory/all.yaml", &format!("{SETTINGS}{devices}"))]);
    let said = repository.provc(&["build"]).expect(0).stderr;
    (repository, said)
}

#[test]
fn every_model_names_all_its_accounts_and_keys_once() {
    let set = plugins();
    let family: Vec<_> = set.iter().filter(|plugin| plugin.family == "yealink").collect();
    let models = || family.iter().flat_map(|plugin| plugin.manifest.models.iter().map(move |m| (plugin, m)));
    let mut devices = String::new();
    for (at, (plugin, model)) in models().enumerate() {
        let (id, name) = (plugin.id(), &model.name);
        writeln!(devices, "  - {{mac: 00156500{at:04x}, model: {name}, plugin: {id}, lines: [alice]}}")
            .unwrap();
    }
    let (repository, _) = built(&devices);
    for (at, (plugin, model)) in models().enumerate() {
        let text = repository.read(&format!("out/00156500{at:04x}.cfg"));
        let values = values(&text);
        let context = format!("{} {}", plugin.id(), model.name);
        for account in 1..=model.lines {
            let enabled = if account == 1 { "1" } else { "0" };
            assert_eq!(values.get(&*format!("account.{account}.enable")), Some(&enabled), "{context}");
        }
        assert!(!text.contains(&format!("account.{}.", model.lines + 1)), "{context}");
        let named: BTreeSet<String> =
            key_slots(model, &[]).into_iter().filter_map(|slot| Some(slot.name? + ".type")).collect();
        let keys = ["linekey.", "memorykey.", "expansion_module."];
        let written = values
            .keys()
            .filter(|name| keys.iter().any(|key| name.starts_with(key)) && name.ends_with(".type"));
        assert_eq!(written.map(ToString::to_string).collect::<BTreeSet<_>>(), named, "{context}");
        // The first line key shows the line, and nothing else is on any key.
        for name in &named {
            let expected = if name == "linekey.1.type" { "15" } else { "0" };
            assert_eq!(values[&**name], expected, "{context} {name}");
        }
    }
}

#[test]
fn a_new_model_is_one_entry() {
    let model = r#"
models:
  T99X: {lines: 2, key_slots: [{kind: linekey, count: 3, name: "linekey.{n}", lines: true}], vars: {code: 999}}
"#;
    let inventory = format!("{SETTINGS}  - {{mac: 001565000001, model: T99X, lines: [alice]}}\n");
    let repository =
        Repository::new(&[("inventory/all.yaml", &inventory), ("overrides/yealink/plugin.yaml", model)]);
    repository.provc(&["build"]).expect(0);
    let text = repository.read("out/001565000001.cfg");
    let values = values(&text);
    let expected = [
        ("account.1.user_name", "1001"),
        ("account.2.enable", "0"),
        ("linekey.1.type", "15"),
        ("linekey.3.type", "0"),
    ];
    for (name, value) in expected {
        assert_eq!(values.get(name), Some(&value), "{name}");
    }
    assert!(repository.read("out/y000000000999.cfg").contains("local_time.time_zone = +1\n"));
}

#[test]
fn the_file_of_a_model_is_one_for_all_firmware_and_tells_no_secret() {
    let (repository, said) = built(
        "  - {mac: 001565000001, model: T46G, firmware: 28.80.0.95, lines: [alice]}\n  \
         - {mac: 001565000002, model: T46G, firmware: 28.81.0.110, lines: [alice]}\n  \
         - {mac: 001565000003, model: T46G, firmware: 28.83.0.120, lines: [alice]}\n",
    );
    // A file that two versions want differently would be told.
    assert!(!said.contains("warning"), "{said}");
    let text = repository.read("out/y000000000028.cfg");
    let values = values(&text);
    assert_eq!(values["network.vlan.internet_port_vid"], values["static.network.vlan.internet_port_vid"]);
    assert!(!text.contains("account.") && !text.contains("secret") && !text.contains("00156500"), "{text}");
}

#[test]
fn an_extra_parameter_takes_the_place_of_the_plugins_own() {
    let (repository, _) = built(
        "  - mac: 001565000001\n    model: T31P\n    lines: [alice]\n    extra:\n      yealink:\n        \
         linekey.2.type: 27\n        linekey.2.value: http://192.0.2.1/menu.xml\n        \
         account.1.dtmf.type: 3\n        account.2.label: Spare\n        local_time.time_zone: -3:30\n        \
         static.network.lldp.enable: true\n",
    );
    let text = repository.read("out/001565000001.cfg");
    let values = values(&text);
    for (name, value) in [
        ("linekey.2.type", "27"),
        ("linekey.2.value", "http://192.0.2.1/menu.xml"),
        ("linekey.2.label", "%NULL%"),
        ("account.1.dtmf.type", "3"),
        ("account.2.label", "Spare"),
        ("local_time.time_zone", "-3:30"),
        ("static.network.lldp.enable", "1"),
    ] {
        assert_eq!(values.get(name), Some(&value), "{name}");
    }
}

#[test]
fn what_the_phones_cannot_do_is_refused() {
    for (device, said) in [
        ("model: T31P, lines: [{number: \"1\", sip: {register: false}}]", "register every account"),
        ("model: W60B, lines: [alice], handsets: [{ipui: \"01\", lines: [1]}]", "take `ipui` from handset 1"),
        ("model: W80DM, lines: [alice, alice], handsets: [{ipui: \"01\", lines: [1, 2]}]", "has one line"),
        ("model: W60B, admin: {pin: \"123456\"}", "four digits"),
        ("model: T31P, timezone: Pacific/Chatham", "full hours"),
        ("model: T31P, admin: {username: \"a:b\"}", "colon"),
        ("model: T31P, network: {dot1x: {mode: tls}}", "802.1X by `tls`"),
        ("model: T31P, clock: {date_format: yyyy.dd.mm}", "show no date"),
        ("model: T20P, function_keys: {2: {type: directory}}", "cannot be a `directory`"),
        (
            "model: T20P, sip: {outbound_proxy: 192.0.2.1}, network: {syslog: {server: \"192.0.2.1:99\"}}",
            "port 514",
        ),
        // The 21st key of this module turns the page.
        ("model: T27G, expansion_modules: [{keys: {21: {type: dnd}}}]", "key 21 of expansion module 1"),
    ] {
        let inventory = format!("{SETTINGS}  - {{mac: 001565000001, {device}}}\n");
        let repository = Repository::new(&[("inventory/all.yaml", &inventory)]);
        let output = repository.provc(&["build"]).expect(1);
        assert!(output.stderr.contains(said), "{device}: {}", output.stderr);
    }
}

#[test]
fn a_multi_cell_base_shares_server_templates() {
    let lines: String = (1..=12)
        .map(|n| format!("{{number: \"{n}\", sip: {{proxy: 192.0.2.{}}}}}, ", if n % 3 == 0 { 2 } else { 1 }))
        .collect();
    let (repository, _) = built(&format!("  - {{mac: 001565000001, model: W80DM, lines: [{lines}]}}\n"));
    let text = repository.read("out/001565000001.cfg");
    let values = values(&text);
    assert_eq!(values["template.1.sip_server.1.address"], "192.0.2.1");
    assert_eq!(values["template.2.sip_server.1.address"], "192.0.2.2");
    assert!(!text.contains("template.3."));
    for n in 1..=12 {
        let template = if n % 3 == 0 { "2" } else { "1" };
        assert_eq!(values[&*format!("account.{n}.sip_server.template")], template);
    }
}
