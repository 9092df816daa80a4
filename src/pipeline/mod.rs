//! One build of one site, from files to files: load, resolve, associate, render, commit, report.
//!
//! `check`, `build` and what comes later are this with another [`Action`]. Nothing here prints.

pub mod cases;
mod choose;
mod collect;
mod difference;
mod fingerprint;
mod foretell;
mod incremental;
mod index;
mod index_file;
mod index_part;
mod inputs;
mod keyed;
mod load;
mod memory;
mod merge;
mod partly;
mod progress;
mod reach;
mod remember;
mod shard;
mod state;
mod statics;
mod view;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

pub use choose::Choices;
pub use load::{Loaded, load};
pub use memory::{Hint, Memory, Watched};
pub use merge::merge;
pub use progress::{Look, Phase, Progress};
pub use view::{Seen, View};

use self::collect::Collected;
use self::inputs::Moment;
use self::memory::Plugins;
use self::remember::{Built, Inputs};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceMap};
use crate::inventory::{self, Entry, Inventory, Resolver, Secrets, summary};
use crate::output::{self, Artifact, Committed, Content, Failed, OutPath, Owner, Scope, Shard, Transaction};
use crate::render::{self, Cache, Renderer};

/// One site: where its inputs are and where its files go. Paths are ready to be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Its name under `sites`; none for a repository of one site.
    pub name: Option<String>,
    /// The repository: where commands of secrets run.
    pub repository: PathBuf,
    /// Directories of inventory files.
    pub inventory: Vec<PathBuf>,
    /// Directories of plugins, over the standard set.
    pub plugins: Vec<PathBuf>,
    /// The site's own layer over all plugins.
    pub overrides: Option<PathBuf>,
    /// Files that are copied as they are.
    pub statics: Option<PathBuf>,
    /// What touches the files.
    pub render: render::Options,
}

/// What is to be done with the files once they are made.
#[derive(Clone, Debug)]
pub enum Action {
    /// Nothing: only the mistakes are wanted.
    Check,
    /// They are written.
    Build {
        /// Where and how.
        output: output::Options,
        /// Whether the healthy devices are built although others have mistakes.
        keep_going: bool,
        /// Whether out/ itself is looked at and repaired although no input changed.
        verify: bool,
        /// Whether commands of secrets run although nothing says that they would answer otherwise.
        refresh_secrets: bool,
    },
}

impl Action {
    /// Where files are written, and how.
    pub fn output(&self) -> Option<&output::Options> {
        match self {
            Self::Check => None,
            Self::Build { output, .. } => Some(output),
        }
    }

    /// A plain build.
    pub fn build(output: output::Options) -> Self {
        Self::Build { output, keep_going: false, verify: false, refresh_secrets: false }
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Whether nothing was wrong.
    pub ok: bool,
    /// How many devices there are, broken ones included.
    pub devices: usize,
    /// How many files were written (or would be, in a dry run).
    pub written: Vec<String>,
    /// How many files already had the right bytes.
    pub unchanged: usize,
    /// Files that were removed.
    pub removed: Vec<String>,
    /// MAC or id of devices of which a file was written or removed.
    pub changed: Vec<String>,
    /// Whether out/ was brought up to date.
    pub committed: bool,
    /// The inputs that changed since the last build, where it is known which; sorted.
    pub inputs_changed: Option<Vec<PathBuf>>,
    /// What a person should know beside the diagnostics.
    pub notes: Vec<String>,
    /// All mistakes, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that the diagnostics point into.
    pub sources: SourceMap,
}

/// How many devices a thread takes at a time: enough to share what they have in common, few enough to keep
/// all threads busy to the end.
const RUN: usize = 64;

/// Does it, with nothing kept from an earlier run and nothing kept for a later one.
pub fn run(site: &Site, action: &Action) -> Report {
    run_with(site, action, &mut Memory::default(), &Hint::Unknown)
}

/// Does it. A build compares its inputs with those of the last build and works on what differs; `memory`
/// holds what that one left in this process, `hint` what is known of changes since.
pub fn run_with(site: &Site, action: &Action, memory: &mut Memory, hint: &Hint) -> Report {
    memory.progress().begin(Phase::Reading, 0);
    memory.secrets.run_in(&site.repository);
    memory.secrets.forget_failures();
    if memory.watched == Watched::default() {
        memory.watched = Watched::of(site);
    }
    // What a hint leaves out is as it was at the last run, which need not be the last that succeeded.
    let hint = if memory.succeeded { hint } else { &Hint::Unknown };
    let partly = match action {
        // One part of many is always made whole: nothing is kept for another one.
        Action::Build { output, .. } if !output.dry_run && !output.adopt && output.shard.is_none() => {
            incremental::attempt(site, action, memory, hint)
        }
        _ => None,
    };
    let report = partly.unwrap_or_else(|| whole(site, action, memory));
    memory.succeeded = report.ok && report.committed;
    report
}

/// Reads, makes and compares everything.
fn whole(site: &Site, action: &Action, memory: &mut Memory) -> Report {
    let mut out = Diagnostics::default();
    let building = match action {
        Action::Build { output, .. } => {
            Some(output).filter(|output| !output.dry_run && output.shard.is_none())
        }
        Action::Check => None,
    };
    let moment = Moment::now();
    let mut inputs = building.map(|_| Inputs::begin(site, moment));
    let found = inventory::find(&site.inventory, &mut out);
    let parsed = memory.parse(&found.files, building.is_some(), moment, &mut out);
    if let Some(inputs) = &mut inputs {
        inputs.inventory(&parsed);
    }
    let mut joined = inventory::join(parsed.into_iter().map(|parsed| parsed.file).collect(), &mut out);
    joined.cannot_see_all(&found);
    let mut problems = Diagnostics::default();
    let Plugins { files, set, mut templates } = memory.load_plugins(site, moment, &mut problems);
    let clean = problems.is_empty();
    out.append(problems);
    // Whether what secrets answered before still holds, nobody looked: they are asked anew.
    let (sources, secrets) = (std::mem::take(&mut memory.sources), Secrets::new(&site.repository));
    let mut loaded = Loaded { sources, inventory: joined, plugins: set, secrets };

    let resolver = Resolver::new(&loaded.inventory, &loaded.secrets);
    resolver.check_layers(&mut out);
    let choices = Choices::make(&resolver, &loaded.inventory.devices, &loaded.plugins);
    choices.templates(&mut templates, &mut loaded.sources, &mut out);
    let renderer = Renderer { secrets: &loaded.secrets, templates: &templates, options: &site.render };
    check_options(site, &loaded, &mut out);
    let families = loaded.plugins.iter().map(|plugin| plugin.family.as_str()).collect();
    check_extra(&loaded.inventory, &families, &mut out);

    let keep_going = matches!(action, Action::Build { keep_going: true, .. });
    let progress = Arc::clone(memory.progress());
    let shard = action.output().and_then(|output| output.shard);
    let devices = shard::count(shard, &loaded.inventory.devices);
    let mut report = Report { devices, ..Report::default() };
    let transaction = match action {
        Action::Check => Some(Transaction::nowhere()),
        Action::Build { .. } if out.has_errors() && !keep_going => Some(Transaction::nowhere()),
        Action::Build { output, .. } => {
            let output = output::Options { placing: progress.placing(), ..output.clone() };
            Transaction::begin_with(&output, &memory.manifest).map_err(|fault| out.push(*fault)).ok()
        }
    };
    if let Some(transaction) = transaction {
        let work = Work {
            resolver: &resolver,
            choices: &choices,
            renderer: &renderer,
            transaction: &transaction,
            caches: Mutex::default(),
            shard,
            progress: &progress,
        };
        progress.begin(Phase::Rendering, devices);
        let stop = AtomicBool::new(out.has_errors() && !keep_going);
        let mut all = work.devices(&loaded.inventory.devices, &stop, keep_going);
        out.append(std::mem::take(&mut all.diagnostics));
        shard::used(shard, &choices, &mut all.used);
        if shard.is_none_or(Shard::is_first) {
            work.shared(&mut all, &mut out);
            statics::stage_plugins(site, &transaction, &all.used, &mut all.staged, &mut out);
            statics::stage_site(site, &transaction, &mut all.staged, &mut out);
        }
        progress.begin(Phase::Writing, 0);
        let inputs_incomplete = loaded.inventory.incomplete;
        let failed = Failed { owners: std::mem::take(&mut all.failed), inputs_incomplete };
        if !out.has_errors() || keep_going {
            let entries = &loaded.inventory.devices;
            let held = match shard {
                Some(shard) => {
                    let done = shard::commit(transaction, shard, site, entries, &mut all, failed);
                    out.append(done.map_or_else(|problems| problems, |done| report.take(done)));
                    report.notes.extend(shard::next(shard, &report));
                    None
                }
                None => {
                    let staged = std::mem::take(&mut all.staged);
                    let done = transaction.commit_and_hold(staged, &Scope::All(failed));
                    finish(done, action, &mut report, &mut out)
                }
            };
            if let (Some(held), Some(output), Some(inputs)) = (held, building, inputs)
                && !out.has_errors()
            {
                let built = Built {
                    all: &all,
                    plugins: &loaded.plugins,
                    choices: &choices,
                    clean,
                    secrets: &loaded.secrets,
                    warnings: &out,
                };
                inputs.end(site, output, &files, &built, memory, &held);
            }
        }
    }
    report.ok = !out.has_errors();
    report.diagnostics = loaded.inventory.without_consequences(out).into_sorted(&loaded.sources);
    if !report.ok {
        // What was asked in vain may be what has to change.
        let asked = loaded.secrets.asked();
        let files: Vec<PathBuf> =
            asked.iter().flat_map(|source| keyed::files(source, &site.repository)).collect();
        memory.watched.add(files.iter().map(PathBuf::as_path));
    }
    memory.secrets = loaded.secrets;
    memory.keep_plugins(Plugins { files, set: loaded.plugins, templates }, clean);
    report.sources = memory.give_sources(loaded.sources, &report.diagnostics);
    report
}

/// Tells what was committed; nothing if that failed. What a check would commit goes nowhere.
fn finish(
    done: Result<(output::Report, Committed), Diagnostics>,
    action: &Action,
    report: &mut Report,
    out: &mut Diagnostics,
) -> Option<Committed> {
    let (done, held) = done.map_err(|problems| out.append(problems)).ok()?;
    if matches!(action, Action::Check) {
        out.append(done.warnings);
        return None;
    }
    out.append(report.take(done));
    Some(held)
}

impl Report {
    /// Takes over what a commit did; returns its warnings.
    fn take(&mut self, done: output::Report) -> Diagnostics {
        self.committed = true;
        self.written = done.written.iter().map(ToString::to_string).collect();
        self.removed = done.removed.iter().map(ToString::to_string).collect();
        self.unchanged = done.unchanged;
        let devices = done.changed_owners.iter().filter_map(|owner| match owner {
            Owner::Device(id) => Some(id.clone()),
            _ => None,
        });
        self.changed = devices.collect();
        // Said when such files were made, not at every build.
        if !self.written.is_empty() {
            self.notes.extend(done.readers);
        }
        done.warnings
    }
}

/// `plugin_root` and `shared_files` name plugins: a slip there would be silently without effect.
fn check_options(site: &Site, loaded: &Loaded, out: &mut Diagnostics) {
    let ids: Vec<&str> = loaded.plugins.iter().map(|plugin| plugin.id()).collect();
    let roots = site.render.plugin_root.keys().map(|id| ("plugin_root", id));
    let shared = site.render.shared_files.values().map(|id| ("shared_files", id));
    for (setting, id) in roots.chain(shared) {
        if !ids.contains(&id.as_str()) {
            let help = crate::diagnostic::nearest(id, ids.iter().copied());
            let message = format!("`{setting}` names the plugin `{id}`, which does not exist");
            let found = Diagnostic::error(render::codes::BAD_SETTING, message);
            out.push(found.maybe_help(help.map(|id| format!("did you mean `{id}`?"))));
        }
    }
}

/// Extra parameters stand under the name of a family, in any layer.
fn check_extra(inventory: &Inventory, families: &BTreeSet<&str>, out: &mut Diagnostics) {
    for profile in inventory.profiles.values() {
        render::check_families(&profile.value, families, out);
    }
    for entry in &inventory.devices {
        render::check_families(&entry.layer.only(|name| name == "extra"), families, out);
    }
}

struct Work<'a> {
    resolver: &'a Resolver<'a>,
    choices: &'a Choices,
    renderer: &'a Renderer<'a>,
    transaction: &'a Transaction,
    /// Caches that no thread uses at the moment: there are as many as threads.
    caches: Mutex<Vec<Cache>>,
    /// Whose devices are worked on, if not all.
    shard: Option<Shard>,
    progress: &'a Progress,
}

impl Work<'_> {
    /// Resolves, renders and stages all devices, on all threads. Once something is wrong and nothing will
    /// be committed, files are still made, for their mistakes, but no longer staged.
    fn devices(&self, entries: &[Entry], stop: &AtomicBool, keep_going: bool) -> Collected {
        let runs = entries.par_chunks(RUN).map(|entries| {
            let (mut collected, mut own) = (Collected::default(), 0);
            let idle = self.caches.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut cache = idle.unwrap_or_default();
            for entry in entries {
                let id = entry.id.to_string();
                if self.shard.is_some_and(|shard| !shard.holds(&id)) {
                    continue;
                }
                own += 1;
                let owner = Owner::Device(id);
                let staged = !stop.load(Ordering::Relaxed);
                if self.device(entry, &owner, staged, &mut cache, &mut collected).is_none() {
                    collected.failed.insert(owner);
                    stop.fetch_or(!keep_going, Ordering::Relaxed);
                }
            }
            self.progress.add(own);
            cache.trim();
            self.caches.lock().unwrap_or_else(PoisonError::into_inner).push(cache);
            collected
        });
        runs.reduce(Collected::default, Collected::join)
    }

    fn device(
        &self,
        entry: &Entry,
        owner: &Owner,
        stage: bool,
        cache: &mut Cache,
        collected: &mut Collected,
    ) -> Option<()> {
        let device = self.resolver.device(entry, &mut collected.diagnostics);
        let choice = self.choices.of(&device, &mut collected.diagnostics)?;
        if let Owner::Device(id) = owner {
            let key = summary::key(summary::EntryKind::Device, id);
            collected.note(&choice.plugin, &choice.model().name, key);
        }
        let out = &mut collected.diagnostics;
        let artifacts = self.renderer.device(&device, choice, cache, out)?;
        for artifact in artifacts {
            let path = OutPath::new(&artifact.path).map_err(|problem| {
                let found = bad_path(&artifact.path, &problem);
                out.push(found.at(device.span).device(device.id.to_string()));
            });
            let artifact = Artifact {
                path: path.ok()?,
                content: Content::Bytes(artifact.bytes),
                sensitive: artifact.sensitive,
                owner: owner.clone(),
            };
            if stage {
                collected
                    .staged
                    .push(self.transaction.stage(&artifact).map_err(|fault| out.push(*fault)).ok()?);
            }
        }
        Some(())
    }

    /// Renders and stages what belongs to no device.
    fn shared(&self, all: &mut Collected, out: &mut Diagnostics) {
        let (settings, sip, site) = self.resolver.base();
        let (artifacts, whole) = self.renderer.shared(&all.used, (&settings, &sip, &site), out);
        if !whole {
            // Which files are missing is not known: those of all plugins stay.
            all.failed.extend(all.used.plugins().map(|plugin| Owner::Plugin(plugin.id().to_owned())));
        }
        for shared in artifacts {
            let owner = Owner::Plugin(shared.plugin);
            let path = match OutPath::new(&shared.artifact.path) {
                Ok(path) => path,
                Err(problem) => {
                    out.push(bad_path(&shared.artifact.path, &problem));
                    all.failed.insert(owner);
                    continue;
                }
            };
            let artifact = Artifact {
                path,
                content: Content::Bytes(shared.artifact.bytes),
                sensitive: shared.artifact.sensitive,
                owner,
            };
            match self.transaction.stage(&artifact) {
                Ok(staged) => all.staged.push(staged),
                Err(fault) => out.push(*fault),
            }
        }
    }
}

fn bad_path(path: &str, problem: &output::PathError) -> Diagnostic {
    Diagnostic::error(render::codes::BAD_PATH, format!("the path `{path}` {problem}"))
        .help("mend the `path:` of the file in the plugin, or the value that it is made of")
}
