//! Laying one layer over another.
//!
//! Mappings merge key by key, scalars and lists replace, a removal takes the inherited value away. Every
//! value keeps its place, so the origin of a merged value needs no bookkeeping of its own.

use std::sync::Arc;

use super::value::{Datum, Item, Map};

/// `over` laid on `under`. Shares with `under` all that `over` leaves alone.
///
/// A removal stays in the result as a removal, because the result may itself be laid over something.
pub fn overlay(under: &Arc<Map>, over: &Arc<Map>) -> Arc<Map> {
    if over.is_empty() || Arc::ptr_eq(under, over) {
        return Arc::clone(under);
    }
    if under.is_empty() {
        return Arc::clone(over);
    }
    let mut merged = under.with_room(over.len());
    for (name, item) in over.entries() {
        let item = match (merged.raw(name), &item.datum) {
            (Some(Item { datum: Datum::Map(below), .. }), Datum::Map(above)) => {
                Item { span: item.span, datum: Datum::Map(overlay(below, above)) }
            }
            _ => item.clone(),
        };
        merged.set(name.clone(), item);
    }
    Arc::new(merged)
}
