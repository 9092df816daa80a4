//! From a rendered text to the bytes of a file.

use super::escape::MARK;
use super::{Encoding, Format, FormatProblem, OnUnencodable};

/// How a rendered text becomes bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finish {
    /// What becomes of lines that hold only blanks.
    pub blank_lines: BlankLines,
    /// How lines end.
    pub newline: Newline,
    /// The encoding.
    pub encoding: Encoding,
    /// What becomes of characters that the encoding does not have.
    pub on_unencodable: OnUnencodable,
}

impl Finish {
    /// What holds for a file whose manifest says nothing.
    pub const fn default_of(format: Format) -> Self {
        Self {
            blank_lines: BlankLines::Drop,
            newline: Newline::Lf,
            encoding: format.default_encoding(),
            on_unencodable: OnUnencodable::Replace,
        }
    }
}

/// What becomes of lines that hold only blanks (space, tab): most are left by a template's tags.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BlankLines {
    /// They are taken out.
    #[default]
    Drop,
    /// They stay.
    Keep,
}

/// How lines end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Newline {
    /// As in the template.
    #[default]
    Lf,
    /// With CR LF, also where the template has LF alone.
    Crlf,
}

/// Finishes a rendered text: takes out blank lines, checks the rest, ends the lines, encodes. No other
/// byte changes.
///
/// # Errors
/// Where the text is not what its format asks for, or holds a character that its encoding does not have
/// and that may not be replaced. Lines are counted without the blank ones taken out.
pub fn finish(format: Format, text: String, options: &Finish) -> Result<Vec<u8>, FormatProblem> {
    let text = match options.blank_lines {
        BlankLines::Drop => without_blank_lines(text),
        BlankLines::Keep => text,
    };
    format.check(&text)?;
    if format == Format::Xml {
        declared_encoding(&text, options.encoding)?;
    }
    let text = if text.contains(MARK) { text.replace(MARK, "") } else { text };
    let text = match options.newline {
        Newline::Lf => text,
        Newline::Crlf => with_crlf(&text),
    };
    options.encoding.encode(format, text, options.on_unencodable)
}

fn is_blank(line: &str) -> bool {
    line.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

pub(super) fn without_blank_lines(text: String) -> String {
    let Some(first) = first_blank_line(&text) else { return text };
    let (kept, rest) = text.split_at_checked(first).unwrap_or((&text, ""));
    let mut out = String::with_capacity(text.len());
    out.push_str(kept);
    for line in lines(rest).filter(|line| !is_blank(line)) {
        out.push_str(line);
    }
    out
}

fn first_blank_line(text: &str) -> Option<usize> {
    let mut at = 0;
    for line in lines(text) {
        if is_blank(line) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

/// The lines with their ends, as `split_inclusive('\n')` has them, in a third of its time.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at_checked(end)?;
        rest = after;
        (!line.is_empty()).then_some(line)
    })
}

pub(super) fn with_crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for line in text.split_inclusive('\n') {
        match line.strip_suffix('\n') {
            Some(body) => {
                out.push_str(body.strip_suffix('\r').unwrap_or(body));
                out.push_str("\r\n");
            }
            None => out.push_str(line),
        }
    }
    out
}

/// A declaration that names another encoding than the file's makes a phone misread every accent, so it is
/// a mistake as soon as there is one.
pub(super) fn declared_encoding(text: &str, encoding: Encoding) -> Result<(), FormatProblem> {
    if text.is_ascii() || !text.starts_with("<?xml") {
        return Ok(());
    }
    let declaration = text.split("?>").next().unwrap_or_default();
    let Some(value) = declaration.split("encoding").nth(1) else { return Ok(()) };
    let named = value.trim_matches(|c: char| c == '=' || c.is_whitespace());
    let named = named.split(['"', '\'']).nth(1).unwrap_or_default();
    if Encoding::from_name(named) == Some(encoding) {
        return Ok(());
    }
    let message = format!("the declaration names the encoding `{named}`, the file is {}", encoding.name());
    Err(FormatProblem::at(text, 0, message))
}
