use tera::Context;

use super::*;
use crate::diagnostic::Diagnostics;
use crate::plugin::names::Spec;
use crate::plugin::source::Source;
use crate::plugin::testing::{Loaded, manifest, said, tree};

const DEVICE: Spec = Spec::Map(&[("mac", Spec::Leaf), ("name", Spec::Leaf)]);
const LINE: Spec = Spec::Map(&[("position", Spec::Leaf), ("label", Spec::Leaf)]);

fn shapes() -> Shapes {
    let of = |specs: &[(&'static str, Spec)]| specs.iter().map(|(n, s)| (*n, Shape::from(s))).collect();
    let site = ("site", Spec::Map(&[("name", Spec::Leaf), ("http_url", Spec::Leaf)]));
    Shapes {
        device: of(&[site, ("device", DEVICE), ("lines", Spec::List(&LINE)), ("vars", Spec::Free)]),
        model: of(&[site, ("vars", Spec::Free)]),
        common: of(&[site]),
        dhcp: of(&[site]),
    }
}

/// A family `acme`, version 1.0 over common, with its templates loaded.
struct Compiled {
    templates: Option<Templates>,
    said: Vec<String>,
    loaded: Loaded,
}

impl Compiled {
    fn new(more: &str, files: &[(&str, &str)], site: Option<Source>) -> Self {
        let manifest = manifest("1.0", more);
        let mut all =
            vec![("acme/v1_0/plugin.yaml", manifest.as_str()), ("acme/common/plugin.yaml", "vars: {}")];
        all.extend(files);
        let mut loaded = Loaded::new(vec![tree(&all)], site);
        assert_eq!(loaded.said(), Vec::<String>::new());
        let plugins: Vec<_> = loaded.set.iter().cloned().collect();
        let mut out = Diagnostics::default();
        let mut found = Loader::default().load(&plugins, &shapes(), &mut loaded.sources, &mut out);
        let said = said(&out, &loaded.sources);
        Self { templates: found.remove(0), said, loaded }
    }

    fn templates(&self) -> &Templates {
        assert_eq!(self.said, Vec::<String>::new());
        self.templates.as_ref().unwrap()
    }

    fn line(&self, error: &TemplateError) -> String {
        let mut out = Diagnostics::default();
        out.push(error.diagnostic());
        said(&out, &self.loaded.sources).remove(0)
    }
}

fn device(name: &str) -> Context {
    let mut context = Context::new();
    context.insert("site", &serde_json::json!({"name": "paris", "http_url": "http://x"}));
    context.insert("device", &serde_json::json!({"mac": "00:1a:2b:3c:4d:e0", "name": name}));
    context.insert("lines", &serde_json::json!([{"position": 1, "label": "A & B"}]));
    context
}

const ONE: &str = "files: {device: [{path: '{{ device.name }}.cfg', template: d.tera, format: xml}]}\n";

#[test]
fn a_version_extends_the_layers_file_of_the_same_name() {
    let compiled = Compiled::new(
        ONE,
        &[
            (
                "acme/common/templates/d.tera",
                "<c>{% block a %}common{% endblock %}{% include 'part.tera' %}</c>",
            ),
            ("acme/common/templates/part.tera", "common part"),
            (
                "acme/v1_0/templates/d.tera",
                "{% extends 'common/d.tera' %}{% block a %}{{ device.name }}{% endblock %}",
            ),
            ("acme/v1_0/templates/part.tera", "-{{ lines[0].label }}"),
        ],
        None,
    );
    let text = compiled.templates().render(FileKind::Device, 0, &device("a<b")).unwrap();
    assert_eq!(text, "<c>a&lt;b-A &amp; B</c>");
    assert_eq!(compiled.templates().path(FileKind::Device, 0, &device("a<b")).unwrap(), "a<b.cfg");
    assert!(compiled.templates().when(FileKind::Device, 0, &device("x")).unwrap());
}

#[test]
fn an_override_builds_on_what_the_plugin_has() {
    let site = tree(&[
        (
            "acme/templates/d.tera",
            "{% extends 'plugin/d.tera' %}{% block a %}site {{ super() }}{% endblock %}",
        ),
        ("acme-1.0/templates/part.tera", "<!--{% include 'override/part.tera' %}-->"),
        ("acme/templates/part.tera", "family"),
    ]);
    let compiled = Compiled::new(
        ONE,
        &[
            (
                "acme/common/templates/d.tera",
                "<c>{% block a %}common{% endblock %}{% include 'part.tera' %}</c>",
            ),
            ("acme/common/templates/part.tera", "common part"),
        ],
        Some(site),
    );
    let text = compiled.templates().render(FileKind::Device, 0, &device("x")).unwrap();
    assert_eq!(text, "<c>site common<!--family--></c>");
}

#[test]
fn each_format_escapes_in_its_own_way_and_components_are_shared() {
    let more = "tables: {code: {fr: 7}}\nfiles:\n  device:\n    - {path: a, template: d.tera, format: xml}\n\
                \x20   - {path: b, template: d.tera, format: text, when: lines and device.name != 'no'}\n\
                \x20 model: [{path: m, template: m.tera, format: text}]\n\
                dhcp: [{vendor_class_prefix: a, options: {66: '{{ site.http_url }}/A'}}]\n";
    let compiled = Compiled::new(
        more,
        &[
            ("acme/common/templates/d.tera", "{{ <put what={device.name} /> }}"),
            ("acme/common/templates/c.tera", "{% component put(what) %}[{{ what }}]{% endcomponent put %}"),
            ("acme/v1_0/templates/m.tera", "{{ site.name }} {{ 'fr' | lookup(table='code') }}"),
        ],
        None,
    );
    let templates = compiled.templates();
    let context = device("a&b");
    assert_eq!(templates.render(FileKind::Device, 0, &context).unwrap(), "[a&amp;b]");
    assert_eq!(templates.render(FileKind::Device, 1, &context).unwrap(), "[a&b]");
    assert!(templates.when(FileKind::Device, 1, &context).unwrap());
    assert!(!templates.when(FileKind::Device, 1, &device("no")).unwrap());
    assert_eq!(templates.render(FileKind::Model, 0, &context).unwrap(), "paris 7");
    assert_eq!(templates.dhcp_option(0, 0, &context).unwrap(), "http://x/A");
}

#[test]
fn all_mistakes_of_templates_are_shown_at_their_places() {
    let more = "files:\n  device:\n    - {path: '{{ devise.mac }}', template: d.tera, format: xml, when: lines.0 is odd2}\n\
                \x20   - {path: b, template: dd.tera, format: text, for_each: linez}\n\
                \x20 common: [{path: '{{ device.mac }}', template: c.tera, format: text}]\n";
    let compiled = Compiled::new(
        more,
        &[
            (
                "acme/common/templates/d.tera",
                "é\n  {{ device.mak }}{{ device.name | upercase }}{% include 'prt.tera' %}",
            ),
            ("acme/common/templates/part.tera", ""),
            ("acme/common/templates/c.tera", "{{ tables.x }}{{ nofun() }}{{ <nothing /> }}"),
        ],
        None,
    );
    assert!(compiled.templates.is_none());
    assert_eq!(
        compiled.said,
        [
            "PV0506 acme/common/templates/c.tera:1:11+1 `tables.x` does not exist",
            "PV0502 acme/common/templates/c.tera:1:18+7 unknown function `nofun`",
            "PV0502 acme/common/templates/c.tera:1:31+11 unknown component `nothing`",
            "PV0506 acme/common/templates/d.tera:2:13+3 `device.mak` does not exist; did you mean `mac`?",
            "PV0502 acme/common/templates/d.tera:2:36+8 unknown filter `upercase`",
            "PV0502 acme/common/templates/d.tera:2:58+10 unknown template `prt.tera`; did you mean `part.tera`?",
            "PV0506 acme/v1_0/plugin.yaml:9:18+6 there is no `devise`; did you mean `device`?",
            "PV0501 acme/v1_0/plugin.yaml:9:77+1 found integer but expected identifier",
            "PV0413 acme/v1_0/plugin.yaml:10:27+7 no layer has the template `dd.tera`; did you mean `d.tera`?",
            "PV0506 acme/v1_0/plugin.yaml:10:60+5 there is no `linez`; did you mean `lines`?",
            "PV0506 acme/v1_0/plugin.yaml:11:23+6 there is no `device`",
        ]
    );
}

#[test]
fn templates_that_cannot_be_parsed_are_all_shown() {
    let compiled = Compiled::new(
        ONE,
        &[
            ("acme/common/templates/d.tera", "{{ device.mac }"),
            ("acme/common/templates/e.tera", "x\n{% if lines %}"),
            ("acme/common/templates/f.tera", "{% extends 'nowhere.tera' %}"),
            ("acme/common/templates/g.tera", "{% extends 'g.tera' %}"),
            ("acme/common/templates/h.tera", "{% include 'i.tera' %}"),
            ("acme/common/templates/i.tera", "{% include 'h.tera' %}"),
        ],
        None,
    );
    assert!(compiled.templates.is_none());
    assert_eq!(
        compiled.said,
        [
            "PV0501 acme/common/templates/d.tera:1:15+1 found `}` but expected }}",
            "PV0501 acme/common/templates/e.tera:2:13+2 unexpected end of input",
            "PV0503 acme/common/templates/f.tera:1:12+14 there is no template `nowhere.tera` to extend",
            "PV0504 acme/common/templates/g.tera:1:12+8 the template `common/g.tera` extends itself; name the layer that it builds on, as in `common/g.tera`",
            "PV0504 acme/common/templates/h.tera:1:12+8 templates include one another in a circle: common/h.tera, common/i.tera, common/h.tera",
        ]
    );
}

#[test]
fn a_failing_template_shows_where_and_through_what() {
    let compiled = Compiled::new(
        ONE,
        &[
            ("acme/common/templates/d.tera", "<a>\n{% include 'part.tera' %}</a>"),
            ("acme/common/templates/part.tera", "{% set x = 1 %}\n  {{ vars.n | int }}"),
        ],
        None,
    );
    let mut context = device("x");
    context.insert("vars", &serde_json::json!({"n": "not a number"}));
    let error = compiled.templates().render(FileKind::Device, 0, &context).unwrap_err();
    assert_eq!(
        compiled.line(&error),
        "PV0507 acme/common/templates/part.tera:2:15+3 int: the text is no whole number in base 10"
    );
    assert_eq!(error.called_from.len(), 1);
    assert_eq!((error.called_from[0].line, error.called_from[0].column), (2, 12));
}

#[test]
fn a_refused_value_keeps_its_reason() {
    let compiled = Compiled::new(ONE, &[("acme/common/templates/d.tera", "<a>{{ device.name }}</a>")], None);
    let error = compiled.templates().render(FileKind::Device, 0, &device("a\u{7}b")).unwrap_err();
    assert_eq!(
        compiled.line(&error),
        "PV0507 acme/v1_0/plugin.yaml:7:60+6 a value holds a control character (U+0007), which a xml file cannot hold"
    );
}

#[test]
fn a_file_without_end_is_stopped() {
    let loops = "{% for a in range(end=1000) %}{% for b in range(end=1000) %}0123456789abcdefgh{% endfor %}{% endfor %}";
    let compiled = Compiled::new(ONE, &[("acme/common/templates/d.tera", loops)], None);
    let error = compiled.templates().render(FileKind::Device, 0, &device("x")).unwrap_err();
    assert_eq!(
        compiled.line(&error),
        "PV0507 acme/v1_0/plugin.yaml:7:60+6 the file would be larger than 16777216 bytes"
    );
}

#[test]
fn a_missing_template_is_named() {
    let compiled = Compiled::new(ONE, &[("acme/common/templates/dd.tera", "")], None);
    assert_eq!(
        compiled.said,
        ["PV0413 acme/v1_0/plugin.yaml:7:60+6 no layer has the template `d.tera`; did you mean `dd.tera`?"]
    );
}

#[test]
fn a_template_that_no_file_uses_may_be_for_an_entry_of_a_list() {
    let loose = "{{ item.number }} {{ device.mac }}";
    let files = [("acme/common/templates/d.tera", "<a/>"), ("acme/common/templates/loose.tera", loose)];
    assert_eq!(Compiled::new(ONE, &files, None).said, Vec::<String>::new());
    let files =
        [("acme/common/templates/d.tera", "<a/>"), ("acme/common/templates/loose.tera", "{{ devise }}")];
    assert_eq!(
        Compiled::new(ONE, &files, None).said,
        ["PV0506 acme/common/templates/loose.tera:1:4+6 there is no `devise`; did you mean `device`?"]
    );
}

#[test]
fn a_template_that_no_file_uses_brings_its_parent_into_every_format() {
    let more = ONE.replace("[{", "[{path: t, template: t.tera, format: text}, {");
    let files = [
        ("acme/common/templates/d.tera", "<a>{% block b %}{% endblock %}</a>"),
        ("acme/common/templates/t.tera", "t"),
        ("acme/common/templates/loose.tera", "{% extends 'd.tera' %}{% block b %}c{% endblock %}"),
    ];
    assert_eq!(Compiled::new(&more, &files, None).said, Vec::<String>::new());
}
