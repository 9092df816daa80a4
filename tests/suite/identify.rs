//! Who is asking: the real strings of `tests/identify/`, one file for each family and one of strangers, each
//! with its source and what has to be known of it; and the command itself.
//!
//! An entry is what a line of `identify --batch` says, plus `source` (where the string was published) and
//! `expect` (vendor, model, version, mac; what is left out is not known).

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proptest::prelude::*;
use provc::plugin::PluginSet;
use provc::plugin::identify::{Channel, Identifier, Request};
use serde_json::{Map, Value, json};

use crate::support::{Output, command, run};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The families whose corpus may be small: what they say could not be found in public.
const FEW: &[(&str, &str)] = &[];

fn corpus() -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(ROOT).join("tests/identify")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn entries(file: &Path) -> Vec<Map<String, Value>> {
    let text = fs::read_to_string(file).unwrap();
    let entries: Vec<serde_yaml::Value> =
        serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let object = |entry| match serde_json::to_value(entry).unwrap() {
        Value::Object(entry) => entry,
        other => panic!("{}: {other} is no entry", file.display()),
    };
    entries.into_iter().map(object).collect()
}

/// Runs `identify --batch` with the plugins of the repository.
fn batch(input: &[u8]) -> Output {
    let mut command = with_plugins(&["identify", "--batch"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Output {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn with_plugins(args: &[&str]) -> Command {
    let directory = Path::new(ROOT).join("tests");
    let mut all = vec!["--plugins", "../plugins"];
    all.extend(args);
    command(&directory, &all)
}

fn answers(lines: &[Value]) -> Vec<Value> {
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let output = batch(input.as_bytes()).expect(0);
    output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn real_strings_are_recognised() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for file in corpus() {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let (mut lines, mut expected) = (Vec::new(), Vec::new());
        for mut entry in entries(&file) {
            let source = entry.remove("source");
            assert!(source.is_some_and(|s| s.as_str().is_some_and(|s| !s.is_empty())), "{name}: {entry:?}");
            let expect =
                entry.remove("expect").unwrap_or_else(|| panic!("{name}: {entry:?} expects nothing"));
            lines.push(Value::Object(entry));
            expected.push(expect);
        }
        let few = FEW.iter().any(|(family, _)| *family == name);
        assert!(lines.len() >= 20 || few, "{name} has only {} strings", lines.len());
        count += lines.len();
        let own: Vec<&Value> =
            expected.iter().map(|expect| &expect["vendor"]).filter(|v| !v.is_null()).collect();
        for ((line, expect), answer) in lines.iter().zip(&expected).zip(answers(&lines)) {
            // A near miss is nothing that this family may claim; another one may know it.
            let near_miss = expect.as_object().unwrap().values().all(Value::is_null) && !own.is_empty();
            if near_miss && !answer["vendor"].is_null() && !own.contains(&&answer["vendor"]) {
                continue;
            }
            for field in ["vendor", "model", "version", "mac"] {
                if answer[field] != expect[field] {
                    wrong
                        .push(format!("{name}: {line}: {field} is {}, not {}", answer[field], expect[field]));
                }
            }
            let known = ["vendor", "model", "version", "mac"];
            let stray: Vec<&String> =
                expect.as_object().unwrap().keys().filter(|key| !known.contains(&key.as_str())).collect();
            assert!(stray.is_empty(), "{name}: {line}: expects {stray:?}");
        }
    }
    assert!(count >= 60, "only {count} strings");
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_family_has_real_strings() {
    let names: Vec<String> =
        corpus().iter().map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    for entry in fs::read_dir(Path::new(ROOT).join("plugins")).unwrap() {
        let family = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(names.contains(&family), "there is no tests/identify/{family}.yaml");
    }
}

#[test]
fn one_request_for_people_and_programs() {
    let ask = |args: &[&str]| run(&mut with_plugins(&[&["identify"], args].concat()));
    let said = ask(&["--dhcp", "digium_D40_1_4_0_0_57389"]).expect(0);
    assert_eq!(
        said.stdout,
        "vendor   Digium\nmodel    D40\nversion  1.4.0.0.57389\nplugin   digium-1.4.0.0\nsupport  exact\n"
    );
    let file = ["--http", "/Digium/000fd3000001.cfg", "--format", "json"];
    assert_eq!(
        ask(&[&file[..], &["--user-agent", "Digium D65 2_8_1_0"]].concat()).expect(0).json(),
        json!({"vendor": "Digium", "model": "D65", "version": "2.8.1.0", "mac": "00:0f:d3:00:00:01",
               "plugin": "digium-2.8.1", "support": "exact"})
    );
    let header = [&file[..], &["--header", "user-agent=Digium D65 2_8_1_0"]].concat();
    assert_eq!(ask(&header).json()["model"], "D65");
    assert_eq!(
        ask(&file).json(),
        json!({"vendor": "Digium", "model": null, "version": null, "mac": "00:0f:d3:00:00:01",
               "plugin": null, "support": "unknown"})
    );
    let option = ask(&["--option", "60=digium_D40_1_4_0_0", "--mac", "000F.D300.0002", "--format", "json"]);
    assert_eq!(option.json()["mac"], "00:0f:d3:00:00:02");
    assert_eq!(option.json()["model"], "D40");
    assert_eq!(ask(&["--tftp", "pxelinux.0"]).expect(0).stdout, "no plugin knows this request\n");
    for wrong in [
        &[][..],
        &["--dhcp", "x", "--http", "/"],
        &["--http", "/", "--option", "43=x"],
        &["--option", "999=x"],
        &["--option", "x"],
        &["--http", "/", "--header", "x"],
        &["--mac", "zz", "--http", "/"],
        &["--batch", "--http", "/"],
    ] {
        ask(wrong).expect(64);
    }
}

#[test]
fn a_batch_answers_line_by_line() {
    let lines =
        b"{\"dhcp\": \"digium_D40_1_4_0_0\\u0000\"}\nnonsense\n\n{\"http\": 1}\n{\"usr_agent\": \"x\"}\n[]\n\
        {\"dhcp\": \"x\", \"tftp\": \"y\"}\n\xff\xfe\n{\"options\": {\"60\": \"digium_D70_1_4_0_0\xff\"}}\n\
        {\"headers\": {\"User-Agent\": \"Sangoma D62 2_8_1\xff\"}, \"mac\": \"000fd3000003\"}";
    let output = batch(lines).expect(1);
    let answers: Vec<Value> = output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let models: Vec<&Value> = answers.iter().map(|answer| &answer["model"]).collect();
    let null = &Value::Null;
    assert_eq!(models, [&json!("D40"), null, null, null, null, null, null, null, &json!("D62")]);
    assert!(answers[1..8].iter().all(|answer| answer.as_object().unwrap().values().all(Value::is_null)));
    assert_eq!(answers[8]["mac"], "00:0f:d3:00:00:03");
    let told: Vec<&str> = output.stderr.lines().filter(|line| line.starts_with("error")).collect();
    assert_eq!(
        told,
        [
            "error[PV0007]: line 2: it is not JSON: expected ident at column 2",
            "error[PV0007]: line 4: `http` is not a text",
            "error[PV0007]: line 5: unknown key `usr_agent`: did you mean `user_agent`?",
            "error[PV0007]: line 6: it is not a JSON object",
            "error[PV0007]: line 7: a request is one of dhcp, http and tftp",
            "error[PV0007]: line 8: it is not JSON: expected value at column 1",
        ]
    );
}

/// Pieces of what phones say, in any order: nothing panics, and what is known hangs together.
#[test]
fn any_request_gets_an_answer() {
    let pieces: Vec<String> = corpus()
        .iter()
        .flat_map(|file| entries(file))
        .flat_map(|entry| ["dhcp", "http", "tftp", "user_agent"].map(|key| entry.get(key).cloned()))
        .flatten()
        .map(|text| text.as_str().unwrap().to_owned())
        .chain(
            ["..", "/", " ", "\0", "\u{fffd}", "000000000000", "001565abcdef", "é", "?"].map(str::to_owned),
        )
        .collect();
    let plugins = Path::new(ROOT).join("plugins");
    let (mut sources, mut out) = <_>::default();
    let set = PluginSet::load(&[plugins], None, &mut sources, &mut out);
    let identifier = Identifier::new(&set);
    let text =
        prop::collection::vec((prop::sample::select(pieces), 0_usize..40, "\\PC?"), 0..4).prop_map(|parts| {
            let part = |(piece, cut, more): &(String, usize, String)| {
                piece.chars().skip(cut / 8).take(40 - cut).chain(more.chars()).collect::<String>()
            };
            parts.iter().map(part).collect::<String>()
        });
    let channel = prop::sample::select(vec![Channel::Dhcp, Channel::Http, Channel::Tftp]);
    proptest!(|(channel in channel, path in text.clone(), agent in text.clone(), class in text)| {
        let request = Request::new(channel).path(&path).header("User-Agent", &agent).option(60, &class);
        let found = identifier.identify(&request);
        prop_assert_eq!(found.support.is_some(), found.vendor.is_some());
        prop_assert!(found.plugin.is_none() || found.model.is_some());
        prop_assert!(found.vendor.is_some() || found == Default::default());
    });
}

#[test]
fn nonsense_is_nobody() {
    let long = "A".repeat(1 << 20);
    let lines: Vec<Value> = ["dhcp", "http", "tftp", "user_agent"].map(|key| json!({key: long})).into();
    for answer in answers(&lines) {
        assert!(answer.as_object().unwrap().values().all(Value::is_null), "{answer}");
    }
    let bytes: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(b"digium\xff\xfe".to_vec());
    let output = run(with_plugins(&["identify", "--dhcp"]).arg(bytes)).expect(0);
    assert_eq!(output.stdout, "no plugin knows this request\n");
}
