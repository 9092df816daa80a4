//! What the parser says, in words for people who write inventories.

use saphyr_parser::ScanError;

use crate::diagnostic::{Code, Diagnostic, FileId, Span};

use super::place::Offsets;
use super::{codes, parse, place};

/// What the parser says, what we say, and the way out.
struct Saying {
    /// A part of the parser's own words.
    when: &'static str,
    code: Code,
    message: &'static str,
    help: &'static str,
}

const fn saying(when: &'static str, code: Code, message: &'static str, help: &'static str) -> Saying {
    Saying { when, code, message, help }
}

const UNTABBED: &str = "indent with spaces; YAML does not allow tabs there";
const QUOTE: &str = "put the value in quotes";

/// In order: the first that fits counts.
const SAYINGS: &[Saying] = &[
    saying("tab", codes::TAB_INDENTATION, "a tab is used to indent", UNTABBED),
    saying(
        "found unexpected end of stream",
        codes::UNCLOSED,
        "a quoted text is never closed",
        "add the closing quote",
    ),
    saying("unexpected character: `@", codes::SYNTAX, "a value cannot start with `@`", QUOTE),
    saying("unexpected character: ``", codes::SYNTAX, "a value cannot start with a backtick", QUOTE),
    saying("unexpected character: `%", codes::SYNTAX, "a value cannot start with `%`", QUOTE),
];

/// The diagnostic for what stopped the parser.
pub(super) fn explain(file: FileId, text: &str, error: &ScanError) -> Diagnostic {
    let span = place::span(file, error.marker(), 1);
    if error.info().contains("recursion limit") {
        return too_deep(span);
    }
    let mut offsets = Offsets::new(text, false);
    let offset = offsets.of(error.marker());
    let rest = offsets.rest(offset);
    if error.info().contains("unknown anchor") {
        let name = word(rest);
        return Diagnostic::error(codes::UNKNOWN_ALIAS, format!("no anchor above is called by `{name}`"))
            .at(Span { len: offsets.count(name), ..span })
            .help("define the anchor (`&name`) before its first use; quote a text that starts with `*`");
    }
    match SAYINGS.iter().find(|saying| error.info().contains(saying.when)) {
        Some(saying) => Diagnostic::error(saying.code, saying.message).at(span).help(saying.help),
        None => Diagnostic::error(codes::SYNTAX, error.info()).at(span),
    }
}

/// The diagnostic for nesting past the limit.
pub(super) fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::TOO_DEEP,
        format!("values are nested more than {} levels deep", parse::MAX_DEPTH),
    )
    .at(span)
    .help("close the brackets, or flatten the structure")
}

/// The alias or anchor that a text starts with.
pub(super) fn word(text: &str) -> &str {
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}'))
        .next()
        .unwrap_or_default()
}
