//! The check of finished XML: well-formed in the sense of XML 1.0, entities limited to the five
//! predefined ones. Names are compared as written; namespaces are the phone's business.

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::escape::{resolve_xml_entity, unescape};
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::FormatProblem;
use super::check::control_characters;
use super::plain_xml::is_plain;

pub(super) fn check(text: &str) -> Result<(), FormatProblem> {
    control_characters(text)?;
    if is_plain(text) {
        return Ok(());
    }
    thoroughly(text)
}

/// The check of any XML, plain or not, once its characters were checked.
pub(super) fn thoroughly(text: &str) -> Result<(), FormatProblem> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_comments = true;
    config.check_end_names = true;
    config.allow_unmatched_ends = false;
    config.allow_dangling_amp = false;
    let mut document = Document::default();
    loop {
        let start = usize::try_from(reader.buffer_position()).unwrap_or_default();
        match reader.read_event() {
            Ok(Event::Eof) => break,
            Ok(event) => document
                .event(event, start == 0)
                .map_err(|message| FormatProblem::at(text, start, message))?,
            Err(error) => {
                let at = usize::try_from(reader.error_position()).unwrap_or_default();
                return Err(FormatProblem::at(text, at, reason(&error)));
            }
        }
    }
    let missing = match (document.open.last(), document.has_root) {
        (Some(name), _) => format!("the element `{name}` is never closed"),
        (None, false) => "there is no root element".to_owned(),
        (None, true) => return Ok(()),
    };
    Err(FormatProblem::at(text, text.len(), missing))
}

/// The parser's words, without the name of its error type before them.
fn reason(error: &Error) -> String {
    match error {
        Error::Syntax(inner) => inner.to_string(),
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => "a comment holds `--`".to_owned(),
        Error::IllFormed(IllFormedError::UnclosedReference) => "`&` begins no entity".to_owned(),
        Error::IllFormed(inner) => inner.to_string(),
        other => other.to_string(),
    }
}

#[derive(Default)]
struct Document {
    open: Vec<String>,
    has_root: bool,
}

impl Document {
    fn event(&mut self, event: Event<'_>, first: bool) -> Result<(), String> {
        match event {
            Event::Start(start) => {
                self.element(&start)?;
                self.open.push(start.name().as_ref().to_owned());
            }
            Event::Empty(start) => self.element(&start)?,
            Event::End(_) => {
                self.open.pop();
            }
            Event::Text(inner) => {
                let inner = inner.into_inner();
                if inner.contains("]]>") {
                    return Err("text holds `]]>`".to_owned());
                }
                // A byte order mark may begin a document.
                let shown = if first { inner.trim_start_matches('\u{FEFF}') } else { &inner };
                if self.open.is_empty() && !shown.trim_matches(BLANKS).is_empty() {
                    return Err("text stands outside the root element".to_owned());
                }
            }
            Event::CData(_) if self.open.is_empty() => {
                return Err("text stands outside the root element".to_owned());
            }
            Event::GeneralRef(reference) => {
                if self.open.is_empty() {
                    return Err("text stands outside the root element".to_owned());
                }
                known_reference(&reference)?;
            }
            Event::Decl(declaration) => {
                if !first {
                    return Err("the XML declaration must be the first thing in the file".to_owned());
                }
                declaration.version().map_err(|error| reason(&error))?;
            }
            Event::PI(instruction) if instruction.target().eq_ignore_ascii_case("xml") => {
                return Err("the XML declaration must be the first thing in the file".to_owned());
            }
            Event::DocType(_) if self.has_root => {
                return Err("a document type must stand before the root element".to_owned());
            }
            Event::DocType(inner) if inner.contains('[') => {
                return Err("a document type may not declare anything".to_owned());
            }
            Event::CData(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) | Event::Eof => {}
        }
        Ok(())
    }

    fn element(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        if self.open.is_empty() && self.has_root {
            return Err("there is more than one root element".to_owned());
        }
        self.has_root = true;
        if !is_name(start.name().as_ref()) {
            return Err("an element's name is not a name".to_owned());
        }
        let mut end = 0;
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| format!("attribute: {error}"))?;
            let name = attribute.key.as_ref();
            if !is_name(name) {
                return Err("an attribute's name is not a name".to_owned());
            }
            if attribute.value.contains('<') {
                return Err(format!("the value of attribute `{name}` holds `<`"));
            }
            let value = unescape(&attribute.value).map_err(|_| {
                format!("the value of attribute `{name}` holds an unknown entity or a lone `&`")
            })?;
            if value.chars().any(|c| !is_xml_char(c)) {
                return Err(format!("the value of attribute `{name}` refers to a control character"));
            }
            end += 1;
        }
        // The parser takes `a="1"b="2"`; readers in phones may not.
        let raw = start.attributes_raw();
        if end > 1 && !blanks_between(raw) {
            return Err("no blank stands between two attributes".to_owned());
        }
        Ok(())
    }
}

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Whether each closing quote is followed by a blank or the end.
fn blanks_between(raw: &str) -> bool {
    let mut quote = None;
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match quote {
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => {
                quote = None;
                if chars.peek().is_some_and(|next| !BLANKS.contains(next)) {
                    return false;
                }
            }
            _ => {}
        }
    }
    true
}

fn known_reference(reference: &BytesRef<'_>) -> Result<(), String> {
    match reference.resolve_char_ref() {
        Ok(Some(c)) if is_xml_char(c) => Ok(()),
        Ok(None) if resolve_xml_entity(reference).is_some() => Ok(()),
        Ok(None) => Err("an unknown entity; XML knows amp, lt, gt, quot and apos".to_owned()),
        Ok(Some(_)) | Err(_) => Err("a character reference to no XML character".to_owned()),
    }
}

/// XML 1.0, production 2.
fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// XML 1.0, production 5, with everything beyond ASCII allowed.
fn is_name(name: &str) -> bool {
    let start = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':') || !c.is_ascii();
    name.starts_with(start) && name.chars().all(|c| start(c) || c.is_ascii_digit() || matches!(c, '-' | '.'))
}
