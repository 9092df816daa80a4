//! Small plugin trees for the tests of this module.

use super::set::PluginSet;
use super::source::Source;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceMap};

/// Files as a tree; leaked, since a test ends soon.
pub(super) fn tree(files: &[(&str, &str)]) -> Source {
    let mut files: Vec<(&'static str, &'static [u8])> =
        files.iter().map(|(name, text)| (leak(name), leak(text).as_bytes())).collect();
    files.sort();
    Source::Embedded(Box::leak(files.into_boxed_slice()))
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// A loaded set and what was said about it.
pub(super) struct Loaded {
    pub set: PluginSet,
    pub sources: SourceMap,
    pub out: Diagnostics,
}

impl Loaded {
    pub fn new(trees: Vec<Source>, overrides: Option<Source>) -> Self {
        let (mut sources, mut out) = (SourceMap::default(), Diagnostics::default());
        let set = PluginSet::load_from(trees, overrides, &mut sources, &mut out);
        Self { set, sources, out }
    }

    /// Everything said, a line each: `CODE PATH:LINE:COLUMN+LENGTH MESSAGE; HELP`, built-in paths bare.
    pub fn said(&self) -> Vec<String> {
        said(&self.out, &self.sources)
    }
}

/// Loads one tree.
pub(super) fn load(files: &[(&str, &str)]) -> Loaded {
    Loaded::new(vec![tree(files)], None)
}

pub(super) fn said(out: &Diagnostics, sources: &SourceMap) -> Vec<String> {
    out.clone().into_sorted(sources).iter().map(|d| line(d, sources)).collect()
}

fn line(d: &Diagnostic, sources: &SourceMap) -> String {
    let place = d.span.map(|s| {
        let path = sources.path(s.file).display().to_string();
        let path = path.trim_start_matches("<built-in>/").to_owned();
        format!("{path}:{}:{}+{} ", s.line, s.column, s.len)
    });
    let help = d.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("{} {}{}{help}", d.code.0, place.unwrap_or_default(), d.message)
}

/// A manifest of the family `acme` for a firmware, with more fields.
pub(super) fn manifest(firmware: &str, more: &str) -> String {
    format!(
        "id: acme-{firmware}\nversion: 1.0.0\ndescription: Acme\nvendor: Acme\nfirmware: {firmware}\n\
         function_keys: [blf, speeddial]\n{more}"
    )
}

/// A family `acme` with one version 1.0 that has more fields.
pub(super) fn acme(more: &str) -> Loaded {
    load(&[("acme/v1_0/plugin.yaml", &manifest("1.0", more))])
}
