//! What a build writes down of itself for the next one.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::collect::Collected;
use super::index::Index;
use super::index_file::{Change, OnDisk};
use super::inputs::{Input, Moment};
use super::keyed::{Key, SecretInput, new_key};
use super::memory::{Memory, Parsed, Watched, static_files};
use super::state::{InventoryFile, Known, PluginInput, State, circumstances, directory, texts};
use super::{Choices, Site};
use crate::diagnostic::{Diagnostics, Severity};
use crate::inventory::Secrets;
use crate::inventory::summary::{EntryKind, key, secret_key};
use crate::output::{Committed, Options};
use crate::plugin::PluginSet;
use crate::plugin::source::Source;

/// The inputs of a build of everything, as far as they are known.
pub(super) struct Inputs {
    moment: Moment,
    statics: Vec<Input>,
    files: Vec<InventoryFile>,
    /// Nothing if the inventory cannot be indexed.
    index: Option<Index>,
}

/// What a build of everything made.
pub(super) struct Built<'a> {
    pub all: &'a Collected,
    pub plugins: &'a PluginSet,
    pub choices: &'a Choices,
    /// Whether nothing was said about any plugin when they were loaded.
    pub clean: bool,
    pub secrets: &'a Secrets,
    pub warnings: &'a Diagnostics,
}

impl Inputs {
    /// Looks at what will be read later: a change in between is then seen by the next build.
    pub fn begin(site: &Site, moment: Moment) -> Self {
        let statics = static_files(site).iter().map(|path| Input::look_only(path, moment)).collect();
        Self { moment, statics, files: Vec::new(), index: None }
    }

    /// Notes the files of the inventory.
    pub fn inventory(&mut self, parsed: &[Parsed]) {
        let numbered: Vec<(u32, &Parsed)> = (0..).zip(parsed).collect();
        let file = |(number, parsed): &(u32, &Parsed)| InventoryFile {
            number: *number,
            root: parsed.found.root.clone(),
            input: parsed.input.clone(),
        };
        self.files = numbered.iter().map(file).collect();
        let summaries: Vec<_> = numbered.iter().map(|(number, parsed)| (*number, &parsed.summary)).collect();
        self.index = Index::new(&summaries);
    }

    /// Keeps all of it, now that it is built.
    pub fn end(
        self,
        site: &Site,
        output: &Options,
        plugin_files: &[Input],
        built: &Built<'_>,
        memory: &mut Memory,
        held: &Committed,
    ) {
        let (Some(mut index), Some(manifest), Some(salt)) = (self.index, held.manifest_id(), new_key())
        else {
            return;
        };
        let warned = warned(built.warnings);
        let mut made = Change {
            sorts: built.all.made.clone(),
            warned: warned.iter().map(|device| (*device, true)).collect(),
            ..Change::default()
        };
        if index.make(&mut made).is_none() {
            return;
        }
        let state = State {
            circumstances: circumstances(site, output),
            manifest,
            index: 0,
            out: directory(&output.out),
            devices: index.records().iter().filter(|record| record.is(EntryKind::Device)).count(),
            owned: held.owned(),
            warned: warned.len(),
            next_number: u32::try_from(self.files.len()).unwrap_or(u32::MAX),
            files: self.files,
            plugin_files: plugin_files.to_vec(),
            statics: self.statics,
            secrets: secret_inputs(site, built.secrets, |_| true, &salt, self.moment),
            key: salt,
            plugins: plugin_inputs(&index, built.plugins, &[]),
            known: built.clean.then(|| known(built.plugins, built.choices, None)),
        };
        memory.watched = watched(site, &state);
        memory.remember(state, (index, OnDisk::default()), output, held);
    }
}

/// What has to be watched to see the next change.
pub(super) fn watched(site: &Site, state: &State) -> Watched {
    let mut watched = Watched::of(site);
    watched.add(state.secrets.iter().flat_map(SecretInput::files));
    watched
}

/// The keys of the devices that have warnings.
pub(super) fn warned(warnings: &Diagnostics) -> BTreeSet<u64> {
    let found = warnings.iter().filter(|found| found.severity == Severity::Warning);
    found.filter_map(|found| Some(key(EntryKind::Device, found.device.as_ref()?))).collect()
}

/// The secrets that were fetched. The files are looked at afterwards, but a change in between leaves a file
/// whose times prove nothing, as they lie after the moment at which the build began.
pub(super) fn secret_inputs(
    site: &Site,
    secrets: &Secrets,
    wanted: impl Fn(u64) -> bool,
    key: &Key,
    moment: Moment,
) -> Vec<SecretInput> {
    let fetched = secrets.fetched();
    let fetched = fetched.iter().filter(|(source, _)| wanted(secret_key(source)));
    fetched.map(|(source, text)| SecretInput::new(source, text, key, &site.repository, moment)).collect()
}

/// What is known of all plugins, with the kinds of phone that were known `before`.
pub(super) fn known(plugins: &PluginSet, choices: &Choices, before: Option<Known>) -> Known {
    let families: BTreeSet<&str> = plugins.iter().map(|plugin| plugin.family.as_str()).collect();
    let mut known = before.unwrap_or_default();
    known.families = families.into_iter().map(str::to_owned).collect();
    known.kinds.extend(choices.sorts().map(|(kind, sort)| (texts(kind), sort)));
    known
}

/// The plugins of the sorts in use; those that are not among the loaded ones are as they were `before`.
pub(super) fn plugin_inputs(index: &Index, plugins: &PluginSet, before: &[PluginInput]) -> Vec<PluginInput> {
    let mut inputs: Vec<PluginInput> = Vec::new();
    for (id, model) in index.sorts_in_use() {
        if let Some(input) = inputs.iter_mut().find(|input| input.id == *id) {
            input.models.push(model.clone());
            continue;
        }
        let models = vec![model.clone()];
        let known = before.iter().find(|input| input.id == *id);
        match (plugins.get(id), known) {
            (None, Some(known)) => inputs.push(PluginInput { models, ..known.clone() }),
            (plugin, _) => {
                let layers = plugin.map(|plugin| plugin.layers.as_slice()).unwrap_or_default();
                let on_disk = layers.iter().filter_map(|layer| match &*layer.source {
                    Source::Directory(_) => Some(layer.source.shown(&layer.path)),
                    Source::Embedded(_) => None,
                });
                let layers: BTreeSet<PathBuf> = on_disk.collect();
                let layers = layers.into_iter().collect();
                let family = plugin.map(|plugin| plugin.family.clone()).unwrap_or_default();
                let units = plugin.map(|plugin| plugin.units().map(str::to_owned).collect());
                let units = (family, units.unwrap_or_default());
                inputs.push(PluginInput { id: id.clone(), models, layers, units });
            }
        }
    }
    inputs.sort_by(|a, b| a.id.cmp(&b.id));
    inputs.iter_mut().for_each(|input| input.models.sort());
    inputs
}
