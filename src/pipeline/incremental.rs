//! A build that works on what changed since the last one.
//!
//! It starts from what that one left ([`super::state`]), finds out what is different, whom that reaches
//! ([`super::reach`]) and what these need, and does with this small inventory what a build of everything
//! does with the whole. As soon as something is not plainly one of the usual changes, or anything at all is
//! wrong, it gives up without a trace, and everything is built: that one tells all mistakes, with all their
//! context. So this only ever ends well.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::inputs::{Changes, Input, Moment, Standing};
use super::keyed::Fate;
use super::memory::{Hint, Memory, plugin_files, static_files};
use super::partly::Partly;
use super::remember::watched;
use super::state::{InventoryFile, State, circumstances, directory};
use super::{Action, Report, Site};
use crate::diagnostic::Diagnostics;
use crate::inventory::{self, Found};
use crate::output::{self, Options};

/// What differs from the last build.
pub(super) struct Delta {
    /// When it was looked for.
    pub moment: Moment,
    /// Files of the inventory to be read: changed or new.
    pub files: Vec<Found>,
    /// Numbers of files of the inventory that are gone.
    pub gone: Vec<u32>,
    /// Ids of plugins of which a file changed.
    pub plugins: BTreeSet<String>,
    /// Whether files of static/ changed.
    pub statics: bool,
    /// Keys of secrets that changed.
    pub secrets: Vec<u64>,
    /// Paths of everything that changed, to be told.
    pub paths: Vec<PathBuf>,
    /// Whether something that did not change can be told more cheaply to be the same from now on.
    settled: bool,
}

impl Delta {
    fn none(moment: Moment) -> Self {
        Self {
            moment,
            files: Vec::new(),
            gone: Vec::new(),
            plugins: BTreeSet::new(),
            statics: false,
            secrets: Vec::new(),
            paths: Vec::new(),
            settled: false,
        }
    }

    fn is_empty(&self) -> bool {
        let files = self.files.is_empty() && self.gone.is_empty();
        files && self.plugins.is_empty() && !self.statics && self.secrets.is_empty()
    }
}

/// Builds what changed; nothing if everything has to be built, or if anything is wrong.
pub(super) fn attempt(site: &Site, action: &Action, memory: &mut Memory, hint: &Hint) -> Option<Report> {
    let Action::Build { output, verify, refresh_secrets, .. } = action else { return None };
    let mut state = memory.last(output).map(|last| last.state.clone())?;
    let stands = state.circumstances == circumstances(site, output)
        && state.out.is_some()
        && state.out == directory(&output.out)
        && output::manifest_id(output) == Some(state.manifest);
    if !stands {
        memory.last = None;
        return None;
    }
    let delta = match hint {
        Hint::Files(paths) => Delta::of_files(&mut state, paths),
        Hint::Unknown => None,
    };
    let delta = match delta {
        Some(delta) => delta,
        None => Delta::look(site, &mut state, memory, *refresh_secrets)?,
    };
    if delta.is_empty() && !verify {
        memory.watched = watched(site, &state);
        let report = nothing_to_do(&state);
        settle(state, delta.settled, output, memory);
        return Some(report);
    }
    let mut index = memory.last.as_mut().and_then(|last| last.index.take());
    let built = Partly { site, action, output, state, delta, memory }.build(&mut index);
    match (built, index) {
        (Some((report, state, held)), Some(index)) => {
            memory.watched = watched(site, &state);
            memory.remember(state, index, output, &held);
            Some(report)
        }
        (_, index) => {
            if let Some(last) = &mut memory.last {
                last.index = index.filter(|(index, _)| !index.is_partial());
            }
            None
        }
    }
}

fn nothing_to_do(state: &State) -> Report {
    Report {
        ok: true,
        committed: true,
        devices: state.devices,
        unchanged: state.owned,
        notes: standing_warnings(state.warned),
        inputs_changed: Some(Vec::new()),
        ..Report::default()
    }
}

/// What there is to say of devices whose warnings are not said again.
pub(super) fn standing_warnings(devices: usize) -> Vec<String> {
    match devices {
        0 => Vec::new(),
        1 => vec!["1 device has warnings from an earlier build; `provc check` shows them".to_owned()],
        n => vec![format!("{n} devices have warnings from earlier builds; `provc check` shows them")],
    }
}

/// Keeps what proves more cheaply, from now on, that nothing changed.
fn settle(state: State, better: bool, output: &Options, memory: &mut Memory) {
    let Some(last) = &mut memory.last else { return };
    last.state = state;
    if !better {
        return;
    }
    last.unsaved = Some(output.clone());
    if !memory.lasting {
        memory.save();
    }
}

impl Delta {
    /// From what is known to be all that changed. Nothing if it is not only files that were there before:
    /// whether a new one counts, looking for it all over tells.
    fn of_files(state: &mut State, paths: &BTreeSet<PathBuf>) -> Option<Self> {
        let moment = Moment::now();
        let mut delta = Self::none(moment);
        for path in paths {
            let at = state.files.binary_search_by(|file| file.input.path.as_path().cmp(path)).ok()?;
            let file = state.files.get_mut(at)?;
            match file.input.standing(moment) {
                Standing::Same => {}
                Standing::Settled(input) => {
                    file.input = input;
                    delta.settled = true;
                }
                Standing::Changed if path.is_file() => delta.changed(file),
                Standing::Changed => return None,
            }
        }
        Some(delta)
    }

    fn changed(&mut self, file: &InventoryFile) {
        self.paths.push(file.input.path.clone());
        self.files.push(Found { path: file.input.path.clone(), root: file.root.clone() });
    }

    /// From a look at everything.
    fn look(site: &Site, state: &mut State, memory: &Memory, refresh: bool) -> Option<Self> {
        let moment = Moment::now();
        let mut delta = Self::none(moment);
        delta.inventory(site, state, moment)?;
        delta.plugins(site, state, moment)?;
        let statics = Changes::between(&state.statics, &static_files(site), moment);
        if !statics.is_empty() {
            delta.paths.extend(statics.changed.iter().chain(&statics.gone).cloned());
            delta.statics = true;
        }
        for secret in &mut state.secrets {
            match secret.fate(&memory.secrets, &state.key, &site.repository, moment, refresh) {
                Fate::Same => {}
                Fate::Settled(again) => {
                    *secret = again;
                    delta.settled = true;
                }
                Fate::Changed => {
                    delta.secrets.push(secret.key());
                    delta.paths.extend(secret.files().map(Path::to_owned));
                }
            }
        }
        delta.paths.sort();
        Some(delta)
    }

    fn inventory(&mut self, site: &Site, state: &mut State, moment: Moment) -> Option<()> {
        let mut problems = Diagnostics::default();
        let found = inventory::find(&site.inventory, &mut problems);
        if !problems.is_empty() || found.incomplete {
            return None;
        }
        let were: Vec<&InventoryFile> = state.files.iter().collect();
        // By bytes: comparing paths part by part would take most of the time of a build with nothing to do.
        let mut known: BTreeMap<&OsStr, &InventoryFile> =
            were.iter().map(|file| (file.input.path.as_os_str(), *file)).collect();
        let mut both = Vec::with_capacity(were.len());
        for file in &found.files {
            match known.remove(file.path.as_os_str()) {
                Some(was) if was.root == file.root => both.push(was),
                Some(_) => return None,
                None => {
                    self.paths.push(file.path.clone());
                    self.files.push(file.clone());
                }
            }
        }
        for was in known.into_values() {
            self.paths.push(was.input.path.clone());
            self.gone.push(was.number);
        }
        let inputs: Vec<&Input> = both.iter().map(|file| &file.input).collect();
        let mut settled = Vec::new();
        for (file, standing) in both.iter().zip(super::inputs::standings(&inputs, moment)) {
            match standing {
                Standing::Same => {}
                Standing::Settled(input) => settled.push(input),
                Standing::Changed => self.changed(file),
            }
        }
        self.settled |= !settled.is_empty();
        replace(state.files.iter_mut().map(|file| &mut file.input), settled);
        Some(())
    }

    /// Changes of plugins. A manifest may change which plugin a device gets, and a file in a new place may
    /// cover others: then everything is looked at. A template or file in a known place concerns the plugins
    /// that it belongs to.
    fn plugins(&mut self, site: &Site, state: &mut State, moment: Moment) -> Option<()> {
        let changes = Changes::between(&state.plugin_files, &plugin_files(site), moment);
        if !changes.is_empty() {
            for path in changes.changed.iter().chain(&changes.gone) {
                let owners =
                    state.plugins.iter().filter(|p| p.layers.iter().any(|layer| path.starts_with(layer)));
                let owners: Vec<String> = owners.map(|plugin| plugin.id.clone()).collect();
                if owners.is_empty() || path.file_name().is_none_or(|name| name == "plugin.yaml") {
                    return None;
                }
                self.plugins.extend(owners);
                self.paths.push(path.clone());
            }
            return Some(());
        }
        self.settled |= !changes.settled.is_empty();
        replace(state.plugin_files.iter_mut(), changes.settled);
        Some(())
    }
}

/// Puts inputs that prove more in the place of those of the same path.
fn replace<'i>(inputs: impl Iterator<Item = &'i mut Input>, better: Vec<Input>) {
    if better.is_empty() {
        return;
    }
    let mut better: BTreeMap<PathBuf, Input> =
        better.into_iter().map(|input| (input.path.clone(), input)).collect();
    for input in inputs {
        if let Some(again) = better.remove(&input.path) {
            *input = again;
        }
    }
}
