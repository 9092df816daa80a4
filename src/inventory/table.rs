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
        Self::of_sorted(entries)
    }
}

impl<T> Table<T> {
    /// A table of entries in the order of their names, each name once.
    fn of_sorted(entries: Vec<Named<T>>) -> Self {
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

    /// Keeps some of the entries.
    pub fn retain(&mut self, mut keep: impl FnMut(&Arc<str>, &Named<T>) -> bool) {
        let mut entries = std::mem::take(self).entries.into_vec();
        entries.retain(|entry| keep(&entry.name, entry));
        *self = Self::of_sorted(entries);
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{FileId, Span};

    fn named(number: u32, line: u32) -> Named<u32> {
        let span = Span { file: FileId(0), line, column: 1, len: 1 };
        Named { name: format!("n{number}").into(), span, broken: false, value: line }
    }

    #[test]
    fn entries_are_found_also_after_some_are_gone() {
        // Backwards, and every tenth a second time further down.
        let entries = (0..1000).rev().map(|n| named(n, n + 1));
        let entries = entries.chain((0..1000).step_by(10).map(|n| named(n, 5000 + n))).collect();
        let mut told = Vec::new();
        let mut table = Table::new(entries, |first, next| {
            first.broken = true;
            told.push((first.value, next.value));
        });
        told.sort_unstable();
        let expected: Vec<(u32, u32)> = (0..1000).step_by(10).map(|n| (n + 1, 5000 + n)).collect();
        assert_eq!((told, table.len()), (expected, 1000));
        assert!(table.values().is_sorted_by_key(|entry| &entry.name));
        table.retain(|_, entry| entry.value <= 500);
        for n in 0..1000 {
            let found = table.get(&format!("n{n}")).map(|entry| (entry.value, entry.broken));
            assert_eq!(found, (n < 500).then_some((n + 1, n % 10 == 0)), "{n}");
        }
        let names: Vec<&str> = table.around("n42", 2).iter().map(|entry| &*entry.name).collect();
        assert_eq!(names, ["n418", "n419", "n42", "n420"]);
        assert!(Table::<u32>::default().get("n1").is_none() && Table::<u32>::default().is_empty());
    }
}
