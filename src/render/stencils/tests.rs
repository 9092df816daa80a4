//! Rendering with stencils is held against rendering each device by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::diagnostic::{Diagnostics, SourceMap};
use crate::inventory::{Resolver, Secrets, load};
use crate::plugin::PluginSet;
use crate::plugin::associate::Query;
use crate::plugin::names::reads::{Text, Use};
use crate::plugin::templates::{Loader, Templates};
use crate::render::{Cache, Options, Renderer, shapes};

/// What came of rendering an inventory both ways.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    devices: usize,
    filled: u32,
    reads: BTreeMap<String, Vec<(Text, Use)>>,
}

fn plugins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins")
}

/// Renders the devices of an inventory twice over, with stencils and without, and compares.
fn rendered(inventory: &str, plugins: &[PathBuf], overrides: Option<&Path>) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.yaml"), inventory).unwrap();
    let (mut sources, mut out) = (SourceMap::default(), Diagnostics::default());
    let inventory = load(&[directory.path().to_path_buf()], &mut sources, &mut out);
    let plugins = PluginSet::load(plugins, overrides, &mut sources, &mut out);
    let all: Vec<_> = plugins.iter().cloned().collect();
    let loaded = Loader::default().load(&all, &shapes(), &mut sources, &mut out);
    let templates: BTreeMap<String, Templates> =
        all.iter().zip(loaded).filter_map(|(p, t)| Some((p.id().to_owned(), t?))).collect();
    let said: Vec<String> = out.into_sorted(&sources).into_iter().map(|d| d.message).collect();
    assert_eq!(said, Vec::<String>::new());
    let (secrets, options) = (Secrets::new(directory.path()), Options::default());
    let renderer = Renderer { secrets: &secrets, templates: &templates, options: &options };
    let resolver = Resolver::new(&inventory, &secrets);
    let (mut cache, mut plain) = (Cache::default(), Cache::default());
    let mut outcome = Outcome::default();
    for entry in &inventory.devices {
        let mut out = Diagnostics::default();
        let device = resolver.device(entry, &mut out);
        let identity = device.identity();
        let query = Query {
            vendor: identity.vendor.as_deref(),
            model: identity.model.as_deref(),
            firmware: identity.firmware.as_deref(),
            plugin: identity.plugin.as_deref(),
            protocol: None,
        };
        let choice = plugins.associate(&query).unwrap_or_else(|e| panic!("{}", e.diagnostic().message));
        let (mut one, mut other) = (Diagnostics::default(), Diagnostics::default());
        let with = renderer.device(&device, &choice, &mut cache, &mut one);
        let without = renderer.make(&device, &choice, &mut plain, &mut other);
        assert_eq!(shown(&with), shown(&without), "{}", entry.id);
        assert_eq!(one.into_sorted(&sources), other.into_sorted(&sources), "{}", entry.id);
        outcome.devices += 1;
        let reads = templates.get(choice.plugin.id()).unwrap().reads();
        let texts = [Text::Id, Text::Name, Text::Ip, Text::KeyLabel, Text::KeyValue].into_iter();
        let texts = texts.chain((0..8).map(Text::Line));
        let texts = texts.map(|text| (text, reads.of(text))).filter(|(_, used)| *used != Use::Shown);
        outcome.reads.insert(choice.plugin.id().to_owned(), texts.collect());
    }
    outcome.filled = cache.stencils.templates.values().map(|own| own.filled).sum();
    outcome
}

/// Files in a form that is read when they differ.
fn shown(files: &Option<Vec<Artifact>>) -> Option<Vec<(String, String, bool)>> {
    let files = files.as_ref()?.iter();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| format!("{bytes:?}"));
    Some(files.map(|file| (file.path.clone(), text(&file.bytes), file.sensitive)).collect())
}

#[test]
fn digium_phones_are_filled_in() {
    let mut inventory = String::from(
        "site: {name: a, http_url: http://10.0.0.1}\nprofiles:\n  base: {vendor: Digium, sip: {proxy: a}}\ndevices:\n",
    );
    for n in 0..40 {
        inventory.push_str(&format!(
            "  - {{mac: 000fd3000{n:03}, name: n{n}, model: D65, firmware: 2.8.1, lines: [{{number: {n}, password: p{n}, label: 'a<{n}'}}], \
             function_keys: {{1: {{type: blf, value: {n}}}, 2: {{type: park, value: '7', label: L{n}}}}}}}\n"
        ));
    }
    let outcome = rendered(&inventory, &[plugins()], None);
    assert_eq!((outcome.devices, outcome.filled), (40, 38));
    assert_eq!(
        outcome.reads,
        BTreeMap::from([("digium-2.8.1".to_owned(), vec![(Text::Line(6), Use::Compared)])])
    );
}
