//! The tests that plugins bring along: `plugins/FAMILY/VERSION/tests/CASE.yaml` is an inventory, and
//! `tests/CASE/` is the tree that it becomes, byte for byte. `PROVC_BLESS=1` rewrites the trees for review.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::Repository;

/// Files by their paths relative to the tree.
type Tree = BTreeMap<PathBuf, Vec<u8>>;

fn plugins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins")
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'))
        .collect();
    entries.sort();
    entries
}

/// The `tests/` directories of all versions and layers.
fn suites() -> Vec<PathBuf> {
    let versions = entries(&plugins()).into_iter().flat_map(|family| entries(&family));
    versions.map(|version| version.join("tests")).filter(|tests| tests.is_dir()).collect()
}

fn tree(root: &Path) -> Tree {
    let files = walkdir::WalkDir::new(root).into_iter().filter_map(Result::ok);
    files
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path();
            (path.strip_prefix(root).unwrap().to_owned(), fs::read(path).unwrap())
        })
        .collect()
}

/// What a case becomes, or what was said instead.
fn built(case: &Path) -> Result<Tree, String> {
    let text = fs::read_to_string(case).unwrap();
    let repository = Repository::new(&[("inventory/case.yaml", &text)]);
    let plugins = plugins();
    let run = repository.provc(&["--plugins", plugins.to_str().unwrap(), "build", "--quiet"]);
    if run.status == 0 && !run.stderr.contains("warning") {
        Ok(tree(&repository.path().join("out")))
    } else {
        Err(run.stderr)
    }
}

fn bless(expected: &Path, tree: &Tree) {
    if expected.exists() {
        fs::remove_dir_all(expected).unwrap();
    }
    for (path, bytes) in tree {
        let path = expected.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// The files that differ, with the first line of each that does.
fn differences(expected: &Tree, actual: &Tree) -> Vec<String> {
    let paths: BTreeSet<&PathBuf> = expected.keys().chain(actual.keys()).collect();
    let mut found = Vec::new();
    for path in paths {
        let shown = path.display();
        match (expected.get(path), actual.get(path)) {
            (Some(before), Some(after)) if before == after => {}
            (Some(before), Some(after)) => {
                let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
                let pairs = before.lines().zip(after.lines()).enumerate();
                let first = pairs.into_iter().find(|(_, (before, after))| before != after);
                found.push(match first {
                    Some((at, (before, after))) => {
                        format!("{shown}:{}\n    expected {before:?}\n    found    {after:?}", at + 1)
                    }
                    None => format!("{shown}: one of the two is longer, or line ends differ"),
                });
            }
            (Some(_), None) => found.push(format!("{shown} is not written")),
            _ => found.push(format!("{shown} is written and not expected")),
        }
    }
    found
}

#[test]
fn every_case_becomes_its_tree() {
    let mut failed = Vec::new();
    let mut cases = 0;
    for case in suites().iter().flat_map(|suite| entries(suite)) {
        if case.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        cases += 1;
        let expected = case.with_extension("");
        match built(&case) {
            Err(said) => failed.push(format!("{} does not build:\n{said}", case.display())),
            Ok(tree) if crate::support::blessing() => bless(&expected, &tree),
            Ok(actual) => {
                let differences = differences(&tree(&expected), &actual);
                failed.extend(differences.iter().map(|found| format!("{}: {found}", case.display())));
            }
        }
    }
    assert!(failed.is_empty(), "{}\nPROVC_BLESS=1 rewrites the trees", failed.join("\n"));
    assert!(cases > 0, "no case was found");
}

#[test]
fn every_version_has_its_cases_and_every_tree_its_case() {
    for version in entries(&plugins()).into_iter().flat_map(|family| entries(&family)) {
        let name = version.file_name().unwrap().to_string_lossy().into_owned();
        let is_version = version.is_dir() && name.starts_with('v');
        for case in ["minimal", "rich", "nasty"] {
            let file = version.join("tests").join(case).with_extension("yaml");
            assert!(!is_version || file.is_file(), "{} is missing", file.display());
        }
    }
    for path in suites().iter().flat_map(|suite| entries(suite)).filter(|path| path.is_dir()) {
        assert!(path.with_extension("yaml").is_file(), "{} belongs to no case", path.display());
    }
}
