//! What outlives one build of a site inside one process: what `build --watch` keeps so that one edit costs
//! one device's work.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::Site;
use super::index::Index;
use super::index_file::OnDisk;
use super::inputs::{Input, Moment, Standing, Stat, sha1};
use super::progress::{Phase, Progress};
use super::state::{STATE, State};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceMap};
use crate::inventory::summary::Summary;
use crate::inventory::{self, File, Found, Secrets};
use crate::output::{self, ManifestCache, Options};
use crate::plugin::{PluginSet, Templates};

/// What one build leaves for the next one of the same site in the same process. An empty one is always
/// right: it costs reading from disk what could have been kept.
#[derive(Default)]
pub struct Memory {
    /// Whether there will be a next build.
    pub(super) lasting: bool,
    /// Whether the last run did: then `last` is of that run.
    pub(super) succeeded: bool,
    pub(super) sources: SourceMap,
    /// Files of the inventory without mistakes, as they were read.
    files: BTreeMap<PathBuf, Parsed>,
    pub(super) plugins: Option<Plugins>,
    pub(super) secrets: Secrets,
    pub(super) manifest: ManifestCache,
    pub(super) last: Option<Last>,
    pub(super) watched: Watched,
    progress: Arc<Progress>,
}

/// What is known of the inputs' changes since the last build with the same memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// Nothing: every input is looked at.
    #[default]
    Unknown,
    /// Nothing changed but these files, which may be new or gone.
    Files(BTreeSet<PathBuf>),
}

/// What the last build read, and where it looked for more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Directories that count with all that lies below them.
    pub trees: BTreeSet<PathBuf>,
    /// Single files outside of those: secrets, certificates, what commands of secrets name.
    pub files: BTreeSet<PathBuf>,
}

/// The last build that succeeded.
pub(super) struct Last {
    pub state: State,
    /// Read when it is needed.
    pub index: Option<(Index, OnDisk)>,
    /// Where it was written to, if that has still to be told the disk.
    pub unsaved: Option<Options>,
}

/// Plugins and those of their templates that were needed.
pub(super) struct Plugins {
    /// All files on disk that they were made from.
    pub files: Vec<Input>,
    pub set: PluginSet,
    pub templates: BTreeMap<String, Templates>,
}

/// A file of the inventory, read.
#[derive(Clone)]
pub(super) struct Parsed {
    pub found: Found,
    pub input: Input,
    pub file: File,
    /// What it defines, if a build wants to know.
    pub summary: Summary,
}

impl Memory {
    /// A memory for many builds: what was read is kept.
    pub fn lasting() -> Self {
        Self { lasting: true, ..Self::default() }
    }

    /// What the last build read, and where it looked: what has to be watched to see the next change.
    pub fn watched(&self) -> &Watched {
        &self.watched
    }

    /// How far the build at work with this memory is.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Writes what was kept back while nothing urged: the state of the last build, for the next process.
    /// Without it the next process compares everything.
    pub fn save(&mut self) {
        let Some(last) = &mut self.last else { return };
        let Some(options) = last.unsaved.take() else { return };
        // Another process may have built since; then its state is the right one.
        let options = Options { lock_wait: std::time::Duration::ZERO, ..options };
        let Ok(transaction) = output::Transaction::begin_some(&options, &self.manifest) else { return };
        if transaction.manifest_id() != Some(last.state.manifest) {
            return;
        }
        let nothing = output::Scope::Only { owners: BTreeSet::new(), failed: output::Failed::default() };
        if let Ok((_, held)) = transaction.commit_and_hold(Vec::new(), &nothing)
            && let Some(manifest) = held.manifest_id()
        {
            // It may by now tell more of the files' times, and then has another name.
            last.state.manifest = manifest;
            write(last, &held);
        }
    }

    /// The last build into this directory; from the disk if this process has made none.
    pub(super) fn last(&mut self, options: &Options) -> Option<&mut Last> {
        if self.last.is_none() {
            let state = State::decode(&output::read_state(options, STATE)?)?;
            self.last = Some(Last { state, index: None, unsaved: None });
        }
        self.last.as_mut()
    }

    /// Keeps what a build came to, and writes it unless there is time later.
    pub(super) fn remember(
        &mut self,
        state: State,
        (mut index, disk): (Index, OnDisk),
        options: &Options,
        held: &output::Committed,
    ) {
        if self.lasting && !index.is_by_file() {
            index.by_file();
        }
        let mut last = Last { state, index: Some((index, disk)), unsaved: None };
        if self.lasting {
            last.unsaved = Some(options.clone());
        } else {
            write(&mut last, held);
        }
        last.index = last.index.filter(|(index, _)| !index.is_partial());
        self.last = Some(last);
    }

    /// Reads files of the inventory, in parallel, or takes them as they were read before; in their order.
    /// Mistakes go to `out`. `summaries` if it is wanted what they define.
    pub(super) fn parse(
        &mut self,
        files: &[Found],
        summaries: bool,
        moment: Moment,
        out: &mut Diagnostics,
    ) -> Vec<Parsed> {
        let kept = |memory: &Self, found: &Found| {
            let kept = memory.files.get(&found.path)?;
            (kept.found == *found && kept.input.standing(moment) == Standing::Same).then(|| kept.clone())
        };
        let files: Vec<(&Found, Result<Parsed, FileId>)> = files
            .iter()
            .map(|found| (found, kept(self, found).ok_or_else(|| self.sources.reserve(&found.path))))
            .collect();
        let progress = Arc::clone(&self.progress);
        progress.begin(Phase::Reading, files.iter().filter(|(_, kept)| kept.is_err()).count());
        let read: Vec<(Parsed, Option<inventory::ReadFile>)> = files
            .into_par_iter()
            .map(|(found, kept)| match kept {
                Ok(parsed) => (parsed, None),
                Err(id) => {
                    let stat = Stat::of(&found.path);
                    let mut read = inventory::read_found(id, found);
                    let digest = read.text.as_ref().filter(|_| summaries).map(|text| sha1(text.as_bytes()));
                    let input = Input::read(&found.path, stat, moment, digest);
                    let file = std::mem::take(&mut read.file);
                    progress.add(1);
                    let summary = if summaries { file.summary() } else { Summary::default() };
                    (Parsed { found: found.clone(), input, file, summary }, Some(read))
                }
            })
            .collect();
        let mut all = Vec::with_capacity(read.len());
        for (parsed, read) in read {
            if let Some(read) = read {
                if let Some(text) = read.text {
                    self.sources.set_text(read.id, text);
                }
                self.files.remove(&parsed.found.path);
                // A file with mistakes is read again, so that it tells them again.
                if self.lasting && summaries && read.problems.is_empty() {
                    self.files.insert(parsed.found.path.clone(), parsed.clone());
                }
                out.append(read.problems);
            }
            all.push(parsed);
        }
        all
    }

    /// The plugins as they are now; those of the last build if no file of theirs changed.
    pub(super) fn load_plugins(&mut self, site: &Site, moment: Moment, out: &mut Diagnostics) -> Plugins {
        let paths = plugin_files(site);
        if let Some(plugins) = self.plugins.take()
            && super::inputs::Changes::between(&plugins.files, &paths, moment).is_empty()
        {
            return plugins;
        }
        let files = paths.iter().map(|path| Input::look(path, moment)).collect();
        let set = PluginSet::load(&site.plugins, site.overrides.as_deref(), &mut self.sources, out);
        Plugins { files, set, templates: BTreeMap::new() }
    }

    /// Takes the sources back after a build, and gives what is needed to show its mistakes.
    pub(super) fn give_sources(&mut self, sources: SourceMap, diagnostics: &[Diagnostic]) -> SourceMap {
        if !self.lasting {
            return sources;
        }
        let shown = if diagnostics.is_empty() { SourceMap::default() } else { sources.clone() };
        self.sources = sources;
        shown
    }

    /// Keeps plugins for the next build, unless something was said about them that has to be said again.
    pub(super) fn keep_plugins(&mut self, plugins: Plugins, clean: bool) {
        self.plugins = Some(plugins).filter(|_| self.lasting && clean);
    }
}

fn write(last: &mut Last, held: &output::Committed) {
    // That the state could not be written costs the next build time and nothing else, and what is full or
    // read-only was reported where it mattered.
    if let Some((index, disk)) = &mut last.index {
        let Some(checksum) = index.store(disk, held) else { return };
        last.state.index = checksum;
    }
    if let Some(state) = last.state.encode() {
        let _ = held.replace_state(STATE, &state);
    }
}

/// All files on disk that plugins may be made from, sorted.
pub(super) fn plugin_files(site: &Site) -> Vec<PathBuf> {
    let roots = site.plugins.iter().chain(&site.overrides);
    let mut files: Vec<PathBuf> = roots.flat_map(|root| super::inputs::files_below(root)).collect();
    files.sort();
    files.dedup();
    files
}

/// All files that are copied as they are.
pub(super) fn static_files(site: &Site) -> Vec<PathBuf> {
    site.statics.as_deref().map(super::inputs::files_below).unwrap_or_default()
}

impl Watched {
    /// What a site is made from, as far as it is known before it was read.
    pub(super) fn of(site: &Site) -> Self {
        let single = site.overrides.iter().chain(&site.statics);
        let trees = site.inventory.iter().chain(&site.plugins).chain(single).cloned().collect();
        Self { trees, files: BTreeSet::new() }
    }

    /// Adds files, unless a tree has them.
    pub(super) fn add<'p>(&mut self, files: impl Iterator<Item = &'p Path>) {
        // `inventory/../keys/pin` is not inside of `inventory`.
        let below = |rest: &Path| rest.components().all(|part| matches!(part, Component::Normal(_)));
        let inside = |path: &Path| self.trees.iter().any(|tree| path.strip_prefix(tree).is_ok_and(below));
        let outside: Vec<PathBuf> = files.filter(|path| !inside(path)).map(Path::to_owned).collect();
        self.files.extend(outside);
    }
}
