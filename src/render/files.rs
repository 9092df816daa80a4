//! Making the files of a device: path, condition, repetition, content, finish.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use sha1::{Digest, Sha1};
use tera::{Context, Value};

use super::cache::Cache;
use super::context::Maker;
use super::stencils::{self, Advice, FilePlan, Plan, Probe};
use super::{Options, capability, codes};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::schema::is_secret;
use crate::inventory::{Datum, Device, Map, Secrets};
use crate::plugin::format::finish;
use crate::plugin::format::holes::Allowed;
use crate::plugin::manifest::lay_over;
use crate::plugin::{Choice, FileKind, FileSpec, Plugin, TemplateError, Templates};

/// One finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its path below out/, as the plugin and the site say; whether it is a safe one is not checked here.
    pub path: String,
    /// Its bytes; empty where only paths were asked for.
    pub bytes: Vec<u8>,
    /// Whether it holds secrets.
    pub sensitive: bool,
}

/// What digits of the content stand in for while the content is rendered for the first time.
const SERIAL_HOLE: &str = "0";

/// Renders devices; many threads may use it at once, each with a [`Cache`] of its own.
pub struct Renderer<'a> {
    /// Where secrets come from.
    pub secrets: &'a Secrets,
    /// Templates by plugin id; a plugin whose templates have mistakes is not there.
    pub templates: &'a BTreeMap<String, Templates>,
    /// The site's settings.
    pub options: &'a Options,
}

impl Renderer<'_> {
    /// All files of a device. `None` after a mistake, which is in `out`, if the templates of its plugin have
    /// mistakes, which were reported with them, or if the device is broken; then too what its model cannot
    /// do is found.
    pub fn device(
        &self,
        device: &Device,
        choice: &Choice,
        cache: &mut Cache,
        out: &mut Diagnostics,
    ) -> Option<Vec<Artifact>> {
        let Some(probe) = self.probe(device, choice, cache) else {
            return self.make(device, choice, cache, out);
        };
        let reads = self.templates.get(choice.plugin.id())?.reads();
        match cache.stencils.advise(reads, &probe.outline) {
            Advice::Fill(plan) => plan.fill(&probe.values).or_else(|| self.make(device, choice, cache, out)),
            Advice::Render => self.make(device, choice, cache, out),
            Advice::Try => {
                let mut found = Diagnostics::default();
                let made = self.make(device, choice, cache, &mut found);
                let plan = made.as_ref().filter(|_| found.is_empty()).and_then(|made| {
                    let plan = self.plan(device, choice, cache, &probe)?;
                    (plan.fill(&probe.values).as_ref() == Some(made)).then_some(plan)
                });
                cache.stencils.tried(reads, probe.outline, plan);
                out.append(found);
                made
            }
        }
    }

    /// The device taken apart, if its files may be those of others.
    fn probe<'d>(&self, device: &'d Device, choice: &Choice, cache: &mut Cache) -> Option<Probe<'d>> {
        let reads = self.templates.get(choice.plugin.id())?.reads();
        if device.broken || !cache.stencils.wanted(reads) {
            return None;
        }
        Probe::new(device, choice, reads, self.secrets, &mut cache.stencils.interned)
    }

    /// The files of a device with holes in place of its texts; `None` if anything is wrong with them.
    fn plan(&self, device: &Device, choice: &Choice, cache: &mut Cache, probe: &Probe<'_>) -> Option<Plan> {
        let (blank, id) = stencils::blank(device, &probe.holes);
        let files = RefCell::default();
        let mut found = Diagnostics::default();
        let _allowed = Allowed::here();
        self.render(&blank, id.as_deref(), choice, cache, &mut found, Content::Stencils(&files))?;
        found.is_empty().then(|| Plan::new(files.into_inner()))
    }

    /// The paths of the files that a device would get.
    pub fn paths(&self, device: &Device, choice: &Choice, cache: &mut Cache) -> Vec<String> {
        let out = &mut Diagnostics::default();
        let made = self.render(device, None, choice, cache, out, Content::None);
        made.unwrap_or_default().into_iter().map(|artifact| artifact.path).collect()
    }

    /// Renders a device as if it were the only one.
    pub(super) fn make(
        &self,
        device: &Device,
        choice: &Choice,
        cache: &mut Cache,
        out: &mut Diagnostics,
    ) -> Option<Vec<Artifact>> {
        self.render(device, None, choice, cache, out, Content::Bytes)
    }

    /// Renders a device, whose id templates see as `id` if that is given.
    fn render(
        &self,
        device: &Device,
        id: Option<&str>,
        choice: &Choice,
        cache: &mut Cache,
        out: &mut Diagnostics,
        content: Content<'_>,
    ) -> Option<Vec<Artifact>> {
        let mut found = Diagnostics::default();
        let plugin = &choice.plugin;
        capability::check(device, choice, self.options, &mut found);
        super::features::check(device, choice, &mut found);
        super::extra::check(&device.settings, plugin, &mut found);
        let mut maker =
            Maker { secrets: self.secrets, options: self.options, plugin, cache, out: &mut found };
        let mut context = maker.device(device, choice);
        if let Some(id) = id {
            super::context::rename(&mut context, id);
        }
        let mut artifacts = None;
        // A template would stumble over what is missing, and a person over what it says of that.
        let sound = !device.broken && !found.has_errors();
        if sound && let Some(templates) = self.templates.get(plugin.id()) {
            let mask = || self.hidden(device);
            let job = Job { templates, plugin, options: self.options, content, mask: &mask };
            artifacts = job.files(FileKind::Device, &mut context, &mut found);
        }
        let failed = found.has_errors();
        let id = device.id.to_string();
        out.append(found.map(|d| d.device(id.clone())));
        artifacts.filter(|_| !failed && !device.broken)
    }

    /// Every text that no message may quote: fetched secrets and the passwords of this device.
    fn hidden(&self, device: &Device) -> Vec<Arc<str>> {
        let lines = device.lines.iter().map(|line| &*line.values);
        hidden(self.secrets, std::iter::once(&*device.settings).chain(lines))
    }
}

/// Every text that no message may quote: fetched secrets and the passwords of some settings.
pub(super) fn hidden<'m>(secrets: &Secrets, settings: impl IntoIterator<Item = &'m Map>) -> Vec<Arc<str>> {
    let mut hidden = secrets.texts();
    settings.into_iter().for_each(|map| passwords(map, &mut hidden));
    // A long one may hold a short one.
    hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
    hidden
}

fn passwords(map: &Map, hidden: &mut Vec<Arc<str>>) {
    for (name, item) in map.iter() {
        match &item.datum {
            Datum::Map(map) => passwords(map, hidden),
            Datum::Text(text) if is_secret(name) => hidden.push(Arc::clone(text)),
            _ => {}
        }
    }
}

/// What is wanted of files beside their paths.
#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    /// Nothing.
    None,
    /// Their bytes.
    Bytes,
    /// Stencils of paths and contents, instead of artifacts.
    Stencils(&'a RefCell<Vec<FilePlan>>),
}

/// The files of one kind, for one device or for all.
pub(super) struct Job<'a> {
    pub templates: &'a Templates,
    pub plugin: &'a Plugin,
    pub options: &'a Options,
    pub content: Content<'a>,
    pub mask: &'a dyn Fn() -> Vec<Arc<str>>,
}

impl Job<'_> {
    /// Renders all files of a kind with one context. `None` after a mistake.
    pub fn files(
        &self,
        kind: FileKind,
        context: &mut Context,
        out: &mut Diagnostics,
    ) -> Option<Vec<Artifact>> {
        let mut artifacts = Vec::new();
        let mut fine = true;
        for (index, spec) in self.plugin.manifest.files.of(kind).iter().enumerate() {
            fine &= self.file(kind, index, spec, context, &mut artifacts, out).is_some();
        }
        fine.then_some(artifacts)
    }

    /// Renders one file of the manifest: none, one, or one for each entry of a list.
    pub fn file(
        &self,
        kind: FileKind,
        index: usize,
        spec: &FileSpec,
        context: &mut Context,
        artifacts: &mut Vec<Artifact>,
        out: &mut Diagnostics,
    ) -> Option<()> {
        let vars = context.get("vars").cloned().unwrap_or_else(Value::none);
        let own_vars = spec.vars.as_map().is_some_and(|own| !own.is_empty());
        if own_vars {
            context.insert_value("vars", lay_over(&vars, &spec.vars));
        }
        let mut each = |context: &mut Context| {
            let made = self.one(kind, index, spec, context);
            let made = made.map_err(|problem| out.push(*problem)).ok()?;
            artifacts.extend(made);
            Some(())
        };
        let made = match &spec.for_each {
            None => each(context),
            Some(path) => {
                let items = entries(context, &path.value);
                // All of them, also after a mistake: each may have its own.
                let mut made = Some(());
                for item in items {
                    context.insert_value("item", item);
                    made = each(context).and(made);
                }
                context.remove("item");
                made
            }
        };
        if own_vars {
            context.insert_value("vars", vars);
        }
        made
    }

    fn one(
        &self,
        kind: FileKind,
        index: usize,
        spec: &FileSpec,
        context: &mut Context,
    ) -> Result<Option<Artifact>, Box<Diagnostic>> {
        let templates = self.templates;
        if !templates.when(kind, index, context).map_err(|error| self.failed(error))? {
            return Ok(None);
        }
        let path = templates.path(kind, index, context).map_err(|error| self.failed(error))?;
        if path.trim().is_empty() {
            return Ok(None);
        }
        let root = self.options.plugin_root.get(self.plugin.id());
        let bytes = match self.content {
            Content::None => Vec::new(),
            Content::Bytes => self.bytes(kind, index, spec, context, &below(root, &path))?,
            Content::Stencils(plans) => {
                let text = templates.render(kind, index, context).map_err(|error| self.failed(error))?;
                let plan = FilePlan::new(spec, root, &path, text);
                // Nobody sees it: the device is rendered as it is as well.
                let refused = || Diagnostic::error(codes::MALFORMED, "this file is no stencil");
                let plan = plan.ok_or_else(|| Box::new(refused()))?;
                plans.borrow_mut().push(plan);
                return Ok(None);
            }
        };
        Ok(Some(Artifact { path: below(root, &path), bytes, sensitive: spec.sensitive }))
    }

    fn bytes(
        &self,
        kind: FileKind,
        index: usize,
        spec: &FileSpec,
        context: &mut Context,
        path: &str,
    ) -> Result<Vec<u8>, Box<Diagnostic>> {
        let render = |context: &Context| {
            self.templates.render(kind, index, context).map_err(|error| self.failed(error))
        };
        // Templates may cut or pad the serial, so the hole cannot be found again in the text: the file is
        // rendered a second time. Only the few that want a serial pay for it.
        let text = if self.templates.wants_serial(kind, index) {
            context.insert_value("serial", Value::from(SERIAL_HOLE));
            let first = render(context)?;
            context.insert_value("serial", Value::from(serial(&first)));
            render(context)?
        } else {
            render(context)?
        };
        finish(spec.format, text, &spec.finish).map_err(|problem| {
            let (code, message, help) = if problem.unencodable {
                (
                    codes::UNENCODABLE,
                    problem.message,
                    "change the text, or write `on_unencodable: replace` at the file",
                )
            } else {
                let message =
                    format!("the rendered file is not valid {}: {}", spec.format.name(), problem.message);
                (codes::MALFORMED, message, "mend the template; the line is that of the rendered file")
            };
            let found = Diagnostic::error(code, message).at(spec.template.span).help(help);
            Box::new(found.note(format!("{path}, line {}, column {}", problem.line, problem.column)))
        })
    }

    fn failed(&self, error: TemplateError) -> Box<Diagnostic> {
        let hidden = (self.mask)();
        let hidden: Vec<&str> = hidden.iter().map(|text| &**text).collect();
        Box::new(error.masked(&hidden).diagnostic())
    }
}

/// Decimal digits that change with the text: 20 of them, for the template to cut to what the phone takes.
fn serial(text: &str) -> String {
    let digest = Sha1::digest(text.as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    format!("{number:020}")
}

/// A path of a plugin that may have a directory of its own.
pub(super) fn below(root: Option<&String>, path: &str) -> String {
    root.map_or_else(|| path.to_owned(), |root| format!("{root}/{path}"))
}

fn entries(context: &Context, path: &str) -> Vec<Value> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = context.get(first);
    let value = rest.map_or(value, |rest| value.and_then(|value| value.get_from_path(rest)));
    value.and_then(Value::as_array).map(<[Value]>::to_vec).unwrap_or_default()
}
