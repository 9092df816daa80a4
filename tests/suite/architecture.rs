//! Who imports whom, who touches the disk and who prints, held to what the design says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// What each module may import. Data flows down this list; `inventory` knows no plugin, and `output` neither
/// of the two.
const IMPORTS: &[(&str, &[&str])] = &[
    ("diagnostic", &[]),
    ("yaml", &["diagnostic"]),
    ("inventory", &["diagnostic", "yaml"]),
    ("plugin", &["diagnostic", "yaml", "inventory"]),
    ("render", &["diagnostic", "inventory", "plugin"]),
    ("output", &["diagnostic"]),
    ("pipeline", &["diagnostic", "yaml", "inventory", "plugin", "render", "output"]),
    ("watch", &["diagnostic", "pipeline"]),
    ("cli", &["diagnostic", "yaml", "inventory", "plugin", "render", "output", "pipeline", "watch"]),
];

/// Outside `output`, the files that may touch the disk: what loads, fetches secrets, looks for static files,
/// reads the settings, writes a new repository, runs the tests of plugins and finds what to watch.
const DISK: &[&str] = &[
    "cli/init.rs",
    "cli/settings.rs",
    "inventory/load.rs",
    "inventory/secret.rs",
    "pipeline/cases.rs",
    "pipeline/fingerprint.rs",
    "pipeline/inputs.rs",
    "pipeline/statics.rs",
    "plugin/set.rs",
    "plugin/source.rs",
    "watch/lookup.rs",
    "watch/plan.rs",
];

/// The module, the path below src/ and the text of every source file but tests.
fn sources() -> Vec<(String, PathBuf, String)> {
    let files = walkdir::WalkDir::new(SRC).sort_by_file_name().into_iter().map(Result::unwrap);
    let mut sources = Vec::new();
    for file in files.filter(|file| file.path().extension().is_some_and(|e| e == "rs")) {
        let path = file.path().strip_prefix(SRC).unwrap().to_path_buf();
        if path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests")) {
            continue;
        }
        let module = path.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let text = fs::read_to_string(file.path()).unwrap();
        // Tests stand at the end of a file.
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
        sources.push((module, path, text));
    }
    sources
}

fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// The modules of the crate that a text names after `crate::`.
fn imports(text: &str) -> BTreeSet<String> {
    let text: String = code(text).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        let names = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap().split(',').collect(),
            None => vec![rest],
        };
        for name in names {
            let word: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.insert(word);
        }
    }
    found
}

#[test]
fn modules_import_only_what_stands_above_them() {
    let known: BTreeSet<&str> = IMPORTS.iter().map(|(module, _)| *module).collect();
    let directories = fs::read_dir(SRC).unwrap().map(|entry| entry.unwrap().path());
    let directories = directories.filter(|path| path.is_dir());
    for directory in directories {
        let name = directory.file_name().unwrap().to_string_lossy().into_owned();
        assert!(known.contains(name.as_str()), "{name} is not in the table");
    }
    for (module, path, text) in sources() {
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == module) else { continue };
        for import in imports(&text).iter().filter(|import| known.contains(import.as_str())) {
            let fine = *import == module || allowed.contains(&import.as_str());
            assert!(fine, "{}: `{module}` must not import `{import}`", path.display());
        }
    }
}

#[test]
fn only_those_who_have_to_touch_the_disk() {
    let words = ["std::fs", "fs::read", "fs::write", "File::open", "WalkDir::new", "OpenOptions"];
    let mut touching = BTreeSet::new();
    for (module, path, text) in sources() {
        if module != "output" && code(&text).any(|line| words.iter().any(|word| line.contains(word))) {
            touching.insert(path.to_string_lossy().into_owned());
        }
    }
    let allowed: BTreeSet<String> = DISK.iter().map(|path| (*path).to_owned()).collect();
    let strangers: Vec<&String> = touching.difference(&allowed).collect();
    assert!(strangers.is_empty(), "these touch the disk: {strangers:?}");
    assert!(
        !touching.contains("lib.rs") && touching.len() >= 5,
        "the scan finds what it looks for: {touching:?}"
    );
}

#[test]
fn only_the_command_line_prints() {
    let words = ["println!", "eprintln!", "print!(", "stdout()", "stderr()", "dbg!"];
    for (module, path, text) in sources() {
        let prints = code(&text).any(|line| words.iter().any(|word| line.contains(word)));
        assert!(module == "cli" || !prints, "{} prints", path.display());
    }
}

#[test]
fn main_holds_nothing_but_the_exit_status() {
    let text = fs::read_to_string(Path::new(SRC).join("main.rs")).unwrap();
    let lines: Vec<&str> = code(&text).filter(|line| !line.trim().is_empty()).collect();
    let expected = ["use std::process::ExitCode;", "fn main() -> ExitCode {", "    provc::cli::run()", "}"];
    assert_eq!(lines, expected);
}

#[test]
fn every_module_says_what_it_is_for() {
    for (_, path, text) in sources() {
        assert!(text.starts_with("//!"), "{} has no module header", path.display());
    }
}

#[test]
fn every_file_of_this_suite_is_run() {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite");
    let main = fs::read_to_string(suite.join("main.rs")).unwrap();
    for entry in fs::read_dir(&suite).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let named = main.lines().any(|line| line == format!("mod {name};"));
        assert!(named || name == "main", "tests/suite/{name}.rs is not in main.rs");
    }
}
