//! `build --watch` with the real binary. Nothing is timed: what must come is waited for.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{self, Repository};

const STEP: Duration = Duration::from_millis(10);
/// After this many steps something that must happen is taken never to happen.
const STEPS: u32 = 1_500;

const BASE: &str =
    "site: {http_url: 'http://192.0.2.1:8667'}\nprofiles:\n  base: {sip: {proxy: 192.0.2.20}}\n";
const LINES: &str = "lines:\n  alice: {number: '201', password: '8ezW9pDrU2', display_name: Alice Martin}\n";
const ALICE: &str = "out/Digium/000fd3000001.cfg";

fn device(n: u32, line: &str) -> String {
    format!("  - {{mac: '00:0f:d3:00:00:{n:02x}', vendor: Digium, model: D40, lines: [{line}]}}\n")
}

fn repository() -> Repository {
    Repository::new(&[
        ("inventory/base.yaml", BASE),
        ("inventory/lines.yaml", LINES),
        ("inventory/phones.yaml", &format!("devices:\n{}", device(1, "alice"))),
    ])
}

/// A watch that runs, and all lines that it printed.
struct Watch {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    /// How many lines were waited for already.
    seen: usize,
}

impl Watch {
    /// Starts it and waits for its first builds.
    fn start(directory: &Path, args: &[&str]) -> Self {
        let mut command = support::command(directory, &[&["build", "--watch"], args].concat());
        let mut watch = Self::spawn(&mut command);
        watch.line("Ctrl-C ends it");
        assert!(!watch.printed().iter().any(|line| line.starts_with("error")));
        watch
    }

    fn spawn(command: &mut Command) -> Self {
        // One pipe for both streams, as a terminal is, keeps their order.
        let (reader, writer) = std::io::pipe().unwrap();
        let child = command.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let more = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines() {
                more.lock().unwrap().push(line.unwrap());
            }
        });
        Self { child, lines, seen: 0 }
    }

    fn printed(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for a line that was not waited for before.
    #[track_caller]
    fn line(&mut self, part: &str) -> String {
        let mut found = None;
        self.wait(part, |watch| {
            let lines = watch.printed();
            found = lines.iter().enumerate().skip(watch.seen).find(|(_, line)| line.contains(part)).map(
                |(i, line)| {
                    watch.seen = i + 1;
                    line.clone()
                },
            );
            found.is_some()
        });
        found.unwrap()
    }

    /// Waits for a file to hold a text.
    #[track_caller]
    fn file(&mut self, path: &Path, text: &str) {
        self.wait(&format!("`{text}` in {}", path.display()), |_| {
            fs::read_to_string(path).is_ok_and(|found| found.contains(text))
        });
    }

    #[track_caller]
    fn wait(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        for _ in 0..STEPS {
            if condition(self) {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{status} while waiting for {what}; printed:\n{}", self.printed().join("\n"));
            }
            std::thread::sleep(STEP);
        }
        panic!("{what} never came; printed:\n{}", self.printed().join("\n"));
    }

    /// How many builds were told of.
    fn builds(&self) -> usize {
        self.printed()
            .iter()
            .filter(|line| line.contains(" written, ") || line.contains("build failed"))
            .count()
    }

    /// Ends it as Ctrl-C does, and tells its status.
    fn stop(mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// That out/ is what a build from nothing makes.
#[track_caller]
fn equals_a_clean_build(repository: &Repository) {
    repository.provc(&["build", "--out", "clean", "--state", ".clean"]).expect(0);
    let names = repository.files("clean");
    assert_eq!(repository.files("out"), names);
    for name in names {
        let [one, other] =
            ["out", "clean"].map(|top| fs::read(repository.path().join(top).join(&name)).unwrap());
        assert_eq!(one, other, "{}", name.display());
    }
}

#[test]
fn an_edit_is_built_and_told_in_one_line() {
    let repository = repository();
    let mut watch = Watch::start(repository.path(), &[]);
    repository.write("inventory/lines.yaml", &LINES.replace("Alice Martin", "Alice Durand"));
    let line = watch.line("written");
    let expected = "inventory/lines.yaml: 1 file written, 2 unchanged, 0 removed in out (";
    assert!(line.starts_with(expected) && line.ends_with("s)"), "{line}");
    assert!(repository.read(ALICE).contains("Alice Durand"));
    equals_a_clean_build(&repository);
}

#[test]
fn files_replaced_as_editors_do_it_are_built() {
    let repository = repository();
    let mut watch = Watch::start(repository.path(), &[]);
    let out = repository.path().join(ALICE);
    let path = |name: &str| repository.path().join("inventory").join(name);
    for (name, temporary) in [("Rename", "sedAb3X1"), ("Hidden", ".goutputstream-1"), ("Vim", "lines.yaml~")]
    {
        let text = LINES.replace("Alice Martin", name);
        if name == "Vim" {
            fs::rename(path("lines.yaml"), path(temporary)).unwrap();
            fs::write(path("lines.yaml"), text).unwrap();
            fs::remove_file(path(temporary)).unwrap();
        } else {
            fs::write(path(temporary), text).unwrap();
            fs::rename(path(temporary), path("lines.yaml")).unwrap();
        }
        watch.file(&out, name);
    }
}

#[test]
fn files_and_directories_come_and_go() {
    let repository = repository();
    let mut watch = Watch::start(repository.path(), &[]);
    let out = |n: u32| repository.path().join(format!("out/Digium/000fd300000{n}.cfg"));
    repository.write("inventory/new.yaml", &format!("devices:\n{}", device(2, "alice")));
    watch.file(&out(2), "Alice");
    repository.write("inventory/site/floor/new.yaml", &format!("devices:\n{}", device(3, "alice")));
    watch.file(&out(3), "Alice");
    // What appeared is watched like the rest.
    repository.write("inventory/site/floor/new.yaml", &format!("devices:\n{}", device(4, "alice")));
    watch.file(&out(4), "Alice");
    for _ in 0..2 {
        fs::rename(repository.path().join("inventory/site"), repository.path().join("aside")).unwrap();
        watch.wait("the removal", |_| !out(4).exists());
        fs::rename(repository.path().join("aside"), repository.path().join("inventory/site")).unwrap();
        watch.file(&out(4), "Alice");
    }
    fs::remove_dir_all(repository.path().join("inventory/site")).unwrap();
    watch.wait("the removal", |_| !out(4).exists());
    equals_a_clean_build(&repository);
}

#[test]
fn an_inventory_that_goes_away_is_waited_for() {
    let repository = repository();
    let mut watch = Watch::start(repository.path(), &[]);
    let [here, aside] = ["inventory", "aside"].map(|name| repository.path().join(name));
    fs::rename(&here, &aside).unwrap();
    watch.line("there is no inventory directory");
    watch.line("watching for the next change");
    assert!(repository.read(ALICE).contains("Alice"));
    fs::rename(&aside, &here).unwrap();
    watch.line("0 files written, 3 unchanged");
    repository.write("inventory/lines.yaml", &LINES.replace("Alice Martin", "Alice Durand"));
    watch.file(&repository.path().join(ALICE), "Alice Durand");
}

#[test]
fn an_error_leaves_out_standing_and_the_next_good_state_is_built() {
    let repository = repository();
    let mut watch = Watch::start(repository.path(), &[]);
    let before = repository.read(ALICE);
    repository.write("inventory/phones.yaml", &format!("devices:\n{}", device(1, "alcie")));
    watch.line("error[PV0306]: there is no line `alcie`");
    watch.line("build failed: 1 error; nothing in out was changed");
    watch.line("watching for the next change");
    assert_eq!(repository.read(ALICE), before);
    // While it is broken another file changes: that is built with the mending.
    repository.write("inventory/lines.yaml", &LINES.replace("Alice Martin", "Alice Durand"));
    watch.line("build failed");
    repository.write("inventory/phones.yaml", &format!("devices:\n{}", device(1, "alice")));
    watch.line("1 file written, 2 unchanged");
    assert!(repository.read(ALICE).contains("Alice Durand"));
    // Mended without any difference: said all the same.
    repository.write("inventory/lines.yaml", "lines: {");
    watch.line("build failed");
    repository.write("inventory/lines.yaml", &LINES.replace("Alice Martin", "Alice Durand"));
    watch.line("inventory/lines.yaml: 0 files written, 3 unchanged");
}

#[test]
fn a_checkout_of_a_thousand_files_is_one_build() {
    let repository = repository();
    repository.write(".gitignore", "out/\n.*.provc/\n");
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=one"]);
        command.args(args).current_dir(repository.path()).env_remove("GIT_DIR").env_remove("GIT_WORK_TREE");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let write = |name: &str| {
        repository.write("inventory/lines.yaml", &LINES.replace("Alice Martin", name));
        for n in 0..1_100 {
            let text = format!("lines:\n  l{n}: {{number: '{}', display_name: {name} {n}}}\n", 1000 + n);
            repository.write(&format!("inventory/lines/{}/{n}.yaml", n % 7), &text);
        }
    };
    git(&["init", "-q"]);
    write("Alice One");
    git(&["add", "."]);
    git(&["commit", "-qm", "one"]);
    git(&["checkout", "-qb", "two"]);
    write("Alice Two");
    fs::remove_dir_all(repository.path().join("inventory/lines/3")).unwrap();
    repository.write("inventory/more/x.yaml", "lines:\n  x: {number: '9'}\n");
    git(&["add", "."]);
    git(&["commit", "-qm", "two"]);
    let mut watch = Watch::start(repository.path(), &["-v"]);
    for name in ["one", "two", "one"] {
        let before = watch.builds();
        git(&["checkout", "-q", name]);
        watch.file(
            &repository.path().join(ALICE),
            &format!("Alice {}", if name == "one" { "One" } else { "Two" }),
        );
        // What is told of the next edit comes after all that the checkout caused.
        let marker = format!("{LINES}  {name}: {{number: '7'}}\n");
        repository.write("inventory/marker.yaml", &marker.replace("alice", &format!("marker-{name}")));
        watch.line("marker.yaml");
        assert!(watch.builds() - before < 5, "{}", watch.printed().join("\n"));
        fs::remove_file(repository.path().join("inventory/marker.yaml")).unwrap();
        watch.line("marker.yaml");
    }
    equals_a_clean_build(&repository);
}

#[test]
fn settings_are_inputs_too() {
    let repository = repository();
    let mut watch = Watch::start(repository.path(), &[]);
    repository.write("provc.yaml", "out: elsewhere\n");
    watch.file(&repository.path().join("elsewhere/Digium/000fd3000001.cfg"), "Alice");
    repository.write("provc.yaml", "otu: elsewhere\n");
    watch.line("unknown key `otu`");
    watch.line("nothing is built until the settings are mended");
    // What changes meanwhile is not lost.
    repository.write("inventory/lines.yaml", &LINES.replace("Alice Martin", "Alice Durand"));
    repository.write("provc.yaml", "out: elsewhere\n");
    watch.file(&repository.path().join("elsewhere/Digium/000fd3000001.cfg"), "Alice Durand");
    fs::remove_file(repository.path().join("provc.yaml")).unwrap();
    watch.file(&repository.path().join(ALICE), "Alice Durand");
}

#[test]
fn whatever_a_build_reads_is_watched() {
    let repository = with_secret();
    repository.write("keys/alice", "firstSecret1\n");
    repository.write("static/a/tone.wav", "first");
    repository.write("overrides/digium/plugin.yaml", "vars: {contacts_group: First}\n");
    let mut watch = Watch::start(repository.path(), &[]);
    let out = |name: &str| repository.path().join("out").join(name);
    watch.file(&out("Digium/000fd3000001.cfg"), "firstSecret1");
    repository.write("static/a/tone.wav", "second");
    watch.file(&out("a/tone.wav"), "second");
    repository.write("static/b/c/tone.wav", "third");
    watch.file(&out("b/c/tone.wav"), "third");
    repository.write("overrides/digium/plugin.yaml", "vars: {contacts_group: Second}\n");
    watch.line("overrides/digium/plugin.yaml: 1 file written");
    repository.write("overrides/digium/templates/device.cfg.tera", "<from_a_template/>\n");
    watch.file(&out("Digium/000fd3000001.cfg"), "<from_a_template/>");
    repository.write("overrides/digium/templates/device.cfg.tera", "<from>{{ device.idd }}</from>\n");
    watch.line("build failed");
    fs::remove_dir_all(repository.path().join("overrides")).unwrap();
    watch.file(&out("Digium/000fd3000001.cfg"), "firstSecret1");
    repository.write("keys/alice", "secondSecret2\n");
    watch.file(&out("Digium/000fd3000001.cfg"), "secondSecret2");
    fs::rename(repository.path().join("keys"), repository.path().join("aside")).unwrap();
    watch.line("error[PV0314]");
    repository.write("keys/alice", "thirdSecret3\n");
    watch.file(&out("Digium/000fd3000001.cfg"), "thirdSecret3");
    equals_a_clean_build(&repository);
}

fn with_secret() -> Repository {
    let repository = repository();
    let lines =
        "lines:\n  alice: {number: '201', password: {file: ../keys/alice}, display_name: Alice Martin}\n";
    repository.write("inventory/lines.yaml", lines);
    repository
}

#[test]
fn secrets_are_watched_although_the_first_build_writes_nothing() {
    let repository = with_secret();
    repository.write("keys/alice", "firstSecret1\n");
    repository.provc(&["build"]).expect(0);
    let mut watch = Watch::start(repository.path(), &[]);
    repository.write("keys/alice", "secondSecret2\n");
    watch.file(&repository.path().join(ALICE), "secondSecret2");
}

#[test]
fn a_secret_that_is_not_there_is_waited_for() {
    let repository = with_secret();
    let mut command = support::command(repository.path(), &["build", "--watch"]);
    let mut watch = Watch::spawn(&mut command);
    watch.line("error[PV0314]");
    watch.line("Ctrl-C ends it");
    repository.write("keys/alice", "firstSecret1\n");
    watch.file(&repository.path().join(ALICE), "firstSecret1");
}

#[test]
fn a_secret_that_goes_away_right_after_a_build_is_missed() {
    let repository = with_secret();
    // So young that its times prove nothing.
    repository.write("keys/alice", "firstSecret1\n");
    repository.provc(&["build"]).expect(0);
    fs::remove_file(repository.path().join("keys/alice")).unwrap();
    let output = repository.provc(&["build"]).expect(1);
    assert!(output.stderr.contains("error[PV0314]"), "{}", output.stderr);
}

#[test]
fn a_secret_that_changes_together_with_more_is_asked_anew() {
    let repository = with_secret();
    repository.write("keys/alice", "firstSecret1\n");
    repository.write("overrides/digium/plugin.yaml", "vars: {contacts_group: First}\n");
    let mut watch = Watch::start(repository.path(), &[]);
    for secret in ["secondSecret2", "thirdSecret3"] {
        repository.write("overrides/digium/plugin.yaml", &format!("vars: {{contacts_group: {secret}}}\n"));
        repository.write("keys/alice", &format!("{secret}\n"));
        watch.file(&repository.path().join(ALICE), secret);
        repository.write("inventory/broken.yaml", "lines: {");
        watch.line("build failed");
        repository.write("keys/alice", &format!("{secret}again\n"));
        fs::remove_file(repository.path().join("inventory/broken.yaml")).unwrap();
        watch.file(&repository.path().join(ALICE), &format!("{secret}again"));
    }
    equals_a_clean_build(&repository);
}

#[test]
fn signals_end_it_in_good_order() {
    for signal in [Signal::INT, Signal::TERM] {
        let repository = repository();
        let mut watch = Watch::start(repository.path(), &[]);
        repository.write("inventory/lines.yaml", &LINES.replace("Alice Martin", "Alice Durand"));
        watch.line("1 file written");
        assert_eq!(watch.stop(signal), Some(0));
        let output = repository.provc(&["build"]).expect(0);
        assert!(output.stdout.contains("0 files written, 3 unchanged, 0 removed"), "{}", output.stdout);
    }
}

#[test]
fn another_build_may_come_between() {
    let repository = repository();
    let mut watch = Watch::start(repository.path(), &[]);
    let output = repository.provc(&["build"]).expect(0);
    assert!(output.stdout.contains("0 files written, 3 unchanged"), "{}", output.stdout);
    // With another inventory, so that it removes what the watch wrote and writes what the watch must remove.
    repository.write("other/a.yaml", &format!("{BASE}{LINES}devices:\n{}", device(9, "alice")));
    let output = repository.provc(&["build", "--inventory", "other", "--allow-removals"]).expect(0);
    assert!(output.stdout.contains("2 files written, 1 unchanged, 2 removed"), "{}", output.stdout);
    repository
        .write("inventory/phones.yaml", &format!("devices:\n{}{}", device(1, "alice"), device(2, "alice")));
    watch.file(&repository.path().join("out/Digium/000fd3000002.cfg"), "Alice");
    watch.line("inventory/phones.yaml: 4 files written, 1 unchanged, 2 removed");
    equals_a_clean_build(&repository);
}

#[test]
fn each_site_is_built_by_itself() {
    let repository = repository();
    for site in ["paris", "lyon"] {
        repository.write(&format!("{site}/phones.yaml"), &format!("devices:\n{}", device(2, site)));
        repository.write(
            &format!("{site}/lines.yaml"),
            &format!("lines:\n  {site}: {{number: '1', display_name: {site}}}\n"),
        );
    }
    repository.write(
        "provc.yaml",
        "sites:\n  lyon: {inventory: [inventory, lyon]}\n  paris: {inventory: [inventory, paris]}\n",
    );
    let mut watch = Watch::start(repository.path(), &[]);
    let out = |site: &str| repository.path().join(format!("out/{site}/Digium/000fd3000002.cfg"));
    repository.write("paris/lines.yaml", "lines:\n  paris: {number: '1', display_name: Paris the Second}\n");
    let line = watch.line("written");
    assert!(line.starts_with("paris: paris/lines.yaml: 1 file written"), "{line}");
    watch.file(&out("paris"), "Paris the Second");
    repository.write("lyon/lines.yaml", "lines: {");
    watch.line("lyon: build failed");
    // What both have is built where it can be.
    repository.write("inventory/lines.yaml", &LINES.replace("Alice Martin", "Alice Durand"));
    let alice = "out/paris/Digium/000fd3000001.cfg";
    watch.file(&repository.path().join(alice), "Alice Durand");
    assert!(!repository.read("out/lyon/Digium/000fd3000001.cfg").contains("Durand"));
    repository.write("lyon/lines.yaml", "lines:\n  lyon: {number: '1', display_name: Lyon the Second}\n");
    watch.file(&out("lyon"), "Lyon the Second");
    assert!(repository.read("out/lyon/Digium/000fd3000001.cfg").contains("Durand"));
}

#[test]
fn programs_get_one_object_for_each_build() {
    let repository = repository();
    let mut watch = Watch::start(repository.path(), &["--format", "json"]);
    repository.write("inventory/lines.yaml", &LINES.replace("Alice Martin", "Alice Durand"));
    watch.line("inventory/lines.yaml");
    repository.write("inventory/lines.yaml", "lines: {");
    watch.line("PV0106");
    let printed = watch.printed();
    let objects = printed.iter().filter(|line| line.starts_with('{'));
    let objects: Vec<serde_json::Value> = objects.map(|line| serde_json::from_str(line).unwrap()).collect();
    let [first, edit, broken] = &objects[..] else { panic!("{printed:?}") };
    assert_eq!((&first["ok"], &first["files"]["written"]), (&true.into(), &3.into()));
    assert_eq!((&edit["files"]["written"], &edit["site"]), (&1.into(), &serde_json::Value::Null));
    assert_eq!(edit["inputs"], serde_json::json!(["inventory/lines.yaml"]));
    assert_eq!(edit["changed"], serde_json::json!(["00:0f:d3:00:00:01"]));
    assert_eq!((&broken["ok"], broken["diagnostics"].as_array().unwrap().len()), (&false.into(), 1));
}

#[test]
fn nothing_is_said_where_nothing_differs() {
    let repository = repository();
    let mut watch = Watch::start(repository.path(), &[]);
    repository.write("inventory/lines.yaml", &format!("{LINES}# a remark\n"));
    repository.write("inventory/notes.txt", "no input");
    watch.wait("the first edit to be built", |_| true);
    repository.write("inventory/lines.yaml", &LINES.replace("Alice Martin", "Alice Durand"));
    watch.line("1 file written");
    assert_eq!(watch.builds(), 2, "{:?}", watch.printed());
}

#[test]
fn polling_finds_the_same() {
    let repository = repository();
    let mut watch = Watch::start(repository.path(), &["--poll", "1"]);
    repository.write("inventory/lines.yaml", &LINES.replace("Alice Martin", "Alice Durand"));
    watch.file(&repository.path().join(ALICE), "Alice Durand");
    repository.write("inventory/lines.yaml", "lines: {");
    watch.line("build failed");
    repository.write("provc.yaml", "out: elsewhere\n");
    repository.write("inventory/lines.yaml", LINES);
    watch.file(&repository.path().join("elsewhere/Digium/000fd3000001.cfg"), "Alice Martin");
    assert_eq!(watch.stop(Signal::INT), Some(0));
}

/// In a user name space of its own a process may lower its limit.
#[test]
fn without_watches_it_looks_itself() {
    let repository = repository();
    let script = "echo 1 > /proc/sys/user/max_inotify_watches && exec \"$@\"";
    let limited = |program: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", script, "sh"]).args(program);
        command.current_dir(repository.path()).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    };
    if !limited(&["true"]).output().is_ok_and(|output| output.status.success()) {
        // Such name spaces are forbidden on some machines; the others hold this.
        return;
    }
    let provc = env!("CARGO_BIN_EXE_provc");
    let mut watch = Watch::spawn(&mut limited(&[provc, "build", "--watch"]));
    watch.line("warning[PV0901]: the kernel's limit of watched directories is reached");
    watch.line("sysctl fs.inotify.max_user_watches");
    watch.line("looking for changes every 2 s; Ctrl-C ends it");
    watch.file(&repository.path().join(ALICE), "Alice Martin");
    repository.write("inventory/lines.yaml", &LINES.replace("Alice Martin", "Alice Durand"));
    watch.file(&repository.path().join(ALICE), "Alice Durand");
    let warnings = watch.printed().iter().filter(|line| line.contains("PV0901")).count();
    assert_eq!(warnings, 1);
}

#[test]
fn flags_that_make_no_sense_together_are_refused() {
    let repository = repository();
    for args in [
        &["build", "--watch", "--dry-run"][..],
        &["build", "--watch", "--format", "github"],
        &["build", "--poll", "3"],
        &["build", "--watch", "--poll", "0"],
    ] {
        repository.provc(args).expect(64);
    }
    assert!(!repository.path().join("out").exists());
}

#[test]
fn a_directory_that_is_gone_is_told() {
    let repository = Repository::new(&[]);
    let script = "mkdir gone && cd gone && rmdir ../gone && exec \"$0\" build --watch";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_provc")]).current_dir(repository.path());
    let output = support::run(&mut command).expect(1);
    assert!(output.stderr.starts_with("error[PV0006]: cannot watch: "), "{}", output.stderr);
}
