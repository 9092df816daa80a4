//! The templates of a plugin, compiled: one engine for each format, because an engine has one escaping.
//!
//! A template has the name `layer/name` and is found by `name` alone in the strongest layer that has it, so
//! that `{% extends "common/device.cfg.tera" %}` in a version's `device.cfg.tera` builds on the layer's file
//! of the same name. An override reaches what it lies over, whichever layer that is, as `plugin/name`. Paths,
//! `when` and DHCP option values are small templates of their own (`device[0].path`), with an engine that
//! writes values as they are.

mod compile;
mod engine;
mod error;
mod load;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

use tera::{Context, Tera};

pub use error::TemplateError;
pub use load::Loader;

use super::format::Format;
use super::manifest::{FileKind, FileSpec};
use super::names::Shape;
use super::names::reads::Reads;
use super::set::Plugin;
use crate::diagnostic::{FileId, Span};

/// The largest file a template may write, in bytes: templates have no other bound on what they do.
pub const MAX_OUTPUT: usize = 16 * 1024 * 1024;

/// Room for a file to begin with: most fit in, none is hurt by it.
const USUAL_OUTPUT: usize = 8 * 1024;

/// Which names the context of each kind of file has; `tables` and `item` are added here, from the manifest.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    /// Files of a device.
    pub device: BTreeMap<&'static str, Shape>,
    /// Files of a model.
    pub model: BTreeMap<&'static str, Shape>,
    /// Files of the plugin.
    pub common: BTreeMap<&'static str, Shape>,
    /// Values of DHCP options.
    pub dhcp: BTreeMap<&'static str, Shape>,
}

/// The compiled templates of one plugin.
#[derive(Clone)]
pub struct Templates {
    plugin: Arc<Plugin>,
    engines: BTreeMap<Format, Tera>,
    expressions: Tera,
    places: Places,
    /// The files that show their `serial`.
    serials: BTreeSet<(FileKind, usize)>,
    reads: Arc<Reads>,
}

/// Where the text of a template stands.
#[derive(Clone, Debug)]
enum Place {
    /// It is a file.
    File(FileId),
    /// It is a value in a manifest, behind a prefix of our own.
    Value { span: Span, prefix: usize, text: String },
}

/// Templates with their text and place, by the names that engines know them by.
type Places = BTreeMap<String, (Arc<str>, Place)>;

/// The names of the templates that a manifest holds itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expression {
    Path(FileKind, usize),
    When(FileKind, usize),
    Dhcp(usize, usize),
}

impl Expression {
    fn name(self) -> String {
        match self {
            Self::Path(kind, index) => format!("{}[{index}].path", kind.as_str()),
            Self::When(kind, index) => format!("{}[{index}].when", kind.as_str()),
            Self::Dhcp(rule, option) => format!("dhcp[{rule}].options[{option}]"),
        }
    }
}

impl Templates {
    /// The plugin whose templates these are.
    pub fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// Renders the content of a file of the manifest, before it is finished.
    ///
    /// # Errors
    /// What the engine says, at its place in the template.
    pub fn render(&self, kind: FileKind, index: usize, context: &Context) -> Result<String, TemplateError> {
        let file = self.file(kind, index)?;
        let engine = self.engines.get(&file.format).ok_or_else(|| missing(kind, index))?;
        self.run(engine, &file.template.value, context, file.template.span)
    }

    /// Whether a file shows digits of its own content (`serial`), here or in what it includes.
    pub fn wants_serial(&self, kind: FileKind, index: usize) -> bool {
        self.serials.contains(&(kind, index))
    }

    /// What the files of a device do with the device's own texts.
    pub fn reads(&self) -> &Arc<Reads> {
        &self.reads
    }

    /// Renders the path of a file, less blanks around it; empty where there is to be no file.
    ///
    /// # Errors
    /// As [`Templates::render`].
    pub fn path(&self, kind: FileKind, index: usize, context: &Context) -> Result<String, TemplateError> {
        let span = self.file(kind, index)?.path.span;
        let path = self.run(&self.expressions, &Expression::Path(kind, index).name(), context, span)?;
        Ok(path.trim().to_owned())
    }

    /// Whether a file is to be written; true without a `when`.
    ///
    /// # Errors
    /// As [`Templates::render`].
    pub fn when(&self, kind: FileKind, index: usize, context: &Context) -> Result<bool, TemplateError> {
        let Some(when) = &self.file(kind, index)?.when else { return Ok(true) };
        let name = Expression::When(kind, index).name();
        Ok(!self.run(&self.expressions, &name, context, when.span)?.is_empty())
    }

    /// The value of a DHCP option, by the places of rule and option in the manifest.
    ///
    /// # Errors
    /// As [`Templates::render`].
    pub fn dhcp_option(
        &self,
        rule: usize,
        option: usize,
        context: &Context,
    ) -> Result<String, TemplateError> {
        let found = self.plugin.manifest.dhcp.get(rule).and_then(|rule| rule.options.get(option));
        let (_, value) = found.ok_or_else(|| TemplateError::plain("there is no such DHCP option"))?;
        self.run(&self.expressions, &Expression::Dhcp(rule, option).name(), context, value.span)
    }

    fn file(&self, kind: FileKind, index: usize) -> Result<&FileSpec, TemplateError> {
        self.plugin.manifest.files.of(kind).get(index).ok_or_else(|| missing(kind, index))
    }

    fn run(&self, engine: &Tera, name: &str, context: &Context, at: Span) -> Result<String, TemplateError> {
        let mut output = Limited { bytes: Vec::with_capacity(USUAL_OUTPUT), full: false };
        // What an earlier failure on this thread left behind is not the cause of this one.
        super::format::take_escape_problem();
        match engine.render_to(name, context, &mut output) {
            // Templates and values are text; lossy only because the engine's interface is bytes.
            Ok(()) => Ok(String::from_utf8(output.bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())),
            Err(_) if output.full => {
                Err(TemplateError::at(format!("the file would be larger than {MAX_OUTPUT} bytes"), at))
            }
            Err(error) => Err(error::of_render(&error, &self.places, at)),
        }
    }
}

impl std::fmt::Debug for Templates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Templates").field("plugin", &self.plugin.id()).finish_non_exhaustive()
    }
}

fn missing(kind: FileKind, index: usize) -> TemplateError {
    TemplateError::plain(&format!("the plugin has no file {}[{index}]", kind.as_str()))
}

/// A buffer with a bound. The engine loses the message of a failed write, so the cause is kept here.
struct Limited {
    bytes: Vec<u8>,
    full: bool,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_OUTPUT {
            self.full = true;
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
