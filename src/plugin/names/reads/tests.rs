use super::*;

const ROOTS: [&str; 12] = [
    "contacts",
    "device",
    "function_keys",
    "item",
    "key_slots",
    "line_slots",
    "lines",
    "locale",
    "set_slots",
    "sip",
    "tables",
    "vars",
];

fn of(sources: &[&str], items: &[&str]) -> Reads {
    reads(sources.iter().copied(), items.iter().copied(), &BTreeSet::from(ROOTS), true)
}

fn line(field: &str) -> Text {
    Text::of_line(field).unwrap()
}

/// What becomes of the texts of a template: those that are not only shown.
fn used(source: &str) -> Vec<(Text, Use)> {
    let reads = of(&[source], &[]);
    if reads == Reads::EVERYTHING {
        panic!("not followed: {source}");
    }
    let all = [Owner::Device, Owner::Line, Owner::Key].into_iter().flat_map(Text::all_of);
    all.map(|text| (text, reads.of(text))).filter(|(_, used)| *used != Use::Shown).collect()
}

#[test]
fn what_is_only_shown_is_not_read() {
    for source in [
        "",
        "{{ device.mac }}{{ device.id }}{{ device['name'] }}",
        "{{ device.mac | mac }}{{ device.mac | mac(sep=':', upper=true) }}.cfg",
        "{{ (device.mac | mac) ~ '-x' ~ device.name }}",
        "{% if device.name %}{{ device.name }}{% elif not device.ip %}x{% endif %}",
        "{{ device.ip | default(value=device.name) | default(value='x') }}",
        "{% for line in lines %}{{ line.label if line.label is not none else line.number }}{% endfor %}",
        "{% for slot in line_slots %}{% if slot.line %}{% set line = slot.line %}{{ line.username }}{% endif %}{% endfor %}",
        "{% set first = lines | first %}{{ first.password }}{{ lines[0].label }}{{ lines[-1].number }}",
        "{% set own = [slot for slot in set_slots if slot.kind != 'module'] %}{% set last = own | last %}\
         {{ last.key.value }}{{ own | length }}{% for slot in key_slots[:last.position] %}{{ slot.n }}{% endfor %}",
        "{{ lines | length }}{% for line in lines | reverse %}{{ line.voicemail }}{% endfor %}",
        "{% set named = [line for line in lines if line.position == 2] %}{% set of = named if named else lines %}\
         {{ of[0].label }}",
        "{% set all = [lines[0], lines[1]] %}{% for line in all %}{{ line.label }}{% endfor %}",
        "{% if line_slots[0].line.label is defined %}x{% endif %}{{ throw(message=device.name) }}",
        "{% for key in function_keys %}{{ key.label or key.value }}{% endfor %}{{ super() }}",
        "{% component c(value, more: string = 'x', @lines) {\"d\": \"e\"} %}{{ value }}{{ lines[0].label }}\
         {% endcomponent c %}{{ <c value={device.name} /> }}",
        "{% set_global a = device.name %}{{ a }}{% set b = a %}{{ b }}",
    ] {
        assert_eq!(used(source), vec![], "{source}");
    }
}

#[test]
fn what_is_looked_at_is_read() {
    let cases: &[(&str, &[Text])] = &[
        ("{% if device.name == 'x' %}{% endif %}", &[Text::Name]),
        ("{% if 'x' in device.name %}{% endif %}", &[Text::Name]),
        ("{% if device.name in vars.names %}{% endif %}", &[Text::Name]),
        ("{% if device.ip < 'x' %}{% endif %}", &[Text::Ip]),
        ("{% if device.name is starting_with(pat='a') %}{% endif %}", &[Text::Name]),
        ("{% if vars.x is starting_with(pat=device.name) %}{% endif %}", &[Text::Name]),
        ("{{ device.name | upper }}", &[Text::Name]),
        ("{{ device.name | length }}", &[Text::Name]),
        ("{{ device.name[2:] }}", &[Text::Name]),
        ("{% for c in device.name %}{{ c }}{% endfor %}", &[Text::Name]),
        ("{{ tables.x[device.mac] }}", &[Text::Id]),
        ("{{ device.mac | lookup(table='x') }}", &[Text::Id]),
        ("{{ locale | lookup(table='x', default=device.ip) }}", &[Text::Ip]),
        ("{{ range(end=device.name) }}", &[Text::Name]),
        ("{{ (device.mac | mac) | upper }}", &[Text::Id]),
        ("{{ ('a' ~ device.name) | upper }}", &[Text::Name]),
        ("{% if device.mac | mac == 'x' %}{% endif %}", &[Text::Id]),
        ("{% if lines[0].label == locale %}{% endif %}", &[line("label")]),
        // `value` may be something else where it is not set.
        ("{% set locale = device.name %}{% if locale == device.ip %}{% endif %}", &[Text::Name, Text::Ip]),
        (
            "{% set x = device.name if locale else 'x' %}{% if x == device.ip %}{% endif %}",
            &[Text::Name, Text::Ip],
        ),
        // Dynamic access.
        ("{{ device[locale] }}", &[Text::Id, Text::Name, Text::Ip]),
        ("{{ device | get(key='name') }}", &[Text::Id, Text::Name, Text::Ip]),
        ("{{ device }}", &[Text::Id, Text::Name, Text::Ip]),
        ("{% for k, v in device %}{{ v }}{% endfor %}", &[Text::Id, Text::Name, Text::Ip]),
        ("{% for v in device | values %}{{ v }}{% endfor %}", &[Text::Id, Text::Name, Text::Ip]),
        (
            "{% for key in function_keys | sort(attribute='label') %}{% endfor %}",
            &[Text::KeyLabel, Text::KeyValue],
        ),
        ("{{ [key.label for key in function_keys] | join(sep=',') }}", &[Text::KeyLabel]),
        ("{{ [key.label for key in function_keys] }}", &[Text::KeyLabel]),
        ("{% set m = {'a': device.name} %}{{ m.a }}", &[Text::Name]),
        ("{% set m = {...device} %}{{ m.name }}", &[Text::Id, Text::Name, Text::Ip]),
        // Through names, wherever they are bound.
        (
            "{% for key in function_keys %}{% set_global last = key %}{% endfor %}{% if last.value == '1' %}{% endif %}",
            &[Text::KeyValue],
        ),
        ("{{ x | upper }}{% set x = device.name %}", &[Text::Name]),
        (
            "{% component c(value) %}{{ value | upper }}{% endcomponent c %}{{ <c value={device.name} /> }}",
            &[Text::Name],
        ),
        (
            "{% component c(name) %}{{ name | upper }}{% endcomponent c %}{% set name = device.ip %}{{ <c name /> }}",
            &[Text::Ip],
        ),
        ("{% component c(@device) %}{{ device.ip | upper }}{% endcomponent c %}{{ <c /> }}", &[Text::Ip]),
        ("{% component c(a=device.name) %}{{ a | upper }}{% endcomponent c %}{{ <c /> }}", &[Text::Name]),
    ];
    for (source, read) in cases {
        let mut read: Vec<(Text, Use)> = read.iter().map(|text| (*text, Use::Read)).collect();
        read.sort_by_key(|(text, _)| *text);
        let mut found = used(source);
        found.sort_by_key(|(text, _)| *text);
        assert_eq!(found, read, "{source}");
    }
}

#[test]
fn texts_compared_with_each_other_are_compared() {
    let source = "{% for line in lines %}{% set before = [other for other in lines \
        if other.username == line.username and other.position < line.position] %}{{ before | length }}{% endfor %}";
    assert_eq!(used(source), vec![(line("username"), Use::Compared)]);
    // In whatever order the templates come.
    let sources = [
        "{% if slot.line.label == one.label %}{% endif %}",
        "{% for slot in line_slots %}{% set one = slot.line %}{% endfor %}",
    ];
    assert_eq!(of(&sources, &[]).of(line("label")), Use::Compared);
    // One of them may be something else.
    let source = "{% set x = loop.index if locale else device.name %}{% if x == device.ip %}{% endif %}";
    assert_eq!(used(source), vec![(Text::Name, Use::Read), (Text::Ip, Use::Read)]);
    let source = "{% if lines[0].label != lines[0].number %}{% endif %}";
    assert_eq!(used(source), vec![(line("label"), Use::Compared), (line("number"), Use::Compared)]);
}

#[test]
fn one_template_is_read_with_all_others() {
    // An override includes a template that looks at what another set.
    let sources = ["{% set x = device.name %}{% include \"part\" %}", "{{ x | upper }}"];
    assert_eq!(of(&sources, &[]).of(Text::Name), Use::Read);
    let sources = [
        "{% block a %}{% set who = lines | last %}{{ super() }}{% endblock a %}",
        "{% if who.label == 'a' %}{% endif %}",
    ];
    assert_eq!(of(&sources, &[]).of(line("label")), Use::Read);
    assert_eq!(of(&sources, &[]).of(line("number")), Use::Shown);
    // What a file is repeated for.
    assert_eq!(of(&["{{ item.label | upper }}"], &["lines"]).of(line("label")), Use::Read);
    assert_eq!(of(&["{{ item.label | upper }}"], &["sip.codecs"]).of(line("label")), Use::Shown);
}

#[test]
fn what_cannot_be_followed_is_read_altogether() {
    for source in [
        "{% set x %}{{ device.name }}{% endset %}{{ x | upper }}",
        "{% set_global x | upper %}{{ device.name }}{% endset %}",
        "{% filter upper %}{{ device.name }}{% endfilter %}",
        "{% component c() %}{{ body }}{% endcomponent c %}{% <c> %}{{ device.name }}{% </c> %}",
        "{% component c(...rest) %}{{ rest }}{% endcomponent c %}{{ <c a={device.name} /> }}",
        "{% component c(name) %}{{ name }}{% endcomponent c %}{% set x = <c name={device.name} /> %}{{ x }}",
        "{% component c(name) %}{{ name }}{% endcomponent c %}{{ <c name={device.name} /> | upper }}",
        "{% component c(name) %}{{ name }}{% endcomponent c %}{{ <c {...device} /> }}",
        "{% block a %}{% set x = super() %}{{ x }}{% endblock %}",
        "{{ a",
        "{% unknown %}",
    ] {
        assert_eq!(of(&[source], &[]), Reads::EVERYTHING, "{source}");
    }
}

#[test]
fn where_two_values_make_one_they_are_read_unless_the_format_joins_them() {
    let source = "{{ device.name ~ device.ip }}{{ device.mac | mac }}";
    let reads = reads([source], [], &BTreeSet::from(ROOTS), false);
    assert_eq!(
        [Text::Name, Text::Ip, Text::Id].map(|text| reads.of(text)),
        [Use::Read, Use::Read, Use::Shown]
    );
}
