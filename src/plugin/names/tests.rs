use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const LINE: Spec = Spec::Map(&[
    ("position", Spec::Leaf),
    ("label", Spec::Leaf),
    ("sip", Spec::Map(&[("proxy", ENDPOINT), ("transport", Spec::Leaf)])),
    ("vars", Spec::Free),
]);
const ENDPOINT: Spec = Spec::Map(&[("host", Spec::Leaf), ("port", Spec::Leaf)]);
const ROOTS: [(&str, Spec); 8] = [
    ("device", Spec::Map(&[("mac", Spec::Leaf), ("id", Spec::Leaf), ("model", Spec::Leaf)])),
    ("lines", Spec::List(&LINE)),
    ("line_slots", Spec::List(&Spec::Map(&[("position", Spec::Leaf), ("line", LINE)]))),
    ("network", Spec::Map(&[("vlan", Spec::Map(&[("id", Spec::Leaf)])), ("dns", Spec::List(&Spec::Leaf))])),
    ("tables", Spec::Map(&[("language", Spec::Free), ("dtmf_mode", Spec::Free)])),
    ("vars", Spec::Free),
    ("locale", Spec::Leaf),
    ("handsets", Spec::List(&Spec::Map(&[("ipui", Spec::Leaf)]))),
];

fn roots() -> BTreeMap<&'static str, Shape> {
    ROOTS.iter().map(|(name, spec)| (*name, Shape::from(spec))).collect()
}

fn problems(source: &str) -> Vec<NameProblem> {
    let mut out = Vec::new();
    check("t", source, &roots(), &BTreeSet::new(), &mut out);
    out
}

/// What a template does with the names, as the engine sees it: it must load, so that a clean bill of
/// health here is no mere failure to read on.
fn loads(source: &str) -> Result<(), String> {
    let mut tera = tera::Tera::default();
    for name in ["mac", "pad", "words", "lookup", "tail"] {
        tera.register_filter(name, |value: tera::Value, _: tera::Kwargs, _: &tera::State| value);
    }
    let others = [("base", "{% block a %}{% endblock %}"), ("part", "x")];
    let all = others.into_iter().chain([("t", source)]);
    tera.add_raw_templates(all).map_err(|error| error.to_string())
}

#[test]
fn templates_whose_names_exist_pass() {
    let change = "{% component change(at, name: string = \"x\", @tables, n = 1, ...rest) {\"doc\": \"d\"} %}\
                  {{ at.month }}{{ name }}{{ tables.language[at.x] }}{{ n }}{{ rest.y }}{{ body }}\
                  {% set own = at %}{{ own.a }}{% endcomponent change %}";
    for source in [
        "plain { text } # %",
        "{{ device.mac }}{{device['mac']}}{{ device[\"id\"] }}{{ device[`model`] }}",
        "{{- device.mac -}} {%- if network.vlan -%}{{ network.vlan.id }}{%- endif -%}",
        "{{ network?.vlan?.id }}{{ network?['vlan'].id }}",
        "{{ network.dns[0] }}{{ lines[0].label }}{{ lines[-1].sip.proxy.host }}{{ lines[locale].label }}",
        "{{ locale[0:2] }}{{ locale[::-1] }}{% for line in lines[1:] %}{{ line.label }}{% endfor %}",
        "{{ vars.anything.at['all'].x[0] }}{{ tables.language['fr_FR'].x }}{{ tables[locale].x }}",
        "{{ device.mac | mac(sep=':', upper=true) | upper }}",
        "{{ 'device.x' }}{{ \"network.vln\" ~ 'a' }}{{ 1.5 }}{{ -1 }}{{ not true }}{{ none }}{{ null }}",
        "{# {{ nothing }} #}{% raw %}{{ nothing }}{% if %}{% endraw %}{{ locale }}",
        "{% set x = network.vlan %}{{ x.id }}{% set y = x %}{{ y.id }}",
        "{% set x = lines[0].sip %}{% if x.proxy.port %}{{ x.transport }}{% endif %}",
        "{% set x %}a{{ locale }}{% endset %}{{ x }}{% set y | upper | trim(pat='x') %}b{% endset %}{{ y }}",
        "{% for line in lines %}{{ line.label }}{{ loop.index }}{{ loop.last }}{% else %}{{ locale }}{% endfor %}",
        "{% for k, v in network.vlan %}{{ k }}{{ v }}{% endfor %}{% for k, v in vars %}{{ v.x }}{% endfor %}",
        "{% for line in [l for l in lines if l.label] %}{{ line.sip.proxy.host }}{% endfor %}",
        "{{ [l.label for l in lines] | join(sep=',') }}{{ [k ~ v for k, v in network.vlan if v] | length }}",
        "{% for l in lines | sort(attribute='sip.proxy.host') | reverse %}{{ l.label }}{% break %}{% endfor %}",
        "{% set first = lines | first %}{{ first.label }}",
        "{% set seen = false %}{% for l in lines %}{% if seen %}{{ seen.label }}{% endif %}{% set_global seen = l %}{% endfor %}{{ seen.x }}",
        "{% for l in lines %}{% set here = l.sip %}{{ here.transport }}{% endfor %}",
        "{% if locale %}{% set a = lines[0] %}{% else %}{% set a = none %}{% endif %}{{ a.label }}",
        "{% set m = {\"a\": 1, 'b': network.vlan, 3: 4} %}{{ m.a }}{{ m.b.id }}{% set l = [network.vlan] %}{{ l[0].id }}",
        "{% set m = {\"a\": 1, ...vars} %}{{ m.whatever }}{% set l = [...lines, 1] %}{{ l | length }}",
        "{% set s = line_slots[0].line or lines[0] %}{{ s.label }}{{ (lines | first) }}",
        "{% set s = lines[0] if locale else line_slots[0].line %}{{ s.sip.transport }}",
        "{% if locale in ['a'] and locale not in [\"b\"] or not network.vlan %}{% elif locale is starting_with(pat=\"f\") %}{% elif 1 is not odd %}{% endif %}",
        "{% for i in range(start=1, end=3) %}{{ i + 1 // 2 ** 3 % 4 }}{% endfor %}",
        "{% filter upper %}{{ locale }}{% endfilter %}{% include \"part\" %}",
        "{% extends \"base\" %}{% block a %}{{ super() }}{% set x = lines %}{{ x[0].label }}{% endblock a %}",
        "{{ locale | lookup(table='language', default=none) | upper }}{{ 1 | lookup(table='lang' ~ locale) }}",
        "{% if locale is defined %}{{ locale | default(value=\"x\") }}{% endif %}",
        "{% set x = network.vlan | default(value={\"id\": 1}) %}{{ x.id }}",
        "{% block a %}{{ later }}{% endblock %}{% set later = 1 %}",
        change,
        &format!("{change}{{{{ <change at={{network.vlan}} name=\"b\" locale {{...vars}} /> }}}}"),
        &format!("{change}{{% <change at={{lines[0]}}> %}}{{{{ device.mac }}}}{{% </change> %}}"),
        "{% component a.b(x) %}{{ x }}{% endcomponent a.b %}{{ <a.b x='1'/> }}",
        "{% component other(x, @y = none) %}{{ x }}{{ y }}{% endcomponent %}",
    ] {
        assert_eq!(loads(source), Ok(()), "{source}");
        assert!(walk::reads_all(source), "{source}");
        assert_eq!(problems(source), [], "{source}");
    }
}

#[test]
fn names_and_paths_that_do_not_exist_are_refused() {
    use Problem::*;
    let cases: &[(&str, &str, Problem)] = &[
        ("{{ nothing }}", "nothing", UnknownName),
        ("{% if network.vln %}{% endif %}", "network.vln", UnknownField),
        ("{{ network.vlan.i }}", "network.vlan.i", UnknownField),
        ("{{ network?.vln }}", "network.vln", UnknownField),
        ("{{ network['vln'] }}", "network.vln", UnknownField),
        ("{{ network?[\"vln\"].id }}", "network.vln", UnknownField),
        ("{{ device.mac.upper }}", "device.mac.upper", FieldOfLeaf),
        ("{{ lines.label }}", "lines.label", FieldOfList),
        ("{{ lines[0].lable }}", "lines[].lable", UnknownField),
        ("{{ network.dns[0].x }}", "network.dns[].x", FieldOfLeaf),
        ("{{ tables.langage['x'] }}", "tables.langage", UnknownField),
        ("{% set x = network.vlan %}{{ x.di }}", "x.di", UnknownField),
        ("{% set x = network %}{% set y = x.vlan %}{{ y.di }}", "y.di", UnknownField),
        ("{% set_global x = network.vln %}", "network.vln", UnknownField),
        ("{% set x = locale | upper %}{{ x.y }}", "x.y", FieldOfLeaf),
        ("{% for l in lines %}{{ l.lable }}{% endfor %}", "l.lable", UnknownField),
        ("{% for l in lnes %}{% endfor %}", "lnes", UnknownName),
        ("{% for l in lines %}{% endfor %}{{ l.label }}", "l", EndsWithLoop),
        ("{% for l in lines %}{% else %}{{ l.label }}{% endfor %}", "l", EndsWithLoop),
        ("{% for l in lines %}{% set a = l %}{% endfor %}{{ a.label }}", "a", EndsWithLoop),
        ("{{ loop.index }}", "loop", UnknownName),
        ("{% for k, v in network.vlan %}{{ k.x }}{% endfor %}", "k.x", FieldOfLeaf),
        ("{% for l in lines | sort(attribute='lable') %}{% endfor %}", "(each).lable", UnknownField),
        ("{% for l in lines[1:] | reverse %}{{ l.x }}{% endfor %}", "l.x", UnknownField),
        ("{% set f = lines | first %}{{ f.x }}", "f.x", UnknownField),
        ("{{ [l.lable for l in lines] }}", "l.lable", UnknownField),
        ("{{ [l.label for l in lines if l.x] }}", "l.x", UnknownField),
        ("{{ [1 for l in lines] | length + l }}", "l", UnknownName),
        ("{% for l in [l for l in lines if l.label] %}{{ l.x }}{% endfor %}", "l.x", UnknownField),
        ("{{ locale | default(value=nothing) }}", "nothing", UnknownName),
        ("{{ locale | lookup(table=\"langage\") }}", "tables.langage", UnknownField),
        ("{{ locale ~ nothing }}", "nothing", UnknownName),
        ("{{ 1 if nothing else 2 }}", "nothing", UnknownName),
        ("{{ locale[nothing] }}", "nothing", UnknownName),
        ("{{ locale[nothing:2] }}", "nothing", UnknownName),
        ("{{ locale is starting_with(pat=nothing) }}", "nothing", UnknownName),
        ("{{ range(end=nothing) }}", "nothing", UnknownName),
        ("{% if true %}{% elif nothing %}{% endif %}", "nothing", UnknownName),
        ("{% set m = {\"a\": nothing} %}", "nothing", UnknownName),
        ("{% set m = {\"a\": 1} %}{{ m.b }}", "m.b", UnknownField),
        ("{% set x = lines[0] if locale else line_slots[0].line %}{{ x.y }}", "x.y", UnknownField),
        ("{% set x %}{{ nothing }}{% endset %}", "nothing", UnknownName),
        ("{% filter upper %}{{ nothing }}{% endfilter %}", "nothing", UnknownName),
        ("{% extends \"base\" %}{% block a %}{{ nothing }}{% endblock %}", "nothing", UnknownName),
        ("{%- raw -%}{{ x }}{%- endraw -%}{{- nothing -}}", "nothing", UnknownName),
        ("{{ __tera_context }}", "__tera_context", Reserved),
        ("{% component c(@__tera_context) %}{% endcomponent %}", "__tera_context", Reserved),
        ("{{ locale | safe }}", "safe", RefusedFilter),
        ("{% filter safe %}{% endfilter %}", "safe", RefusedFilter),
        ("{% set x | safe %}{% endset %}", "safe", RefusedFilter),
        ("{% component c(a) %}{{ device.mac }}{% endcomponent %}", "device", NotInComponent),
        ("{% component c(a) %}{{ b }}{% endcomponent %}", "b", UnknownName),
        ("{% component c(@tables) %}{{ tables.langage }}{% endcomponent %}", "tables.langage", UnknownField),
        ("{% component c(@tabels) %}{% endcomponent %}", "tabels", UnknownName),
        ("{% component c(a) %}{% endcomponent %}{{ a }}", "a", EndsWithLoop),
        ("{% component c(a) %}{% endcomponent %}{{ <c a={nothing}/> }}", "nothing", UnknownName),
        ("{% component c(nothing) %}{% endcomponent %}{{ <c nothing /> }}", "nothing", EndsWithLoop),
        ("{% component c(a) %}{% endcomponent %}{% <c {...nothing}> %}{% </c> %}", "nothing", UnknownName),
    ];
    for (source, path, problem) in cases {
        assert_eq!(loads(source), Ok(()), "{source}");
        let found = problems(source);
        let found: Vec<_> = found.iter().map(|found| (found.path.as_str(), found.problem)).collect();
        assert_eq!(found, [(*path, *problem)], "{source}");
    }
}

#[test]
fn a_problem_has_a_place_a_message_and_a_way_out() {
    let found = problems("a\n  é {{ network.vln }}\n{{ devise.mac }}{% for a in lines %}{% endfor %}{{ a }}");
    let [field, name, ended] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((field.line, field.column, field.offset, field.len), (2, 16, 18, 3));
    assert_eq!(field.to_string(), "`network.vln` does not exist");
    assert_eq!(field.help().as_deref(), Some("did you mean `vlan`?"));
    assert_eq!((name.line, name.column), (3, 4));
    assert_eq!(name.to_string(), "there is no `devise`");
    assert_eq!(name.help().as_deref(), Some("did you mean `device`?"));
    assert_eq!(ended.help().as_deref(), Some("use `set_global`, or set it before the loop"));
    assert_eq!(field.template, "t");
}

#[test]
fn included_templates_see_what_the_others_bind() {
    let templates = [
        ("main", "{% for line in lines %}{% set own = 1 %}{% include \"part\" %}{% endfor %}{{ alone }}"),
        ("common/part", "{{ line.anything }}{{ own }}{{ network.vln }}{{ nothing }}"),
        ("third", "{% set alone = 1 %}{{ line.label }}"),
    ];
    let mut out = Vec::new();
    check_all(&templates, &roots(), &mut out);
    let found: Vec<_> = out.iter().map(|p| (p.template.as_str(), p.path.as_str())).collect();
    // `main` names another template, so what `third` sets might reach it.
    assert_eq!(found, [("common/part", "network.vln"), ("common/part", "nothing"), ("third", "line")]);
}

#[test]
fn inherited_blocks_see_each_others_names() {
    let templates = [
        ("base", "{% set prefix = 'a' %}{% block a %}{% endblock %}{{ suffix }}{{ wrong }}"),
        ("child", "{% extends \"base\" %}{% block a %}{% set suffix = 1 %}{{ prefix }}{% endblock %}"),
    ];
    let mut out = Vec::new();
    check_all(&templates, &roots(), &mut out);
    let found: Vec<_> = out.iter().map(|p| (p.template.as_str(), p.path.as_str())).collect();
    assert_eq!(found, [("base", "wrong")]);
}

#[test]
fn uses_are_what_is_bound_and_named() {
    let found =
        uses("{% set a = 1 %}{% for b, c in x %}{% set_global d %}{% endset %}{% include 'e' %}{% endfor %}");
    assert_eq!(found.bound, ["a", "b", "c", "d"].map(str::to_owned).into());
    assert_eq!(found.templates, ["e"].map(str::to_owned).into());
}

#[test]
fn paths_outside_templates_are_followed() {
    assert_eq!(shape_of_path("network.vlan.id", &roots()), Ok(Shape::Leaf));
    assert!(matches!(shape_of_path("lines", &roots()), Ok(Shape::List(_))));
    let problem = shape_of_path("network.vln", &roots()).unwrap_err();
    assert_eq!((problem.offset, problem.column, problem.len), (8, 9, 3));
    assert_eq!(problem.suggestion.as_deref(), Some("vlan"));
}

#[test]
fn deep_and_long_sources_do_no_harm() {
    for source in [
        format!("{{{{ {}1 }}}}", "(".repeat(20_000)),
        format!("{{{{ a{} }}}}", ".b".repeat(20_000)),
        format!("{{{{ a{} }}}}", " | upper".repeat(20_000)),
        format!("{{{{ a{} }}}}", " + a".repeat(20_000)),
        format!("{{{{ a{} }}}}", " if a else a".repeat(20_000)),
        format!("{{{{ {}1 }}}}", "[".repeat(20_000)),
        format!("{{{{ {}1 }}}}", "not ".repeat(20_000)),
        "{% if a %}".repeat(10_000),
        "{% for a in lines %}".repeat(5_000),
        format!("{{% if a %}}{}", "{% elif b %}".repeat(10_000)),
    ] {
        let _ = problems(&source);
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(source in any::<String>()) {
        let _ = problems(&source);
        let _ = problems(&format!("{{{{{source}}}}}"));
        let _ = problems(&format!("{{%{source}%}}"));
    }

    #[test]
    fn any_row_of_tokens_is_survived(words in prop::collection::vec(prop::sample::select(WORDS), 0..40)) {
        let source = words.join(" ");
        for problem in problems(&source) {
            prop_assert!(source.get(problem.offset..problem.offset + problem.len).is_some());
        }
        let _ = uses(&source);
    }

    #[test]
    fn what_the_engine_loads_is_read_to_its_end(source in templates()) {
        if loads(&source).is_ok() {
            prop_assert!(walk::reads_all(&source), "{}", source);
        }
    }
}

/// Rows of tags and expressions that are often valid.
fn templates() -> impl Strategy<Value = String> {
    let atom = prop::sample::select(
        &[
            "x",
            "x.y",
            "x['y']",
            "x[0]",
            "x[1:]",
            "'s'",
            "1",
            "-1",
            "none",
            "[x, y]",
            "{'a': x}",
            "[i for i in x]",
            "[i for i, j in x if i]",
            "(x)",
            "range(end=3)",
            "x?.y?[0]",
            "true",
        ][..],
    );
    let infix = prop::sample::select(
        &[
            " + ",
            " - ",
            " ~ ",
            " or ",
            " and ",
            " in ",
            " not in ",
            " == ",
            " < ",
            " // ",
            " ** ",
            " if y else ",
            " | upper == ",
            " | default(value=1) * ",
            " is defined and ",
            " is not odd or ",
        ][..],
    );
    let first = atom.clone().prop_map(str::to_owned);
    let expr = (first, prop::collection::vec((infix, atom), 0..4)).prop_map(|(mut out, rest)| {
        for (infix, atom) in rest {
            out.push_str(infix);
            out.push_str(atom);
        }
        out
    });
    let piece = (0..9_u8, expr).prop_map(|(kind, expr)| match kind {
        0 => format!("{{% if {expr} %}}a{{% elif {expr} %}}b{{% else %}}c{{% endif %}}"),
        1 => format!("{{% for i in {expr} -%}} {{{{ loop.index }}}} {{% else %}}n{{% endfor %}}"),
        2 => format!("{{%- set x = {expr} -%}}"),
        3 => format!("{{% set y | trim | upper %}}{{{{ {expr} }}}}{{% endset %}}"),
        4 => format!("{{% filter upper %}}{{{{ {expr} }}}}{{% endfilter %}}"),
        5 => format!("{{# {expr} #}}{{% raw %}}{expr}{{% endraw %}}"),
        6 => format!("{{% for i, j in {expr} %}}{{% continue %}}{{% endfor %}}"),
        7 => format!("{{% set_global x = {expr} %}}"),
        _ => format!("text {{{{- {expr} -}}}} text"),
    });
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

const WORDS: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "%}",
    "{%-",
    "-%}",
    "{#",
    "#}",
    "raw",
    "endraw",
    "if",
    "elif",
    "else",
    "endif",
    "for",
    "in",
    "endfor",
    "set",
    "set_global",
    "endset",
    "filter",
    "endfilter",
    "block",
    "endblock",
    "component",
    "endcomponent",
    "include",
    "extends",
    "lines",
    "network",
    "vlan",
    "x",
    "y",
    ".",
    "?.",
    "[",
    "?[",
    "]",
    "(",
    ")",
    "{",
    "}",
    "=",
    ",",
    ":",
    "|",
    "...",
    "'a'",
    "\"b",
    "1",
    "-",
    "not",
    "is",
    "or",
    "<",
    "/",
    ">",
    "</",
    "@",
    "é",
];
