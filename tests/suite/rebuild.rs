//! Builds after builds, from the command line: what counts as changed, who is rebuilt, what is left alone.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::{Output, Repository, command, run};
use crate::tree::{assert_same, contents, listing};

const INVENTORY: &str = "\
site: {http_url: \"http://10.0.0.1\"}
profiles:
  base: {vendor: Digium, model: D65, sip: {proxy: 10.0.0.1}}
  loud: {locale: fr_FR}
lines:
  a: {number: \"1001\", password: {env: ZQ_ENV}}
  b: {number: \"1002\", password: {file: secret.txt}}
  c: {number: \"1003\", password: {command: [sh, fetch.sh]}}
  d: {number: \"1004\", password: plain}
";
const DEVICES: &str = "\
devices:
  - {mac: 00:0f:d3:00:00:01, lines: [a]}
  - {mac: 00:0f:d3:00:00:02, lines: [b]}
  - {mac: 00:0f:d3:00:00:03, lines: [c]}
  - {mac: 00:0f:d3:00:00:04, lines: [d], profiles: [loud]}
  - {mac: 00:0f:d3:00:00:05, lines: [d]}
";
/// Tells how often it ran.
const FETCH: &str = "echo run >> runs\ncat answer\n";

fn mac(n: u32) -> Value {
    format!("00:0f:d3:00:00:{n:02x}").into()
}

fn repository() -> Repository {
    Repository::new(&[
        ("inventory/all.yaml", INVENTORY),
        ("inventory/phones/devices.yaml", DEVICES),
        ("inventory/secret.txt", "zq-file-1\n"),
        ("fetch.sh", FETCH),
        ("answer", "zq-command-1\n"),
        ("static/logo.txt", "logo"),
    ])
}

fn build_with(repository: &Repository, password: &str, args: &[&str]) -> Output {
    run(command(repository.path(), args).env("ZQ_ENV", password))
}

/// Builds and tells whose files changed, and how many were written, left alone and removed.
#[track_caller]
fn build(repository: &Repository, args: &[&str]) -> (Value, [u64; 3]) {
    result(&build_with(repository, "zq-env-1", &[&["build", "--format", "json"], args].concat()))
}

#[track_caller]
fn result(output: &Output) -> (Value, [u64; 3]) {
    let json = output.json();
    assert_eq!(json["ok"], true, "{}", output.stderr);
    let count = |name: &str| json["files"][name].as_u64().unwrap();
    (json["changed"].clone(), ["written", "unchanged", "removed"].map(count))
}

fn runs(repository: &Repository) -> usize {
    repository.read("runs").lines().count()
}

#[test]
fn nothing_changed_looks_at_nothing_in_out_unless_asked_to() {
    let repository = repository();
    let (_, [written, ..]) = build(&repository, &[]);
    let before = listing(&repository.path().join("out"));
    assert_eq!(build(&repository, &[]), (json!([]), [0, written, 0]));
    assert_same(&before, &listing(&repository.path().join("out")));
    let right = contents(&repository.path().join("out"));

    let files = repository.files("out");
    let [first, second, third, ..] = files.as_slice() else { panic!("{files:?}") };
    let at = |name: &std::path::PathBuf| repository.path().join("out").join(name);
    fs::write(at(first), "edited by hand").unwrap();
    fs::remove_file(at(second)).unwrap();
    fs::set_permissions(at(third), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(build(&repository, &[]).1, [0, written, 0]);
    assert!(!at(second).exists());
    assert_eq!(build(&repository, &["--verify"]).1, [2, written - 2, 0]);
    assert_same(&right, &contents(&repository.path().join("out")));
    assert_ne!(fs::metadata(at(third)).unwrap().permissions().mode() & 0o777, 0o777);
    assert_eq!(build(&repository, &["--verify"]).1, [0, written, 0]);
}

#[test]
fn an_out_directory_that_is_gone_or_replaced_is_built_anew() {
    let repository = repository();
    let (_, [written, ..]) = build(&repository, &[]);
    let right = contents(&repository.path().join("out"));
    let out = repository.path().join("out");
    fs::remove_dir_all(&out).unwrap();
    assert_eq!(build(&repository, &[]).1, [written, 0, 0]);
    assert_same(&right, &contents(&out));
    fs::rename(&out, repository.path().join("old")).unwrap();
    fs::create_dir(&out).unwrap();
    assert_eq!(build(&repository, &[]).1, [written, 0, 0]);
    assert_same(&right, &contents(&out));
}

#[test]
fn a_change_rebuilds_those_that_it_reaches() {
    let repository = repository();
    build(&repository, &[]);
    let edit = |path: &str, from: &str, to: &str| {
        let text = repository.read(path);
        assert!(text.contains(from), "{path} has no {from}");
        repository.write(path, &text.replace(from, to));
    };
    edit("inventory/all.yaml", "password: plain", "password: better");
    assert_eq!(build(&repository, &[]).0, json!([mac(4), mac(5)]));
    edit("inventory/all.yaml", "fr_FR", "de_DE");
    assert_eq!(build(&repository, &[]).0, json!([mac(4)]));
    edit("inventory/phones/devices.yaml", "lines: [d]}", "lines: [a, d]}");
    assert_eq!(build(&repository, &[]).0, json!([mac(5)]));
    edit("inventory/all.yaml", "proxy: 10.0.0.1", "proxy: 10.0.0.2");
    assert_eq!(build(&repository, &[]).0, json!([mac(1), mac(2), mac(3), mac(4), mac(5)]));
    // Neither a comment nor another order is a change of a phone.
    edit("inventory/phones/devices.yaml", "devices:\n", "# the desks\ndevices:\n\n");
    let (changed, [written, unchanged, removed]) = build(&repository, &[]);
    assert_eq!((changed, written, removed), (json!([]), 0, 0));
    edit("static/logo.txt", "logo", "other");
    assert_eq!(build(&repository, &[]), (json!([]), [1, unchanged - 1, 0]));
    assert_eq!(repository.read("out/logo.txt"), "other");
    edit("inventory/phones/devices.yaml", "  - {mac: 00:0f:d3:00:00:05, lines: [a, d]}\n", "");
    let (changed, [_, _, removed]) = build(&repository, &[]);
    assert_eq!(changed, json!([mac(5)]));
    assert!(removed > 0);
}

#[test]
fn secrets_are_inputs() {
    let repository = repository();
    build(&repository, &[]);
    assert_eq!(runs(&repository), 1);
    // Until the clock of files has moved on, their times prove nothing, and a command runs once more.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    build(&repository, &[]);
    assert_eq!(runs(&repository), 2);
    let other = build_with(&repository, "zq-env-2", &["build", "--format", "json"]);
    assert_eq!(result(&other).0, json!([mac(1)]));
    assert_eq!(result(&build_with(&repository, "zq-env-2", &["build", "--format", "json"])).0, json!([]));
    assert_eq!(build(&repository, &[]).0, json!([mac(1)]), "the variable is what it was");
    repository.write("inventory/secret.txt", "zq-file-2\n");
    assert_eq!(build(&repository, &[]).0, json!([mac(2)]));

    // What a command would answer is only seen when it runs.
    repository.write("answer", "zq-command-2\n");
    assert_eq!(build(&repository, &[]).0, json!([]));
    assert_eq!(build(&repository, &["--refresh-secrets"]).0, json!([mac(3)]));
    repository.write("answer", "zq-command-3\n");
    repository.write("fetch.sh", &format!("# Now with a comment.\n{FETCH}"));
    assert_eq!(build(&repository, &[]).0, json!([mac(3)]));

    // One phone that changes lets the command run, and then all who use it are found to have changed.
    repository.write("inventory/phones/more.yaml", "devices: [{mac: 00:0f:d3:00:00:06, lines: [c]}]\n");
    repository.write("answer", "zq-command-4\n");
    assert_eq!(build(&repository, &[]).0, json!([mac(3), mac(6)]));
}

#[test]
fn a_secret_that_is_gone_is_a_mistake_again() {
    let repository = repository();
    build(&repository, &[]);
    let before = contents(&repository.path().join("out"));
    fs::remove_file(repository.path().join("inventory/secret.txt")).unwrap();
    let output = build_with(&repository, "zq-env-1", &["build"]).expect(1);
    assert!(output.stderr.contains("PV0314"), "{}", output.stderr);
    let output = run(&mut command(repository.path(), &["build"])).expect(1);
    assert!(output.stderr.contains("`ZQ_ENV` is not set"), "{}", output.stderr);
    assert_same(&before, &contents(&repository.path().join("out")));
}

#[test]
fn what_builds_keep_holds_no_secret() {
    let repository = repository();
    build(&repository, &[]);
    repository.write("inventory/phones/more.yaml", "devices: [{mac: 00:0f:d3:00:00:06, lines: [a, b]}]\n");
    build(&repository, &[]);
    let kept = contents(&repository.path().join(".out.provc"));
    assert!(
        ["state", "index", "index.changes"].iter().all(|name| kept.contains_key(*name)),
        "{:?}",
        kept.keys()
    );
    for (name, bytes) in kept {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("zq-"), "{name} holds a secret");
    }
    let about = fs::metadata(repository.path().join(".out.provc/state")).unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
}

#[test]
fn damaged_or_foreign_state_costs_a_whole_build_and_nothing_else() {
    let repository = repository();
    build(&repository, &[]);
    let right = contents(&repository.path().join("out"));
    let state = repository.path().join(".out.provc");
    let kept: BTreeMap<String, Vec<u8>> = contents(&state);
    for name in ["state", "index", "index.changes", "manifest.changes"] {
        // The last two are there once something was changed.
        let whole = kept.get(name).cloned().unwrap_or_else(|| vec![7; 400]);
        let damages: [Vec<u8>; 4] = [
            Vec::new(),
            whole[..whole.len() / 2].to_vec(),
            whole
                .iter()
                .enumerate()
                .map(|(at, byte)| if at == whole.len() / 3 { byte ^ 1 } else { *byte })
                .collect(),
            [whole.as_slice(), b"more"].concat(),
        ];
        for (n, damaged) in damages.iter().enumerate() {
            fs::write(state.join(name), damaged).unwrap();
            let number = 70 + n;
            let line = format!("devices: [{{mac: 00:0f:d3:00:00:07, name: n{number}, lines: [d]}}]\n");
            repository.write("inventory/phones/more.yaml", &line);
            build(&repository, &[]);
            assert!(repository.files("out").len() > right.len());
            fs::remove_file(repository.path().join("inventory/phones/more.yaml")).unwrap();
            build(&repository, &[]);
            assert_same(&right, &contents(&repository.path().join("out")));
        }
    }
}

#[test]
fn warnings_are_not_forgotten_when_their_phones_are_not_built_again() {
    let repository = repository();
    repository.write(
        "inventory/phones/warned.yaml",
        "devices: [{mac: 00:0f:d3:00:00:08, lines: [d], timezone: Africa/Casablanca}]\n",
    );
    let first = build_with(&repository, "zq-env-1", &["build"]).expect(0);
    assert!(first.stderr.contains("warning["), "{}", first.stderr);
    let again = build_with(&repository, "zq-env-1", &["build"]).expect(0);
    assert!(again.stderr.contains("1 device has warnings from an earlier build"), "{}", again.stderr);
    repository.write("inventory/phones/warned.yaml", "devices: [{mac: 00:0f:d3:00:00:08, lines: [d]}]\n");
    let mended = build_with(&repository, "zq-env-1", &["build"]).expect(0);
    assert!(!mended.stderr.contains("warning"), "{}", mended.stderr);
}

#[test]
fn the_lock_of_an_editor_is_no_file_of_the_inventory() {
    let repository = repository();
    let (_, [written, ..]) = build(&repository, &[]);
    // Emacs: a link to nowhere, for as long as there are changes that were not saved.
    std::os::unix::fs::symlink("me@desk.1:2", repository.path().join("inventory/.#all.yaml")).unwrap();
    assert_eq!(build(&repository, &[]), (json!([]), [0, written, 0]));
    build_with(&repository, "zq-env-1", &["check"]).expect(0);
}
