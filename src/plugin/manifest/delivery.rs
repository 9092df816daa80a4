//! What surrounds the files: how phones are sent to the server (`dhcp`), made to fetch again (`resync`),
//! and the firmware they load (`firmware_packages`). Read and checked with the rest of the manifest.

use std::collections::BTreeMap;

use super::files::safe_path;
use super::identify::regex;
use super::pattern::Pattern;
use super::reader::{self, Fields, Read, Spanned};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::plugin::codes::{BAD_VALUE, DUPLICATE, MISSING_FIELD};
use crate::yaml::Node;

/// Options for the DHCP requests of some phones.
#[derive(Clone, Debug)]
pub struct DhcpRule {
    /// Its place.
    pub span: Span,
    /// What the vendor class (option 60) begins with.
    pub vendor_class_prefix: Option<String>,
    /// Or an expression it matches.
    pub vendor_class: Option<Pattern>,
    /// Options by name or number; the values are templates that see `site`.
    pub options: Vec<(String, Spanned<String>)>,
}

/// The SIP NOTIFY that makes a phone fetch its files again.
#[derive(Clone, Debug, Default)]
pub struct Resync {
    /// The `Event` header that makes it read its configuration.
    pub event: Option<String>,
    /// The one that also makes it start again; `None` where there is none.
    pub reboot_event: Option<String>,
    /// `Content-Type` and body, for phones that read what to do there.
    pub content_type: Option<String>,
    /// The body beside `event`.
    pub body: Option<String>,
    /// The body beside `reboot_event`.
    pub reboot_body: Option<String>,
    /// Whether the phone wants `Subscription-State: active`.
    pub subscription_state: bool,
}

/// A set of firmware files and how they are put below out/.
#[derive(Clone, Debug)]
pub struct FirmwarePackage {
    /// Its place.
    pub span: Span,
    /// Its name in the plugin.
    pub id: String,
    /// The firmware's version.
    pub version: String,
    /// Descriptions by language; the plain one under `""`.
    pub descriptions: BTreeMap<String, String>,
    /// What is downloaded.
    pub files: Vec<FirmwareFile>,
    /// What is done with it, in order.
    pub install: Vec<InstallStep>,
}

/// A file to download.
#[derive(Clone, Debug)]
pub struct FirmwareFile {
    /// Where from; `None` where the vendor gives it to customers only.
    pub url: Option<String>,
    /// Its name, without directories.
    pub filename: String,
    /// Its length in bytes.
    pub size: u64,
    /// SHA-1 in lower-case hexadecimal.
    pub sha1: Option<String>,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: Option<String>,
}

/// A step of installing a firmware package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallStep {
    /// What is done.
    pub action: InstallAction,
    /// With what: a file of the package, or for copying a glob in the working directory.
    pub from: String,
    /// Where to: for copying a place below out/ (a directory where it ends in `/`), else a directory below
    /// the working directory, which itself is the default.
    pub to: Option<String>,
}

/// What a step of installing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstallAction {
    /// Unpacks a tar archive, plain or compressed.
    Untar,
    /// Unpacks a zip archive.
    Unzip,
    /// Unpacks one compressed file.
    Gunzip,
    /// Copies to below out/.
    Copy,
}

const ACTIONS: &[(&str, InstallAction)] = &[
    ("untar", InstallAction::Untar),
    ("unzip", InstallAction::Unzip),
    ("gunzip", InstallAction::Gunzip),
    ("copy", InstallAction::Copy),
];

impl FirmwarePackage {
    /// The directory below out/ into which its files are copied, without a slash at the end; `None` where
    /// no step copies any.
    pub fn directory(&self) -> Option<&str> {
        let copies = self.install.iter().filter(|step| step.action == InstallAction::Copy);
        copies.filter_map(|step| step.to.as_deref()).map(|to| to.trim_end_matches('/')).next()
    }
}

impl DhcpRule {
    pub(super) fn read(node: &Node<'_>, out: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::of(node, "a rule of `dhcp`", out)?;
        let prefix = fields.text("vendor_class_prefix", out);
        let vendor_class = fields.get("vendor_class");
        if prefix.is_none() && vendor_class.is_none() {
            let message = "a rule of `dhcp` says for no vendor class";
            let help = "add `vendor_class_prefix:` or `vendor_class:`";
            out.push(Diagnostic::error(MISSING_FIELD, message).at(node.span).help(help));
        }
        let vendor_class = vendor_class.and_then(|node| regex(node, "vendor_class", out));
        let entries = fields.map("options", out);
        let options = entries
            .iter()
            .filter_map(|(key, node)| Some((key.text.to_string(), reader::text(node, &key.text, out)?)));
        let options = options.collect();
        fields.finish(out);
        Some(Self {
            span: node.span,
            vendor_class_prefix: prefix.map(|text| text.value),
            vendor_class,
            options,
        })
    }
}

impl Resync {
    pub(super) fn read(node: &Node<'_>, out: &mut Diagnostics) -> Self {
        let Some(mut fields) = Fields::of(node, "`resync`", out) else { return Self::default() };
        let mut text = |name, out: &mut Diagnostics| fields.text(name, out).map(|text| text.value);
        let resync = Self {
            event: text("event", out),
            reboot_event: text("reboot_event", out),
            content_type: text("content_type", out),
            body: text("body", out),
            reboot_body: text("reboot_body", out),
            subscription_state: fields.flag("subscription_state", out),
        };
        fields.finish(out);
        resync
    }
}

impl FirmwarePackage {
    /// Reads the list; ids are unique in it.
    pub(super) fn read_all(nodes: &[Node<'_>], out: &mut Diagnostics) -> Vec<Self> {
        let packages: Vec<Self> = nodes.iter().filter_map(|node| Self::read(node, out)).collect();
        for (i, package) in packages.iter().enumerate() {
            let earlier = packages.get(..i).unwrap_or_default();
            if let Some(first) = earlier.iter().find(|earlier| earlier.id == package.id) {
                let message = format!("two firmware packages are called `{}`", package.id);
                let error = Diagnostic::error(DUPLICATE, message).at(package.span);
                out.push(error.related("the first is here", first.span));
            }
        }
        packages
    }

    fn read(node: &Node<'_>, out: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::of(node, "a firmware package", out)?.ignoring("description");
        let id = fields.required_text("id", out);
        let version = fields.required_text("version", out);
        let descriptions = descriptions(node, out);
        let files = fields.list("files", out);
        let files = files.iter().filter_map(|node| FirmwareFile::read(node, out)).collect();
        let install = fields.list("install", out);
        let install = install.iter().filter_map(|node| InstallStep::read(node, out)).collect();
        fields.finish(out);
        Some(Self { span: node.span, id: id?.value, version: version?.value, descriptions, files, install })
    }
}

/// `description` and `description_LANGUAGE`, by language.
pub(super) fn descriptions(node: &Node<'_>, out: &mut Diagnostics) -> BTreeMap<String, String> {
    let mut descriptions = BTreeMap::new();
    for (key, node) in node.as_map().unwrap_or_default() {
        let Some(rest) = key.text.strip_prefix("description") else { continue };
        let language = rest.strip_prefix('_').unwrap_or(rest);
        let well_formed = rest.is_empty()
            || (rest.starts_with('_')
                && matches!(language.len(), 2 | 5)
                && language.chars().all(|c| c.is_ascii_alphabetic() || c == '_'));
        if !well_formed {
            let message = format!("`description{rest}` names no language");
            let help = "write `description` or `description_fr`";
            out.push(Diagnostic::error(BAD_VALUE, message).at(key.span).help(help));
        } else if let Some(text) = reader::text(node, "description", out) {
            descriptions.insert(language.to_owned(), text.value);
        }
    }
    descriptions
}

impl FirmwareFile {
    fn read(node: &Node<'_>, out: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::of(node, "a firmware file", out)?;
        let url = fields.text("url", out);
        if let Some(url) =
            url.as_ref().filter(|u| !["http://", "https://", "ftp://"].iter().any(|s| u.value.starts_with(s)))
        {
            let message = format!("`{}` is no http, https or ftp address", url.value);
            reader::report::<()>(BAD_VALUE, &message, url.span, out);
        }
        let filename = fields.required_text("filename", out);
        if let Some(name) = filename.as_ref().filter(|name| name.value.contains('/') || name.value == "..") {
            let message = format!("`filename` is not a plain file name: `{}`", name.value);
            reader::report::<()>(crate::plugin::codes::UNSAFE_PATH, &message, name.span, out);
        }
        let size = fields.required_text("size", out).and_then(|text| match text.value.parse() {
            Ok(size) => Some(size),
            Err(_) => reader::report(BAD_VALUE, "`size` must be a number of bytes", text.span, out),
        });
        let sha1 = digest(&mut fields, "sha1", 40, out);
        let sha256 = digest(&mut fields, "sha256", 64, out);
        fields.finish(out);
        if let (None, None) = (&sha1, &sha256) {
            let message = "a firmware file has neither `sha1` nor `sha256`";
            out.push(Diagnostic::error(MISSING_FIELD, message).at(node.span).help("add its `sha256:`"));
        }
        Some(Self { url: url.map(|u| u.value), filename: filename?.value, size: size?, sha1, sha256 })
    }
}

fn digest(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    length: usize,
    out: &mut Diagnostics,
) -> Option<String> {
    let text = fields.text(name, out)?;
    if text.value.len() == length && text.value.chars().all(|c| c.is_ascii_hexdigit()) {
        return Some(text.value.to_ascii_lowercase());
    }
    reader::report(BAD_VALUE, &format!("`{name}` must be {length} hexadecimal digits"), text.span, out)
}

impl InstallStep {
    fn read(node: &Node<'_>, out: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::of(node, "a step of `install`", out)?;
        let mut path = |name, out: &mut Diagnostics| {
            let text = fields.text(name, out)?;
            safe_path(&text, name, out);
            Some(text.value)
        };
        let to = path("to", out);
        let steps: Vec<(InstallAction, String)> =
            ACTIONS.iter().filter_map(|(name, action)| Some((*action, path(name, out)?))).collect();
        fields.finish(out);
        match <[_; 1]>::try_from(steps) {
            Ok([(action, from)]) if to.is_some() || action != InstallAction::Copy => {
                Some(Self { action, from, to })
            }
            _ => {
                let message = "a step of `install` must be one of untar, unzip, gunzip, or copy with to";
                reader::report(BAD_VALUE, message, node.span, out)
            }
        }
    }
}
