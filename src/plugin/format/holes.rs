//! Holes: what stands in a rendered text for a text that each device has its own of.
//!
//! A template whose values are holes is rendered once; the values are put in later, device by device
//! ([`super::Holed`]). A hole is written with two code points that Unicode keeps for internal use and that
//! no value may hold, so that nothing else can look like one. Escaping lets holes pass only while they are
//! allowed on its thread.

use std::cell::Cell;

/// What a hole begins with.
pub(super) const START: char = '\u{FDD1}';
/// What a hole ends with.
const END: char = '\u{FDD2}';
/// Between the number of a hole and how its value is spelled as a MAC.
const LOWER: char = 'l';
const UPPER: char = 'u';

thread_local! {
    static ALLOWED: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, holes pass on its thread.
pub struct Allowed(());

impl Allowed {
    /// Lets holes pass from now on.
    pub fn here() -> Self {
        ALLOWED.set(true);
        Self(())
    }
}

impl Drop for Allowed {
    fn drop(&mut self) {
        ALLOWED.set(false);
    }
}

pub(super) fn allowed() -> bool {
    ALLOWED.get()
}

/// The hole of a number.
pub fn hole(number: usize) -> String {
    format!("{START}{number}{END}")
}

/// A hole as it is to be filled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Hole {
    /// Whose value it takes.
    pub number: usize,
    /// Separator and upper case, where the value is a MAC to be spelled so.
    pub mac: Option<(String, bool)>,
}

/// A part of a text.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Part<'t> {
    Text(&'t str),
    /// A hole and how it is written.
    Hole(Hole, &'t str),
}

impl Part<'_> {
    pub(super) fn is_empty(&self) -> bool {
        *self == Part::Text("")
    }
}

/// What the filter `mac` makes of a hole; `None` if the text is something else.
pub fn respelled(text: &str, sep: &str, upper: bool) -> Option<String> {
    let inner = text.strip_prefix(START)?.strip_suffix(END)?;
    let plain = allowed() && inner.bytes().all(|byte| byte.is_ascii_digit()) && !sep.contains([START, END]);
    let case = if upper { UPPER } else { LOWER };
    plain.then(|| format!("{START}{inner}{case}{sep}{END}"))
}

/// Takes a text apart; `None` where something looks like a hole and is none.
pub(super) fn parts(text: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(START) {
        let (inner, after) = after.split_once(END)?;
        let from = before.len();
        let written = rest.get(from..from + START.len_utf8() + inner.len() + END.len_utf8())?;
        let digits = inner.bytes().take_while(u8::is_ascii_digit).count();
        let (number, spelling) = inner.split_at_checked(digits)?;
        let mut spelling = spelling.chars();
        let mac = match spelling.next() {
            None => None,
            Some(UPPER) => Some((spelling.as_str().to_owned(), true)),
            Some(LOWER) => Some((spelling.as_str().to_owned(), false)),
            Some(_) => return None,
        };
        parts.push(Part::Text(before));
        parts.push(Part::Hole(Hole { number: number.parse().ok()?, mac }, written));
        rest = after;
    }
    if rest.contains(END) {
        return None;
    }
    parts.push(Part::Text(rest));
    Some(parts)
}
