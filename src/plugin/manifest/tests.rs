use super::*;
use crate::plugin::source::Source;
use crate::plugin::testing::{Loaded, acme, load};

fn only(loaded: &Loaded) -> &Manifest {
    assert_eq!(loaded.said(), Vec::<String>::new());
    &loaded.set.iter().next().unwrap().manifest
}

#[test]
fn the_example_of_the_contract_is_read_whole() {
    let loaded = load(&[("digium/v2_8_1/plugin.yaml", EXAMPLE)]);
    let manifest = only(&loaded);
    assert_eq!(manifest.id.value, "digium-2.8.1");
    assert_eq!(manifest.descriptions["fr"], "Digium D40 à D70, micrologiciel 2.8.1");
    assert_eq!(manifest.firmware.value.as_str(), "2.8.1");
    let d70 = manifest.models.iter().find(|m| m.name == "D70").unwrap();
    assert_eq!((d70.kind, d70.lines, d70.own_keys(), d70.contacts), ("deskphone", 6, 100, Some(500)));
    assert_eq!(serde_json::to_string(&d70.vars).unwrap(), r#"{"colour":"red","keys_per_page":10}"#);
    assert_eq!(manifest.models.iter().map(|m| &*m.name).collect::<Vec<_>>(), ["D40", "D65", "D70"]);
    let rule = &manifest.identify.dhcp[0];
    assert_eq!(rule.matches[0].0, Subject::VendorClass);
    assert_eq!(rule.replace["version"], [("_".to_owned(), ".".to_owned())]);
    assert_eq!(manifest.identify.http.len(), 2);
    assert_eq!(manifest.associate.vendor_aliases, ["Sangoma"]);
    assert_eq!(manifest.associate.model_aliases["D6X"].value, "D65");
    let [config, contacts] = manifest.files.device.as_slice() else { panic!("two files") };
    assert!(config.sensitive && !contacts.sensitive);
    assert_eq!(contacts.for_each.as_ref().unwrap().value, "handsets");
    assert_eq!(manifest.files.model[0].models, ModelsOf::All);
    assert_eq!(manifest.files.model[0].finish.newline, crate::plugin::format::Newline::Crlf);
    assert_eq!(manifest.static_dir.as_ref().unwrap().value, "files/");
    assert_eq!(manifest.dhcp[0].options[0].0, "tftp-server-name");
    assert_eq!(manifest.resync.event.as_deref(), Some("check-sync"));
    assert_eq!(manifest.resync.reboot_event, None);
    let package = &manifest.firmware_packages[0];
    assert_eq!(package.files[0].size, 237_648_354);
    assert_eq!(package.install[0].action, InstallAction::Untar);
    assert_eq!(package.install[1].to.as_deref(), Some("Digium/firmware/"));
    let extra = manifest.extra.as_ref().unwrap();
    assert!(extra.pattern.is_match("a_b.c") && !extra.pattern.is_match("a b"));
    assert!(!extra.pattern.is_match("ok\nbad=1"), "a name matches as a whole");
}

const EXAMPLE: &str = r#"
id: digium-2.8.1
version: 1.0.0
description: Digium D40 to D70, firmware 2.8.1
description_fr: Digium D40 à D70, micrologiciel 2.8.1
vendor: Digium
firmware: 2.8.1
protocol: sip
vars: {keys_per_page: 5, colour: red}
models:
  D40: {type: deskphone, lines: 2, function_keys: 0, expansion_modules: 0}
  D65: {lines: 4}
  D70: {type: deskphone, lines: 6, function_keys: 100, contacts: 500, vars: {keys_per_page: 10}}
model_defaults: {type: deskphone}
function_keys: [line, speeddial, blf, park]
features: {language: true, srtp: false, codecs: 4}
identify:
  dhcp: [{vendor_class: '^digium_(?<model>D\d\d)_(?<version>[\d_]+)$', replace: {version: {"_": "."}}}]
  http:
    - {path: '^/Digium/(?<mac>[0-9a-fA-F]{12})\.cfg$'}
    - {user_agent: 'Digium (?<model>D\d+)', headers: {X-Model: '(?<model>.*)'}, set: {vendor: Digium}}
  tftp: [{path: '(?<mac>[0-9a-f]{12})\.cfg'}]
associate:
  firmware_match: exact
  generation: '^\d+\.(\d+)'
  refuse_firmware: "<1.0"
  aliases: {vendor: [Sangoma], model: {D6X: D65}}
tables:
  language: {fr_FR: [fr, FR], en_US: {code: en}}
files:
  device:
    - {path: "Digium/{{ device.mac }}.cfg", template: device.cfg.tera, format: xml, sensitive: true}
    - {path: "Digium/{{ item.n }}.xml", template: c.tera, format: xml, when: lines, for_each: handsets}
  model: [{path: m.cfg, template: m.tera, format: keyvalue, models: all, newline: crlf, encoding: latin1}]
  common: [{path: c.cfg, template: c.tera, format: ini, blank_lines: keep, on_unencodable: error}]
static: files/
dhcp: [{vendor_class_prefix: digium_D40, options: {tftp-server-name: "{{ site.http_url }}/Digium"}}]
resync: {event: check-sync, reboot_event: null}
extra: {pattern: '[a-z_.]+', element: setting}
firmware_packages:
  - id: firmware
    version: 2.8.1
    description: Firmware for D40 to D70
    files:
      - {url: "https://x.example/f.tar.gz", filename: firmware.tar.gz, size: 237648354,
         sha1: 4ff1c6b7278c8408eacbf7c3ccf03349343c396b}
    install: [{untar: firmware.tar.gz}, {copy: "*/*.eff", to: Digium/firmware/}]
"#;

/// One mistake in a manifest whose other fields are right, and all that is said about it.
#[test]
fn every_mistake_is_shown_at_its_place() {
    let mut failures: Vec<String> = Vec::new();
    for (more, expected) in [
        (
            "modles: {}",
            "PV0121 acme/v1_0/plugin.yaml:7:1+6 unknown key `modles` in the manifest; did you mean `models`?",
        ),
        (
            "models: {A1: {lines: 2, function_kyes: 3}}",
            "PV0121 acme/v1_0/plugin.yaml:7:25+13 unknown key `function_kyes` in model `A1`; did you mean `function_keys`?",
        ),
        (
            "models: {A1: {type: deskfone}}",
            "PV0122 acme/v1_0/plugin.yaml:7:21+8 `type`: `deskfone` is not one of `deskphone`, `conference`, `dect`, `wifidect`, `ata`, `gateway`, `doorphone`, `pager` and `softphone`; did you mean `deskphone`?",
        ),
        (
            "models: {A1: {lines: -1}}",
            "PV0123 acme/v1_0/plugin.yaml:7:22+2 `lines`: expected a number from 0 to 1000, found `-1`",
        ),
        ("models: [A1]", "PV0120 acme/v1_0/plugin.yaml:7:9+4 `models`: expected a mapping, found a list"),
        (
            "models: {A1: {key_slots: [{kind: key, count: 2, name: 'key{x}'}]}}",
            "PV0402 acme/v1_0/plugin.yaml:7:55+8 `key{x}` has a place `{x}` that is none of {n} {n0} {m} {m0} {page} {n_on_page}",
        ),
        (
            "models: {A1: {key_slots: [{kind: key, count: 2, types: [blff]}]}}",
            "PV0402 acme/v1_0/plugin.yaml:7:57+4 `blff` is no function key type; did you mean `blf`?",
        ),
        (
            "models: {A1: {function_keys: 3, key_slots: [{kind: key, count: 2}]}}",
            "PV0402 acme/v1_0/plugin.yaml:7:30+1 model `A1` has 3 function keys, but its `key_slots` lay out 2",
        ),
        (
            "models: {A-1: {lines: 1}, a1: {lines: 2}}",
            "PV0415 acme/v1_0/plugin.yaml:7:27+2 models `A-1` and `a1` cannot be told apart; names are compared without case, blanks and hyphens: remove one",
        ),
        (
            "identify: {http: [{path: '(?<modle>x)'}]}",
            "PV0405 acme/v1_0/plugin.yaml:7:26+13 the group `modle` tells nothing about a phone; did you mean `model`?",
        ),
        (
            "identify: {http: [{path: 'a('}]}",
            "PV0405 acme/v1_0/plugin.yaml:7:26+4 `path` is no regular expression",
        ),
        (
            "identify: {tftp: [{}]}",
            "PV0405 acme/v1_0/plugin.yaml:7:19+2 a rule of `identify.tftp` looks at nothing",
        ),
        (
            "identify: {dhcp: [{vendor_class: x, replace: {verzion: {a: b}}}]}",
            "PV0405 acme/v1_0/plugin.yaml:7:47+7 a rule cannot tell `verzion`; did you mean `version`?",
        ),
        (
            "identify: {dhcp: [{options: {300: x}}]}",
            "PV0402 acme/v1_0/plugin.yaml:7:30+3 `300` is no DHCP option number",
        ),
        (
            "associate: {refuse_firmware: 1.0}",
            "PV0417 acme/v1_0/plugin.yaml:7:30+3 `1.0` does not begin with one of < <= > >= =",
        ),
        (
            "associate: {aliases: {model: {X: Y}}}",
            "PV0414 acme/v1_0/plugin.yaml:7:34+1 there is no model `Y` under `models`",
        ),
        (
            "files: {device: [{path: a, template: ../x, format: xml}]}",
            "PV0410 acme/v1_0/plugin.yaml:7:38+4 `template` leaves its directory: `../x`; write a path below the directory, without `..`, a leading `/` or `\\`",
        ),
        (
            "files: {device: [{path: 'a/../../b', template: x, format: xml}]}",
            "PV0410 acme/v1_0/plugin.yaml:7:25+11 `path` leaves its directory: `a/../../b`; write a path below the directory, without `..`, a leading `/` or `\\`",
        ),
        (
            "static: /etc",
            "PV0410 acme/v1_0/plugin.yaml:7:9+4 `static` leaves its directory: `/etc`; write a path below the directory, without `..`, a leading `/` or `\\`",
        ),
        (
            "files: {device: [{path: a, template: x, format: xlm}]}",
            "PV0122 acme/v1_0/plugin.yaml:7:49+3 `format`: `xlm` is not one of `xml`, `ini`, `keyvalue`, `text`, `csv` and `cli`; did you mean `xml`?",
        ),
        (
            "files: {device: [{path: a, template: x, format: xml, encoding: utf-16}]}",
            "PV0402 acme/v1_0/plugin.yaml:7:64+6 no encoding is called `utf-16`; write utf-8, iso-8859-1, ascii or another of the WHATWG names but utf-16",
        ),
        (
            "files: {device: [{path: a, template: x, format: xml, models: all}]}",
            "PV0121 acme/v1_0/plugin.yaml:7:54+6 unknown key `models` in a file of `files.device`; the keys here are `path`, `template`, `format`, `sensitive`, `when`, `for_each`, `vars`, `encoding`, `newline`, `blank_lines` and `on_unencodable`",
        ),
        (
            "dhcp: [{options: {a: b}}]",
            "PV0403 acme/v1_0/plugin.yaml:7:8+17 a rule of `dhcp` says for no vendor class; add `vendor_class_prefix:` or `vendor_class:`",
        ),
        (
            "firmware_packages: [{id: a, version: 1, files: [{filename: ../x, size: 3, sha1: abc}]}]",
            "PV0402 acme/v1_0/plugin.yaml:7:81+3 `sha1` must be 40 hexadecimal digits",
        ),
        (
            "firmware_packages: [{id: a, version: 1, install: [{copy: x}]}]",
            "PV0402 acme/v1_0/plugin.yaml:7:51+9 a step of `install` must be one of untar, unzip, gunzip, or copy with to",
        ),
        (
            "firmware_packages: [{id: a, version: 1}, {id: a, version: 2}]",
            "PV0415 acme/v1_0/plugin.yaml:7:42+19 two firmware packages are called `a`",
        ),
        (
            "extra: {element: x}",
            "PV0124 acme/v1_0/plugin.yaml:7:8+12 `extra` has no `pattern`; add `pattern:` with its value",
        ),
        (
            "description_french: x",
            "PV0402 acme/v1_0/plugin.yaml:7:1+18 `description_french` names no language; write `description` or `description_fr`",
        ),
    ] {
        let said = acme(more).said();
        if said.iter().all(|line| line != expected) {
            failures.push(format!("{more}\nwanted {expected}\nsaid {said:#?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn all_mistakes_of_all_manifests_come_out_at_once() {
    let loaded = load(&[
        ("acme/v1_0/plugin.yaml", "id: acme-2.0\nversion: one\nvendor: Acme\nfirmware: ...\nmodles: {}\n"),
        ("other/v1/plugin.yaml", "id: other-1\nlines: 3\n"),
    ]);
    assert_eq!(
        loaded.said(),
        [
            "PV0403 acme/v1_0/plugin.yaml:1:1+2 the manifest has no `description`; add `description:`",
            "PV0404 acme/v1_0/plugin.yaml:1:5+8 the id `acme-2.0` does not fit the directory; write `id: acme-1.0`, or rename `acme/v1_0`",
            "PV0402 acme/v1_0/plugin.yaml:2:10+3 `version` must be three numbers such as 1.0.0, not `one`",
            "PV0417 acme/v1_0/plugin.yaml:4:11+3 `...` names no version",
            "PV0121 acme/v1_0/plugin.yaml:5:1+6 unknown key `modles` in the manifest; did you mean `models`?",
            "PV0124 other/v1/plugin.yaml:1:1+2 the manifest has no `firmware`; add `firmware:` with its value",
            "PV0124 other/v1/plugin.yaml:1:1+2 the manifest has no `vendor`; add `vendor:` with its value",
            "PV0124 other/v1/plugin.yaml:1:1+2 the manifest has no `version`; add `version:` with its value",
            "PV0403 other/v1/plugin.yaml:1:1+2 the manifest has no `description`; add `description:`",
            "PV0121 other/v1/plugin.yaml:2:1+5 unknown key `lines` in the manifest; the keys here are `id`, `version`, `vendor`, `firmware`, `protocol`, `tables`, `vars`, `function_keys`, `features`, `models`, `model_defaults`, `identify`, `associate`, `files`, `static`, `dhcp`, `resync`, `firmware_packages`, `extra` and `layers`",
        ]
    );
}

#[test]
fn key_types_come_from_the_bank_the_model_or_all_models() {
    let loaded = acme(
        "models:\n  A1: {function_keys: 2}\n  A2: {function_keys: 2}\n  A3:\n    key_slots:\n\
         \x20     - {kind: top, count: 1, types: [park], downgrade: {blf: speeddial}}\n      - {kind: soft, count: 1}\n",
    );
    let manifest = only(&loaded);
    let model = |name: &str| manifest.models.iter().find(|m| m.name == name).unwrap();
    let a3 = model("A3");
    assert!(a3.can(&a3.banks[0], "park") && !a3.can(&a3.banks[0], "blf"));
    assert!(a3.can(&a3.banks[1], "blf") && !a3.can(&a3.banks[1], "park"));
    assert!(a3.can(&a3.banks[0], "none"));
    assert_eq!(a3.banks[0].downgrade["blf"], "speeddial");

    let by_model = acme("models: {A1: {function_keys: 2}, A2: {function_keys: 2}}").said();
    assert_eq!(by_model, Vec::<String>::new());
    let text =
        crate::plugin::testing::manifest("1.0", "models: {A1: {function_keys: 2}, A2: {function_keys: 2}}\n")
            .replace("[blf, speeddial]", "{A1: [blf], B2: [park]}");
    let loaded = load(&[("acme/v1_0/plugin.yaml", &text)]);
    assert_eq!(
        loaded.said(),
        [
            "PV0414 acme/v1_0/plugin.yaml:6:28+2 there is no model `B2` under `models`; did you mean `A2`?",
            "PV0403 acme/v1_0/plugin.yaml:7:34+2 nothing says which types the keys of model `A2` can have; list them under `function_keys`, for all models or for this one",
        ]
    );
    let text = text.replace("B2: [park]", "default: [park]");
    let loaded =
        Loaded::new(vec![crate::plugin::testing::tree(&[("acme/v1_0/plugin.yaml", &text)])], None::<Source>);
    let manifest = only(&loaded);
    assert!(manifest.models[0].key_types.contains("blf") && manifest.models[1].key_types.contains("park"));
}
