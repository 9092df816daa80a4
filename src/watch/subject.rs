//! What a site, or the settings, depends on: what has to be watched for it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::pipeline::{Site, Watched};

/// What one party of the watch depends on. Paths are spelled as the pipeline spells them; they need not
/// exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Directories that count with what lies below them.
    pub trees: Vec<Tree>,
    /// Single files, or directories of which only the coming and going counts.
    pub files: Vec<PathBuf>,
    /// What never counts, with all below it, also inside a tree: out/ and the state of builds.
    pub ignored: Vec<PathBuf>,
}

/// A directory that counts with what lies below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The directory.
    pub root: PathBuf,
    /// Which names below it count.
    pub kind: Kind,
}

/// What a tree is to the pipeline, and so which names below it count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An inventory: YAML files, and whatever else they may name; links are followed, hidden names are not.
    Inventory,
    /// Plugins or overrides: every name that is not hidden.
    Plugins,
    /// Every name.
    Whole,
}

impl Kind {
    /// Whether a name inside such a tree can be an input.
    pub(super) fn sees(self, name: &OsStr) -> bool {
        let name = name.as_encoded_bytes();
        // Backups (`a.yaml~`) and unsaved texts (`#a.yaml#`) of editors.
        let draft = name.ends_with(b"~") || (name.starts_with(b"#") && name.ends_with(b"#"));
        self == Self::Whole || !(draft || name.starts_with(b"."))
    }

    /// Whether links to directories lead on to more inputs.
    pub(super) fn follows_links(self) -> bool {
        self == Self::Inventory
    }
}

/// Whether a name is that of an inventory file.
pub(super) fn is_yaml(name: &OsStr) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

impl Subject {
    /// What a site depends on: its directories, whether they exist or not, and what its last build read
    /// besides.
    pub fn of_site(site: &Site, watched: &Watched, ignored: Vec<PathBuf>) -> Self {
        let tree = |kind| move |root: &PathBuf| Tree { root: root.clone(), kind };
        let mut trees: Vec<Tree> = site.inventory.iter().map(tree(Kind::Inventory)).collect();
        trees.extend(site.plugins.iter().chain(&site.overrides).map(tree(Kind::Plugins)));
        trees.extend(site.statics.iter().map(tree(Kind::Whole)));
        let further = watched.trees.iter().map(tree(Kind::Whole));
        let further: Vec<Tree> =
            further.filter(|new| !trees.iter().any(|tree| new.root.starts_with(&tree.root))).collect();
        trees.extend(further);
        Self { trees, files: watched.files.iter().cloned().collect(), ignored }
    }
}
