//! The Digium family: what its phones are told, read back from the files as values.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

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

#[test]
fn a_device_with_everything_reads_back_as_written() {
    let mut inventory = format!("{SETTINGS}devices:\n");
    for (at, model) in MODELS.iter().enumerate() {
        for (v, version) in model.versions.iter().enumerate() {
            let sip = if model.tls { ", sip: {transport: tls, srtp: required}" } else { "" };
            writeln!(
                inventory,
                "  - {{mac: '000fd3 0{at}0{v}01', model: {}, plugin: digium-{version}, lines: [{}]{sip}}}",
                model.name,
                lines(model.lines)
            )
            .unwrap();
        }
    }
    let repository = built(&inventory.replace("'000fd3 ", "'000fd3"));
    for (at, model) in MODELS.iter().enumerate() {
        for v in 0..model.versions.len() {
            let mac = format!("000fd30{at}0{v}01");
            let config = xml(&repository, &format!("{mac}.cfg"));
            whole_device(&config, model);
            let contacts = format!("http://192.0.2.1:8667/Digium/{mac}-contacts.xml");
            assert_eq!(config.rows("contacts", ["url", "id"]), [[&*contacts, "internal"]]);
            let contacts = xml(&repository, &format!("{mac}-contacts.xml"));
            assert_eq!(
                contacts.rows("contact", ["first_name", "last_name", "organization"]),
                [["Bob Martin", "", ""], ["Zoé", "Ünal", "R&D"]]
            );
            assert_eq!(
                contacts.rows("action", ["id", "dial", "label"]),
                [
                    ["primary", "1002", "Bureau"],
                    ["primary", "1003", "Bureau"],
                    ["mobile", "+33600000000", "Portable"]
                ]
            );
            assert!(!repository.path().join(format!("out/Digium/{mac}-smartblf.xml")).exists());
        }
    }
}

fn whole_device(config: &Element, model: &Model) {
    let settings = settings(config);
    let mut expected = BTreeMap::from([
        ("login_password", "2468"),
        ("enable_check_sync", "1"),
        ("time_zone", "America/Montreal"),
        ("time_source", "ntp"),
        ("ntp_server", "192.0.2.20"),
        ("ntp_resync", "86400"),
        ("locale", "fr_CA"),
        ("network_vlan_discovery_mode", "MANUAL"),
        ("network_vlan_id", "100"),
        ("network_vlan_qos", "5"),
        ("pc_vlan_id", "200"),
    ]);
    if model.tls {
        expected.insert("transport_tls_allowed", "1");
    }
    assert_eq!(settings, expected, "{}", model.name);

    let (transport, port) = if model.tls { ("tls", "5061") } else { ("tcp", "5060") };
    let accounts = config.all("account");
    assert_eq!(accounts.len(), model.lines);
    for (index, account) in accounts.into_iter().enumerate() {
        let n = index + 1;
        let expected: BTreeMap<String, String> = [
            ("index", format!("{index}")),
            ("status", "1".to_owned()),
            ("register", "1".to_owned()),
            ("account_id", format!("user{n}")),
            ("username", format!("user{n}")),
            ("authname", format!("auth{n}")),
            ("password", format!("p&<{n}")),
            ("line_label", format!("Label {n}")),
            ("caller_id", format!("Name {n} <100{n}>")),
            ("dial_plan", "x.T3|*x.T3|**x.T3".to_owned()),
            ("visual_voicemail", "0".to_owned()),
            ("voicemail", if n == 2 { "*982" } else { "*98" }.to_owned()),
            ("needMwiSubscription", "1".to_owned()),
            ("conflict", "replace".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        assert_eq!(account.attributes, expected, "{}", model.name);
        let host = ["server", "port", "transport", "media_encryption", "reregister"];
        let sdes = if model.tls { "sdes" } else { "" };
        assert_eq!(account.rows("host_primary", host), [["192.0.2.10", "5070", transport, sdes, "600"]]);
        assert_eq!(account.rows("host_alternate", host), [["192.0.2.11", port, transport, sdes, "600"]]);
    }

    // In the inventory's order, the one that no phone has left out, all others off.
    assert_eq!(
        config.rows("codec", ["id", "priority", "enabled"]),
        [
            ["G722", "2", "1"],
            ["PCMA", "1", "1"],
            ["G726-32", "", "0"],
            ["G729", "", "0"],
            ["L16", "", "0"],
            ["L16-256", "", "0"],
            ["PCMU", "", "0"]
        ]
    );
    let url = format!("http://192.0.2.1:8667/Digium/firmware/9_9_{}_firmware.eff", model.name);
    assert_eq!(config.rows("firmware", ["model", "version", "url"]), [[model.name, "9_9", &*url]]);
}

#[test]
fn keys_of_every_type_stand_first_and_last() {
    let mut inventory = format!("{SETTINGS}devices:\n");
    let mut expected = Vec::new();
    for (at, model) in MODELS.iter().enumerate() {
        for (v, version) in model.versions.iter().enumerate() {
            for (k, key) in KEYS.iter().enumerate() {
                for (p, place) in model.keys.iter().enumerate() {
                    let mac = format!("000fd3{at}{v}0{k}0{p}");
                    let line = lines(1);
                    writeln!(
                        inventory,
                        "  - {{mac: '{mac}', model: {}, plugin: digium-{version}, lines: [{line}], \
                         function_keys: {{{}: {{{}}}}}}}",
                        model.name, place.0, key.0
                    )
                    .unwrap();
                    expected.push((mac, key, place));
                }
            }
        }
    }
    let repository = built(&inventory);
    for (mac, (written, dial, prefix, watches), (position, location, index)) in expected {
        let config = xml(&repository, &format!("{mac}.cfg"));
        assert_eq!(settings(&config)["blf_contact_group"], "Rapid Dial");
        let sheet = format!("http://192.0.2.1:8667/Digium/{mac}-smartblf.xml");
        assert_eq!(config.only("blf_items").get("url"), sheet);

        let contacts = xml(&repository, &format!("{mac}-contacts.xml"));
        let group = contacts.all("contacts")[0];
        assert_eq!(group.get("group_name"), "Rapid Dial");
        let id = format!("key-{position}");
        let subscribe = if *watches { format!("sip:{dial}@192.0.2.10:5070") } else { String::new() };
        assert_eq!(
            group.rows("contact", ["id", "first_name", "subscribe_to"]),
            [[&*id, "K", &*subscribe]],
            "{written}"
        );
        let mut actions = vec![["primary", *dial, *prefix]];
        if written.starts_with("type: blf") {
            actions.push(["pickup", *dial, "*8"]);
        }
        assert_eq!(group.rows("action", ["id", "dial", "dial_prefix"]), actions);

        let sheet = xml(&repository, &format!("{mac}-smartblf.xml"));
        let items = sheet.all("blf_item");
        assert_eq!(items.len(), *position, "every key up to the last is written");
        let (last, blank) = items.split_last().unwrap();
        assert!(blank.iter().all(|item| item.get("blank") == "1" && item.get("location") == *location));
        assert_eq!(
            ["location", "index", "contact_id"].map(|name| last.get(name)),
            [*location, &*index.to_string(), &*id]
        );
        // An index given again is the next page: the key is on the page that its position says.
        let before = blank.iter().filter(|item| item.get("index") == last.get("index")).count();
        let per_page = if *location == "main" { 5 } else { 10 };
        assert_eq!(before, (position - 1) / per_page);
        assert_eq!(last.all("indicator").len(), if *watches { 5 } else { 0 });
    }
}

#[test]
fn keys_go_round_the_accounts_of_a_d65() {
    let inventory = format!(
        "{SETTINGS}devices:\n  - mac: 000fd3000001\n    model: D65\n    lines: {{1: {}, 3: {}}}\n    \
         function_keys: {{1: {{{key}}}, 4: {{{key}}}, 5: {{{key}}}}}\n",
        lines(1),
        lines(1).replace("100", "200"),
        key = KEYS[1].0
    );
    let repository = built(&inventory);
    let sheet = xml(&repository, "000fd3000001-smartblf.xml");
    assert_eq!(
        sheet.rows("blf_item", ["index", "contact_id"]),
        [["1", "key-1"], ["3", ""], ["4", ""], ["5", "key-4"], ["1", "key-5"]]
    );
    // The same user twice is two accounts to the phone.
    let config = xml(&repository, "000fd3000001.cfg");
    let accounts = config.rows("account", ["index", "status", "account_id", "username"]);
    assert_eq!(accounts[0], ["0", "1", "user1", "user1"]);
    assert_eq!(accounts[1], ["1", "0", "", ""]);
    assert_eq!(accounts[2], ["2", "1", "user1-2", "user1"]);
}

#[test]
fn modules_of_a_d65_have_two_pages() {
    let inventory = format!(
        "{SETTINGS}devices:\n  - mac: 000fd3000001\n    model: D65\n    plugin: digium-2.8.1\n    \
         lines: [{}]\n    expansion_modules: [{{model: EXP100, keys: {{1: {{{key}}}}}}}, \
         {{model: EXP100, keys: {{40: {{{key}}}}}}}]\n    extra: {{digium: {{expansion_enable: true}}}}\n",
        lines(1),
        key = KEYS[1].0
    );
    let repository = built(&inventory);
    let sheet = xml(&repository, "000fd3000001-smartblf.xml");
    let items = sheet.rows("blf_item", ["location", "node", "index", "contact_id"]);
    assert_eq!(items.len(), 1 + 40);
    assert_eq!(items[0], ["expansion", "0", "0", "module-1-1"]);
    assert_eq!(items[40], ["expansion", "1", "19", "module-2-40"]);
    assert_eq!(settings(&xml(&repository, "000fd3000001.cfg"))["expansion_enable"], "1");
}

#[test]
fn extra_parameters_take_the_place_of_the_plugins_own() {
    let extra = "    extra: {digium: {time_zone: Europe/Brussels, locale: nl_BE, brightness: 5, \
                 login_password: '1357', blf_contact_group: Mine, udp_ka_interval: 7}}\n";
    let inventory = format!(
        "{SETTINGS}{extra}devices:\n  - mac: 000fd3000001\n    model: D70\n    lines: [{}]\n    \
         sip: {{keepalive: 30}}\n    function_keys: {{1: {{{}}}}}\n",
        lines(1),
        KEYS[0].0
    );
    let repository = built(&inventory);
    let config = xml(&repository, "000fd3000001.cfg");
    let values = settings(&config);
    for (name, value) in [
        ("time_zone", "Europe/Brussels"),
        ("locale", "nl_BE"),
        ("brightness", "5"),
        ("login_password", "1357"),
        ("blf_contact_group", "Mine"),
        ("udp_ka_interval", "7"),
    ] {
        assert_eq!(values[name], value);
    }
    // They are written last, in the order given.
    let rows = config.rows("setting", ["id"]);
    let last =
        ["time_zone", "locale", "brightness", "login_password", "blf_contact_group", "udp_ka_interval"];
    assert_eq!(rows[rows.len() - last.len()..], last.map(|name| [name]));
    // A phone that is not in the inventory gets what everybody may know, and no password.
    let unknown = xml(&repository, "000000000000.cfg");
    let values = settings(&unknown);
    assert_eq!((values["time_zone"], values["locale"]), ("Europe/Brussels", "nl_BE"));
    assert!(!values.contains_key("login_password") && !values.contains_key("brightness"));
    assert!(unknown.all("account").is_empty() && unknown.all("firmware").is_empty());
}

#[test]
fn zones_go_by_the_names_that_the_phones_know() {
    // The first ones as Digium's documents and its FreePBX module write them; the others were renamed since.
    let zones = [
        ("America/Chicago", "America/Chicago"),
        ("America/Los_Angeles", "America/Los_Angeles"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("America/Indiana/Knox", "America/Indiana/Knox"),
        ("America/Montreal", "America/Montreal"),
        ("Asia/Kolkata", "Asia/Kolkata"),
        ("Asia/Rangoon", "Asia/Rangoon"),
        ("Atlantic/Faroe", "Atlantic/Faroe"),
        ("Europe/Kiev", "Europe/Kiev"),
        ("Pacific/Enderbury", "Pacific/Enderbury"),
        ("UTC", "UTC"),
        ("Asia/Yangon", "Asia/Rangoon"),
        ("Europe/Kyiv", "Europe/Kiev"),
        ("Pacific/Kanton", "Pacific/Enderbury"),
    ];
    let mut inventory = format!("{SETTINGS}devices:\n");
    for (at, (zone, _)) in zones.iter().enumerate() {
        let line = lines(1);
        writeln!(inventory, "  - {{mac: 000fd30000{at:02}, model: D40, timezone: {zone}, lines: [{line}]}}")
            .unwrap();
    }
    let repository = built(&inventory);
    for (at, (zone, expected)) in zones.iter().enumerate() {
        let config = xml(&repository, &format!("000fd30000{at:02}.cfg"));
        assert_eq!(settings(&config)["time_zone"], *expected, "{zone}");
    }
}

#[test]
fn firmware_chooses_the_plugin() {
    let cases = [
        ("D65", "2.8.1", "digium-2.8.1", "exact"),
        ("D65", "2.8.3", "digium-2.8.1", "complete"),
        ("D65", "2.2.1.8", "digium-2.2.1.8", "exact"),
        ("D65", "2.3.0", "digium-2.2.1.8", "complete"),
        ("D70", "1.4.0.0", "digium-1.4.0.0", "exact"),
        ("D70", "1.4.0.0.57389", "digium-1.4.0.0", "exact"),
        ("D70", "1.5.0", "digium-1.4.0.0", "complete"),
        ("D70", "3.0", "digium-2.8.1", "probable"),
        ("D70", "", "digium-2.8.1", "probable"),
        ("D65", "1.4.0.0", "digium-2.8.1", "probable"),
        ("d-70", "2.8.1", "digium-2.8.1", "exact"),
    ];
    let mut inventory = format!("{SETTINGS}devices:\n");
    for (at, (model, firmware, _, _)) in cases.iter().enumerate() {
        let stated = if firmware.is_empty() { String::new() } else { format!(", firmware: {firmware}") };
        let line = lines(1);
        writeln!(inventory, "  - {{mac: 000fd30000{at:02}, model: {model}{stated}, lines: [{line}]}}")
            .unwrap();
    }
    let repository = Repository::new(&[("inventory/all.yaml", &inventory)]);
    let list = repository.provc(&["list", "--format", "json"]).expect(0).json();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), cases.len());
    for ((model, firmware, plugin, support), device) in cases.iter().zip(list) {
        assert_eq!(
            (&device["plugin"], &device["support"]),
            (&(*plugin).into(), &(*support).into()),
            "{model} {firmware}"
        );
    }
}

#[test]
fn the_other_name_of_the_vendor_is_known_and_an_unknown_model_lists_near_ones() {
    let device = |rest: &str| {
        format!("{SETTINGS}devices:\n  - {{mac: 000fd3000001, {rest}, lines: [{}]}}\n", lines(1))
    };
    let sangoma = Repository::new(&[("inventory/all.yaml", &device("vendor: sangoma, model: D65"))]);
    sangoma.provc(&["check"]).expect(0);
    let unknown = Repository::new(&[("inventory/all.yaml", &device("model: D66"))]);
    let run = unknown.provc(&["check"]).expect(1);
    assert!(run.stderr.contains("D66") && run.stderr.contains("D65"), "{}", run.stderr);
}

#[test]
fn what_a_phone_cannot_do_is_refused() {
    let refused = |rest: &str, says: &str| {
        let inventory = format!("{SETTINGS}devices:\n  - {{mac: 000fd3000001, {rest}}}\n");
        let run = Repository::new(&[("inventory/all.yaml", &inventory)]).provc(&["check"]).expect(1);
        assert!(run.stderr.contains(says), "{rest}: {}", run.stderr);
    };
    let line = lines(1);
    let key = KEYS[1].0;
    refused(&format!("model: D40, lines: [{line}], function_keys: {{1: {{{key}}}}}"), "function_keys");
    refused(&format!("model: D50, lines: [{line}], function_keys: {{11: {{{key}}}}}"), "11");
    refused(&format!("model: D50, lines: [{line}], function_keys: {{1: {{type: dnd}}}}"), "dnd");
    refused(&format!("model: D40, lines: [{}]", lines(3)), "2");
    refused(&format!("model: D70, lines: [{line}], sip: {{transport: tls}}"), "tls");
    refused(&format!("model: D70, lines: [{line}], sip: {{srtp: required}}"), "srtp");
    refused(&format!("model: D62, lines: [{}], function_keys: {{1: {{{key}}}}}", lines(2)), "position 1");
    refused(&format!("model: D65, lines: [{}], function_keys: {{81: {{{key}}}}}", lines(2)), "position 81");
    refused(&format!("model: D65, lines: [{line}], sip: {{proxy: '[2001:db8::1]:5060'}}"), "IPv4");
}

#[test]
fn an_override_gives_a_d40_its_spare_key() {
    let inventory = format!(
        "{SETTINGS}devices:\n  - {{mac: 000fd3000001, model: D40, lines: [{}], function_keys: {{1: {{{}}}}}}}\n",
        lines(1),
        KEYS[1].0
    );
    let repository = Repository::new(&[
        ("inventory/all.yaml", &inventory),
        (
            "overrides/digium/plugin.yaml",
            "models: {D40: {function_keys: ~, key_slots: [{kind: main, count: 1}], vars: {line_keys: 2}}}\n",
        ),
    ]);
    repository.provc(&["build"]).expect(0);
    let sheet = xml(&repository, "000fd3000001-smartblf.xml");
    assert_eq!(sheet.rows("blf_item", ["location", "index"]), [["main", "1"]]);
}

#[test]
fn the_example_inventory_builds_without_a_word() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventory");
    let repository = Repository::copy_of(&example);
    let run = repository.provc(&["--inventory", ".", "build"]).expect(0);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    let files = repository.files("out/Digium");
    assert!(files.contains(&"000000000000.cfg".into()), "{files:?}");
    for file in files {
        Element::parse(&repository.read(&format!("out/Digium/{}", file.display())));
    }
}
