//! Every code has its line in `docs/diagnostics.md` and a fixture that pins what is printed.
//!
//! The page is a table: the code, what it means (the doc comment of its constant, word for word), the way out
//! (written by hand). `PROVC_BLESS=1 cargo test --test suite documentation` writes the first two columns anew and
//! keeps the third.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::diagnostics::FIXTURES;
use crate::support::blessing;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Codes without a fixture, because no repository alone brings them about, and the test that does.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("PV0006", "needs a directory that is gone", "a_directory_that_is_gone_is_told"),
    ("PV0007", "needs a batch on stdin", "a_batch_answers_line_by_line"),
    (
        "PV0607",
        "a missing model is told as PV0309 first; this is for callers of the library",
        "what_is_never_chosen_is_explained",
    ),
    (
        "PV0608",
        "a missing vendor is told as PV0309 first; this is for callers of the library",
        "what_is_never_chosen_is_explained",
    ),
    ("PV0802", "needs a second build at the same time", "a_second_build_waits_and_then_names_the_first"),
    ("PV0805", "needs a user without rights", "a_user_without_rights_is_told"),
    ("PV0814", "needs a file that goes away during the build", "static_files_are_streamed_and_compared"),
    ("PV0815", "only a merge tells it", "a_merge_needs_all_shards_of_one_build"),
    ("PV0816", "only a merge tells it", "shards_of_different_inputs_are_told_apart"),
    ("PV0817", "needs a second build at the same time", "a_build_that_comes_between_is_noticed"),
    ("PV0820", "needs a full file system", "a_full_disk_leaves_out_as_it_was"),
    ("PV0821", "needs a read-only file system", "a_read_only_file_system"),
    ("PV0822", "needs a user without rights", "a_user_without_rights_is_told"),
    ("PV0823", "needs a process without file descriptors", "known_errors_name_the_path_and_the_way_out"),
    ("PV0824", "longer names are refused before (PV0701)", "known_errors_name_the_path_and_the_way_out"),
    ("PV0825", "needs a failing disk", "known_errors_name_the_path_and_the_way_out"),
    ("PV0901", "needs a kernel with few watches", "without_watches_it_looks_itself"),
];

struct Declared {
    name: String,
    meaning: String,
}

fn texts(below: &str) -> impl Iterator<Item = String> {
    let files = walkdir::WalkDir::new(format!("{ROOT}/{below}")).into_iter().map(Result::unwrap);
    let sources = files.filter(|file| file.path().extension().is_some_and(|e| e == "rs"));
    sources.map(|file| fs::read_to_string(file.path()).unwrap())
}

/// All constants of codes with their doc comments.
fn declared() -> BTreeMap<String, Declared> {
    let mut codes = BTreeMap::new();
    for text in texts("src") {
        let mut comment: Vec<&str> = Vec::new();
        for line in text.lines() {
            if let Some(words) = line.strip_prefix("/// ") {
                comment.push(words);
                continue;
            }
            let constant =
                line.strip_prefix("pub const ").and_then(|rest| rest.split_once(": Code = Code(\""));
            if let Some((name, rest)) = constant {
                let code = rest.split('"').next().unwrap().to_owned();
                let declared = Declared { name: name.to_owned(), meaning: comment.join(" ") };
                assert!(codes.insert(code.clone(), declared).is_none(), "{code} is declared twice");
            }
            comment.clear();
        }
    }
    codes
}

#[test]
fn every_code_has_a_fixture_or_a_reason() {
    let mut pinned = BTreeSet::new();
    for entry in fs::read_dir(FIXTURES).unwrap() {
        let directory = entry.unwrap().path();
        let stderr = fs::read_to_string(directory.join("stderr.txt")).unwrap();
        let codes: BTreeSet<String> = stderr
            .lines()
            .filter_map(|line| {
                line.strip_prefix("error[").or_else(|| line.strip_prefix("warning["))?.get(..6)
            })
            .map(str::to_owned)
            .collect();
        let name = directory.file_name().unwrap().to_string_lossy().into_owned();
        if let Some(code) = name.get(..6).filter(|_| name.starts_with("PV")) {
            assert!(codes.contains(code), "{name} does not show {code}");
        }
        pinned.extend(codes);
    }
    let codes = declared();
    let all: Vec<String> = texts("src").chain(texts("tests")).collect();
    for (code, _, test) in ELSEWHERE {
        assert!(codes.contains_key(*code), "{code} does not exist");
        assert!(!pinned.contains(*code), "{code} has a fixture after all");
        let test = format!("fn {test}()");
        assert!(all.iter().any(|text| text.contains(&test)), "there is no {test}, which {code} counts on");
    }
    for code in codes.keys() {
        let excused = ELSEWHERE.iter().any(|(other, ..)| other == code);
        assert!(pinned.contains(code) || excused, "{code} has no fixture");
    }
}

#[test]
fn every_code_is_used() {
    let all: Vec<String> = texts("src").collect();
    for (code, declared) in declared() {
        let word = |text: &String| {
            let parts: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            parts.iter().filter(|part| **part == declared.name).count()
        };
        assert!(all.iter().map(word).sum::<usize>() > 1, "{code} ({}) is never used", declared.name);
    }
}

#[test]
fn the_page_names_every_code_and_a_way_out() {
    let path = format!("{ROOT}/docs/diagnostics.md");
    let page = fs::read_to_string(&path).unwrap();
    let rows: BTreeMap<&str, &str> = page
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split(" | ").collect();
            let [code, _, way] = cells[..] else { return None };
            Some((code.strip_prefix("| ")?, way.strip_suffix(" |")?))
        })
        .filter(|(code, _)| code.starts_with("PV"))
        .collect();
    let mut table = String::from("| code | what it means | the way out |\n|---|---|---|\n");
    for (code, declared) in declared() {
        let way = rows.get(code.as_str()).copied().unwrap_or_default();
        assert!(!declared.meaning.contains('|'), "{code}: a bar would end the column");
        table.push_str(&format!("| {code} | {} | {way} |\n", declared.meaning));
    }
    let head = page.split("| code |").next().unwrap();
    let expected = format!("{head}{table}");
    if blessing() {
        fs::write(&path, &expected).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap();
    assert!(page == expected, "docs/diagnostics.md is not what src/ says: run this with PROVC_BLESS=1");
    for line in page.lines() {
        assert!(!line.ends_with(" |  |"), "a way out is missing: {line}");
    }
}
