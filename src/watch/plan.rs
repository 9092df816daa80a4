//! Which directories have to be watched for a subject, and what the names in them mean.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::lookup::{Look, look, route};
use super::sign::Sign;
use super::subject::{Kind, Subject, is_yaml};

/// A directory of a tree, under one of the spellings that lead to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    /// What the tree is.
    pub kind: Kind,
    /// As the pipeline spells it.
    pub spelled: PathBuf,
}

/// What to watch for one subject. Keys have no links in their directories' names.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The directories of trees.
    pub directories: BTreeMap<PathBuf, Vec<Role>>,
    /// Single names that count, and what was written that leads there: files, links, and the directories
    /// above them.
    pub points: BTreeMap<PathBuf, PathBuf>,
    /// All directories that have to be watched.
    pub watched: BTreeSet<PathBuf>,
    /// Files that are there while git changes a work tree.
    pub locks: BTreeSet<PathBuf>,
    ignored: BTreeSet<PathBuf>,
}

impl Plan {
    /// Looks at the disk. Relative paths begin at `here`, a directory without links in its name. What cannot
    /// be read is not planned: the build tells of it.
    pub fn make(subject: &Subject, here: &Path) -> Self {
        let mut plan = Self::default();
        let roots: Vec<Option<PathBuf>> =
            subject.trees.iter().map(|tree| plan.follow(here, &tree.root, &tree.root)).collect();
        plan.ignored = subject.ignored.iter().flat_map(|path| names_of(here, path)).collect();
        // `--out .` may hold the inventory too: its files are looked at, not passed over.
        plan.ignored.retain(|path| !roots.iter().flatten().any(|root| root.starts_with(path)));
        for (tree, root) in subject.trees.iter().zip(roots) {
            if let Some(root) = root {
                plan.lock_of(&root);
                plan.tree(root, &tree.root, tree.kind, &mut Vec::new());
            }
        }
        for path in &subject.files {
            plan.follow(here, path, path);
        }
        plan
    }

    /// Makes every step on the way to a path a point, and tells where it leads.
    fn follow(&mut self, from: &Path, path: &Path, shown: &Path) -> Option<PathBuf> {
        let route = route(from, path);
        for (directory, name) in route.steps {
            // Directories directly below the root of the file system do not come and go.
            let there = directory.join(name);
            if directory.parent().is_some() || look(&there) != Look::Directory {
                self.watched.insert(directory);
                self.points.entry(there).or_insert_with(|| shown.to_path_buf());
            }
        }
        route.end
    }

    fn tree(&mut self, directory: PathBuf, spelled: &Path, kind: Kind, above: &mut Vec<PathBuf>) {
        // A link may lead back to a directory above it: the build tells of that.
        if self.ignored.contains(&directory) || above.contains(&directory) {
            return;
        }
        let Ok(entries) = fs::read_dir(&directory) else { return };
        self.watched.insert(directory.clone());
        let role = Role { kind, spelled: spelled.to_path_buf() };
        self.directories.entry(directory.clone()).or_default().push(role);
        above.push(directory.clone());
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Ok(found) = entry.file_type() else { continue };
            if !kind.sees(&name) {
                continue;
            }
            if found.is_dir() {
                self.tree(directory.join(&name), &spelled.join(&name), kind, above);
            } else if found.is_symlink() {
                let shown = spelled.join(&name);
                let end = self.follow(&directory, Path::new(&name), &shown);
                if let Some(end) = end.filter(|end| kind.follows_links() && end.is_dir()) {
                    self.tree(end, &shown, kind, above);
                }
            }
        }
        above.pop();
    }

    /// The lock of the git repository around a directory. In a linked work tree `.git` is a file that names
    /// the real place.
    fn lock_of(&mut self, directory: &Path) {
        let Some((top, git)) = directory
            .ancestors()
            .map(|top| (top, top.join(".git")))
            .find(|(_, git)| look(git) != Look::Absent)
        else {
            return;
        };
        let real = match fs::read_to_string(&git) {
            Ok(text) => match text.strip_prefix("gitdir:") {
                Some(path) => top.join(path.trim()),
                None => return,
            },
            Err(_) => git,
        };
        self.locks.insert(real.join("index.lock"));
    }

    /// Whether git is changing the work tree.
    pub fn repository_is_busy(&self) -> bool {
        self.locks.iter().any(|lock| look(lock) != Look::Absent)
    }

    /// Whether a path never counts.
    pub fn ignores(&self, path: &Path) -> bool {
        !self.ignored.is_empty() && path.ancestors().any(|above| self.ignored.contains(above))
    }

    /// Whether what is said of a path may matter: a look at its name alone.
    pub fn concerns(&self, sign: Sign, path: &Path) -> bool {
        let of_tree = || {
            self.roles_around(path).any(|(role, name)| {
                // Of a file that is no YAML the build may know (a secret): but who writes it must close it.
                role.kind != Kind::Inventory || is_yaml(name) || sign != Sign::Begun
            })
        };
        (self.points.contains_key(path) || self.directories.contains_key(path) || of_tree())
            && !self.ignores(path)
    }

    /// The roles of the directory that a path is in, where they see its name.
    pub fn roles_around<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = (&'a Role, &'a OsStr)> {
        let name = path.file_name();
        let roles = path.parent().and_then(|parent| self.directories.get(parent));
        roles.into_iter().flatten().filter_map(move |role| Some((role, name.filter(|n| role.kind.sees(n))?)))
    }
}

/// The name of a path without links in its directory, and what it leads to: out/ itself may be a link, and
/// need not be there yet.
fn names_of(here: &Path, path: &Path) -> Vec<PathBuf> {
    let parent = path.parent().and_then(|parent| route(here, parent).end);
    let name = parent.zip(path.file_name()).map(|(parent, name)| parent.join(name));
    name.into_iter().chain(route(here, path).end).collect()
}
