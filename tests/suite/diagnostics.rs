//! Every kind of mistake with the whole of what is printed about it.
//!
//! Each directory below `tests/fixtures/diagnostics` is a repository with a mistake that people make.
//! `stderr.txt` holds what they read, byte for byte; `args` the command lines, one a line, where it is not
//! `check` alone (of several only the last is looked at); `status` its exit status where that is not 1.
//! `PROVC_BLESS=1 cargo test --test suite diagnostics` writes `stderr.txt` anew, for review.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::support::{Output, Repository, blessing, copy};

/// The repositories with mistakes.
pub const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/diagnostics");
/// Repositories that look wrong and are not.
const VALID: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/valid");

fn directories(root: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut directories: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    directories.sort();
    directories
}

fn run(fixture: &Path) -> Output {
    let repository = Repository::copy_of(fixture);
    let args = fs::read_to_string(fixture.join("args")).unwrap_or_else(|_| "check".into());
    let mut output = None;
    for line in args.lines() {
        // A person changes files between two builds.
        if line == "edit" {
            copy(&fixture.join("edited"), &repository.path().join("out"));
            continue;
        }
        output = Some(repository.provc(&line.split_whitespace().collect::<Vec<_>>()));
    }
    output.expect("`args` holds a command line")
}

#[test]
fn every_mistake_is_told_as_pinned() {
    let bless = blessing();
    let wrong: Vec<String> = directories(FIXTURES)
        .par_iter()
        .filter_map(|fixture| {
            let output = run(fixture);
            let file = fixture.join("stderr.txt");
            let name = fixture.file_name().unwrap().display();
            let status: i32 =
                fs::read_to_string(fixture.join("status")).map_or(1, |text| text.trim().parse().unwrap());
            if output.status != status {
                return Some(format!("{name}: exit status {}:\n{}", output.status, output.stderr));
            }
            let expected = fs::read_to_string(&file).unwrap_or_default();
            if output.stderr == expected {
                return None;
            }
            if bless {
                fs::write(&file, output.stderr).unwrap();
                return None;
            }
            Some(format!("{name}: expected\n{expected}\nbut got\n{}", output.stderr))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `show.txt` of each holds what `show` prints of all its devices: what text became of what is written.
#[test]
fn what_looks_wrong_and_is_not_means_what_it_says() {
    for fixture in directories(VALID) {
        let repository = Repository::copy_of(&fixture);
        let output = repository.provc(&["check"]);
        assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{}", fixture.display());
        let rows = repository.provc(&["list", "--format", "json"]).expect(0).json();
        let ids = rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap());
        let shown: Vec<String> = ids.map(|id| repository.provc(&["show", id]).expect(0).stdout).collect();
        let (shown, file) = (shown.join("---\n"), fixture.join("show.txt"));
        if blessing() {
            fs::write(&file, &shown).unwrap();
        }
        assert_eq!(shown, fs::read_to_string(&file).unwrap_or_default(), "{}", fixture.display());
    }
}
