//! The tests that plugins bring along: `FAMILY/VERSION/tests/CASE.yaml` is an inventory, and `tests/CASE/` is
//! the tree that it becomes, byte for byte.
//!
//! A case is a build like any other, into a directory that is gone afterwards, with the plugins as they are
//! and no overrides. Plugins and their templates are read once for many cases. A warning fails it as an error does: what a plugin shows off, it does without complaint.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use similar::TextDiff;
use walkdir::WalkDir;

use super::memory::Plugins;
use super::{Action, Hint, Memory, Site, run_with};
use crate::diagnostic::{Diagnostic, SourceMap};
use crate::output;
use crate::plugin::plugin_id;

/// Lines of a difference that are shown of one file.
const SHOWN: usize = 40;

/// One case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The family that it belongs to.
    pub family: String,
    /// The id of its plugin; `FAMILY/LAYER` where it belongs to a layer.
    pub plugin: String,
    /// Its name.
    pub name: String,
    /// Its inventory. The tree stands beside it, without the `.yaml`.
    pub file: PathBuf,
}

/// What came of a case.
#[derive(Debug)]
pub enum Outcome {
    /// Every byte is as expected.
    Same,
    /// The expected tree was written anew, of so many files.
    Blessed(usize),
    /// Files differ.
    Differs(Vec<Difference>),
    /// It does not build, or not without a warning.
    Said(Vec<Diagnostic>, SourceMap),
    /// Something could not be read or written.
    Io(String),
}

impl Outcome {
    /// Whether the case is, or now is, as expected.
    pub fn is_fine(&self) -> bool {
        matches!(self, Self::Same | Self::Blessed(_))
    }
}

/// A file that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its path below out/.
    pub path: String,
    /// What is wrong in a few words: it differs, is missing, or was not expected.
    pub what: &'static str,
    /// The beginning of a unified diff; empty where there is nothing to compare with.
    pub excerpt: String,
}

/// The cases in directories of plugins, by plugin and name.
///
/// # Errors
/// What cannot be read, in words.
pub fn find(directories: &[PathBuf]) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for directory in directories {
        for family in entries(directory)? {
            for unit in entries(&family)? {
                let (family, unit_name) = (name(&family), name(&unit));
                let is_version = unit_name.starts_with('v') && unit_name != "v";
                let plugin =
                    if is_version { plugin_id(&family, &unit_name) } else { format!("{family}/{unit_name}") };
                for file in entries(&unit.join("tests"))? {
                    // A tree without its inventory is told as a case that cannot be read.
                    let case = if file.is_dir() { file.with_extension("yaml") } else { file.clone() };
                    let is_case = file.is_dir() || file.extension().is_some_and(|e| e == "yaml");
                    if is_case && !cases.iter().any(|other: &Case| other.file == case) {
                        let name = case.file_stem().map(|name| name.to_string_lossy().into_owned());
                        let (family, plugin) = (family.clone(), plugin.clone());
                        cases.push(Case { family, plugin, name: name.unwrap_or_default(), file: case });
                    }
                }
            }
        }
    }
    cases.sort_by(|a, b| (&a.plugin, &a.name).cmp(&(&b.plugin, &b.name)));
    Ok(cases)
}

/// Runs cases, on many threads if wanted.
pub struct Runner {
    plugins: Vec<PathBuf>,
    bless: bool,
    /// What no thread uses at the moment: there are as many as threads.
    kept: Mutex<Vec<(Option<Plugins>, SourceMap)>>,
}

impl Runner {
    /// For cases of the plugins in these directories. With `bless`, expected trees are written anew.
    pub fn new(plugins: &[PathBuf], bless: bool) -> Self {
        Self { plugins: plugins.to_vec(), bless, kept: Mutex::default() }
    }

    /// Builds a case and compares, or writes the expected tree anew.
    pub fn run(&self, case: &Case) -> Outcome {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut memory = Memory::lasting();
        (memory.plugins, memory.sources) = kept.unwrap_or_default();
        let outcome = self.build(case, &mut memory);
        let kept = (memory.plugins, memory.sources);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        outcome.unwrap_or_else(|error| Outcome::Io(error.to_string()))
    }

    fn build(&self, case: &Case, memory: &mut Memory) -> io::Result<Outcome> {
        if !case.file.is_file() {
            let message = format!("{} is missing: the tree belongs to no case", case.file.display());
            return Ok(Outcome::Io(message));
        }
        let directory = tempfile::tempdir()?;
        let out = directory.path().join("out");
        let site = Site {
            repository: directory.path().to_owned(),
            inventory: vec![case.file.clone()],
            plugins: self.plugins.clone(),
            ..Site::default()
        };
        let build = Action::build(output::Options::new(&out));
        let report = run_with(&site, &build, memory, &Hint::Unknown);
        if !report.diagnostics.is_empty() {
            return Ok(Outcome::Said(report.diagnostics, report.sources));
        }
        let actual = tree(&out)?;
        let expected = case.file.with_extension("");
        if self.bless {
            if expected.exists() {
                fs::remove_dir_all(&expected)?;
            }
            for (path, bytes) in &actual {
                let path = expected.join(path);
                fs::create_dir_all(path.parent().unwrap_or(&expected))?;
                fs::write(path, bytes)?;
            }
            return Ok(Outcome::Blessed(actual.len()));
        }
        let differences = differences(&tree(&expected)?, &actual);
        Ok(if differences.is_empty() { Outcome::Same } else { Outcome::Differs(differences) })
    }
}

/// Files by their paths relative to the tree.
type Tree = BTreeMap<String, Vec<u8>>;

fn tree(root: &Path) -> io::Result<Tree> {
    let mut tree = Tree::new();
    if !root.exists() {
        return Ok(tree);
    }
    for entry in WalkDir::new(root) {
        let entry = entry?;
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
            tree.insert(path.to_string_lossy().into_owned(), fs::read(entry.path())?);
        }
    }
    Ok(tree)
}

fn differences(expected: &Tree, actual: &Tree) -> Vec<Difference> {
    let paths: BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
    let differ = paths.into_iter().filter(|path| expected.get(*path) != actual.get(*path));
    differ
        .map(|path| {
            let (what, excerpt) = match (expected.get(path), actual.get(path)) {
                (Some(before), Some(after)) => ("differs", excerpt(before, after)),
                (Some(_), None) => ("is not written", String::new()),
                _ => ("is written and not expected", String::new()),
            };
            Difference { path: path.clone(), what, excerpt }
        })
        .collect()
}

/// The beginning of a unified diff, each line indented by four.
fn excerpt(before: &[u8], after: &[u8]) -> String {
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    let diff = TextDiff::from_lines(&before, &after);
    let unified = diff.unified_diff().context_radius(2).to_string();
    // Not by `lines`, which takes carriage returns away.
    let lines: Vec<&str> = unified.split_terminator('\n').collect();
    let mut text: String = lines.iter().take(SHOWN).map(|line| format!("    {}\n", visible(line))).collect();
    match lines.len().saturating_sub(SHOWN) {
        0 => {}
        more => text.push_str(&format!("    ... and {more} lines more\n")),
    }
    if lines.is_empty() {
        text.push_str("    the two differ in bytes that are no UTF-8\n");
    }
    text
}

/// A carriage return is shown, as it may be all that differs; other control characters could write on the
/// terminal.
fn visible(line: &str) -> String {
    let shown = |c: char| match c {
        '\t' => "\t".to_owned(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    line.chars().map(shown).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What a directory holds, sorted, hidden files left out; nothing where there is no directory.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let told = |error: io::Error| format!("cannot read {}: {error}", directory.display());
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if !name(&path).starts_with('.') {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_shown_and_no_more() {
        let tree = |files: &[(&str, &str)]| -> Tree {
            files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
        };
        let before = tree(&[("a", "1\n2\n3\n4\n5\n6\n"), ("gone", ""), ("same", "x"), ("cr", "a\n")]);
        let after = tree(&[("a", "1\n2\n3\nfour\n5\n6\n"), ("new", ""), ("same", "x"), ("cr", "a\r\n")]);
        let found = differences(&before, &after);
        let told: Vec<String> = found.iter().map(|found| format!("{} {}", found.path, found.what)).collect();
        assert_eq!(
            told,
            ["a differs", "cr differs", "gone is not written", "new is written and not expected"]
        );
        let expected = "    @@ -2,5 +2,5 @@\n     2\n     3\n    -4\n    +four\n     5\n     6\n";
        assert_eq!(found[0].excerpt, expected);
        assert!(found[1].excerpt.contains("    +a\\r\n"), "{}", found[1].excerpt);

        let long: String = (0..200).map(|n| format!("{n}\n")).collect();
        let shown = excerpt(b"", long.as_bytes());
        assert_eq!(shown.lines().count(), SHOWN + 1);
        assert!(shown.ends_with("    ... and 161 lines more\n"), "{shown}");
        assert!(excerpt(b"\xff\n", b"\xfe\n").contains("bytes"));
    }
}
