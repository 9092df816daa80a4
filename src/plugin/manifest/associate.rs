//! `associate`: how a plugin tells which phones it is for.

use std::collections::BTreeMap;

use super::identify::regex;
use super::pattern::Pattern;
use super::reader::{self, Fields, Read, Spanned};
use crate::diagnostic::Diagnostics;
use crate::plugin::codes::BAD_REQUIREMENT;
use crate::plugin::requirement::{FirmwareMatch, Requirement};
use crate::plugin::version::{Version, without_v};
use crate::yaml::Node;

/// The section `associate`.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// What counts as the same version.
    pub firmware_match: FirmwareMatch,
    /// Finds the part of a version that names the generation: its first group, else all it matches.
    pub generation: Option<Pattern>,
    /// Versions it must not be given to, counted from the generation on.
    pub refuse_firmware: Option<Requirement>,
    /// Other names of the vendor.
    pub vendor_aliases: Vec<String>,
    /// Other names of models, each with the model it stands for.
    pub model_aliases: BTreeMap<String, Spanned<String>>,
}

const MATCHES: &[(&str, FirmwareMatch)] =
    &[("exact", FirmwareMatch::Exact), ("prefix", FirmwareMatch::Prefix)];

impl Rules {
    pub(super) fn read(node: &Node<'_>, out: &mut Diagnostics) -> Self {
        let Some(mut fields) = Fields::of(node, "`associate`", out) else { return Self::default() };
        let firmware_match = fields.word("firmware_match", MATCHES, out).unwrap_or_default();
        let generation = fields.get("generation").and_then(|node| regex(node, "generation", out));
        let refuse = fields.text("refuse_firmware", out).and_then(|text| {
            let parsed = Requirement::parse(&text.value);
            parsed.map_err(|error| reader::report::<()>(BAD_REQUIREMENT, &error, text.span, out)).ok()
        });
        let (mut vendor_aliases, mut model_aliases) = (Vec::new(), BTreeMap::new());
        if let Some(mut aliases) = fields.get("aliases").and_then(|n| Fields::of(n, "`aliases`", out)) {
            vendor_aliases = aliases.texts("vendor", out).into_iter().map(|text| text.value).collect();
            for (alias, node) in aliases.map("model", out) {
                if node.is_null() {
                    continue;
                }
                if let Some(model) = reader::text(node, &alias.text, out) {
                    model_aliases.insert(alias.text.to_string(), model);
                }
            }
            aliases.finish(out);
        }
        fields.finish(out);
        Self { firmware_match, generation, refuse_firmware: refuse, vendor_aliases, model_aliases }
    }

    /// The generation that a version belongs to (`None` where the expression does not match it), and the
    /// version from there on, which is what ordering compares: a Yealink's first number is its model.
    /// The expression is written for dots; a spelling with others (`66_86_0_15`) is read as with dots.
    pub(crate) fn generation<'v>(&self, version: &'v str) -> (Option<Version>, &'v str) {
        let Some(pattern) = &self.generation else { return (Some(Version::parse(version)), version) };
        let version = without_v(version);
        let find = |text: &str| {
            let groups = pattern.captures(text)?;
            let part = groups.get(1).or_else(|| groups.get(0))?;
            Some((Version::parse(part.as_str()), part.start()))
        };
        match find(version).or_else(|| find(&dotted(version))) {
            Some((generation, start)) => (Some(generation), version.get(start..).unwrap_or(version)),
            None => (None, version),
        }
    }

    /// What is compared of a version: all from its generation on.
    pub(crate) fn compared(&self, version: &str) -> Version {
        Version::parse(self.generation(version).1)
    }
}

/// A version with dots for what stands between its parts. As long as before, so that places stay.
fn dotted(version: &str) -> String {
    version.chars().map(|c| if c.is_ascii() && !c.is_ascii_alphanumeric() { '.' } else { c }).collect()
}
