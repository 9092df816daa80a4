//! Whose files are whose: what a build overwrites, adopts, removes and leaves alone.

use std::fs;

use super::failures::{SITE, office, phones};
use super::support::{Output, Repository};
use super::tree::{assert_same, contents, listing};

const ONE: &str = "out/Digium/000fd3000001.cfg";
const TWO: &str = "out/Digium/000fd3000002.cfg";

/// The counts of the summary in JSON: written, unchanged, removed.
fn counts(output: &Output) -> [u64; 3] {
    let json = output.json();
    ["written", "unchanged", "removed"].map(|name| json["files"][name].as_u64().unwrap())
}

#[track_caller]
fn failed_with(output: Output, code: &str) -> Output {
    let output = output.expect(1);
    assert!(output.stderr.contains(&format!("error[{code}]")), "{}", output.stderr);
    output
}

#[test]
fn files_of_others_are_left_alone() {
    let repository = office();
    repository.write(ONE, "by hand\n");
    repository.write("out/notes.txt", "mine\n");
    let before = listing(&repository.path().join("out"));
    let output = failed_with(repository.provc(&["build"]), "PV0808");
    assert!(
        output.stderr.contains("000fd3000001.cfg") && output.stderr.contains("--adopt"),
        "{}",
        output.stderr
    );
    assert_same(&before, &listing(&repository.path().join("out")));

    repository.provc(&["build", "--adopt"]).expect(0);
    assert!(repository.read(ONE).contains("<config>"));
    assert_eq!(repository.read("out/notes.txt"), "mine\n");
    // Adopted is owned: it goes with its device.
    repository.write("inventory/one.yaml", "devices: []\n");
    repository.provc(&["build"]).expect(0);
    assert!(!repository.path().join(ONE).exists());
    assert_eq!(repository.read("out/notes.txt"), "mine\n");
}

#[test]
fn an_equal_file_is_adopted() {
    let repository = office();
    repository.provc(&["build"]).expect(0);
    fs::remove_dir_all(repository.path().join(".out.provc")).unwrap();
    let before = listing(&repository.path().join("out"));
    assert_eq!(counts(&repository.provc(&["build", "--format", "json"]).expect(0)), [0, 6, 0]);
    assert_same(&before, &listing(&repository.path().join("out")));
    repository.write("inventory/one.yaml", "devices: []\n");
    assert_eq!(counts(&repository.provc(&["build", "--format", "json"]).expect(0)), [0, 4, 2]);
}

#[test]
fn a_removed_device_takes_its_files_along() {
    let repository = office();
    repository.provc(&["build"]).expect(0);
    let before = listing(&repository.path().join("out"));
    repository.write("inventory/two.yaml", "devices: []\n");
    let output = repository.provc(&["build", "--format", "json"]).expect(0);
    assert_eq!(counts(&output), [0, 4, 2]);
    assert_eq!(output.json()["changed"], serde_json::json!(["00:0f:d3:00:00:02"]));
    let after = listing(&repository.path().join("out"));
    assert!(!after.keys().any(|name| name.contains("000fd3000002")), "{:?}", after.keys());
    let others = |tree: &std::collections::BTreeMap<String, _>| {
        let rest = tree.clone().into_iter().filter(|(name, _)| name.contains("000fd3000001"));
        rest.collect::<std::collections::BTreeMap<String, super::tree::Entry>>()
    };
    assert_same(&others(&before), &others(&after));
}

#[test]
fn static_files_come_and_go() {
    let repository = office();
    repository.write("static/tones/ring é.wav", "RIFF");
    repository.provc(&["build"]).expect(0);
    assert_eq!(repository.read("out/tones/ring é.wav"), "RIFF");
    assert_eq!(repository.read("out/logo.txt"), "a logo\n");
    repository.write("static/logo.txt", "a new logo\n");
    fs::remove_dir_all(repository.path().join("static/tones")).unwrap();
    assert_eq!(counts(&repository.provc(&["build", "--format", "json"]).expect(0)), [1, 5, 1]);
    assert_eq!(repository.read("out/logo.txt"), "a new logo\n");
    assert!(!repository.path().join("out/tones").exists(), "the directory that provc made is left");
    fs::remove_dir_all(repository.path().join("static")).unwrap();
    repository.provc(&["build"]).expect(0);
    assert!(!repository.path().join("out/logo.txt").exists());
}

#[test]
fn two_owners_of_one_path_are_named() {
    let plugin = |path: &str| {
        format!(
            "id: acme-1.0\nversion: 1.0.0\ndescription: Acme\nvendor: Acme\nfirmware: 1.0\nmodels: {{A1: {{type: softphone, lines: 1}}}}\n\
             static: files/\nfiles: {{device: [{{path: '{path}', template: a.tera, format: text}}]}}\n"
        )
    };
    let devices = "devices: [{id: x, vendor: Acme, model: A1}, {id: y, vendor: Acme, model: A1}]\n";
    let with = |path: &str, template: &str, more: &[(&str, &str)]| {
        let repository = office();
        repository.write("plugins/acme/v1_0/plugin.yaml", &plugin(path));
        repository.write("plugins/acme/v1_0/templates/a.tera", template);
        repository.write("inventory/acme.yaml", devices);
        more.iter().for_each(|(path, text)| repository.write(path, text));
        repository.provc(&["build"])
    };
    let names = |output: Output, code: &str, owners: [&str; 2]| {
        let output = failed_with(output, code);
        assert!(owners.iter().all(|owner| output.stderr.contains(owner)), "{}", output.stderr);
    };
    // Two devices; a device and static/; a device and its plugin; static/ and another family's device.
    names(with("same.txt", "{{ device.id }}\n", &[]), "PV0806", ["device x", "device y"]);
    let logo = with("{{ device.id }}.txt", "{{ device.id }}\n", &[("static/x.txt", "other\n")]);
    names(logo, "PV0806", ["device x", "static/"]);
    let own = with("{{ device.id }}.txt", "a\n", &[("plugins/acme/v1_0/files/y.txt", "b\n")]);
    names(own, "PV0806", ["device y", "plugin acme-1.0"]);
    let cross = with("{{ device.id }}.txt", "a\n", &[("static/Digium/000fd3000001.cfg", "b\n")]);
    names(cross, "PV0806", ["device 00:0f:d3:00:00:01", "static/"]);
    // A file where another needs a directory.
    names(with("{{ device.id }}", "a\n", &[("static/x/y.txt", "b\n")]), "PV0807", ["device x", "static/"]);
    // Equal bytes are nobody's quarrel.
    with("same.txt", "same\n", &[("static/same.txt", "same\n")]).expect(0);
}

#[test]
fn keep_going_builds_the_healthy_and_keeps_the_others_files() {
    let repository = office();
    repository.provc(&["build"]).expect(0);
    let old_two = listing(&repository.path().join("out/Digium"))["000fd3000002.cfg"].clone();
    // One changes, two breaks, three is new, the static file goes.
    repository.write("inventory/site.yaml", &SITE.replace("192.0.2.10", "192.0.2.20"));
    repository.write("inventory/two.yaml", "devices: [{mac: 000fd3000002, lines: [alcie]}]\n");
    repository.write("inventory/three.yaml", &phones([3]));
    fs::remove_file(repository.path().join("static/logo.txt")).unwrap();
    let output = repository.provc(&["build", "--keep-going"]).expect(1);
    assert!(output.stderr.contains("did you mean `alice`?"), "{}", output.stderr);
    assert!(repository.read(ONE).contains("192.0.2.20"));
    assert!(repository.path().join("out/Digium/000fd3000003.cfg").is_file());
    assert_eq!(listing(&repository.path().join("out/Digium"))["000fd3000002.cfg"], old_two);
    assert!(!repository.path().join("out/logo.txt").exists(), "static/ is whole: its stale file goes");

    // Mended, it is built; taken away, it goes.
    repository.write("inventory/two.yaml", &phones([2]));
    repository.provc(&["build"]).expect(0);
    assert!(repository.read(TWO).contains("192.0.2.20"));
    repository.write("inventory/two.yaml", "devices: []\n");
    repository.provc(&["build"]).expect(0);
    assert!(!repository.path().join(TWO).exists());
}

#[test]
fn keep_going_removes_nothing_while_a_file_cannot_be_read() {
    let repository = office();
    repository.provc(&["build"]).expect(0);
    let before = contents(&repository.path().join("out"));
    repository.write("inventory/one.yaml", &phones([1, 3]));
    for broken in ["devices: [\n", "devices:\n\t- {}\n", "a: 1\na: 2\n<<: ]\n"] {
        repository.write("inventory/two.yaml", broken);
        fs::remove_file(repository.path().join("static/logo.txt")).ok();
        repository.provc(&["build", "--keep-going"]).expect(1);
        let after = contents(&repository.path().join("out"));
        assert!(before.keys().all(|name| after.contains_key(name)), "{broken:?}: {:?}", after.keys());
    }
    assert!(repository.path().join("out/Digium/000fd3000003.cfg").is_file());
}

#[test]
fn a_mass_removal_has_to_be_asked_for() {
    let repository = Repository::new(&[("inventory/site.yaml", SITE), ("inventory/a.yaml", &phones(0..40))]);
    repository.provc(&["build"]).expect(0);
    let before = listing(&repository.path().join("out"));
    for (devices, part) in [(phones(0..10), "60 of the 81"), ("devices: []\n".into(), "no device at all")] {
        repository.write("inventory/a.yaml", &devices);
        for args in [&["build"][..], &["build", "--keep-going"], &["build", "--dry-run"]] {
            let output = failed_with(repository.provc(args), "PV0811");
            assert!(
                output.stderr.contains(part) && output.stderr.contains("--allow-removals"),
                "{}",
                output.stderr
            );
            assert_same(&before, &listing(&repository.path().join("out")));
        }
    }
    // A few are anybody's business.
    repository.write("inventory/a.yaml", &phones(3..40));
    repository.provc(&["build"]).expect(0);
    repository.write("inventory/a.yaml", &phones(3..5));
    repository.provc(&["build", "--allow-removals"]).expect(0);
    assert_eq!(contents(&repository.path().join("out")).len(), 5);
}

#[test]
fn the_last_devices_do_not_go_by_accident() {
    let repository = office();
    repository.provc(&["build"]).expect(0);
    let before = listing(&repository.path().join("out"));
    fs::remove_file(repository.path().join("inventory/one.yaml")).unwrap();
    fs::remove_file(repository.path().join("inventory/two.yaml")).unwrap();
    failed_with(repository.provc(&["build"]), "PV0811");
    assert_same(&before, &listing(&repository.path().join("out")));
    repository.provc(&["build", "--allow-removals"]).expect(0);
    assert_eq!(contents(&repository.path().join("out")).into_keys().collect::<Vec<_>>(), ["logo.txt"]);
}

#[test]
fn a_dry_run_tells_and_touches_nothing() {
    let repository = office();
    let before = listing(repository.path());
    let output = repository.provc(&["build", "--dry-run", "--format", "json"]).expect(0);
    assert_eq!(counts(&output), [6, 0, 0]);
    assert_same(&before, &listing(repository.path()));

    repository.provc(&["build"]).expect(0);
    repository.write("inventory/one.yaml", &phones([3]));
    let before = listing(repository.path());
    let output = repository.provc(&["build", "--dry-run", "--verbose"]).expect(0);
    for line in ["would write Digium/000fd3000003.cfg", "would remove Digium/000fd3000001.cfg"] {
        assert!(output.stderr.contains(line), "{}", output.stderr);
    }
    assert_same(&before, &listing(repository.path()));
    let would = repository.provc(&["build", "--dry-run", "--format", "json"]).expect(0);
    assert_eq!(counts(&would), counts(&repository.provc(&["build", "--format", "json"]).expect(0)));
}

#[test]
fn a_file_changed_by_hand_is_put_right_and_one_deleted_comes_back() {
    let repository = office();
    repository.provc(&["build"]).expect(0);
    let right = contents(&repository.path().join("out"));
    repository.write(ONE, "edited\n");
    fs::remove_file(repository.path().join(TWO)).unwrap();
    let output = repository.provc(&["build", "--verify", "--format", "json"]).expect(0);
    assert_eq!(counts(&output), [2, 4, 0]);
    assert_same(&right, &contents(&repository.path().join("out")));
}

#[test]
fn one_sites_mistake_stops_only_that_site() {
    let settings = "sites:\n  lyon: {inventory: [common, lyon], out: out/lyon}\n  paris: {inventory: [common, paris], out: out/paris}\n";
    let repository = Repository::new(&[
        ("provc.yaml", settings),
        ("common/site.yaml", SITE),
        ("lyon/a.yaml", &phones([1])),
        ("paris/a.yaml", &phones([1, 2])),
    ]);
    repository.provc(&["build"]).expect(0);
    let lyon = listing(&repository.path().join("out/lyon"));
    repository.write("lyon/a.yaml", "devices: [{mac: 1}]\n");
    repository.write("paris/a.yaml", &phones([2, 3]));
    let output = repository.provc(&["build", "--format", "json"]).expect(1).json();
    assert_eq!(
        (&output["sites"]["lyon"]["ok"], &output["sites"]["paris"]["ok"]),
        (&false.into(), &true.into())
    );
    assert_same(&lyon, &listing(&repository.path().join("out/lyon")));
    assert!(repository.path().join("out/paris/Digium/000fd3000003.cfg").is_file());
    assert!(!repository.path().join("out/paris/Digium/000fd3000001.cfg").exists());
}
