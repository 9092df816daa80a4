//! The kinds of mistakes in YAML text and in the shape of small typed files.

use crate::diagnostic::Code;

/// The text is not YAML.
pub const SYNTAX: Code = Code("PV0101");
/// A key stands twice in one mapping.
pub const DUPLICATE_KEY: Code = Code("PV0102");
/// The file is not UTF-8.
pub const ENCODING: Code = Code("PV0103");
/// A control character, or a line or paragraph separator, stands in the text or is written by an escape.
pub const CONTROL_CHARACTER: Code = Code("PV0104");
/// A tab is used to indent.
pub const TAB_INDENTATION: Code = Code("PV0105");
/// A quote, bracket or brace is never closed.
pub const UNCLOSED: Code = Code("PV0106");
/// An alias names no anchor above it.
pub const UNKNOWN_ALIAS: Code = Code("PV0107");
/// An alias stands inside the value that it names.
pub const RECURSIVE_ALIAS: Code = Code("PV0108");
/// Aliases copy far more than the file holds.
pub const ALIAS_BOMB: Code = Code("PV0109");
/// Values are nested deeper than any real file needs.
pub const TOO_DEEP: Code = Code("PV0110");
/// A key is a list, a mapping or nothing.
pub const KEY_NOT_TEXT: Code = Code("PV0111");
/// A value carries a tag.
pub const TAG: Code = Code("PV0112");
/// A file holds more than one document.
pub const SEVERAL_DOCUMENTS: Code = Code("PV0113");
/// A merge key holds something else than mappings.
pub const MERGE_VALUE: Code = Code("PV0114");
/// A value has another shape than the one expected.
pub const WRONG_SHAPE: Code = Code("PV0120");
/// A mapping holds a key that means nothing there.
pub const UNKNOWN_KEY: Code = Code("PV0121");
/// A text is not one of those allowed.
pub const NOT_A_CHOICE: Code = Code("PV0122");
/// A number is malformed or out of range.
pub const NOT_A_NUMBER: Code = Code("PV0123");
/// A key that must be there is absent.
pub const MISSING_KEY: Code = Code("PV0124");
