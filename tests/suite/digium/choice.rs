//! Which plugin a phone gets, and what is refused.

use std::fmt::Write as _;

use super::{KEYS, SETTINGS, lines};
use crate::support::Repository;

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
