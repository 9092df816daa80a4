//! Certificates and keys as PEM (RFC 7468): phones want either the text or the base64 of its DER alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::diagnostic::{Diagnostic, Span};
use crate::inventory::codes::BAD_PEM;

/// One block from BEGIN to END.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The block as text, its lines joined by LF, without a newline at the end.
    pub pem: String,
    /// What stands between BEGIN and END, without line breaks.
    pub der: String,
}

/// All blocks of a text; what stands between them is passed over, as the RFC asks.
///
/// # Errors
/// A diagnostic at `span`, which quotes nothing of the text.
pub(super) fn blocks(text: &str, span: Span) -> Result<Vec<Block>, Diagnostic> {
    let refuse = |what: &str| {
        Diagnostic::error(BAD_PEM, format!("this is not PEM text: {what}"))
            .at(span)
            .help("name a file that holds `-----BEGIN ...-----`, base64 and `-----END ...-----`")
    };
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(label) = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----")) else {
            continue;
        };
        let end = format!("-----END {label}-----");
        let mut pem = vec![line];
        let mut der = String::new();
        loop {
            let line = lines.next().ok_or_else(|| refuse("a block has no END line"))?;
            pem.push(line);
            if line == end {
                break;
            }
            // Headers of old encrypted keys (RFC 1421) belong to the text, not to the base64.
            if !line.contains(':') {
                der.push_str(line);
            }
        }
        if der.is_empty() || STANDARD.decode(&der).is_err() {
            return Err(refuse("what stands in a block is not base64"));
        }
        blocks.push(Block { pem: pem.join("\n"), der });
    }
    if blocks.is_empty() { Err(refuse("it has no BEGIN line")) } else { Ok(blocks) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::FileId;

    const SPAN: Span = Span { file: FileId(0), line: 1, column: 1, len: 1 };

    #[test]
    fn a_bundle_gives_each_block() {
        let text = "Subject: a\n-----BEGIN CERTIFICATE-----\r\nQUJD\r\nREVG\r\n-----END CERTIFICATE-----\n\n\
                    -----BEGIN CERTIFICATE-----\nR0hJ\n-----END CERTIFICATE-----";
        let blocks = blocks(text, SPAN).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0].der, "QUJDREVG");
        assert_eq!(blocks[0].pem, "-----BEGIN CERTIFICATE-----\nQUJD\nREVG\n-----END CERTIFICATE-----");
        assert_eq!(blocks[1].der, "R0hJ");
    }

    #[test]
    fn what_is_not_pem_is_refused_without_being_quoted() {
        for text in ["", "hush", "-----BEGIN KEY-----\nhush", "-----BEGIN KEY-----\nh!\n-----END KEY-----"] {
            let problem = blocks(text, SPAN).unwrap_err();
            assert!(!problem.message.contains("hush"), "{problem:?}");
        }
    }
}
