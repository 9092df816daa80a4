//! Properties of laying layers over each other and of packing them, on mappings made at random.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::merge::overlay;
use super::pack::Packed;
use super::secret::{SecretRef, Source};
use super::value::{Datum, Endpoint, Item, Map, Name};
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

/// Whatever a file may hold, each value at a place of its own.
fn written() -> impl Strategy<Value = Map> {
    let text = || "\\PC{0,20}";
    let boxed = || text().prop_map(String::into_boxed_str);
    let secret = prop_oneof![
        boxed().prop_map(Source::Env),
        text().prop_map(|path| Source::File(path.into())),
        proptest::collection::vec(boxed(), 0..3).prop_map(Source::Command),
    ];
    let leaf = prop_oneof![
        Just(Datum::Removed),
        Just(Datum::Broken),
        any::<bool>().prop_map(Datum::Bool),
        any::<i64>().prop_map(Datum::Int),
        any::<i32>().prop_map(|n| Datum::Float(f64::from(n) / 3.0)),
        text().prop_map(|text| Datum::Text(text.into())),
        (boxed(), any::<Option<u16>>())
            .prop_map(|(host, port)| Datum::Endpoint(Arc::new(Endpoint { host, port }))),
        secret.prop_map(|source| Datum::Secret(Arc::new(SecretRef::new(source, SPAN)))),
    ];
    let placed = |datum: BoxedStrategy<Datum>| {
        let number = || prop_oneof![1..300_u32, any::<u32>()];
        (number(), number(), number(), datum).prop_map(|(line, column, len, mut datum)| {
            let span = Span { file: SPAN.file, line, column, len };
            if let Datum::Secret(secret) = &mut datum {
                Arc::make_mut(secret).span = span;
            }
            Item { span, datum }
        })
    };
    let name = || prop_oneof!["[a-z]{1,4}|sip|mac|name|[0-9]{1,5}|00|auto", "\\PC{1,9}"];
    let entries = move |item: BoxedStrategy<Item>| {
        proptest::collection::btree_map(name(), item, 0..5).prop_map(|entries| {
            Map::from_entries(entries.into_iter().map(|(name, item)| (Name::from(name), item)).collect())
        })
    };
    let item = placed(leaf.boxed()).boxed().prop_recursive(4, 40, 5, move |inner| {
        let list =
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|list| Datum::List(Arc::new(list)));
        let map = entries(inner.boxed()).prop_map(|map| Datum::Map(Arc::new(map)));
        placed(prop_oneof![list, map].boxed())
    });
    entries(item.boxed())
}

proptest! {
    #[test]
    fn a_packed_layer_is_the_same_layer(map in written(), line: u32) {
        let packed = Packed::new(&map, Span { line, ..SPAN });
        prop_assert_eq!(packed.unpack(), map.clone());
        for (name, item) in map.iter() {
            prop_assert_eq!(packed.raw(name), Some(item.clone()));
            prop_assert_eq!(packed.only(|other| other == name), Map::from_entries(vec![(name.to_owned().into(), item.clone())]));
        }
        prop_assert_eq!(packed.raw("no such name"), None);
    }

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
