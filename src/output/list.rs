//! What the last build owns, read from the manifest alone.

use rustix::fs::FileType;

use super::errors::{Fault, system};
use super::manifest::{Loaded, Manifest};
use super::state::state_directory;
use super::tree::{Tree, gone_is_none};
use super::{Options, OutPath, Owner};

/// A file that the last build left in out/.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnedFile {
    /// Where, below out/.
    pub path: OutPath,
    /// On whose behalf.
    pub owner: Owner,
    /// The size in bytes that was written.
    pub size: u64,
    /// Whether it holds secrets.
    pub sensitive: bool,
    /// Whether a file is there now.
    pub present: bool,
}

/// The files of the last build, sorted by path; none where there was no build or its manifest is damaged
/// (the next build says so). Takes no lock: the manifest is
/// replaced in one step, and what a build that ends now adds to it is either seen or not.
///
/// Errors: a manifest or an out/ that cannot be read.
pub fn owned_files(options: &Options) -> Result<Vec<OwnedFile>, Fault> {
    let table = match Manifest::load(&state_directory(options)?)? {
        Loaded::Whole(table) | Loaded::Torn(table) => table,
        Loaded::Nothing | Loaded::Damaged(_) => return Ok(Vec::new()),
    };
    let tree = gone_is_none(Tree::open(&options.out)).map_err(|e| system(&e, "open", &options.out))?;
    let present = |path: &str| {
        let found = tree.as_ref().and_then(|tree| tree.look(path).ok().flatten());
        found.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
    };
    let files = table.iter().filter_map(|record| {
        Some(OwnedFile {
            path: OutPath::new(record.path).ok()?,
            owner: record.owner.to_owner(),
            size: record.size,
            sensitive: record.sensitive,
            present: present(record.path),
        })
    });
    Ok(files.collect())
}
