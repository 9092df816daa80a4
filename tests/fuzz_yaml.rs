//! Whatever the text, the reader and the printers neither panic nor point outside it.

use proptest::prelude::*;

use provc::diagnostic::{Diagnostics, FileId, HumanOptions, SourceMap, Span, github, human, json};
use provc::yaml::{Node, Value, parse};

const INVENTORY: &str = r#"# site
x-base: &base {locale: fr_FR, sip: {proxy: "10.0.0.1:5060"}}
profiles:
  base: {<<: *base, admin: {username: admin, password: 'p4''ss', pin: "2468"}}
  office:
    extends: [base]
    tls:
      key: |
        -----BEGIN PRIVATE KEY-----
        MIIé漢🙂
devices:
- mac: 00:1a:2b:3c:4d:e0
  name: "r\u00e9ception\t1"
  note: >-
    folded
    text
  password:
    hunter2
  lines: [alice, {number: "1001",
    username: u}]
  function_keys: {1: {type: blf}, 2: ~, "3":}
"#;

/// Pieces that mean something to YAML.
const PIECES: &[&str] = &[
    "\n",
    "\r\n",
    "\r",
    "\t",
    "  ",
    ": ",
    ":",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "\"",
    "'",
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "!x ",
    "|\n",
    ">-\n",
    "# ",
    "---\n",
    "...\n",
    "%",
    "@",
    "`",
    "\0",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "é",
    "漢",
    "\\x00",
    "? ",
    "password: ",
    "null",
];

/// The inventory with pieces put in, and runs of characters taken out.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (0usize..INVENTORY.len(), 0usize..20, prop::sample::select(PIECES));
    prop::collection::vec(edit, 1..8).prop_map(|edits| {
        let mut chars: Vec<char> = INVENTORY.chars().collect();
        for (at, remove, piece) in edits {
            let at = at.min(chars.len());
            let end = (at + remove).min(chars.len());
            chars.splice(at..end, piece.chars());
        }
        chars.into_iter().collect()
    })
}

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

/// Lines as the parser counts them, each with its length in characters.
fn line_lengths(text: &str) -> Vec<u32> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'));
    lines.map(|line| line.chars().count() as u32).collect()
}

fn check_span(span: Span, lines: &[u32], text: &str) {
    let length = lines.get(span.line as usize - 1).copied().unwrap_or(0);
    assert!(span.line as usize <= lines.len(), "{span:?} is past the last line of {text:?}");
    assert!(span.column >= 1 && span.column <= length + 1, "{span:?} is past its line in {text:?}");
    assert!(span.column - 1 + span.len <= length + 1, "{span:?} ends past its line in {text:?}");
}

fn check_node(node: &Node<'_>, lines: &[u32], text: &str) {
    check_span(node.span, lines, text);
    match &node.value {
        Value::Scalar(scalar) => {
            assert!(!scalar.plain || scalar.text.trim_matches([' ', '\t', '\n']) == scalar.text, "{text:?}");
        }
        Value::Seq(items) => items.iter().for_each(|item| check_node(item, lines, text)),
        Value::Map(entries) => {
            for (n, (key, node)) in entries.iter().enumerate() {
                check_span(key.span, lines, text);
                check_node(node, lines, text);
                assert!(entries.iter().take(n).all(|(other, _)| other.text != key.text), "{text:?}");
            }
        }
    }
}

fn check(text: &str) {
    let mut sources = SourceMap::default();
    let file = sources.add("a.yaml", text);
    let mut out = Diagnostics::default();
    let node = parse(file, text, &mut out);
    let lines = line_lengths(text);
    match &node {
        Some(node) => check_node(node, &lines, text),
        None => assert!(out.has_errors(), "neither tree nor message for {text:?}"),
    }
    let diagnostics = out.into_sorted(&sources);
    for d in &diagnostics {
        d.span
            .iter()
            .chain(d.related.iter().map(|r| &r.span))
            .for_each(|span| check_span(*span, &lines, text));
        json(d, &sources);
        assert!(!github(d, &sources).contains('\n'));
    }
    for color in [true, false] {
        let text = human(&diagnostics, &sources, HumanOptions { color, width: 60 });
        let steers = |c: char| c.is_control() && c != '\n' && !(color && c == '\u{1b}');
        assert!(!text.contains(steers), "{text:?}");
        assert!(!text.contains('\u{10fffd}'));
    }
}

#[test]
fn the_inventory_is_read_without_a_word() {
    let mut out = Diagnostics::default();
    assert!(parse(FileId(0), INVENTORY, &mut out).is_some());
    assert!(out.is_empty(), "{out:?}");
    check(INVENTORY);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text(text in "\\PC{0,60}|[\\x00-\\x7f\\u{80}-\\u{a0}\\u{2028}é漢🙂]{0,60}") {
        check(&text);
    }

    #[test]
    fn mutated_inventories(text in mutated()) {
        check(&text);
    }

    #[test]
    fn pieces_of_yaml(text in soup()) {
        check(&text);
    }

    #[test]
    fn spans_anywhere_are_printed(line in 0u32..40, column in 0u32..90, len in 0u32..u32::MAX, width in 0usize..200) {
        let mut sources = SourceMap::default();
        let file = sources.add("a.yaml", INVENTORY);
        let span = Span { file, line, column, len };
        let d = provc::diagnostic::Diagnostic::error(provc::diagnostic::Code("PV0999"), "m")
            .at(span)
            .related("r", Span { line: line / 2, len: len / 2, ..span });
        human(&[d], &sources, HumanOptions { color: false, width });
    }
}

/// Texts that would take minutes or the whole stack if anything were quadratic or recursive.
#[test]
fn hostile_texts_take_no_time() {
    let many = 100_000;
    let texts = [
        "[".repeat(many),
        "{a: ".repeat(many),
        "- ".repeat(many),
        "? ".repeat(many),
        "&a ".repeat(many),
        "!x ".repeat(many),
        "\"".repeat(many),
        "'".repeat(many),
        "\n".repeat(many),
        "a: \n".repeat(1000),
        "# c\n".repeat(many),
        "a ".repeat(many),
        format!("[{}]", "{\"password\": \"p\", \"key\": 1}, ".repeat(many / 10)),
        format!("[{}", "{\"a\": [1, 2]}, ".repeat(many / 10)),
        format!("{{{}}}", (0..many / 10).map(|n| format!("k{n}: v, ")).collect::<String>()),
        format!("a: |\n{}", "  x\n".repeat(many)),
        format!("a: \"{}\"", "\\t\n ".repeat(many / 10)),
        format!("x: &x {{{}}}\ny: [{}]\n", "a: 1, b: 2", "*x, ".repeat(many)),
    ];
    for text in texts {
        check(&text);
    }
}
