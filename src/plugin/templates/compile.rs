//! Compiling the templates of one plugin: which belong together, whether the names in them exist, one
//! engine for each format. All mistakes are looked for, also where the engine would stop at the first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tera::Tera;

use super::load::Read;
use super::{Expression, Places, Shapes, Templates};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plugin::codes::{MISSING_TEMPLATE, TEMPLATE_NAME};
use crate::plugin::filters;
use crate::plugin::format::Format;
use crate::plugin::manifest::{FileKind, near};
use crate::plugin::names::reads::{Reads, reads};
use crate::plugin::names::{self, NameProblem, Shape};
use crate::plugin::set::{PLUGIN_LAYER, Plugin};

use super::engine::Engine;
use super::error::span_of;

/// The shapes that a template of one kind of file sees.
type Roots<'s> = BTreeMap<&'s str, Shape>;

/// One plugin while its templates are compiled.
pub(super) struct Compiling<'p> {
    plugin: &'p Arc<Plugin>,
    read: Read,
    /// What is tried before a name that is not there, in order: `v2_8_1/`, `common/`.
    prefixes: Vec<String>,
    /// What each template includes and extends.
    uses: BTreeMap<String, BTreeSet<String>>,
    /// Whether it is known that there is no mistake, and only files are wanted.
    proven: bool,
}

impl<'p> Compiling<'p> {
    pub fn new(plugin: &'p Arc<Plugin>, read: Read, proven: bool) -> Self {
        let layers = plugin.layers.iter().map(|layer| layer.name.as_str());
        // A template's second name comes last, so that its components count less than all others.
        let prefixes = layers.chain([PLUGIN_LAYER]).map(|name| format!("{name}/")).collect();
        let files = read.places.iter().filter(|(name, _)| is_file(name));
        let uses = files.map(|(name, (text, _))| (name.clone(), names::uses(text).templates)).collect();
        Self { plugin, read, prefixes, uses, proven }
    }

    /// Compiles everything; `None` where there is any mistake.
    pub fn run(self, shapes: &Shapes, out: &mut Diagnostics) -> Option<Templates> {
        let mut problems: Vec<Diagnostic> = Vec::new();
        self.missing(&mut problems);
        let reached: BTreeMap<FileKind, BTreeSet<&str>> =
            KINDS.into_iter().map(|kind| (kind, self.reached(|file| file == kind, |_| true))).collect();
        // What no file reaches defines components, or is a layer's file that a version replaced.
        let loose: BTreeSet<&str> =
            self.files().filter(|name| reached.values().all(|set| !set.contains(name))).collect();
        if !self.proven {
            for kind in KINDS {
                let names = reached.get(&kind).cloned().unwrap_or_default();
                self.check_names(kind, &names, shapes, &mut problems);
            }
            self.check_loose(&loose, shapes, &mut problems);
            self.check_dhcp(shapes, &mut problems);
        }

        let formats: BTreeSet<Format> =
            self.plugin.manifest.files.all().map(|(_, _, file)| file.format).collect();
        let mut engines = BTreeMap::new();
        for format in formats {
            let mut names = self.reached(|_| true, |other| other == format);
            // With what they build on, which files of another format may be made of.
            names.extend(self.closure(loose.iter().copied().collect()));
            engines.extend(self.engine(format, &names, &mut problems).map(|e| (format, e)));
        }
        let values: BTreeSet<&str> = self.values().collect();
        // A path or an option is text: written as it is, control characters refused.
        let expressions = self.engine(Format::Text, &values, &mut problems);
        let complete = self.read.complete && problems.is_empty();
        for problem in problems {
            out.push(problem);
        }
        let files = self.plugin.manifest.files.all();
        let wants = |engine: &Tera, name: &str| {
            engine.get_template_variables(name).is_ok_and(|names| names.contains(SERIAL))
        };
        let serials: BTreeSet<(FileKind, usize)> = files
            .filter(|(_, _, file)| engines.get(&file.format).is_some_and(|e| wants(e, &file.template.value)))
            .map(|(kind, index, _)| (kind, index))
            .collect();
        let reads = match self.proven || serials.iter().any(|(kind, _)| *kind == FileKind::Device) {
            // Every character of such a file shows in its digits.
            true => Reads::EVERYTHING,
            false => self.reads(reached.get(&FileKind::Device), &loose, shapes),
        };
        let templates = Templates {
            serials,
            reads: Arc::new(reads),
            plugin: self.plugin.clone(),
            engines,
            expressions: expressions?,
            places: self.read.places,
        };
        complete.then_some(templates)
    }

    /// What the files of a device do with the device's own texts.
    fn reads(&self, reached: Option<&BTreeSet<&str>>, loose: &BTreeSet<&str>, shapes: &Shapes) -> Reads {
        let files = self.plugin.manifest.files.of(FileKind::Device);
        // What is loose may define components, and may use others of its kind.
        let mut names = self.closure(loose.iter().copied().collect());
        names.extend(reached.into_iter().flatten());
        let values = (0..files.len()).flat_map(|index| {
            [Expression::Path(FileKind::Device, index), Expression::When(FileKind::Device, index)]
        });
        let values: Vec<String> = values.map(Expression::name).collect();
        let names = names.into_iter().chain(values.iter().map(String::as_str));
        let sources = names.filter_map(|name| Some(&*self.read.places.get(name)?.0));
        let items = files.iter().filter_map(|file| Some(file.for_each.as_ref()?.value.as_str()));
        let roots = shapes.device.keys().copied().chain(["tables", "item"]).collect();
        reads(sources, items, &roots, files.iter().all(|file| file.format.joins()))
    }

    fn engine(&self, format: Format, names: &BTreeSet<&str>, problems: &mut Vec<Diagnostic>) -> Option<Tera> {
        let mut tera = Tera::default();
        filters::register(&mut tera, format, self.plugin.manifest.tables.clone());
        // Fails only once templates are in.
        tera.set_fallback_prefixes(self.prefixes.clone()).ok()?;
        let known: Vec<&str> = self.read.names.iter().map(String::as_str).collect();
        Engine::new(tera, &self.read.places, names, &known, problems).compile()
    }

    /// The names of template files.
    fn files(&self) -> impl Iterator<Item = &str> {
        self.read.places.keys().map(String::as_str).filter(|name| is_file(name))
    }

    /// The names of templates that the manifest holds.
    fn values(&self) -> impl Iterator<Item = &str> {
        self.read.places.keys().map(String::as_str).filter(|name| !is_file(name))
    }

    /// The full name under which a template is found.
    fn resolve(&self, name: &str) -> Option<&str> {
        let places = &self.read.places;
        let prefixed = self.prefixes.iter().map(|prefix| format!("{prefix}{name}"));
        let mut candidates = std::iter::once(name.to_owned()).chain(prefixed);
        candidates.find_map(|name| places.get_key_value(&name)).map(|(name, _)| name.as_str())
    }

    /// Reports files whose template is in no layer.
    fn missing(&self, problems: &mut Vec<Diagnostic>) {
        for (_, _, file) in self.plugin.manifest.files.all() {
            let name = &file.template.value;
            if self.resolve(name).is_some() || !self.read.complete {
                continue;
            }
            let message = format!("no layer has the template `{name}`");
            let help = near(name, self.read.names.iter().map(String::as_str));
            let error = Diagnostic::error(MISSING_TEMPLATE, message).at(file.template.span);
            add(problems, error.maybe_help(help));
        }
    }

    /// The templates that files of some kinds and formats are made of.
    fn reached(&self, kinds: impl Fn(FileKind) -> bool, formats: impl Fn(Format) -> bool) -> BTreeSet<&str> {
        let files = self.plugin.manifest.files.all();
        let files = files.filter(|(kind, _, file)| kinds(*kind) && formats(file.format));
        self.closure(files.filter_map(|(_, _, file)| self.resolve(&file.template.value)).collect())
    }

    /// Some templates and all that they include and extend.
    fn closure<'s>(&'s self, mut left: Vec<&'s str>) -> BTreeSet<&'s str> {
        let mut reached = BTreeSet::new();
        while let Some(name) = left.pop() {
            if !reached.insert(name) {
                continue;
            }
            let used = self.uses.get(name).into_iter().flatten();
            left.extend(used.filter_map(|used| self.resolve(used)));
        }
        reached
    }

    /// Checks the names in the templates and expressions of one kind of file.
    fn check_names(
        &self,
        kind: FileKind,
        files: &BTreeSet<&str>,
        shapes: &Shapes,
        problems: &mut Vec<Diagnostic>,
    ) {
        let shape = match kind {
            FileKind::Device => &shapes.device,
            FileKind::Model => &shapes.model,
            FileKind::Common => &shapes.common,
        };
        let mut roots: Roots<'_> = shape.clone();
        roots.insert("tables", shape_of(&self.plugin.manifest.tables));
        let mut item: Option<Shape> = None;
        for (index, file) in self.plugin.manifest.files.of(kind).iter().enumerate() {
            let mut own = roots.clone();
            if let Some(path) = &file.for_each {
                let each = match names::shape_of_path(&path.value, &roots) {
                    Ok(Shape::List(each)) => (*each).clone(),
                    Ok(_) => Shape::Free,
                    Err(problem) => {
                        let error = Diagnostic::error(TEMPLATE_NAME, problem.to_string()).at(path.span);
                        add(problems, error.maybe_help(problem.help()));
                        Shape::Free
                    }
                };
                item = Some(match item {
                    Some(other) if other != each => Shape::Free,
                    _ => each.clone(),
                });
                own.insert("item", each);
            }
            for expression in [Expression::Path(kind, index), Expression::When(kind, index)] {
                self.check_value(expression, &own, problems);
            }
        }
        roots.extend(item.map(|shape| ("item", shape)));
        let texts: Vec<(&str, &str)> =
            files.iter().filter_map(|name| Some((*name, &*self.read.places.get(*name)?.0))).collect();
        let mut found = Vec::new();
        names::check_all(&texts, &roots, &mut found);
        self.report(found, problems);
    }

    /// Checks templates that no file is made of, by what files of a device see. Whether such a file would
    /// be written once or for each entry of a list, nobody knows: `item` may be anything.
    fn check_loose(&self, loose: &BTreeSet<&str>, shapes: &Shapes, problems: &mut Vec<Diagnostic>) {
        let mut roots: Roots<'_> = shapes.device.clone();
        roots.insert("tables", shape_of(&self.plugin.manifest.tables));
        roots.insert("item", Shape::Free);
        let texts: Vec<(&str, &str)> =
            self.files().filter_map(|name| Some((name, &*self.read.places.get(name)?.0))).collect();
        let mut found = Vec::new();
        names::check_all(&texts, &roots, &mut found);
        found.retain(|problem| loose.contains(problem.template.as_str()));
        self.report(found, problems);
    }

    fn check_dhcp(&self, shapes: &Shapes, problems: &mut Vec<Diagnostic>) {
        let mut roots: Roots<'_> = shapes.dhcp.clone();
        roots.insert("tables", shape_of(&self.plugin.manifest.tables));
        for (rule, dhcp) in self.plugin.manifest.dhcp.iter().enumerate() {
            for option in 0..dhcp.options.len() {
                self.check_value(Expression::Dhcp(rule, option), &roots, problems);
            }
        }
    }

    fn check_value(&self, expression: Expression, roots: &Roots<'_>, problems: &mut Vec<Diagnostic>) {
        let name = expression.name();
        let Some((text, _)) = self.read.places.get(&name) else { return };
        let mut found = Vec::new();
        names::check(&name, text, roots, &BTreeSet::new(), &mut found);
        self.report(found, problems);
    }

    fn report(&self, found: Vec<NameProblem>, problems: &mut Vec<Diagnostic>) {
        for problem in found {
            let mut error = Diagnostic::error(TEMPLATE_NAME, problem.to_string()).maybe_help(problem.help());
            if let Some((text, place)) = self.read.places.get(&problem.template) {
                error = error.at(span_of(text, place, problem.offset, problem.offset + problem.len));
            }
            add(problems, error);
        }
    }
}

/// Whether a template is a file, and not an expression of the manifest.
fn is_file(name: &str) -> bool {
    name.contains('/')
}

/// The name that a template asks for the digits of its own content by.
const SERIAL: &str = "serial";
const KINDS: [FileKind; 3] = [FileKind::Device, FileKind::Model, FileKind::Common];

/// Adds a diagnostic once: a template is looked at for every kind of file and format that it serves.
pub(super) fn add(problems: &mut Vec<Diagnostic>, diagnostic: Diagnostic) {
    if !problems.contains(&diagnostic) {
        problems.push(diagnostic);
    }
}

/// The shape of a manifest's own data.
fn shape_of(value: &tera::Value) -> Shape {
    if let Some(map) = value.as_map() {
        let entries = map.iter().filter_map(|(key, value)| Some((key.as_str()?.to_owned(), shape_of(value))));
        return Shape::map(entries);
    }
    match value.as_array() {
        // Entries may differ in shape, and nobody loops over them by name.
        Some(_) => Shape::list(Shape::Free),
        None if value.is_none() => Shape::Free,
        None => Shape::Leaf,
    }
}

/// Where the texts are, for the engine's reports.
pub(super) fn text_of<'p>(places: &'p Places, name: &str) -> &'p str {
    places.get(name).map(|(text, _)| &**text).unwrap_or_default()
}
