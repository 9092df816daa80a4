//! What can be said about a mistake, as data: where it is, what is wrong, what else belongs to it and
//! the way out; and how it is printed, for people ([`human`]), programs ([`json`]) and CI ([`github`]).
//! Nothing here knows of phones.

mod excerpt;
mod human;
mod machine;
mod mask;
mod sink;
mod source;
mod suggest;

pub use human::{HumanOptions, human};
pub use machine::{github, json};
pub use sink::Diagnostics;
pub use source::{FileId, SourceMap, Span};
pub use suggest::nearest;

/// A stable name for one kind of mistake, such as `PV0101`: scripts and searches may rely on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Code(pub &'static str);

/// How bad it is. Only errors stop a build.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// The inputs are wrong or the work failed.
    Error,
    /// The work goes on; a person should look.
    Warning,
}

/// Another place that belongs to a mistake ("first defined here").
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Related {
    /// What is at the place.
    pub message: String,
    /// The place.
    pub span: Span,
}

/// One mistake, complete and unprinted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// The kind of mistake.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// One sentence without a full stop, in lower case, that names the offending thing.
    pub message: String,
    /// Where, if there is a place (an I/O error may have none).
    pub span: Option<Span>,
    /// A few words beside the caret.
    pub label: Option<String>,
    /// Other places.
    pub related: Vec<Related>,
    /// Facts that are neither the place nor the way out (an include chain, what a parser said).
    pub notes: Vec<String>,
    /// The way out, as an instruction.
    pub help: Option<String>,
    /// The device, as canonical MAC or id, where the mistake concerns one.
    pub device: Option<String>,
    /// How many further devices have the same mistake from the same cause.
    pub more_devices: usize,
}

impl Diagnostic {
    /// An error without a place yet.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message.into())
    }

    /// A warning without a place yet.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message.into())
    }

    fn new(severity: Severity, code: Code, message: String) -> Self {
        Self {
            code,
            severity,
            message,
            span: None,
            label: None,
            related: Vec::new(),
            notes: Vec::new(),
            help: None,
            device: None,
            more_devices: 0,
        }
    }

    /// Puts the mistake at a place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Puts the mistake at a place, if there is one.
    #[must_use]
    pub fn at_if(mut self, span: Option<Span>) -> Self {
        self.span = span;
        self
    }

    /// Adds a few words beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn related(mut self, message: impl Into<String>, span: Span) -> Self {
        self.related.push(Related { message: message.into(), span });
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the way out, if there is one.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// Names the device that the mistake concerns.
    #[must_use]
    pub fn device(mut self, device: impl Into<String>) -> Self {
        self.device = Some(device.into());
        self
    }
}

#[cfg(test)]
mod tests;
