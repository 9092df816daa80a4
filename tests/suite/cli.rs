//! The command line as scripts use it: exit statuses, formats, sites, flags.

use std::io::Read;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Repository, command, provc, run};

const SITE: &str =
    "site: {name: paris, http_url: \"http://10.0.0.1:8667\"}\nprofiles:\n  base: {sip: {proxy: 10.0.0.1}}\n";
const DESK: &str = "\
lines:
  alice: {number: \"1001\", password: alices-password}
devices:
  - mac: 00:0f:d3:00:00:01
    name: desk
    vendor: Digium
    model: D65
    firmware: 2.8.1
    lines: [alice]
";

fn office() -> Repository {
    Repository::new(&[("inventory/site.yaml", SITE), ("inventory/desk.yaml", DESK)])
}

fn broken() -> Repository {
    let repository = office();
    repository.write("inventory/desk.yaml", &DESK.replace("D65", "D66"));
    repository
}

/// Two sites that share a directory of profiles; lyon has a mistake.
fn two_sites() -> Repository {
    Repository::new(&[
        (
            "provc.yaml",
            "out: served\nsites:\n  paris: {inventory: [common, paris]}\n  lyon: {inventory: [common, lyon], out: lyon-out}\n",
        ),
        ("common/base.yaml", "profiles:\n  base: {sip: {proxy: 10.0.0.1}}\n"),
        ("paris/desk.yaml", &format!("site: {{http_url: \"http://10.0.0.1\"}}\n{DESK}")),
        (
            "lyon/desk.yaml",
            &format!("site: {{http_url: \"http://10.0.0.2\"}}\n{}", DESK.replace("D65", "D66")),
        ),
    ])
}

fn report_schema() -> Value {
    let nullable = |kind: &str| json!({"type": [kind, "null"]});
    let place = json!({"message": {"type": "string"}, "file": {"type": "string"}, "line": {"type": "integer", "minimum": 1}, "column": {"type": "integer", "minimum": 1}});
    json!({
        "type": "object",
        "required": ["ok", "devices", "files", "changed", "diagnostics", "seconds"],
        "properties": {
            "ok": {"type": "boolean"},
            "devices": {"type": "integer", "minimum": 0},
            "files": {
                "type": "object",
                "required": ["written", "unchanged", "removed"],
                "additionalProperties": {"type": "integer", "minimum": 0},
            },
            "changed": {"type": "array", "items": {"type": "string"}},
            "seconds": {"type": "number", "minimum": 0},
            "diagnostics": {"type": "array", "items": {
                "type": "object",
                "required": ["severity", "code", "message", "file", "line", "column", "device", "related", "help"],
                "properties": {
                    "severity": {"enum": ["error", "warning"]},
                    "code": {"type": "string", "pattern": "^PV[0-9]{4}$"},
                    "message": {"type": "string", "minLength": 1},
                    "file": nullable("string"),
                    "line": nullable("integer"),
                    "column": nullable("integer"),
                    "device": nullable("string"),
                    "help": nullable("string"),
                    "related": {"type": "array", "items": {
                        "type": "object", "properties": place, "required": ["message", "file", "line", "column"],
                    }},
                },
            }},
        },
    })
}

#[track_caller]
fn assert_valid(schema: &Value, value: &Value) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?} in {value}");
}

#[test]
fn exit_statuses() {
    let (good, bad) = (office(), broken());
    for (repository, args, status) in [
        (&good, &["check"][..], 0),
        (&good, &["build"], 0),
        (&good, &["list"], 0),
        (&good, &["show", "desk"], 0),
        (&good, &["--help"], 0),
        (&good, &["--version"], 0),
        (&good, &["completions", "bash"], 0),
        (&bad, &["check"], 1),
        (&bad, &["build"], 1),
        (&bad, &["list"], 1),
        (&bad, &["show", "nobody"], 1),
        (&good, &["check", "--inventory", "nowhere"], 1),
        (&good, &["check", "--plugins", "nowhere"], 1),
        (&good, &["check", "--config", "nowhere.yaml"], 1),
        (&good, &[], 64),
        (&good, &["chekc"], 64),
        (&good, &["check", "--unknown"], 64),
        (&good, &["check", "-q", "-v"], 64),
        (&good, &["check", "--format", "xml"], 64),
        (&good, &["build", "--jobs", "0"], 64),
        (&good, &["show"], 64),
        (&good, &["list", "--format", "github"], 64),
    ] {
        let output = repository.provc(args);
        assert_eq!(output.status, status, "{args:?}: {}{}", output.stdout, output.stderr);
        assert!(!output.stderr.contains("panicked"), "{args:?}");
    }
}

#[test]
fn check_and_build_print_the_promised_json() {
    let repository = office();
    let checked = repository.provc(&["check", "--format", "json"]).expect(0);
    assert_eq!(checked.stderr, "");
    let checked = checked.json();
    assert_valid(&report_schema(), &checked);
    assert_eq!((&checked["ok"], &checked["devices"]), (&json!(true), &json!(1)));
    assert!(!repository.path().join("out").exists(), "check writes nothing");

    let first = repository.provc(&["build", "--format", "json"]).expect(0).json();
    assert_valid(&report_schema(), &first);
    assert_eq!(first["changed"], json!(["00:0f:d3:00:00:01"]));
    assert_eq!(
        first["files"],
        json!({"written": repository.files("out").len(), "unchanged": 0, "removed": 0})
    );

    let again = repository.provc(&["build", "--format", "json"]).expect(0).json();
    assert_eq!(again["changed"], json!([]));
    assert_eq!(again["files"]["written"], json!(0));
    assert_eq!(again["files"]["unchanged"], first["files"]["written"]);
}

#[test]
fn json_diagnostics_have_places_or_null() {
    let report = broken().provc(&["check", "--format", "json"]).expect(1).json();
    assert_valid(&report_schema(), &report);
    let found = &report["diagnostics"][0];
    assert_eq!(
        (&found["code"], &found["file"], &found["line"], &found["column"], &found["device"]),
        (&json!("PV0602"), &json!("inventory/desk.yaml"), &json!(7), &json!(12), &json!("00:0f:d3:00:00:01"))
    );
    let nowhere = office().provc(&["check", "--inventory", "nowhere", "--format", "json"]).expect(1).json();
    assert_valid(&report_schema(), &nowhere);
    let found = &nowhere["diagnostics"][0];
    assert_eq!([&found["file"], &found["line"], &found["column"], &found["device"]], [&Value::Null; 4]);
    // Mistakes of the settings come in the same shape.
    let settings = office();
    settings.write("provc.yaml", "inventry: [inventory]\n");
    let report = settings.provc(&["check", "--format", "json"]).expect(1).json();
    assert_valid(&report_schema(), &report);
    assert_eq!(report["diagnostics"][0]["file"], json!("provc.yaml"));
    let twice = office();
    twice.write("inventory/more.yaml", "lines:\n  alice: {number: \"1\"}\n");
    let report = twice.provc(&["check", "--format", "json"]).expect(1).json();
    assert_valid(&report_schema(), &report);
    let related = &report["diagnostics"][0]["related"][0];
    assert_eq!([&related["file"], &related["line"]], [&json!("inventory/desk.yaml"), &json!(2)]);
}

#[test]
fn github_annotations() {
    let output = broken().provc(&["check", "--format", "github"]).expect(1);
    let line = output.stdout.lines().next().unwrap();
    assert!(
        line.starts_with("::error file=inventory/desk.yaml,line=7,col=12,title=PV0602::no plugin knows"),
        "{line}"
    );
    assert!(line.contains("%0Ahelp: did you mean"), "{line}");
}

#[test]
fn one_broken_site_does_not_stop_the_other() {
    let repository = two_sites();
    let output = repository.provc(&["build", "--format", "json"]).expect(1).json();
    assert_eq!(output["ok"], json!(false));
    let names: Vec<&String> = output["sites"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["lyon", "paris"]);
    output["sites"].as_object().unwrap().values().for_each(|site| assert_valid(&report_schema(), site));
    assert_eq!(
        [&output["sites"]["paris"]["ok"], &output["sites"]["lyon"]["ok"]],
        [&json!(true), &json!(false)]
    );
    assert!(repository.path().join("served/paris/Digium/000fd3000001.cfg").is_file());
    assert!(!repository.path().join("lyon-out").exists());

    let human = repository.provc(&["build"]).expect(1);
    assert!(human.stdout.contains("paris: 1 device"), "{}", human.stdout);
    assert!(human.stderr.contains("lyon: build failed: 1 error"), "{}", human.stderr);
    repository.provc(&["check", "--site", "paris"]).expect(0);
    repository.provc(&["check", "--site", "lyon"]).expect(1);
    let one = repository.provc(&["check", "--site", "paris", "--format", "json"]).expect(0).json();
    assert_eq!(one["sites"]["paris"]["ok"], json!(true));
}

#[test]
fn the_directory_one_stands_in_does_not_matter() {
    let (here, there) = (office(), office());
    for repository in [&here, &there] {
        repository.write("provc.yaml", "out: served\n");
        repository.write(
            "inventory/desk.yaml",
            &DESK.replace("password: alices-password", "password: {file: secret}"),
        );
        repository.write("inventory/secret", "from-a-file\n");
    }
    here.provc(&["build"]).expect(0);
    let config = there.path().join("provc.yaml");
    let elsewhere = tempfile::tempdir().unwrap();
    provc(elsewhere.path(), &["build", "--config", config.to_str().unwrap()]).expect(0);
    let files = here.files("served");
    assert!(!files.is_empty());
    assert_eq!(files, there.files("served"));
    for file in files {
        let path = format!("served/{}", file.display());
        assert_eq!(here.read(&path), there.read(&path), "{path}");
    }
}

#[test]
fn init_makes_a_repository_that_works() {
    let repository = Repository::new(&[]);
    repository.provc(&["init"]).expect(0);
    let checked = repository.provc(&["check"]).expect(0);
    assert_eq!(checked.stderr, "");
    repository.provc(&["build"]).expect(0);
    assert!(repository.path().join("out/Digium/000fd3000001.cfg").is_file());
    let before = repository.read("inventory/devices.yaml");
    repository.write("inventory/lines.yaml", "# mine\n");
    let again = repository.provc(&["init"]).expect(1);
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
    assert_eq!(repository.read("inventory/lines.yaml"), "# mine\n");
    assert_eq!(repository.read("inventory/devices.yaml"), before);

    let below = Repository::new(&[]);
    below.provc(&["init", "a/new/place"]).expect(0);
    provc(&below.path().join("a/new/place"), &["check"]).expect(0);
}

#[test]
fn devices_are_found_by_mac_name_and_id() {
    let repository = office();
    let expected = repository.provc(&["show", "desk"]).expect(0).stdout;
    assert!(expected.contains("id: 00:0f:d3:00:00:01"), "{expected}");
    for spelling in [
        "00:0f:d3:00:00:01",
        "00-0F-D3-00-00-01",
        "000fd3000001",
        "000FD3000001",
        "000f.d300.0001",
        "0:f:d3:0:0:1",
    ] {
        assert_eq!(repository.provc(&["show", spelling]).expect(0).stdout, expected, "{spelling}");
    }
    let softphone = Repository::new(&[(
        "inventory/a.yaml",
        "site: {http_url: \"http://10.0.0.1\"}\ndevices:\n  - {id: alice-laptop, vendor: Digium, model: D65}\n",
    )]);
    let shown = softphone.provc(&["show", "alice-laptop", "--format", "json"]).expect(0).json();
    assert_eq!(shown["id"], json!("alice-laptop"));
}

#[test]
fn origins_are_exact() {
    let repository = Repository::new(&[(
        "inventory/all.yaml",
        "\
site: {http_url: \"http://10.0.0.1\"}
profiles:
  base:
    locale: fr_FR
    sip:
      proxy: 10.0.0.1
      transport: udp
  france: {timezone: Europe/Paris, network: {vlan: {id: 100}}}
  office:
    extends: [france]
    sip: {transport: tcp}
function_keys:
  desk:
    1: {type: speeddial, value: \"2001\", label: Taxi}
    2: {type: blf, target: bob}
lines:
  alice: {number: \"1001\", display_name: Alice}
  bob: {number: \"1002\", display_name: Bob}
devices:
  - mac: 00:0f:d3:00:00:01
    vendor: Digium
    model: D65
    profiles: [office]
    key_layout: desk
    lines: [alice]
    function_keys: {1: {label: Cab}}
",
    )]);
    let shown = repository.provc(&["show", "000fd3000001", "--origin", "--format", "json"]).expect(0).json();
    let origin = |path: &str| {
        let row = shown.as_array().unwrap().iter().find(|row| row["path"] == path);
        let row = row.unwrap_or_else(|| panic!("{path} in {shown}"));
        assert_eq!(row["file"], json!("inventory/all.yaml"));
        (row["value"].clone(), row["line"].as_u64().unwrap(), row["column"].as_u64().unwrap())
    };
    assert_eq!(origin("id"), (json!("00:0f:d3:00:00:01"), 20, 10));
    assert_eq!(origin("locale"), (json!("fr_FR"), 4, 13), "from base");
    assert_eq!(origin("timezone"), (json!("Europe/Paris"), 8, 22), "from a profile's parent");
    assert_eq!(origin("network.vlan.id"), (json!(100), 8, 57));
    assert_eq!(origin("sip.transport"), (json!("tcp"), 11, 22), "a later layer wins");
    assert_eq!(origin("sip.proxy"), (json!("10.0.0.1"), 6, 14), "beside what a later layer sets");
    assert_eq!(origin("sip.registrar"), (json!("10.0.0.1"), 6, 14), "a default from another value");
    assert_eq!(origin("function_keys.1.type"), (json!("speeddial"), 14, 15), "from the layout");
    assert_eq!(origin("function_keys.1.label"), (json!("Cab"), 26, 32), "over the layout");
    assert_eq!(origin("function_keys.2.value"), (json!("1002"), 18, 17), "from the line that is the target");
    assert_eq!(origin("function_keys.2.label"), (json!("Bob"), 18, 39));
    assert_eq!(origin("lines.1.display_name"), (json!("Alice"), 17, 41));
    assert_eq!(origin("lines.1.label"), (json!("Alice"), 17, 41), "a default from the display name");
    assert_eq!(origin("site.http_url"), (json!("http://10.0.0.1"), 1, 18));

    let text = repository.provc(&["show", "000fd3000001", "--origin"]).expect(0).stdout;
    let line = text.lines().find(|line| line.starts_with("sip.transport ")).unwrap();
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>(),
        ["sip.transport", "tcp", "inventory/all.yaml:11:22"]
    );
}

#[test]
fn list_for_people_and_programs() {
    let repository = office();
    let before = repository.provc(&["list", "--format", "json"]).expect(0).json();
    assert_eq!(before[0]["state"], json!("not built"));
    repository.provc(&["build"]).expect(0);
    let rows = repository.provc(&["list", "--format", "json"]).expect(0).json();
    let schema = json!({"type": "array", "minItems": 1, "items": {
        "type": "object",
        "required": ["mac", "name", "vendor", "model", "firmware", "plugin", "support", "files"],
        "properties": {
            "mac": {"type": ["string", "null"]},
            "files": {"type": "array", "items": {"type": "string"}},
            "support": {"enum": ["exact", "complete", "probable", "unknown", "improbable", null]},
        },
    }});
    assert_valid(&schema, &rows);
    let row = &rows[0];
    assert_eq!(
        [&row["mac"], &row["name"], &row["model"]],
        [&json!("00:0f:d3:00:00:01"), &json!("desk"), &json!("D65")]
    );
    assert_eq!(
        [&row["plugin"], &row["support"], &row["state"]],
        [&json!("digium-2.8.1"), &json!("exact"), &json!("built")]
    );
    for file in row["files"].as_array().unwrap() {
        assert!(repository.path().join("out").join(file.as_str().unwrap()).is_file(), "{file}");
    }
    let table = repository.provc(&["list"]).expect(0).stdout;
    let mut lines = table.lines();
    assert!(lines.next().unwrap().starts_with("ID  "), "{table}");
    assert!(lines.next().unwrap().contains("digium-2.8.1  exact"), "{table}");
    // An empty inventory is an empty list, not nothing at all.
    let empty = Repository::new(&[("inventory/a.yaml", "lines: {}\n")]);
    assert_eq!(empty.provc(&["list", "--format", "json"]).expect(0).json(), json!([]));
}

#[test]
fn list_tells_programs_what_is_wrong() {
    let output = broken().provc(&["list", "--format", "json"]).expect(1);
    assert_eq!((&output.json()[0]["plugin"], &output.json()[0]["files"]), (&Value::Null, &json!([])));
    assert!(output.stderr.contains("PV0602"), "{}", output.stderr);
    let output = broken().provc(&["show", "desk", "--format", "json"]).expect(1);
    assert_eq!(output.json()["model"], json!("D66"));
    assert!(output.stderr.contains("PV0602"), "{}", output.stderr);
    let output = office().provc(&["show", "nobody", "--format", "json"]).expect(1);
    assert!(output.stderr.contains("PV0003"), "{}", output.stderr);
}

#[test]
fn completions_are_scripts() {
    for (shell, word) in [("bash", "complete -F"), ("zsh", "#compdef provc"), ("fish", "complete -c provc")] {
        let script = office().provc(&["completions", shell]).expect(0).stdout;
        assert!(script.contains(word) && script.contains("keep-going"), "{shell}");
    }
}

#[test]
fn help_says_what_a_command_does_and_how_it_ends() {
    for command in ["init", "check", "build", "show", "list", "completions"] {
        let help = office().provc(&[command, "--help"]).expect(0).stdout;
        let first = help.lines().next().unwrap();
        assert!(first.split_whitespace().count() >= 4, "{command}: {first}");
        assert!(help.contains("Exit status: 0 done; 1 something is wrong"), "{command}: {help}");
    }
    let help = office().provc(&["--help"]).expect(0).stdout;
    assert!(help.contains("Exit status"), "{help}");
}

#[test]
fn a_closed_pipe_is_silent() {
    let repository = office();
    let many: String = (1..2000)
        .map(|n| {
            format!("  - {{mac: 00:0f:d3:01:{:02x}:{:02x}, vendor: Digium, model: D65}}\n", n / 256, n % 256)
        })
        .collect();
    repository.write("inventory/many.yaml", &format!("devices:\n{many}"));
    for args in [&["list"][..], &["list", "--format", "json"], &["completions", "zsh"], &["--help"]] {
        let mut child =
            command(repository.path(), args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0u8; 1];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{args:?}");
        assert!(output.status.code().is_some(), "{args:?}: {:?}", output.status);
    }
}

#[test]
fn quiet_and_verbose() {
    let repository = office();
    let verbose = repository.provc(&["build", "-v"]).expect(0);
    assert!(verbose.stderr.contains("wrote Digium/000fd3000001.cfg"), "{}", verbose.stderr);
    assert!(verbose.stdout.contains("1 device: "), "{}", verbose.stdout);
    let quiet = repository.provc(&["build", "-q"]).expect(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let quiet = broken().provc(&["build", "--quiet"]).expect(1);
    assert!(quiet.stderr.contains("PV0602"), "mistakes are told all the same");
}

#[test]
fn a_dry_run_changes_nothing() {
    let repository = office();
    let output = repository.provc(&["build", "--dry-run", "-v"]).expect(0);
    assert!(output.stderr.contains("would write Digium/000fd3000001.cfg"), "{}", output.stderr);
    assert!(!repository.path().join("out/Digium").exists());
}

#[test]
fn colour_only_where_it_is_wanted() {
    let repository = broken();
    assert!(!repository.provc(&["check"]).stderr.contains('\u{1b}'));
    assert!(repository.provc(&["check", "--color", "always"]).stderr.contains('\u{1b}'));
    let mut plain = command(repository.path(), &["check"]);
    assert!(!run(plain.env_remove("NO_COLOR")).stderr.contains('\u{1b}'), "stderr is no terminal");
}

#[test]
fn the_way_in_for_newcomers() {
    let nothing = Repository::new(&[]);
    for args in [&["check"][..], &["build"], &["list"]] {
        let output = nothing.provc(args).expect(1);
        assert!(output.stderr.contains("provc init"), "{args:?}: {}", output.stderr);
    }
    assert!(!nothing.path().join("out").exists());
    let empty = Repository::new(&[("inventory/.gitkeep", "")]);
    let output = empty.provc(&["check"]).expect(1);
    assert!(output.stderr.contains("no `*.yaml` or `*.yml` file in inventory"), "{}", output.stderr);
}
