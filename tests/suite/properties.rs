//! What holds for a whole build whatever the inventory: the same inputs give the same bytes, a build that
//! has nothing to do touches nothing, no path leaves out/, and layers merge as the format says.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use super::nasty;
use super::support::{Repository, copy, provc};
use super::tree::{assert_same, contents, listing};

/// The same cases in every run: a failure is everybody's.
fn runner(cases: u32) -> TestRunner {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// The example of the repository.
fn example() -> Repository {
    let repository = Repository::new(&[]);
    let inventory = repository.path().join("inventory");
    fs::create_dir(&inventory).unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("inventory"), &inventory);
    repository
}

fn built(repository: &Repository, args: &[&str]) -> BTreeMap<String, Vec<u8>> {
    repository.provc(&[&["build"], args].concat()).expect(0);
    contents(&repository.path().join("out"))
}

#[test]
fn a_second_build_changes_nothing_not_even_a_time() {
    for repository in [example(), nasty::repository("2.8.1")] {
        repository.provc(&["build"]).expect(0);
        let before = listing(repository.path());
        for args in
            [&["build"][..], &["build", "--jobs", "1"], &["build", "--durable"], &["build", "--adopt"]]
        {
            let output = repository.provc(&[args, &["--format", "json"]].concat()).expect(0).json();
            assert_eq!((&output["files"]["written"], &output["files"]["removed"]), (&json!(0), &json!(0)));
            assert_eq!(output["changed"], json!([]));
            let after = listing(repository.path());
            let of_out = |tree: &BTreeMap<String, super::tree::Entry>| -> BTreeMap<_, _> {
                let state = tree.clone().into_iter().filter(|(name, _)| !name.starts_with(".out.provc"));
                state.collect()
            };
            // The root holds the state directory, whose lock is written.
            let (mut before, mut after) = (of_out(&before), of_out(&after));
            before.remove("");
            after.remove("");
            assert_same(&before, &after);
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    for make in [example, || nasty::repository("2.2.1.8")] {
        let one = built(&make(), &["--jobs", "1"]);
        for jobs in ["2", "8", "64"] {
            assert_same(&one, &built(&make(), &["--jobs", jobs]));
        }
    }
}

#[test]
fn the_place_of_a_build_does_not_show() {
    let usual = built(&example(), &[]);
    // From elsewhere, by absolute and by relative paths, through a link, with settings that say the same.
    let repository = example();
    let root = repository.path().to_str().unwrap();
    let (inventory, out) = (format!("{root}/inventory"), format!("{root}/absolute"));
    provc(Path::new("/"), &["build", "--inventory", &inventory, "--out", &out]).expect(0);
    assert_same(&usual, &contents(Path::new(&out)));
    fs::create_dir_all(repository.path().join("deep/er")).unwrap();
    provc(
        &repository.path().join("deep/er"),
        &["build", "--inventory", "../../inventory", "--out", "../out", "--state", "state"],
    )
    .expect(0);
    assert_same(&usual, &contents(&repository.path().join("deep/out")));
    symlink(root, repository.path().join("link")).unwrap();
    repository.provc(&["build", "--inventory", "link/inventory", "--out", "link/linked"]).expect(0);
    assert_same(&usual, &contents(&repository.path().join("linked")));
    repository.write("conf/provc.yaml", "inventory: [../inventory]\nout: ../settings\n");
    provc(Path::new("/"), &["build", "--config", &format!("{root}/conf/provc.yaml")]).expect(0);
    assert_same(&usual, &contents(&repository.path().join("settings")));
}

/// The entries of the sections of a nasty inventory, each by itself.
fn entries() -> (Vec<Value>, BTreeMap<String, Vec<u8>>) {
    let repository = nasty::repository("2.2.1.8");
    let text = repository.read("inventory/nasty.yaml");
    let Value::Object(sections) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
    let mut entries = Vec::new();
    for (section, content) in sections {
        match content {
            Value::Array(list) => entries.extend(list.into_iter().map(|entry| json!({&section: [entry]}))),
            Value::Object(map) if section != "site" => {
                entries.extend(map.into_iter().map(|(name, entry)| json!({&section: {name: entry}})));
            }
            other => entries.push(json!({section: other})),
        }
    }
    (entries, built(&repository, &[]))
}

#[test]
fn the_order_and_the_split_of_files_do_not_show() {
    let (entries, usual) = entries();
    let count = entries.len();
    let order = Just((0..count).collect::<Vec<_>>()).prop_shuffle();
    let files = proptest::collection::vec("[a-z]{1,3}(/[A-Z]{1,2}){0,2}", 1..9);
    runner(6)
        .run(&(order, files), |(order, files)| {
            let mut texts: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
            for (n, at) in order.iter().enumerate() {
                let file = texts.entry(format!("inventory/{}.x.yml", files[n % files.len()])).or_default();
                for (section, content) in entries[*at].as_object().unwrap() {
                    match (file.get_mut(section), content) {
                        (Some(Value::Array(there)), Value::Array(more)) => there.extend(more.clone()),
                        (Some(Value::Object(there)), Value::Object(more)) => there.extend(more.clone()),
                        _ => drop(file.insert(section.clone(), content.clone())),
                    }
                }
            }
            let repository = Repository::new(&[]);
            for (name, file) in texts {
                repository.write(&name, &Value::Object(file).to_string());
            }
            assert_same(&usual, &built(&repository, &[]));
            Ok(())
        })
        .unwrap();
}

const ANYWHERE: &str = "\
id: acme-1.0
version: 1.0.0
description: Acme
vendor: Acme
firmware: 1.0
models: {A1: {type: softphone, lines: 2}}
files: {device: [{path: \"{{ device.name }}{{ vars.path }}\", template: a.tera, format: text}]}
";

/// Builds one device whose file is named by these, in `inner` of a fresh directory.
fn build_named(name: &str, path: &str) -> (Repository, super::support::Output) {
    let mut device =
        json!({"id": "x", "vendor": "Acme", "model": "A1", "firmware": "1.0", "vars": {"path": path}});
    if !name.is_empty() {
        device["name"] = name.into();
    }
    let repository = Repository::new(&[
        ("inner/plugins/acme/v1_0/plugin.yaml", ANYWHERE),
        ("inner/plugins/acme/v1_0/templates/a.tera", "text\n"),
        ("inner/inventory/a.yaml", &json!({"devices": [device]}).to_string()),
    ]);
    let output = provc(&repository.path().join("inner"), &["build"]);
    (repository, output)
}

/// What stands outside of out/ and the state directory.
fn outside(repository: &Repository) -> Vec<String> {
    let ours = |name: &String| name.starts_with("inner/out") || name.starts_with("inner/.out.provc");
    listing(repository.path()).into_keys().filter(|name| !ours(name)).collect()
}

#[track_caller]
fn stays_inside(name: &str, path: &str) -> i32 {
    let (repository, output) = build_named(name, path);
    let files = contents(&repository.path().join("inner/out"));
    let named = format!("{name}{path}");
    match output.status {
        // A path that is empty means no file.
        0 if named.trim().is_empty() => assert!(files.is_empty(), "{files:?}"),
        0 => assert_eq!(files.keys().collect::<Vec<_>>(), [&named]),
        1 => {
            assert!(files.is_empty(), "{named:?}: {files:?}");
            // Control characters do not even come past the reader.
            let code = if named.contains(char::is_control) { "error[PV0" } else { "error[PV0701]" };
            assert!(output.stderr.contains(code), "{named:?}: {}", output.stderr);
        }
        status => panic!("{named:?}: {status} {}", output.stderr),
    }
    let (other, _) = build_named("plain", "");
    assert_eq!(outside(&repository), outside(&other), "{named:?}");
    output.status
}

#[test]
fn paths_made_of_values_never_leave_out() {
    let long = "x".repeat(300);
    for (path, inside) in [
        ("../x", false),
        ("/etc/provc-test", false),
        ("a/../../b", false),
        ("a/./b", false),
        ("a//b", false),
        ("..", false),
        (".", false),
        ("./a", false),
        ("a/", false),
        ("/", false),
        ("a\\..\\b", false),
        ("a\0b", false),
        ("a\nb", false),
        ("..\u{0}", false),
        ("~/x", true),
        ("...", true),
        ("..a", true),
        ("%2e%2e/x", true),
        ("$HOME/x", true),
        ("-rf", true),
        (" ", true),
        (".hidden", true),
        (&*long, false),
        (".provc-tmp-1", false),
        ("\u{2025}/x", true),
        ("．．/x", true),
        ("a/b/c/d/e", true),
        ("é/漢", true),
    ] {
        assert_eq!(stays_inside("", path) == 0, inside, "{path:?}");
    }
    assert_eq!(stays_inside("../", "x"), 1);
    assert_eq!(stays_inside(".", "./x"), 1);
}

#[test]
fn paths_made_of_any_text_never_leave_out() {
    let part = || {
        prop_oneof![
            Just(".."),
            Just("."),
            Just("/"),
            Just("a"),
            Just("\\"),
            Just("é"),
            Just("\u{0}"),
            Just("~")
        ]
    };
    let path = proptest::collection::vec(part(), 1..7).prop_map(|parts| parts.concat());
    runner(48)
        .run(&(path, ".{0,4}"), |(path, name)| {
            stays_inside(&name, &path);
            Ok(())
        })
        .unwrap();
}

/// A value under `vars`: text, a list, a mapping or a removal.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => "[a-z]{1,4}".prop_map(Value::from),
        1 => proptest::collection::vec("[a-z]{1,2}".prop_map(Value::from), 0..3).prop_map(Value::from),
        2 => Just(Value::Null),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| layer_of(inner).prop_map(Value::Object))
}

fn layer_of(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::btree_map("[a-d]", value, 0..4).prop_map(|map| map.into_iter().collect())
}

/// What the format says, in its plainest form.
fn lay(under: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (name, value) in over {
        match (under.get_mut(name), value) {
            (Some(Value::Object(below)), Value::Object(above)) => lay(below, above),
            _ => drop(under.insert(name.clone(), value.clone())),
        }
    }
}

fn without_removed(map: Map<String, Value>) -> Value {
    let kept = map.into_iter().filter(|(_, value)| !value.is_null());
    kept.map(|(name, value)| match value {
        Value::Object(map) => (name, without_removed(map)),
        other => (name, other),
    })
    .collect::<Map<_, _>>()
    .into()
}

/// Parents first, each layer once, at its first place.
fn flatten(at: usize, extends: &[Vec<usize>], order: &mut Vec<usize>) {
    if !order.contains(&at) {
        extends[at].iter().for_each(|parent| flatten(*parent, extends, order));
        order.push(at);
    }
}

#[test]
fn layers_merge_as_the_format_says() {
    const LAYERS: usize = 6;
    let layers = proptest::collection::vec(layer_of(value()), LAYERS + 1);
    // A profile extends only later ones, so there is no ring.
    let extends: Vec<_> =
        (0..LAYERS).map(|n| subsequence((n + 1..LAYERS).collect::<Vec<_>>(), 0..=LAYERS - n - 1)).collect();
    let profiles = subsequence((0..LAYERS).collect::<Vec<_>>(), 0..=4).prop_shuffle();
    runner(40)
        .run(&(layers, extends, profiles), |(layers, extends, profiles)| {
            // The first profile is base, which comes before all that a device names.
            let name = |n: &usize| if *n == 0 { "base".to_owned() } else { format!("p{n}") };
            let named: Map<String, Value> = (0..LAYERS)
                .map(|n| {
                    let parents: Vec<_> = extends[n].iter().map(name).collect();
                    (name(&n), json!({"extends": parents, "vars": layers[n]}))
                })
                .collect();
            let used: Vec<_> = profiles.iter().map(name).collect();
            let device = |used: &[String]| {
                json!({"id": "x", "vendor": "Digium", "model": "D40", "profiles": used, "vars": layers[LAYERS]})
            };
            let vars = |used: &[String]| {
                let inventory = json!({"profiles": named, "devices": [device(used)]}).to_string();
                let repository = Repository::new(&[("inventory/a.yaml", &inventory)]);
                let shown = repository.provc(&["show", "x", "--format", "json"]).expect(0).json();
                shown.get("vars").cloned().unwrap_or(json!({}))
            };
            let mut order = Vec::new();
            [0].iter().chain(&profiles).for_each(|profile| flatten(*profile, &extends, &mut order));
            let mut wanted = Map::new();
            order.iter().for_each(|layer| lay(&mut wanted, &layers[*layer]));
            lay(&mut wanted, &layers[LAYERS]);
            let found = vars(&used);
            prop_assert_eq!(&found, &without_removed(wanted), "{}", json!({"profiles": named, "device": device(&used)}));
            // A layer named twice counts once.
            let twice: Vec<String> = used.iter().chain(&used).cloned().collect();
            prop_assert_eq!(vars(&twice), found);
            Ok(())
        })
        .unwrap();
}
