//! Noticing that inputs changed: which directories to watch, what the system's events say, and when enough
//! of them have come together for one build.
//!
//! The kernel is asked about directories, never about files or whole trees: editors replace files, and a
//! tree may hold what is no input (hidden directories, out/ itself). Every directory is watched under its
//! one true name, with the spellings that the pipeline knows it by kept beside, so that two links to one
//! directory cannot hide each other's events. What an event means is decided once a batch is complete, by
//! looking at what stands under each name then; the events tell where to look, not what happened.
//!
//! One rule makes it safe: a directory is watched before it is listed, and what may have changed unseen is
//! never named in a hint. Where anything is in doubt the hint is [`Hint::Unknown`], and the build looks at
//! every input.
//!
//! [`Hint::Unknown`]: crate::pipeline::Hint::Unknown

mod change;
pub mod codes;
mod lookup;
mod plan;
mod sign;
mod subject;
#[cfg(test)]
mod tests;
mod watcher;
mod watching;
mod window;

pub use change::Change;
pub use subject::{Kind, Subject, Tree};
pub use watching::{Id, Stopper, Wake, Watching};
pub use window::{BUSY, LONGEST, QUIET, REPOSITORY_QUIET};
