//! Phones per second rendered, version by version of every family, in one process and on one thread.
//!
//! `cargo bench --bench families [-- PHONES [PLUGINS]]`: as many phones of each version (1,000 if no number is given), of
//! all its models in turn, each with a line of its own and up to six keys. Loading and resolving are done
//! before and do not count. What is rendered is then written by a bare loop, each file by a temporary one and a
//! rename; the last column is how long rendering takes for each second of that.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures and prints")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark that cannot go on has nothing to say")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use provc::diagnostic::{Diagnostics, Severity};
use provc::inventory::Resolver;
use provc::pipeline::{self, Choices, Site};
use provc::plugin::{Model, Plugin};
use provc::render::{Artifact, Cache, Options, Renderer};

const BASE: &str = r#"site: {name: bench, http_url: "http://10.0.0.1:8667", tftp_host: 10.0.0.1}
profiles:
  base:
    locale: fr_FR
    timezone: Europe/Paris
    sip: {proxy: 10.0.0.10, subscribe_mwi: true, codecs: [pcma, pcmu], register_expires: 3600}
    network: {ntp: 10.0.0.8}
    feature_codes: {voicemail: "*98", pickup: "*8", park: "700", intercom: "*80"}
    admin: {username: admin, password: secret, pin: "2468"}
devices:
"#;

/// What one version took.
struct Row {
    phones: usize,
    files: usize,
    bytes: usize,
    rendering: f64,
    writing: f64,
}

fn main() {
    // `cargo test --all-targets` runs benchmarks without `--bench`: then only see that it works.
    let usual = if std::env::args().any(|arg| arg == "--bench") { 1000 } else { 20 };
    let phones: usize = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(usual);
    let directory = std::env::args().skip(1).map(PathBuf::from).find(|path| path.is_dir());
    let plugins = directory.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins"));
    let (mut sources, mut out) = <_>::default();
    let set = provc::plugin::PluginSet::load(std::slice::from_ref(&plugins), None, &mut sources, &mut out);

    println!("{phones} phones of each version, one thread");
    println!(
        "{:<28} {:>7} {:>9} {:>11} {:>9} {:>12}",
        "", "files", "kB/phone", "phones/s", "MB/s", "render/write"
    );
    let mut families: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for plugin in set.iter() {
        let row = version(plugin, phones, &plugins);
        let rate = row.phones as f64 / row.rendering;
        println!(
            "{:<28} {:>7} {:>9.1} {rate:>11.0} {:>9.1} {:>12.2}",
            plugin.id(),
            row.files,
            row.bytes as f64 / 1e3 / row.phones as f64,
            row.bytes as f64 / 1e6 / row.rendering,
            row.rendering / row.writing
        );
        families.entry(&plugin.family).or_default().push(rate);
    }
    println!();
    for (family, rates) in families {
        // All versions one after the other: the harmonic mean.
        let mean = rates.len() as f64 / rates.iter().map(|rate| 1.0 / rate).sum::<f64>();
        println!("{family:<28} {:>29.0} phones/s", mean);
    }
}

fn version(plugin: &Plugin, phones: usize, plugins: &Path) -> Row {
    let place = tempfile::tempdir().unwrap();
    let inventory = place.path().join("inventory");
    fs::create_dir(&inventory).unwrap();
    fs::write(inventory.join("all.yaml"), fleet(plugin, phones)).unwrap();
    let site = Site {
        repository: place.path().to_owned(),
        inventory: vec![inventory],
        plugins: vec![plugins.to_owned()],
        // What a model cannot do is left out: the same inventory for all.
        render: Options { allow_unsupported: true, ..Options::default() },
        ..Site::default()
    };
    let mut out = Diagnostics::default();
    let mut loaded = pipeline::load(&site, &mut out);
    let resolver = Resolver::new(&loaded.inventory, &loaded.secrets);
    let choices = Choices::make(&resolver, &loaded.inventory.devices, &loaded.plugins);
    let mut templates = BTreeMap::new();
    choices.templates(&mut templates, &mut loaded.sources, &mut out);
    let devices: Vec<_> =
        loaded.inventory.devices.iter().map(|entry| resolver.device(entry, &mut out)).collect();
    let renderer = Renderer { secrets: &loaded.secrets, templates: &templates, options: &site.render };

    let mut artifacts: Vec<Artifact> = Vec::new();
    let mut cache = Cache::default();
    let start = Instant::now();
    for device in &devices {
        let choice = choices.of(device, &mut out);
        let made = choice.and_then(|choice| renderer.device(device, choice, &mut cache, &mut out));
        let Some(made) = made else {
            panic!(
                "{} {}: {:?}",
                plugin.id(),
                device.id,
                out.iter().find(|found| found.severity == Severity::Error)
            )
        };
        artifacts.extend(made);
    }
    let rendering = start.elapsed().as_secs_f64();

    let target = place.path().join("out");
    for artifact in &artifacts {
        fs::create_dir_all(target.join(&artifact.path).parent().unwrap()).unwrap();
    }
    let start = Instant::now();
    for (n, artifact) in artifacts.iter().enumerate() {
        let temporary = target.join(format!(".temp{n}"));
        fs::write(&temporary, &artifact.bytes).unwrap();
        fs::rename(&temporary, target.join(&artifact.path)).unwrap();
    }
    let writing = start.elapsed().as_secs_f64();
    Row {
        phones: devices.len(),
        files: artifacts.len(),
        bytes: artifacts.iter().map(|artifact| artifact.bytes.len()).sum(),
        rendering,
        writing,
    }
}

fn fleet(plugin: &Plugin, phones: usize) -> String {
    let mut text = String::from(BASE);
    let models = &plugin.manifest.models;
    for (n, model) in (0..phones).zip(models.iter().cycle()) {
        let (mac, vendor) = (0x0200_0000_0000_u64 + n as u64, &plugin.manifest.vendor.value);
        let number = 100_000 + n;
        let _ = writeln!(
            text,
            "- mac: \"{mac:012x}\"\n  vendor: {vendor}\n  model: \"{}\"\n  plugin: {}\n  lines: [{{number: \"{number}\", \
             username: user{number}, password: secret{number}, display_name: User {number}, label: \"{number}\"}}]",
            model.name,
            plugin.id(),
        );
        text.push_str(&keys(model, n));
    }
    text
}

/// Up to six keys at positions where the model can do them, after one that may be the line's.
fn keys(model: &Model, n: usize) -> String {
    let mut found = Vec::new();
    let mut position = 0;
    for bank in model.banks.iter().filter(|bank| bank.modules.is_none()) {
        for _ in 0..bank.count {
            position += 1;
            let kind = ["blf", "speeddial"].into_iter().find(|kind| model.can(bank, kind));
            if let Some(kind) = kind.filter(|_| position > 1 && found.len() < 6) {
                let value = 200_000 + n + found.len();
                found.push(format!("{position}: {{type: {kind}, value: \"{value}\", label: Key {value}}}"));
            }
        }
    }
    if found.is_empty() { String::new() } else { format!("  function_keys: {{{}}}\n", found.join(", ")) }
}
