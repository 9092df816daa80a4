//! Regular expressions of manifests: checked when the manifest loads, compiled when first used.
//!
//! Most runs need none of them, and compiling those of all plugins took more than half of the time that
//! loading took. So that compiling later cannot fail, an expression's size is bounded here, well below the
//! engine's own limit.

use std::fmt;
use std::sync::OnceLock;

use regex::{Captures, Regex};
use regex_syntax::hir::{Class, Hir, HirKind};

/// The largest expression, in the states it roughly takes. The engine's limit is some 200,000.
const MAX_STATES: usize = 50_000;

/// A regular expression that is known to be right.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    groups: Vec<String>,
    literals: usize,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Checks an expression.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed = regex_syntax::parse(text).map_err(|error| {
            // The message ends in one line that says what is wrong, below a drawing of where.
            let said = error.to_string();
            said.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        })?;
        let mut groups = Vec::new();
        if states(&parsed, &mut groups) > MAX_STATES {
            return Err("it is too large".to_owned());
        }
        let literals = literals(&parsed);
        Ok(Self { text: text.to_owned(), groups, literals, regex: OnceLock::new() })
    }

    /// The expression as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of its groups.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(String::as_str)
    }

    /// How many characters a text must have, letter by letter, at the least to match: `^snom(\d+)$` asks for
    /// four. A letter that may be of either case counts.
    pub fn literals(&self) -> usize {
        self.literals
    }

    /// Whether it matches anywhere in a text.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }

    /// Its first match in a text.
    pub fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.regex().and_then(|regex| regex.captures(text))
    }

    fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| Regex::new(&self.text).ok()).as_ref()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.text)
    }
}

/// Roughly how many states an expression takes; the names of its groups are collected on the way. The
/// parser bounds how deep expressions nest.
fn states(hir: &Hir, groups: &mut Vec<String>) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Unicode(class)) => class.ranges().len().saturating_mul(2),
        HirKind::Class(Class::Bytes(class)) => class.ranges().len(),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1) as usize;
            states(&repetition.sub, groups).saturating_mul(times).saturating_add(1)
        }
        HirKind::Capture(capture) => {
            groups.extend(capture.name.as_deref().map(str::to_owned));
            states(&capture.sub, groups).saturating_add(2)
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().fold(1, |sum: usize, part| sum.saturating_add(states(part, groups)))
        }
    }
}

fn literals(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => String::from_utf8_lossy(&literal.0).chars().count(),
        HirKind::Class(Class::Unicode(class)) => {
            // By way of upper case: the long s is an s, and the Kelvin sign a k.
            let folded = |c: char| c.to_uppercase().flat_map(char::to_lowercase).next();
            let first = class.ranges().first().map(|range| folded(range.start()));
            let one = class
                .ranges()
                .iter()
                .all(|range| range.start() == range.end() && Some(folded(range.start())) == first);
            usize::from(one)
        }
        HirKind::Class(Class::Bytes(_)) => 0,
        HirKind::Repetition(repetition) => {
            literals(&repetition.sub).saturating_mul(usize::try_from(repetition.min).unwrap_or(usize::MAX))
        }
        HirKind::Capture(capture) => literals(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(literals).fold(0, usize::saturating_add),
        HirKind::Alternation(parts) => parts.iter().map(literals).min().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_the_check_compiles() {
        for text in [
            r"^digium_(?<model>D\d\d)_(?<version>[\d_]+)$",
            r"(?:^|/)Digium/(?<mac>[0-9a-fA-F]{12})\.cfg$",
            r"\w{30}",
            r"[0-9a-f]{1000}",
            "",
        ] {
            let pattern = Pattern::parse(text).unwrap();
            assert!(pattern.regex().is_some(), "{text}");
        }
        let pattern = Pattern::parse(r"^(?<model>D\d\d)-(\d+)(?<mac>.)").unwrap();
        assert_eq!(pattern.groups().collect::<Vec<_>>(), ["model", "mac"]);
        assert_eq!(&pattern.captures("D40-12x").unwrap()["model"], "D40");
    }

    #[test]
    fn letters_that_must_stand_there_are_counted() {
        for (text, letters) in [
            (r"^snom(\d+)$", 4),
            (r"(?i)^Snom", 4),
            (r"^(?:ab|cde)f{2}.*x?[0-9a-f]{12}", 4),
            (r"(?:^|/)Digium/(?<mac>[0-9a-fA-F]{12})\.cfg$", 11),
            ("", 0),
            ("[aA][bB]?é", 2),
        ] {
            assert_eq!(Pattern::parse(text).unwrap().literals(), letters, "{text}");
        }
    }

    #[test]
    fn what_would_be_too_large_is_refused() {
        for text in [r"\w{100}", "(a{1000}){1000}", "((((a{99}){99}){99}){99}){99}"] {
            assert_eq!(Pattern::parse(text).unwrap_err(), "it is too large", "{text}");
        }
        assert_eq!(Pattern::parse("a(").unwrap_err(), "unclosed group");
    }
}
