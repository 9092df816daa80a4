//! Files that are the same for many devices but for some texts: rendered once, filled for each.
//!
//! A filled file has the very bytes that rendering it for the device would give: a value is escaped as the
//! engine escapes it, and the file is finished as every file is. For XML most of that is done once: where
//! all holes of a well-formed file stand in attributes and between tags, no escaped value can change that
//! it is well-formed, nor which of its lines are blank, as no value is.

use super::escape::write_value;
use super::holes::{Hole, Part, parts};
use super::{BlankLines, Encoding, Finish, Format, Newline, finish};
use crate::plugin::filters::respell;
use crate::plugin::templates::MAX_OUTPUT;

/// A text with holes.
#[derive(Debug)]
pub struct Holed {
    literal: String,
    /// The holes, each with the place in `literal` that it stands at.
    holes: Vec<(usize, Hole)>,
}

impl Holed {
    /// Reads a rendered text. `None` if something in it only looks like a hole.
    pub fn new(text: &str) -> Option<Self> {
        let mut holed = Self { literal: String::with_capacity(text.len()), holes: Vec::new() };
        for part in parts(text)? {
            match part {
                Part::Text(text) => holed.literal.push_str(text),
                Part::Hole(hole, _) => holed.holes.push((holed.literal.len(), hole)),
            }
        }
        holed.literal.shrink_to_fit();
        Some(holed)
    }

    /// The text with values, by the numbers of the holes. `None` if a value cannot stand there.
    pub fn fill(&self, format: Format, values: &[&str]) -> Option<String> {
        String::from_utf8(self.bytes(format, values)?).ok()
    }

    fn bytes(&self, format: Format, values: &[&str]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(self.literal.len() + 32 * self.holes.len());
        let mut from = 0;
        for (to, hole) in &self.holes {
            out.extend_from_slice(self.literal.get(from..*to)?.as_bytes());
            from = *to;
            let value = values.get(hole.number)?;
            match &hole.mac {
                None => write_value(format, value, &mut out).ok()?,
                Some((sep, upper)) => write_value(format, &respell(value, sep, *upper)?, &mut out).ok()?,
            }
        }
        out.extend_from_slice(self.literal.get(from..)?.as_bytes());
        Some(out)
    }

    /// The text with the same in all holes.
    fn with(&self, value: &str) -> String {
        let mut out = String::with_capacity(self.literal.len() + value.len() * self.holes.len());
        let mut from = 0;
        for (to, _) in &self.holes {
            out.push_str(self.literal.get(from..*to).unwrap_or_default());
            out.push_str(value);
            from = *to;
        }
        out.push_str(self.literal.get(from..).unwrap_or_default());
        out
    }

    /// How much memory it takes, in bytes, about.
    pub fn size(&self) -> usize {
        self.literal.len() + self.holes.len() * size_of::<(usize, Hole)>()
    }
}

/// A file with holes.
#[derive(Debug)]
pub struct Stencil {
    text: Holed,
    /// The length of the rendered text with its holes.
    length: usize,
    format: Format,
    finish: Finish,
    /// Whether the text is finished but for its encoding.
    finished: bool,
}

impl Stencil {
    /// Takes a text rendered with holes. `None` if it has a mistake.
    pub fn new(format: Format, text: String, finish: &Finish) -> Option<Self> {
        let length = text.len();
        let (format, finish) = (format, *finish);
        Some(match finished(format, &text, &finish) {
            Some(text) => Self { text: Holed::new(&text)?, length, format, finish, finished: true },
            None => Self { text: Holed::new(&text)?, length, format, finish, finished: false },
        })
    }

    /// The file with values, by the numbers of the holes; none of them is blank. `None` if it has to be
    /// rendered, for a mistake perhaps.
    pub fn fill(&self, values: &[&str]) -> Option<Vec<u8>> {
        let bytes = self.text.bytes(self.format, values)?;
        // The blank lines taken out count as well.
        if self.length + bytes.len() > MAX_OUTPUT {
            return None;
        }
        // What would end a CDATA section must be looked for where text stands.
        let sound = self.finished && !values.iter().any(|value| value.contains(']'));
        if sound && self.finish.encoding == Encoding::Utf8 {
            return Some(bytes);
        }
        let text = String::from_utf8(bytes).ok()?;
        match sound {
            true => self.finish.encoding.encode(self.format, text, self.finish.on_unencodable).ok(),
            // To finish what is finished changes nothing.
            false => finish(self.format, text, &self.finish).ok(),
        }
    }

    /// How much memory it takes, in bytes, about.
    pub fn size(&self) -> usize {
        self.text.size() + size_of::<Self>()
    }
}

/// The text finished but for its encoding, if that holds for any values.
fn finished(format: Format, text: &str, options: &Finish) -> Option<String> {
    if format != Format::Xml {
        return None;
    }
    let text = match options.blank_lines {
        BlankLines::Drop => finish::without_blank_lines(text.to_owned()),
        BlankLines::Keep => text.to_owned(),
    };
    let holed = Holed::new(&text)?;
    // Not ASCII, as values may not be either: the declaration then has to be right.
    let example = if holed.holes.is_empty() { holed.literal } else { holed.with("\u{e9}") };
    format.check(&example).ok()?;
    finish::declared_encoding(&example, options.encoding).ok()?;
    if !super::plain_xml::is_plain(&text) {
        return None;
    }
    Some(match options.newline {
        Newline::Lf => text,
        Newline::Crlf => finish::with_crlf(&text),
    })
}
