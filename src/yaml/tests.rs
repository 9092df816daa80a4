//! What the reader makes of texts, and what it says of bad ones.

use std::fmt::Write as _;

use super::*;
use crate::diagnostic::{Diagnostic, Diagnostics, FileId};

const FILE: FileId = FileId(0);

fn read(text: &str) -> (Option<Node<'_>>, Vec<Diagnostic>) {
    let mut out = Diagnostics::default();
    let node = parse(FILE, text, &mut out);
    (node, out.iter().cloned().collect())
}

fn good(text: &str) -> Node<'_> {
    let (node, diagnostics) = read(text);
    assert_eq!(diagnostics, [], "{text}");
    node.expect("no tree, no diagnostic")
}

/// The tree in one line, without places.
fn flat(node: &Node<'_>) -> String {
    match &node.value {
        Value::Scalar(scalar) if scalar.is_null() => "~".to_owned(),
        Value::Scalar(scalar) => format!("{:?}", scalar.text),
        Value::Seq(items) => format!("[{}]", items.iter().map(flat).collect::<Vec<_>>().join(" ")),
        Value::Map(entries) => {
            let entries: Vec<_> = entries.iter().map(|(k, v)| format!("{}:{}", k.text, flat(v))).collect();
            format!("{{{}}}", entries.join(" "))
        }
    }
}

fn at(span: Span) -> String {
    format!("{}:{}+{}", span.line, span.column, span.len)
}

/// Every place in the tree, in order.
fn places(node: &Node<'_>) -> String {
    let mut text = at(node.span);
    match &node.value {
        Value::Scalar(_) => {}
        Value::Seq(items) => items.iter().for_each(|item| {
            let _ = write!(text, " - {}", places(item));
        }),
        Value::Map(entries) => entries.iter().for_each(|(key, node)| {
            let _ = write!(text, " {}={} {}", key.text, at(key.span), places(node));
        }),
    }
    text
}

fn codes_at(text: &str) -> Vec<String> {
    read(text).1.iter().map(|d| format!("{} {}", d.code.0, d.span.map(at).unwrap_or_default())).collect()
}

#[test]
fn scalars_keep_the_exact_text() {
    let text = "a: 0123\nb: +33123\nc: no\nd: 000413E00012\ne: 1e3\nf: '0x1F'\ng: \"q\\\"r\"\nh: 'it''s'\ni: 00:1a:2b:3c:4d:e0\n";
    assert_eq!(
        flat(&good(text)),
        r#"{a:"0123" b:"+33123" c:"no" d:"000413E00012" e:"1e3" f:"0x1F" g:"q\"r" h:"it's" i:"00:1a:2b:3c:4d:e0"}"#
    );
}

#[test]
fn scalars_are_borrowed_where_the_text_has_them() {
    let node = good("é: 'zoé'\nb: [x y, \"q\"]\nc: \"a\\tb\"\n");
    let borrowed = |node: &Node<'_>| match &node.value {
        Value::Scalar(s) => matches!(s.text, Cow::Borrowed(_)),
        _ => false,
    };
    assert!(borrowed(node.get("é").unwrap()));
    assert!(node.get("b").unwrap().as_seq().unwrap().iter().all(borrowed));
    assert!(!borrowed(node.get("c").unwrap()));
}

#[test]
fn nulls_are_plain_only() {
    assert_eq!(
        flat(&good("a: null\nb: ~\nc:\nd: 'null'\ne: \"\"\nf: !!str null\n")),
        r#"{a:~ b:~ c:~ d:"null" e:"" f:"null"}"#
    );
    assert!(good("").is_null());
    assert!(good("# nothing\n").is_null());
}

#[test]
fn places_of_keys_and_values() {
    let text = "a: 1\nbé:\n  - x\n  - 'y z' # c\n  - {k: [1, 2] , l: \"m\\\"n\" }\nc: &n word\n";
    assert_eq!(
        places(&good(text)),
        "1:1+1 a=1:1+1 1:4+1 bé=2:1+2 3:3+1 - 3:5+1 - 4:5+5 - 5:5+24 k=5:6+1 5:9+6 - 5:10+1 - 5:13+1 l=5:18+1 5:21+6 c=6:1+1 6:7+4"
    );
}

#[test]
fn an_empty_value_stands_after_its_key() {
    assert_eq!(
        places(&good("a:\n\n# c\nb:   \nc: {d: , e, f:}\n")),
        "1:1+1 a=1:1+1 1:3+0 b=4:1+1 4:3+0 c=5:1+1 5:4+12 d=5:5+1 5:7+0 e=5:10+1 5:11+0 f=5:13+1 5:15+0"
    );
    assert_eq!(places(&good("-\n- a\n")), "1:1+1 - 1:2+0 - 2:3+1");
    assert_eq!(places(&good("a: &x\nb: *x\n")), "1:1+1 a=1:1+1 1:6+0 b=2:1+1 1:6+0");
}

#[test]
fn aliases_are_copies_and_keep_their_first_place() {
    let node = good("x-a: &a {k: v}\nb: *a\nc: [*a, 1]\nd: &s text\n*s : e\n");
    assert_eq!(flat(&node), r#"{x-a:{k:"v"} b:{k:"v"} c:[{k:"v"} "1"] d:"text" text:"e"}"#);
    assert_eq!(at(node.get("b").unwrap().get("k").unwrap().span), "1:13+1");
}

#[test]
fn merge_keys() {
    let text = "x-a: &a {k: 1, l: 2}\nx-b: &b\n  l: 3\n  m: 4\none:\n  l: 9\n  <<: *a\n  n: 5\ntwo: {<<: [*b, *a], n: 6}\nnested: {<<: {<<: *a, z: 0}}\nquoted: {\"<<\": 1}\n";
    let node = good(text);
    assert_eq!(flat(node.get("one").unwrap()), r#"{l:"9" k:"1" n:"5"}"#);
    assert_eq!(flat(node.get("two").unwrap()), r#"{l:"3" m:"4" k:"1" n:"6"}"#);
    assert_eq!(flat(node.get("nested").unwrap()), r#"{k:"1" l:"2" z:"0"}"#);
    assert_eq!(flat(node.get("quoted").unwrap()), r#"{<<:"1"}"#);
    assert_eq!(codes_at("a: &a 1\nb: {<<: *a}\nc: {<<: [x, {}]}\n"), ["PV0114 1:7+1", "PV0114 3:10+1"]);
    assert_eq!(codes_at("a: &a {}\nb:\n  <<: *a\n  <<: *a\n"), ["PV0102 4:3+2"]);
}

#[test]
fn all_duplicate_keys_are_reported_with_the_first_place() {
    let (node, diagnostics) = read("a: 1\nb: {c: 1, c: 2}\n'a': 3\n\"4\": x\n4: y\na: 5\n");
    assert_eq!(flat(&node.unwrap()), r#"{a:"1" b:{c:"1"} 4:"x"}"#);
    let mut found: Vec<_> =
        diagnostics.iter().map(|d| (d.span.map(at).unwrap(), at(d.related[0].span))).collect();
    found.sort();
    let expected = [("2:11+1", "2:5+1"), ("3:1+3", "1:1+1"), ("5:1+1", "4:1+3"), ("6:1+1", "1:1+1")];
    assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[test]
fn duplicates_among_many_keys() {
    let mut text: String = (0..1000).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "k{n}: v");
        text
    });
    text.push_str("k500: w\n");
    assert_eq!(codes_at(&text), ["PV0102 1001:1+4"]);
}

#[test]
fn alias_mistakes() {
    assert_eq!(codes_at("a: *nowhere\n"), ["PV0107 1:4+8"]);
    assert_eq!(codes_at("a: &a [1, *a]\n"), ["PV0108 1:11+2"]);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..10 {
        let _ = writeln!(bomb, "a{n}: &a{n} [{}]", vec![format!("*a{}", n - 1); 10].join(", "));
    }
    let (node, diagnostics) = read(&bomb);
    assert!(node.is_none());
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].code, codes::ALIAS_BOMB);
    assert!(diagnostics[0].message.contains("100000"));
}

#[test]
fn many_small_aliases_are_no_bomb() {
    let mut text = "x: &x {a: 1, b: 2, c: {d: 3}}\nl:\n".to_owned();
    text.push_str(&"  - {<<: *x, own: 1}\n".repeat(60_000));
    good(&text);
}

#[test]
fn depth_is_bounded_in_every_style() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", ""), ("[a: ", "]")] {
        for levels in [65, 300, 100_000] {
            let text = format!("{}x{}", open.repeat(levels), close.repeat(levels));
            let (node, diagnostics) = read(&text);
            assert!(node.is_none(), "{open} {levels}");
            assert_eq!(diagnostics.len(), 1, "{open} {levels}");
            assert_eq!(diagnostics[0].code, codes::TOO_DEEP, "{open} {levels}: {diagnostics:?}");
        }
    }
    good(&format!("{}x{}", "[".repeat(64), "]".repeat(64)));
    let text =
        format!("a: &a {}x{}\nb: {}*a{}", "[".repeat(40), "]".repeat(40), "[".repeat(40), "]".repeat(40));
    assert_eq!(codes_at(&text), ["PV0110 2:44+2"]);
}

#[test]
fn keys_tags_and_documents() {
    assert_eq!(codes_at("{a: 1}: b\nc: d\n"), ["PV0111 1:1+6"]);
    assert_eq!(codes_at("a: {{ x }}\n"), ["PV0111 1:5+5"]);
    assert_eq!(codes_at("? [a]\n: b\n: c\n"), ["PV0111 1:3+3", "PV0111 3:1+0"]);
    assert_eq!(codes_at("a: !foo 1\nb: !!binary aGk=\nc: !!str 1\nd: !<x> {}\ne: !!str [1]\n").len(), 4);
    assert_eq!(codes_at("---\na: 1\n...\n"), [""; 0]);
    let (node, diagnostics) = read("---\na: 1\n---\nb: 2\n---\n");
    assert_eq!(flat(&node.unwrap()), r#"{a:"1"}"#);
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].span.map(at).unwrap(), "3:1+3");
}

#[test]
fn control_characters() {
    for c in ['\0', '\u{1}', '\u{8}', '\u{b}', '\u{1b}', '\u{7f}', '\u{85}', '\u{9f}', '\u{2028}', '\u{2029}']
    {
        assert_eq!(codes_at(&format!("k: v\na: x{c}y\n"))[0].get(..8), Some("PV0104 2"), "{c:?}");
        assert_eq!(codes_at(&format!("a: \"x\\u{:04x}y\"\n", c as u32)), ["PV0104 1:4+10"], "{c:?}");
        assert_eq!(codes_at(&format!("a: |\n  x\n  {c}y\n"))[0].get(..6), Some("PV0104"), "{c:?}");
    }
    assert_eq!(codes_at("a: \"x\\ry\"\n\"b\\0\": 1\n"), ["PV0104 1:4+6", "PV0104 2:1+5"]);
    assert_eq!(codes_at("# a \u{2028} in a comment\na: tab\there\nb: |\n  two\n  lines\n"), [""; 0]);
}

#[test]
fn byte_order_mark_and_line_ends() {
    assert_eq!(places(&good("\u{feff}a: 1\n")), "1:1+1 a=1:1+1 1:4+1");
    let node = good("a: 1\r\nb:\r\n  - \"x\"\r\nc: |\r\n  p\r\n  q\r\n");
    assert_eq!(flat(&node), r#"{a:"1" b:["x"] c:"p\nq\n"}"#);
    assert_eq!(at(node.get("c").unwrap().span), "5:3+1");
}

#[test]
fn bytes_that_are_not_utf8_are_placed() {
    let error = decode_utf8(FILE, b"a: 1\nz\xc3\xa9: \xff\n".to_vec()).unwrap_err();
    assert_eq!((error.code, error.span.map(at).unwrap()), (codes::ENCODING, "2:5+1".to_owned()));
    assert!(decode_utf8(FILE, b"\xff\xfea\0".to_vec()).unwrap_err().message.contains("UTF-16"));
    assert_eq!(decode_utf8(FILE, "zé".as_bytes().to_vec()).unwrap(), "zé");
}

#[test]
fn syntax_errors_are_named_at_the_place_of_the_mistake() {
    let cases = [
        ("a:\n\tb: 1\n", "PV0105 2:1+1"),
        ("a: 1\n  \tb: 2\n", "PV0101 2:4+4"),
        ("a: 1\n\tb: 2\n", "PV0105 2:1+1"),
        ("a: \"x\nb: 1\n", "PV0106 1:4+1"),
        ("a: 'x\n", "PV0106 1:4+1"),
        ("a: [1, 2", "PV0106 1:4+1"),
        ("a: {x: 1\nb: 2\n", "PV0106 1:4+1"),
        ("a: {x: 1 y: 2}\n", "PV0101 1:11+1"),
        ("a:\n  b: 1\n c: 2\n", "PV0101 3:2+4"),
        ("a: 1\n  b: 2\n", "PV0101 2:3+4"),
        ("devices:\n  - mac: 1\n   name: x\n", "PV0101 3:4+7"),
        ("a: @x\n", "PV0101 1:4+1"),
        ("a: `x`\n", "PV0101 1:4+1"),
        ("a: %x\n", "PV0101 1:4+1"),
        ("a:1\nb: 2\n", "PV0101 1:2+1"),
        ("b: 2\na:1\n\nc: 3\n", "PV0101 2:2+1"),
        ("b: 2\nname\n", "PV0101 2:1+4"),
        ("a: b: c\n", "PV0101 1:5+1"),
        ("a: 'x' y\n", "PV0101 1:8+1"),
        ("a: \"C:\\dir\"\n", "PV0101 1:4+1"),
        ("a: - b\n", "PV0101 1:4+1"),
        ("a: ]\n", "PV0101 1:4+1"),
        ("voicemail: *98\n", "PV0107 1:12+3"),
        ("a: !x!y z\n", "PV0112 1:4+1"),
    ];
    for (text, expected) in cases {
        let (node, diagnostics) = read(text);
        assert!(node.is_none(), "{text:?}");
        assert_eq!(codes_at(text), [expected], "{text:?} {diagnostics:?}");
        assert!(diagnostics[0].help.is_some(), "{text:?}");
        assert_ne!(diagnostics[0].message, "this is not valid YAML", "{text:?}");
    }
}

#[test]
fn messages_do_not_repeat_what_may_be_a_password() {
    for text in [
        "password: *p4ss\n",
        "password: !p4ss\n",
        "password: !!p4ss x\n",
        "password: @p4ss\n",
        "password: p4ss: x\n",
        "password: \"p4ss\\q\"\n",
        "password: {p4ss}: x\n",
        "password: 'p4ss'x\n",
        "password:p4ss\nx: y\n",
        "password: [p4ss\n",
    ] {
        let mut sources = crate::diagnostic::SourceMap::default();
        let file = sources.add("a.yaml", text);
        let mut out = Diagnostics::default();
        parse(file, text, &mut out);
        let diagnostics: Vec<_> = out.iter().cloned().collect();
        assert!(!diagnostics.is_empty(), "{text}");
        let printed = crate::diagnostic::human(&diagnostics, &sources, Default::default());
        assert!(!printed.contains("p4ss"), "{printed}");
        assert!(diagnostics.iter().all(|d| !crate::diagnostic::github(d, &sources).contains("p4ss")));
    }
}
