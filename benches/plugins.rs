//! Milliseconds to load the manifests of many plugins, and to compile the templates of one family.
//!
//! `cargo bench --bench plugins [-- FAMILIES]`. Each family is a copy of the standard Digium family under
//! another name: three versions over two common layers.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use provc::diagnostic::{Diagnostics, SourceMap};
use provc::plugin::PluginSet;
use provc::plugin::source::{EmbeddedFiles, Source};
use provc::plugin::templates::{Loader, Shapes};

/// Adds the files below a directory as those of a family.
fn collect(directory: &Path, below: &str, family: &str, files: &mut Vec<(&'static str, &'static [u8])>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = format!("{below}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &name, family, files);
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            let text = text.replace("id: digium-", &format!("id: {family}-"));
            files.push((name.leak(), text.leak().as_bytes()));
        }
    }
}

/// Wall-clock seconds: loading uses all cores.
fn now() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The best of several runs, in milliseconds.
fn best<T>(work: impl Fn() -> T) -> f64 {
    (0..20).fold(f64::MAX, |best, _| {
        let start = now();
        black_box(work());
        best.min((now() - start) * 1000.0)
    })
}

fn load(tree: EmbeddedFiles) -> (PluginSet, SourceMap) {
    let (mut sources, mut out) = (SourceMap::default(), Diagnostics::default());
    let set = PluginSet::load_from(vec![Source::Embedded(tree)], None, &mut sources, &mut out);
    (set, sources)
}

fn main() {
    let families: usize = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(14);
    let mut files = Vec::new();
    for n in 0..families {
        let family = format!("family{n:02}");
        let digium = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins/digium");
        collect(&digium, &family, &family, &mut files);
    }
    files.sort_unstable();
    let manifests = files.iter().filter(|(name, _)| name.ends_with("plugin.yaml"));
    let bytes: usize = manifests.map(|(_, text)| text.len()).sum();
    let tree: EmbeddedFiles = files.leak();

    let plugins = load(tree).0.iter().len();
    println!("{plugins} plugins, {} kB of manifests: loaded in {:.1} ms", bytes / 1000, best(|| load(tree)));
    let (set, sources) = load(tree);
    let three: Vec<_> = set.iter().take(3).map(Arc::clone).collect();
    let compile = || {
        let (mut sources, mut out) = (sources.clone(), Diagnostics::default());
        Loader::default().load(&three, &Shapes::default(), &mut sources, &mut out)
    };
    println!("templates of {} plugins: read, checked and compiled in {:.1} ms", three.len(), best(compile));
}
