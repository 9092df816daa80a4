//! What an inventory means: merging, defaults and references as INVENTORY.md has them, seen through
//! `provc show`.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Repository, command, run};

/// What `show` says of a device.
fn show(repository: &Repository, device: &str) -> Value {
    let output = repository.provc(&["show", device, "--format", "json"]).expect(0);
    assert_eq!(output.stderr, "", "{device}");
    output.json()
}

/// A device of an inventory that needs no more than one file.
fn one(inventory: &str) -> Value {
    show(&Repository::new(&[("inventory/a.yaml", inventory)]), "001122000001")
}

/// Holds values against what is shown, by dotted path; `null` means that nothing is there.
#[track_caller]
fn has(shown: &Value, expected: &[(&str, Value)]) {
    for (path, value) in expected {
        let pointer = format!("/{}", path.replace('.', "/"));
        assert_eq!(shown.pointer(&pointer).unwrap_or(&Value::Null), value, "{path}");
    }
}

const PHONE: &str = "mac: 001122000001, vendor: Digium, model: D65";

#[test]
fn the_example_of_the_contract_means_what_it_says() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/resolve/example");
    let repository = Repository::copy_of(&fixture);
    let shown = show(&repository, "reception-1");
    has(
        &shown,
        &[
            ("id", json!("00:1a:2b:3c:4d:e0")),
            ("chosen_plugin", json!("digium-2.8.1")),
            ("support", json!("exact")),
            ("name", json!("reception-1")),
            ("vendor", json!("Digium")),
            ("model", json!("D65")),
            ("firmware", json!("2.8.1")),
            ("protocol", json!("sip")),
            ("ip", json!("10.0.0.50")),
            ("tags", json!(["reception", "floor-2"])),
            ("locale", json!("fr_FR")),
            ("timezone", json!("America/Montreal")),
            ("tones", json!("FR")),
            ("upgrade_to", json!("108.86.0.90")),
            ("contacts", json!(["company"])),
            ("site", json!({"name": "paris", "http_url": "http://10.0.0.1:8667", "tftp_host": "10.0.0.1"})),
            (
                "sip",
                json!({
                    "proxy": "10.0.0.1:5060", "backup_proxy": "10.0.0.2", "registrar": "10.0.0.1",
                    "backup_registrar": "10.0.0.2", "outbound_proxy": "10.0.0.11:5070", "transport": "tls",
                    "dtmf_mode": "rtp", "srtp": "disabled", "subscribe_mwi": true, "domain": "pbx.example",
                    "realm": "pbx.example", "codecs": ["g722", "pcma", "pcmu", "opus"],
                    "register_expires": 3600, "register": true, "keepalive": 30, "stun": "stun.example:3478"
                }),
            ),
            (
                "network",
                json!({
                    "dns": ["10.0.0.9"], "ntp": ["10.0.0.8"], "lldp": true,
                    "address": {"ip": "10.0.0.50", "netmask": "255.255.255.0", "gateway": "10.0.0.1"},
                    "wifi": {"ssid": "office", "psk": "********"},
                    "dot1x": {"mode": "md5", "identity": "phone", "password": "********"},
                    "vlan": {"id": 100, "priority": 5, "pc_port_id": 200},
                    "syslog": {"server": "10.0.0.7:514", "level": "warning"}
                }),
            ),
            ("http", json!({"username": "prov", "password": "********"})),
            ("clock", json!({"time_format": "24h", "date_format": "dd.mm.yyyy"})),
            ("admin", json!({"username": "admin", "password": "********", "pin": "********"})),
            ("user", json!({"username": "user", "password": "********"})),
            ("feature_codes.voicemail", json!("*98")),
            ("feature_codes.dnd_off", json!("*26")),
            ("feature_codes.park", json!("700")),
            ("remote_phonebook", json!({"url": "https://pbx.example/phonebook", "name": "Company"})),
            ("vars", json!({"anything": "free values for a plugin's templates, under vars"})),
            ("extra", json!({"yealink": {"phone_setting.backlight_time": 60}})),
            ("lines.1.name", json!("alice")),
            ("lines.1.number", json!("1001")),
            ("lines.1.username", json!("user1")),
            ("lines.1.auth_username", json!("auth1")),
            ("lines.1.password", json!("********")),
            ("lines.1.display_name", json!("Alice")),
            ("lines.1.label", json!("Alice 1001")),
            ("lines.1.voicemail", json!("*981")),
            ("lines.1.sip.dtmf_mode", json!("info")),
            ("lines.1.sip.transport", json!("tls")),
            ("lines.1.sip.proxy", json!("10.0.0.1:5060")),
            ("lines.2.voicemail", json!("*98")),
            ("lines.2.sip.dtmf_mode", json!("rtp")),
            // The layout over the profile, field by field; the device over both.
            (
                "function_keys",
                json!({
                    "1": {"type": "speeddial", "value": "2001", "label": "Taxi", "line": 1},
                    "2": {"type": "blf", "value": "2002", "label": "Bob", "line": 2},
                    "3": {"type": "park", "value": "700", "label": "Park"},
                    "4": {"type": "blf", "value": "2005", "label": "Five"}
                }),
            ),
            (
                "expansion_modules",
                json!([{"model": "EXP50", "keys": {"1": {"type": "speeddial", "value": "2101"}}}]),
            ),
            ("handsets", json!([{"ipui": "0123456789", "name": "Shop", "lines": [1]}])),
            ("ports", json!({"1": {"line": 1, "fax": "t38"}})),
        ],
    );
    for gone in ["profiles", "extends", "key_layout", "server", "floating_keys"] {
        assert_eq!(shown.get(gone), None, "{gone}");
    }
    // Every value is found where it was written.
    let origins = repository.provc(&["show", "reception-1", "--origin", "--format", "json"]).expect(0).json();
    let example = repository.read("inventory/example.yaml");
    for row in origins.as_array().unwrap() {
        let line = row["line"].as_u64().unwrap() as usize;
        let text = match row["file"].as_str().unwrap() {
            "inventory/example.yaml" => example.lines().nth(line - 1).unwrap().to_owned(),
            other => repository.read(other).lines().nth(line - 1).unwrap().to_owned(),
        };
        let value = match &row["value"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let derived = ["id", "tones"].contains(&row["path"].as_str().unwrap());
        let fetched = value.starts_with('{') || value == "********";
        assert!(derived || fetched || text.contains(&value), "{row} is not in {text}");
    }
}

#[test]
fn layers_are_applied_base_first_parents_before_children_each_once() {
    let shown = one(&format!(
        "profiles:\n  \
           base: {{extends: ground, vars: {{a: base, b: base, c: base, d: base, g: base}}}}\n  \
           ground: {{vars: {{a: ground, g: ground, h: ground}}}}\n  \
           parent: {{vars: {{b: parent, c: parent, d: parent, e: parent, n: 1}}}}\n  \
           left: {{extends: [parent], vars: {{c: left, e: left}}}}\n  \
           right: {{extends: [parent, ground], vars: {{d: right, h: right}}}}\n\
         devices: [{{{PHONE}, profiles: [left, right], vars: {{e: device}}}}]"
    ));
    // `parent` counts at its first place, before `left`: what `left` changes stays changed.
    let vars = json!({"a": "base", "b": "parent", "c": "left", "d": "right", "e": "device", "g": "base", "h": "right", "n": 1});
    has(&shown, &[("vars", vars)]);
}

#[test]
fn later_profiles_win_and_the_layout_stands_between_them_and_the_device() {
    let shown = one(&format!(
        "profiles:\n  \
           one: {{key_layout: first, locale: fr_FR, function_keys: {{1: {{type: blf, value: 1}}, 9: {{type: blf, value: 9}}}}}}\n  \
           two: {{key_layout: second, locale: en_US}}\n\
         function_keys:\n  first: {{1: {{label: First}}}}\n  second: {{1: {{label: Second, line: 1}}, 2: {{type: park, value: 7}}}}\n\
         devices: [{{{PHONE}, profiles: [one, two], lines: [{{number: 1}}], function_keys: {{2: {{value: 8}}, 9: ~}}}}]"
    ));
    has(
        &shown,
        &[
            ("locale", json!("en_US")),
            (
                "function_keys",
                json!({
                    "1": {"type": "blf", "value": "1", "label": "Second", "line": 1},
                    "2": {"type": "park", "value": "8"}
                }),
            ),
        ],
    );
}

#[test]
fn scalars_and_lists_replace_mappings_merge_and_null_removes() {
    let shown = one(&format!(
        "profiles:\n  \
           base:\n    \
             network: {{dns: [10.0.0.1, 10.0.0.2], ntp: a, vlan: {{id: 1, priority: 2}}, syslog: {{server: s}}}}\n    \
             sip: {{proxy: p, codecs: [a, b]}}\n    \
             tones: ~\n    \
             admin: {{username: a, password: b}}\n    \
             feature_codes: {{park: 700, pickup: 8, voicemail: 98}}\n  \
           p: {{network: {{vlan: ~, syslog: ~}}}}\n\
         devices:\n  \
           - {{{PHONE}, profiles: p, sip: {{codecs: c}}, \
               network: {{dns: 10.0.0.3, ntp: , vlan: {{pc_port_id: 3}}}}, admin: null, \
               feature_codes: {{park: \"~\", pickup: 'null', voicemail: ~}}}}"
    ));
    has(
        &shown,
        &[
            ("network", json!({"dns": ["10.0.0.3"], "vlan": {"pc_port_id": 3}})),
            ("sip.codecs", json!(["c"])),
            ("admin", Value::Null),
            ("feature_codes", json!({"park": "~", "pickup": "null"})),
        ],
    );
}

#[test]
fn a_line_is_filled_from_what_it_has() {
    let lines = |code: &str| {
        one(&format!(
            "profiles: {{base: {{sip: {{proxy: p}}, feature_codes: {{{code}}}}}}}\n\
             devices: [{{{PHONE}, lines: [{{number: 1}}, {{number: 2, username: u, voicemail: ~}}, \
               {{username: v, auth_username: w, display_name: d}}, {{number: 4, label: l, voicemail: 44}}]}}]"
        ))
    };
    let shown = lines("voicemail: '*98'");
    let sip = json!({"proxy": "p", "registrar": "p"});
    has(
        &shown,
        &[
            (
                "lines.1",
                json!({"number": "1", "username": "1", "auth_username": "1", "display_name": "1", "label": "1", "voicemail": "*98", "sip": sip}),
            ),
            (
                "lines.2",
                json!({"number": "2", "username": "u", "auth_username": "u", "display_name": "2", "label": "2", "sip": sip}),
            ),
            (
                "lines.3",
                json!({"username": "v", "auth_username": "w", "display_name": "d", "label": "d", "voicemail": "*98", "sip": sip}),
            ),
            ("lines.4.label", json!("l")),
            ("lines.4.voicemail", json!("44")),
        ],
    );
    has(&lines(""), &[("lines.1.voicemail", Value::Null), ("lines.4.voicemail", json!("44"))]);
}

#[test]
fn lines_may_have_gaps_and_stand_in_place() {
    let shown = one(&format!(
        "lines: {{alice: {{number: 1}}}}\n\
         devices: [{{{PHONE}, lines: {{3: {{number: 33}}, \"1\": alice}}}}]"
    ));
    has(
        &shown,
        &[("lines.1.name", json!("alice")), ("lines.2", Value::Null), ("lines.3.number", json!("33"))],
    );
    assert_eq!(shown["lines"].as_object().unwrap().len(), 2);
}

#[test]
fn a_line_with_a_proxy_of_its_own_registers_there() {
    let shown = one(&format!(
        "profiles:\n  \
           base:\n    \
             sip: {{proxy: p, backup_proxy: b, registrar: r, backup_registrar: c, domain: d, realm: e, \
                    outbound_proxy: o, transport: tcp}}\n\
         devices: [{{{PHONE}, lines: [{{number: 1, sip: {{proxy: q}}}}, {{number: 2, sip: {{proxy: q, backup_proxy: x}}}}, \
           {{number: 3, sip: {{registrar: s}}}}]}}]"
    ));
    has(
        &shown,
        &[
            (
                "lines.1.sip",
                json!({"proxy": "q", "registrar": "q", "outbound_proxy": "o", "transport": "tcp"}),
            ),
            ("lines.2.sip.backup_registrar", json!("x")),
            ("lines.2.sip.registrar", json!("q")),
            ("lines.3.sip.proxy", json!("p")),
            ("lines.3.sip.registrar", json!("s")),
            ("lines.3.sip.domain", json!("d")),
        ],
    );
}

#[test]
fn registrars_follow_the_proxies_of_the_same_device() {
    let shown = one(&format!(
        "profiles: {{base: {{sip: {{proxy: p, backup_proxy: b}}}}}}\n\
         devices: [{{{PHONE}, sip: {{proxy: \"[2001:db8::1]:5080\", backup_proxy: 2001:db8::2}}}}]"
    ));
    has(
        &shown,
        &[("sip.registrar", json!("[2001:db8::1]:5080")), ("sip.backup_registrar", json!("2001:db8::2"))],
    );
}

#[test]
fn a_server_in_a_layer_wins_over_the_site() {
    let shown = one(&format!(
        "site: {{name: s, http_url: 'http://a', tftp_host: t}}\n\
         profiles: {{far: {{server: {{http_url: 'http://b', tftp_host: ~}}}}}}\n\
         devices: [{{{PHONE}, profiles: [far], server: {{http_url: 'https://c:8443/x'}}}}]"
    ));
    has(&shown, &[("site", json!({"name": "s", "http_url": "https://c:8443/x"})), ("server", Value::Null)]);
}

#[test]
fn tones_follow_the_locale_that_wins() {
    let base = "profiles: {base: {locale: fr_FR}, uk: {tones: GB}}\n";
    let tones = |more: &str| one(&format!("{base}devices: [{{{PHONE}, {more}}}]"))["tones"].clone();
    assert_eq!(tones("note: n"), "FR");
    assert_eq!(tones("locale: en_CA"), "CA");
    assert_eq!(tones("locale: en_CA, profiles: uk"), "GB");
    assert_eq!(tones("locale: ~"), Value::Null);
}

#[test]
fn text_stays_as_it_was_written() {
    let shown = one(&format!(
        "lines: {{a: {{number: +33123, username: no, password: 0123, display_name: 1e3, label: 0x1F}}}}\n\
         devices: [{{{PHONE}, name: 007, lines: [a], vars: {{n: 10, f: 1.5, t: true, s: \"10\", y: yes, z: 007}}}}]"
    ));
    has(
        &shown,
        &[
            ("name", json!("007")),
            ("lines.1.number", json!("+33123")),
            ("lines.1.username", json!("no")),
            ("lines.1.display_name", json!("1e3")),
            ("lines.1.label", json!("0x1F")),
            ("vars", json!({"n": 10, "f": 1.5, "t": true, "s": "10", "y": "yes", "z": "007"})),
        ],
    );
}

#[test]
fn secrets_are_fetched_once_for_each_source_and_never_shown() {
    let script = "#!/bin/sh\necho run >> runs\nprintf 'hush-%s\\n' \"$1\"\n";
    let phone = |n: u32| {
        format!(
            "  - {{mac: 00112200000{n}, vendor: Acme, model: A5, plugin: acme-2.0, lines: [{{number: {n}, password: \
             {{command: [sh, script, one]}}, display_name: {{env: SHOWN}}}}], contacts: ~, sip: {{proxy: p}}, \
             vars: {{a: {{command: [sh, script, two]}}, f: {{file: secret.txt}}, not: {{file: a, size: 1}}}}}}\n"
        )
    };
    let devices = format!("devices:\n{}", (1..=5).map(phone).collect::<String>());
    let repository = Repository::new(&[
        ("script", script),
        ("inventory/deep/a.yaml", &devices),
        ("inventory/deep/secret.txt", "of a file\n"),
    ]);
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugins");
    let plugins = plugins.to_str().unwrap();
    let build = |args: &[&str]| {
        let mut all = vec!["--plugins", plugins];
        all.extend(args);
        run(command(repository.path(), &all).env("SHOWN", "of the environment"))
    };
    build(&["build"]).expect(0);
    assert_eq!(repository.read("runs").lines().count(), 2);
    let line = repository.read("out/acme/001122000003-line1.ini");
    assert!(line.contains("password = hush-one\ndisplay = of the environment\n"), "{line}");
    let device = repository.read("out/acme/001122000003.cfg");
    assert!(device.contains("var.a = hush-two\n") && device.contains("var.f = of a file\n"), "{device}");
    let shown = build(&["show", "001122000001"]).expect(0).stdout;
    assert!(!shown.contains("hush") && !shown.contains("of a file"), "{shown}");
    assert!(shown.contains("{command: [sh, script, two]}"), "{shown}");
}
