//! Escaping of single values.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Write};

use super::{Format, holes};

/// Stands before a value that would become a comment or a section at the start of a line, from escaping
/// until [`super::finish`] takes it out again: escaping does not see where in a line a value goes, the
/// check does. Unicode keeps this code point for such use; no value means anything by it.
pub(super) const MARK: char = '\u{FDD0}';

/// Why a value could not be written. Says nothing of the value but the one character, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EscapeProblem {
    /// The format that refused it.
    pub format: Format,
    /// The character refused.
    pub character: char,
}

impl fmt::Display for EscapeProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.character {
            '\n' | '\r' => "a line break",
            '\t' => "a tab",
            _ => "a control character",
        };
        let number = u32::from(self.character);
        write!(out, "a value holds {name} (U+{number:04X}), which a {} file cannot hold", self.format)
    }
}

thread_local! {
    static PROBLEM: Cell<Option<EscapeProblem>> = const { Cell::new(None) };
}

/// The cause of the last failure of an escape function on this thread, once.
pub fn take_escape_problem() -> Option<EscapeProblem> {
    PROBLEM.take()
}

/// Characters that no value may hold: C0, DEL, C1, the Unicode line ends, and noncharacters.
pub(super) fn refused(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FDD0}'..='\u{FDEF}' | '\u{FFFE}' | '\u{FFFF}')
}

/// A value as it stands in a file of a format.
///
/// # Errors
/// If the value holds a character that the format cannot hold.
pub fn escaped(format: Format, value: &str) -> Result<String, EscapeProblem> {
    let mut out = Vec::with_capacity(value.len() + 8);
    match write(format, value, &mut out) {
        // The only writer is a vector, so a failure has a problem.
        Err(_) => Err(take_escape_problem().unwrap_or(EscapeProblem { format, character: '\0' })),
        Ok(()) => Ok(String::from_utf8_lossy(&out).replace(MARK, "")),
    }
}

/// The engine takes a plain function, so each format has its own.
pub(super) fn function(format: Format) -> tera::EscapeFn {
    match format {
        Format::Xml => |value, out| write(Format::Xml, value, out),
        Format::Ini => |value, out| write(Format::Ini, value, out),
        Format::KeyValue => |value, out| write(Format::KeyValue, value, out),
        Format::Text => |value, out| write(Format::Text, value, out),
        Format::Csv => |value, out| write(Format::Csv, value, out),
        Format::Cli => |value, out| write(Format::Cli, value, out),
    }
}

/// Writes a value, and the holes in it as they are.
fn write(format: Format, value: &str, out: &mut dyn Write) -> io::Result<()> {
    if !holes::allowed() || !value.contains(holes::START) {
        return write_value(format, value, out);
    }
    let parts = holes::parts(value).ok_or(io::ErrorKind::InvalidData)?;
    let joined = parts.iter().filter(|part| !part.is_empty()).count() > 1;
    if joined && !format.joins() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    for part in parts {
        match part {
            holes::Part::Text("") => {}
            holes::Part::Text(text) => write_value(format, text, out)?,
            holes::Part::Hole(_, written) => out.write_all(written.as_bytes())?,
        }
    }
    Ok(())
}

/// Writes a value that holds no hole.
pub(super) fn write_value(format: Format, value: &str, out: &mut dyn Write) -> io::Result<()> {
    let marked = matches!(format, Format::Ini | Format::KeyValue);
    // A value joined from one that was captured after escaping still holds the mark.
    let allowed = |c: char| format == Format::Xml && matches!(c, '\n' | '\t') || marked && c == MARK;
    let plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !plain && let Some(character) = value.chars().find(|c| refused(*c) && !allowed(*c)) {
        let problem = EscapeProblem { format, character };
        PROBLEM.set(Some(problem));
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem.to_string()));
    }
    match format {
        Format::Text => out.write_all(value.as_bytes()),
        Format::Ini | Format::KeyValue => {
            if value.trim_start_matches(' ').starts_with(['#', ';', '[']) {
                write!(out, "{MARK}")?;
            }
            out.write_all(value.as_bytes())
        }
        Format::Xml => replaced(value, out, |byte| match byte {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'>' => Some("&gt;"),
            b'"' => Some("&quot;"),
            b'\'' => Some("&#39;"),
            // A parser turns a bare one of these in an attribute into a blank.
            b'\n' => Some("&#10;"),
            b'\t' => Some("&#9;"),
            _ => None,
        }),
        Format::Csv => {
            let blank_ends = value.starts_with(' ') || value.ends_with(' ');
            if !blank_ends && !value.contains([',', ';', '"']) {
                return out.write_all(value.as_bytes());
            }
            quoted(value, out, |byte| (byte == b'"').then_some("\"\""))
        }
        Format::Cli => {
            let plain = !value.is_empty()
                && !value.starts_with(['#', '!', ';'])
                && !value.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\'));
            if plain {
                return out.write_all(value.as_bytes());
            }
            quoted(value, out, |byte| match byte {
                b'"' => Some("\\\""),
                b'\\' => Some("\\\\"),
                _ => None,
            })
        }
    }
}

fn quoted(value: &str, out: &mut dyn Write, with: impl Fn(u8) -> Option<&'static str>) -> io::Result<()> {
    out.write_all(b"\"")?;
    replaced(value, out, with)?;
    out.write_all(b"\"")
}

/// Writes a value with some ASCII characters replaced, in as few pieces as possible.
fn replaced(value: &str, out: &mut dyn Write, with: impl Fn(u8) -> Option<&'static str>) -> io::Result<()> {
    let bytes = value.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if let Some(replacement) = with(*byte) {
            out.write_all(bytes.get(from..at).unwrap_or_default())?;
            out.write_all(replacement.as_bytes())?;
            from = at + 1;
        }
    }
    out.write_all(bytes.get(from..).unwrap_or_default())
}
