//! What holds for any value in any format.

use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::tests::{built, finished};
use super::*;

/// Any text, with what matters to the formats often in it.
fn values() -> impl Strategy<Value = String> {
    let sharp = prop::sample::select(
        "<>&\"'=[]#;:,\\ \t\n\r!%{}-/?.\u{0}\u{85}\u{2028}\u{FDD0}\u{FEFF}é漢".chars().collect::<Vec<_>>(),
    );
    prop_oneof![
        any::<String>(),
        prop::collection::vec(sharp, 0..12).prop_map(|chars| chars.into_iter().collect()),
    ]
}

fn clean(value: &str) -> bool {
    !value.chars().any(escape::refused)
}

/// Element names, attributes as (element, name, value), and the text of each element.
fn xml_content(text: &str) -> (Vec<String>, Vec<(String, String)>, String) {
    let (mut elements, mut attributes, mut content) = (Vec::new(), Vec::new(), String::new());
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) | Event::Empty(start) => {
                elements.push(start.name().as_ref().to_owned());
                for attribute in start.attributes() {
                    let attribute = attribute.unwrap();
                    let value = quick_xml::escape::unescape(&attribute.value).unwrap().into_owned();
                    attributes.push((attribute.key.as_ref().to_owned(), value));
                }
            }
            Event::Text(text) => content.push_str(&text),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().unwrap() {
                Some(c) => content.push(c),
                None => content.push_str(quick_xml::escape::resolve_xml_entity(&reference).unwrap()),
            },
            Event::Eof => return (elements, attributes, content),
            _ => {}
        }
    }
}

/// What a reader of RFC 4180 sees in a record.
fn csv_fields(record: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = record.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            _ => field.push(c),
        }
    }
    fields.push(field);
    fields
}

/// What a command line's reader sees: words between blanks, quotes and backslashes resolved.
fn cli_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => word.get_or_insert_default().extend(chars.next()),
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Templates that put a value where none belongs, and how many elements they write.
const WRONG_PLACES: [(&str, usize); 7] = [
    ("<a><{{ v }}/></a>", 2),
    ("<a {{ v }}='1'/>", 1),
    ("<a b={{ v }}/>", 1),
    ("<a><!-- {{ v }} --></a>", 1),
    ("<a><![CDATA[{{ v }}]]></a>", 1),
    ("<a/>{{ v }}", 1),
    ("<a><?p {{ v }}?></a>", 1),
];

/// Texts that are nearly XML: pieces of it in any order.
fn nearly_xml() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<?xml version=\"1.0\"?>",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
        "<?xml version=\"1.1\"?>",
        "<?p?>",
        "<a>",
        "</a>",
        "</a >",
        "<a",
        "<b ",
        "</b>",
        "<a/>",
        "<b />",
        "<a x=\"1\"/>",
        " x=\"1\"",
        " y=\"2\"",
        "z=\"3\"",
        " x='1'",
        "/>",
        ">",
        "<",
        "/",
        "<!-- c -->",
        "<!--",
        "-->",
        "--",
        "-",
        "<![CDATA[",
        "]]>",
        "]",
        "<!DOCTYPE a>",
        "&amp;",
        "&#10;",
        "&#0;",
        "&#55296;",
        "&#x41;",
        "&#",
        "&",
        ";",
        "\"",
        "=",
        " ",
        "\n",
        "\t",
        "t",
        "é",
        "1",
        ":",
    ]);
    let pieces = prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat());
    // In a root, so that many of them are well-formed.
    (pieces, any::<bool>()).prop_map(|(text, inside)| if inside { format!("<r>{text}</r>") } else { text })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn plain_xml_passes_the_thorough_check(text in nearly_xml()) {
        if plain_xml::is_plain(&text) {
            let found = xml::thoroughly(&text).map_err(|problem| problem.to_string());
            prop_assert_eq!(found, Ok(()), "{}", text);
        }
    }
}

proptest! {
    #[test]
    fn an_xml_value_comes_back(value in values()) {
        let template = "<a x=\"{{ v }}\" y='{{ v }}'><b>{{ v }}</b></a>";
        match built(Format::Xml, template, &value) {
            Ok(text) => {
                let (elements, attributes, content) = xml_content(&text);
                prop_assert_eq!(elements, ["a", "b"]);
                prop_assert_eq!(attributes, [("x".to_owned(), value.clone()), ("y".to_owned(), value.clone())]);
                prop_assert_eq!(content, value);
                prop_assert_eq!(text.lines().count(), 1);
            }
            Err(message) => prop_assert!(!clean(&value.replace(['\n', '\t'], "")), "{}", message),
        }
    }

    #[test]
    fn an_xml_value_adds_nothing_in_the_wrong_place(value in values()) {
        for (template, count) in WRONG_PLACES {
            if let Ok(text) = built(Format::Xml, template, &value) {
                let (elements, attributes, _) = xml_content(&text);
                prop_assert_eq!(elements.len(), count, "{}", text);
                prop_assert!(attributes.len() <= 1, "{}", text);
            }
        }
    }

    #[test]
    fn a_csv_value_comes_back(value in values()) {
        match built(Format::Csv, "k,{{ v }},{{ v }}\n", &value) {
            Ok(text) => {
                prop_assert_eq!(text.lines().count(), 1);
                prop_assert_eq!(csv_fields(text.trim_end_matches('\n')), ["k", &value, &value]);
            }
            Err(message) => prop_assert!(!clean(&value), "{}", message),
        }
    }

    #[test]
    fn a_cli_value_comes_back(value in values()) {
        match built(Format::Cli, "set {{ v }} to {{ v }}\n", &value) {
            Ok(text) => {
                prop_assert_eq!(text.lines().count(), 1);
                prop_assert_eq!(cli_words(text.trim_end_matches('\n')), ["set", &value, "to", &value]);
            }
            Err(message) => prop_assert!(!clean(&value), "{}", message),
        }
    }

    #[test]
    fn a_line_value_comes_back(value in values()) {
        for format in [Format::Ini, Format::KeyValue, Format::Text] {
            match built(format, "a = {{ v }}\nb = 1\n", &value) {
                Ok(text) => {
                    let value = value.replace(escape::MARK, "");
                    prop_assert_eq!(text, format!("a = {value}\nb = 1\n"));
                }
                Err(message) => prop_assert!(!clean(&value), "{}", message),
            }
        }
    }

    #[test]
    fn an_ini_value_adds_no_line_or_section_anywhere(value in values(), other in values()) {
        let mut tera = tera::Tera::default();
        tera.autoescape_on([""]);
        tera.set_escape_fn(Format::Ini.escape_fn());
        tera.add_raw_template("t", "[s]\n{{ v }}{{ w }}\n").unwrap();
        let mut context = tera::Context::new();
        context.insert("v", &value);
        context.insert("w", &other);
        if let Ok(text) = tera.render("t", &context)
            && let Ok(bytes) = finish(Format::Ini, text, &Finish::default_of(Format::Ini))
        {
            let text = String::from_utf8(bytes).unwrap();
            prop_assert!(text.lines().count() <= 2, "{text}");
            prop_assert!(text.lines().skip(1).all(|line| !line.trim().starts_with(['[', '#', ';'])), "{text}");
        }
    }

    #[test]
    fn no_text_makes_a_check_fail_otherwise_than_with_a_place(text in values()) {
        for format in Format::ALL {
            if let Err(problem) = format.check(&text) {
                let lines: Vec<&str> = text.split('\n').collect();
                prop_assert!((1..=lines.len()).contains(&problem.line));
                let line = lines[problem.line - 1];
                prop_assert!((1..=line.chars().count() + 1).contains(&problem.column));
            }
        }
    }

    #[test]
    fn finishing_keeps_every_line_that_is_not_blank(text in "[ab \t\n]{0,30}") {
        let kept: String =
            text.split_inclusive('\n').filter(|line| !line.trim_matches([' ', '\t', '\n']).is_empty()).collect();
        prop_assert_eq!(finished(Format::Text, &text), kept);
    }
}
