//! Putting results on stdout and diagnostics on stderr: the one place of the program that prints.

use std::io::{self, IsTerminal, Write};

use super::args::{Color, Format, Global};
use crate::diagnostic::{Diagnostic, HumanOptions, Severity, SourceMap, github, human};

/// How this run prints.
pub(super) struct Printer {
    format: Format,
    color: bool,
    /// Nothing but mistakes and results.
    pub quiet: bool,
    /// Also what was done to which file.
    pub verbose: bool,
}

impl Printer {
    /// A printer as the flags and the terminal want it.
    pub fn new(global: &Global) -> Self {
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            // Terminal, NO_COLOR, TERM=dumb and the like.
            Color::Auto => anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never,
        };
        Self { format: global.format, color, quiet: global.quiet, verbose: global.verbose }
    }

    /// The format of results.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether progress is drawn: for people who look, on a terminal that can clear a line.
    pub fn draws(&self) -> bool {
        let capable = console_is_capable();
        self.format == Format::Human && !self.quiet && io::stderr().is_terminal() && capable
    }

    /// Prints a result. Whoever closed the pipe has read enough: that is no mistake.
    pub fn result(&self, text: &str) {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }

    /// Prints a line for people, unless they want quiet.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.error(text);
        }
    }

    /// Prints a line on stderr.
    pub fn error(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Prints diagnostics: drawn on stderr, or as a workflow's annotations on stdout. For JSON they are part
    /// of the result.
    pub fn diagnostics(&self, diagnostics: &[Diagnostic], sources: &SourceMap) {
        match self.format {
            Format::Human | Format::Markdown => self.drawn(diagnostics, sources),
            Format::Github => {
                for diagnostic in diagnostics {
                    self.result(&format!("{}\n", github(diagnostic, sources)));
                }
            }
            Format::Json => {}
        }
    }

    /// Draws diagnostics on stderr, whatever the format of the result: for commands whose JSON has no place
    /// for them.
    pub fn drawn(&self, diagnostics: &[Diagnostic], sources: &SourceMap) {
        let text = human(diagnostics, sources, HumanOptions { color: self.color, ..<_>::default() });
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// A terminal that calls itself dumb cannot go back on a line.
fn console_is_capable() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the terminal tells in a variable what it can do")]
    std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// "1 error", "3 errors and 1 warning".
pub(super) fn count(diagnostics: &[Diagnostic]) -> String {
    let of = |severity| diagnostics.iter().filter(|d| d.severity == severity).count();
    match (of(Severity::Error), of(Severity::Warning)) {
        (errors, 0) => plural(errors, "error"),
        (0, warnings) => plural(warnings, "warning"),
        (errors, warnings) => format!("{} and {}", plural(errors, "error"), plural(warnings, "warning")),
    }
}

/// "1 file", "2 files".
pub(super) fn plural(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

/// Rows with their cells one below the other, two blanks between columns.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let line = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
