//! From YAML nodes to checked values, by the schema. All mistakes of a file are found in one pass.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use super::scalar;
use super::schema::{AUTO, Field, Group, Kind, LINE};
use super::secret::{self, SecretRef, Source};
use super::value::{Datum, Item, Map, Name};
use super::{codes, names};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::yaml::{Key, Node, Scalar, Value, decode};

/// What reading a value needs to know beside the value.
pub struct Reader<'f> {
    /// The inventory directory in which the file was found: certificates are relative to it.
    pub root: &'f Path,
    /// The directory of the file: secret files are relative to it.
    pub dir: &'f Path,
    /// Where mistakes go.
    pub out: &'f mut Diagnostics,
}

impl Reader<'_> {
    /// Runs `read` and tells whether it found an error.
    pub fn watched<T>(&mut self, read: impl FnOnce(&mut Reader<'_>) -> T) -> (T, bool) {
        let mut found = Diagnostics::default();
        let value = read(&mut Reader { root: self.root, dir: self.dir, out: &mut found });
        let broken = found.has_errors();
        self.out.append(found);
        (value, broken)
    }

    /// Reads one value. `None` after a mistake, which has been reported.
    pub fn item(&mut self, kind: Kind, node: &Node<'_>) -> Option<Item> {
        if let Value::Scalar(scalar) = &node.value
            && scalar.is_null()
        {
            return Some(Item { span: node.span, datum: Datum::Removed });
        }
        let datum = match kind {
            Kind::List(kind) => self.list(*kind, node)?,
            Kind::OneOrList(kind) => match &node.value {
                Value::Seq(_) => self.list(*kind, node)?,
                _ => Datum::List(Arc::new(vec![self.item(*kind, node)?])),
            },
            Kind::Group(group) => Datum::Map(Arc::new(self.group(group, node)?)),
            Kind::MapOf(kind) => self.map_of(*kind, node)?,
            Kind::Positions(kind) => self.positions(*kind, node, None)?,
            Kind::FunctionKeys => self.function_keys(node)?,
            Kind::KeyLayout => match &node.value {
                Value::Seq(_) => self.list(Kind::Group(&super::schema::FUNCTION_KEY), node)?,
                _ => self.function_keys(node)?,
            },
            Kind::DeviceLines => match &node.value {
                Value::Seq(nodes) => self.each(nodes, |reader, node| reader.device_line(node)),
                _ => self.map_with(node, |reader, key, node| {
                    // Unlike in a list, a null has a meaning here: it takes the line at that position away.
                    let item =
                        if node.is_null() { reader.item(Kind::Name, node) } else { reader.device_line(node) };
                    Some((reader.position(key)?, item?))
                })?,
            },
            Kind::Free => self.free(node)?,
            Kind::Text | Kind::Password | Kind::Digits => match secret::written(node) {
                Some(written) => self.secret(written, node)?,
                None => self.scalar(kind, node)?,
            },
            Kind::Pem => match (secret::written(node), &node.value) {
                (Some(written), _) => self.secret(written, node)?,
                (None, Value::Scalar(path)) => {
                    self.one_line(&path.text, node.span)?;
                    let source = Source::File(self.root.join(&*path.text));
                    Datum::Secret(Arc::new(SecretRef::new(source, node.span)))
                }
                _ => return self.refuse("the path of a PEM file", "write one path, or a secret", node),
            },
            _ => self.scalar(kind, node)?,
        };
        Some(Item { span: node.span, datum })
    }

    /// Reads a mapping with known fields.
    pub fn group(&mut self, group: &'static Group, node: &Node<'_>) -> Option<Map> {
        let Value::Map(entries) = &node.value else {
            let example = group.fields().next().map_or("name", |field| field.name);
            let help = format!("write its keys and values there, for example `{example}: ...`");
            return self.refuse(&format!("a mapping ({})", group.what), &help, node);
        };
        let mut fields = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            match group.field(&key.text) {
                Some(field) => {
                    let item = self.item(field.kind, value);
                    fields.push((Cow::Borrowed(field.name), item.unwrap_or_else(|| broken(value.span))));
                }
                None => {
                    self.out.push(unknown_key(key, group));
                    // Perhaps a field in a wrong spelling, so that nobody can say which one is missing.
                    fields.push((Cow::Owned(key.text.to_string()), broken(key.span)));
                }
            }
        }
        Some(Map::from_entries(fields))
    }

    fn list(&mut self, kind: Kind, node: &Node<'_>) -> Option<Datum> {
        match &node.value {
            Value::Seq(nodes) => Some(self.each(nodes, |reader, node| reader.entry(kind, node))),
            _ => self.refuse("a list", "write the entries in brackets, or each on a line after `- `", node),
        }
    }

    /// An entry of a list: nothing inherited can be removed there, so a null is a slip.
    fn entry(&mut self, kind: Kind, node: &Node<'_>) -> Option<Item> {
        let item = self.item(kind, node)?;
        if item.datum == Datum::Removed {
            let found = Diagnostic::error(codes::WRONG_TYPE, "an entry of this list is empty");
            self.out.push(found.at(node.span).help("write a value, or take the entry out"));
            return None;
        }
        Some(item)
    }

    fn each(
        &mut self,
        nodes: &[Node<'_>],
        mut read: impl FnMut(&mut Self, &Node<'_>) -> Option<Item>,
    ) -> Datum {
        Datum::List(Arc::new(nodes.iter().filter_map(|node| read(self, node)).collect()))
    }

    fn map_of(&mut self, kind: Kind, node: &Node<'_>) -> Option<Datum> {
        self.map_with(node, |reader, key, value| {
            reader.name(key)?;
            Some((Cow::Owned(key.text.to_string()), reader.item(kind, value)?))
        })
    }

    fn positions(&mut self, kind: Kind, node: &Node<'_>, other: Option<&'static Field>) -> Option<Datum> {
        self.map_with(node, |reader, key, value| match other {
            Some(field) if key.text == field.name => {
                Some((Cow::Borrowed(field.name), reader.item(field.kind, value)?))
            }
            _ => Some((reader.position(key)?, reader.item(kind, value)?)),
        })
    }

    fn function_keys(&mut self, node: &Node<'_>) -> Option<Datum> {
        const AUTO_FIELD: Field = Field { name: "auto", kind: Kind::Group(&AUTO) };
        if matches!(node.value, Value::Seq(_)) {
            let found =
                Diagnostic::error(codes::WRONG_TYPE, "expected function keys by position, found a list");
            self.out.push(found.at(node.span).help(
                "write `1: {type: ..., value: ...}`; only a layout under the section `function_keys` may be a list",
            ));
            return None;
        }
        self.positions(Kind::Group(&super::schema::FUNCTION_KEY), node, Some(&AUTO_FIELD))
    }

    fn device_line(&mut self, node: &Node<'_>) -> Option<Item> {
        match &node.value {
            Value::Map(_) => self.entry(Kind::Group(&LINE), node),
            _ => self.entry(Kind::Name, node),
        }
    }

    /// Reads a mapping entry by entry, joining positions that are one number in two spellings.
    fn map_with(
        &mut self,
        node: &Node<'_>,
        mut read: impl FnMut(&mut Self, &Key<'_>, &Node<'_>) -> Option<(Name, Item)>,
    ) -> Option<Datum> {
        let Value::Map(entries) = &node.value else {
            return self.refuse("a mapping", "write `name: value`, one entry a line", node);
        };
        let mut map: Vec<(Name, Item)> = Vec::with_capacity(entries.len());
        let mut spans: Vec<Span> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let Some((name, item)) = read(self, key, value) else { continue };
            // The text of keys is unique, so only a name that was changed in reading can be there twice.
            let changed = name != key.text;
            if changed && let Some(at) = map.iter().position(|(n, _)| *n == name) {
                let message = format!("position {name} is defined twice");
                let mut found = Diagnostic::error(codes::DEFINED_TWICE, message).at(key.span);
                if let Some(first) = spans.get(at) {
                    found = found.related("first defined here", *first);
                }
                self.out.push(found.help("keep one of the two, or give one another position"));
                continue;
            }
            map.push((name, item));
            spans.push(key.span);
        }
        Some(Datum::Map(Arc::new(Map::from_entries(map))))
    }

    fn position(&mut self, key: &Key<'_>) -> Option<Name> {
        match key.text.parse::<u32>() {
            Ok(n) if (1..=9999).contains(&n) && key.text.bytes().all(|b| b.is_ascii_digit()) => {
                Some(names::position(n))
            }
            _ => {
                let message = format!("`{}` is not a position", key.text);
                let found = Diagnostic::error(codes::BAD_POSITION, message).at(key.span);
                self.out.push(found.help("positions are whole numbers from 1 to 9999"));
                None
            }
        }
    }

    fn name(&mut self, key: &Key<'_>) -> Option<()> {
        if key.text.trim().is_empty() {
            let found = Diagnostic::error(codes::EMPTY_NAME, "a name is empty").at(key.span);
            self.out.push(found.help("give it a name"));
            return None;
        }
        Some(())
    }

    fn free(&mut self, node: &Node<'_>) -> Option<Datum> {
        match &node.value {
            Value::Seq(nodes) => Some(self.each(nodes, |reader, node| reader.entry(Kind::Free, node))),
            Value::Map(_) => match secret::written(node).filter(secret::Written::is_alone) {
                Some(written) => self.secret(written, node),
                None => self.map_of(Kind::Free, node),
            },
            Value::Scalar(scalar) => {
                if scalar.plain
                    && let Some(typed) = scalar::json(&scalar.text)
                {
                    return Some(typed);
                }
                self.one_line(&scalar.text, node.span)?;
                Some(Datum::Text(Arc::from(&*scalar.text)))
            }
        }
    }

    fn secret(&mut self, written: secret::Written<'_, '_>, node: &Node<'_>) -> Option<Datum> {
        match written.read(self.dir) {
            Ok(source) => Some(Datum::Secret(Arc::new(SecretRef::new(source, node.span)))),
            Err(problem) => {
                self.out.push(problem);
                None
            }
        }
    }

    fn scalar(&mut self, kind: Kind, node: &Node<'_>) -> Option<Datum> {
        let Value::Scalar(Scalar { text, .. }) = &node.value else {
            return self.refuse(scalar::expected(kind), "write one value", node);
        };
        if !matches!(kind, Kind::Note) {
            self.one_line(text, node.span)?;
        }
        match scalar::read(kind, text) {
            Ok(datum) => Some(datum),
            Err(problem) => {
                self.out.push(problem.at(node.span));
                None
            }
        }
    }

    /// A value of several lines would add a line to a phone's file.
    fn one_line(&mut self, text: &str, span: Span) -> Option<()> {
        let what = match text.chars().find(|c| c.is_control()) {
            None => return Some(()),
            Some('\n') => "holds a line break",
            Some('\t') => "holds a tab",
            // Whoever read the YAML has refused it.
            Some(_) => return None,
        };
        let help = "a phone's file has no place for it: write the value on one line, in quotes if need be";
        self.out
            .push(Diagnostic::error(codes::NOT_ONE_LINE, format!("this value {what}")).at(span).help(help));
        None
    }

    fn refuse<T>(&mut self, expected: &str, help: &str, node: &Node<'_>) -> Option<T> {
        let found = match &node.value {
            Value::Scalar(_) => "text",
            Value::Seq(_) => "a list",
            Value::Map(_) => "a mapping",
        };
        let message = format!("expected {expected}, found {found}");
        self.out.push(Diagnostic::error(codes::WRONG_TYPE, message).at(node.span).help(help));
        None
    }
}

fn broken(span: Span) -> Item {
    Item { span, datum: Datum::Broken }
}

/// The diagnostic for a key that a group does not have.
pub fn unknown_key(key: &Key<'_>, group: &'static Group) -> Diagnostic {
    let names: Vec<&str> = group.fields().map(|field| field.name).collect();
    decode::unknown_key(key, group.what, &names)
}
