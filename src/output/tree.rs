//! out/ as a place that no path leads out of.
//!
//! Other users may write below out/ (a TFTP server's upload directory, for one), so a symbolic link there
//! must not make a build read, replace or remove a file elsewhere. Every access goes through the open
//! directory: `openat2` refuses links in one call; where the kernel or a sandbox has none, components are
//! opened one by one without following links.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, StatxFlags};
use rustix::io::Errno;

use super::path::split;

/// Directories are opened to be read as well as to reach what is in them.
/// To open a directory, and never through a link.
pub(super) const OPEN_DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Without waiting: a FIFO that someone put there must not hold a build up.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const BENEATH: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// What tells whether a rename from one directory to another can work: device and mount.
pub(super) type Volume = (u32, u32, u64);

/// The open out/.
pub(super) struct Tree {
    root: OwnedFd,
    path: PathBuf,
    one_by_one: AtomicBool,
}

impl Tree {
    /// Opens the directory. A link as out/ itself is the administrator's and is followed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let root = fs::open(path, OPEN_DIRECTORY.difference(OFlags::NOFOLLOW), Mode::empty())?;
        Ok(Self { root, path: path.to_owned(), one_by_one: AtomicBool::new(false) })
    }

    /// For messages: `path` as the user would write it.
    pub(super) fn shown(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.path.clone() } else { self.path.join(path) }
    }

    pub(super) fn root(&self) -> &OwnedFd {
        &self.root
    }

    /// Opens a file for reading; `ELOOP` or `ENOTDIR` where a link is on the way.
    pub(super) fn file(&self, path: &str) -> io::Result<File> {
        self.open_at(path, FILE).map(File::from)
    }

    /// Opens a directory, out/ itself for the empty path.
    pub(super) fn directory(&self, path: &str) -> io::Result<OwnedFd> {
        self.open_at(if path.is_empty() { "." } else { path }, OPEN_DIRECTORY)
    }

    /// What stands at `path`, whose parent the caller knows to be a real directory.
    pub(super) fn look(&self, path: &str) -> io::Result<Option<Stat>> {
        match fs::statat(&self.root, path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    fn open_at(&self, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
        if !self.one_by_one.load(Ordering::Relaxed) {
            match fs::openat2(&self.root, path, flags, Mode::empty(), BENEATH) {
                // Old kernels say NOSYS, sandboxes PERM; neither says so of the file.
                Err(Errno::NOSYS | Errno::PERM) => self.one_by_one.store(true, Ordering::Relaxed),
                other => return Ok(other?),
            }
        }
        let (parent, name) = split(path);
        if parent.is_empty() {
            return Ok(fs::openat(&self.root, name, flags, Mode::empty())?);
        }
        let way = OPEN_DIRECTORY.union(OFlags::PATH);
        let mut at: Option<OwnedFd> = None;
        for component in parent.split('/') {
            let from = at.as_ref().unwrap_or(&self.root);
            at = Some(fs::openat(from, component, way, Mode::empty())?);
        }
        Ok(fs::openat(at.as_ref().unwrap_or(&self.root), name, flags, Mode::empty())?)
    }

    /// The nearest directory at or above `path` that exists, and its volume.
    pub(super) fn nearest<'a>(&self, mut path: &'a str) -> io::Result<(&'a str, Volume)> {
        loop {
            match self.directory(path).map_err(|e| Errno::from_io_error(&e).ok_or(e)) {
                Ok(found) => return Ok((path, volume(&found)?)),
                Err(Ok(Errno::NOENT | Errno::NOTDIR | Errno::LOOP)) if !path.is_empty() => {
                    path = split(path).0
                }
                Err(Ok(errno)) => return Err(errno.into()),
                Err(Err(other)) => return Err(other),
            }
        }
    }

    /// Removes the temporary files that a build which did not end left in out/.
    pub(super) fn sweep(&self, temporary: impl Fn(&str) -> bool) -> io::Result<()> {
        let mut waiting = vec![String::new()];
        while let Some(directory) = waiting.pop() {
            let Some(at) = gone_is_none(self.directory(&directory))? else { continue };
            for name in names(&at)? {
                // Names that are not UTF-8 are nobody's concern here: provc makes none.
                let (Ok(name), kind) = name else { continue };
                if kind == FileType::Directory {
                    waiting.push(if directory.is_empty() { name } else { format!("{directory}/{name}") });
                } else if temporary(&name) {
                    fs::unlinkat(&at, name, AtFlags::empty())?;
                }
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn without_openat2(&self) {
        self.one_by_one.store(true, Ordering::Relaxed);
    }
}

/// Names and kinds in a directory; a name that is not UTF-8 is an `Err`.
pub(super) fn names(directory: impl AsFd) -> io::Result<Vec<(Result<String, ()>, FileType)>> {
    let mut found = Vec::new();
    for entry in fs::Dir::read_from(&directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                FileType::from_raw_mode(fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode)
            }
            known => known,
        };
        found.push((name.to_str().map(str::to_owned).map_err(|_| ()), kind));
    }
    Ok(found)
}

/// `None` where the thing is gone.
pub(super) fn gone_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if matches!(Errno::from_io_error(&e), Some(Errno::NOENT | Errno::NOTDIR)) => Ok(None),
        Err(e) => Err(e),
    }
}

/// The volume of an open directory. Two bind mounts of one device are two volumes: a rename between them
/// fails, as in a container that has out/ mounted from its host.
pub(super) fn volume(directory: impl AsFd) -> io::Result<Volume> {
    match fs::statx(&directory, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID) {
        Ok(found) => Ok((found.stx_dev_major, found.stx_dev_minor, found.stx_mnt_id)),
        Err(Errno::NOSYS | Errno::PERM) => {
            let device = fs::fstat(&directory)?.st_dev;
            Ok((fs::major(device), fs::minor(device), 0))
        }
        Err(e) => Err(e.into()),
    }
}

/// The directory last used, open: files are sorted, so it is mostly the next one's too.
#[derive(Default)]
pub(super) struct Parent<'a> {
    open: Option<(&'a str, OwnedFd)>,
}

impl<'a> Parent<'a> {
    pub(super) fn at(&mut self, tree: &Tree, path: &'a str) -> io::Result<&OwnedFd> {
        let open = match self.open.take() {
            Some((last, open)) if last == path => open,
            _ => tree.directory(path)?,
        };
        Ok(&self.open.insert((path, open)).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::path::TEMP_PREFIX;
    use std::os::unix::fs::symlink;

    #[test]
    fn no_link_is_followed_with_or_without_openat2() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("out");
        std::fs::create_dir_all(out.join("d/e")).unwrap();
        std::fs::write(place.path().join("secret"), "x").unwrap();
        std::fs::write(out.join("d/e/file"), "y").unwrap();
        symlink("..", out.join("up")).unwrap();
        symlink("/", out.join("d/root")).unwrap();
        symlink("file", out.join("d/e/link")).unwrap();
        let tree = Tree::open(&out).unwrap();
        for fallback in [false, true] {
            if fallback {
                tree.without_openat2();
            }
            for path in ["up/secret", "d/root/etc/passwd", "d/e/link"] {
                assert!(tree.file(path).is_err(), "{path}");
            }
            assert!(tree.directory("up").is_err());
            assert!(tree.file("d/e/file").is_ok());
            assert!(tree.directory("").is_ok());
            assert!(tree.directory("d/e").is_ok());
            assert!(gone_is_none(tree.file("d/none/x")).unwrap().is_none());
            assert_eq!(tree.nearest("d/e/f/g").unwrap().0, "d/e");
            assert_eq!(tree.nearest("up/x").unwrap().0, "");
        }
    }

    #[test]
    fn the_sweep_takes_temporary_files_only() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path();
        std::fs::create_dir_all(out.join("d/e")).unwrap();
        for name in ["a", ".provc-tmp-1", "d/.provc-tmp-2", "d/e/.provc-tmp-3", "d/.provc"] {
            std::fs::write(out.join(name), "x").unwrap();
        }
        Tree::open(out).unwrap().sweep(|name| name.starts_with(TEMP_PREFIX)).unwrap();
        assert!(out.join("a").exists() && out.join("d/.provc").exists());
        for name in [".provc-tmp-1", "d/.provc-tmp-2", "d/e/.provc-tmp-3"] {
            assert!(!out.join(name).exists());
        }
    }
}
