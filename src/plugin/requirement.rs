//! Which firmware a plugin is for or must not be given to: one version, or bounds such as `>=2,<3`.

use super::version::Version;

/// Bounds that must all hold, such as `<1.0` or `>=2,<3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    text: String,
    bounds: Vec<(Operator, Version)>,
    /// What stands for the whole when plugins are ordered: the highest lower bound, or with none the
    /// lowest upper one.
    reference: Version,
}

/// How a version is held against a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
}

impl Operator {
    fn is_lower(self) -> bool {
        matches!(self, Operator::Greater | Operator::GreaterEqual | Operator::Equal)
    }
}

/// Longer spellings first, so that `<=` is not read as `<`.
const OPERATORS: &[(&str, Operator)] = &[
    ("<=", Operator::LessEqual),
    (">=", Operator::GreaterEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("=", Operator::Equal),
];

impl Requirement {
    /// Reads `OPERATOR VERSION`, several joined by commas; operators are `<`, `<=`, `>`, `>=` and `=`.
    ///
    /// # Errors
    /// A sentence without a full stop that names the part that cannot be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bounds: Vec<_> = text.split(',').map(bound).collect::<Result<_, _>>()?;
        let (lower, upper): (Vec<_>, Vec<_>) = bounds.iter().partition(|(op, _)| op.is_lower());
        let reference = lower.iter().map(|(_, version)| version).max();
        let reference = reference.or_else(|| upper.iter().map(|(_, version)| version).min()).cloned();
        let reference = reference.unwrap_or_else(|| Version::parse(""));
        Ok(Self { text: text.trim().to_owned(), bounds, reference })
    }

    /// Whether a version keeps every bound. A version that begins with a word (`beta`) is neither above nor
    /// below one that begins with a number.
    pub fn matches(&self, version: &Version) -> bool {
        self.bounds.iter().all(|(operator, bound)| match operator {
            _ if version.begins_with_a_word() != bound.begins_with_a_word() => false,
            Operator::Less => version < bound,
            Operator::LessEqual => version <= bound,
            Operator::Greater => version > bound,
            Operator::GreaterEqual => version >= bound,
            Operator::Equal => version == bound,
        })
    }

    /// The bounds as they were written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn bound(part: &str) -> Result<(Operator, Version), String> {
    let part = part.trim();
    let (rest, operator) = OPERATORS
        .iter()
        .find_map(|(sign, operator)| part.strip_prefix(sign).map(|rest| (rest, *operator)))
        .ok_or_else(|| format!("`{part}` does not begin with one of < <= > >= ="))?;
    let version = Version::parse(rest);
    if version.is_empty() {
        return Err(format!("`{part}` names no version"));
    }
    Ok((operator, version))
}

/// The firmware a plugin is written for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// One version, or the beginning of several where the plugin says `firmware_match: prefix`.
    Version(Version),
    /// Every version within bounds.
    Range(Requirement),
}

/// What counts as the same version (`firmware_match`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FirmwareMatch {
    /// Equal as versions.
    #[default]
    Exact,
    /// The plugin's version begins the phone's.
    Prefix,
}

impl Firmware {
    /// Reads a version, or bounds where the text begins with an operator.
    ///
    /// # Errors
    /// As [`Requirement::parse`]; also for a text without a version.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim_start().starts_with(['<', '>', '=']) {
            return Requirement::parse(text).map(Firmware::Range);
        }
        let version = Version::parse(text);
        if version.is_empty() {
            return Err(format!("`{text}` names no version"));
        }
        Ok(Firmware::Version(version))
    }

    /// Whether a phone's firmware is the one that the plugin is written for; `compared` is what is compared
    /// of it, which bounds are held against.
    pub fn matches(&self, phone: &Version, compared: &Version, how: FirmwareMatch) -> bool {
        match (self, how) {
            (Firmware::Range(range), _) => range.matches(compared),
            (Firmware::Version(version), FirmwareMatch::Exact) => version == phone,
            (Firmware::Version(version), FirmwareMatch::Prefix) => {
                version == phone || version.is_prefix_of(phone)
            }
        }
    }

    /// The version that stands for it when plugins are ordered: itself, or a range's lower bound (its
    /// upper one where it has no lower).
    pub fn reference(&self) -> &Version {
        match self {
            Firmware::Version(version) => version,
            Firmware::Range(range) => &range.reference,
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        match self {
            Firmware::Version(version) => version.as_str(),
            Firmware::Range(range) => range.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_together() {
        let range = Requirement::parse(">=2, <3").unwrap();
        for (version, inside) in
            [("1.9", false), ("2", true), ("2.8.1", true), ("3.0", false), ("3.0-rc1", true)]
        {
            assert_eq!(range.matches(&Version::parse(version)), inside, "{version}");
        }
        assert_eq!(range.as_str(), ">=2, <3");
        assert!(Requirement::parse("=1.4").unwrap().matches(&Version::parse("1.4.0.0")));
        assert!(Requirement::parse("<=1.4").unwrap().matches(&Version::parse("1.4")));
        assert!(!Requirement::parse(">1.4").unwrap().matches(&Version::parse("1.4")));
        for bound in ["<70", ">70", "=70"] {
            assert!(!Requirement::parse(bound).unwrap().matches(&Version::parse("latest")), "{bound}");
        }
    }

    #[test]
    fn what_is_no_requirement_is_named() {
        assert_eq!(Requirement::parse(">=2,3").unwrap_err(), "`3` does not begin with one of < <= > >= =");
        assert_eq!(Requirement::parse("<").unwrap_err(), "`<` names no version");
        assert_eq!(Firmware::parse("...").unwrap_err(), "`...` names no version");
    }

    #[test]
    fn firmware_is_a_version_a_prefix_or_a_range() {
        let phone = Version::parse("2.8.1");
        let is = |spec: &str, how| Firmware::parse(spec).unwrap().matches(&phone, &phone, how);
        assert!(is("2.8.1", FirmwareMatch::Exact));
        assert!(!is("2.8", FirmwareMatch::Exact));
        assert!(is("2.8", FirmwareMatch::Prefix));
        assert!(!is("2.8.1.5", FirmwareMatch::Prefix));
        assert!(is(">=2,<3", FirmwareMatch::Exact));
        assert!(!is(">=3", FirmwareMatch::Prefix));
    }

    #[test]
    fn a_range_is_ordered_by_its_lower_bound() {
        assert_eq!(Firmware::parse(">=2,<3").unwrap().reference().as_str(), "2");
        assert_eq!(Firmware::parse("<3").unwrap().reference().as_str(), "3");
        assert_eq!(Firmware::parse("2.8.1").unwrap().reference().as_str(), "2.8.1");
    }
}
