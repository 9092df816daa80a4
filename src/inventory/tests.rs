//! Properties of laying layers over each other, on mappings made at random.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::merge::overlay;
use super::value::{Datum, Item, Map, Name};
use crate::diagnostic::{FileId, Span};

const SPAN: Span = Span { file: FileId(0), line: 1, column: 1, len: 1 };

fn item(datum: Datum) -> Item {
    Item { span: SPAN, datum }
}

fn layer() -> impl Strategy<Value = Arc<Map>> {
    let leaf = prop_oneof![
        Just(Datum::Removed),
        (0..4_i64).prop_map(Datum::Int),
        (0..3_i64).prop_map(|n| Datum::List(Arc::new(vec![item(Datum::Int(n))]))),
    ];
    let datum = leaf.prop_recursive(3, 24, 4, |inner| map(inner).prop_map(Datum::Map));
    map(datum)
}

fn map(datum: impl Strategy<Value = Datum>) -> impl Strategy<Value = Arc<Map>> {
    proptest::collection::btree_map("[a-d]", datum, 0..4).prop_map(|entries| {
        let entries = entries.into_iter().map(|(name, datum)| (Name::from(name), item(datum)));
        Arc::new(Map::from_entries(entries.collect()))
    })
}

/// A mapping without regard to the order of its keys.
fn plain(map: &Map) -> BTreeMap<String, String> {
    let text = |item: &Item| match &item.datum {
        Datum::Map(map) => format!("{:?}", plain(map)),
        other => format!("{other:?}"),
    };
    map.iter().map(|(name, item)| (name.to_owned(), text(item))).collect()
}

/// What a device has in the end, in the simplest way to say it.
#[derive(Debug, PartialEq, Clone)]
enum Plain {
    Leaf(String),
    Map(BTreeMap<String, Plain>),
}

/// Applies a layer as INVENTORY.md words it: mappings key by key, all else replaces, null removes.
fn apply(under: &mut BTreeMap<String, Plain>, layer: &Map) {
    for (name, item) in layer.iter() {
        match &item.datum {
            Datum::Removed => drop(under.remove(name)),
            Datum::Map(above) => {
                let below = under.entry(name.to_owned()).or_insert_with(|| Plain::Map(BTreeMap::new()));
                if !matches!(below, Plain::Map(_)) {
                    *below = Plain::Map(BTreeMap::new());
                }
                if let Plain::Map(below) = below {
                    apply(below, above);
                }
            }
            leaf => drop(under.insert(name.to_owned(), Plain::Leaf(format!("{leaf:?}")))),
        }
    }
}

fn meaning(layers: &[&Map]) -> BTreeMap<String, Plain> {
    let mut all = BTreeMap::new();
    layers.iter().for_each(|layer| apply(&mut all, layer));
    all
}

proptest! {
    #[test]
    fn nothing_over_or_under_changes_nothing(a in layer()) {
        let none = Arc::<Map>::default();
        prop_assert!(Arc::ptr_eq(&overlay(&a, &none), &a));
        prop_assert_eq!(plain(&overlay(&none, &a)), plain(&a));
        prop_assert!(a.is_empty() || Arc::ptr_eq(&overlay(&none, &a), &a));
        prop_assert!(Arc::ptr_eq(&overlay(&a, &a), &a));
    }

    #[test]
    fn a_layer_twice_is_a_layer_once(a in layer(), b in layer()) {
        let once = overlay(&a, &b);
        prop_assert_eq!(plain(&overlay(&once, &b)), plain(&once));
    }

    #[test]
    fn layers_one_by_one_mean_what_the_page_says(layers in proptest::collection::vec(layer(), 0..5)) {
        let merged = layers.iter().fold(Arc::<Map>::default(), |under, over| overlay(&under, over));
        let layers: Vec<&Map> = layers.iter().map(|layer| &**layer).collect();
        prop_assert_eq!(meaning(&[&merged]), meaning(&layers));
    }

    #[test]
    fn the_later_wins_and_what_it_leaves_alone_is_shared(a in layer(), b in layer()) {
        let merged = overlay(&a, &b);
        for (name, item) in b.iter().filter(|(_, item)| !matches!(item.datum, Datum::Map(_))) {
            prop_assert_eq!(merged.raw(name), Some(item));
        }
        for (name, item) in a.iter().filter(|(name, _)| b.raw(name).is_none()) {
            match (&item.datum, &merged.raw(name).unwrap().datum) {
                (Datum::Map(below), Datum::Map(kept)) => prop_assert!(Arc::ptr_eq(below, kept)),
                (below, kept) => prop_assert_eq!(below, kept),
            }
        }
        prop_assert!(merged.iter().all(|(name, _)| a.raw(name).is_some() || b.raw(name).is_some()));
    }
}
