//! The files that a plugin writes, as its manifest lists them.

use super::reader::{self, Fields, Read, Spanned};
use super::value;
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::plugin::codes::{BAD_VALUE, UNSAFE_PATH};
use crate::plugin::format::{BlankLines, Encoding, Finish, Format, Newline, OnUnencodable};
use crate::yaml::Node;

/// The files of a plugin, by how often they are written.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// Once for every device.
    pub device: Vec<FileSpec>,
    /// Once for each model.
    pub model: Vec<FileSpec>,
    /// Once for the plugin, when a device uses it.
    pub common: Vec<FileSpec>,
}

/// The lists of [`Files`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// `files.device`
    Device,
    /// `files.model`
    Model,
    /// `files.common`
    Common,
}

impl FileKind {
    /// As the manifest names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Model => "model",
            Self::Common => "common",
        }
    }
}

/// One file to write.
#[derive(Clone, Debug)]
pub struct FileSpec {
    /// Its place in the manifest.
    pub span: Span,
    /// A template of the path below out/; one that renders empty means no file.
    pub path: Spanned<String>,
    /// The template of the content, by name.
    pub template: Spanned<String>,
    /// What escapes and checks the content.
    pub format: Format,
    /// Whether it holds secrets and must not be readable to all.
    pub sensitive: bool,
    /// An expression; the file is written where it is true.
    pub when: Option<Spanned<String>>,
    /// A dotted path to a list; the file is written for each of its entries, which is `item`.
    pub for_each: Option<Spanned<String>>,
    /// Values for this file alone, laid over `vars`.
    pub vars: tera::Value,
    /// How the finished text becomes bytes.
    pub finish: Finish,
    /// For files of a model: which models.
    pub models: ModelsOf,
}

/// For which models a file of `files.model` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ModelsOf {
    /// Those that a device has.
    #[default]
    Used,
    /// All the plugin knows: phones that are new ask for them.
    All,
}

const MODELS_OF: &[(&str, ModelsOf)] = &[("used", ModelsOf::Used), ("all", ModelsOf::All)];

const NEWLINES: &[(&str, Newline)] = &[("lf", Newline::Lf), ("crlf", Newline::Crlf)];
const BLANK_LINES: &[(&str, BlankLines)] = &[("drop", BlankLines::Drop), ("keep", BlankLines::Keep)];
const ON_UNENCODABLE: &[(&str, OnUnencodable)] =
    &[("replace", OnUnencodable::Replace), ("error", OnUnencodable::Error)];

impl Files {
    /// Reads the section.
    pub(super) fn read(node: &Node<'_>, out: &mut Diagnostics) -> Self {
        let Some(mut fields) = Fields::of(node, "`files`", out) else { return Self::default() };
        let mut files = |kind: FileKind, out: &mut Diagnostics| {
            let list = fields.list(kind.as_str(), out);
            list.iter().filter_map(|node| FileSpec::read(node, kind, out)).collect()
        };
        let device = files(FileKind::Device, out);
        let model = files(FileKind::Model, out);
        let common = files(FileKind::Common, out);
        fields.finish(out);
        Self { device, model, common }
    }

    /// The files of one kind.
    pub fn of(&self, kind: FileKind) -> &[FileSpec] {
        match kind {
            FileKind::Device => &self.device,
            FileKind::Model => &self.model,
            FileKind::Common => &self.common,
        }
    }

    /// All files with their kind and their number in its list.
    pub fn all(&self) -> impl Iterator<Item = (FileKind, usize, &FileSpec)> {
        let kinds = [FileKind::Device, FileKind::Model, FileKind::Common];
        kinds.into_iter().flat_map(|kind| self.of(kind).iter().enumerate().map(move |(i, f)| (kind, i, f)))
    }
}

impl FileSpec {
    fn read(node: &Node<'_>, kind: FileKind, out: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::of(node, &format!("a file of `files.{}`", kind.as_str()), out)?;
        let path = fields.required_text("path", out);
        let template = fields.required_text("template", out);
        let formats: Vec<_> = Format::ALL.iter().map(|format| (format.name(), *format)).collect();
        let format = fields.required("format", out).and_then(|n| reader::word(n, "format", &formats, out));
        let sensitive = fields.flag("sensitive", out);
        let when = fields.text("when", out);
        let for_each = fields.text("for_each", out);
        let vars = fields.get("vars").map_or_else(|| value::map([]), value::free);
        let finish = finish(&mut fields, format.unwrap_or(Format::Text), out);
        // Only files of a model are written for some models and not for others.
        let models = match kind {
            FileKind::Model => fields.word("models", MODELS_OF, out),
            FileKind::Device | FileKind::Common => None,
        };
        fields.finish(out);
        if let Some(path) = &path {
            safe_path(path, "path", out);
        }
        if let Some(template) = &template {
            safe_path(template, "template", out);
        }
        Some(Self {
            span: node.span,
            path: path?,
            template: template?,
            format: format?,
            sensitive,
            when,
            for_each,
            vars,
            finish,
            models: models.unwrap_or_default(),
        })
    }
}

fn finish(fields: &mut Fields<'_, '_>, format: Format, out: &mut Diagnostics) -> Finish {
    let mut finish = Finish::default_of(format);
    if let Some(name) = fields.text("encoding", out) {
        match Encoding::from_name(&name.value) {
            Some(encoding) => finish.encoding = encoding,
            None => {
                let message = format!("no encoding is called `{}`", name.value);
                let help = "write utf-8, iso-8859-1, ascii or another of the WHATWG names but utf-16";
                out.push(Diagnostic::error(BAD_VALUE, message).at(name.span).help(help));
            }
        }
    }
    finish.newline = fields.word("newline", NEWLINES, out).unwrap_or(finish.newline);
    finish.blank_lines = fields.word("blank_lines", BLANK_LINES, out).unwrap_or(finish.blank_lines);
    finish.on_unencodable =
        fields.word("on_unencodable", ON_UNENCODABLE, out).unwrap_or(finish.on_unencodable);
    finish
}

/// Refuses a name that would leave its directory as it stands. What templates put into a path is seen to
/// where files are written.
pub(super) fn safe_path(path: &Spanned<String>, what: &str, out: &mut Diagnostics) {
    let text = &path.value;
    let leaves =
        text.starts_with('/') || text.contains(['\\', '\0']) || text.split('/').any(|part| part == "..");
    if leaves {
        let message = format!("`{what}` leaves its directory: `{text}`");
        let help = "write a path below the directory, without `..`, a leading `/` or `\\`";
        out.push(Diagnostic::error(UNSAFE_PATH, message).at(path.span).help(help));
    }
}
