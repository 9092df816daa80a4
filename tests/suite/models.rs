//! Every model of `tests/models.yaml`, with every firmware that is in use on it, gets a plugin that knows it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::Repository;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Vendors without a plugin, each with the reason. One that gets a plugin has to leave this list.
const LATER: &[(&str, &str)] = &[
    ("Alcatel", "a family still to come"),
    ("Avaya", "a family still to come"),
    ("Gigaset", "a family still to come"),
    ("Htek", "a family still to come"),
    ("Jitsi", "a softphone that takes its configuration from no server of files"),
    ("Panasonic", "a family still to come"),
    ("Patton", "a family still to come"),
    ("Technicolor", "a family still to come"),
    ("Zenitel", "a family still to come"),
];

/// Models that no plugin of their vendor is for: vendor, models, reason.
const MISSING: &[(&str, &[&str], &str)] = &[(
    "Cisco",
    &[
        "7920", "7937", "7940", "8941", "8945", "CIPC", "7905G", "7906G", "7911G", "7912G", "7921G", "7931G",
        "7940G", "7941G", "7942G", "7945G", "7960G", "7961G", "7962G", "7965G", "7970G", "7971G", "7975G",
    ],
    "phones of Cisco's call manager, SCCP and SIP: a family still to come",
)];

/// Vendor, model and firmware.
type Phones = Vec<(String, String, String)>;

fn phones() -> Phones {
    let text = fs::read_to_string(Path::new(ROOT).join("tests/models.yaml")).unwrap();
    let vendors: BTreeMap<String, BTreeMap<String, Vec<String>>> = serde_yaml::from_str(&text).unwrap();
    let mut phones = Phones::new();
    for (vendor, models) in vendors {
        for (model, firmware) in models {
            assert!(!firmware.is_empty(), "{vendor} {model}");
            phones.extend(firmware.into_iter().map(|version| (vendor.clone(), model.clone(), version)));
        }
    }
    phones
}

/// What `list` says of each phone, in the order of the phones.
fn listed(phones: &Phones) -> Vec<Value> {
    let mut text = String::from("site: {http_url: \"http://192.0.2.1\"}\ndevices:\n");
    for (at, (vendor, model, firmware)) in phones.iter().enumerate() {
        let mac = 0x0200_0000_0000_u64 + at as u64;
        writeln!(
            text,
            "  - {{mac: \"{mac:012x}\", vendor: {vendor}, model: \"{model}\", firmware: \"{firmware}\"}}"
        )
        .unwrap();
    }
    let repository = Repository::new(&[("inventory/all.yaml", &text)]);
    let plugins = Path::new(ROOT).join("plugins");
    let run = repository.provc(&["--plugins", plugins.to_str().unwrap(), "list", "--format", "json"]);
    let rows = run.json().as_array().unwrap().clone();
    // Sorted by address, as the phones are; a device without a plugin is listed without one.
    assert_eq!(rows.len(), phones.len(), "{}", run.stderr);
    rows
}

#[test]
fn every_model_with_every_firmware_has_a_plugin() {
    let phones = phones();
    let mut wrong = String::new();
    let rows = listed(&phones);
    for ((vendor, model, firmware), row) in phones.iter().zip(&rows) {
        assert_eq!((row["vendor"].as_str(), row["model"].as_str()), (Some(&**vendor), Some(&**model)));
        let good = matches!(row["support"].as_str(), Some("exact" | "complete" | "probable"));
        let excused = LATER.iter().any(|(name, _)| name == vendor)
            || MISSING.iter().any(|(name, models, _)| name == vendor && models.contains(&&**model));
        if good == excused {
            let what = if good { "has a plugin after all" } else { "has no plugin" };
            writeln!(wrong, "{vendor} {model} {firmware} {what}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
