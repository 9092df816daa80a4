//! What a phone is told, but for its keys.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::{KEYS, MODELS, Model, SETTINGS, built, lines, settings, xml};
use crate::support::Repository;
use crate::xml::Element;

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
