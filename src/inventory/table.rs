//! The named entries of a section: in the order of their names, and found by name in the same time however
//! many there are.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rayon::prelude::*;

use super::file::Named;

/// Entries by name. A million lines are looked up several million times in a build, so beside the entries
/// there is a table of their hashes.
#[derive(Clone, Debug)]
pub struct Table<T> {
    /// Sorted by name, each name once.
    entries: Box<[Named<T>]>,
    /// The index of an entry plus one, at its hash or the next free place; 0 is free. A power of two, at
    /// most half of it taken.
    slots: Box<[u32]>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: Box::default(), slots: Box::default() }
    }
}

impl<T: Send> Table<T> {
    /// A table of these entries. Of several with one name the first by place stays; `twice` is told of it
    /// and of each of the others.
    pub fn new(mut entries: Vec<Named<T>>, mut twice: impl FnMut(&mut Named<T>, &Named<T>)) -> Self {
        entries.par_sort_unstable_by(|a, b| (&a.name, a.span).cmp(&(&b.name, b.span)));
        entries.dedup_by(|next, first| {
            let same = next.name == first.name;
            if same {
                twice(first, next);
            }
            same
        });
        let entries = entries.into_boxed_slice();
        let mut slots = vec![0; (entries.len() * 2).next_power_of_two()].into_boxed_slice();
        for (number, entry) in (1..).zip(&entries) {
            let free = probe(&slots, &entry.name).find(|at| slots.get(*at) == Some(&0));
            if let Some(slot) = free.and_then(|at| slots.get_mut(at)) {
                *slot = number;
            }
        }
        Self { entries, slots }
    }
}

impl<T> Table<T> {
    /// The entry of that name.
    pub fn get(&self, name: &str) -> Option<&Named<T>> {
        for at in probe(&self.slots, name) {
            // A free place ends the search: 0 has no predecessor.
            let entry = self.entries.get((*self.slots.get(at)? as usize).checked_sub(1)?)?;
            if *entry.name == *name {
                return Some(entry);
            }
        }
        None
    }

    /// Whether there is an entry of that name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The entries, by name.
    pub fn values(&self) -> std::slice::Iter<'_, Named<T>> {
        self.entries.iter()
    }

    /// The names, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.entries.iter().map(|entry| &entry.name)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries with the names nearest to one in their order, at most `most` on either side.
    pub fn around(&self, name: &str, most: usize) -> &[Named<T>] {
        let at = self.entries.partition_point(|entry| *entry.name < *name);
        let end = at.saturating_add(most).min(self.entries.len());
        self.entries.get(at.saturating_sub(most)..end).unwrap_or_default()
    }
}

/// The places at which a name may stand, in turn.
fn probe(slots: &[u32], name: &str) -> impl Iterator<Item = usize> + use<> {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let (start, count) = (hasher.finish() as usize, slots.len());
    (0..count).map(move |step| start.wrapping_add(step) & (count - 1))
}
