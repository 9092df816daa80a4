//! Where function keys land: the rules of INVENTORY.md on positions, modules, layouts and what a phone
//! cannot do, through whole builds of phones of the made-up vendor.

use std::path::Path;

use crate::support::Repository;

/// What came of one phone.
struct Laid {
    /// The slots in order, as `[mN ]POSITION NAME: WHAT`; those with nothing on them too.
    slots: Vec<String>,
    /// `CODE COLUMN-OF-TEXT MESSAGE; HELP`, with the text at the place in backquotes.
    said: Vec<String>,
}

impl Laid {
    /// The slots that have something on them.
    fn set(&self) -> Vec<&str> {
        self.slots.iter().map(String::as_str).filter(|slot| !slot.ends_with(": -")).collect()
    }
}

const COMMON: &str = "\
profiles:
  base: {vendor: Acme, plugin: acme-2.0, sip: {proxy: p}, feature_codes: {voicemail: '*98'}}
lines:
  alice: {number: '1001', display_name: Alice}
  bob: {number: '102', display_name: bob}
  carol: {number: '1003', display_name: Carol}
  sales-a: {number: '0900', display_name: Anna}
  sales-b: {number: '99', display_name: Berta}
function_keys:
  list:
    - {type: speeddial, value: '1'}
    - {type: blf, target: carol}
    - {type: speeddial, value: '3'}
    - {type: speeddial, value: '4'}
    - {type: speeddial, value: '5'}
  fixed:
    1: {type: blf, target: bob}
    2: {type: speeddial, value: '2', label: Two}
    4: {type: blf, target: carol, label: Caro}
";

/// Builds one phone that has these fields.
fn lay(fields: &str, args: &[&str]) -> Laid {
    let device = format!("devices:\n  - {{mac: 001122000001, {fields}}}\n");
    let repository =
        Repository::new(&[("inventory/common.yaml", COMMON), ("inventory/device.yaml", &device)]);
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugins");
    let mut all = vec!["build", "--format", "json", "--plugins", plugins.to_str().unwrap()];
    all.extend(args);
    let report = repository.provc(&all).json();
    let line = |d: &serde_json::Value| {
        let text = |name: &str| d[name].as_str().unwrap_or_default().to_owned();
        let file = repository.read(&text("file"));
        let line = file.lines().nth(d["line"].as_u64().unwrap() as usize - 1).unwrap();
        let at: String = line.chars().skip(d["column"].as_u64().unwrap() as usize - 1).collect();
        let at = at.split([',', '}', ']']).next().unwrap().to_owned();
        let severity = if d["severity"] == "error" { "" } else { "warning " };
        format!("{severity}{} at `{at}`: {}; {}", text("code"), text("message"), text("help"))
    };
    let said = report["diagnostics"].as_array().unwrap().iter().map(line).collect();
    let keys = repository.path().join("out/acme/001122000001.keys");
    let text = std::fs::read_to_string(keys).unwrap_or_default();
    let slot = |line: &str| {
        let (place, what) = line.split_once(": ")?;
        let words: Vec<&str> = place.split(' ').collect();
        let module = if words[0].starts_with('m') { format!("{} ", words[0]) } else { String::new() };
        let position = words[usize::from(!module.is_empty())];
        Some(format!("{module}{position}: {}", what.trim_end()))
    };
    let slots = text.lines().take_while(|line| !line.starts_with("set:")).filter_map(slot).collect();
    Laid { slots, said }
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_position_counts_over_the_banks_and_a_module_from_one_again() {
    let laid = lay(
        "model: A10, function_keys: {3: {type: blf, value: 3}, \"4\": {type: park, value: 4}, 07: {type: speeddial, value: 7}}, \
         expansion_modules: [{model: S2}, {model: S4, keys: {4: {type: blf, value: 24}}}]",
        &[],
    );
    assert_eq!(laid.said, NOTHING);
    assert_eq!(laid.set(), ["3: blf 3", "4: park 4", "7: speeddial 7", "m2 4: blf 24"]);
    let slots = laid.slots.iter().map(|slot| slot.split(':').next().unwrap()).collect::<Vec<_>>();
    assert_eq!(slots, ["1", "2", "3", "4", "5", "6", "7", "m1 1", "m1 2", "m2 1", "m2 2", "m2 3", "m2 4"]);
}

#[test]
fn without_modules_the_largest_are_laid_out_to_be_cleared() {
    let laid = lay("model: A10", &[]);
    assert_eq!(laid.slots.len(), 7 + 2 * 4);
    assert_eq!(laid.set(), NOTHING);
}

#[test]
fn a_position_past_the_keys_names_module_and_key() {
    let laid = lay("model: A10, function_keys: {13: {type: blf, value: 1}}", &[]);
    assert_eq!(
        laid.said,
        [
            "PV0622 at `{type: blf`: position 13 is past the keys of the A10; it has 7 keys; this would be key 2 of expansion module 2: write it under `expansion_modules`"
        ]
    );
    let laid = lay("model: A5, function_keys: {4: {type: blf, value: 1}, 9999: {type: none}}", &[]);
    assert_eq!(
        laid.said,
        [
            "PV0622 at `{type: blf`: position 4 is past the keys of the A5; it has 3 keys",
            "PV0622 at `{type: none`: position 9999 is past the keys of the A5; it has 3 keys"
        ]
    );
    let laid = lay("model: A10, expansion_modules: [{model: S2, keys: {3: {type: blf, value: 1}}}]", &[]);
    assert_eq!(
        laid.said,
        ["PV0622 at `{type: blf`: position 3 is past the keys of expansion module 1; it has 2 keys"]
    );
}

#[test]
fn a_function_key_wins_over_a_line_and_a_line_without_a_key_is_told() {
    let laid = lay("model: A7, lines: [alice, bob, carol], function_keys: {2: {type: blf, value: 9}}", &[]);
    assert_eq!(laid.set(), ["1: LINE 1 Alice", "2: blf 9", "3: LINE 3 Carol"]);
    assert_eq!(
        laid.said,
        [
            "warning PV0625 at `bob`: line 2 has no key left: a function key stands at its position; move the function key, or give another key `type: line`"
        ]
    );
    let moved = lay(
        "model: A7, lines: [alice, bob], function_keys: {2: {type: blf, value: 9}, 4: {type: line, line: 2}}",
        &[],
    );
    assert_eq!(moved.said, NOTHING);
    assert_eq!(moved.set(), ["1: LINE 1 Alice", "2: blf 9", "4: line  on 2"]);
    // Where lines have keys of their own, function keys take nothing from them.
    let apart = lay("model: A5, lines: [alice], function_keys: {1: {type: blf, value: 9}}", &[]);
    assert_eq!((apart.said, apart.slots.len()), (Vec::new(), 3));
}

#[test]
fn a_list_fills_what_is_free_after_lines_and_fixed_keys_then_modules() {
    let laid = lay(
        "model: A7, lines: [alice], key_layout: list, function_keys: {3: {type: park, value: 700}}, expansion_modules: [{model: S2, keys: {1: {type: blf, value: 8}}}]",
        &[],
    );
    let no_room = "PV0626 at `{type: speeddial`: this key finds no free place on the A7; take keys out of the layout, or give the phone a model that has more keys of type `speeddial`";
    assert_eq!(laid.said, [no_room, no_room]);
    let laid = lay("model: A10, lines: [alice, bob], key_layout: list", &[]);
    assert_eq!(laid.said, NOTHING);
    assert_eq!(
        laid.set(),
        [
            "1: LINE 1 Alice",
            "2: LINE 2 bob",
            "3: speeddial 1",
            "4: speeddial 1003 \"Carol\"",
            "5: speeddial 3",
            "6: speeddial 4",
            "7: speeddial 5"
        ]
    );
    let module = lay("model: A7, lines: [alice], key_layout: list, expansion_modules: [{}]", &[]);
    assert_eq!(
        module.set(),
        [
            "1: LINE 1 Alice",
            "2: speeddial 1",
            "3: blf 1003 \"Carol\"",
            "4: speeddial 3",
            "m1 1: speeddial 4",
            "m1 2: speeddial 5"
        ]
    );
}

#[test]
fn nothing_overflows_to_a_module_that_is_not_there() {
    let laid = lay("model: A7, lines: [alice], key_layout: list", &[]);
    assert_eq!(laid.said.len(), 2, "{:?}", laid.said);
    let auto = lay("model: A7, function_keys: {auto: {from: '*'}}", &[]);
    assert_eq!(
        auto.said,
        [
            "PV0626 at `{from: '*'`: 5 keys do not fit on this A7: 4 found a place; name fewer lines, or write `overflow: drop` to leave out what does not fit"
        ]
    );
}

#[test]
fn auto_sorts_excludes_starts_and_skips() {
    let keys = |auto: &str| {
        let fields = format!(
            "model: A10, lines: [alice], expansion_modules: [{{model: S4}}], function_keys: {{auto: {{{auto}}}}}"
        );
        let laid = lay(&fields, &[]);
        assert_eq!(laid.said, NOTHING, "{auto}");
        laid.set().into_iter().filter(|slot| !slot.contains("LINE")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        keys("from: [carol, 'sales-*', alice, carol]"),
        [
            "2: blf 1003 \"Carol\"",
            "3: blf 0900 \"Anna\"",
            "4: speeddial 99 \"Berta\"",
            "5: speeddial 1001 \"Alice\""
        ]
    );
    assert_eq!(
        keys("from: [carol, 'sales-?', alice, bob], sort: label, exclude_self: true, start: 3"),
        [
            "3: blf 0900 \"Anna\"",
            "4: speeddial 99 \"Berta\"",
            "5: speeddial 102 \"bob\"",
            "6: speeddial 1003 \"Carol\""
        ]
    );
    // As numbers: 99 before 102, and a leading zero counts for nothing before 1001.
    assert_eq!(
        keys("from: '*', sort: number"),
        [
            "2: blf 99 \"Berta\"",
            "3: blf 102 \"bob\"",
            "4: speeddial 0900 \"Anna\"",
            "5: speeddial 1001 \"Alice\"",
            "6: speeddial 1003 \"Carol\""
        ]
    );
    let skipping = lay(
        "model: A5, function_keys: {2: {type: speeddial, value: 2}, auto: {from: [alice, bob, carol], overflow: drop}}",
        &[],
    );
    assert_eq!(skipping.said, NOTHING);
    assert_eq!(skipping.set(), ["1: blf 1001 \"Alice\"", "2: speeddial 2", "3: blf 102 \"bob\""]);
}

#[test]
fn auto_and_target_name_lines_that_exist() {
    let laid =
        lay("model: A5, function_keys: {1: {type: blf, target: karol}, auto: {from: [bop, 'x*']}}", &[]);
    assert_eq!(
        laid.said,
        [
            "PV0306 at `karol`: there is no line `karol`; did you mean `carol`?",
            "PV0306 at `bop`: there is no line `bop`; did you mean `bob`?",
            "warning PV0311 at `'x*'`: no line matches `x*`; define such lines, or take the pattern out"
        ]
    );
}

#[test]
fn auto_says_for_which_lines() {
    let laid = lay("model: A5, function_keys: {auto: {sort: label}}", &[]);
    assert_eq!(
        laid.said,
        [
            "PV0218 at `{sort: label`: `auto` does not say for which lines; write `from:` with names of lines, or patterns such as `sales-*`"
        ]
    );
}

#[test]
fn a_target_gives_number_and_name_unless_the_key_says_them() {
    let laid = lay(
        "model: A5, lines: [alice], function_keys: {1: {type: blf, target: bob}, 2: {type: speeddial, target: bob, label: Bobby}, 3: {type: intercom, target: bob, value: 55}}",
        &[],
    );
    assert_eq!(laid.said, NOTHING);
    assert_eq!(laid.set(), ["1: blf 102 \"bob\"", "2: speeddial 102 \"Bobby\"", "3: intercom 55 \"bob\""]);
}

#[test]
fn a_voicemail_key_is_that_of_its_line() {
    let laid = lay(
        "model: A5, lines: [{number: 1, voicemail: 981}], function_keys: {1: {type: voicemail}, 2: {type: voicemail, line: 1}, 3: {type: park}}",
        &[],
    );
    assert_eq!(laid.said, NOTHING);
    assert_eq!(laid.set(), ["1: voicemail 981", "2: voicemail 981 on 1", "3: park"]);
}

#[test]
fn what_a_model_or_bank_cannot_do_is_an_error_at_the_key() {
    let fields = "model: A10, function_keys: {1: {type: dtmf, value: 1}, 4: {type: intercom, value: 2}, 5: {type: none}, 6: {type: blf, value: 3}}";
    let said = [
        "PV0623 at `dtmf`: key 1 of the A10 cannot be a `dtmf`; it can be blf, group_pickup, intercom, line, park, pickup, speeddial, voicemail",
        "PV0623 at `intercom`: key 4 of the A10 cannot be a `intercom`; it can be park, speeddial",
    ];
    assert_eq!(lay(fields, &[]).said, said);
    let allowed = lay(fields, &["--allow-unsupported"]);
    assert_eq!(allowed.said, said.map(|line| format!("warning {line}")));
    // A bank may put something else in the place of a type.
    assert_eq!(allowed.set(), ["5: none", "6: speeddial 3"]);
}

#[test]
fn a_key_without_a_position_that_no_key_can_be() {
    let fields = "model: K1, protocol: sccp, sccp: {call_managers: m}, key_layout: list";
    let said = lay(fields, &[]).said;
    let no_blf = "PV0623 at `blf`: no key of the K1 can be a `blf`; its keys can be speeddial";
    assert_eq!(said.iter().filter(|line| line.starts_with("PV0623")).collect::<Vec<_>>(), [no_blf]);
    // The first takes the one key; the others find no room.
    assert_eq!(said.iter().filter(|line| line.starts_with("PV0626")).count(), 3, "{said:?}");
    let auto = lay("model: A0, function_keys: {auto: {from: alice}}", &[]);
    assert_eq!(
        auto.said,
        ["PV0623 at `{from: alice`: no key of the A0 can be a `blf`; it has no programmable keys"]
    );
}

#[test]
fn a_line_that_the_device_lacks_is_an_error_at_the_key() {
    let fields = "model: A10, lines: {1: alice}, function_keys: {3: {type: blf, value: 1, line: 2}}";
    let said = "PV0624 at `2`: this key uses line 2, which the device does not have; the device has line 1";
    assert_eq!(lay(fields, &[]).said, [said]);
    let allowed = lay(fields, &["--allow-unsupported"]);
    assert_eq!(allowed.said, [format!("warning {said}")]);
    assert_eq!(allowed.set(), ["1: LINE 1 Alice"]);
    // A line that is itself left out takes its keys with it.
    let surplus = "model: A5, lines: [alice, bob], function_keys: {1: {type: blf, value: 1, line: 2}}";
    let allowed = lay(surplus, &["--allow-unsupported"]);
    assert_eq!(allowed.said.len(), 2, "{:?}", allowed.said);
    assert_eq!(allowed.set(), NOTHING);
}

#[test]
fn modules_that_the_model_does_not_take() {
    let many = "model: A7, expansion_modules: [{keys: {1: {type: blf, value: 1}}}, {keys: {2: {type: blf, value: 2}}}]";
    let said = "PV0620 at `{keys: {2: {type: blf`: the A7 takes one expansion module, this is number 2; take the module out";
    assert_eq!(lay(many, &[]).said, [said]);
    assert_eq!(lay(many, &["--allow-unsupported"]).set(), ["m1 1: blf 1"]);
    let none = lay("model: A5, expansion_modules: [{model: S2}]", &[]);
    assert_eq!(none.said, ["PV0620 at `{model: S2`: the A5 takes no expansion module; take the module out"]);
    let unknown = "model: A10, expansion_modules: [{model: S3, keys: {1: {type: blf, value: 1}}}, {model: s-2, keys: {2: {type: blf, value: 2}}}]";
    let said = "PV0621 at `S3`: the A10 takes no expansion module `S3`; it takes S2, S4";
    assert_eq!(lay(unknown, &[]).said, [said]);
    // Left out, it takes its keys with it; the next moves up.
    let allowed = lay(unknown, &["--allow-unsupported"]);
    assert_eq!(allowed.said, [format!("warning {said}")]);
    assert_eq!(allowed.set(), ["m1 2: blf 2"]);
    let unnamed = lay("model: A10, expansion_modules: [{}]", &[]);
    assert_eq!(unnamed.said, ["PV0621 at `{`: this expansion module has no model; write `model:`: S2, S4"]);
}

#[test]
fn a_removed_key_is_cleared() {
    let laid = lay(
        "model: A7, key_layout: fixed, function_keys: {1: ~, 2: {label: ~, value: 22}, 3: {type: none}, 4: {type: speeddial}}",
        &[],
    );
    assert_eq!(laid.said, NOTHING);
    assert_eq!(laid.slots[..4], ["1: -", "2: speeddial 22", "3: none", "4: speeddial 1003 \"Caro\""]);
    let laid = lay("model: A5, function_keys: {1: ~, 2: {type: none}, 3: {type: blf, value: 3}}", &[]);
    assert_eq!(laid.slots, ["1: -", "2: none", "3: blf 3"]);
}
