//! What is printed, for people and for programs.

use super::*;

const X: Code = Code("PV0999");

fn span(file: FileId, line: u32, column: u32, len: u32) -> Span {
    Span { file, line, column, len }
}

/// One file `inventory/a.yaml`.
fn file(text: &str) -> (SourceMap, FileId) {
    let mut sources = SourceMap::default();
    let id = sources.add("inventory/a.yaml", text);
    (sources, id)
}

fn print(d: &Diagnostic, sources: &SourceMap) -> String {
    human(std::slice::from_ref(d), sources, HumanOptions::default())
}

/// The drawn source line and the line with its carets.
fn drawn(text: &str, line: u32, column: u32, len: u32) -> (String, String) {
    let (sources, id) = file(text);
    let printed = print(&Diagnostic::error(X, "m").at(span(id, line, column, len)), &sources);
    assert!(printed.contains(&format!("--> inventory/a.yaml:{line}:{column}\n")), "{printed}");
    let mut lines = printed.lines().skip_while(|l| !l.starts_with(&format!("{line} | ")));
    (lines.next().unwrap().to_owned(), lines.next().unwrap().to_owned())
}

#[test]
fn everything_at_once() {
    let (mut sources, a) = file("sip:\n  proxy: x\nb:\n  - {username: u, password: p4ss, bogus: 1}\n");
    let b = sources.add("inventory/b.yaml", "\n\nx: y\n");
    let d = Diagnostic::error(X, "unknown key `bogus`")
        .at(span(a, 4, 35, 5))
        .label("here")
        .related("first defined here", span(a, 1, 1, 3))
        .related("and there", span(b, 3, 1, 1))
        .note("a fact")
        .help("did you mean `x`?");
    let d = Diagnostic { more_devices: 999, ..d.device("00:1a:2b:3c:4d:e0") };
    let expected = "\
error[PV0999]: unknown key `bogus`
 --> inventory/a.yaml:4:35
  |
1 | sip:
  | --- first defined here
...
4 |   - {username: u, password: ***, bogus: 1}
  |                                  ^^^^^ here
  |
 ::: inventory/b.yaml:3:1
  |
3 | x: y
  | - and there
  |
  = note: a fact
  = note: device 00:1a:2b:3c:4d:e0 and 999 more devices
  = help: did you mean `x`?

";
    assert_eq!(print(&d, &sources), expected);
}

#[test]
fn places_far_apart_are_drawn_apart() {
    let (sources, a) = file(&format!("a: 1\n{}a: 2\n", "# filler\n".repeat(50)));
    let d = Diagnostic::warning(X, "twice").at(span(a, 52, 1, 1)).related("first", span(a, 1, 1, 1));
    let expected = "\
warning[PV0999]: twice
  --> inventory/a.yaml:52:1
   |
52 | a: 2
   | ^
   |
  ::: inventory/a.yaml:1:1
   |
 1 | a: 1
   | - first

";
    assert_eq!(print(&d, &sources), expected);
}

#[test]
fn without_a_place_or_without_the_text() {
    let mut sources = SourceMap::default();
    let a = sources.reserve("out/x.cfg");
    let d = Diagnostic::error(X, "cannot read `x`").note("permission denied").help("chmod it");
    let expected = "error[PV0999]: cannot read `x`\n |\n = note: permission denied\n = help: chmod it\n\n";
    assert_eq!(print(&d, &sources), expected);
    let d = Diagnostic::error(X, "bad").at(span(a, 3, 4, 1));
    assert_eq!(print(&d, &sources), "error[PV0999]: bad\n--> out/x.cfg:3:4\n\n");
}

#[test]
fn carets_stand_under_tabs_and_wide_characters() {
    let cases = [
        ("\tk:\tv\n", 5, 1, "1 |     k:    v", "  |           ^"),
        ("名: 漢字 x\n", 7, 1, "1 | 名: 漢字 x", "  |          ^"),
        ("名: 漢字 x\n", 4, 2, "1 | 名: 漢字 x", "  |     ^^^^"),
        ("🙂: x\n", 4, 1, "1 | 🙂: x", "  |     ^"),
        ("e\u{301}: x\n", 5, 1, "1 | e\u{301}: x", "  |    ^"),
        ("a:\n", 3, 0, "1 | a:", "  |   ^"),
    ];
    for (text, column, len, line, caret) in cases {
        assert_eq!(drawn(text, 1, column, len), (line.to_owned(), caret.to_owned()), "{text:?}");
    }
    let (line, caret) = drawn("\u{feff}a: 1\r\nb: 2\r\n", 2, 4, 1);
    assert_eq!((&*line, &*caret), ("2 | b: 2", "  |    ^"));
}

#[test]
fn long_lines_are_cut_around_the_caret() {
    let text = format!("{}X{}", "a".repeat(500_000), "b".repeat(500_000));
    let (line, caret) = drawn(&text, 1, 500_001, 1);
    assert!(line.len() < 130 && line.contains("aX") && line.contains("Xb"), "{line}");
    assert!(line.starts_with("1 | ...a") && line.ends_with("b..."), "{line}");
    assert_eq!(line.find('X'), caret.find('^'));
    let (line, _) = drawn(&text, 1, 1, 1_000_001);
    assert!(line.len() < 130, "{line}");
}

#[test]
fn secrets_are_hidden_also_under_the_caret() {
    let (line, caret) = drawn("- password: p4ss\n", 1, 13, 4);
    assert_eq!((&*line, &*caret), ("1 | - password: ***", "  |             ^^^"));
    let (line, _) = drawn("password: |\n  p4\n  ss\n", 3, 3, 2);
    assert_eq!(line, "3 |   ***");
    // The renderer draws lines between two places, too.
    let (sources, a) = file("a: 1\npassword: p4ss\na: 2\n");
    let d = Diagnostic::error(X, "twice").at(span(a, 3, 1, 1)).related("first", span(a, 1, 1, 1));
    assert!(!print(&d, &sources).contains("p4ss"));
}

#[test]
fn no_control_character_reaches_the_terminal() {
    let (sources, a) = file("a: \u{1b}[31m\u{202e}\u{9b}1mx\n");
    let d = Diagnostic::error(X, "m\u{1b}[1m")
        .at(span(a, 1, 4, 1))
        .label("l\u{1b}")
        .note("n\u{7}\nsecond")
        .help("h\u{9b}1m");
    let printed = print(&d, &sources);
    assert!(!printed.contains(|c: char| c.is_control() && c != '\n'), "{printed:?}");
    assert!(!printed.contains('\u{202e}'));
    let colored = human(&[d], &sources, HumanOptions { color: true, width: 80 });
    assert!(colored.contains("\u{1b}["));
}

#[test]
fn json_is_the_object_of_the_contract() {
    let (sources, a) = file("a: 1\n");
    let d = Diagnostic::error(X, "bad").at(span(a, 1, 4, 1)).related("other", span(a, 1, 1, 1)).help("do");
    let expected = serde_json::json!({
        "severity": "error", "code": "PV0999", "message": "bad", "file": "inventory/a.yaml", "line": 1,
        "column": 4, "device": "00:1a:2b:3c:4d:e0", "help": "do",
        "related": [{"message": "other", "file": "inventory/a.yaml", "line": 1, "column": 1}],
    });
    assert_eq!(json(&d.device("00:1a:2b:3c:4d:e0"), &sources), expected);
    let expected = serde_json::json!({
        "severity": "warning", "code": "PV0999", "message": "bad", "file": null, "line": null,
        "column": null, "device": null, "help": null, "related": [],
    });
    assert_eq!(json(&Diagnostic::warning(X, "bad"), &sources), expected);
}

#[test]
fn github_commands_are_escaped() {
    let mut sources = SourceMap::default();
    let a = sources.add("a,b:c%.yaml", "x\n");
    let d = Diagnostic::error(X, "100% bad\r\n::error::x, y: z").at(span(a, 1, 2, 1)).help("do");
    assert_eq!(
        github(&d, &sources),
        "::error file=a%2Cb%3Ac%25.yaml,line=1,col=2,title=PV0999::100%25 bad%0D%0A::error::x, y: z%0Ahelp: do"
    );
    let d = Diagnostic { more_devices: 2, ..Diagnostic::warning(X, "w").device("id") };
    assert_eq!(github(&d, &sources), "::warning title=PV0999::w (device id and 2 more)");
}
