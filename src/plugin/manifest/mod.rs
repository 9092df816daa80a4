//! A manifest: `plugin.yaml` as typed data, every field of it checked when it loads.
//!
//! A manifest is read from the tree that its layers were merged to ([`super::layers`]), whose nodes keep
//! the places they came from: a mistake in a family's common layer is shown in the common layer.

mod associate;
mod delivery;
mod files;
mod identify;
mod keys;
mod model;
mod pattern;
mod reader;
pub(crate) mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use crate::yaml::decode::Spanned;
pub use associate::Rules;
pub use delivery::{DhcpRule, FirmwareFile, FirmwarePackage, InstallAction, InstallStep, Resync};
pub use files::{FileKind, FileSpec, Files, ModelsOf};
pub use identify::{GROUPS, Identify, Rule, Subject};
pub(crate) use keys::Place;
pub use keys::{Bank, KEY_TYPES, NamePattern};
pub use model::{Features, Model, ModuleModel, Protocol};
pub use pattern::Pattern;
pub(crate) use reader::{near, report};
pub use value::lay_over;

use self::keys::TypesByModel;
use self::reader::{Fields, Read};
use super::codes::{BAD_PATTERN, BAD_REQUIREMENT, BAD_VALUE, MISSING_FIELD, WRONG_ID};
use super::requirement::Firmware;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::yaml::{Node, Value};

/// A plugin's manifest, layers and overrides included.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// `<family>-<firmware>`, such as `digium-2.8.1`.
    pub id: Spanned<String>,
    /// The version of the plugin itself.
    pub version: Spanned<String>,
    /// Descriptions by language (`fr`); the plain one under `""`.
    pub descriptions: BTreeMap<String, String>,
    /// The vendor whose phones it is for.
    pub vendor: Spanned<String>,
    /// The firmware it is written for.
    pub firmware: Spanned<Firmware>,
    /// What its models speak, unless a model says otherwise.
    pub protocol: Protocol,
    /// Its models, sorted by name.
    pub models: Vec<Model>,
    /// What the phones can do, as `plugin list` shows it; a model may differ.
    pub features: Features,
    /// Who is asking.
    pub identify: Identify,
    /// For which phones it is chosen.
    pub associate: Rules,
    /// Vendor codes, for templates: a map of tables.
    pub tables: tera::Value,
    /// Free values, for templates, before a model's and a device's are laid over them.
    pub vars: tera::Value,
    /// What is written.
    pub files: Files,
    /// The directory of files that are copied as they are.
    pub static_dir: Option<Spanned<String>>,
    /// DHCP options for its phones.
    pub dhcp: Vec<DhcpRule>,
    /// How its phones are made to fetch again.
    pub resync: Resync,
    /// Firmware for its phones.
    pub firmware_packages: Vec<FirmwarePackage>,
    /// Where extra parameters go; `None` refuses them.
    pub extra: Option<Extra>,
    /// Models that are named outside `models`: some version of the family must have them.
    pub(super) named_models: Vec<Spanned<String>>,
}

/// Where a vendor's own parameters (`extra` in an inventory) are written. Templates see those of the
/// device as `extra`, a list of {name, value} in the order given.
#[derive(Clone, Debug)]
pub struct Extra {
    /// What a parameter's name has to match, as a whole.
    pub pattern: Pattern,
    /// The pattern as written, for messages.
    pub written: String,
    /// The element, section or command they are written in, for templates and for people.
    pub element: Option<String>,
}

/// What the place of a manifest says about it.
pub(crate) struct Expected<'e> {
    pub family: &'e str,
    /// The directory of the version, such as `v2_8_1`.
    pub directory: &'e str,
}

impl Expected<'_> {
    /// The id that the place asks for.
    pub fn id(&self) -> String {
        plugin_id(self.family, self.directory)
    }
}

/// The id of the plugin in a directory of a family: `digium` and `v2_8_1` make `digium-2.8.1`.
pub fn plugin_id(family: &str, directory: &str) -> String {
    let version = directory.strip_prefix('v').unwrap_or(directory).replace('_', ".");
    format!("{family}-{version}")
}

impl Manifest {
    /// Reads a merged tree. Every mistake goes to `out`; there is a manifest as soon as its identity is
    /// known, so that what depends on it can be checked too.
    pub(crate) fn read(node: &Node<'_>, expected: &Expected<'_>, out: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::of(node, "the manifest", out)?.ignoring("description");
        let id = fields.required_text("id", out);
        if let Some(id) = &id {
            check_id(id, expected, out);
        }
        let version = fields.required_text("version", out);
        if let Some(version) = &version {
            check_version(version, out);
        }
        let descriptions = delivery::descriptions(node, out);
        if !descriptions.contains_key("") {
            let error = Diagnostic::error(MISSING_FIELD, "the manifest has no `description`");
            out.push(error.at(fields.span()).help("add `description:`"));
        }
        let vendor = fields.required_text("vendor", out);
        let firmware =
            fields.required_text("firmware", out).and_then(|text| match Firmware::parse(&text.value) {
                Ok(firmware) => Some(Spanned { value: firmware, span: text.span }),
                Err(error) => report(BAD_REQUIREMENT, &error, text.span, out),
            });
        let protocol = fields.word("protocol", model::PROTOCOLS, out).unwrap_or_default();
        let tables = free_map(&mut fields, "tables", out);
        let vars = free_map(&mut fields, "vars", out);
        let types = fields.get("function_keys").map(|node| TypesByModel::read(node, out)).unwrap_or_default();
        let features = fields.get("features").map(|node| model::features(node, out)).unwrap_or_default();
        let defaults = model::Defaults { protocol, vars: &vars, features: &features };
        let models = models(&mut fields, &defaults, &types, out);
        let identify = fields.get("identify").map(|node| Identify::read(node, out)).unwrap_or_default();
        let associate = fields.get("associate").map(|node| Rules::read(node, out)).unwrap_or_default();
        let files = fields.get("files").map(|node| Files::read(node, out)).unwrap_or_default();
        let static_dir = fields.text("static", out);
        if let Some(directory) = &static_dir {
            files::safe_path(directory, "static", out);
        }
        let dhcp = fields.list("dhcp", out).iter().filter_map(|node| DhcpRule::read(node, out)).collect();
        let resync = fields.get("resync").map(|node| Resync::read(node, out)).unwrap_or_default();
        let firmware_packages = FirmwarePackage::read_all(fields.list("firmware_packages", out), out);
        let extra = fields.get("extra").and_then(|node| Extra::read(node, out));
        // Read before the merge, which needs it.
        fields.get("layers");
        fields.finish(out);
        // A common layer may name models that only some versions have: the family is asked, not this version.
        let aliased = associate.model_aliases.values().cloned();
        let named_models = aliased.chain(types.models().cloned()).collect();
        Some(Self {
            id: id?,
            version: version?,
            descriptions,
            vendor: vendor?,
            firmware: firmware?,
            protocol,
            models,
            features,
            identify,
            associate,
            tables,
            vars,
            files,
            static_dir,
            dhcp,
            resync,
            firmware_packages,
            extra,
            named_models,
        })
    }
}

impl Extra {
    fn read(node: &Node<'_>, out: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::of(node, "`extra`", out)?;
        let pattern = fields.required("pattern", out).and_then(|node| identify::regex(node, "pattern", out));
        let element = fields.text("element", out).map(|text| text.value);
        fields.finish(out);
        let written = pattern?.as_str().to_owned();
        // A name must match as a whole: half a name that matches could bring along a line of its own.
        let Ok(pattern) = Pattern::parse(&format!("^(?:{written})$")) else {
            let message = "`pattern` cannot be matched against whole names";
            return report(BAD_PATTERN, message, node.span, out);
        };
        Some(Self { pattern, written, element })
    }
}

fn check_id(id: &Spanned<String>, expected: &Expected<'_>, out: &mut Diagnostics) {
    let wanted = expected.id();
    if id.value != wanted {
        let message = format!("the id `{}` does not fit the directory", id.value);
        let help = format!("write `id: {wanted}`, or rename `{}/{}`", expected.family, expected.directory);
        out.push(Diagnostic::error(WRONG_ID, message).at(id.span).help(help));
    }
}

fn check_version(version: &Spanned<String>, out: &mut Diagnostics) {
    let parts: Vec<&str> = version.value.split('.').collect();
    let number =
        |part: &&str| !part.is_empty() && part.len() < 10 && part.chars().all(|c| c.is_ascii_digit());
    if parts.len() != 3 || !parts.iter().all(number) {
        let message = format!("`version` must be three numbers such as 1.0.0, not `{}`", version.value);
        out.push(Diagnostic::error(BAD_VALUE, message).at(version.span));
    }
}

fn free_map(fields: &mut Fields<'_, '_>, name: &'static str, out: &mut Diagnostics) -> tera::Value {
    fields
        .get(name)
        .filter(|node| reader::mapping(node, name, out).is_some())
        .map_or_else(|| value::map([]), value::free)
}

/// Reads the models, `model_defaults` laid under each, and gives each its key types.
fn models(
    fields: &mut Fields<'_, '_>,
    defaults: &model::Defaults<'_>,
    types: &TypesByModel,
    out: &mut Diagnostics,
) -> Vec<Model> {
    let entries = fields.map("models", out);
    let below = fields.get("model_defaults");
    let mut models: Vec<Model> = Vec::new();
    for (key, node) in entries.iter().filter(|(_, node)| !node.is_null()) {
        let merged = match (below, &node.value) {
            (Some(below), Value::Map(_)) => super::layers::lay_over(below.clone(), node.clone()),
            _ => node.clone(),
        };
        models.extend(Model::read(&key.text, key.span, &merged, defaults, out));
    }
    for model in &mut models {
        match types.of(&model.name) {
            Some(set) => model.key_types.clone_from(set),
            None if model.banks.iter().all(|bank| bank.types.is_some()) => {}
            None => no_key_types(model, out),
        }
    }
    models.sort_by(|a, b| a.name.cmp(&b.name));
    models
}

fn no_key_types(model: &Model, out: &mut Diagnostics) {
    let message = format!("nothing says which types the keys of model `{}` can have", model.name);
    let help = "list them under `function_keys`, for all models or for this one";
    out.push(Diagnostic::error(MISSING_FIELD, message).at(model.span).help(help));
}
