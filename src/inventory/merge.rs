//! Laying one layer over another.
//!
//! Mappings merge key by key, scalars and lists replace, a removal takes the inherited value away. Every
//! value keeps its place, so the origin of a merged value needs no bookkeeping of its own.

use std::sync::Arc;

use super::value::{Datum, Item, Map, Name};

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
    lay(under, over.entries().cloned(), over.len())
}

/// The same for a layer that nobody else holds: its values are moved.
pub(super) fn overlay_own(under: &Arc<Map>, over: Map) -> Arc<Map> {
    if over.is_empty() {
        return Arc::clone(under);
    }
    if under.is_empty() {
        return Arc::new(over);
    }
    let count = over.len();
    lay(under, over.into_entries(), count)
}

fn lay(under: &Map, over: impl Iterator<Item = (Name, Item)>, count: usize) -> Arc<Map> {
    let mut merged = under.with_room(count);
    for (name, item) in over {
        let Some(below) = merged.raw_mut(&name) else {
            merged.push(name, item);
            continue;
        };
        let datum = match (&below.datum, item.datum) {
            (Datum::Map(below), Datum::Map(above)) => Datum::Map(overlay(below, &above)),
            (_, datum) => datum,
        };
        *below = Item { span: item.span, datum };
    }
    Arc::new(merged)
}
