//! From a batch of touched names to what it means for one subject.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::lookup::Look;
use super::plan::Plan;
use super::sign::Sign;
use super::subject::{Kind, is_yaml};
use crate::pipeline::Hint;

/// What a batch says of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Touch {
    /// The first thing that was said: something came that was not there before.
    pub came_first: bool,
    /// The name itself came or went.
    pub of_name: bool,
}

impl Touch {
    /// What the first sign says.
    pub fn new(sign: Sign) -> Self {
        Self { came_first: matches!(sign, Sign::Created | Sign::Came), of_name: sign.is_of_name() }
    }

    /// Adds a later sign.
    pub fn add(&mut self, sign: Sign) {
        self.of_name |= sign.is_of_name();
    }
}

/// What changed for one subject since it was last told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The paths that changed, as the pipeline spells them; not all where events were lost.
    pub paths: BTreeSet<PathBuf>,
    /// What the pipeline may rely on.
    pub hint: Hint,
}

/// Of one subject: what a batch comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    /// All that changed, for people.
    pub paths: BTreeSet<PathBuf>,
    /// Inventory files, where they are all that changed.
    files: BTreeSet<PathBuf>,
    /// Something changed that is more than inventory files.
    unknown: bool,
    /// Directories or links may be others than before: what is watched has to be planned anew.
    pub structure: bool,
}

impl Sum {
    /// Takes in one path and what stands there now.
    pub fn add(&mut self, plan: &Plan, path: &Path, touch: Touch, look: Look) {
        if plan.ignores(path) {
            return;
        }
        if let Some(shown) = plan.points.get(path) {
            self.unknown(shown.clone(), touch.of_name || look != Look::File);
        }
        if let Some(role) = plan.directories.get(path).and_then(|roles| roles.first()) {
            self.unknown(role.spelled.clone(), true);
        }
        let roles: Vec<_> = plan.roles_around(path).collect();
        for (role, name) in &roles {
            let shown = role.spelled.join(name);
            match (role.kind, look) {
                (_, Look::Directory | Look::Link) => self.unknown(shown, true),
                (Kind::Inventory, Look::File | Look::Absent) if is_yaml(name) && roles.len() == 1 => {
                    self.paths.insert(shown.clone());
                    self.files.insert(shown);
                }
                // A temporary file of an editor: it came and is gone.
                (_, Look::Absent) if touch.came_first => {}
                (_, _) => self.unknown(shown, false),
            }
        }
    }

    fn unknown(&mut self, shown: PathBuf, structure: bool) {
        self.unknown = true;
        self.structure |= structure;
        self.paths.insert(shown);
    }

    /// Events were lost: everything may be another than before.
    pub fn lose(&mut self) {
        self.unknown = true;
        self.structure = true;
    }

    /// What to tell, if there is anything.
    pub fn change(self) -> Option<Change> {
        let hint = match (self.unknown, self.files.is_empty()) {
            (true, _) => Hint::Unknown,
            (false, false) => Hint::Files(self.files),
            (false, true) => return None,
        };
        Some(Change { paths: self.paths, hint })
    }
}
