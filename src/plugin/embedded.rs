//! The standard plugins, carried inside the binary, so that a binary alone builds a repository that has
//! only an inventory. `build.rs` lists the files.

use super::source::EmbeddedFiles;

/// The files of `plugins/` as they were when the binary was built: sorted names with their contents.
pub(super) static STANDARD: EmbeddedFiles = include!(concat!(env!("OUT_DIR"), "/embedded_plugins.rs"));
