//! Programmable keys as a manifest describes them: which types a model can do, and in which banks its
//! keys are laid out.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::{self, Fields, Read, Spanned};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::plugin::codes::BAD_VALUE;
use crate::yaml::{Key, Node, Value};

/// The types a function key can have. `none` leaves a key empty on purpose and needs no capability.
pub use crate::inventory::schema::KEY_TYPES;

/// The most keys a bank may have: far above any phone, and low enough that laying them out costs nothing.
pub(crate) const MAX_KEYS: u32 = 2000;
/// The most expansion modules a phone may carry.
pub(crate) const MAX_MODULES: u32 = 32;

/// A row of keys that share a name pattern and abilities.
#[derive(Clone, Debug)]
pub struct Bank {
    /// What the vendor calls them: `topsoftkey`, `linekey`, `module`.
    pub kind: String,
    /// How many keys, on each module where it is a module's bank.
    pub count: u32,
    /// The number of the first key as `{n}` shows it; 1 unless given.
    pub first: u32,
    /// The vendor's name of a key, where it has one.
    pub name: Option<NamePattern>,
    /// How many modules may be attached; `None` for the phone's own keys.
    pub modules: Option<u32>,
    /// How many keys a page shows; `None` where all are on one.
    pub per_page: Option<u32>,
    /// The types these keys can do, where they differ from the model's.
    pub types: Option<BTreeSet<String>>,
    /// The type that stands in for one these keys cannot do.
    pub downgrade: BTreeMap<String, String>,
    /// Whether these are the keys on which the phone shows its lines, in order.
    pub lines: bool,
}

/// A name with places for numbers, such as `expmod{m} key{n}`.
#[derive(Clone, Debug)]
pub struct NamePattern {
    /// Literal text before each place, and after the last.
    literals: Vec<String>,
    places: Vec<Place>,
}

/// What a place in a name shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The key's number in its bank.
    N,
    /// The same, counted from 0.
    NFromZero,
    /// The module's number.
    M,
    /// The same, counted from 0.
    MFromZero,
    /// The page.
    Page,
    /// The key's number on its page.
    OnPage,
}

const PLACES: &[(&str, Place)] = &[
    ("n", Place::N),
    ("n0", Place::NFromZero),
    ("m", Place::M),
    ("m0", Place::MFromZero),
    ("page", Place::Page),
    ("n_on_page", Place::OnPage),
];

impl NamePattern {
    /// Reads a pattern; the error is a sentence without a full stop.
    fn parse(text: &str) -> Result<Self, String> {
        let mut pattern = Self { literals: vec![String::new()], places: Vec::new() };
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) =
                after.split_once('}').ok_or_else(|| format!("`{text}` has a `{{` without its `}}`"))?;
            let place = PLACES.iter().find(|(word, _)| *word == name).map(|(_, place)| *place);
            let known: Vec<_> = PLACES.iter().map(|(word, _)| format!("{{{word}}}")).collect();
            let place = place.ok_or_else(|| {
                format!("`{text}` has a place `{{{name}}}` that is none of {}", known.join(" "))
            })?;
            pattern.literal(before);
            pattern.places.push(place);
            pattern.literals.push(String::new());
            rest = after;
        }
        pattern.literal(rest);
        Ok(pattern)
    }

    fn literal(&mut self, text: &str) {
        if let Some(last) = self.literals.last_mut() {
            last.push_str(text);
        }
    }

    /// The name with its places filled.
    pub(crate) fn fill(&self, number: impl Fn(Place) -> u32) -> String {
        let mut name = String::new();
        for (i, literal) in self.literals.iter().enumerate() {
            name.push_str(literal);
            if let Some(place) = self.places.get(i) {
                name.push_str(&number(*place).to_string());
            }
        }
        name
    }
}

impl Bank {
    /// Reads an entry of `key_slots`.
    pub(super) fn read(node: &Node<'_>, modules: Option<u32>, out: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::of(node, "a bank of `key_slots`", out)?;
        let kind = fields.required_text("kind", out);
        let count = fields.required("count", out).and_then(|n| reader::count(n, "count", MAX_KEYS, out));
        let name = fields.text("name", out).and_then(|text| match NamePattern::parse(&text.value) {
            Ok(pattern) => Some(pattern),
            Err(message) => reader::report(BAD_VALUE, &message, text.span, out),
        });
        let own_modules = fields.count("modules", MAX_MODULES, out);
        let per_page = fields.get("per_page").and_then(|n| {
            let count = reader::count(n, "per_page", MAX_KEYS, out)?;
            if count == 0 {
                reader::report(BAD_VALUE, "`per_page` must be at least 1", n.span, out)
            } else {
                Some(count)
            }
        });
        let first = fields.count("first", MAX_KEYS, out).unwrap_or(1);
        let types = fields.get("types").map(|node| types(node, out));
        let downgrade = downgrade(fields.map("downgrade", out), out);
        let lines = fields.flag("lines", out);
        fields.finish(out);
        let kind = kind?.value;
        let modules = own_modules.or(if kind == "module" { Some(modules.unwrap_or(1)) } else { None });
        Some(Self { kind, count: count?, first, name, modules, per_page, types, downgrade, lines })
    }

    /// A bank made from a plain count.
    pub(super) fn plain(kind: &str, count: u32, modules: Option<u32>) -> Self {
        Self {
            kind: kind.to_owned(),
            count,
            first: 1,
            name: None,
            modules,
            per_page: None,
            types: None,
            downgrade: BTreeMap::new(),
            lines: false,
        }
    }
}

/// A list of key types.
pub(super) fn types(node: &Node<'_>, out: &mut Diagnostics) -> BTreeSet<String> {
    let listed = reader::texts(node, "types", out);
    listed.into_iter().filter_map(|text| key_type(&text.value, text.span, out)).collect()
}

fn key_type(name: &str, span: Span, out: &mut Diagnostics) -> Option<String> {
    if KEY_TYPES.contains(&name) {
        return Some(name.to_owned());
    }
    let help = reader::near(name, KEY_TYPES.iter().copied());
    let help = help.unwrap_or_else(|| format!("write one of: {}", KEY_TYPES.join(", ")));
    out.push(Diagnostic::error(BAD_VALUE, format!("`{name}` is no function key type")).at(span).help(help));
    None
}

fn downgrade(entries: &[(Key<'_>, Node<'_>)], out: &mut Diagnostics) -> BTreeMap<String, String> {
    let mut map = BTreeMap::new();
    for (key, node) in entries {
        let from = key_type(&key.text, key.span, out);
        let to = reader::text(node, &key.text, out).and_then(|to| key_type(&to.value, to.span, out));
        map.extend(from.zip(to));
    }
    map
}

/// `function_keys` of a manifest: the types its models can do.
#[derive(Clone, Debug, Default)]
pub(super) struct TypesByModel {
    default: Option<BTreeSet<String>>,
    by_model: Vec<(Spanned<String>, BTreeSet<String>)>,
}

impl TypesByModel {
    /// Reads a list (for all models) or a mapping of models to lists, with `default` for the others.
    pub fn read(node: &Node<'_>, out: &mut Diagnostics) -> Self {
        match &node.value {
            Value::Map(entries) => {
                let mut read = Self::default();
                for (key, node) in entries.iter().filter(|(_, node)| !node.is_null()) {
                    let set = types(node, out);
                    if key.text == "default" {
                        read.default = Some(set);
                    } else {
                        read.by_model.push((Spanned { value: key.text.to_string(), span: key.span }, set));
                    }
                }
                read
            }
            _ => Self { default: Some(types(node, out)), by_model: Vec::new() },
        }
    }

    /// The types a model can do; `None` where nothing is said.
    pub fn of(&self, model: &str) -> Option<&BTreeSet<String>> {
        let named = self.by_model.iter().find(|(name, _)| name.value == model);
        named.map(|(_, set)| set).or(self.default.as_ref())
    }

    /// The models it names.
    pub fn models(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.by_model.iter().map(|(name, _)| name)
    }
}
