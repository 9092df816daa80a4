//! From a resolved device and its plugin to the bytes of its files.
//!
//! Pure: nothing here reads or writes a disk, but for secrets that the inventory says are to be fetched.
//! The same device and plugin give the same bytes on any machine, in any order, on any number of threads.

mod cache;
mod capability;
pub mod codes;
mod context;
mod convert;
mod extra;
mod features;
mod files;
mod firmware;
mod layout;
mod model;
mod pem;
mod shape;
mod shared;
mod site;
mod stencils;
mod timezone;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use cache::Cache;
pub use extra::check_families;
pub use files::{Artifact, Renderer};
pub use shape::shapes;
pub use shared::{SharedArtifact, Used, choose};

/// What of a site's settings touches the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What a phone cannot do is left out with a warning, instead of an error.
    pub allow_unsupported: bool,
    /// A directory of its own below out/ for the files of a plugin, by plugin id.
    pub plugin_root: BTreeMap<String, String>,
    /// Whose shared files a family uses: plugin id by family.
    pub shared_files: BTreeMap<String, String>,
}
