//! Builds in shards with the real binary, in processes of their own: whatever the number of shards, the merged
//! tree is that of one build.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use provc::output::Shard;

use super::failures::{ACME, office, phones};
use super::support::{Output, Repository, command, run};
use super::tree::{Entry, assert_same, contents, listing};

/// Phones, shared files of two plugins, files that several devices share, static files, awkward names.
pub fn fleet() -> Repository {
    let repository = office();
    repository.write("inventory/two.yaml", &phones(2..30));
    repository.write("static/tones/ring é & 1.wav", "tone\n");
    let files = "files:\n  common: [{path: acme/common.txt, template: c.tera, format: text}]\n  device:\n\
        \x20   - {path: 'acme/{{ device.id }}/own.txt', template: a.tera, format: text, sensitive: true}\n\
        \x20   - {path: 'acme/all.txt', template: b.tera, format: text}\n";
    repository.write("plugins/acme/v1_0/plugin.yaml", &format!("{ACME}{files}"));
    repository.write("plugins/acme/v1_0/templates/a.tera", "{{ device.id }}\n");
    repository.write("plugins/acme/v1_0/templates/b.tera", "for all\n");
    repository.write("plugins/acme/v1_0/templates/c.tera", "common\n");
    let device = |name: &str| format!("  - {{id: {name}, vendor: Acme, model: A1, firmware: 1.0}}\n");
    let devices: String = ["desk", "door", "lift", "gate", "bell"].map(device).concat();
    repository.write("inventory/acme.yaml", &format!("devices:\n{devices}"));
    repository
}

/// Runs all shards at the same time, in whatever order they come to an end.
fn all_at_once(repository: &Repository, of: u16, more: impl Fn(u16) -> Vec<String>) {
    let children: Vec<Child> = (1..=of)
        .map(|index| {
            let shard = format!("{index}/{of}");
            let mut command = command(repository.path(), &["build", "--shard", &shard]);
            command.args(more(index)).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn sharded(repository: &Repository, of: u16) {
    all_at_once(repository, of, |_| Vec::new());
}

/// Everything but what differs between two builds of one thing: inodes and times.
fn plain(root: &Path) -> std::collections::BTreeMap<String, Entry> {
    let entries = listing(root).into_iter();
    entries.map(|(name, entry)| (name, Entry { inode: 0, modified: (0, 0), ..entry })).collect()
}

fn counts(output: &Output) -> [u64; 3] {
    let files = &output.json()["files"];
    ["written", "unchanged", "removed"].map(|name| files[name].as_u64().unwrap())
}

#[test]
fn any_number_of_shards_makes_the_tree_of_one_build() {
    for of in [1, 2, 5] {
        let repository = fleet();
        repository.provc(&["build", "--out", "whole"]).expect(0);
        let whole = plain(&repository.path().join("whole"));
        assert!(whole.len() > 60);

        // In one tree.
        sharded(&repository, of);
        let out = repository.path().join("out");
        let merged = repository.provc(&["merge", "--shards", &of.to_string(), "--format", "json"]).expect(0);
        assert_eq!((merged.json()["devices"].as_u64(), counts(&merged)[0]), (Some(34), 0));
        assert_same(&whole, &plain(&out));
        // Every file is the next build's own.
        let before = listing(&out);
        let build = repository.provc(&["build", "--format", "json"]).expect(0);
        assert_eq!((counts(&build)[0], counts(&build)[2]), (0, 0));
        assert_same(&before, &listing(&out));

        // In trees of their own, each device in one of them.
        all_at_once(&repository, of, |index| vec!["--out".into(), format!("part{index}")]);
        let trees: Vec<String> = (1..=of).map(|index| format!("part{index}")).collect();
        let own = |tree: &String| {
            let files = contents(&repository.path().join(tree)).into_keys();
            files.filter(|name| name != "acme/all.txt").collect::<Vec<_>>()
        };
        let files: usize = trees.iter().map(|tree| own(tree).len()).sum();
        assert_eq!(files, whole.values().filter(|entry| !entry.is_directory()).count() - 1);
        let mut args = vec!["merge", "--out", "merged"];
        args.extend(trees.iter().map(String::as_str));
        repository.provc(&args).expect(0);
        let merged = repository.path().join("merged");
        assert_same(&whole, &plain(&merged));
        let before = listing(&merged);
        repository.provc(&args).expect(0);
        repository.provc(&["build", "--out", "merged"]).expect(0);
        assert_same(&before, &listing(&merged));
    }
}

#[test]
fn edits_and_removals_go_through_shards_as_through_a_build() {
    let repository = fleet();
    repository.provc(&["build"]).expect(0);
    // Devices go, come and change; a plugin is no longer used, a static file is replaced.
    repository.write("inventory/two.yaml", &phones((20..30).chain(40..44)));
    fs::remove_file(repository.path().join("inventory/acme.yaml")).unwrap();
    let site = repository.read("inventory/site.yaml").replace("192.0.2.10", "192.0.2.11");
    repository.write("inventory/site.yaml", &site);
    fs::remove_file(repository.path().join("static/logo.txt")).unwrap();
    repository.write("static/logo.png", "an image\n");
    repository.provc(&["build", "--out", "clean"]).expect(0);

    let old = contents(&repository.path().join("out"));
    sharded(&repository, 3);
    // What nobody plans any more stands until the merge.
    let between = contents(&repository.path().join("out"));
    assert!(between.contains_key("acme/desk/own.txt") && between["acme/all.txt"] == old["acme/all.txt"]);
    let merge = repository.provc(&["merge"]).expect(1);
    assert!(
        merge.stderr.contains("error[PV0811]") && merge.stderr.contains("--allow-removals"),
        "{}",
        merge.stderr
    );
    assert_same(&between, &contents(&repository.path().join("out")));
    let dry = repository.provc(&["merge", "--allow-removals", "--dry-run", "--format", "json"]).expect(0);
    assert_same(&between, &contents(&repository.path().join("out")));
    let merge = repository.provc(&["merge", "--allow-removals", "--format", "json"]).expect(0);
    assert_eq!(counts(&dry), counts(&merge));
    assert!(counts(&merge)[2] > 5);
    assert_same(&plain(&repository.path().join("clean")), &plain(&repository.path().join("out")));
    assert_eq!(counts(&repository.provc(&["build", "--format", "json"]).expect(0))[0], 0);
}

/// What the build before left for the next one says nothing of what a shard did since.
#[test]
fn a_build_after_a_shard_without_a_merge_sees_what_the_shard_wrote() {
    let repository = fleet();
    repository.provc(&["build"]).expect(0);
    let before = plain(&repository.path().join("out"));
    let site = repository.read("inventory/site.yaml");
    repository.write("inventory/site.yaml", &site.replace("192.0.2.10", "192.0.2.11"));
    repository.provc(&["build", "--shard", "2/2"]).expect(0);
    assert_ne!(before, plain(&repository.path().join("out")));
    repository.write("inventory/site.yaml", &site);
    let build = repository.provc(&["build", "--format", "json"]).expect(0);
    assert!(counts(&build)[0] > 0);
    assert_same(&before, &plain(&repository.path().join("out")));
}

#[test]
fn a_merge_refuses_what_is_not_one_build() {
    let repository = fleet();
    let refused = |code: &str, words: &[&str]| {
        let before = listing(&repository.path().join("out"));
        let merge = repository.provc(&["merge"]).expect(1);
        assert!(merge.stderr.contains(&format!("error[{code}]")), "{}", merge.stderr);
        for word in words {
            assert!(merge.stderr.contains(word), "{word}: {}", merge.stderr);
        }
        assert_same(&before, &listing(&repository.path().join("out")));
    };
    refused("PV0815", &["no shard was built in `out`"]);
    for shard in ["1/3", "3/3"] {
        repository.provc(&["build", "--shard", shard]).expect(0);
    }
    refused("PV0815", &["shard 2 of 3 is missing", "run `provc build --shard 2/3`, then merge again"]);

    // One who built from another state of the repository.
    let edit = |path: &str, text: &str, names: &str| {
        repository.write(path, text);
        repository.provc(&["build", "--shard", "2/3"]).expect(0);
        refused("PV0816", &["shard 2 of 3 was made from other inputs than shard 1 of 3", names]);
        fs::remove_file(repository.path().join(path)).unwrap();
    };
    edit("inventory/more.yaml", "devices: []\n", "they differ in the inventory\n");
    edit("provc.yaml", "plugin_root: {acme-1.0: a}\n", "they differ in the settings\n");
    edit("static/more.txt", "more\n", "they differ in static/\n");
    repository.provc(&["build", "--shard", "2/3"]).expect(0);
    repository.provc(&["merge"]).expect(0);

    // A shard with mistakes leaves nothing to merge, and nothing changed.
    let before = listing(&repository.path().join("out"));
    repository.write("inventory/bad.yaml", "devices: [{mac: 1}]\n");
    repository.provc(&["build", "--shard", "2/3"]).expect(1);
    assert_same(&before, &listing(&repository.path().join("out")));
}

#[test]
fn devices_of_two_shards_with_one_path_are_named() {
    let repository = fleet();
    let template = "{{ device.id }}\n";
    repository.write("plugins/acme/v1_0/templates/b.tera", template);
    let whole = repository.provc(&["build", "--out", "whole"]).expect(1);
    assert!(whole.stderr.contains("error[PV0806]"), "{}", whole.stderr);
    // Each in a shard of its own: no shard can see it.
    let names = ["desk", "door", "lift", "gate", "bell"];
    let shard_of = |name: &str, of| (1..=of).find(|i| Shard::new(*i, of).unwrap().holds(name)).unwrap();
    let apart = |of: &u16| {
        let shards: std::collections::BTreeSet<u16> = names.iter().map(|name| shard_of(name, *of)).collect();
        shards.len() == names.len()
    };
    let of = (5..60).find(apart).unwrap();
    for index in 1..=of {
        repository.provc(&["build", "--shard", &format!("{index}/{of}")]).expect(0);
    }
    let merge = repository.provc(&["merge"]).expect(1);
    let message = "both plan `acme/all.txt`, with different content";
    assert!(merge.stderr.contains("error[PV0806]") && merge.stderr.contains(message), "{}", merge.stderr);
    assert!(names.iter().filter(|name| merge.stderr.contains(&format!("device {name}"))).count() >= 2);
}

#[test]
fn a_killed_shard_is_built_again_and_merged() {
    let repository = fleet();
    let site = repository.read("inventory/site.yaml");
    repository.provc(&["build", "--out", "whole"]).expect(0);
    sharded(&repository, 3);
    repository.provc(&["merge"]).expect(0);
    repository.write(
        "inventory/site.yaml",
        &site.replace("secret1", "{command: [sh, -c, 'sleep 3; echo secret1']}"),
    );
    let mut build = command(repository.path(), &["build", "--shard", "2/3"]);
    let mut build = build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let lock = repository.path().join(".out.provc/shard-2-of-3/lock");
    while fs::read_to_string(&lock).unwrap_or_default().is_empty() {
        assert!(build.try_wait().unwrap().is_none(), "the shard never took its lock");
        std::thread::sleep(Duration::from_millis(5));
    }
    build.kill().unwrap();
    assert!(!build.wait().unwrap().success());
    repository.write("inventory/site.yaml", &site);
    let merge = repository.provc(&["merge"]).expect(1);
    assert!(merge.stderr.contains("it was begun, but did not end"), "{}", merge.stderr);

    // At any moment, also in the middle of its commit.
    let whole = plain(&repository.path().join("whole"));
    for round in 0..8_u64 {
        let ip = if round % 2 == 0 { "192.0.2.77" } else { "192.0.2.10" };
        repository.write("inventory/site.yaml", &site.replace("192.0.2.10", ip));
        let mut build = command(repository.path(), &["build", "--shard", "2/3"]);
        let mut build = build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(15 + 15 * round));
        build.kill().unwrap();
        build.wait().unwrap();
        sharded(&repository, 3);
        repository.provc(&["merge"]).expect(0);
    }
    assert_same(&whole, &plain(&repository.path().join("out")));
    let staging = listing(&repository.path().join(".out.provc/shard-2-of-3/staging"));
    assert_eq!(staging.len(), 1, "temporary files are left: {:?}", staging.keys());
}

#[test]
fn a_dry_run_of_a_shard_tells_its_part() {
    let repository = fleet();
    let dry = |shard: &str| {
        let output =
            repository.provc(&["build", "--shard", shard, "--dry-run", "--format", "json"]).expect(0);
        (output.json()["devices"].as_u64().unwrap(), counts(&output)[0])
    };
    let (one, two) = (dry("1/2"), dry("2/2"));
    assert!(!repository.path().join("out").exists() && !repository.path().join(".out.provc").exists());
    assert_eq!(one.0 + two.0, 34);
    let whole = repository.provc(&["build", "--dry-run", "--format", "json"]).expect(0);
    // One file is planned by devices of both.
    assert_eq!(one.1 + two.1, counts(&whole)[0] + 1);
    assert_eq!(repository.provc(&["merge", "--dry-run"]).expect(1).stdout, "");
}

#[test]
fn shards_are_counted_from_one() {
    let repository = fleet();
    for (shard, words) in [
        ("0/4", "i counts from 1 to n: the first of 4 shards is 1/4"),
        ("5/4", "there are 4 shards and no shard 5"),
        ("1/0", "1 at least"),
        ("2", "write it as i/n"),
        ("a/b", "whole numbers"),
    ] {
        let output = repository.provc(&["build", "--shard", shard]).expect(64);
        assert!(output.stderr.contains(words), "{shard}: {}", output.stderr);
    }
    repository.provc(&["merge", "--shards", "0"]).expect(64);
    assert!(!repository.path().join("out").exists());
}

#[test]
fn each_site_has_shards_of_its_own() {
    let repository = fleet();
    let sites = "sites: {a: {inventory: [inventory], out: out/a}, b: {inventory: [inventory], out: out/b}}\n";
    repository.write("provc.yaml", sites);
    for shard in ["1/2", "2/2"] {
        repository.provc(&["build", "--shard", shard]).expect(0);
    }
    let merged = repository.provc(&["merge", "--format", "json"]).expect(0).json();
    assert_eq!((&merged["sites"]["a"]["devices"], &merged["ok"]), (&34.into(), &true.into()));
    assert_same(&plain(&repository.path().join("out/a")), &plain(&repository.path().join("out/b")));
    let output = repository.provc(&["merge", "out/a"]).expect(64);
    assert!(output.stderr.contains("--site"), "{}", output.stderr);
}

/// The shard that a shell computes for a job that only wants one device's.
#[test]
fn the_documented_rule_is_the_real_one() {
    for (id, of) in [("00:0f:d3:05:48:48", 5), ("reception", 7)] {
        let script = format!("echo $(( 0x$(printf %s {id} | sha1sum | cut -c9-16) ))");
        let mut shell = std::process::Command::new("sh");
        // All 64 bits do not fit into a shell's number; the upper and the lower half do.
        let low: u64 = run(shell.args(["-c", &script])).stdout.trim().parse().unwrap();
        let script = script.replace("9-16", "1-8");
        let high: u64 =
            run(std::process::Command::new("sh").args(["-c", &script])).stdout.trim().parse().unwrap();
        let index = ((high << 32 | low) % of + 1) as u16;
        assert!(Shard::new(index, of as u16).unwrap().holds(id));
    }
}
