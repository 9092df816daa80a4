//! The tests that plugins bring along, by the code of `provc plugin test`; and that there are as many as there
//! should be. `PROVC_BLESS=1` rewrites the expected trees for review.

use std::fs;
use std::path::{Path, PathBuf};

use provc::diagnostic::{HumanOptions, human};
use provc::pipeline::cases::{self, Outcome, Runner};
use rayon::prelude::*;

use crate::xml::Element;

fn plugins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins")
}

#[test]
fn every_case_becomes_its_tree() {
    let directories = [plugins()];
    let cases = cases::find(&directories).unwrap();
    assert!(cases.iter().any(|case| case.plugin == "digium-2.8.1" && case.name == "rich"), "{cases:?}");
    let runner = Runner::new(&directories, crate::support::blessing());
    let run = |case: &cases::Case| {
        let told = match runner.run(case) {
            Outcome::Same | Outcome::Blessed(_) => return None,
            Outcome::Differs(found) => found
                .iter()
                .map(|found| format!("{} {}\n{}", found.path, found.what, found.excerpt))
                .collect(),
            Outcome::Said(said, sources) => human(&said, &sources, HumanOptions::default()),
            Outcome::Io(message) => message,
        };
        Some(format!("{} {}: {told}", case.plugin, case.name))
    };
    let failed: Vec<String> = cases.par_iter().filter_map(run).collect();
    assert!(failed.is_empty(), "{}\nPROVC_BLESS=1 rewrites the trees", failed.join("\n"));
}

#[test]
fn every_version_has_its_cases() {
    for family in fs::read_dir(plugins()).unwrap() {
        for unit in fs::read_dir(family.unwrap().path()).unwrap() {
            let unit = unit.unwrap().path();
            let is_version = unit.is_dir() && unit.file_name().unwrap().to_string_lossy().starts_with('v');
            for case in ["minimal", "rich", "nasty"] {
                let tree = unit.join("tests").join(case);
                let complete = tree.is_dir() && tree.with_extension("yaml").is_file();
                assert!(!is_version || complete, "{} or its .yaml is missing", tree.display());
            }
        }
    }
}

/// All that a file says: texts and attributes of XML with their entities resolved, the lines of anything else.
fn said(text: &str) -> Vec<String> {
    fn values(element: &Element, found: &mut Vec<String>) {
        found.push(element.text.clone());
        found.extend(element.attributes.values().cloned());
        element.children.iter().for_each(|child| values(child, found));
    }
    let mut found = Vec::new();
    if text.starts_with("<?xml") {
        values(&Element::parse(text), &mut found);
    } else {
        found.extend(text.lines().map(str::to_owned));
    }
    found
}

/// The nasty cases have every character in their passwords: each arrives as it is written, whatever the format.
#[test]
fn passwords_survive_the_way_through_every_format() {
    let cases = cases::find(&[plugins()]).unwrap();
    let (mut versions, mut lost) = (0, Vec::new());
    for case in cases.iter().filter(|case| case.name == "nasty") {
        let inventory = case.file.with_extension("yaml");
        let inventory: serde_yaml::Value =
            serde_yaml::from_str(&fs::read_to_string(inventory).unwrap()).unwrap();
        let lines = inventory["lines"].as_mapping().into_iter().flatten();
        let passwords: Vec<&str> = lines.filter_map(|(_, line)| line["password"].as_str()).collect();
        let nasty = |password: &&str| password.contains(|c: char| !c.is_ascii_alphanumeric());
        assert!(passwords.iter().any(nasty), "{}: no password has anything but letters", case.plugin);
        let files = walkdir::WalkDir::new(case.file.with_extension("")).into_iter().map(Result::unwrap);
        let files = files.filter(|entry| entry.file_type().is_file());
        let values: Vec<String> =
            files.flat_map(|file| said(&String::from_utf8_lossy(&fs::read(file.path()).unwrap()))).collect();
        for password in passwords {
            // Text of elements is read without blanks around it; Aastra's files quote where a `#` would end a value.
            let forms = [password.to_owned(), password.trim().to_owned(), format!("\"{password}\"")];
            let is = |value: &String| forms.contains(value) || forms.iter().any(|form| value.ends_with(form));
            if !values.iter().any(is) {
                lost.push(format!("{}: {password}", case.plugin));
            }
        }
        versions += 1;
    }
    assert!(lost.is_empty(), "{lost:#?}");
    assert!(versions >= 60, "{versions} versions");
}
