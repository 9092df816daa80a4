use proptest::prelude::*;

use super::*;
use crate::plugin::source::Source;
use crate::plugin::testing::{Loaded, load, tree};

/// A version of a family with vendor, models and `associate`.
fn version(family: &str, firmware: &str, vendor: &str, models: &str, associate: &str) -> (String, String) {
    let directory = firmware.replace('.', "_");
    let text = format!(
        "id: {family}-{firmware}\nversion: 1.0.0\ndescription: x\nvendor: {vendor}\nfirmware: {firmware}\n\
         function_keys: [blf]\nmodels: {models}\nassociate: {associate}\n"
    );
    (format!("{family}/v{directory}/plugin.yaml"), text)
}

fn files() -> Vec<(String, String)> {
    let digium =
        "{aliases: {vendor: [Sangoma], model: {D6X: D65}}, refuse_firmware: '<1.0', generation: '^\\d+'}";
    let yealink = "{generation: '^\\d+\\.(\\d+)', firmware_match: prefix, refuse_firmware: '<70'}";
    let bounds = "{refuse_firmware: '>=9'}";
    let mut files = vec![
        version("digium", "1.4.0.0", "Digium", "{D40: {lines: 2}, D70: {lines: 6}}", digium),
        version("digium", "2.2.1.8", "Digium", "{D40: {lines: 2}, D65: {lines: 4}}", digium),
        version("digium", "2.8.1", "Digium", "{D40: {lines: 2}, D65: {lines: 4}}", digium),
        version("yealink", "66.84", "Yealink", "{T46S: {lines: 16}}", yealink),
        version("yealink", "66.86", "Yealink", "{T46S: {lines: 16}, T48S: {}}", yealink),
        version("cisco", "9.4", "Cisco", "{'7945': {lines: 2}}", bounds),
        version("sccp", "9.0", "Cisco", "{'7945': {protocol: sccp}, '7920': {protocol: sccp}}", "{}"),
        version("clone", "1.0", "Clone-Works", "{D40: {lines: 1}, CX1: {}}", "{}"),
    ];
    for (path, text) in &mut files {
        if path.starts_with("yealink/v66_86") {
            *text = text.replace("firmware: 66.86", "firmware: '66.86.0'");
        }
    }
    files
}

fn set(files: &[(String, String)]) -> PluginSet {
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let loaded = load(&files);
    assert_eq!(loaded.said(), Vec::<String>::new());
    loaded.set
}

fn query<'q>(vendor: &'q str, model: &'q str, firmware: &'q str) -> Query<'q> {
    let some = |text: &'q str| Some(text).filter(|text| !text.is_empty());
    Query { vendor: some(vendor), model: some(model), firmware: some(firmware), ..Query::default() }
}

fn answer(set: &PluginSet, query: &Query<'_>) -> String {
    match set.associate(query) {
        Ok(choice) => format!("{} {} {}", choice.plugin.id(), choice.level.as_str(), choice.model().name),
        Err(error) => {
            let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
            format!("{} {:?}: {}{help}", error.code.0, error.field, error.message)
        }
    }
}

#[test]
fn levels_and_ties() {
    let set = set(&files());
    for (vendor, model, firmware, expected) in [
        ("Digium", "D40", "2.8.1", "digium-2.8.1 exact D40"),
        ("Digium", "D40", "2_8_1", "digium-2.8.1 exact D40"),
        ("Digium", "D40", "1.4", "digium-1.4.0.0 exact D40"),
        // The same generation: the nearest that is not newer, compared as versions.
        ("Digium", "D40", "2.7.5", "digium-2.2.1.8 complete D40"),
        ("Digium", "D40", "2.10.0", "digium-2.8.1 complete D40"),
        // Older than all of its generation: the newest.
        ("Digium", "D40", "2.0", "digium-2.8.1 complete D40"),
        // Another generation, or nothing known.
        ("Digium", "D40", "3.0", "digium-2.8.1 probable D40"),
        ("Digium", "D65", "1.9", "digium-2.8.1 probable D65"),
        ("Digium", "D40", "", "digium-2.8.1 probable D40"),
        ("Digium", "D70", "2.8.1", "digium-1.4.0.0 probable D70"),
        // Names compare without case, blanks and hyphens; aliases stand for what they name.
        ("DIGIUM", "d-40", "2.8.1", "digium-2.8.1 exact D40"),
        ("sangoma", "D 6x", "2.8.1", "digium-2.8.1 exact D65"),
        ("Clone Works", "cx-1", "", "clone-1.0 probable CX1"),
        // A prefix is the same version; the number of the model does not count in the generation.
        ("Yealink", "T46S", "66.84.0.15", "yealink-66.84 exact T46S"),
        ("Yealink", "T46S", "108.86.0.90", "yealink-66.86 complete T46S"),
        ("Yealink", "T46S", "108.85.0.90", "yealink-66.84 probable T46S"),
        // Without a vendor the model tells it.
        ("", "T48S", "", "yealink-66.86 probable T48S"),
    ] {
        assert_eq!(answer(&set, &query(vendor, model, firmware)), expected, "{vendor} {model} {firmware}");
    }
}

/// Versions as the vendors spell them, with rules as their families have them.
fn vendors() -> Vec<(String, String)> {
    let yealink = "{generation: '^\\d+\\.(\\d+)', firmware_match: prefix, refuse_firmware: '<70'}";
    let snom = "{generation: '^(\\d+\\.\\d+)', refuse_firmware: '<7'}";
    let polycom = "{generation: '^(\\d+)', firmware_match: prefix, refuse_firmware: '<3.3'}";
    let cisco = "{generation: '^(\\d+\\.\\d+)', firmware_match: prefix}";
    let mpp = "{generation: '^(\\d+\\.\\d+)', firmware_match: prefix, refuse_firmware: '<10'}";
    let fanvil = "{generation: '^(?:P[\\d.]+-)?(\\d+)', firmware_match: prefix, refuse_firmware: '<1.4'}";
    let (phones, spa, gray) = ("{T46S: {}, T48S: {}}", "{SPA504G: {}}", "{'8841': {}}");
    let mut files = vec![
        version("yealink", "66.81.0.110", "Yealink", phones, yealink),
        version("yealink", "66.86.0.15", "Yealink", phones, yealink),
        version("yealink", "28.83.0.35", "Yealink", phones, yealink),
        version("snom", "8.7.5.35", "Snom", "{D765: {}}", snom),
        version("snom", "8.9.3.80", "Snom", "{D765: {}}", snom),
        version("snom", "10.1.54.13", "Snom", "{D765: {}}", snom),
        version("polycom", "5.4.3", "Polycom", "{VVX400: {}}", polycom),
        version("polycom", "5.9.2", "Polycom", "{VVX400: {}}", polycom),
        version("spa", "7.4.9", "Cisco", spa, cisco),
        version("spa", "7.5.5", "Cisco", spa, cisco),
        version("spa", "6.1.5", "Cisco", "{SPA942: {}}", cisco),
        version("mpp", "11.3.1", "Cisco", gray, mpp),
        version("mpp", "12.0.7", "Cisco", gray, mpp),
        version("fanvil", "2.3", "Fanvil", "{X4: {}}", fanvil),
        version("fanvil", "2.12", "Fanvil", "{X4: {}}", fanvil),
    ];
    for (path, text) in &mut files {
        if path.contains("fanvil/v2_12") {
            *text = text.replace("firmware: 2.12", "firmware: '>=2.4,<2.13'");
        }
        if path.contains("fanvil/v2_3") {
            *text = text.replace("firmware: 2.3", "firmware: '2.3'");
        }
    }
    files
}

#[test]
fn versions_are_read_as_vendors_spell_them() {
    let set = set(&vendors());
    for (vendor, model, firmware, expected) in [
        ("Yealink", "T46S", "66.86.0.15", "yealink-66.86.0.15 exact"),
        // A build more is the same version; another build, or the same firmware of another phone, is the same
        // generation, and of three the nearest that is not newer, whatever the number of the model.
        ("Yealink", "T46S", "66.86.0.15.3", "yealink-66.86.0.15 exact"),
        ("Yealink", "T46S", "66.86.0.5", "yealink-66.86.0.15 complete"),
        ("Yealink", "T46S", "108.86.0.90", "yealink-66.86.0.15 complete"),
        ("Yealink", "T46S", "66.85.0.5", "yealink-28.83.0.35 probable"),
        ("Yealink", "T46S", "66.84.0.125", "yealink-28.83.0.35 probable"),
        ("Yealink", "T46S", "66.82.0.20", "yealink-66.81.0.110 probable"),
        ("Yealink", "T46S", "66.100.0.1", "yealink-66.86.0.15 probable"),
        ("Yealink", "T46S", "66_86_0_15", "yealink-66.86.0.15 exact"),
        ("Yealink", "T46S", "108_86_0_90", "yealink-66.86.0.15 complete"),
        ("Yealink", "T46S", "2.60.0.130", "PV0605"),
        ("Yealink", "T46S", "2_60_0_130", "PV0605"),
        ("Yealink", "T46S", "2.9.0.42", "PV0605"),
        // What is no number is not too old.
        ("Yealink", "T46S", "latest", "yealink-66.86.0.15 probable"),
        ("Snom", "D765", "8.7.5.35", "snom-8.7.5.35 exact"),
        ("Snom", "D765", "8.7.5.44", "snom-8.7.5.35 complete"),
        ("Snom", "D765", "8.9.3.60", "snom-8.9.3.80 complete"),
        ("Snom", "D765", "8.8.1.1", "snom-8.7.5.35 probable"),
        ("Snom", "D765", "10.1.46.16", "snom-10.1.54.13 complete"),
        ("Snom", "D765", "v10.1.54.13", "snom-10.1.54.13 exact"),
        ("Snom", "D765", "V10.1.64.14", "snom-10.1.54.13 complete"),
        ("Snom", "D765", "6.5.20", "PV0605"),
        ("Polycom", "VVX400", "5.4.3", "polycom-5.4.3 exact"),
        ("Polycom", "VVX400", "5.4.3.1014", "polycom-5.4.3 exact"),
        ("Polycom", "VVX400", "5.4.30", "polycom-5.4.3 complete"),
        ("Polycom", "VVX400", "5.10.1", "polycom-5.9.2 complete"),
        ("Polycom", "VVX400", "4.0.11", "polycom-5.9.2 probable"),
        ("Polycom", "VVX400", "3.2.4.0267", "PV0605"),
        ("Cisco", "SPA504G", "7.5.5", "spa-7.5.5 exact"),
        ("Cisco", "SPA504G", "7.5.5b", "spa-7.5.5 exact"),
        ("Cisco", "SPA504G", "7.5.2b", "spa-7.5.5 complete"),
        ("Cisco", "SPA504G", "7.4.9c", "spa-7.4.9 exact"),
        ("Cisco", "SPA504G", "7.10.1", "spa-7.5.5 probable"),
        ("Cisco", "SPA942", "6.1.5(a)", "spa-6.1.5 exact"),
        ("Cisco", "SPA942", "6.1.50", "spa-6.1.5 complete"),
        ("Cisco", "8841", "12.0.7-MPP0201-66", "mpp-12.0.7 exact"),
        ("Cisco", "8841", "12.0.1-MPP0001-245", "mpp-12.0.7 complete"),
        ("Cisco", "8841", "11-3-1-msr3-3", "mpp-11.3.1 exact"),
        ("Cisco", "8841", "11-3-7-msr1", "mpp-11.3.1 complete"),
        ("Cisco", "8841", "9.3.1-18/SIP", "PV0605"),
        // The hardware's numbers before the hyphen are no part of the firmware.
        ("Fanvil", "X4", "P0.18.23.1.23-2.4.12", "fanvil-2.12 exact"),
        ("Fanvil", "X4", "2.4.12", "fanvil-2.12 exact"),
        ("Fanvil", "X4", "P0.16.5-1.12.2", "fanvil-2.12 probable"),
        ("Fanvil", "X4", "P0.18.23.1.23-1.3.9", "PV0605"),
        ("Fanvil", "X4", "2.3.1", "fanvil-2.3 exact"),
    ] {
        let answer = answer(&set, &query(vendor, model, firmware));
        assert!(answer.starts_with(expected), "{vendor} {model} {firmware}: {answer}, not {expected}");
    }
}

#[test]
fn what_is_never_chosen_is_explained() {
    let set = set(&files());
    for (asked, expected) in [
        (
            query("Digum", "D40", ""),
            "PV0601 Vendor: no plugin is for phones of `Digum`; did you mean `Digium`?",
        ),
        (
            query("Acme", "T46S", ""),
            "PV0601 Vendor: no plugin is for phones of `Acme`; did you mean `Yealink`?",
        ),
        (
            query("Acme", "X", ""),
            "PV0601 Vendor: no plugin is for phones of `Acme`; known vendors are Cisco, Clone-Works, Digium, Sangoma, Yealink",
        ),
        (
            query("Digium", "D60", ""),
            "PV0602 Model: no plugin knows the model `D60` of Digium; did you mean `D40`, `D65` or `D70`?",
        ),
        (
            query("Cisco", "8841", ""),
            "PV0602 Model: no plugin knows the model `8841` of Cisco; known models are 7920, 7945",
        ),
        (
            query("Digium", "D40", "0.9"),
            "PV0605 Firmware: no plugin may be given to a phone with the firmware `0.9`; upgrade the phone, or correct `firmware`: digium-1.4.0.0 refuses <1.0, digium-2.2.1.8 refuses <1.0, digium-2.8.1 refuses <1.0",
        ),
        // The number of the model does not count here either.
        (
            query("Yealink", "T46S", "108.60.0.90"),
            "PV0605 Firmware: no plugin may be given to a phone with the firmware `108.60.0.90`; upgrade the phone, or correct `firmware`: yealink-66.84 refuses <70, yealink-66.86 refuses <70",
        ),
        (
            query("Digium", "", ""),
            "PV0607 Device: the device has no model, so that no plugin can be chosen; add `model:` to it or to one of its profiles",
        ),
        (
            query("", "D40", ""),
            "PV0608 Model: several vendors make a model `D40`; add `vendor:` with one of Clone-Works, Digium",
        ),
    ] {
        assert_eq!(answer(&set, &asked), expected);
    }
}

#[test]
fn a_pin_decides_and_has_to_fit() {
    let set = set(&files());
    let pinned = |pin, vendor, model, firmware| {
        answer(&set, &Query { plugin: Some(pin), ..query(vendor, model, firmware) })
    };
    for (found, expected) in [
        (pinned("digium-1.4.0.0", "Digium", "D40", "2.8.1"), "digium-1.4.0.0 probable D40"),
        (pinned("digium-1.4.0.0", "", "D40", ""), "digium-1.4.0.0 probable D40"),
        (pinned("yealink-66.84", "Yealink", "", "66.84.1"), "yealink-66.84 exact T46S"),
        (
            pinned("digium-2.81", "Digium", "D40", ""),
            "PV0603 Plugin: there is no plugin `digium-2.81`; did you mean `digium-2.8.1`?",
        ),
        (
            pinned("digium-2.8.1", "Digium", "D70", ""),
            "PV0604 Plugin: the plugin `digium-2.8.1` does not know the model `D70`; did you mean `D40`?",
        ),
        (
            pinned("digium-2.8.1", "Yealink", "D40", ""),
            "PV0609 Plugin: the plugin `digium-2.8.1` is for phones of Digium, not of `Yealink`; remove the pin, or correct the vendor",
        ),
        (
            pinned("digium-2.8.1", "Digium", "D40", "0.5"),
            "PV0605 Firmware: no plugin may be given to a phone with the firmware `0.5`; upgrade the phone, or correct `firmware`: digium-2.8.1 refuses <1.0",
        ),
        (
            pinned("digium-2.8.1", "Digium", "", ""),
            "PV0607 Device: the device has no model, so that no plugin can be chosen; add `model:` to it or to one of its profiles",
        ),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn the_protocol_narrows_the_choice() {
    let set = set(&files());
    let asked =
        |model, protocol, firmware| answer(&set, &Query { protocol, ..query("Cisco", model, firmware) });
    assert_eq!(asked("7945", None, ""), "cisco-9.4 probable 7945");
    assert_eq!(asked("7945", Some(Protocol::Sccp), ""), "sccp-9.0 probable 7945");
    assert_eq!(
        asked("7920", Some(Protocol::Sip), ""),
        "PV0606 Protocol: no plugin speaks sip on the model `7920`; correct `protocol`; the model is known to sccp-9.0"
    );
    // Refused by one of two: the other one.
    assert_eq!(asked("7945", None, "9.1"), "sccp-9.0 probable 7945");
}

#[test]
fn support_tells_every_level() {
    let set = set(&files());
    let digium = set.get("digium-2.8.1").unwrap();
    for (vendor, model, firmware, expected) in [
        ("Digium", "D40", "2.8.1", Some(Level::Exact)),
        ("Digium", "D40", "2.9", Some(Level::Complete)),
        ("Digium", "D40", "", Some(Level::Probable)),
        ("Digium", "D99", "2.8.1", Some(Level::Unknown)),
        ("Digium", "", "", Some(Level::Unknown)),
        ("Digium", "D40", "0.9", Some(Level::Improbable)),
        ("Yealink", "D40", "2.8.1", None),
        ("", "D40", "2.8.1", Some(Level::Exact)),
        ("", "T46S", "", None),
    ] {
        assert_eq!(support(&query(vendor, model, firmware), digium), expected, "{vendor} {model} {firmware}");
    }
}

#[test]
fn a_range_matches_within_its_bounds() {
    let (path, text) = version("acme", "2.0", "Acme", "{A1: {}}", "{}");
    let range = text.replace("firmware: 2.0", "firmware: '>=2,<3'");
    let newer = version("acme", "3.1", "Acme", "{A1: {}}", "{}");
    let set = set(&[(path, range), newer]);
    assert_eq!(answer(&set, &query("Acme", "A1", "2.9")), "acme-2.0 exact A1");
    assert_eq!(answer(&set, &query("Acme", "A1", "3.0")), "acme-2.0 probable A1");
    assert_eq!(answer(&set, &query("Acme", "A1", "1.0")), "acme-3.1 probable A1");
}

#[test]
fn remembered_answers_are_the_same() {
    let set = set(&files());
    let associator = Associator::new(&set);
    for firmware in ["2.8.1", "0.1", "2.8.1", "0.1"] {
        let asked = query("Digium", "D40", firmware);
        let direct = set.associate(&asked).map(|choice| choice.plugin.id().to_owned());
        assert_eq!(associator.associate(&asked).map(|choice| choice.plugin.id().to_owned()), direct);
    }
    // Parts that run together are kept apart.
    let (a, b) = (
        query("Digium", "D4", ""),
        Query { model: Some("D"), firmware: Some("4"), ..query("Digium", "", "") },
    );
    assert_ne!(key(&a), key(&b));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_choice_does_not_depend_on_the_order_of_loading(
        order in Just((0..files().len()).collect::<Vec<_>>()).prop_shuffle(),
        firmware in "([0-3]|66|84|86)(\\.[0-9]{1,2}){0,3}",
        model in prop::sample::select(vec!["D40", "D65", "T46S", "7945", "D70"]),
    ) {
        // Each file as a tree of its own: trees are laid over one another in the order given.
        let files = files();
        let trees: Vec<Source> = order.iter().map(|i| tree(&[(&*files[*i].0, &*files[*i].1)])).collect();
        let shuffled = Loaded::new(trees, None).set;
        let vendor = match model { "T46S" => "Yealink", "7945" => "Cisco", _ => "Digium" };
        let asked = query(vendor, model, &firmware);
        prop_assert_eq!(answer(&shuffled, &asked), answer(&set(&files), &asked));
    }
}
