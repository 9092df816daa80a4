//! Firmware versions, compared as versions and never as text.
//!
//! Phones say `2.8.1`, `108.86.0.90`, `6.1.5(a)`, `P0.16.5-1.12.2`, `8.5.2/SCCP`, `11.3.1-msr3-3`,
//! `1.3.5p`, `01.11.3.2`. No scheme covers them, so a version is its runs of digits and of letters in
//! order; whatever stands between is a separator and no more. Digits are compared as numbers of any length.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A firmware version as a phone or a manifest says it.
#[derive(Clone)]
pub struct Version {
    text: String,
    runs: Vec<Run>,
}

/// A run of one kind of characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Run {
    /// Digits without leading zeros; zero is the empty string.
    Number(String),
    /// Letters in lower case.
    Text(String),
}

/// Words that mark what comes before a release: `2.0-rc1` is older than `2.0`.
const BEFORE_RELEASE: &[&str] = &["alpha", "beta", "rc", "pre", "preview"];

/// What stands for a run past the end: `1.4` is `1.4.0.0`.
const END: &Run = &Run::Number(String::new());

impl Version {
    /// Reads a version. Every text is one; a text without a letter or digit is the version nothing. A `v` before
    /// the first number is no part of it.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let said = without_v(text);
        let mut runs: Vec<Run> = Vec::new();
        let mut open = false;
        for c in said.chars() {
            let digit = c.is_ascii_digit();
            if !digit && !c.is_alphabetic() {
                open = false;
                continue;
            }
            match runs.last_mut() {
                Some(Run::Number(run)) if open && digit => {
                    if !(run.is_empty() && c == '0') {
                        run.push(c);
                    }
                }
                Some(Run::Text(run)) if open && !digit => run.extend(c.to_lowercase()),
                _ if digit => {
                    runs.push(Run::Number(if c == '0' { String::new() } else { c.to_string() }));
                }
                _ => runs.push(Run::Text(c.to_lowercase().collect())),
            }
            open = true;
        }
        Self { text: text.to_owned(), runs }
    }

    /// The version as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it names no version at all.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether it begins with letters, so that numbers say nothing about its age.
    pub fn begins_with_a_word(&self) -> bool {
        matches!(self.runs.first(), Some(Run::Text(_)))
    }

    /// Whether every run of this one begins the other: `2.8` is a prefix of `2.8.1` and not of `2.81`.
    pub fn is_prefix_of(&self, other: &Version) -> bool {
        other.runs.starts_with(&self.runs)
    }

    /// The runs less the zeros that say nothing, so that equal versions are equal here.
    fn significant(&self) -> &[Run] {
        let kept = self.runs.iter().rposition(|run| run != END).map_or(0, |last| last + 1);
        self.runs.get(..kept).unwrap_or_default()
    }
}

/// A version less the `v` that people put before its first number.
pub(super) fn without_v(text: &str) -> &str {
    let numbered =
        text.strip_prefix(['v', 'V']).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    numbered.unwrap_or(text)
}

/// The order of runs: a word before release, zero (and the end), other words, other numbers.
fn compare(a: &Run, b: &Run) -> Ordering {
    match (a, b) {
        (Run::Number(a), Run::Number(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (Run::Text(x), Run::Text(y)) => rank(a).cmp(&rank(b)).then_with(|| x.cmp(y)),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn rank(run: &Run) -> u8 {
    match run {
        Run::Text(word) if BEFORE_RELEASE.contains(&word.as_str()) => 0,
        Run::Number(digits) if digits.is_empty() => 1,
        Run::Text(_) => 2,
        Run::Number(_) => 3,
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.significant(), other.significant());
        (0..a.len().max(b.len()))
            .map(|i| compare(a.get(i).unwrap_or(END), b.get(i).unwrap_or(END)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.significant() == other.significant()
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.significant().hash(state);
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn v(text: &str) -> Version {
        Version::parse(text)
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        for (older, newer) in [
            ("2.8.1", "2.10.0"),
            ("9.0", "10.0"),
            ("108.86.0.9", "108.86.0.90"),
            ("1.3.5", "1.3.5p"),
            ("6.1.5", "6.1.5(a)"),
            ("6.1.5(a)", "6.1.5(b)"),
            ("6.1.5(b)", "6.1.6"),
            ("11.3.1-msr2-9", "11.3.1-msr3-3"),
            ("11.3.1-msr3-3", "11.3.1-msr3-10"),
            ("12.0.1-MPP0001-245", "12.0.7-MPP0201-66"),
            ("7.5.2b", "7.5.5"),
            ("7.5.5", "7.5.5b"),
            ("8.7.5.35", "10.1.46.16"),
            ("10.1.46.16", "10.1.101.11"),
            ("5.4.3.1014", "5.4.10"),
            ("66.86.0.15", "66.86.0.100"),
            ("9.4.2SR1/SCCP", "9.4.2SR3/SCCP"),
            ("2.13.02", "2.13.10"),
            ("P0.16.5-1.12.2", "P0.16.10-1.0"),
            ("2.0-rc1", "2.0"),
            ("2.0-beta2", "2.0-rc1"),
            ("1.0", "99999999999999999999999999999999999999999.0"),
            ("4294967296", "18446744073709551616"),
        ] {
            assert!(v(older) < v(newer), "{older} < {newer}");
            assert!(v(newer) > v(older), "{newer} > {older}");
        }
    }

    #[test]
    fn spelling_does_not_matter() {
        for (a, b) in [
            ("2_8_1", "2.8.1"),
            ("01.11.3.2", "1.11.3.2"),
            ("1.4", "1.4.0.0"),
            ("8.5.2/SCCP", "8.5.2 sccp"),
            ("11-3-1-msr3-3", "11.3.1-MSR3-3"),
            ("V10.1.46.16", "10.1.46.16"),
            ("05.20.0001", "5.20.1"),
            (" 2.8.1 ", "2.8.1"),
        ] {
            assert_eq!(v(a), v(b));
        }
        assert_ne!(v("2.8.1"), v("2.8.1/SCCP"));
        assert_eq!(v("01.11.3.2").to_string(), "01.11.3.2");
        assert!(v("--").is_empty());
    }

    #[test]
    fn a_prefix_ends_at_a_run() {
        assert!(v("2.8").is_prefix_of(&v("2.8.1")));
        assert!(v("2.8").is_prefix_of(&v("2.8")));
        assert!(!v("2.8").is_prefix_of(&v("2.81")));
        assert!(!v("2.8.1").is_prefix_of(&v("2.8")));
        assert!(!v("2.0").is_prefix_of(&v("2.5")));
        for (plugin, phone) in [
            ("5.4.3", "5.4.3.1014"),
            ("6.1.5", "6.1.5(a)"),
            ("12.0.7", "12.0.7-MPP0201-66"),
            ("11.3.1", "11-3-1-msr3-3"),
            ("1.4.0.0", "1_4_0_0_57389"),
            ("7.5.5", "7.5.5b"),
        ] {
            assert!(v(plugin).is_prefix_of(&v(phone)), "{plugin} {phone}");
        }
        for (plugin, phone) in
            [("5.4.3", "5.4.30"), ("6.1.5", "6.1.50(a)"), ("11.3.1", "11-3-10-msr1"), ("8.7", "8.70")]
        {
            assert!(!v(plugin).is_prefix_of(&v(phone)), "{plugin} {phone}");
        }
    }

    fn versions() -> impl Strategy<Value = Version> {
        "[0-3ab.r(-]{0,8}|(0|1|10)(\\.(0|1|rc|a)){0,4}".prop_map(|text| v(&text))
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in versions(), b in versions(), c in versions()) {
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert_eq!(a == b, a.cmp(&b).is_eq());
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
        }

        #[test]
        fn equal_versions_hash_alike(a in versions(), b in versions()) {
            use std::hash::BuildHasher;
            let hasher = std::hash::RandomState::new();
            if a == b {
                prop_assert_eq!(hasher.hash_one(&a), hasher.hash_one(&b));
            }
        }

        #[test]
        fn any_text_is_a_version(text in ".*") {
            let version = v(&text);
            prop_assert!(version.is_prefix_of(&version));
        }
    }
}
