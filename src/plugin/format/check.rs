//! The check of finished texts that are made of lines.

use super::escape::{MARK, refused};
use super::{Format, FormatProblem};

/// Checks a text of any format but XML.
pub(super) fn check(format: Format, text: &str) -> Result<(), FormatProblem> {
    control_characters(text)?;
    match format {
        Format::Ini => lines(text, ini_line),
        Format::KeyValue => lines(text, key_value_line),
        Format::Csv => csv(text),
        Format::Xml | Format::Text | Format::Cli => Ok(()),
    }
}

/// Refuses control characters but tabs and line ends (which a template may hold).
pub(super) fn control_characters(text: &str) -> Result<(), FormatProblem> {
    if has_no_suspect(text) {
        return Ok(());
    }
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let fine = match c {
            '\n' | '\t' | MARK => true,
            '\r' => chars.peek().is_some_and(|(_, next)| *next == '\n'),
            _ => !refused(c),
        };
        if !fine {
            let message = format!("the text holds a control character (U+{:04X})", u32::from(c));
            return Err(FormatProblem::at(text, at, message));
        }
    }
    Ok(())
}

/// Whether no byte of the text may begin a character that is refused. Without early exit inside a chunk, so
/// that it is done in vectors.
fn has_no_suspect(text: &str) -> bool {
    // What C1, U+2028 and the noncharacters begin with in UTF-8, and other characters as well.
    let suspect = |b: u8| {
        ((b < 0x20) & (b != b'\n') & (b != b'\t')) | (b == 0x7f) | (b == 0xc2) | (b == 0xe2) | (b == 0xef)
    };
    !text.as_bytes().chunks(1024).any(|chunk| chunk.iter().fold(false, |odd, b| odd | suspect(*b)))
}

type LineCheck = fn(&str) -> Result<(), &'static str>;

fn lines(text: &str, check: LineCheck) -> Result<(), FormatProblem> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_matches([' ', '\t', '\r', '\n']);
        let problem = if trimmed.starts_with(MARK) {
            Err("a value begins the line and would make it a comment or a section")
        } else {
            check(trimmed)
        };
        if let Err(message) = problem {
            let indent = line.find(trimmed).unwrap_or_default();
            return Err(FormatProblem::at(text, at + indent, message));
        }
        at += line.len();
    }
    Ok(())
}

fn is_blank_or_comment(line: &str) -> bool {
    line.is_empty() || line.starts_with(['#', ';'])
}

fn has_key(line: &str, separators: &[char]) -> bool {
    line.find(separators).is_some_and(|at| at > 0)
}

fn ini_line(line: &str) -> Result<(), &'static str> {
    if let Some(section) = line.strip_prefix('[') {
        return match section.strip_suffix(']') {
            Some(name) if !name.trim().is_empty() && !name.contains(['[', ']']) => Ok(()),
            _ => Err("the line begins like a section and is not `[name]`"),
        };
    }
    if is_blank_or_comment(line) || has_key(line, &['=']) {
        return Ok(());
    }
    Err("the line is neither `[section]` nor `key = value` nor a comment")
}

fn key_value_line(line: &str) -> Result<(), &'static str> {
    if is_blank_or_comment(line) || has_key(line, &['=', ':']) {
        return Ok(());
    }
    Err("the line is neither `key = value` nor `key: value` nor a comment")
}

/// RFC 4180: equal numbers of fields, quotes round whole fields only.
fn csv(text: &str) -> Result<(), FormatProblem> {
    let mut expected = None;
    let mut at = 0;
    while at < text.len() {
        let start = at;
        let mut fields = 0;
        loop {
            fields += 1;
            at = csv_field(text, at)?;
            match text.as_bytes().get(at) {
                Some(b',') => at += 1,
                _ => break,
            }
        }
        let rest = text.get(at..).unwrap_or_default();
        at += rest.find('\n').map_or(rest.len(), |end| end + 1);
        let blank = fields == 1 && text.get(start..at).is_some_and(|record| record.trim().is_empty());
        if blank {
            continue;
        }
        match expected {
            None => expected = Some(fields),
            Some(expected) if expected != fields => {
                let message = format!("the record has {fields} fields, the first has {expected}");
                return Err(FormatProblem::at(text, start, message));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The offset after the field that begins at an offset: a comma's, a line end's, or the text's end.
fn csv_field(text: &str, start: usize) -> Result<usize, FormatProblem> {
    let bytes = text.as_bytes();
    let quoted = bytes.get(start) == Some(&b'"');
    let mut at = start + usize::from(quoted);
    if quoted {
        loop {
            match (bytes.get(at), bytes.get(at + 1)) {
                (None, _) => return Err(FormatProblem::at(text, start, "the quoted field is never closed")),
                (Some(b'"'), Some(b'"')) => at += 2,
                (Some(b'"'), _) => break,
                _ => at += 1,
            }
        }
        at += 1;
        return match bytes.get(at) {
            None | Some(b',' | b'\r' | b'\n') => Ok(at),
            Some(_) => Err(FormatProblem::at(text, at, "text follows the closing quote of a field")),
        };
    }
    while let Some(byte) = bytes.get(at) {
        match byte {
            b',' | b'\r' | b'\n' => break,
            b'"' => return Err(FormatProblem::at(text, at, "a quote stands inside an unquoted field")),
            _ => at += 1,
        }
    }
    Ok(at)
}
