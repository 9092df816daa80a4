//! A quick look at finished XML.
//!
//! Nearly every file is plain: elements with names in ASCII, attributes in double quotes, text, comments.
//! That much can be seen to be well-formed in one pass over the bytes, and that all holes
//! stand where a value belongs. What is plain passes; anything else,
//! right or wrong, is left to [`super::xml`], which knows all of XML and says what is wrong. A property test
//! holds the two together.

/// What a hole begins with in UTF-8 ([`super::holes`]), and some other characters.
const HOLE: u8 = 0xEF;

/// Whether a text is well-formed XML of the plain kind. False says nothing.
pub(super) fn is_plain(text: &str) -> bool {
    Scan { bytes: text.as_bytes(), at: 0 }.document().is_some()
}

/// A place in a text. The methods take what they are named for, or give `None`.
struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Scan<'t> {
    fn document(&mut self) -> Option<()> {
        if self.eat(b"<?xml version=\"1.0\"").is_some() {
            if self.eat(b" encoding=\"").is_some() {
                self.name()?;
                self.eat(b"\"")?;
            }
            self.eat(b"?>")?;
        }
        let mut open: Vec<&[u8]> = Vec::with_capacity(16);
        let mut attributes: Vec<&[u8]> = Vec::with_capacity(16);
        let mut has_root = false;
        loop {
            match open.is_empty() {
                true => self.blanks(),
                false => self.text()?,
            }
            match (self.peek(), self.bytes.get(self.at + 1)) {
                (None, _) => return (has_root && open.is_empty()).then_some(()),
                (Some(b'<'), Some(b'/')) => {
                    self.at += 2;
                    (open.pop()? == self.name()?).then_some(())?;
                    self.blanks();
                    self.eat(b">")?;
                }
                (Some(b'<'), Some(b'!')) => self.comment()?,
                (Some(b'<'), _) => {
                    self.at += 1;
                    (!has_root || !open.is_empty()).then_some(())?;
                    has_root = true;
                    let name = self.name()?;
                    attributes.clear();
                    if self.attributes(&mut attributes)? {
                        open.push(name);
                    }
                }
                _ => return None,
            }
        }
    }

    /// The attributes and the end of a start tag: whether it opens an element.
    fn attributes(&mut self, seen: &mut Vec<&'t [u8]>) -> Option<bool> {
        loop {
            let before = self.at;
            self.blanks();
            match self.peek()? {
                b'>' => {
                    self.at += 1;
                    return Some(true);
                }
                b'/' => return self.eat(b"/>").map(|()| false),
                _ => {}
            }
            (self.at > before).then_some(())?;
            let name = self.name()?;
            (!seen.contains(&name)).then_some(())?;
            seen.push(name);
            self.eat(b"=\"")?;
            loop {
                match self.peek()? {
                    b'"' => break,
                    b'<' => return None,
                    b'&' => self.reference()?,
                    _ => self.at += 1,
                }
            }
            self.at += 1;
        }
    }

    /// Text up to the next tag. A `]` might begin what text may not hold.
    fn text(&mut self) -> Option<()> {
        loop {
            match self.peek()? {
                b'<' => return Some(()),
                b']' => return None,
                b'&' => self.reference()?,
                _ => self.at += 1,
            }
        }
    }

    fn comment(&mut self) -> Option<()> {
        self.eat(b"<!--")?;
        while self.eat(b"--").is_none() {
            // The first byte of a hole, which may be filled with a dash.
            (self.peek()? != HOLE).then_some(())?;
            self.at += 1;
        }
        self.eat(b">")
    }

    /// One of the five entities, or a character below the surrogates by its decimal number.
    fn reference(&mut self) -> Option<()> {
        for known in [&b"&amp;"[..], b"&lt;", b"&gt;", b"&quot;", b"&apos;"] {
            if self.eat(known).is_some() {
                return Some(());
            }
        }
        self.eat(b"&#")?;
        let mut number = 0u32;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number.checked_mul(10)?.checked_add(u32::from(digit - b'0'))?;
            self.at += 1;
        }
        matches!(number, 9 | 10 | 13 | 32..=0xD7FF).then_some(())?;
        self.eat(b";")
    }

    fn name(&mut self) -> Option<&'t [u8]> {
        let start = self.at;
        matches!(self.peek()?, b'A'..=b'Z' | b'a'..=b'z' | b'_').then_some(())?;
        while let Some(b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.') = self.peek() {
            self.at += 1;
        }
        self.bytes.get(start..self.at)
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    fn eat(&mut self, what: &[u8]) -> Option<()> {
        self.bytes.get(self.at..)?.starts_with(what).then(|| self.at += what.len())
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}
