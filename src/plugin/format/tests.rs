use super::*;

/// Renders a template with one value through the engine, then finishes it as a build does.
pub(super) fn built(format: Format, template: &str, value: &str) -> Result<String, String> {
    let options = Finish { encoding: Encoding::Utf8, ..Finish::default_of(format) };
    let bytes = finish(format, rendered(format, template, value)?, &options).map_err(|p| p.to_string())?;
    Ok(String::from_utf8(bytes).unwrap())
}

fn rendered(format: Format, template: &str, value: &str) -> Result<String, String> {
    let mut tera = tera::Tera::default();
    tera.autoescape_on([""]);
    tera.set_escape_fn(format.escape_fn());
    tera.add_raw_template("t", template).unwrap();
    let mut context = tera::Context::new();
    context.insert("v", value);
    match tera.render("t", &context) {
        Ok(text) => Ok(text),
        Err(_) => Err(take_escape_problem().expect("only escaping fails here").to_string()),
    }
}

pub(super) fn finished(format: Format, text: &str) -> String {
    let bytes = finish(format, text.to_owned(), &Finish::default_of(format)).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn problem(format: Format, text: &str) -> (usize, usize, String) {
    let problem = format.check(text).expect_err(text);
    (problem.line, problem.column, problem.message)
}

#[test]
fn formats_have_names() {
    for format in Format::ALL {
        assert_eq!(Format::from_name(format.name()), Some(format));
    }
    assert_eq!(Format::from_name("XML"), None);
    assert_eq!(Format::Cli.default_encoding(), Encoding::Ascii);
    assert_eq!(Format::Xml.default_encoding(), Encoding::Utf8);
}

#[test]
fn values_are_escaped_as_the_format_says() {
    let cases = [
        (Format::Xml, r#"<a b="c"> & 'd'"#, "&lt;a b=&quot;c&quot;&gt; &amp; &#39;d&#39;"),
        (Format::Xml, "-----BEGIN\n\tx", "-----BEGIN&#10;&#9;x"),
        (Format::Text, r#"<a> "b""#, r#"<a> "b""#),
        (Format::Ini, "#21#", "#21#"),
        (Format::KeyValue, " a = b ; c ", " a = b ; c "),
        (Format::Csv, "plain text", "plain text"),
        (Format::Csv, r#"a,"b""#, r#""a,""b""""#),
        (Format::Csv, " a", r#"" a""#),
        (Format::Csv, "", ""),
        (Format::Cli, "plain", "plain"),
        (Format::Cli, "", r#""""#),
        (Format::Cli, r#"C:\a "b""#, r#""C:\\a \"b\"""#),
        (Format::Cli, "it's", r#""it's""#),
        (Format::Cli, "#21#", r##""#21#""##),
        (Format::Cli, "a\u{A0}b", "\"a\u{A0}b\""),
    ];
    for (format, value, expected) in cases {
        assert_eq!(escaped(format, value).unwrap(), expected, "{format}: {value}");
    }
}

#[test]
fn control_characters_are_refused_and_the_cause_is_kept() {
    for format in Format::ALL {
        for c in [
            '\0', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{2028}', '\u{2029}', '\u{FDD0}',
            '\u{FFFE}',
        ] {
            if c == escape::MARK && matches!(format, Format::Ini | Format::KeyValue) {
                continue;
            }
            let value = format!("secret{c}secret");
            assert_eq!(escaped(format, &value), Err(EscapeProblem { format, character: c }));
            let message = rendered(format, "{{ v }}", &value).unwrap_err();
            assert!(message.contains(&format!("U+{:04X}", u32::from(c))), "{message}");
            assert!(!message.contains("secret"), "{message}");
            assert_eq!(take_escape_problem(), None, "a cause is told once");
        }
        for c in ['\n', '\t'] {
            assert_eq!(escaped(format, &c.to_string()).is_ok(), format == Format::Xml, "{format} {c:?}");
        }
    }
}

#[test]
fn well_formed_xml_passes() {
    for text in [
        "<a/>",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- x -->\n<a b=\"1\" c='2'>t &amp; &#10;<b/></a>\n",
        "\u{FEFF}<a/>",
        "<?xml version='1.0'?><!DOCTYPE settings><?pi x?><a><![CDATA[<>&]]></a><!-- end -->",
        "<ns:a xmlns:ns='x' ns:b=''><é/></ns:a>",
    ] {
        assert_eq!(Format::Xml.check(text), Ok(()), "{text}");
    }
}

#[test]
fn ill_formed_xml_is_refused_where_it_goes_wrong() {
    let cases = [
        ("", 1, 1, "no root"),
        ("\n<!-- x -->", 2, 11, "no root"),
        ("<a>\n  <b></c>\n</a>", 2, 6, "expected `</b>`"),
        ("<a>", 1, 4, "never closed"),
        ("<a/></b>", 1, 5, "`</b>`"),
        ("<a/>\n<b/>", 2, 1, "more than one root"),
        ("x<a/>", 1, 1, "outside the root"),
        ("<a/>x", 1, 5, "outside the root"),
        ("<a/>&amp;", 1, 5, "outside the root"),
        ("<a/><![CDATA[x]]>", 1, 5, "outside the root"),
        ("<a b='1' b='2'/>", 1, 1, "attribute"),
        ("<a b=1/>", 1, 1, "attribute"),
        ("<a b/>", 1, 1, "attribute"),
        ("<a b='1'c='2'/>", 1, 1, "no blank"),
        ("<a b='<'/>", 1, 1, "`b` holds `<`"),
        ("<a b='&nbsp;'/>", 1, 1, "unknown entity"),
        ("<a b='R&D'/>", 1, 1, "lone `&`"),
        ("<a b='&#1;'/>", 1, 1, "control character"),
        ("<a>&nbsp;</a>", 1, 4, "unknown entity"),
        ("<a>&#0;</a>", 1, 4, "no XML character"),
        ("<a>&#xFFFE;</a>", 1, 4, "no XML character"),
        ("<a>R&D</a>", 1, 5, "entity"),
        ("<a>]]></a>", 1, 4, "`]]>`"),
        ("<a><!-- a -- b --></a>", 1, 11, "`--`"),
        ("<a>\u{1}</a>", 1, 4, "U+0001"),
        ("<a>é\u{85}</a>", 1, 5, "U+0085"),
        ("<1a/>", 1, 1, "name"),
        ("<a 1='x'/>", 1, 1, "name"),
        ("\n<?xml version='1.0'?><a/>", 2, 1, "first thing"),
        ("<a/><!DOCTYPE a>", 1, 5, "before the root"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", 1, 1, "declare"),
    ];
    for (text, line, column, wanted) in cases {
        let (at_line, at_column, message) = problem(Format::Xml, text);
        assert!(message.contains(wanted), "{text}: {message}");
        assert_eq!((at_line, at_column), (line, column), "{text}: {message}");
    }
}

#[test]
fn ini_and_key_value_lines_are_checked() {
    let ini = "; comment\n# comment\n\n[sip]\nuser = 1001\nempty=\n  url=http://a?b=c\n";
    assert_eq!(Format::Ini.check(ini), Ok(()));
    for (text, column) in
        [("user: 1001\n", 1), ("  stray", 3), ("[sip", 1), ("[]", 1), ("= x", 1), ("[a]b=c", 1)]
    {
        assert_eq!(problem(Format::Ini, text).1, column, "{text}");
    }
    let key_value = "#!version:1.0.0.1\n## comment\naccount.1.label = Bob\nsip line1 user name: 1001\na=\n";
    assert_eq!(Format::KeyValue.check(key_value), Ok(()));
    assert_eq!(problem(Format::KeyValue, "a = 1\nstray\n").0, 2);
    assert_eq!(problem(Format::KeyValue, ": x").0, 1);
}

#[test]
fn csv_records_are_checked() {
    assert_eq!(Format::Csv.check("a,b\r\n\"x \"\"y\"\", z\",\n\n,\n"), Ok(()));
    assert_eq!(Format::Csv.check("a,\"b\nc\"\nd,e"), Ok(()));
    for (text, line, column, wanted) in [
        ("a,b\nc\n", 2, 1, "1 fields, the first has 2"),
        ("a,\"b", 1, 3, "never closed"),
        ("a,\"b\"c", 1, 6, "closing quote"),
        ("a,b\"c", 1, 4, "inside an unquoted"),
    ] {
        let (at_line, at_column, message) = problem(Format::Csv, text);
        assert!(message.contains(wanted), "{text}: {message}");
        assert_eq!((at_line, at_column), (line, column), "{text}");
    }
}

#[test]
fn text_and_cli_hold_no_control_characters() {
    for format in [Format::Text, Format::Cli] {
        assert_eq!(format.check("any \"thing\r\n\tat all\n"), Ok(()));
        assert_eq!(problem(format, "a\nb\u{7}").1, 2);
        assert_eq!(problem(format, "a\rb").1, 2);
    }
}

#[test]
fn a_value_makes_no_comment_and_no_section() {
    for format in [Format::Ini, Format::KeyValue] {
        for value in ["[x]", "#x", ";x", " [x]", "[", "#"] {
            for template in ["{{ v }} = 1", "  {{ v }}=1", "{{ v }}]", "a = 1\n{{ v }}"] {
                let message = built(format, template, value).unwrap_err();
                assert!(message.contains("begins the line"), "{message}");
            }
            let template = "{% set w %}{{ v }}{% endset %}k = {{ w }} {{ v }}";
            assert_eq!(built(format, template, value).unwrap(), format!("k = {value} {value}"));
            let template = "{% set w %}{{ v }}{% endset %}k = {{ w ~ v }}";
            assert_eq!(built(format, template, value).unwrap(), format!("k = {value}{value}"));
        }
    }
}

#[test]
fn blank_lines_are_dropped_and_nothing_else() {
    assert_eq!(finished(Format::Text, "a\n\n \t\nb  \n  c\n\r\n\n"), "a\nb  \n  c\n");
    assert_eq!(finished(Format::Text, "a\n\nb"), "a\nb", "no line end is added");
    assert_eq!(finished(Format::Text, "a\n  "), "a\n");
    assert_eq!(finished(Format::Text, "\n\n"), "");
    assert_eq!(
        finished(Format::Text, "a\u{A0}\n\u{A0}\n"),
        "a\u{A0}\n\u{A0}\n",
        "only space and tab are blanks"
    );
    let keep = Finish { blank_lines: BlankLines::Keep, ..Finish::default_of(Format::Text) };
    assert_eq!(finish(Format::Text, "a\n\n b\n ".to_owned(), &keep).unwrap(), b"a\n\n b\n ");
}

#[test]
fn lines_end_as_asked() {
    let crlf = Finish { newline: Newline::Crlf, ..Finish::default_of(Format::Text) };
    assert_eq!(finish(Format::Text, "a\nb\r\n\nc".to_owned(), &crlf).unwrap(), b"a\r\nb\r\nc");
    assert_eq!(finished(Format::Text, "a\r\nb\n"), "a\r\nb\n");
}

#[test]
fn texts_are_encoded() {
    let encode = |format, encoding: &str, on_unencodable, text: &str| {
        let encoding = Encoding::from_name(encoding).unwrap();
        let options = Finish { encoding, on_unencodable, ..Finish::default_of(format) };
        finish(format, text.to_owned(), &options)
    };
    use OnUnencodable::{Error, Replace};
    assert_eq!(encode(Format::Text, "latin1", Replace, "Zoé €").unwrap(), b"Zo\xE9 ?");
    assert_eq!(encode(Format::Xml, "ISO-8859-1", Replace, "<a>é€</a>").unwrap(), b"<a>\xE9&#8364;</a>");
    assert_eq!(encode(Format::Cli, "ascii", Replace, "Zoé").unwrap(), b"Zo?");
    assert_eq!(encode(Format::Text, "utf-8", Error, "é€").unwrap(), "é€".as_bytes());
    assert_eq!(encode(Format::Text, "windows-1252", Error, "a é €").unwrap(), b"a \xE9 \x80");
    assert_eq!(
        encode(Format::Xml, "windows-1251", Replace, "<a>Ж漢é</a>").unwrap(),
        b"<a>\xC6&#28450;&#233;</a>"
    );
    let problem = encode(Format::Text, "iso-8859-1", Error, "a\nbé€").unwrap_err();
    assert_eq!((problem.line, problem.column), (2, 3));
    assert!(problem.message.contains("U+20AC") && problem.message.contains("iso-8859-1"), "{problem}");
    let problem = encode(Format::Text, "koi8-r", Error, "ab漢").unwrap_err();
    assert_eq!(problem.column, 3);
    for unknown in ["", "utf-16", "utf-16le", "replacement", "klingon"] {
        assert_eq!(Encoding::from_name(unknown), None, "{unknown}");
    }
    for name in ["utf-8", "iso-8859-1", "us-ascii", "shift_jis"] {
        assert_eq!(Encoding::from_name(name).unwrap().name(), name);
    }
}

#[test]
fn a_declared_encoding_must_be_true() {
    let text = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>é</a>".to_owned();
    let mut options = Finish::default_of(Format::Xml);
    let problem = finish(Format::Xml, text.clone(), &options).unwrap_err();
    assert!(problem.message.contains("`ISO-8859-1`, the file is utf-8"), "{problem}");
    options.encoding = Encoding::Iso8859_1;
    assert!(finish(Format::Xml, text.clone(), &options).is_ok());
    options.encoding = Encoding::Utf8;
    assert!(finish(Format::Xml, text.replace('é', "e"), &options).is_ok(), "ASCII is the same in both");
}

#[test]
fn what_templates_write_is_plain_xml() {
    let file = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- é -->\n<config>\n  <setting id=\"a\" value=\"R&amp;D &#10;\" />\n  \
        <empty/>\n  <long\n    one=\"\"\n    two=\"2\">text &lt;b&gt;</long >\n</config>\n";
    assert!(plain_xml::is_plain(file));
    assert_eq!(xml::thoroughly(file), Ok(()));
    for other in [
        "",
        "text",
        "<a>",
        "<a></b>",
        "</a>",
        "<a/><b/>",
        "<a/>text",
        "<a x=\"1\" x=\"2\"/>",
        "<a x=\"1\"y=\"2\"/>",
        "<a x=\"<\"/>",
        "<a>&nbsp;</a>",
        "<a>&#0;</a>",
        "<a><!-- -- --></a>",
        "<a><!-- </a>",
        "<1/>",
        "<a/",
    ] {
        assert!(!plain_xml::is_plain(other), "{other}");
        assert!(xml::thoroughly(other).is_err(), "{other}");
    }
    // Well-formed, and left to the thorough check.
    for other in
        ["<a x='1'/>", "<a>]</a>", "<a><![CDATA[b]]></a>", "<é/>", "<a>&#x41;</a>", "<!DOCTYPE a><a/>"]
    {
        assert!(!plain_xml::is_plain(other), "{other}");
        assert_eq!(xml::thoroughly(other), Ok(()), "{other}");
    }
}
