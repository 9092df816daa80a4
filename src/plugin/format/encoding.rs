//! Text to bytes. ISO-8859-1 and ASCII are written by hand: the names mean windows-1252 to browsers, and
//! so to the library used for the others, but not to phones.

use encoding_rs::EncoderResult;

use super::{Format, FormatProblem};

/// A character encoding that a file can be written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// UTF-8, without a byte order mark.
    Utf8,
    /// ISO 8859-1, in which bytes 80 to 9F are control characters.
    Iso8859_1,
    /// US-ASCII.
    Ascii,
    /// Any other of the WHATWG encodings.
    Other(&'static encoding_rs::Encoding),
}

/// What to do with a character that an encoding does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnUnencodable {
    /// Write a character reference in XML, elsewhere a question mark.
    #[default]
    Replace,
    /// Refuse the file.
    Error,
}

const ISO_8859_1: [&str; 7] =
    ["iso-8859-1", "iso8859-1", "iso88591", "iso_8859-1", "latin1", "latin-1", "l1"];
const ASCII: [&str; 3] = ["ascii", "us-ascii", "iso646-us"];

impl Encoding {
    /// The encoding of this name or usual alias, in any case. UTF-16 is not among them.
    pub fn from_name(name: &str) -> Option<Self> {
        let is = |known: &&str| known.eq_ignore_ascii_case(name);
        if ISO_8859_1.iter().any(is) {
            return Some(Self::Iso8859_1);
        }
        if ASCII.iter().any(is) {
            return Some(Self::Ascii);
        }
        let encoding = encoding_rs::Encoding::for_label_no_replacement(name.as_bytes())?;
        if encoding == encoding_rs::UTF_8 {
            return Some(Self::Utf8);
        }
        // UTF-16 can be read but not written by the library.
        (encoding.output_encoding() == encoding).then_some(Self::Other(encoding))
    }

    /// The encoding's own name, in lower case.
    pub fn name(self) -> String {
        match self {
            Self::Utf8 => "utf-8".to_owned(),
            Self::Iso8859_1 => "iso-8859-1".to_owned(),
            Self::Ascii => "us-ascii".to_owned(),
            Self::Other(encoding) => encoding.name().to_ascii_lowercase(),
        }
    }

    /// Encodes a text.
    pub(super) fn encode(
        self,
        format: Format,
        text: String,
        on_unencodable: OnUnencodable,
    ) -> Result<Vec<u8>, FormatProblem> {
        if self == Self::Utf8 || (text.is_ascii() && !self.is_stateful()) {
            return Ok(text.into_bytes());
        }
        let unencodable = |at: usize, c: char, out: &mut Vec<u8>| match (on_unencodable, format) {
            (OnUnencodable::Error, _) => {
                let message = format!("`{c}` (U+{:04X}) does not exist in {}", u32::from(c), self.name());
                Err(FormatProblem { unencodable: true, ..FormatProblem::at(&text, at, message) })
            }
            (OnUnencodable::Replace, Format::Xml) => {
                out.extend_from_slice(format!("&#{};", u32::from(c)).as_bytes());
                Ok(())
            }
            (OnUnencodable::Replace, _) => {
                out.push(b'?');
                Ok(())
            }
        };
        let mut out = Vec::with_capacity(text.len() + 16);
        let highest = match self {
            Self::Other(encoding) => {
                by_library(encoding, &text, &mut out, unencodable)?;
                return Ok(out);
            }
            Self::Utf8 | Self::Iso8859_1 => '\u{FF}',
            Self::Ascii => '\u{7F}',
        };
        for (at, c) in text.char_indices() {
            match u8::try_from(c) {
                Ok(byte) if c <= highest => out.push(byte),
                _ => unencodable(at, c, &mut out)?,
            }
        }
        Ok(out)
    }

    /// Whether ASCII text may become other bytes.
    fn is_stateful(self) -> bool {
        matches!(self, Self::Other(encoding) if !encoding.is_ascii_compatible())
    }
}

fn by_library(
    encoding: &'static encoding_rs::Encoding,
    text: &str,
    out: &mut Vec<u8>,
    mut unencodable: impl FnMut(usize, char, &mut Vec<u8>) -> Result<(), FormatProblem>,
) -> Result<(), FormatProblem> {
    let mut encoder = encoding.new_encoder();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        out.reserve(rest.len() / 2 + 32);
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, out, true);
        at += read;
        match result {
            EncoderResult::InputEmpty => return Ok(()),
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(c) => unencodable(at.saturating_sub(c.len_utf8()), c, out)?,
        }
    }
}
