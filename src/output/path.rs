//! Paths below out/.
//!
//! Paths are made of inventory values and plugin patterns, and are read back from a file on disk. An
//! [`OutPath`] can only be had through the check, so that no later step has to ask again.

use std::fmt;

/// How temporary files in out/ begin; no planned path may use it.
pub(super) const TEMP_PREFIX: &str = ".provc-tmp-";

/// What Linux takes in one component, in bytes.
const MAX_COMPONENT: usize = 255;
/// What Linux takes in one path, in bytes, without the closing NUL.
const MAX_PATH: usize = 4095;

/// A relative path that stays below out/ whatever it is joined to: UTF-8, `/` between components, none of
/// them empty, `.` or `..`, no backslash or control character, at most 255 bytes a component and 4095 in all.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OutPath(Box<str>);

impl OutPath {
    /// Checks `path`.
    pub fn new(path: &str) -> Result<Self, PathError> {
        check(path)?;
        Ok(Self(path.into()))
    }

    /// The path as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory, empty for out/ itself.
    pub(super) fn parent(&self) -> &str {
        split(&self.0).0
    }

    /// The last component.
    pub(super) fn name(&self) -> &str {
        split(&self.0).1
    }
}

impl fmt::Display for OutPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a path was refused. Its text completes "the path `x` ...".
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PathError {
    /// Nothing at all.
    Empty,
    /// It begins with `/`.
    Absolute,
    /// Two slashes in a row, or one at the end.
    EmptyComponent,
    /// A component is `.` or `..`.
    Dots(&'static str),
    /// It contains a backslash.
    Backslash,
    /// It contains a control character.
    Control(char),
    /// A component is longer than a file name can be; its length in bytes.
    LongComponent(usize),
    /// The whole is longer than a path can be; its length in bytes.
    TooLong(usize),
    /// A component begins like provc's own temporary files.
    Reserved,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::Absolute => f.write_str("begins with a slash; paths are relative to out/"),
            Self::EmptyComponent => {
                f.write_str("has an empty component (two slashes in a row, or one at the end)")
            }
            Self::Dots(dots) => write!(f, "has the component `{dots}`"),
            Self::Backslash => f.write_str("contains a backslash; components are separated by `/`"),
            Self::Control(c) => write!(f, "contains the control character U+{:04X}", u32::from(*c)),
            Self::LongComponent(n) => {
                write!(f, "has a component of {n} bytes; {MAX_COMPONENT} is the most a file name can have")
            }
            Self::TooLong(n) => write!(f, "is {n} bytes long; {MAX_PATH} is the most a path can have"),
            Self::Reserved => {
                write!(
                    f,
                    "has a component that begins with `{TEMP_PREFIX}`, as provc's own temporary files do"
                )
            }
        }
    }
}

impl std::error::Error for PathError {}

/// Everything before the last slash, and everything after it.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The directories above `path`, nearest first, without out/ itself.
pub(super) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(path.rsplit_once('/'), |(above, _)| above.rsplit_once('/')).map(|(above, _)| above)
}

/// The check behind [`OutPath::new`], for paths that need no copy.
pub(super) fn check(path: &str) -> Result<(), PathError> {
    if path.is_empty() {
        return Err(PathError::Empty);
    }
    if path.starts_with('/') {
        return Err(PathError::Absolute);
    }
    if path.len() > MAX_PATH {
        return Err(PathError::TooLong(path.len()));
    }
    if let Some(c) = path.chars().find(|c| c.is_control()) {
        return Err(PathError::Control(c));
    }
    if path.contains('\\') {
        return Err(PathError::Backslash);
    }
    path.split('/').try_for_each(|component| match component {
        "" => Err(PathError::EmptyComponent),
        "." => Err(PathError::Dots(".")),
        ".." => Err(PathError::Dots("..")),
        _ if component.len() > MAX_COMPONENT => Err(PathError::LongComponent(component.len())),
        _ if component.starts_with(TEMP_PREFIX) => Err(PathError::Reserved),
        _ => Ok(()),
    })
}

/// Whether no run of texts cut from `bytes` needs more than [`is_plain_alone`] to pass [`check`]: one sweep over
/// all paths of a table is many times faster than a look at each.
pub(super) fn all_plain(bytes: &[u8]) -> bool {
    let odd = |byte: u8| !(0x20..0x7f).contains(&byte) || byte == b'\\';
    let dots = |a: u8, b: u8| a == b'/' && (b == b'/' || b == b'.');
    let after = bytes.get(1..).unwrap_or_default();
    // Bytes without an early end: so the compiler takes many of them at a time.
    let odd = bytes.iter().fold(0, |any, byte| any | u8::from(odd(*byte)));
    bytes.iter().zip(after).fold(odd, |any, (a, b)| any | u8::from(dots(*a, *b))) == 0
}

/// What is left to be asked of one path of a plain text.
pub(super) fn is_plain_alone(bytes: &[u8]) -> bool {
    bytes.len() <= MAX_COMPONENT
        && bytes.first().is_some_and(|first| !matches!(first, b'/' | b'.'))
        && bytes.last() != Some(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    #[test]
    fn every_refusal_says_what_is_wrong() {
        let long = "x".repeat(256);
        let deep = "abcdefg/".repeat(600);
        let cases = [
            ("", "is empty"),
            ("/etc/passwd", "begins with a slash"),
            ("a//b", "empty component"),
            ("a/", "empty component"),
            ("a/../b", "`..`"),
            ("./a", "`.`"),
            ("..", "`..`"),
            ("a\\b", "backslash"),
            ("a\0b", "U+0000"),
            ("a\nb", "U+000A"),
            ("a\u{85}b", "U+0085"),
            (&long, "256 bytes"),
            (deep.trim_end_matches('/'), "4799 bytes"),
            ("d/.provc-tmp-3", "temporary"),
        ];
        for (path, text) in cases {
            let message = OutPath::new(path).unwrap_err().to_string();
            assert!(message.contains(text), "{path:?}: {message}");
        }
    }

    #[test]
    fn usual_paths_pass() {
        for path in ["a", "Digium/000fd3054848.cfg", "a/b/c", "...", ".well-known/x", "Büro/日本.xml", "a b"]
        {
            assert_eq!(OutPath::new(path).unwrap().as_str(), path);
        }
        assert_eq!(ancestors("a/b/c").collect::<Vec<_>>(), ["a/b", "a"]);
        assert_eq!(OutPath::new("c").unwrap().parent(), "");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_passes_never_leaves_any_root(path in "[a./\\\\\u{0}\n é~-]{0,12}", root in "(/[a-z]{1,3}){1,3}") {
            if let Ok(path) = OutPath::new(&path) {
                let joined = Path::new(&root).join(path.as_str());
                prop_assert!(joined.starts_with(&root));
                let below = joined.strip_prefix(&root).unwrap();
                prop_assert!(below.components().all(|c| matches!(c, Component::Normal(_))));
                prop_assert!(below.components().count() > 0);
                prop_assert_eq!(below.to_str().unwrap(), path.as_str());
            }
        }

        #[test]
        fn what_is_plain_passes(path in "[ab./\\\\\u{0}é]{0,6}") {
            if all_plain(path.as_bytes()) && is_plain_alone(path.as_bytes()) {
                prop_assert_eq!(check(&path), Ok(()));
            }
        }

        #[test]
        fn any_text_is_answered(path in any::<String>()) {
            let _ = OutPath::new(&path);
        }
    }
}
