//! README.md, and pages like it, say what the program prints: their `console` blocks are run in order, in one directory.
//!
//! Both streams go to one pipe, as they would to a terminal. Durations, and the user and group who build,
//! are the only things that may differ.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::Repository;

/// A command of a block and what is quoted below it.
struct Step {
    command: String,
    quoted: String,
}

fn readme() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

/// The text of all blocks with this word after the fence.
pub fn blocks(page: &str, word: &str) -> Vec<String> {
    let fence = format!("```{word}");
    let mut found: Vec<String> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match (inside, line) {
            (false, _) if line == fence => {
                inside = true;
                found.push(String::new());
            }
            (true, "```") => inside = false,
            (true, _) => found.last_mut().unwrap().push_str(&format!("{line}\n")),
            _ => {}
        }
    }
    found
}

fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in blocks(page, "console") {
        assert!(block.starts_with("$ "), "a block starts with output:\n{block}");
        for line in block.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => {
                    steps.push(Step { command: command.to_owned(), quoted: String::new() });
                }
                None => steps.last_mut().unwrap().quoted.push_str(&format!("{line}\n")),
            }
        }
    }
    steps
}

/// What a person would see, in the directory that the command before left.
fn run(command: &str, home: &Path, place: &Path) -> String {
    let directory = fs::read_to_string(place).map_or(home.to_path_buf(), |text| text.trim_end().into());
    let binary = Path::new(env!("CARGO_BIN_EXE_provc")).parent().unwrap();
    let script = format!("trap 'pwd > \"$PLACE\"' EXIT\nexec 2>&1\n{command}\n");
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(directory)
        .env_clear()
        .env("PATH", format!("{}:{}", binary.display(), option_env!("PATH").unwrap_or("/usr/bin:/bin")))
        .env("PLACE", place)
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The text with what depends on the machine and the moment taken out.
fn normal(text: &str) -> String {
    let duration = regex::Regex::new(r"\(\d+\.\d\d s\)").unwrap();
    let readers = regex::Regex::new(r"by the user \S+ and the group \S+ only").unwrap();
    let text = duration.replace_all(text, "(N s)");
    readers.replace_all(&text, "by the user USER and the group GROUP only").into_owned()
}

/// Runs the commands of a page in a directory, one after the other, and compares what they print with what the
/// page says. How many there are.
pub fn quoted_commands(page: &str, home: &Path) -> usize {
    let state = tempfile::tempdir().unwrap();
    let steps = steps(page);
    for Step { command, quoted } in &steps {
        let printed = run(command, home, &state.path().join("place"));
        assert_eq!(normal(&printed), normal(quoted), "`{command}` prints this (left), the page says that");
    }
    steps.iter().filter(|step| step.command.starts_with("provc ")).count()
}

#[test]
fn the_readme_quotes_what_is_printed() {
    let repository = Repository::new(&[]);
    assert!(quoted_commands(&readme(), repository.path()) >= 7);
}

#[test]
fn the_readme_quotes_what_init_writes() {
    let repository = Repository::new(&[]);
    repository.provc(&["init", "office"]).expect(0);
    let devices = repository.read("office/inventory/devices.yaml");
    let blocks = blocks(&readme(), "yaml");
    assert!(!blocks.is_empty());
    for block in blocks {
        assert!(devices.contains(&block), "devices.yaml of `init` does not hold:\n{block}\nbut:\n{devices}");
    }
}
