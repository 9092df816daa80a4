//! Progress is drawn where a person sees it, and nowhere else. `script` of Debian's bsdutils lends a terminal.

use std::fs;
use std::process::{Command, Stdio};

use super::failures::{SITE, phones};
use super::support::{Repository, command};
use super::tree::contents;

/// A build that takes more than the half second after which it is drawn, on whatever machine: a command
/// brings the password when the first device needs it.
fn slow() -> Repository {
    let slow = SITE.replace("secret1", "{command: [sh, -c, 'sleep 1.5; echo slow']}");
    Repository::new(&[("inventory/site.yaml", &slow), ("inventory/a.yaml", &phones(0..300))])
}

/// What a terminal of 100 columns gets to see of provc.
fn seen(repository: &Repository, term: &str, arguments: &str) -> String {
    let log = repository.path().join("typescript");
    let mut script = Command::new("script");
    let provc = env!("CARGO_BIN_EXE_provc");
    script.args(["-qec", &format!("stty cols 100; {provc} {arguments}")]).arg(&log);
    script.current_dir(repository.path()).env_remove("NO_COLOR").env("TERM", term);
    let status = script.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status =
        status.unwrap_or_else(|error| panic!("script: {error}; tests/run installs what the tests need"));
    let text = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
    assert!(status.success(), "{text}");
    text
}

const WORDS: [&str; 4] = ["reading files", "rendering devices", "writing files", "left"];

/// From the last bar of rendering on.
#[track_caller]
fn last_bar(text: &str) -> &str {
    text.rsplit_once("rendering devices").unwrap_or_else(|| panic!("no bar: {text:?}")).1
}

/// Back to the begin of the line, and away with what stands there.
const CLEAR: &str = "\r\u{1b}[2K";

#[test]
fn a_long_build_is_drawn_on_a_terminal_and_cleared_before_anything_else() {
    let repository = slow();
    let text = seen(&repository, "xterm", "build --jobs 1");
    let line = last_bar(&text).split('\r').next().unwrap();
    assert!(line.contains("/300, ") && line.contains("/s, ") && line.contains(" left"), "{line:?}");
    // What follows the last bar is the bar's end, and then the result.
    let (cleared, result) = last_bar(&text).rsplit_once(CLEAR).unwrap();
    assert!(result.contains("300 devices: ") && !cleared.contains("300 devices: "), "{text:?}");
    assert!(contents(&repository.path().join("out")).len() > 300);
}

#[test]
fn mistakes_are_not_mixed_into_a_bar() {
    let repository = slow();
    repository.write("inventory/bad.yaml", "devices: [{mac: '000fd3fffff0', lines: [nobody]}]\n");
    let text = seen(&repository, "xterm", "build --jobs 1 || true");
    let (bar, _) = last_bar(&text).split_once("PV0").unwrap_or_else(|| panic!("no error: {text:?}"));
    assert!(bar.contains(CLEAR), "{text:?}");
}

#[test]
fn no_bar_is_drawn_where_nobody_can_see_it() {
    let drawn = |text: &str| WORDS.iter().any(|word| text.contains(word)) || text.contains(CLEAR);
    let repository = slow();
    for arguments in ["build -q", "check --format json", "check --format github"] {
        assert!(!drawn(&seen(&repository, "xterm", arguments)), "{arguments}");
    }
    assert!(!drawn(&seen(&repository, "dumb", "check")));
    // Only stdout is a terminal.
    assert!(!drawn(&seen(&repository, "xterm", "check 2>/dev/null")));
    let output = command(repository.path(), &["check"]).env("TERM", "xterm").output().unwrap();
    assert!(!drawn(&String::from_utf8_lossy(&output.stderr)) && output.status.success());
}

#[test]
fn an_interrupted_build_clears_its_bar() {
    let repository = slow();
    let site = repository.read("inventory/site.yaml").replace("sleep 1.5", "sleep 20");
    repository.write("inventory/site.yaml", &site);
    // Job control, so that the signal reaches provc alone, as the end of its group would.
    let shell = "sh -mc 'PROVC check & sleep 1.5; kill -INT $!; wait $!; echo status $?'";
    let log = repository.path().join("typescript");
    let mut script = Command::new("script");
    script.args(["-qec", &format!("stty cols 100; {}", shell.replace("PROVC", env!("CARGO_BIN_EXE_provc")))]);
    script.arg(&log).current_dir(repository.path()).env("TERM", "xterm");
    script.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    let text = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
    let after = last_bar(&text);
    // As a shell tells of a process that SIGINT ended.
    assert!(after.contains(CLEAR) && after.contains("status 130"), "{after:?}");
}
