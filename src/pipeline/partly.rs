//! The building of some devices: a small inventory of what these need, and the ordinary work on it.
//!
//! `None` anywhere means that everything is to be built instead. Until the commit nothing was changed that
//! the next attempt could miss, and after it nothing can fail any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use super::choose;
use super::difference::{Difference, numbers};
use super::foretell::note;
use super::incremental::{Delta, standing_warnings};
use super::index::{Index, Record, Sorts};
use super::index_file::{Change, OnDisk};
use super::index_part::Part;
use super::inputs::Input;
use super::keyed::SecretInput;
use super::memory::{Memory, Parsed, Plugins, static_files};
use super::reach::{Beyond, Reach, reach};
use super::remember::{known, plugin_inputs, secret_inputs, warned};
use super::state::{InventoryFile, Known, State};
use super::{Action, Choices, Loaded, Phase, Report, Site, Work, check_extra, finish, statics};
use crate::diagnostic::Diagnostics;
use crate::inventory::summary::{EntryKind, Summary, key};
use crate::inventory::{self, File, Found, Inventory, Resolver};
use crate::output::{Committed, Failed, Options, Owner, Scope, Staged, Transaction};
use crate::plugin::templates::Loader;
use crate::plugin::{Plugin, Templates};
use crate::render::{Renderer, Used};

/// So many devices are rendered in less time than it takes to find out what templates do with texts, by which
/// one file could be made of another ([`crate::render`]).
const FEW: usize = 32;

/// A build of some devices.
pub(super) struct Partly<'a> {
    pub site: &'a Site,
    pub action: &'a Action,
    pub output: &'a Options,
    /// What the last build left.
    pub state: State,
    pub delta: Delta,
    pub memory: &'a mut Memory,
}

/// What was made.
struct Made {
    staged: Vec<Staged>,
    owners: BTreeSet<Owner>,
    sorts: Sorts,
    /// What is known of all plugins from now on.
    known: Option<Known>,
    warnings: Diagnostics,
}

/// What everything is made with.
struct Tools<'t> {
    loaded: Loaded,
    templates: BTreeMap<String, Templates>,
    transaction: &'t Transaction,
    /// Owners of files in out/ that are not what they should be.
    wrong: BTreeSet<Owner>,
    /// Plugin and model of the devices, if only these plugins were loaded.
    foretold: Option<Sorts>,
}

impl Partly<'_> {
    /// Builds and commits. What comes back is to be kept under the lock that comes with it. `held` is the index,
    /// if it is known; afterwards it is, as far as it was needed.
    pub fn build(mut self, held: &mut Option<(Index, OnDisk)>) -> Option<(Report, State, Committed)> {
        let moment = self.delta.moment;
        let placing = self.memory.progress().placing();
        let output = Options { placing, ..self.output.clone() };
        // A look at all files asks for all of the manifest.
        let verify = matches!(self.action, Action::Build { verify: true, .. });
        let begin = if verify { Transaction::begin_with } else { Transaction::begin_some };
        let transaction = begin(&output, &self.memory.manifest).ok()?;
        // Another build may have come in between.
        if transaction.manifest_id() != Some(self.state.manifest) {
            return None;
        }
        let wrong = if verify { transaction.verify_standing().ok()? } else { BTreeSet::new() };
        let mut out = Diagnostics::default();
        let mut parsed = self.memory.parse(&self.delta.files, true, moment, &mut out);
        if !out.is_empty() || parsed.iter().any(|parsed| parsed.file.incomplete) {
            return None;
        }
        let numbers = self.numbers(&parsed);
        let (difference, reach) = self.reach(held, &summaries(&numbers, &parsed), &wrong)?;
        let (index, disk) = held.as_mut()?;
        // With most of the work to be done, doing all of it is simpler; and what removes the last device
        // needs more looking at.
        if reach.count == 0 || reach.devices.len() * 2 > reach.count {
            return None;
        }
        let files =
            numbers.iter().copied().zip(parsed.iter_mut().map(|p| std::mem::take(&mut p.file))).collect();
        let inventory = self.inventory(&reach, files)?;
        let foretold = self.foretold(index, &inventory, &reach).filter(|_| wrong.is_empty());
        let Plugins { files: plugin_files, set, templates } = match &foretold {
            Some(sorts) => self.load_some(sorts, &mut out),
            None => self.memory.load_plugins(self.site, moment, &mut out),
        };
        let loaded = Loaded {
            sources: std::mem::take(&mut self.memory.sources),
            inventory,
            plugins: set,
            secrets: std::mem::take(&mut self.memory.secrets),
        };
        let mut tools = Tools { loaded, templates, transaction: &transaction, wrong, foretold };
        let made = self.make(index, &reach, &mut tools, out);
        let Tools { loaded: Loaded { sources, plugins, secrets, .. }, templates, .. } = tools;
        let wanted = |key| reach.secrets.binary_search(&key).is_ok();
        let fetched = secret_inputs(self.site, &secrets, wanted, &self.state.key, moment);
        self.memory.sources = sources;
        self.memory.secrets = secrets;

        let done = made.filter(|_| self.were_known(&fetched)).and_then(|made| {
            let mut report = Report { devices: reach.count, ..Report::default() };
            let mut problems = made.warnings;
            let warned = warned(&problems);
            let scope = Scope::Only { owners: made.owners, failed: Failed::default() };
            self.memory.progress().begin(Phase::Writing, 0);
            let done = transaction.commit_and_hold(made.staged, &scope);
            let held = finish(done, self.action, &mut report, &mut problems)?;
            report.unchanged = held.owned().saturating_sub(report.written.len());
            let mut change = Change {
                files: difference.entries,
                gone: self.delta.gone.clone(),
                removed: reach.removed.clone(),
                sorts: made.sorts,
                warned: reach.devices.iter().map(|device| (*device, warned.contains(device))).collect(),
                ..Change::default()
            };
            index.make(&mut change)?;
            disk.note(&change);
            self.state.plugins = plugin_inputs(index, &plugins, &self.state.plugins);
            self.state.known = made.known;
            report.ok = true;
            report.diagnostics = problems.into_sorted(&self.memory.sources);
            Some((report, warned.len(), held))
        });
        if !self.delta.plugins.is_empty() {
            self.state.plugin_files.clone_from(&plugin_files);
        }
        self.memory.keep_plugins(Plugins { files: plugin_files, set: plugins, templates }, true);
        let (mut report, warned, held) = done?;
        let sources = std::mem::take(&mut self.memory.sources);
        report.sources = self.memory.give_sources(sources, &report.diagnostics);
        report.inputs_changed = Some(std::mem::take(&mut self.delta.paths));
        self.advance(index, &reach, &numbers, parsed, fetched, &held)?;
        report.notes.extend(standing_warnings(self.state.warned.saturating_sub(warned)));
        Some((report, self.state, held))
    }

    /// The numbers of files, new ones for new files.
    fn numbers(&mut self, parsed: &[Parsed]) -> Vec<u32> {
        let state = &mut self.state;
        let mut number = |parsed: &Parsed| match position(&state.files, parsed) {
            Ok(at) => state.files.get(at).map_or(0, |file| file.number),
            Err(_) => {
                state.next_number += 1;
                state.next_number - 1
            }
        };
        parsed.iter().map(&mut number).collect()
    }

    /// What is different, and whom it reaches; of the index as little is read as will do.
    fn reach(
        &self,
        held: &mut Option<(Index, OnDisk)>,
        files: &[(u32, &Summary)],
        wrong: &BTreeSet<Owner>,
    ) -> Option<(Difference, Reach)> {
        let numbers = numbers(files, &self.delta.gone);
        // For one build; whoever will make more of them has all in memory.
        if held.is_none() && !self.memory.lasting {
            let part = Part::open(self.output, self.state.index);
            if let Some((difference, found)) = part.and_then(|part| {
                let difference = Difference::new(files, &self.delta.gone, &part.listed(&numbers)?)?;
                let found = part.index(&difference)?;
                Some((difference, found))
            }) {
                match self.reach_in(&found.0, &difference, wrong) {
                    Err(Beyond::Index) => {}
                    found_out => {
                        *held = Some(found);
                        return Some((difference, found_out.ok()?));
                    }
                }
            }
        }
        if held.is_none() {
            *held = Index::load(self.output, self.state.index);
        }
        let (index, _) = held.as_ref()?;
        let difference = Difference::new(files, &self.delta.gone, &index.listed(&numbers))?;
        let reach = self.reach_in(index, &difference, wrong).ok()?;
        Some((difference, reach))
    }

    fn reach_in(
        &self,
        index: &Index,
        difference: &Difference,
        wrong: &BTreeSet<Owner>,
    ) -> Result<Reach, Beyond> {
        let of_device = |owner: &Owner| match owner {
            Owner::Device(id) => Some(key(EntryKind::Device, id)),
            _ => None,
        };
        let repair: BTreeSet<u64> = wrong.iter().filter_map(of_device).collect();
        let plugins = &self.delta.plugins;
        let also = |record: &Record| {
            repair.contains(&record.key) || index.sort_of(record).is_some_and(|(id, _)| plugins.contains(id))
        };
        let also =
            (!repair.is_empty() || !plugins.is_empty()).then_some(&also as &(dyn Fn(&Record) -> bool + Sync));
        reach(index, difference, &self.delta.secrets, also, self.state.devices)
    }

    /// The inventory that the reached devices need, and nothing else. `None` if a file is not what it was.
    fn inventory(&mut self, reach: &Reach, changed: BTreeMap<u32, File>) -> Option<Inventory> {
        let others = self.state.files.iter().filter(|file| reach.files.contains(&file.number));
        let others: Vec<&InventoryFile> = others.filter(|file| !changed.contains_key(&file.number)).collect();
        let found: Vec<Found> = others
            .iter()
            .map(|file| Found { path: file.input.path.clone(), root: file.root.clone() })
            .collect();
        let mut out = Diagnostics::default();
        let read = self.memory.parse(&found, true, self.delta.moment, &mut out);
        let as_known = |(was, is): (&&InventoryFile, &Parsed)| was.input.digest() == is.input.digest();
        if !out.is_empty() || !others.iter().zip(&read).all(as_known) {
            return None;
        }
        let files = read.into_iter().map(|parsed| parsed.file).chain(changed.into_values()).collect();
        let mut inventory = inventory::join(files, &mut out);
        let needed = |kind, name: &str| reach.needed.binary_search(&key(kind, name)).is_ok();
        inventory.profiles.retain(|name, _| needed(EntryKind::Profile, name));
        inventory.lines.retain(|name, _| needed(EntryKind::Line, name));
        inventory.layouts.retain(|name, _| needed(EntryKind::Layout, name));
        inventory.contacts.retain(|name, _| needed(EntryKind::Contacts, name));
        inventory.devices.retain(|entry| needed(EntryKind::Device, &entry.id.to_string()));
        out.is_empty().then_some(inventory)
    }

    /// Makes the files of the reached devices, and those that belong to no device as far as they may have
    /// changed.
    fn make(
        &self,
        index: &Index,
        reach: &Reach,
        tools: &mut Tools<'_>,
        mut out: Diagnostics,
    ) -> Option<Made> {
        let clean = out.is_empty();
        let (loaded, wrong) = (&mut tools.loaded, &tools.wrong);
        let resolver = Resolver::new(&loaded.inventory, &loaded.secrets);
        resolver.check_layers(&mut out);
        let devices = &loaded.inventory.devices;
        let choices = Choices::make(&resolver, devices, &loaded.plugins);
        let before = &self.state.known;
        let known = match &tools.foretold {
            Some(_) => before.clone(),
            None => clean.then(|| known(&loaded.plugins, &choices, before.clone())),
        };
        let families: BTreeSet<&str> = match &known {
            Some(known) => known.families.iter().map(String::as_str).collect(),
            None => loaded.plugins.iter().map(|plugin| plugin.family.as_str()).collect(),
        };
        check_extra(&loaded.inventory, &families, &mut out);

        let mut sorts = Sorts::new();
        for entry in devices {
            let (plugin, model) = choices.sort(&resolver.identity(entry))?;
            note(&mut sorts, plugin.id(), model, &entry.id.to_string());
        }
        if tools.foretold.as_ref().is_some_and(|foretold| *foretold != sorts) {
            return None;
        }
        // What belongs to no device depends on the plugins and models in use.
        let after = self.after(index, reach, &sorts);
        let shared = !self.delta.plugins.is_empty()
            || wrong.iter().any(|owner| matches!(owner, Owner::Plugin(_)))
            || !after.iter().eq(index.sorts_in_use());
        let mut used = Used::default();
        for (plugin, model) in after.iter().filter(|_| shared) {
            used.add(loaded.plugins.get(plugin)?, model);
        }
        let (templates, sources) = (&mut tools.templates, &mut loaded.sources);
        if self.memory.lasting || shared || devices.len() > FEW {
            choices.templates(templates, sources, &mut out);
        } else {
            let proven =
                |plugin: &&Arc<Plugin>| self.state.plugins.iter().any(|known| known.id == plugin.id());
            let (proven, new): (Vec<_>, Vec<_>) = choices.plugins().partition(proven);
            choose::templates(proven.into_iter(), Loader::of_proven(), templates, sources, &mut out);
            choose::templates(new.into_iter(), Loader::default(), templates, sources, &mut out);
        }
        if shared {
            choose::templates(used.plugins(), Loader::default(), templates, sources, &mut out);
        }

        let progress = Arc::clone(self.memory.progress());
        let renderer =
            Renderer { secrets: &loaded.secrets, templates: &tools.templates, options: &self.site.render };
        let work = Work {
            resolver: &resolver,
            choices: &choices,
            renderer: &renderer,
            transaction: tools.transaction,
            caches: Mutex::default(),
            shard: None,
            progress: &progress,
        };
        progress.begin(Phase::Rendering, devices.len());
        let mut all = work.devices(devices, &AtomicBool::new(false), false);
        out.append(std::mem::take(&mut all.diagnostics));
        let mut owners: BTreeSet<Owner> =
            devices.iter().map(|entry| Owner::Device(entry.id.to_string())).collect();
        owners.extend(reach.gone.iter().cloned().map(Owner::Device));
        if shared {
            let before = self.state.plugins.iter().map(|plugin| plugin.id.clone());
            owners
                .extend(before.chain(used.plugins().map(|plugin| plugin.id().to_owned())).map(Owner::Plugin));
            all.used = used;
            work.shared(&mut all, &mut out);
            statics::stage_plugins(self.site, tools.transaction, &all.used, &mut all.staged, &mut out);
        }
        if self.delta.statics || wrong.contains(&Owner::Static) {
            owners.insert(Owner::Static);
            statics::stage_site(self.site, tools.transaction, &mut all.staged, &mut out);
        }
        // Whatever else is wrong belongs to nobody that there still is.
        let all_known = wrong.iter().all(|owner| owners.contains(owner));
        let fine = all_known && !out.has_errors() && all.failed.is_empty();
        fine.then_some(Made { staged: all.staged, owners, sorts, known, warnings: out })
    }

    /// Whether the secrets that were fetched are those that other devices were made with. A command that
    /// ran for a device that changed may answer otherwise than it did; then others change too.
    fn were_known(&self, fetched: &[SecretInput]) -> bool {
        let known: BTreeMap<u64, &SecretInput> = self.state.secrets.iter().map(|s| (s.key(), s)).collect();
        fetched.iter().all(|now| {
            let foretold = self.delta.secrets.contains(&now.key());
            foretold || known.get(&now.key()).is_none_or(|was| was.agrees(now))
        })
    }

    /// Makes the state that of this build.
    fn advance(
        &mut self,
        index: &Index,
        reach: &Reach,
        numbers: &[u32],
        parsed: Vec<Parsed>,
        fetched: Vec<SecretInput>,
        held: &Committed,
    ) -> Option<()> {
        let (state, delta) = (&mut self.state, &self.delta);
        state.files.retain(|file| !delta.gone.contains(&file.number));
        for (number, parsed) in numbers.iter().zip(parsed) {
            let place = position(&state.files, &parsed);
            let file = InventoryFile { number: *number, root: parsed.found.root, input: parsed.input };
            match place {
                Ok(at) => *state.files.get_mut(at)? = file,
                Err(at) => state.files.insert(at, file),
            }
        }
        if delta.statics {
            let look = |path: &std::path::PathBuf| Input::look_only(path, delta.moment);
            state.statics = static_files(self.site).iter().map(look).collect();
        }
        // One that changed and was not fetched is not needed any more.
        let fetched_keys: BTreeSet<u64> = fetched.iter().map(SecretInput::key).collect();
        state.secrets.retain(|s| !fetched_keys.contains(&s.key()) && !delta.secrets.contains(&s.key()));
        state.secrets.extend(fetched);
        state.warned = index.warned();
        state.devices = reach.count;
        state.owned = held.owned();
        state.manifest = held.manifest_id()?;
        Some(())
    }
}

fn summaries<'p>(numbers: &[u32], parsed: &'p [Parsed]) -> Vec<(u32, &'p Summary)> {
    numbers.iter().copied().zip(parsed.iter().map(|parsed| &parsed.summary)).collect()
}

fn position(files: &[InventoryFile], parsed: &Parsed) -> Result<usize, usize> {
    files.binary_search_by(|file| file.input.path.cmp(&parsed.found.path))
}
