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
