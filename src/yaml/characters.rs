//! Which characters a file may hold.
//!
//! A control character in a value could end a line of a `key = value` file or an argument of a shell
//! command on a phone, so none but tab and newline comes past this module, written raw or by an escape.

use crate::diagnostic::{Diagnostic, Diagnostics, FileId, Span};

use super::codes;

/// A file that is not text at all would otherwise give one message a line.
const MOST_REPORTED: usize = 20;

/// What is known of a text before it is parsed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Survey {
    /// Nothing but printable ASCII, tabs and line breaks.
    Ascii,
    /// More than ASCII, none of it refused.
    Clean,
    /// It holds characters that are refused in values but harmless in comments: C1, U+2028, U+2029, code points that are no characters.
    Doubtful,
    /// It holds characters that no YAML file may hold; they are reported.
    Refused,
}

/// Whether a value may not hold this character.
pub(super) fn is_refused(c: char) -> bool {
    match c {
        '\t' | '\n' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => true,
        _ => is_noncharacter(c),
    }
}

/// Code points that Unicode keeps for a program's own use: XML cannot hold all of them, and phones none.
fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

/// Looks over a whole file once, so that values taken from it as they stand need no look of their own.
pub(super) fn survey(file: FileId, text: &str, out: &mut Diagnostics) -> Survey {
    // Without early exit, so that it is done in vectors.
    let odd = text.as_bytes().chunks(4096).any(|chunk| {
        chunk.iter().fold(0u8, |odd, b| {
            odd | u8::from((*b < 0x20) & (*b != b'\n') & (*b != b'\t') & (*b != b'\r') | (*b >= 0x7f))
        }) != 0
    });
    if !odd {
        return Survey::Ascii;
    }
    let mut found = Survey::Clean;
    let (mut line, mut column) = (1u32, 0u32);
    let (mut reported, mut last_line) = (0, 0);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        column = column.saturating_add(1);
        match c {
            '\n' => (line, column) = (line.saturating_add(1), 0),
            '\r' if chars.peek() != Some(&'\n') => (line, column) = (line.saturating_add(1), 0),
            '\r' | '\t' => {}
            '\0'..='\u{1f}' | '\u{7f}' => {
                found = Survey::Refused;
                if line != last_line && reported < MOST_REPORTED {
                    out.push(refusal(c, Span { file, line, column, len: 1 }));
                    (reported, last_line) = (reported + 1, line);
                }
            }
            _ if is_refused(c) && found != Survey::Refused => found = Survey::Doubtful,
            _ => {}
        }
    }
    found
}

/// The diagnostic for one refused character.
pub(super) fn refusal(c: char, span: Span) -> Diagnostic {
    let name = match c {
        '\0' => "a NUL character".to_owned(),
        '\r' => "a carriage return".to_owned(),
        '\u{1b}' => "an escape character".to_owned(),
        '\u{7f}' => "a delete character".to_owned(),
        '\u{85}' => "a next-line character (U+0085)".to_owned(),
        '\u{2028}' => "a line separator (U+2028)".to_owned(),
        '\u{2029}' => "a paragraph separator (U+2029)".to_owned(),
        _ if is_noncharacter(c) => format!("the code point U+{:04X}, which is no character,", u32::from(c)),
        _ => format!("the control character U+{:04X}", u32::from(c)),
    };
    Diagnostic::error(codes::CONTROL_CHARACTER, format!("{name} is not allowed"))
        .at(span)
        .help("remove it: no value may hold control characters other than tab and newline")
}

/// Bytes of a file as text.
///
/// # Errors
/// A diagnostic with line and column (in characters, from 1) of the first byte that is not UTF-8.
pub fn decode_utf8(file: FileId, bytes: Vec<u8>) -> Result<String, Diagnostic> {
    let error = match String::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(error) => error,
    };
    let bytes = error.as_bytes();
    let good = bytes.get(..error.utf8_error().valid_up_to()).unwrap_or_default();
    let (mut line, mut column) = (1u32, 1u32);
    for c in String::from_utf8_lossy(good).trim_start_matches('\u{feff}').chars() {
        if c == '\n' {
            (line, column) = (line.saturating_add(1), 1);
        } else {
            column = column.saturating_add(1);
        }
    }
    let found = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the file is UTF-16, not UTF-8".to_owned(),
        _ => match bytes.get(good.len()) {
            Some(byte) => format!("byte 0x{byte:02x} is not UTF-8"),
            None => "the file is not UTF-8".to_owned(),
        },
    };
    Err(Diagnostic::error(codes::ENCODING, found)
        .at(Span { file, line, column, len: 1 })
        .help("save the file as UTF-8"))
}
