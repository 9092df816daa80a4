//! Typed values from nodes, for small files: manifests and `provc.yaml`.
//!
//! Every function reports what it does not like and gives back nothing, so that a caller decodes the whole
//! file and all mistakes come out at once. `what` names the value in messages, as the user would: `jobs`,
//! `an entry of inventory`.

use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::diagnostic::{Diagnostic, Diagnostics, Span, nearest};

use super::{Key, Node, Value, codes};

/// A value and where it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

/// The keys of one mapping, handed out by name; [`Fields::finish`] reports those nobody asked for.
pub struct Fields<'n, 'a> {
    entries: &'n [(Key<'a>, Node<'a>)],
    span: Span,
    what: String,
    asked: Vec<&'static str>,
    ignored_prefix: Option<&'static str>,
}

impl<'n, 'a> Fields<'n, 'a> {
    /// The keys of a node that must be a mapping; a null is one without keys.
    pub fn of(node: &'n Node<'a>, what: &str, out: &mut Diagnostics) -> Option<Self> {
        let entries = match &node.value {
            Value::Map(entries) => entries.as_slice(),
            Value::Scalar(scalar) if scalar.is_null() => &[],
            _ => {
                wrong_shape(node, what, "a mapping", out);
                return None;
            }
        };
        Some(Self {
            entries,
            span: node.span,
            what: what.to_owned(),
            asked: Vec::new(),
            ignored_prefix: None,
        })
    }

    /// Leaves keys with this prefix alone (`x-`).
    #[must_use]
    pub fn ignoring(mut self, prefix: &'static str) -> Self {
        self.ignored_prefix = Some(prefix);
        self
    }

    /// The place of the mapping.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The node under a known key; a null counts as absent.
    pub fn get(&mut self, name: &'static str) -> Option<&'n Node<'a>> {
        self.get_or_null(name).filter(|node| !node.is_null())
    }

    /// The node under a known key, null or not.
    pub fn get_or_null(&mut self, name: &'static str) -> Option<&'n Node<'a>> {
        self.asked.push(name);
        self.entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
    }

    /// Like [`Fields::get`]; its absence is a mistake.
    pub fn required(&mut self, name: &'static str, out: &mut Diagnostics) -> Option<&'n Node<'a>> {
        let node = self.get(name);
        if node.is_none() {
            let message = format!("{} has no `{name}`", self.what);
            out.push(
                Diagnostic::error(codes::MISSING_KEY, message)
                    .at(self.span)
                    .help(format!("add `{name}:` with its value")),
            );
        }
        node
    }

    /// A known key decoded by one of this module's functions, or another of the same form:
    /// `fields.read("jobs", out, |node, what, out| integer(node, what, 1..=512, out))`.
    pub fn read<T>(
        &mut self,
        name: &'static str,
        out: &mut Diagnostics,
        decode: impl FnOnce(&'n Node<'a>, &str, &mut Diagnostics) -> Option<T>,
    ) -> Option<T> {
        self.get(name).and_then(|node| decode(node, &format!("`{name}`"), out))
    }

    /// A text under a known key.
    pub fn text(&mut self, name: &'static str, out: &mut Diagnostics) -> Option<Spanned<String>> {
        self.read(name, out, text)
    }

    /// A text that must be there.
    pub fn required_text(&mut self, name: &'static str, out: &mut Diagnostics) -> Option<Spanned<String>> {
        self.required(name, out).and_then(|node| text(node, &format!("`{name}`"), out))
    }

    /// A true or false under a known key.
    pub fn boolean(&mut self, name: &'static str, out: &mut Diagnostics) -> Option<bool> {
        self.read(name, out, boolean)
    }

    /// Reports every key that was not asked for.
    pub fn finish(self, out: &mut Diagnostics) {
        for (key, _) in self.entries {
            let ignored = self.ignored_prefix.is_some_and(|prefix| key.text.starts_with(prefix));
            if !ignored && !self.asked.contains(&&*key.text) {
                out.push(unknown_key(key, &self.what, &self.asked));
            }
        }
    }
}

/// The diagnostic for a key that means nothing in `what`, with the nearest of those that do.
pub fn unknown_key(key: &Key<'_>, what: &str, known: &[&str]) -> Diagnostic {
    // In `{password:secret}` the whole is a key, so nothing after a colon is repeated.
    let (name, shown) = match key.text.split_once(':') {
        Some((name, _)) => (name, format!("{name}:...")),
        None => (&*key.text, key.text.to_string()),
    };
    let help = match nearest(name, known.iter().copied()) {
        Some(near) if name.len() < key.text.len() => format!("write a blank after the colon: `{near}: ...`"),
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "no keys are allowed here".to_owned(),
        None => format!("the keys here are {}", listed(known)),
    };
    Diagnostic::error(codes::UNKNOWN_KEY, format!("unknown key `{shown}` in {what}")).at(key.span).help(help)
}

/// Reports that a node has another shape than wanted: "`jobs`: expected a number, found a list".
pub fn wrong_shape(node: &Node<'_>, what: &str, expected: &str, out: &mut Diagnostics) {
    let message = format!("{what}: expected {expected}, found {}", node.kind_name());
    out.push(
        Diagnostic::error(codes::WRONG_SHAPE, message).at(node.span).label(format!("expected {expected}")),
    );
}

fn scalar<'n>(node: &'n Node<'_>, what: &str, expected: &str, out: &mut Diagnostics) -> Option<&'n str> {
    match &node.value {
        Value::Scalar(scalar) if !scalar.is_null() => Some(&scalar.text),
        _ => {
            wrong_shape(node, what, expected, out);
            None
        }
    }
}

/// A text, exactly as written; quoted it may be empty.
pub fn text(node: &Node<'_>, what: &str, out: &mut Diagnostics) -> Option<Spanned<String>> {
    let text = scalar(node, what, "a text", out)?;
    Some(Spanned { value: text.to_owned(), span: node.span })
}

/// `true` or `false`; other spellings are named in the help.
pub fn boolean(node: &Node<'_>, what: &str, out: &mut Diagnostics) -> Option<bool> {
    let text = scalar(node, what, "true or false", out)?;
    let meant = match text {
        "true" => return Some(true),
        "false" => return Some(false),
        _ => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" | "y" => Some("true"),
            "false" | "no" | "off" | "0" | "n" => Some("false"),
            _ => None,
        },
    };
    let message = format!("{what}: expected true or false, found `{text}`");
    out.push(
        Diagnostic::error(codes::NOT_A_CHOICE, message)
            .at(node.span)
            .maybe_help(meant.map(|word| format!("write `{word}`"))),
    );
    None
}

/// A whole decimal number within bounds.
pub fn integer<T>(node: &Node<'_>, what: &str, range: RangeInclusive<T>, out: &mut Diagnostics) -> Option<T>
where
    T: TryFrom<i64> + PartialOrd + Display,
{
    let text = scalar(node, what, "a number", out)?;
    let number = text.parse::<i64>().ok().and_then(|n| T::try_from(n).ok()).filter(|n| range.contains(n));
    if number.is_none() {
        let (low, high) = (range.start(), range.end());
        let message = format!("{what}: expected a number from {low} to {high}, found `{text}`");
        out.push(Diagnostic::error(codes::NOT_A_NUMBER, message).at(node.span));
    }
    number
}

/// One of several words, each standing for a value.
pub fn one_of<T: Clone>(
    node: &Node<'_>,
    what: &str,
    choices: &[(&str, T)],
    out: &mut Diagnostics,
) -> Option<T> {
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    let text = scalar(node, what, &format!("one of {}", listed(&words)), out)?;
    if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
        return Some(value.clone());
    }
    let help = match nearest(text, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write one of {}", listed(&words)),
    };
    let message = format!("{what}: `{text}` is not one of {}", listed(&words));
    out.push(Diagnostic::error(codes::NOT_A_CHOICE, message).at(node.span).help(help));
    None
}

/// A list, each item decoded; items with mistakes are left out, and their mistakes reported.
pub fn list_of<'n, 'a, T>(
    node: &'n Node<'a>,
    what: &str,
    out: &mut Diagnostics,
    mut item: impl FnMut(&'n Node<'a>, &str, &mut Diagnostics) -> Option<T>,
) -> Option<Vec<T>> {
    let Value::Seq(items) = &node.value else {
        wrong_shape(node, what, "a list", out);
        return None;
    };
    let what = format!("an entry of {what}");
    Some(items.iter().filter_map(|node| item(node, &what, out)).collect())
}

/// A list, or one item without the brackets.
pub fn one_or_list<'n, 'a, T>(
    node: &'n Node<'a>,
    what: &str,
    out: &mut Diagnostics,
    mut item: impl FnMut(&'n Node<'a>, &str, &mut Diagnostics) -> Option<T>,
) -> Option<Vec<T>> {
    match &node.value {
        Value::Seq(_) => list_of(node, what, out, item),
        _ => item(node, what, out).map(|one| vec![one]),
    }
}

/// A mapping with free keys, in the order written; entries with mistakes are left out, and reported.
pub fn map_of<'n, 'a, T>(
    node: &'n Node<'a>,
    what: &str,
    out: &mut Diagnostics,
    mut value: impl FnMut(&'n Node<'a>, &str, &mut Diagnostics) -> Option<T>,
) -> Option<Vec<(Spanned<String>, T)>> {
    let Value::Map(entries) = &node.value else {
        wrong_shape(node, what, "a mapping", out);
        return None;
    };
    let entries = entries.iter().filter_map(|(key, node)| {
        let name = Spanned { value: key.text.to_string(), span: key.span };
        value(node, &format!("`{}` in {what}", key.text), out).map(|value| (name, value))
    });
    Some(entries.collect())
}

/// Names in a sentence: "`a`, `b` and `c`".
fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::FileId;
    use crate::yaml::parse;

    #[derive(Debug, Default, PartialEq)]
    struct Settings {
        out: Option<String>,
        jobs: Option<u16>,
        verify: Option<bool>,
        newline: Option<char>,
        inventory: Vec<String>,
        sites: Vec<(String, Vec<String>)>,
    }

    fn decode(source: &str) -> (Settings, Vec<String>) {
        let mut out = Diagnostics::default();
        let node = parse(FileId(0), source, &mut out).unwrap();
        let mut settings = Settings::default();
        if let Some(mut fields) = Fields::of(&node, "provc.yaml", &mut out) {
            let name =
                |node: &Node<'_>, what: &str, out: &mut Diagnostics| Some(text(node, what, out)?.value);
            settings.out = fields.required_text("out", &mut out).map(|out| out.value);
            settings.jobs =
                fields.read("jobs", &mut out, |node, what, out| integer(node, what, 1..=512, out));
            settings.verify = fields.boolean("verify", &mut out);
            settings.newline = fields.read("newline", &mut out, |node, what, out| {
                one_of(node, what, &[("lf", '\n'), ("crlf", '\r')], out)
            });
            settings.inventory = fields
                .read("inventory", &mut out, |node, what, out| one_or_list(node, what, out, name))
                .unwrap_or_default();
            settings.sites = fields
                .read("sites", &mut out, |node, what, out| {
                    map_of(node, what, out, |node, what, out| list_of(node, what, out, name))
                })
                .unwrap_or_default()
                .into_iter()
                .map(|(name, list)| (name.value, list))
                .collect();
            fields.ignoring("x-").finish(&mut out);
        }
        let said = out.iter().map(|d| {
            let span = d.span.unwrap();
            let help = d.help.as_deref().unwrap_or("-");
            format!("{} {}:{} {} | {help}", d.code.0, span.line, span.column, d.message)
        });
        (settings, said.collect())
    }

    #[test]
    fn a_good_file() {
        let (settings, said) = decode(
            "out: o\njobs: 4\nverify: true\nnewline: crlf\ninventory: one\nsites: {a: [x, \"1\"], b: []}\nx-y: 1\n",
        );
        assert_eq!(said, [""; 0]);
        let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let expected = Settings {
            out: Some("o".to_owned()),
            jobs: Some(4),
            verify: Some(true),
            newline: Some('\r'),
            inventory: strings(&["one"]),
            sites: vec![("a".to_owned(), strings(&["x", "1"])), ("b".to_owned(), Vec::new())],
        };
        assert_eq!(settings, expected);
        let (settings, said) = decode("out: o\njobs:\nverify: ~\ninventory: [a, b]\n");
        assert_eq!((settings.jobs, settings.verify, settings.inventory.len()), (None, None, 2));
        assert_eq!(said, [""; 0]);
    }

    #[test]
    fn all_mistakes_of_a_file_are_reported() {
        let (_, said) = decode(
            "jobs: 1000\nverify: yes\nnewline: crfl\ninventory: [a, [b]]\nsites: [x]\nverfy: 1\njobs:4:\nqqqqqqqq: 1\n",
        );
        assert_eq!(
            said,
            [
                "PV0124 1:1 provc.yaml has no `out` | add `out:` with its value",
                "PV0123 1:7 `jobs`: expected a number from 1 to 512, found `1000` | -",
                "PV0122 2:9 `verify`: expected true or false, found `yes` | write `true`",
                "PV0122 3:10 `newline`: `crfl` is not one of `lf` and `crlf` | did you mean `crlf`?",
                "PV0120 4:16 an entry of `inventory`: expected a text, found a list | -",
                "PV0120 5:8 `sites`: expected a mapping, found a list | -",
                "PV0121 6:1 unknown key `verfy` in provc.yaml | did you mean `verify`?",
                "PV0121 7:1 unknown key `jobs:...` in provc.yaml | write a blank after the colon: `jobs: ...`",
                "PV0121 8:1 unknown key `qqqqqqqq` in provc.yaml | the keys here are `out`, `jobs`, `verify`, \
                 `newline`, `inventory` and `sites`",
            ]
        );
        let (_, said) = decode("[1]");
        assert_eq!(said, ["PV0120 1:1 provc.yaml: expected a mapping, found a list | -"]);
    }
}
