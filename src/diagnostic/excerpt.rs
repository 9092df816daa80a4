//! Source lines as they are drawn: secrets hidden, long lines cut to a window around the carets.

use std::collections::BTreeMap;
use std::ops::Range;

use super::human::tame_char;
use super::{FileId, SourceMap, Span, mask};

/// Stands for a secret; its length says nothing.
const MASK: &str = "***";
const CUT: &str = "...";

/// The lines of the files drawn from, found once for each file.
pub(super) struct Lines<'s> {
    sources: &'s SourceMap,
    starts: BTreeMap<FileId, Vec<usize>>,
}

impl<'s> Lines<'s> {
    pub(super) fn new(sources: &'s SourceMap) -> Self {
        Self { sources, starts: BTreeMap::new() }
    }

    fn text(&self, file: FileId) -> Option<&'s str> {
        let text = self.sources.text(file)?;
        Some(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// A line without its end, by number from 1.
    fn line(&mut self, file: FileId, line: u32) -> Option<&'s str> {
        let text = self.text(file)?;
        let starts = self.starts.entry(file).or_insert_with(|| starts(text));
        let index = (line as usize).checked_sub(1)?;
        let start = *starts.get(index)?;
        let end = starts.get(index + 1).copied().unwrap_or(text.len());
        Some(text.get(start..end)?.trim_end_matches(['\n', '\r']))
    }

    /// A line as it is drawn, and where the columns of the spans (all on this line) are in it.
    pub(super) fn draw(&mut self, file: FileId, line: u32, spans: &[Span], width: usize) -> Option<Drawn> {
        let text = self.line(file, line)?;
        let above: Vec<&str> = (1..line).rev().take(200).map_while(|n| self.line(file, n)).collect();
        let template = self.sources.path(file).extension().is_some_and(|e| e == "tera");
        let secrets = if template { Vec::new() } else { mask::secrets(text, above.into_iter()) };
        Some(draw(text, &secrets, spans, width))
    }
}

/// Where lines start. As for the parser, a line ends with LF, CRLF or CR.
fn starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut starts = vec![0];
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' || *byte == b'\r' && bytes.get(at + 1) != Some(&b'\n') {
            starts.push(at + 1);
        }
    }
    starts
}

/// A line ready to be printed.
pub(super) struct Drawn {
    /// What is printed.
    pub(super) text: String,
    /// For each span its bytes in `text`.
    pub(super) ranges: Vec<Range<usize>>,
}

fn draw(line: &str, secrets: &[Range<usize>], spans: &[Span], width: usize) -> Drawn {
    // Characters to print, and for each column of the line the index of its character among them.
    let (mut shown, mut columns) = (Vec::new(), Vec::new());
    let mut secrets = secrets.iter().peekable();
    for (at, c) in line.char_indices() {
        while secrets.next_if(|range| range.end <= at).is_some() {}
        match secrets.peek() {
            Some(range) if range.start == at => {
                columns.push(shown.len());
                shown.extend(MASK.chars());
            }
            Some(range) if range.contains(&at) => {
                columns.push(shown.len().saturating_sub(MASK.len()));
            }
            _ => {
                columns.push(shown.len());
                shown.push(tame_char(c));
            }
        }
    }
    let index = |column: usize| columns.get(column).copied().unwrap_or(shown.len());
    let marks: Vec<(usize, usize)> = spans
        .iter()
        .map(|span| {
            let start = (span.column as usize).saturating_sub(1);
            let from = index(start);
            (from, index(start.saturating_add(span.len as usize)).max(from))
        })
        .collect();
    let window = window(shown.len(), marks.iter().map(|(from, _)| *from).min().unwrap_or(0), width);
    let mut text = String::new();
    let mut offsets = Vec::with_capacity(window.len() + 1);
    if window.start > 0 {
        text.push_str(CUT);
    }
    for c in shown.iter().take(window.end).skip(window.start) {
        offsets.push(text.len());
        text.push(*c);
    }
    offsets.push(text.len());
    if window.end < shown.len() {
        text.push_str(CUT);
    }
    let offset = |index: usize| {
        let index = index.saturating_sub(window.start).min(window.len());
        offsets.get(index).copied().unwrap_or(text.len())
    };
    let ranges = marks.iter().map(|(from, to)| offset(*from)..offset(*to)).collect();
    Drawn { text, ranges }
}

/// Which characters of a long line are drawn: mostly those after the first caret.
fn window(len: usize, first: usize, width: usize) -> Range<usize> {
    if len <= width {
        return 0..len;
    }
    let end = (first.saturating_sub(width / 3) + width).min(len);
    end - width..end
}
