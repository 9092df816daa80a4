//! `plugin list` and `plugin test`, and docs/phones.md, which is what the first prints.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::{Output, Repository, blessing, copy};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

const HEAD: &str = "\
# Phones, and what they can do

Every family of phones that provc carries, with its versions, models and features, and how much data it takes: the
lines of its manifests and templates, comments and blank lines included (tests, static files and README do not count).
A version is written for one firmware and serves those near it (docs/plugins.md says how one is chosen).

A feature is `yes`, `no` or the words that the phone knows; where models differ, what most of them say comes first. One
that is not named (`-`) is taken to be there. What `check` makes of features is in docs/plugin-features.md.

This page is `provc plugin list --format markdown`.

";

/// A repository with a copy of the Digium family.
fn repository() -> Repository {
    let repository = Repository::new(&[]);
    let family = repository.path().join("plugins/digium");
    fs::create_dir_all(&family).unwrap();
    copy(&Path::new(ROOT).join("plugins/digium"), &family);
    repository
}

/// Where there are no plugins but those that the program carries.
fn bare(args: &[&str]) -> Output {
    Repository::new(&[]).provc(args)
}

#[test]
fn the_page_of_phones_is_current() {
    let listed = bare(&["plugin", "list", "--format", "markdown"]).expect(0);
    assert_eq!(listed.stderr, "");
    let expected = format!("{HEAD}{}", listed.stdout);
    let path = Path::new(ROOT).join("docs/phones.md");
    if blessing() {
        fs::write(&path, &expected).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap_or_default();
    assert!(page == expected, "docs/phones.md is not what `plugin list` says: run this with PROVC_BLESS=1");
}

#[test]
fn the_lines_of_data_are_those_of_manifests_and_templates() {
    let mut lines = 0;
    for file in walkdir::WalkDir::new(Path::new(ROOT).join("plugins/digium")) {
        let path = file.unwrap().path().to_path_buf();
        let counts = path.ends_with("plugin.yaml") || path.iter().any(|part| part == "templates");
        if counts && path.is_file() {
            lines += fs::read_to_string(path).unwrap().lines().count();
        }
    }
    let page = bare(&["plugin", "list", "digium", "--format", "markdown"]).expect(0).stdout;
    let row = page.lines().find(|line| line.starts_with("| [digium]")).unwrap();
    assert!(row.ends_with(&format!("| {lines} |")), "{row} does not say {lines}");
}

#[test]
fn plugins_are_listed() {
    let human = bare(&["plugin", "list", "digium-2.8.1"]).expect(0).stdout;
    let lines: Vec<&str> = human.lines().collect();
    assert_eq!(lines[0], "PLUGIN        VENDOR  MODEL  TYPE       LINES  KEYS  MODULES");
    assert!(lines.contains(&"digium-2.8.1  Digium  D40    deskphone  2      0     -"), "{human}");
    assert!(
        lines.contains(&"digium-2.8.1  Digium  D65    deskphone  6      100   6: EXP100 (40)"),
        "{human}"
    );
    assert_eq!(lines.len(), 8);

    let listed = bare(&["plugin", "list", "digium", "--format", "json"]).expect(0).json();
    let ids: Vec<&str> = listed.as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["digium-1.4.0.0", "digium-2.2.1.8", "digium-2.8.1"]);
    let model = listed[2]["models"].as_array().unwrap().iter().find(|model| model["name"] == "D65").unwrap();
    assert_eq!(model["expansion_modules"], json!({"EXP100": 40}));
    assert_eq!((&model["features"]["tls"], &model["features"]["dtmf"]), (&json!(true), &json!(["rtp"])));

    bare(&["plugin", "list", "digum"]).expect(1);
    bare(&["list", "--format", "markdown"]).expect(64);
    bare(&["plugin", "test", "--format", "markdown"]).expect(64);
}

/// One entry in an override: family, vendor, entry, the new model's file, what is in it, and what the phone says.
const NEW_MODELS: &[[&str; 6]] = &[
    [
        "digium",
        "Digium",
        "D99: {lines: 9, key_slots: [{kind: side, count: 20}]}",
        "Digium/000fd3000001.cfg",
        "index=\"8\" status=\"0\"",
        "Digium D99 2_8_1_0",
    ],
    [
        "yealink",
        "Yealink",
        "T79X: {lines: 9, key_slots: [{kind: linekey, count: 20, name: 'linekey.{n}', lines: true}], vars: {code: 199}}",
        "000fd3000001.cfg",
        "\naccount.9.enable = 0\n",
        "Yealink SIP-T79X 96.87.0.15 00:0f:d3:00:00:01",
    ],
];

#[test]
fn a_model_is_added_by_one_entry() {
    for [family, vendor, entry, file, holds, says] in NEW_MODELS {
        let model = entry.split(':').next().unwrap();
        let repository = Repository::new(&[
            (&format!("overrides/{family}/plugin.yaml"), &format!("models: {{{entry}}}\n")),
            (
                "inventory/all.yaml",
                &format!(
                    "site: {{http_url: \"http://192.0.2.1\"}}\nprofiles: {{base: {{sip: {{proxy: 192.0.2.10}}}}}}\ndevices:\n  \
                     - {{mac: 000fd3000001, vendor: {vendor}, model: {model}, lines: [{{number: '1', username: u, \
                     password: p}}], function_keys: {{20: {{type: blf, value: '2', label: Last}}}}}}\n"
                ),
            ),
        ]);
        let built = repository.provc(&["build"]).expect(0);
        assert!(!built.stderr.contains("warning"), "{}", built.stderr);
        let text = repository.read(&format!("out/{file}"));
        assert!(text.contains(holds), "{family}: {text}");
        assert!(repository.files("out").iter().any(|path| {
            fs::read_to_string(repository.path().join("out").join(path)).unwrap().contains("Last")
        }));
        // Within the model's own bounds.
        let inventory = repository.read("inventory/all.yaml");
        repository.write("inventory/all.yaml", &inventory.replace("{20: {", "{21: {"));
        assert!(repository.provc(&["check"]).expect(1).stderr.contains("position 21 is past the keys"));
        let listed = repository.provc(&["plugin", "list", family]).expect(0).stdout;
        assert!(listed.contains(&format!("  {model} ")), "{listed}");
        let found = repository.provc(&["identify", "--http", "/", "--user-agent", says, "--format", "json"]);
        let found = found.expect(0).json();
        assert_eq!(found["model"].as_str(), Some(model));
        assert!(found["plugin"].as_str().unwrap().starts_with(family), "{found}");
    }
}

#[test]
fn tests_of_plugins_are_run_and_blessed() {
    let repository = repository();
    let run = repository.provc(&["plugin", "test"]).expect(0);
    assert!(run.stdout.contains("digium-2.8.1 rich: ok\n") && run.stdout.ends_with("\n9 cases\n"), "{run:?}");
    assert_eq!(repository.provc(&["plugin", "test", "-q", "digium-2.8.1"]).expect(0).stdout, "3 cases\n");

    // A change of a template shows as a diff, and is taken over by --bless.
    let template = "plugins/digium/common/templates/settings.xml.tera";
    let text = repository.read(template);
    assert!(text.contains("ntp_resync"));
    repository.write(template, &text.replace("value={86400}", "value={3600}"));
    let run = repository.provc(&["plugin", "test", "digium-1.4.0.0"]).expect(1);
    let shown = "digium-1.4.0.0 rich: Digium/000fd3000101.cfg differs\n    @@ ";
    assert!(run.stdout.contains(shown) && run.stdout.ends_with("\n3 cases, 1 failed\n"), "{run:?}");
    assert!(run.stdout.contains("    -    <setting id=\"ntp_resync\" value=\"86400\" />\n    +    <setting id=\"ntp_resync\" value=\"3600\" />\n"));
    let listed = repository.provc(&["plugin", "test", "digium-1.4.0.0", "--format", "json"]).expect(1).json();
    let fine: Vec<(&str, bool)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|case| (case["case"].as_str().unwrap(), case["ok"].as_bool().unwrap()))
        .collect();
    assert_eq!(fine, [("minimal", true), ("nasty", true), ("rich", false)]);
    assert_eq!(listed[2]["differences"][0]["what"], "differs");
    let run = repository.provc(&["plugin", "test", "digium", "--bless"]).expect(0);
    assert!(run.stdout.contains("digium-1.4.0.0 rich: 9 files written\n"), "{run:?}");
    repository.provc(&["plugin", "test"]).expect(0);

    // A file too many, a file too few, a tree without its case, a case that does not build.
    let tests = "plugins/digium/v2_8_1/tests";
    repository.write(&format!("{tests}/minimal/Digium/more.cfg"), "");
    fs::remove_file(repository.path().join(format!("{tests}/minimal/Digium/000000000000.cfg"))).unwrap();
    repository.write(&format!("{tests}/lonely/file"), "");
    repository
        .write(&format!("{tests}/wrong.yaml"), "devices: [{mac: 000fd3000001, vendor: Digium, model: D4}]\n");
    let run = repository.provc(&["plugin", "test", "digium-2.8.1"]).expect(1);
    for told in [
        "digium-2.8.1 lonely: plugins/digium/v2_8_1/tests/lonely.yaml is missing: the tree belongs to no case\n",
        "digium-2.8.1 minimal: Digium/000000000000.cfg is written and not expected\n",
        "digium-2.8.1 minimal: Digium/more.cfg is not written\n",
        "digium-2.8.1 wrong: does not build\n",
        "\n5 cases, 3 failed\n",
    ] {
        assert!(run.stdout.contains(told), "{told}{run:?}");
    }
    assert!(run.stderr.contains("error[PV0602]") && run.stderr.contains("wrong.yaml:1:"), "{}", run.stderr);
}

#[test]
fn plugins_without_sources_have_no_tests() {
    let run = bare(&["plugin", "test", "digium"]).expect(1);
    assert!(run.stderr.contains("error[PV0010]: there are no tests of `digium` here"), "{}", run.stderr);
}
