//! A model's capabilities: what `check` holds an inventory against and what keys are laid out from.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::{Bank, MAX_KEYS, MAX_MODULES};
use super::reader::{self, Fields, Read};
use super::value;
use crate::diagnostic::{Diagnostics, Span};
use crate::plugin::codes::BAD_VALUE;
use crate::yaml::{Node, Value};

/// What a device speaks with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Protocol {
    /// SIP.
    #[default]
    Sip,
    /// SCCP, Cisco's "skinny".
    Sccp,
}

impl Protocol {
    /// As it is written: `sip` or `sccp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::Sccp => "sccp",
        }
    }
}

pub(super) const PROTOCOLS: &[(&str, Protocol)] = &[("sip", Protocol::Sip), ("sccp", Protocol::Sccp)];

/// Kinds of device (`type`).
const KINDS: &[(&str, &str)] = &[
    ("deskphone", "deskphone"),
    ("conference", "conference"),
    ("dect", "dect"),
    ("wifidect", "wifidect"),
    ("ata", "ata"),
    ("gateway", "gateway"),
    ("doorphone", "doorphone"),
    ("pager", "pager"),
    ("softphone", "softphone"),
];

/// What phones can do, by name: true, false, or a list of the words that they know. The names that an
/// inventory is held against are those of the render stage; all others are for people.
pub type Features = BTreeMap<String, tera::Value>;

/// What one model can do.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name as the manifest spells it.
    pub name: String,
    /// Where it is described.
    pub span: Span,
    /// What kind of device it is: `deskphone`, `dect`, `ata`...
    pub kind: &'static str,
    /// How many accounts it can register.
    pub lines: u32,
    /// How many contacts it stores; `None` where nobody says.
    pub contacts: Option<u32>,
    /// How many expansion modules can be attached.
    pub modules: u32,
    /// The module models it takes, with their key counts; empty where only their number is known.
    pub expansion_modules: Vec<ModuleModel>,
    /// Its keys, bank by bank; made from the plain counts where the manifest lays none out.
    pub banks: Vec<Bank>,
    /// The types its keys can do, where the bank says nothing else.
    pub key_types: BTreeSet<String>,
    /// What it speaks.
    pub protocol: Protocol,
    /// Whether it is part of a DECT system of several bases.
    pub multicell: bool,
    /// How many handsets a DECT base takes; `None` where nobody says.
    pub handsets: Option<u32>,
    /// How many ports an ATA or gateway has; `None` where nobody says.
    pub ports: Option<u32>,
    /// The manifest's `vars` with the model's laid over them, for templates.
    pub vars: tera::Value,
    /// The manifest's `features` with the model's laid over them.
    pub features: Features,
}

/// A model of expansion module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleModel {
    /// Its name as the manifest spells it.
    pub name: String,
    /// How many keys it has.
    pub keys: u32,
}

/// What a model takes from its manifest where it says nothing itself.
pub(super) struct Defaults<'d> {
    pub protocol: Protocol,
    pub vars: &'d tera::Value,
    pub features: &'d Features,
}

impl Model {
    /// Reads an entry of `models`, `model_defaults` already laid under it. Key types are filled in later.
    pub(super) fn read(
        name: &str,
        span: Span,
        node: &Node<'_>,
        defaults: &Defaults<'_>,
        out: &mut Diagnostics,
    ) -> Option<Self> {
        let mut fields = Fields::of(node, &format!("model `{name}`"), out)?;
        let kind = fields.word("type", KINDS, out).unwrap_or("deskphone");
        let lines = fields.count("lines", 1000, out).unwrap_or(0);
        let function_keys = fields.get("function_keys");
        let count = function_keys.and_then(|n| reader::count(n, "function_keys", MAX_KEYS, out));
        let contacts = fields.count("contacts", 1_000_000, out);
        let expansion = fields.get("expansion_modules");
        let stated = fields.count("modules", MAX_MODULES, out);
        let (modules, expansion_modules) =
            expansion.map(|node| expansion_models(node, stated, out)).unwrap_or_default();
        let banks: Option<Vec<Bank>> = fields.get("key_slots").map(|node| {
            let entries = reader::list(node, "key_slots", out).unwrap_or_default();
            let most = stated.or(expansion.map(|_| modules));
            entries.iter().filter_map(|entry| Bank::read(entry, most, out)).collect()
        });
        let protocol = fields.word("protocol", PROTOCOLS, out).unwrap_or(defaults.protocol);
        let multicell = fields.flag("multicell", out);
        let handsets = fields.count("handsets", 10_000, out);
        let ports = fields.count("ports", 1000, out);
        let own_vars = fields.get("vars").map(|node| {
            reader::mapping(node, "vars", out);
            value::free(node)
        });
        let own_features = fields.get("features").map(|node| features(node, out)).unwrap_or_default();
        fields.finish(out);

        let banks: Vec<Bank> = match banks {
            Some(banks) => {
                agree(&banks, count.zip(function_keys), name, out);
                banks
            }
            None => plain_banks(count, modules, &expansion_modules),
        };
        let most = banks.iter().filter_map(|bank| bank.modules).max().unwrap_or(0);
        Some(Self {
            name: name.to_owned(),
            span,
            kind,
            lines,
            contacts,
            modules: modules.max(most),
            expansion_modules,
            banks,
            key_types: BTreeSet::new(),
            protocol,
            multicell,
            handsets,
            ports,
            vars: own_vars.map_or_else(|| defaults.vars.clone(), |own| value::lay_over(defaults.vars, &own)),
            features: defaults.features.clone().into_iter().chain(own_features).collect(),
        })
    }

    /// How many programmable keys the phone itself has.
    pub fn own_keys(&self) -> u32 {
        self.banks.iter().filter(|bank| bank.modules.is_none()).map(|bank| bank.count).sum()
    }

    /// An expansion module by name, compared without case, blanks and hyphens.
    pub fn module(&self, name: &str) -> Option<&ModuleModel> {
        let wanted = crate::plugin::associate::fold(name);
        self.expansion_modules.iter().find(|module| crate::plugin::associate::fold(&module.name) == wanted)
    }

    /// Whether keys of a bank can be of a type. `none` leaves a key empty, which every key can be.
    pub fn can(&self, bank: &Bank, key_type: &str) -> bool {
        key_type == "none" || bank.types.as_ref().unwrap_or(&self.key_types).contains(key_type)
    }
}

/// `features`, of a manifest or of one of its models.
pub(super) fn features(node: &Node<'_>, out: &mut Diagnostics) -> Features {
    let entries = reader::mapping(node, "features", out).unwrap_or_default();
    entries.iter().map(|(key, node)| (key.text.to_string(), value::free(node))).collect()
}

/// `expansion_modules`: how many, or the models with their key counts; how many may then be attached is
/// said by `modules`, and is one where it is not.
fn expansion_models(node: &Node<'_>, stated: Option<u32>, out: &mut Diagnostics) -> (u32, Vec<ModuleModel>) {
    let Value::Map(entries) = &node.value else {
        let count = reader::count(node, "expansion_modules", MAX_MODULES, out);
        return (count.unwrap_or(0), Vec::new());
    };
    let models: Vec<ModuleModel> = entries
        .iter()
        .filter(|(_, node)| !node.is_null())
        .filter_map(|(key, node)| {
            let keys = reader::count(node, &key.text, MAX_KEYS, out)?;
            Some(ModuleModel { name: key.text.to_string(), keys })
        })
        .collect();
    (stated.unwrap_or(u32::from(!models.is_empty())), models)
}

/// The banks that plain counts amount to.
fn plain_banks(count: Option<u32>, modules: u32, models: &[ModuleModel]) -> Vec<Bank> {
    let own = count.filter(|n| *n > 0).map(|n| Bank::plain("key", n, None));
    let most = models.iter().map(|model| model.keys).max().filter(|n| *n > 0 && modules > 0);
    own.into_iter().chain(most.map(|n| Bank::plain("module", n, Some(modules)))).collect()
}

/// A count that stands beside banks must say the same.
fn agree(banks: &[Bank], count: Option<(u32, &Node<'_>)>, name: &str, out: &mut Diagnostics) {
    let laid_out: u32 = banks.iter().filter(|b| b.modules.is_none()).map(|b| b.count).sum();
    if let Some((count, node)) = count.filter(|(count, _)| *count != laid_out) {
        let message =
            format!("model `{name}` has {count} function keys, but its `key_slots` lay out {laid_out}");
        reader::report::<()>(BAD_VALUE, &message, node.span, out);
    }
}
