//! Keys: which contact stands behind which key, and where.

use std::fmt::Write as _;

use super::{KEYS, MODELS, SETTINGS, built, lines, settings, xml};
use crate::support::Repository;

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
