//! The contract of the context: what templates see is what [`super::shapes`] says they see, no more and no
//! less, whatever a device has set, and in one order.

use std::collections::BTreeMap;
use std::path::Path;

use tera::{Context, Value};

use super::cache::Cache;
use super::context::Maker;
use super::{Options, shapes};
use crate::diagnostic::{Diagnostics, SourceMap};
use crate::inventory::{Inventory, Resolver, Secrets, load};
use crate::plugin::associate::Query;
use crate::plugin::names::Shape;
use crate::plugin::{Choice, PluginSet};

/// Everything that an inventory can say.
const RICH: &str = r#"
site: {name: lab, http_url: "https://10.0.0.1/x", tftp_host: 10.0.0.1}
profiles:
  base:
    vendor: Acme
    locale: fr_FR
    timezone: Europe/Paris
    sip: {proxy: "a:1", backup_proxy: b, outbound_proxy: c, transport: udp, dtmf_mode: rtp, srtp: disabled,
      subscribe_mwi: true, domain: d, realm: r, codecs: [g722], register_expires: 1, register: true, keepalive: 3,
      stun: "s:1"}
    sccp: {call_managers: [m]}
    network: {dns: 10.0.0.9, ntp: n, lldp: true, address: {ip: 10.0.0.50, netmask: 255.255.255.0, gateway: 10.0.0.1},
      wifi: {ssid: s, psk: p}, dot1x: {mode: md5, identity: i, password: p}, vlan: {id: 1, priority: 2, pc_port_id: 3},
      syslog: {server: "l:1", level: info}}
    tls: {trusted_certificates: [ca.pem], certificate: ca.pem, key: {file: ca.pem}}
    http: {username: u, password: p}
    clock: {time_format: 24h, date_format: dd.mm.yyyy}
    admin: {username: u, password: p, pin: "1"}
    user: {username: u, password: p}
    feature_codes: {voicemail: "1", pickup: "2"}
    remote_phonebook: {url: "https://x/{family}", name: Company}
    vars: {zebra: 1, apple: {y: 1, b: [2]}}
    extra: {acme: {z: 1, a: 2}}
    upgrade_to: 2.1.7
    contacts: [all]
lines:
  alice: {number: "1", username: u, password: p, vars: {a: 1}}
contacts: {all: [{name: A, number: "1", email: e}, {first_name: F, organization: O, numbers: {home: "2"}}]}
devices:
  - mac: 001122000001
    name: n
    model: A10
    plugin: acme-2.0
    firmware: 2.0
    ip: 10.0.0.5
    lines: [alice]
    function_keys: {3: {type: blf, value: "1", label: l, line: 1}}
    expansion_modules: [{model: S2, keys: {1: {type: blf, value: "2"}}}]
  - {mac: 001122000002, model: G2, plugin: acme-2.0, lines: [alice], ports: {1: {line: 1, fax: t38, vars: {a: 1}}}}
  - {mac: 001122000003, model: D1, plugin: acme-9.0, lines: [alice], handsets: [{ipui: "1", name: h, lines: [1], vars: {a: 1}}]}
"#;

/// As little as a phone can have.
const POOR: &str = "devices: [{mac: 001122000001, vendor: acme, model: A0, plugin: acme-2.1, lines: [{number: 1}]}, \
    {id: soft, vendor: acme, model: A10, plugin: acme-2.0}]";

const PEM: &str = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";

struct Contexts {
    devices: Vec<Context>,
    model: Context,
    common: Context,
}

fn contexts(inventory: &str) -> Contexts {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.yaml"), inventory).unwrap();
    std::fs::write(directory.path().join("ca.pem"), PEM).unwrap();
    let (mut sources, mut out) = (SourceMap::default(), Diagnostics::default());
    let inventory: Inventory = load(&[directory.path().to_path_buf()], &mut sources, &mut out);
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugins");
    let plugins = PluginSet::load(&[plugins], None, &mut sources, &mut out);
    let (secrets, options) = (Secrets::new(directory.path()), Options::default());
    let resolver = Resolver::new(&inventory, &secrets);
    let mut cache = Cache::default();
    let mut choices: Vec<Choice> = Vec::new();
    let mut devices = Vec::new();
    for entry in &inventory.devices {
        let device = resolver.device(entry, &mut out);
        let choice = plugins
            .associate(&Query::from(&device.identity()))
            .unwrap_or_else(|error| panic!("{}", error.diagnostic().message));
        let plugin = &choice.plugin;
        let mut maker =
            Maker { secrets: &secrets, options: &options, plugin, cache: &mut cache, out: &mut out };
        devices.push(maker.device(&device, &choice));
        choices.push(choice);
    }
    let (settings, sip, site) = resolver.base();
    let plugin = &choices[0].plugin;
    let mut maker = Maker { secrets: &secrets, options: &options, plugin, cache: &mut cache, out: &mut out };
    let model = maker.shared((&settings, &sip, &site), Some(choices[0].model()));
    let common = maker.shared((&settings, &sip, &site), None);
    let said: Vec<String> = out.into_sorted(&sources).into_iter().map(|d| d.message).collect();
    assert_eq!(said, Vec::<String>::new());
    Contexts { devices, model, common }
}

/// What differs between a value and the shape that templates are checked against.
fn differences(path: &str, value: &Value, shape: &Shape, found: &mut Vec<String>) {
    if value.is_none() || *shape == Shape::Free {
        return;
    }
    match (shape, value.as_map(), value.as_array()) {
        (Shape::Map(fields), Some(map), _) => {
            let names: Vec<&str> = map.keys().filter_map(|key| key.as_str()).collect();
            if !names.is_sorted() || names.len() != map.len() {
                found.push(format!("{path}: not sorted: {names:?}"));
            }
            if names != fields.keys().map(String::as_str).collect::<Vec<_>>() {
                found.push(format!("{path}: {names:?} is not {:?}", fields.keys().collect::<Vec<_>>()));
            }
            for (key, value) in map {
                let name = key.as_str().unwrap();
                if let Some(shape) = fields.get(name) {
                    differences(&format!("{path}.{name}"), value, shape, found);
                }
            }
        }
        (Shape::List(element), _, Some(list)) => {
            list.iter().for_each(|value| differences(&format!("{path}[]"), value, element, found));
        }
        (Shape::Leaf, None, None) => {}
        _ => found.push(format!("{path}: {value:?} is not a {shape:?}")),
    }
}

/// Holds a context against the names of its audience. `tables` is there as the plugin has it; `serial` comes
/// with the files that ask for it.
fn held(context: &Context, roots: &BTreeMap<&'static str, Shape>) {
    let mut rest = context.clone();
    assert!(rest.remove("tables").is_some());
    let mut found = Vec::new();
    for (name, shape) in roots.iter().filter(|(name, _)| **name != "serial") {
        match rest.remove(name) {
            Some(value) => differences(name, &value, shape, &mut found),
            None => found.push(format!("{name} is not there")),
        }
    }
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(rest, Context::new(), "no template may name these");
}

#[test]
fn a_context_and_its_shape_are_equal_both_ways() {
    let shapes = shapes();
    for contexts in [contexts(RICH), contexts(POOR)] {
        contexts.devices.iter().for_each(|context| held(context, &shapes.device));
        held(&contexts.model, &shapes.model);
        held(&contexts.common, &shapes.common);
    }
}

/// Which paths of the shape no device of the rich inventory sets: a field that nothing fills would pass the
/// test above as null for ever.
#[test]
fn every_field_is_filled_by_some_device() {
    fn filled(path: &str, value: &Value, seen: &mut BTreeMap<String, bool>) {
        *seen.entry(path.to_owned()).or_default() |= !value.is_none();
        for (key, value) in value.as_map().into_iter().flatten() {
            filled(&format!("{path}.{}", key.as_str().unwrap()), value, seen);
        }
        value.as_array().into_iter().flatten().for_each(|value| filled(path, value, seen));
    }
    let mut seen = BTreeMap::new();
    let rich = contexts(RICH);
    for context in &rich.devices {
        for name in shapes().device.keys().filter(|name| **name != "serial") {
            filled(name, context.get(name).unwrap(), &mut seen);
        }
    }
    let never: Vec<&str> = seen.iter().filter(|(_, set)| !**set).map(|(path, _)| path.as_str()).collect();
    let others = |path: &&str| !path.starts_with("feature_codes.") && !path.ends_with(".port");
    // On a slot that has a key, no line shows.
    assert_eq!(
        never.into_iter().filter(others).collect::<Vec<_>>(),
        ["contacts.last_name", "set_slots.line"]
    );
}

fn json(context: &Context, path: &str) -> serde_json::Value {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = context.get(first).unwrap_or_else(|| panic!("no {first}"));
    let value = match rest {
        None => value,
        Some(rest) => value.get_from_path(rest).unwrap_or_else(|| panic!("no {path}")),
    };
    serde_json::to_value(value).unwrap()
}

#[test]
fn what_the_contract_names_is_there_and_null_when_not_set() {
    let poor = contexts(POOR);
    let [phone, soft] = &poor.devices[..] else { panic!() };
    for name in [
        "locale",
        "language",
        "timezone",
        "tones",
        "remote_phonebook",
        "firmware_target",
        "site.http",
        "site.http_url",
        "device.name",
        "device.firmware",
        "device.ip",
        "sip.proxy",
        "network.vlan",
        "admin.pin",
        "user.password",
        "feature_codes.pickup",
        "tls.key",
        "http.username",
        "clock.time_format",
        "sccp.call_managers",
    ] {
        assert_eq!(json(phone, name), serde_json::Value::Null, "{name}");
    }
    for name in ["handsets", "ports", "contacts", "set_slots", "function_keys", "extra"] {
        assert_eq!(json(phone, name), serde_json::json!([]), "{name}");
    }
    assert_eq!(json(soft, "device.mac"), serde_json::Value::Null);
    assert_eq!(json(soft, "device.id"), "soft");
    assert_eq!(
        json(soft, "line_slots"),
        serde_json::json!([{"line": null, "position": 1}, {"line": null, "position": 2}])
    );
    assert_eq!(json(soft, "key_slots").as_array().unwrap().len(), 15);
    assert_eq!(
        json(soft, "key_slots")[7],
        serde_json::json!({"key": null, "kind": "module", "last_on_page": false, "line": null, "module": 1, "n": 1,
            "n_on_page": 1, "name": "mod0.0", "page": 1, "position": 1})
    );
}

#[test]
fn values_stand_as_the_contract_says() {
    let rich = contexts(RICH);
    let phone = &rich.devices[0];
    let is = |path: &str, value: serde_json::Value| assert_eq!(json(phone, path), value, "{path}");
    is("site.http", serde_json::json!({"host": "10.0.0.1", "path": "/x", "port": 443, "scheme": "https"}));
    is("language", "fr".into());
    is("tones", "FR".into());
    is("sip.proxy", serde_json::json!({"host": "a", "port": 1}));
    is("sip.registrar", serde_json::json!({"host": "a", "port": 1}));
    is("sip.backup_registrar", serde_json::json!({"host": "b", "port": null}));
    is("network.dns", serde_json::json!(["10.0.0.9"]));
    is("remote_phonebook.url", "https://x/acme".into());
    is("firmware_target", serde_json::json!({"url": "https://10.0.0.1/x/acme/firmware", "version": "2.1.7"}));
    is("tls.key.der_base64", "QUJD".into());
    is("tls.trusted_certificates", serde_json::json!([{"der_base64": "QUJD", "pem": PEM.trim_end()}]));
    is("extra", serde_json::json!([{"name": "z", "value": 1}, {"name": "a", "value": 2}]));
    is("device.vendor", "Acme".into());
    is("timezone.dst.start", serde_json::json!({"month": 3, "time": 7200, "week": 5, "weekday": 0}));
    is(
        "function_keys",
        serde_json::json!([
            {"label": "l", "line": 1, "module": null, "position": 3, "type": "blf", "value": "1"},
            {"label": null, "line": null, "module": 1, "position": 1, "type": "blf", "value": "2"}
        ]),
    );
    is(
        "contacts",
        serde_json::json!([
            {"email": "e", "first_name": null, "last_name": null, "name": "A", "organization": null,
                "numbers": [{"kind": "work", "number": "1"}]},
            {"email": null, "first_name": "F", "last_name": null, "name": "F", "organization": "O",
                "numbers": [{"kind": "home", "number": "2"}]}
        ]),
    );
    // Sorted, however deep, whoever wrote them.
    let vars = serde_json::to_string(phone.get("vars").unwrap()).unwrap();
    assert_eq!(
        vars,
        r#"{"apple":{"b":[2],"y":1},"codes":"plain","fleet":"acme","generation":2.0,"layer":"common","ring":3,"zebra":1}"#
    );
}

/// A firmware is looked up as a version, however it is spelled, and told as the package spells it.
#[test]
fn firmware_to_load_is_compared_as_a_version() {
    for said in ["2_1_7", "v2.1.7", "2.1.7.0"] {
        let found = contexts(&RICH.replace("upgrade_to: 2.1.7", &format!("upgrade_to: {said}")));
        let expected = serde_json::json!({"url": "https://10.0.0.1/x/acme/firmware", "version": "2.1.7"});
        assert_eq!(json(&found.devices[0], "firmware_target"), expected, "{said}");
    }
    let other = contexts(&RICH.replace("upgrade_to: 2.1.7", "upgrade_to: 2.1.70"));
    let expected = serde_json::json!({"url": null, "version": "2.1.70"});
    assert_eq!(json(&other.devices[0], "firmware_target"), expected);
}

#[test]
fn the_order_of_what_is_written_changes_nothing() {
    let turned = |text: &str| {
        // Sections, and the settings of base, the other way round.
        let node: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
        fn turn(value: serde_yaml::Value, path: &str) -> serde_yaml::Value {
            match value {
                // `extra` is written in the order given.
                serde_yaml::Value::Mapping(map) if !path.ends_with(".extra.acme") => {
                    let entries: Vec<_> = map.into_iter().collect();
                    let turned = entries.into_iter().rev().map(|(key, value)| {
                        let path = format!("{path}.{}", key.as_str().unwrap_or_default());
                        (key, turn(value, &path))
                    });
                    serde_yaml::Value::Mapping(turned.collect())
                }
                other => other,
            }
        }
        serde_yaml::to_string(&turn(node, "")).unwrap()
    };
    let straight = contexts(RICH).devices;
    let other = contexts(&turned(
        &RICH
            .replace("001122000001", "'001122000001'")
            .replace("001122000002", "'001122000002'")
            .replace("001122000003", "'001122000003'"),
    ))
    .devices;
    assert_eq!(format!("{straight:?}"), format!("{other:?}"));
}
