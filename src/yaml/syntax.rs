//! What the parser says, in words for people who write inventories.
//!
//! The parser stops where it can go no further, which is often a line or two after the mistake. The rules
//! here name the mistake and, where the text shows it, go back to its place.

use saphyr_parser::ScanError;

use crate::diagnostic::{Code, Diagnostic, FileId, Span};

use super::context::Context;
use super::place::{self, number};
use super::{codes, parse};

/// What we say and the way out.
type Words = (Code, &'static str, &'static str);

const QUOTE: &str = "put the value in quotes";
const SPACE: Words =
    (codes::SYNTAX, "there is no blank after the colon", "write a blank between the colon and the value");
const UNTERMINATED: Words = (
    codes::UNCLOSED,
    "a quoted text is never closed",
    "add the closing quote; inside single quotes write `'` as `''`, inside double quotes `\"` as `\\\"`",
);
const NO_COLON: Words = (
    codes::SYNTAX,
    "this line is neither `key: value` nor a list entry",
    "write `key: value`, or indent the line deeper if it continues the text above",
);
const MISALIGNED: Words = (
    codes::SYNTAX,
    "the indentation of this line fits nothing above it",
    "give the line the same indentation as the entries it belongs to",
);
const TOO_FAR: Words = (
    codes::SYNTAX,
    "this line is indented below a key that has a value already",
    "give the line the same indentation as the key above",
);

/// A part of the parser's own words, then ours for the place it names. The first that fits counts.
const SAYINGS: &[(&str, Words)] = &[
    ("unexpected character: `@", (codes::SYNTAX, "a text without quotes cannot start with `@`", QUOTE)),
    (
        "unexpected character: ``",
        (codes::SYNTAX, "a text without quotes cannot start with a backtick", QUOTE),
    ),
    ("unexpected character: `%", (codes::SYNTAX, "a text without quotes cannot start with `%`", QUOTE)),
    (
        "did not find expected node content",
        (codes::SYNTAX, "a value cannot start with this character", QUOTE),
    ),
    ("cannot start with '-'", (codes::SYNTAX, "a text without quotes cannot be `-`", QUOTE)),
    (
        "misplaced bracket",
        (codes::SYNTAX, "this bracket closes nothing", "remove it, or put the value in quotes"),
    ),
    ("found unexpected end of stream", UNTERMINATED),
    ("invalid indentation in quoted scalar", UNTERMINATED),
    ("found unexpected document indicator", UNTERMINATED),
    (
        "invalid trailing content",
        (codes::SYNTAX, "text follows the closing quote", "put the whole value into one pair of quotes"),
    ),
    (
        "escape c",
        (
            codes::SYNTAX,
            "the text holds an unknown escape",
            "use single quotes, in which `\\` is itself, or write `\\\\`",
        ),
    ),
    (
        "expected hexadecimal number",
        (codes::SYNTAX, "an escape lacks hexadecimal digits", "write `\\xHH`, `\\uHHHH` or `\\UHHHHHHHH`"),
    ),
    (
        "block sequence entries are not allowed",
        (
            codes::SYNTAX,
            "a list cannot start on the line of its key",
            "start it on the next line, write it in brackets, or put the value in quotes",
        ),
    ),
    (
        "did not find expected alphabetic or numeric",
        (
            codes::SYNTAX,
            "`*` and `&` must be followed by a name",
            "put a text that starts with `*` or `&` in quotes",
        ),
    ),
    (
        "comments must be separated",
        (codes::SYNTAX, "a comment needs a blank before its `#`", "add a blank, or put the value in quotes"),
    ),
    (
        "comment intercepting",
        (codes::SYNTAX, "a text goes on after a comment", "remove the comment, or put the text on one line"),
    ),
    (
        "a block scalar content cannot start with a tab",
        (
            codes::TAB_INDENTATION,
            "a tab is used to indent",
            "indent with spaces; YAML does not allow tabs there",
        ),
    ),
    (
        "scanning a block scalar",
        (
            codes::SYNTAX,
            "text follows `|` or `>`",
            "start the text on the next line; put a value that starts with `|` or `>` in quotes",
        ),
    ),
    ("wrongly indented line in block scalar", MISALIGNED),
    (
        "did not find expected <document start>",
        (
            codes::SYNTAX,
            "something stands outside the document",
            "remove it, or indent it so that it belongs to a key",
        ),
    ),
    (
        "byte order mark",
        (
            codes::SYNTAX,
            "a byte order mark stands inside the file",
            "remove it: it may only be the very first character",
        ),
    ),
    ("the handle wasn't declared", (codes::TAG, "a tag of this kind is not supported", "remove the tag")),
    (
        "scanning a verbatim tag",
        (codes::TAG, "a tag is not closed", "remove the tag; put a text that starts with `!` in quotes"),
    ),
    (
        "illegal placement of ':'",
        (codes::SYNTAX, "a colon is misplaced inside brackets", "close the bracket that was opened above"),
    ),
    (
        "invalid indentation in flow construct",
        (
            codes::SYNTAX,
            "lines inside brackets must be indented",
            "indent the line, or close the bracket opened above",
        ),
    ),
    ("':' may not precede", SPACE),
    ("':' must be followed by", SPACE),
    ("did not find expected key", MISALIGNED),
    ("did not find expected '-' indicator", MISALIGNED),
    ("invalid indentation", MISALIGNED),
];

/// The diagnostic for what stopped the parser; `open` is the bracket or brace it was in.
pub(super) fn explain(file: FileId, text: &str, error: &ScanError, open: Option<Span>) -> Diagnostic {
    let info = error.info();
    let context = Context::new(text, place::span(file, error.marker(), 1));
    let span = context.at();
    if info.contains("recursion limit") {
        return too_deep(span);
    }
    if info.contains("unknown anchor") {
        let name = word(context.rest_of_line());
        // It may be a password that starts with `*`, so it is not named.
        return Diagnostic::error(codes::UNKNOWN_ALIAS, "no anchor of this name stands above")
            .at(Span { len: number(name.chars().count()), ..span })
            .help(
                "define the anchor (`&name`) before its first use; put a text that starts with `*` in quotes",
            );
    }
    if info.contains("tab")
        && let Some(tab) = context.indenting_tab()
    {
        let help = "indent with spaces; YAML does not allow tabs there";
        return Diagnostic::error(codes::TAB_INDENTATION, "a tab is used to indent").at(tab).help(help);
    }
    // Right behind a bracket the parser looks for a value, and says so when the file ends there.
    let ends_there = info.contains("did not find expected node content")
        && open.is_some()
        && context.rest_of_line().trim().is_empty();
    if ends_there || info.contains("parsing a flow") {
        return in_brackets(&context, span, open);
    }
    let (span, words) = if info.contains("mapping values are not allowed") {
        misplaced_colon(&context, span)
    } else if info.contains("simple key expect") {
        match context.colon_without_blank(context.content_line()) {
            Some(colon) => (colon, Some(SPACE)),
            None => (context.whole(context.content_line()), Some(NO_COLON)),
        }
    } else {
        let words = SAYINGS.iter().find(|(when, _)| info.contains(when)).map(|(_, words)| *words);
        let whole = words.is_some_and(|words| words == MISALIGNED);
        (if whole { context.whole(span.line) } else { span }, words)
    };
    match words {
        Some((code, message, help)) => Diagnostic::error(code, message).at(span).help(help),
        None => Diagnostic::error(codes::SYNTAX, "this is not valid YAML")
            .at(span)
            .note(format!("the parser says: {info}")),
    }
}

fn in_brackets(context: &Context<'_>, span: Span, open: Option<Span>) -> Diagnostic {
    match open {
        Some(open) if open.line != span.line || context.rest_of_line().trim().is_empty() => {
            Diagnostic::error(codes::UNCLOSED, "a bracket or brace is never closed")
                .at(open)
                .label("opened here")
                .related("something else was met here", span)
                .help("add the closing bracket, and a comma between entries")
        }
        _ => {
            let diagnostic =
                Diagnostic::error(codes::SYNTAX, "expected a comma or the closing bracket").at(span).help(
                    "separate entries with commas; put a text that holds `,`, brackets or braces in quotes",
                );
            match open {
                Some(open) => diagnostic.related("the bracket opened here", open),
                None => diagnostic,
            }
        }
    }
}

/// A colon where no key can be: a second one in a value, a line indented too far, or the line above lacks
/// the blank after its own.
fn misplaced_colon(context: &Context<'_>, span: Span) -> (Span, Option<Words>) {
    if context.has_colon_before() {
        let message = "a value without quotes cannot hold a colon and a blank";
        return (span, Some((codes::SYNTAX, message, QUOTE)));
    }
    match context.content_line_above(span.line) {
        Some(above) => match context.colon_without_blank(above) {
            Some(colon) => (colon, Some(SPACE)),
            None => (context.whole(span.line), Some(TOO_FAR)),
        },
        None => (span, None),
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
