//! From a path as written to the directories in which its parts stand, links and all: the places where
//! a change would let the path lead elsewhere.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// As many links as the kernel follows in one path.
const MAX_LINKS: usize = 40;

/// What stands under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing that can be seen.
    Absent,
    /// A plain file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, pipe or socket.
    Other,
}

/// What stands under a name, links not followed.
pub(super) fn look(path: &Path) -> Look {
    match fs::symlink_metadata(path).map(|found| found.file_type()) {
        Err(_) => Look::Absent,
        Ok(kind) if kind.is_file() => Look::File,
        Ok(kind) if kind.is_dir() => Look::Directory,
        Ok(kind) if kind.is_symlink() => Look::Link,
        Ok(_) => Look::Other,
    }
}

/// Whether somebody may be writing a file of which the end of writing was not seen. A file with a second
/// name came by linking, whole.
pub(super) fn may_be_open(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.nlink() == 1)
}

/// Where a path leads.
#[derive(Debug, Default)]
pub(super) struct Route {
    /// A directory and a name in it, for each part of the path and of the links on the way: the directories
    /// without links in their own names. The last may not exist.
    pub steps: Vec<(PathBuf, OsString)>,
    /// What it leads to, without links in its name, if it exists.
    pub end: Option<PathBuf>,
}

/// Follows a path from a directory that has no links in its name. A path that ends nowhere has the steps up
/// to there.
pub(super) fn route(from: &Path, path: &Path) -> Route {
    let mut route = Route::default();
    let mut here = from.to_path_buf();
    let mut rest: VecDeque<PathBuf> = parts(path);
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        match part.components().next() {
            Some(Component::RootDir | Component::Prefix(_)) => here = PathBuf::from("/"),
            Some(Component::ParentDir) => drop(here.pop()),
            Some(Component::CurDir) | None => {}
            Some(Component::Normal(name)) => {
                let there = here.join(name);
                route.steps.push((here.clone(), name.to_owned()));
                match look(&there) {
                    Look::Absent => return route,
                    Look::Link => {
                        links += 1;
                        let Ok(target) = fs::read_link(&there) else { return route };
                        if links > MAX_LINKS {
                            return route;
                        }
                        for part in parts(&target).into_iter().rev() {
                            rest.push_front(part);
                        }
                    }
                    // A file in the middle of a path leads nowhere, and that ends at the next step.
                    Look::File | Look::Directory | Look::Other => here = there,
                }
            }
        }
    }
    route.end = Some(here);
    route
}

fn parts(path: &Path) -> VecDeque<PathBuf> {
    path.components().map(|part| PathBuf::from(part.as_os_str())).collect()
}
