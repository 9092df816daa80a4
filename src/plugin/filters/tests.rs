use proptest::prelude::*;
use tera::Context;

use super::*;

fn engine(format: Format) -> Tera {
    let mut tera = Tera::default();
    let tables = serde_json::json!({
        "language": {"fr_FR": "French", "list": [1, 2], "5": "five", "true": "yes"},
        "flat": 1,
    });
    register(&mut tera, format, Value::from_serializable(&tables));
    tera
}

fn try_render(format: Format, template: &str) -> Result<String, String> {
    let mut tera = engine(format);
    tera.add_raw_template("t", template).map_err(|error| error.to_string())?;
    let mut context = Context::new();
    context.insert("null", &None::<u8>);
    context.insert("mac", "00:1A:2b-3c.4D e0");
    context.insert("secret", "hunter2hunter2");
    context.insert("keys", &serde_json::json!([
        {"n": 10, "t": "b"}, {"n": 9, "t": "a"}, {"n": 10, "t": "c"}, {"n": null, "t": "d"}, {"n": "x", "t": "e"},
    ]));
    tera.render("t", &context).map_err(|error| error.to_string())
}

fn value_of(expression: &str) -> String {
    try_render(Format::Text, &format!("{{{{ {expression} }}}}")).expect(expression)
}

fn error_of(expression: &str) -> String {
    try_render(Format::Text, &format!("{{{{ {expression} }}}}")).expect_err(expression)
}

#[test]
fn filters_give_what_the_manual_says() {
    for (expression, expected) in [
        ("mac | mac", "001a2b3c4de0"),
        ("mac | mac(sep=':')", "00:1a:2b:3c:4d:e0"),
        ("mac | mac(sep='_', upper=true)", "00_1A_2B_3C_4D_E0"),
        ("5 | pad(width=3)", "005"),
        ("-5 | pad(width=4)", "-005"),
        ("'-5' | pad(width=3)", "0-5"),
        ("'é' | pad(width=2)", "0é"),
        ("12345 | pad(width=2)", "12345"),
        ("5 | signed", "+5"),
        ("-5 | signed", "-5"),
        ("0 | signed", "+0"),
        ("(120 / 2) | signed", "+60"),
        ("1.5 | signed", "+1.5"),
        ("'7' | signed", "+7"),
        ("'abcdé' | tail(length=2)", "dé"),
        ("1001 | tail(length=9)", "1001"),
        ("'a' | tail(length=0)", ""),
        ("' a  b\tc ' | words | join(sep='|')", "a|b|c"),
        ("none | words | length", "0"),
        ("'a;b|c' | without(chars=';|')", "abc"),
        ("'a b/é~' | urlencode", "a%20b%2F%C3%A9~"),
        ("'fr_FR' | lookup(table='language')", "French"),
        ("5 | lookup(table='language')", "five"),
        ("true | lookup(table='language')", "yes"),
        ("'list' | lookup(table='language') | last", "2"),
        ("'xx' | lookup(table='language', default='-')", "-"),
        ("null | lookup(table='language', default=0)", "0"),
        ("'xx' | lookup(table='language', default=none)", ""),
        ("null | default(value='x')", "x"),
        ("nothing | default(value='x')", "x"),
        ("0 | default(value='x')", "0"),
        ("false | default(value='x')", "false"),
        ("'' | default(value='x')", ""),
        ("'a<b' | xml", "a&lt;b"),
        ("'a,b' | csv", "\"a,b\""),
        ("'a b' | cli", "\"a b\""),
        ("'#a b' | ini ~ '#a' | keyvalue ~ 'c' | text", "#a b#ac"),
        ("'0x1F' | int(base=16)", "31"),
        ("' 12 ' | int", "12"),
        ("(120 / 2) | int", "60"),
        ("'1.5' | float", "1.5"),
    ] {
        assert_eq!(value_of(expression), expected, "{expression}");
    }
}

#[test]
fn seconds_are_written_in_many_ways() {
    for (seconds, format, expected) in [
        (3600, "+HH:MM", "+01:00"),
        (-12_600, "+HH:MM", "-03:30"),
        (0, "+HH:MM", "+00:00"),
        (20_700, "-H:MM", "5:45"),
        (-16_200, "-H:MM", "-4:30"),
        (-16_200, "HH:MM", "-04:30"),
        (-16_200, "UTC+HHMM", "UTC-0430"),
        (7200, "HH:MM:SS", "02:00:00"),
        (86_399, "H:MM:SS", "23:59:59"),
        (19_800, "+M", "+330"),
        (5400, "MMM", "090"),
        (-3600, "S", "-3600"),
        (90, "M:SS", "1:30"),
        (7200, "H", "2"),
        (10_800, "HH-MM", "03-00"),
    ] {
        assert_eq!(value_of(&format!("{seconds} | hms(format='{format}')")), expected, "{seconds} {format}");
    }
    assert_eq!(value_of("3600 | hms"), "+01:00");
    assert!(error_of("5400 | hms(format='H')").contains("lose 1800 seconds"));
    assert!(error_of("5400 | hms(format='x')").contains("neither"));
}

#[test]
fn mistakes_are_told_without_the_value() {
    for (expression, wanted) in [
        ("secret | mac", "12 hexadecimal digits"),
        ("null | mac", "not none"),
        ("secret | int", "no whole number in base 10"),
        ("secret | int(base=99)", "2 to 36"),
        ("secret | float", "needs a number"),
        ("'inf' | float", "needs a number"),
        ("secret | hms", "whole number"),
        ("secret | signed", "whole number"),
        ("secret | pad", "width"),
        ("secret | pad(width=100000)", "more than 1000"),
        ("secret | lookup(table='nope')", "no table `nope`"),
        ("secret | lookup(table='flat')", "not a map"),
        ("secret | lookup(table='language')", "no entry for the value"),
        ("null | lookup(table='language')", "null has no entry"),
        ("secret | mac(seperator=':')", "no argument `seperator`"),
        ("secret | default(value=1, boolean=true)", "no argument `boolean`"),
        ("secret | safe", "always escaped"),
        ("keys | urlencode", "not array"),
        ("'a\nb' | csv", "line break"),
        ("keys | group_by(attribute='z')", "no `z`"),
    ] {
        let message = error_of(expression);
        assert!(message.contains(wanted), "{expression}: {message}");
        let told = message.lines().next().unwrap_or_default();
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn groups_come_in_order() {
    let template = "{% for k, v in keys | group_by(attribute='n') %}{{ k }}:{% for e in v %}{{ e.t }}{% endfor %} {% endfor %}";
    for _ in 0..20 {
        assert_eq!(try_render(Format::Text, template).unwrap(), "9:a 10:bc x:e ");
    }
}

#[test]
fn no_filter_of_the_engine_lets_a_value_through() {
    let value = "'<b>&'";
    for chain in [
        "upper",
        "lower",
        "trim",
        "title",
        "capitalize",
        "truncate(length=2)",
        "replace(from='x', to='<')",
        "str",
        "indent(first=true)",
        "newlines_to_br",
        "escape",
        "escape_html",
        "escape_xml",
        "reverse",
        "escape | upper",
        "escape | replace(from='lt', to='<')",
        "escape | trim(pat='&')",
        "escape | split(pat='x') | join(sep='<')",
        "split(pat='x') | first",
        "xml",
        "cli",
        "csv",
        "urlencode",
        "without(chars='x')",
        "tail(length=9)",
        "escape | default(value='<')",
        "escape | indent(indentation='<', first=true)",
        "escape | reverse",
    ] {
        let out = try_render(Format::Xml, &format!("{{{{ {value} | {chain} }}}}")).expect(chain);
        assert!(!out.contains(['<', '>']), "{chain}: {out}");
    }
    let captured =
        "{% set x %}{{ '<' }}{% endset %}{{ x }}{{ x ~ '<' }}{{ x[0:1] }}{{ [x, '<'] | join(sep='<') }}";
    assert!(!try_render(Format::Xml, captured).unwrap().contains('<'));
    assert_eq!(try_render(Format::Xml, "{% set x %}{{ '<' }}{% endset %}{{ x }}").unwrap(), "&lt;");
    assert_eq!(try_render(Format::Xml, "{{ '<' | xml }}").unwrap(), "&amp;lt;", "XML inside XML");
}

#[test]
fn every_template_is_escaped_whatever_its_name() {
    let mut tera = engine(Format::Xml);
    for name in ["a.tera", "b", "c.html", "d.cfg.tera"] {
        tera.add_raw_template(name, "{{ '<' }}").unwrap();
        assert_eq!(tera.render(name, &Context::new()).unwrap(), "&lt;", "{name}");
    }
}

#[test]
fn secrets_are_masked() {
    for (message, secrets, expected) in [
        ("the string `pa55word` is", &["pa55word"][..], "the string `***` is"),
        ("pa55word pa55", &["pa55", "pa55word"], "*** ***"),
        ("line 12, value `1`, 21", &["1"], "line 12, value `***`, 21"),
        (r#"value "a\"b\\c""#, &[r#"a"b\c"#], r#"value "***""#),
        ("nothing", &["", " "], "nothing"),
        ("é1é 1", &["1"], "é1é ***"),
    ] {
        assert_eq!(mask_secrets(message, secrets), expected);
    }
}

proptest! {
    #[test]
    fn masked_messages_hold_no_secret(before in "[a-z ]{0,10}", secret in "[A-Z0-9é\"\\\\]{4,9}", after in "[a-z ]{0,10}") {
        let masked = mask_secrets(&format!("{before}{secret}{after}{secret:?}"), &[secret.as_str()]);
        prop_assert!(!masked.contains(&secret));
    }

    #[test]
    fn url_encoding_can_be_undone(text in any::<String>()) {
        let mut tera = engine(Format::Text);
        tera.add_raw_template("t", "{{ v | urlencode }}").unwrap();
        let mut context = Context::new();
        context.insert("v", &text);
        let encoded = tera.render("t", &context).unwrap();
        let mut bytes = Vec::new();
        let mut rest = encoded.as_bytes();
        while let [first, tail @ ..] = rest {
            if *first == b'%' {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
                rest = &tail[2..];
            } else {
                bytes.push(*first);
                rest = tail;
            }
        }
        prop_assert_eq!(String::from_utf8(bytes).unwrap(), text);
    }
}
