//! The names of entries that are known beforehand: words of the schema and positions. They are borrowed, and
//! a packed layer ([`super::pack`]) holds their numbers instead of their letters.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::schema::{AUTO, FILE, FUNCTION_KEY, Field, Group, Kind, LINE};
use super::value::Name;

/// Positions up to this one are borrowed. Phones with modules have a few hundred keys.
const BORROWED: u32 = 512;

/// Every word of the schema, sorted.
pub(super) fn words() -> &'static [&'static str] {
    static WORDS: OnceLock<Vec<&'static str>> = OnceLock::new();
    WORDS.get_or_init(|| {
        let mut words = vec!["auto"];
        for group in [&FILE, &AUTO, &FUNCTION_KEY, &LINE] {
            add_group(group, &mut words);
        }
        words.sort_unstable();
        words.dedup();
        words
    })
}

/// The number of a word of the schema.
pub(super) fn number(word: &str) -> Option<usize> {
    // Asked for every value of an inventory: words by a hash that few of them share.
    static PLACES: OnceLock<Vec<Vec<usize>>> = OnceLock::new();
    let places = PLACES.get_or_init(|| {
        let mut places = vec![Vec::new(); 256];
        for (number, word) in words().iter().enumerate() {
            if let Some(place) = places.get_mut(usize::from(hash(word))) {
                place.push(number);
            }
        }
        places
    });
    let words = words();
    let alike = places.get(usize::from(hash(word)))?;
    alike.iter().copied().find(|number| words.get(*number) == Some(&word))
}

/// FNV-1a, folded to a byte.
fn hash(word: &str) -> u8 {
    let hash = word.bytes().fold(0x811c_9dc5_u32, |hash, b| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = hash.to_le_bytes();
    a ^ b ^ c ^ d
}

fn add_group(group: &'static Group, words: &mut Vec<&'static str>) {
    for Field { name, kind } in group.fields() {
        words.push(name);
        let mut kind = *kind;
        while let Kind::List(inner) | Kind::OneOrList(inner) | Kind::MapOf(inner) | Kind::Positions(inner) =
            kind
        {
            kind = *inner;
        }
        if let Kind::Group(inner) = kind {
            add_group(inner, words);
        }
    }
}

/// A position as a name.
pub(super) fn position(position: u32) -> Name {
    static POSITIONS: OnceLock<Vec<Box<str>>> = OnceLock::new();
    let known = POSITIONS.get_or_init(|| (0..=BORROWED).map(|n| n.to_string().into()).collect());
    match known.get(position as usize) {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(position.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_by_number_and_seldom_share_a_hash() {
        for (at, word) in words().iter().enumerate() {
            assert_eq!(number(word), Some(at));
        }
        assert_eq!(number("passwort"), None);
        let mut hashes: Vec<u8> = words().iter().map(|word| hash(word)).collect();
        hashes.sort_unstable();
        let most = hashes.chunk_by(|a, b| a == b).map(<[u8]>::len).max();
        assert!(most <= Some(4), "{most:?} of {} words", words().len());
    }
}
