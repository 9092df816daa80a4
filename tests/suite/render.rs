//! Whole builds against golden directories: each case is an inventory of phones of the made-up vendor in
//! tests/plugins, with the tree that has to come out of it, byte for byte. `PROVC_BLESS=1 cargo test`
//! writes the trees anew, to be read in the diff.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::Repository;

fn manifest_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a directory with their bytes.
fn tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(root).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files
        .map(|entry| {
            let path = entry.path().strip_prefix(root).unwrap().to_path_buf();
            (path, fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// Builds a case in a copy of it and compares what comes out, and what is said, with what is there.
fn golden(case: &str) {
    let source = manifest_dir().join("tests/fixtures/render").join(case);
    let repository = Repository::copy_of(&source);
    let _ = fs::remove_dir_all(repository.path().join("expected"));
    let plugins = manifest_dir().join("tests/plugins");
    let args = ["build", "--quiet", "--plugins", plugins.to_str().unwrap()];
    let output = repository.provc(&args).expect(0);
    let said = output.stderr.replace(manifest_dir().to_str().unwrap(), "");
    fs::write(repository.path().join("out/.said"), said).unwrap();
    let (made, expected) = (repository.path().join("out"), source.join("expected"));
    if crate::support::blessing() {
        let _ = fs::remove_dir_all(&expected);
        for (path, bytes) in tree(&made) {
            let path = expected.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        return;
    }
    let (made, expected) = (tree(&made), tree(&expected));
    let names = |tree: &BTreeMap<PathBuf, Vec<u8>>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), names(&expected));
    for (path, bytes) in &made {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(bytes), text(&expected[path]), "{}", path.display());
        assert_eq!(bytes, &expected[path], "{}", path.display());
    }
}

#[test]
fn one_family_with_everything() {
    golden("acme");
}

#[test]
fn versions_that_share_files() {
    golden("shared");
}

/// What a check of these files says, a line each: `CODE FILE:LINE:COLUMN MESSAGE`.
fn said(files: &[(&str, &str)]) -> Vec<String> {
    let repository = Repository::new(files);
    let plugins = manifest_dir().join("tests/plugins");
    let mut args = vec!["check", "--format", "json", "--plugins", plugins.to_str().unwrap()];
    if repository.path().join("plugins").is_dir() {
        args.extend(["--plugins", "plugins"]);
    }
    let report = repository.provc(&args).json();
    let line = |d: &serde_json::Value| {
        let text = |name: &str| d[name].as_str().unwrap_or_default().to_owned();
        let file = text("file").rsplit("/tests/plugins/").next().unwrap_or_default().to_owned();
        format!("{} {file}:{}:{} {}", text("code"), d["line"], d["column"], text("message"))
    };
    report["diagnostics"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn text_that_an_encoding_does_not_have_is_an_error_where_the_plugin_says_so() {
    let inventory = "contacts: {all: [{name: 漢, number: '1'}]}\n\
        devices: [{mac: 001122000001, vendor: acme, model: A5, plugin: acme-1.0, contacts: [all]}]";
    assert_eq!(
        said(&[("inventory/a.yaml", inventory)]),
        ["PV0704 acme/v1_0/plugin.yaml:24:71 `漢` (U+6F22) does not exist in iso-8859-1"]
    );
}

#[test]
fn models_that_want_different_files_under_one_path_are_an_error() {
    let plugin = "id: one-1\nversion: 1.0.0\ndescription: One\nvendor: One\nfirmware: 1\n\
        function_keys: [blf]\nmodels: {A: {lines: 1}, B: {lines: 1}, C: {lines: 2}}\n\
        files: {model: [{path: series.txt, template: t.tera, format: text}]}\n";
    let devices = |models: [&str; 2]| {
        let device = |(n, model)| format!("  - {{mac: 00112200000{n}, vendor: one, model: {model}}}\n");
        format!("devices:\n{}", (1..).zip(models).map(device).collect::<String>())
    };
    let files = |inventory: &str| {
        said(&[
            ("plugins/one/v1/plugin.yaml", plugin),
            ("plugins/one/v1/templates/t.tera", "{{ model.lines }}\n"),
            ("inventory/a.yaml", inventory),
        ])
    };
    assert_eq!(files(&devices(["A", "B"])), Vec::<String>::new());
    assert_eq!(
        files(&devices(["A", "C"])),
        ["PV0708 plugins/one/v1/plugin.yaml:8:24 models A and C of one-1 each want their own `series.txt`"]
    );
}

#[test]
fn a_phone_with_room_for_one_phonebook_is_told_of_two() {
    let plugin = "id: one-1\nversion: 1.0.0\ndescription: One\nvendor: One\nfirmware: 1\n\
        features: {two_phonebooks: false}\nmodels: {A: {lines: 1}, B: {lines: 1, features: {two_phonebooks: true}}}\n";
    let inventory = "profiles:\n  base:\n    vendor: one\n    model: A\n    \
        remote_phonebook: {url: \"http://h/b\"}\n    contacts: [all]\n\
        contacts: {all: [{name: a, number: 1}]}\n\
        devices:\n  - {mac: 001122000001}\n  - {mac: 001122000002, contacts: ~}\n  \
        - {mac: 001122000003, remote_phonebook: ~}\n  - {mac: 001122000004, model: B}\n";
    assert_eq!(
        said(&[("plugins/one/v1/plugin.yaml", plugin), ("inventory/a.yaml", inventory)]),
        ["PV0633 inventory/a.yaml:5:23 `remote_phonebook` beside `contacts` has no effect on the A"]
    );
}

#[test]
fn what_a_phone_cannot_do_is_told_where_it_is_asked_for_once_for_a_model() {
    let inventory = "profiles:\n  base: {vendor: Acme, plugin: acme-2.0}\n  \
        all:\n    sip: {proxy: p, srtp: required, dtmf_mode: inband, transport: tls}\n    \
        network: {wifi: {ssid: a}, dns: 10.0.0.1}\n\
        lines: {a: {number: 1, sip: {dtmf_mode: info, srtp: preferred}}, b: {number: 2, sip: {srtp: required}}}\n\
        devices:\n  \
        - {mac: 001122000001, model: A5, profiles: [all], lines: [a]}\n  \
        - {mac: 001122000002, model: A5, profiles: [all]}\n  \
        - {mac: 001122000003, model: A0, lines: [b], network: {wifi: {}}, sip: {proxy: p}}\n  \
        - {mac: 001122000004, model: A10, plugin: acme-1.0, lines: [b], sip: {proxy: p, dtmf_mode: inband}}\n";
    assert_eq!(
        said(&[("inventory/a.yaml", inventory)])
            .into_iter()
            .filter(|line| !line.starts_with("PV0705"))
            .collect::<Vec<_>>(),
        [
            "PV0633 inventory/a.yaml:4:27 `sip.srtp: required` has no effect on the A5",
            "PV0633 inventory/a.yaml:4:48 `sip.dtmf_mode: inband` has no effect on the A5",
            "PV0633 inventory/a.yaml:5:21 `network.wifi` has no effect on the A5",
            "PV0633 inventory/a.yaml:6:93 `sip.srtp: required` has no effect on the A0",
            "PV0633 inventory/a.yaml:11:94 `sip.dtmf_mode: inband` has no effect on the A10",
        ]
    );
}

#[test]
fn what_is_allowed_and_not_supported_is_left_out() {
    let inventory = "profiles: {base: {vendor: Acme, plugin: acme-2.0, sip: {proxy: p}}}\n\
        lines: {a: {number: 1}, b: {number: 2}, c: {number: 3}}\n\
        contacts: {all: [{name: A, number: 1}, {name: B, number: 2}, {name: C, number: 3}, {name: D, number: 4}]}\n\
        devices:\n  \
        - {mac: 001122000001, model: A10, lines: [a, b, c], handsets: [{ipui: 1}], contacts: [all]}\n  \
        - {mac: 001122000002, model: G2, lines: [a, b], ports: {1: {line: 1}, 2: {}, 3: {line: 2}}}\n  \
        - {mac: 001122000003, model: D1, plugin: acme-9.0, handsets: [{ipui: 1}, {ipui: 2}, {ipui: 3}]}\n";
    let repository = Repository::new(&[("inventory/a.yaml", inventory)]);
    let plugins = manifest_dir().join("tests/plugins");
    let run = |args: &[&str]| {
        let mut all = vec!["build", "--format", "json", "--plugins", plugins.to_str().unwrap()];
        all.extend(args);
        let report = repository.provc(&all).json();
        let said = report["diagnostics"].as_array().unwrap().iter();
        let said = said.filter(|d| d["code"] != "PV0705").map(|d| {
            let text = |name: &str| d[name].as_str().unwrap_or_default();
            format!("{} {} {}", text("severity"), text("code"), text("message"))
        });
        said.collect::<Vec<_>>()
    };
    let said = [
        "error PV0627 line 3 on the A10, which has 2 lines",
        "error PV0629 handsets on the A10, which is no DECT base",
        "error PV0628 4 contacts on the A10, which holds 3",
        "error PV0630 port 3 on the G2, which has 2 ports",
        "error PV0629 3 handsets on the D1, which takes 2",
    ];
    assert_eq!(run(&[]), said);
    assert_eq!(run(&["--allow-unsupported"]), said.map(|line| line.replace("error", "warning")));
    let phone = repository.read("out/acme/001122000001.cfg");
    assert!(!phone.contains("handset") && !phone.contains("account.3"), "{phone}");
    assert_eq!(repository.read("out/acme/001122000001.csv").lines().count(), 4);
    let gateway = repository.read("out/acme/001122000002.cfg");
    assert!(gateway.contains("port.2") && !gateway.contains("port.3"), "{gateway}");
    let base = repository.read("out/acme/001122000003.cfg");
    assert!(base.contains("handset.2 = 2") && !base.contains("handset.3"), "{base}");
    assert!(!repository.path().join("out/acme/dect/3.ini").exists());
}

#[test]
fn extra_parameters_under_a_name_that_is_almost_a_family_are_told() {
    let inventory = "profiles: {base: {extra: {acmee: {a: 1}, somebody: {b: 2}}}}\n\
        devices: [{mac: 001122000001, vendor: Acme, model: A5, plugin: acme-2.1, extra: {acme: {\"A b\": 1, c: [1]}}}]";
    assert_eq!(
        said(&[("inventory/a.yaml", inventory)]),
        [
            "PV0631 inventory/a.yaml:1:34 there is no plugin family `acmee`",
            "PV0631 inventory/a.yaml:2:96 `A b` is not the name of a parameter of `acme`",
            "PV0631 inventory/a.yaml:2:102 the extra parameter `c` is not one value",
        ]
    );
}
