//! Files made once for all devices that differ only in texts which templates do no more than show.
//!
//! Phones of one office differ in their MAC, name, number and password, in the labels of their keys, and in
//! nothing else. What a plugin's templates do with such texts is known from reading them
//! ([`crate::plugin::names::reads`]); a device without those that are only shown is its outline
//! ([`probe`]). Of the second device with the same outline the files are made twice: as always, and with
//! holes in place of the texts ([`blank`]); if filling the holes gives the same bytes, further devices of
//! this outline are filled in only. Nothing is kept of a device about which anything was said, as the others
//! must hear of it too.

mod blank;
mod intern;
mod probe;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

pub(super) use blank::blank;
pub(super) use intern::Interned;
pub(super) use probe::Probe;

use super::files::Artifact;
use crate::plugin::FileSpec;
use crate::plugin::format::{Format, Holed, Stencil};
use crate::plugin::names::reads::Reads;

/// As much memory as the stencils of one thread may take, in bytes, about.
const MOST_BYTES: usize = 24 << 20;
/// More outlines than this are forgotten: hardly any is met again.
const MOST_OUTLINES: usize = 8192;
/// So many devices decide whether stencils are of use to a plugin's devices ...
const TRIAL: u32 = 512;
/// ... which they are if one in so many was filled in ...
const WORTH: u32 = 4;
/// ... and if not, so many devices are rendered before the next trial.
const PAUSE: u32 = 8192;
/// After so many devices of a trial it is clear enough whether every second is filled in.
const SURE: u32 = 32;

/// The files of one outline.
pub(super) struct Plan(Vec<FilePlan>);

/// One file of an outline.
pub(super) struct FilePlan {
    root: Option<String>,
    path: Holed,
    content: Stencil,
    sensitive: bool,
}

impl FilePlan {
    /// A file from its path below `root` and its text, both rendered with holes.
    pub fn new(spec: &FileSpec, root: Option<&String>, path: &str, text: String) -> Option<Self> {
        Some(Self {
            root: root.cloned(),
            path: Holed::new(path)?,
            content: Stencil::new(spec.format, text, &spec.finish)?,
            sensitive: spec.sensitive,
        })
    }

    fn fill(&self, values: &[&str]) -> Option<Artifact> {
        let path = self.path.fill(Format::Text, values)?;
        let path = super::files::below(self.root.as_ref(), path.trim());
        Some(Artifact { path, bytes: self.content.fill(values)?, sensitive: self.sensitive })
    }
}

impl Plan {
    pub fn new(files: Vec<FilePlan>) -> Self {
        Self(files)
    }

    /// The files of a device with these texts; `None` where it has to be rendered.
    pub fn fill(&self, values: &[Cow<'_, str>]) -> Option<Vec<Artifact>> {
        let values: Vec<&str> = values.iter().map(|value| &**value).collect();
        self.0.iter().map(|file| file.fill(&values)).collect()
    }

    fn size(&self) -> usize {
        self.0.iter().map(|file| file.path.size() + file.content.size()).sum()
    }
}

/// What is to be done for a device.
pub(super) enum Advice {
    /// Fill in.
    Fill(Arc<Plan>),
    /// Render it, and find out whether it can be filled in from now on.
    Try,
    /// Render it.
    Render,
}

enum Outline {
    Once,
    Never,
    Plan(Arc<Plan>),
}

/// The outlines met with one plugin's templates.
struct OfTemplates {
    /// Keeps its address from being used again.
    _reads: Arc<Reads>,
    asked: u32,
    filled: u32,
    pause: u32,
    outlines: HashMap<Vec<u8>, Outline>,
}

/// The stencils of one thread.
#[derive(Default)]
pub(super) struct Stencils {
    pub interned: Interned,
    templates: HashMap<usize, OfTemplates>,
    bytes: usize,
}

impl Stencils {
    /// Whether it is worth while to ask for devices of these templates.
    pub fn wanted(&mut self, reads: &Arc<Reads>) -> bool {
        if !reads.leave_any() {
            return false;
        }
        let own = self.of(reads);
        if own.pause > 0 {
            own.pause -= 1;
            return false;
        }
        if own.asked == TRIAL {
            let worth = own.filled.saturating_mul(WORTH) >= TRIAL;
            (own.asked, own.filled) = (0, 0);
            if !worth {
                own.pause = PAUSE;
                own.outlines = HashMap::new();
                return false;
            }
        }
        own.asked += 1;
        true
    }

    /// What to do for a device of this outline.
    pub fn advise(&mut self, reads: &Arc<Reads>, outline: &[u8]) -> Advice {
        let own = self.of(reads);
        match own.outlines.get(outline) {
            Some(Outline::Plan(plan)) => {
                own.filled += 1;
                Advice::Fill(Arc::clone(plan))
            }
            Some(Outline::Once) => Advice::Try,
            Some(Outline::Never) => Advice::Render,
            // Where outlines come again, this one will: it is tried at once.
            None if own.asked >= SURE && own.filled.saturating_mul(2) >= own.asked => Advice::Try,
            None => {
                self.keep(reads, outline.to_vec(), Outline::Once);
                Advice::Render
            }
        }
    }

    /// Notes what came of trying.
    pub fn tried(&mut self, reads: &Arc<Reads>, outline: Vec<u8>, plan: Option<Plan>) {
        let plan = plan.map_or(Outline::Never, |plan| {
            self.bytes += plan.size();
            Outline::Plan(Arc::new(plan))
        });
        self.keep(reads, outline, plan);
    }

    fn keep(&mut self, reads: &Arc<Reads>, outline: Vec<u8>, what: Outline) {
        self.of(reads).outlines.insert(outline, what);
    }

    /// Forgets everything once it is much: it comes again if it is of use.
    pub fn trim(&mut self) {
        let outlines: usize = self.templates.values().map(|own| own.outlines.len()).sum();
        if self.bytes > MOST_BYTES || outlines > MOST_OUTLINES || self.interned.is_large() {
            // Outlines speak of interned mappings by number, so that they go together.
            *self = Self::default();
        }
        self.interned.trim();
    }

    fn of(&mut self, reads: &Arc<Reads>) -> &mut OfTemplates {
        self.templates.entry(Arc::as_ptr(reads) as usize).or_insert_with(|| OfTemplates {
            _reads: Arc::clone(reads),
            asked: 0,
            filled: 0,
            pause: 0,
            outlines: HashMap::new(),
        })
    }
}
