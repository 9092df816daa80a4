//! What templates see of a model: its description and its keys, laid out once for all its phones.

use tera::Value;

use super::convert::{map, number, text};
use crate::plugin::{Model, ModuleModel, Slot, key_slots};

/// A model with certain expansion modules, ready for templates.
pub(super) struct ModelValues {
    /// The keys.
    pub slots: Vec<Slot>,
    /// The keys as templates see them while nothing is on them.
    pub empty: Vec<Value>,
    /// `model`.
    pub model: Value,
}

impl ModelValues {
    pub fn new(model: &Model, modules: &[&ModuleModel]) -> Self {
        let slots = key_slots(model, modules);
        let empty = slots.iter().map(|slot| slot_value(slot, Value::none(), Value::none())).collect();
        let model = model_value(model, &slots);
        Self { slots, empty, model }
    }
}

/// A slot with what is on it.
pub(super) fn slot_value(slot: &Slot, key: Value, line: Value) -> Value {
    map([
        ("key", key),
        ("kind", Value::from(slot.kind.as_str())),
        ("last_on_page", Value::from(slot.last_on_page)),
        ("line", line),
        ("module", number(slot.module)),
        ("n", Value::from(slot.n)),
        ("n_on_page", Value::from(slot.n_on_page)),
        ("name", text(slot.name.as_deref())),
        ("page", Value::from(slot.page)),
        ("position", Value::from(slot.position)),
    ])
}

fn model_value(model: &Model, slots: &[Slot]) -> Value {
    let own = slots.iter().filter(|slot| slot.module.is_none()).count();
    map([
        ("contacts", number(model.contacts)),
        ("expansion_modules", Value::from(model.modules)),
        ("function_keys", Value::from(own)),
        ("handsets", number(model.handsets)),
        ("lines", Value::from(model.lines)),
        ("multicell", Value::from(model.multicell)),
        ("name", Value::from(model.name.as_str())),
        ("ports", number(model.ports)),
        ("protocol", Value::from(model.protocol.as_str())),
        ("type", Value::from(model.kind)),
        ("vars", model.vars.clone()),
    ])
}
