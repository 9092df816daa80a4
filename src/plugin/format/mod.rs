//! How a file is written: the escaping of every value, the check of the finished text, its encoding.
//!
//! The rule that holds in every format: a value can never add an element, an attribute, a line or a
//! section. Escaping sees to it where a value stands where values belong; the check of the finished text
//! sees to the rest (a value in the place of an element's name, at the start of an ini line). That is why
//! both live here, and why neither can be turned off.
//!
//! | format | a value is | the finished text is |
//! |---|---|---|
//! | `xml` | written with `&amp;` `&lt;` `&gt;` `&quot;` `&#39;`; newline and tab (a PEM) as `&#10;` `&#9;` | well-formed XML 1.0 |
//! | `ini` | written as it is | `[section]`, `key = value`, comments `;` `#`, blank lines |
//! | `keyvalue` | written as it is | `key = value` or `key: value`, comments `;` `#`, blank lines |
//! | `csv` | quoted when it holds a comma, a semicolon, a quote or blanks at its ends; quotes doubled | records of equal length |
//! | `cli` | quoted when empty or holding blanks, quotes or backslashes, which get a backslash, or when it begins like a comment | free of control characters |
//! | `text` | written as it is | free of control characters |
//!
//! Control characters in a value are refused in every format; so are the line and paragraph separators
//! U+2028 and U+2029 and the code points that Unicode reserves for internal use. In `ini` and `keyvalue`
//! blanks round a value and a `#` or `;` in it are left alone: no quoting is known to all phones that read
//! these formats, feature codes begin with `#`, and neither can add a line. Only at the start of a line,
//! where a value that begins with `#`, `;` or `[` would become a comment or a section, are they refused.

mod check;
mod encoding;
mod escape;
mod finish;
pub mod holes;
mod plain_xml;
mod stencil;
mod xml;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use encoding::{Encoding, OnUnencodable};
pub use escape::{EscapeProblem, escaped, take_escape_problem};
pub use finish::{BlankLines, Finish, Newline, finish};
pub use stencil::{Holed, Stencil};

use std::fmt;

/// The way a file is written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Format {
    /// XML 1.0.
    Xml,
    /// `[section]` and `key = value`.
    Ini,
    /// `key = value`, `key=value` or `key: value`.
    KeyValue,
    /// Anything else in lines.
    Text,
    /// Comma-separated values (RFC 4180).
    Csv,
    /// A script of commands, one a line.
    Cli,
}

impl Format {
    /// All formats, in the order of the manual.
    pub const ALL: [Self; 6] = [Self::Xml, Self::Ini, Self::KeyValue, Self::Text, Self::Csv, Self::Cli];

    /// The format's name in a manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xml => "xml",
            Self::Ini => "ini",
            Self::KeyValue => "keyvalue",
            Self::Text => "text",
            Self::Csv => "csv",
            Self::Cli => "cli",
        }
    }

    /// The format of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The encoding of files whose manifest names none: UTF-8, but ASCII for command-line scripts, whose
    /// readers are terminals.
    pub const fn default_encoding(self) -> Encoding {
        match self {
            Self::Cli => Encoding::Ascii,
            _ => Encoding::Utf8,
        }
    }

    /// Whether two values written as one are the same as both written one after the other.
    pub(super) const fn joins(self) -> bool {
        matches!(self, Self::Xml | Self::Text)
    }

    /// The function that a template engine calls for every value it writes. When it fails, the cause is
    /// in [`take_escape_problem`]: the engine loses it.
    pub fn escape_fn(self) -> tera::EscapeFn {
        escape::function(self)
    }

    /// Checks a finished text.
    ///
    /// # Errors
    /// The first place where the text is not what its format asks for. The message never quotes a value.
    pub fn check(self, text: &str) -> Result<(), FormatProblem> {
        match self {
            Self::Xml => xml::check(text),
            _ => check::check(self, text),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// What is wrong with a finished text, and where in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FormatProblem {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// In lower case, without a full stop; never quotes a value.
    pub message: String,
    /// Whether it is a character that the encoding does not have, which is the inventory's affair; all else
    /// is the template's.
    pub unencodable: bool,
}

impl FormatProblem {
    /// A problem at a byte offset of a text.
    fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let in_line = before.get(line_start..).unwrap_or_default();
        Self {
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            // The mark is of our own making and not in the finished file.
            column: in_line.chars().filter(|c| *c != escape::MARK).count() + 1,
            message: message.into(),
            unencodable: false,
        }
    }
}

impl fmt::Display for FormatProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}
