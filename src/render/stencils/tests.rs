//! Rendering with stencils is held against rendering each device by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::diagnostic::{Diagnostics, SourceMap};
use crate::inventory::{Datum, Device, DeviceId, Inventory, Item, Mac, Resolver, Secrets, load};
use crate::plugin::associate::Query;
use crate::plugin::names::reads::{LINE_TEXTS, Text, Use};
use crate::plugin::templates::{Loader, Templates};
use crate::plugin::{Choice, PluginSet};
use crate::render::{Cache, Options, Renderer, shapes};

/// Texts that templates, formats and encodings take in different ways.
const TEXTS: [&str; 18] = [
    "plain",
    "1",
    "7",
    "<a b=\"c\"> & 'd'",
    "]]>",
    "a]",
    "--",
    " leading and trailing ",
    "Éloïse 😀",
    "# comment",
    "[section]",
    "a;b,c|d",
    "back\\slash",
    "",
    " ",
    "two\nlines",
    "\u{FDD1}0\u{FDD2}",
    "plain",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A site as it is loaded.
struct Site {
    sources: SourceMap,
    inventory: Inventory,
    secrets: Secrets,
    plugins: PluginSet,
    templates: BTreeMap<String, Templates>,
    options: Options,
}

impl Site {
    fn new(inventory: &Path, plugins: &Path, overrides: Option<&Path>) -> Self {
        let (mut sources, mut out) = (SourceMap::default(), Diagnostics::default());
        let secrets = Secrets::new(inventory);
        let inventory = load(&[inventory.to_path_buf()], &mut sources, &mut out);
        let plugins = PluginSet::load(&[plugins.to_path_buf()], overrides, &mut sources, &mut out);
        let all: Vec<_> = plugins.iter().cloned().collect();
        let loaded = Loader::default().load(&all, &shapes(), &mut sources, &mut out);
        let templates = all.iter().zip(loaded).filter_map(|(p, t)| Some((p.id().to_owned(), t?))).collect();
        let said: Vec<String> = out.into_sorted(&sources).into_iter().map(|d| d.message).collect();
        assert_eq!(said, Vec::<String>::new());
        let options = Options { allow_unsupported: true, ..Options::default() };
        Self { sources, inventory, secrets, plugins, templates, options }
    }

    /// A site of Digium phones, with files that lie over the plugin's.
    fn digium(inventory: &str, overrides: &[(&str, &str)]) -> (Self, TempDir) {
        let place = tempfile::tempdir().unwrap();
        let inventory = [("inventory/a.yaml", inventory)];
        for (path, text) in inventory.iter().chain(overrides) {
            let path = place.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let over = place.path().join("overrides");
        let over = over.is_dir().then_some(over);
        let site = Self::new(&place.path().join("inventory"), &root().join("plugins"), over.as_deref());
        (site, place)
    }

    fn devices(&self) -> Vec<Device> {
        let resolver = Resolver::new(&self.inventory, &self.secrets);
        let devices = self.inventory.devices.iter();
        devices.map(|entry| resolver.device(entry, &mut Diagnostics::default())).collect()
    }

    fn choice(&self, device: &Device) -> Option<Choice> {
        self.plugins.associate(&Query::from(&device.identity())).ok()
    }

    /// Renders devices one after the other with stencils, and each by itself, and compares files and
    /// messages. How many were filled in.
    fn compare(&self, devices: &[Device]) -> u32 {
        let renderer =
            Renderer { secrets: &self.secrets, templates: &self.templates, options: &self.options };
        let (mut cache, mut plain) = (Cache::default(), Cache::default());
        for device in devices {
            let Some(choice) = self.choice(device) else { continue };
            let (mut one, mut other) = (Diagnostics::default(), Diagnostics::default());
            let with = renderer.device(device, &choice, &mut cache, &mut one);
            let without = renderer.make(device, &choice, &mut plain, &mut other);
            assert_eq!(shown(&with), shown(&without), "{}", device.id);
            let said = |found: Diagnostics| found.into_sorted(&self.sources);
            assert_eq!(said(one), said(other), "{}", device.id);
        }
        cache.stencils.templates.values().map(|own| own.filled).sum()
    }

    /// What the templates of a plugin do with the texts, but for those that are only shown.
    fn reads(&self, plugin: &str) -> Vec<(Text, Use)> {
        let reads = self.templates.get(plugin).unwrap().reads();
        let texts = [Text::Id, Text::Name, Text::Ip, Text::KeyLabel, Text::KeyValue].into_iter();
        let texts = texts.chain(LINE_TEXTS.iter().filter_map(|name| Text::of_line(name)));
        texts.map(|text| (text, reads.of(text))).filter(|(_, used)| *used != Use::Shown).collect()
    }
}

/// Files in a form that can be read when they differ.
fn shown(files: &Option<Vec<Artifact>>) -> Option<Vec<(String, String, bool)>> {
    let files = files.as_ref()?.iter();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| format!("{bytes:?}"));
    Some(files.map(|file| (file.path.clone(), text(&file.bytes), file.sensitive)).collect())
}

/// The device with other texts: the `n`th of a row of its own for each place.
fn turned(device: &Device, n: usize) -> Device {
    let mut device = device.clone();
    let mut at = n;
    let mut next = || {
        at += 1 + n / TEXTS.len();
        TEXTS[at % TEXTS.len()]
    };
    match &mut device.id {
        DeviceId::Mac(mac) => *mac = Mac::parse(&format!("00112233{n:04x}")).unwrap(),
        DeviceId::Id(id) => *id = next().into(),
    }
    let mut set = |item: &mut Item| {
        if matches!(item.datum, Datum::Text(_)) {
            item.datum = Datum::Text(next().into());
        }
    };
    let settings = Arc::make_mut(&mut device.settings);
    for name in ["name", "ip"] {
        if let Some(mut item) = settings.get(name).cloned() {
            set(&mut item);
            settings.set(name, item);
        }
    }
    for line in &mut device.lines {
        let values = Arc::make_mut(&mut line.values);
        for name in LINE_TEXTS {
            if let Some(mut item) = values.get(name).cloned() {
                set(&mut item);
                values.set(name, item);
            }
        }
    }
    let keys = &mut device.keys;
    let own = keys.fixed.iter_mut().chain(&mut keys.floating);
    let auto = keys.auto.iter_mut().flat_map(|auto| &mut auto.keys);
    let modules = device.modules.iter_mut().flat_map(|module| &mut module.keys);
    own.chain(auto).chain(modules).flat_map(|key| [&mut key.label, &mut key.value]).flatten().for_each(set);
    device
}

/// Each device as it is and with other texts, many times over.
fn turned_often(devices: &[Device]) -> Vec<Device> {
    devices
        .iter()
        .flat_map(|device| std::iter::repeat_n(device.clone(), 2).chain((0..20).map(|n| turned(device, n))))
        .collect()
}

fn office(more: &str) -> String {
    let mut inventory = format!(
        "site: {{name: a, http_url: http://10.0.0.1}}\n\
         profiles:\n  base: {{vendor: Digium, sip: {{proxy: a}}, {more}}}\ndevices:\n"
    );
    for n in 0..30 {
        inventory.push_str(&format!(
            "  - {{mac: 000fd3000{n:03}, name: n{n}, ip: 10.0.0.{n}, model: D65, firmware: 2.8.1, \
             lines: [{{number: {n}, password: p{n}, label: 'a<{n}'}}, {{number: {second}}}], \
             function_keys: {{1: {{type: blf, value: '{n}'}}, 2: {{type: park, value: '7', label: L{n}}}}}}}\n",
            // Every third phone has one user twice, who gets another account.
            second = if n % 3 == 0 { n } else { 100 + n },
        ));
    }
    inventory
}

#[test]
fn phones_of_an_office_are_filled_in() {
    let (site, _place) = Site::digium(&office("timezone: Europe/Paris"), &[]);
    assert_eq!(site.reads("digium-2.8.1"), [(Text::of_line("username").unwrap(), Use::Compared)]);
    // Of the two kinds of phones two each are rendered.
    assert_eq!(site.compare(&site.devices()), 26);
}

#[test]
fn phones_of_which_something_is_said_are_rendered_each() {
    // No Digium phone is known to do this.
    let (site, _place) = Site::digium(&office("network: {dns: 10.0.0.1}"), &[]);
    assert_eq!(site.compare(&site.devices()), 0);
}

#[test]
fn all_that_tests_of_plugins_and_fixtures_have_is_the_same() {
    let mut filled = 0;
    for case in walkdir::WalkDir::new(root().join("plugins/digium")).sort_by_file_name() {
        let case = case.unwrap().into_path();
        if case.parent().unwrap().ends_with("tests") && case.extension().is_some_and(|e| e == "yaml") {
            let (site, _place) = Site::digium(&std::fs::read_to_string(&case).unwrap(), &[]);
            filled += site.compare(&turned_often(&site.devices()));
        }
    }
    assert!(filled > 50, "{filled}");
    let fixtures = root().join("tests/fixtures/render");
    let mut filled = 0;
    for name in ["acme", "shared"] {
        let place = fixtures.join(name);
        let over = Some(place.join("overrides")).filter(|over| over.is_dir());
        let plugins = root().join("tests/plugins");
        let mut site = Site::new(&place.join("inventory"), &plugins, over.as_deref());
        let root = ("acme-2.0".to_owned(), "own".to_owned());
        site.options.plugin_root = BTreeMap::from([root]);
        filled += site.compare(&turned_often(&site.devices()));
    }
    assert!(filled > 50, "{filled}");
}

/// Templates over Digium's own that look at a text in ways that are easily overlooked.
#[test]
fn templates_that_look_at_a_text_get_it() {
    const DEVICE: &str = "overrides/digium/templates/device.cfg.tera";
    const PART: &str = "overrides/digium/templates/part.xml.tera";
    let over = |block: &str| {
        format!("{{% extends \"plugin/device.cfg.tera\" %}}{{% block expansion %}}{block}{{% endblock %}}")
    };
    let cases: [(&str, &str, &[Text]); 7] = [
        // Through an include of the layer, and a name that the includer set.
        (
            "{% set who = device.name %}{% include \"part.xml.tera\" %}",
            "{% if who == \"n7\" %}<seven />{% endif %}",
            &[Text::Name],
        ),
        // Through what a component takes from its surroundings.
        (
            "{{ <own /> }}",
            "{% component own(@device) %}{% if device.ip == \"10.0.0.7\" %}<seven />{% endif %}{% endcomponent own %}",
            &[Text::Ip],
        ),
        // By a name that is known only when it is rendered.
        (
            "{% set field = \"na\" ~ \"me\" %}{% if device[field] == \"n7\" %}<seven />{% endif %}",
            "",
            &[Text::Id, Text::Name, Text::Ip],
        ),
        (
            "{% if device | get(key=\"name\") == \"n7\" %}<seven />{% endif %}",
            "",
            &[Text::Id, Text::Name, Text::Ip],
        ),
        // In a loop over a mapping.
        (
            "{% for name, value in device %}{% if value == \"n7\" %}<seven />{% endif %}{% endfor %}",
            "",
            &[Text::Id, Text::Name, Text::Ip],
        ),
        // By a name that outlives its loop.
        (
            "{% for key in function_keys %}{% set_global last = key %}{% endfor %}{% if last.label == \"L7\" %}<seven />{% endif %}",
            "",
            &[Text::KeyLabel],
        ),
        // By its length.
        ("{% if device.name | length == 2 %}<short />{% endif %}", "", &[Text::Name]),
    ];
    for (block, part, read) in cases {
        let files = [(DEVICE, over(block)), (PART, part.to_owned())];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let (site, _place) = Site::digium(&office("timezone: Europe/Paris"), &files);
        let devices = site.devices();
        site.compare(&turned_often(&devices[..4]));
        site.compare(&devices);
        let found: BTreeSet<Text> = site.reads("digium-2.8.1").into_iter().map(|(text, _)| text).collect();
        assert!(read.iter().all(|text| found.contains(text)), "{block}: {found:?}");
    }
}

#[test]
fn what_is_never_met_again_is_given_up_for_a_while() {
    let reads = Arc::new(crate::plugin::names::reads::reads([""], [], &BTreeSet::new(), true));
    let mut stencils = Stencils::default();
    for n in 0..TRIAL {
        assert!(stencils.wanted(&reads));
        assert!(matches!(stencils.advise(&reads, &n.to_le_bytes()), Advice::Render));
    }
    let asked = (0..PAUSE).filter(|_| stencils.wanted(&reads)).count();
    assert_eq!(asked, 0);
    assert!(stencils.wanted(&reads) || stencils.wanted(&reads), "it is tried again");
    assert!(!stencils.wanted(&Arc::new(Reads::EVERYTHING)));
}

#[test]
fn memory_has_a_bound() {
    let reads = Arc::new(crate::plugin::names::reads::reads([""], [], &BTreeSet::new(), true));
    let mut stencils = Stencils::default();
    for n in 0..=MOST_OUTLINES {
        stencils.advise(&reads, &n.to_le_bytes());
    }
    stencils.trim();
    assert!(stencils.templates.is_empty());
}

/// Settings that the outline leaves out are not looked at by anything that makes a file.
#[test]
fn what_the_outline_leaves_out_is_in_no_context() {
    for name in probe::ELSEWHERE {
        let shown = crate::inventory::schema::SETTINGS.iter().any(|setting| setting.name == name);
        assert!(!shown, "{name}");
    }
}
