//! Builds that fail: each says what is wrong and leaves out/ as it was, to the inode.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use provc::output;
use provc::pipeline::{self, Action, Site};

use super::support::{Output, Repository, command, run};
use super::tree::{assert_same, is_root, listing, skip};

pub const SITE: &str = "\
site: {name: test, http_url: 'http://192.0.2.1:8667'}
profiles: {base: {vendor: Digium, model: D40, firmware: 1.4.0.0, sip: {proxy: 192.0.2.10}}}
lines: {alice: {number: '1001', username: alice, password: secret1}}
";

pub const ACME: &str = "\
id: acme-1.0
version: 1.0.0
description: Acme
vendor: Acme
firmware: 1.0
models: {A1: {type: softphone, lines: 2}}
";

const ACME_DEVICE: &str = "devices: [{id: acme, vendor: Acme, model: A1, firmware: 1.0}]\n";

/// A device file with phones of these numbers.
pub fn phones(numbers: impl IntoIterator<Item = u32>) -> String {
    let entries = numbers.into_iter().map(|n| format!("  - {{mac: '000fd30{n:05x}', lines: [alice]}}\n"));
    format!("devices:\n{}", entries.collect::<String>())
}

/// A repository with two phones in files of their own, and a file in static/.
pub fn office() -> Repository {
    Repository::new(&[
        ("inventory/site.yaml", SITE),
        ("inventory/one.yaml", &phones([1])),
        ("inventory/two.yaml", &phones([2])),
        ("static/logo.txt", "a logo\n"),
    ])
}

/// Adds a plugin with one file for a device, and a device of it.
fn add_acme(repository: &Repository, path: &str, template: &str) {
    let files = format!("{ACME}files: {{device: [{{path: '{path}', template: a.tera, format: text}}]}}\n");
    repository.write("plugins/acme/v1_0/plugin.yaml", &files);
    repository.write("plugins/acme/v1_0/templates/a.tera", template);
    repository.write("inventory/acme.yaml", ACME_DEVICE);
}

/// Runs a command that must fail with this code and leave out/ as it was.
#[track_caller]
fn refused(repository: &Repository, command: &mut Command, code: &str) -> Output {
    let out = repository.path().join("out");
    let before = listing(&out);
    let output = run(command).expect(1);
    assert!(output.stderr.contains(&format!("error[{code}]")), "{}", output.stderr);
    assert!(!output.stderr.contains("secret1"), "{}", output.stderr);
    assert_same(&before, &listing(&out));
    output
}

#[track_caller]
fn build_refused(repository: &Repository, code: &str) -> Output {
    refused(repository, &mut command(repository.path(), &["build"]), code)
}

#[test]
fn a_bad_inventory_changes_nothing() {
    let repository = office();
    repository.provc(&["build"]).expect(0);
    // A change that could be built beside mistakes in two other files.
    repository.write("inventory/one.yaml", &phones([1, 3]));
    repository.write("inventory/two.yaml", "devices: [{mac: 000fd3000002, lines: [alcie]}]\n");
    repository.write("inventory/three.yaml", "devices: [{mac: 000fd300000, nmae: x}]\n");
    let output = build_refused(&repository, "PV0306");
    for part in
        ["two.yaml:1:", "did you mean `alice`?", "three.yaml:1:17", "three.yaml:1:30", "did you mean `name`?"]
    {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
    assert!(output.stderr.ends_with("nothing in out was changed\n"), "{}", output.stderr);

    // A file that is no YAML at all, a file that is no text, a directory that is not there.
    repository.write("inventory/three.yaml", "devices: [\n");
    build_refused(&repository, "PV0106");
    fs::write(repository.path().join("inventory/three.yaml"), b"x: \xff\n").unwrap();
    build_refused(&repository, "PV0103");
    refused(&repository, &mut command(repository.path(), &["build", "--inventory", "inventry"]), "PV0223");
}

#[test]
fn a_first_build_that_fails_makes_no_files() {
    let repository = office();
    repository.write("inventory/two.yaml", "devices: [{mac: 000fd3000002, lines: [alcie]}]\n");
    repository.provc(&["build"]).expect(1);
    let left = listing(&repository.path().join("out"));
    assert!(left.values().all(|entry| entry.is_directory()), "{left:?}");
}

#[test]
fn a_broken_template_changes_nothing() {
    let repository = office();
    repository.provc(&["build"]).expect(0);
    repository.write("inventory/one.yaml", &phones([3]));
    for (template, code, part) in [
        ("{% if %}\n", "PV0501", "a.tera:1:"),
        ("{{ network.vln }}\n", "PV0506", "a.tera:1:"),
        ("{{ device.id | shout }}\n", "PV0502", "shout"),
        ("one\n{{ throw(message=\"not today\") }}\n", "PV0507", "not today"),
    ] {
        add_acme(&repository, "a.txt", template);
        let output = build_refused(&repository, code);
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
}

#[test]
fn a_path_out_of_the_tree_is_refused() {
    let repository = office();
    repository.provc(&["build"]).expect(0);
    repository.write("inventory/one.yaml", &phones([3]));
    for (path, code) in [
        ("../a.txt", "PV0410"),
        ("/tmp/a.txt", "PV0410"),
        ("{{ device.id }}/../../a.txt", "PV0410"),
        ("{{ \"..\" }}/a.txt", "PV0701"),
        ("{{ \"/a\" }}.txt", "PV0701"),
    ] {
        add_acme(&repository, path, "text\n");
        build_refused(&repository, code);
    }
    assert!(!repository.path().join("a.txt").exists());
}

#[test]
fn out_as_a_file_is_refused() {
    let repository = office();
    repository.write("out", "mine\n");
    build_refused(&repository, "PV0813");
    assert_eq!(repository.read("out"), "mine\n");
}

#[test]
fn out_as_a_link_is_the_administrators_and_links_below_it_are_refused() {
    let repository = office();
    fs::create_dir(repository.path().join("elsewhere")).unwrap();
    symlink("elsewhere", repository.path().join("out")).unwrap();
    repository.provc(&["build"]).expect(0);
    assert!(repository.path().join("elsewhere/Digium/000fd3000001.cfg").is_file());
    assert!(repository.path().join("out").is_symlink());

    let repository = office();
    fs::create_dir_all(repository.path().join("out")).unwrap();
    fs::create_dir(repository.path().join("elsewhere")).unwrap();
    symlink("../elsewhere", repository.path().join("out/Digium")).unwrap();
    build_refused(&repository, "PV0809");
    assert!(listing(&repository.path().join("elsewhere")).len() == 1);

    let dangling = office();
    symlink("nowhere", dangling.path().join("out")).unwrap();
    let output = dangling.provc(&["build"]).expect(1);
    assert!(output.stderr.contains("error[PV0813]"), "{}", output.stderr);
    assert!(!dangling.path().join("nowhere").exists());
}

#[test]
fn a_build_that_may_not_write_changes_nothing() {
    let repository = office();
    // Two directories, of which only one will be closed: the open one must not change either.
    repository.write("static/open/a.txt", "one\n");
    repository.provc(&["build"]).expect(0);
    repository.write("static/open/a.txt", "two\n");
    repository.write("static/new/b.txt", "new\n");
    repository.write("inventory/one.yaml", &phones([3]));
    let binary = repository.path().join("provc");
    if is_root() {
        // Root may write anywhere: someone else has to try, with a binary that they can reach.
        fs::copy(env!("CARGO_BIN_EXE_provc"), &binary).unwrap();
        fs::set_permissions(repository.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for entry in walkdir::WalkDir::new(repository.path()) {
            chown(entry.unwrap().path(), Some(65_534), Some(65_534)).unwrap();
        }
    }
    let build = || {
        let mut build = command(repository.path(), &["build"]);
        if is_root() {
            build = Command::new("setpriv");
            build.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&binary).arg("build");
            build.current_dir(repository.path()).env("NO_COLOR", "1");
        }
        build
    };
    // A directory of its own provc may open again; one of another user it may not. Only root can make those.
    let close = |name: &str, owner: u32, mode: u32| {
        let path = repository.path().join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        if is_root() {
            chown(&path, Some(owner), Some(owner)).unwrap();
        }
    };
    let all = ["out", ".out.provc", ".out.provc/staging", "out/Digium", "out/open"];
    for closed in all.iter().take(if is_root() { 5 } else { 3 }) {
        close(closed, 0, 0o555);
        let output = refused(&repository, &mut build(), "PV0822");
        assert!(output.stderr.contains(&format!("`{closed}")), "{closed}: {}", output.stderr);
        close(closed, 65_534, 0o755);
    }
    run(&mut build()).expect(0);
    assert_eq!(repository.read("out/open/a.txt"), "two\n");
}

/// In a mount namespace of its own, builds on a file system of 128 KiB with ever more room, until there is
/// enough. Prints how many builds failed.
const FULL_DISK: &str = r#"
set -eu
mount -t tmpfs -o size=128k tmpfs small
provc() { "$PROVC" build --quiet --out small/out "$@"; }
list() { find small/out -printf '%p %y %m %i %T@ %s\n' | sort; find small/out -type f -exec sha1sum {} + | sort; }
provc
list > before
cp more.yaml inventory/more.yaml
filler=32 failures=0
while [ "$filler" -ge 0 ]; do
    head -c "$((filler * 4096))" /dev/zero > small/filler 2> /dev/null || true
    if provc 2> said; then
        break
    fi
    failures=$((failures + 1))
    grep -q 'error\[PV0820\]' said || { echo "other error"; cat said; exit 3; }
    list > after
    diff before after || { echo "changed with $filler"; exit 3; }
    : > small/filler
    filler=$((filler - 1))
done
[ "$filler" -ge 0 ] || { echo "never enough room"; cat said; exit 3; }
[ -e small/out/Digium/000fd3000005.cfg ] || { echo "not built"; exit 3; }
ls -A small/.out.provc
echo "$failures failures"
"#;

#[test]
fn a_full_disk_changes_nothing() {
    let repository = office();
    repository.write("more.yaml", &phones([3, 4, 5]));
    fs::create_dir(repository.path().join("small")).unwrap();
    let apart = |script: &str| {
        let mut unshare = Command::new("unshare");
        unshare.arg(if is_root() { "-m" } else { "-Urm" }).args(["sh", "-c", script]);
        unshare.current_dir(repository.path()).env("PROVC", env!("CARGO_BIN_EXE_provc")).env("NO_COLOR", "1");
        unshare.output()
    };
    if !apart("mount -t tmpfs tmpfs small").is_ok_and(|output| output.status.success()) {
        return skip("a_full_disk_changes_nothing", "no file system can be mounted here");
    }
    let output = apart(FULL_DISK).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let failures = said.lines().last().and_then(|line| line.strip_suffix(" failures")).unwrap();
    assert!(failures.parse::<u32>().unwrap() >= 5, "{said}");
}

#[test]
fn the_second_of_two_builds_waits_and_says_for_whom() {
    let repository = office();
    let slow = SITE.replace("secret1", "{command: [sh, -c, 'sleep 2; echo slow']}");
    repository.write("inventory/site.yaml", &slow);
    let mut build = command(repository.path(), &["build"]);
    let mut first = build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let lock = repository.path().join(".out.provc/lock");
    while fs::read_to_string(&lock).unwrap_or_default().is_empty() {
        assert!(first.try_wait().unwrap().is_none(), "the first build never took the lock");
        std::thread::sleep(Duration::from_millis(5));
    }
    // One that waits less than the others' 60 seconds.
    let site = Site { inventory: vec![repository.path().join("inventory")], ..Site::default() };
    let output = output::Options {
        lock_wait: Duration::from_millis(100),
        ..output::Options::new(repository.path().join("out"))
    };
    let report = pipeline::run(&site, &Action::build(output));
    let locked = report.diagnostics.iter().find(|found| found.code.0 == "PV0802").unwrap();
    assert!(locked.message.contains(&format!("process {}", first.id())), "{}", locked.message);
    assert!(!report.committed);

    repository.provc(&["build"]).expect(0);
    assert!(first.wait().unwrap().success());
    assert!(repository.read("out/Digium/000fd3000001.cfg").contains("password=\"slow\""));
}

#[test]
fn a_killed_build_leaves_whole_files_and_the_next_one_repairs() {
    let repository = Repository::new(&[("inventory/site.yaml", SITE), ("inventory/a.yaml", &phones(0..150))]);
    repository.provc(&["build"]).expect(0);
    let out = repository.path().join("out");
    let old = super::tree::contents(&out);
    let changed = SITE.replace("192.0.2.10", "192.0.2.77");
    let fresh = Repository::new(&[("inventory/site.yaml", &changed), ("inventory/a.yaml", &phones(50..200))]);
    fresh.provc(&["build"]).expect(0);
    let new = super::tree::contents(&fresh.path().join("out"));
    let sites = [(SITE, phones(0..150)), (&changed, phones(50..200))];
    let mut interrupted = 0;
    for round in 0..16_u64 {
        let (site, devices) = &sites[usize::from(round % 2 == 0)];
        repository.write("inventory/site.yaml", site);
        repository.write("inventory/a.yaml", devices);
        let mut build = command(repository.path(), &["build", "--allow-removals"]);
        let mut build = build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(20 + 15 * round));
        build.kill().unwrap();
        interrupted += u32::from(!build.wait().unwrap().success());
        for (name, bytes) in super::tree::contents(&out) {
            let known = [old.get(&name), new.get(&name)];
            assert!(known.contains(&Some(&bytes)), "{name} is neither old nor new");
        }
    }
    assert!(interrupted > 0, "no build was caught at work");
    repository.write("inventory/site.yaml", &changed);
    repository.write("inventory/a.yaml", &phones(50..200));
    repository.provc(&["build", "--allow-removals"]).expect(0);
    assert_same(&new, &super::tree::contents(&out));
    let staging = listing(&repository.path().join(".out.provc/staging"));
    assert_eq!(staging.len(), 1, "temporary files are left: {:?}", staging.keys());
}

#[test]
fn no_mistake_is_a_panic() {
    let repository = office();
    let long = "x".repeat(5000);
    for text in [
        "",
        "---\n",
        "[]",
        "devices:",
        "devices: {}",
        "devices: [~]",
        "devices: [[]]",
        "lines: {a: {b: {c: ~}}}",
        "devices: [{mac: ~}]",
        "devices: [{}]",
        "profiles: {base: {extends: [base]}}",
        "- - - -",
        "a: &a [*a]",
        "function_keys: {a: {99999999999: {type: blf}}}",
        "? [a]\n: b",
        "%YAML 9.9\n---\n",
        "\u{feff}devices: []",
        "devices: [{id: x, vendor: Digium, model: D40, function_keys: {0: {type: blf}}}]",
        "site: {http_url: ''}",
        "devices: [{id: '', vendor: Digium, model: D40}]",
        &long,
    ] {
        repository.write("inventory/odd.yaml", text);
        let output = repository.provc(&["build", "--dry-run"]);
        assert!([0, 1].contains(&output.status), "{text:?}: {output:?}");
        assert!(!output.stderr.contains("panicked"), "{text:?}: {output:?}");
        assert_eq!(output.status == 1, output.stderr.contains("error["), "{text:?}: {output:?}");
    }
    assert!(!Path::new(&repository.path().join("out")).exists(), "a dry run made out/");
}
