//! Writing what differs to temporary files while devices are still being rendered.
//!
//! Each thread at work has a directory of its own below the state directory: threads that create files in
//! one directory wait for each other. A file gets its final mode and group at once, so that the commit has
//! nothing left to do but rename. Files of directories that out/ does not have yet lie in a tree that is
//! renamed whole (`fresh`). Where a rename from there cannot work (another file system, another mount), the
//! temporary lies in out/ itself, under a dot name and readable by its owner only.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{self, AtFlags, Gid, Mode, OFlags};
use rustix::io::Errno;

use super::compare::{Comparison, Found};
use super::content::{BUFFER, Side, Source};
use super::errors::{Fault, system};
use super::fresh::{self, Fresh};
use super::manifest::Manifest;
use super::path::OutPath;
use super::record::{FileDigest, Stamp, nanoseconds};
use super::tree::{OPEN_DIRECTORY, Tree, Volume, volume};
use super::{Artifact, Owner};

/// The directory of temporaries in the state directory.
pub(super) const DIRECTORY: &str = "staging";
/// Its presence says that temporaries may lie in out/.
pub(super) const MARKER: &str = "temporaries-in-out";

pub(super) const CREATE: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The mode of a file in out/.
pub(super) fn file_mode(sensitive: bool) -> Mode {
    Mode::from_raw_mode(if sensitive { 0o640 } else { 0o644 })
}

/// One artifact, compared and if necessary written aside. A small record: the bytes are on disk.
#[derive(Debug)]
pub struct Staged {
    pub(super) path: OutPath,
    pub(super) owner: Owner,
    pub(super) digest: FileDigest,
    pub(super) size: u64,
    pub(super) sensitive: bool,
    pub(super) standing: Standing,
    pub(super) temp: Option<Temp>,
    /// What `stat` said of the file that stands there with these bytes, or of the temporary.
    pub(super) stamp: Option<Stamp>,
    /// All owners, if there are several, and whether it is sensitive for each.
    pub(super) claims: Vec<(Owner, bool)>,
    /// Whether the temporary was written as less sensitive than the file is to be.
    pub(super) tighten: bool,
}

/// What stood under the planned path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    Nothing,
    /// The same bytes; the mode, and whether the group is as it should be.
    Same {
        mode: u32,
        group: bool,
    },
    /// A file with other bytes, or one that is not ours to set the mode of.
    Different,
    /// A link, a device, something that cannot be read.
    Other,
    Directory,
}

/// Where the new bytes are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Temp {
    /// Below the staging directory: `slot/number`, or [`fresh::DIRECTORY`] and the path below out/.
    Staging(String),
    /// In a directory of out/, under this name.
    Tree(Box<str>, String),
}

/// What is left of one thread's work.
struct Slot {
    index: u32,
    directory: OwnedFd,
    next: u32,
    buffer: Vec<u8>,
    /// The directory that the last file is in, open.
    parent: Option<(Box<str>, OwnedFd)>,
    /// The last parent looked at, and where its temporaries are.
    last: Option<(Box<str>, Home)>,
}

impl Slot {
    /// Whether out/ had no such directory when it was last looked at for this one: then nothing stands in it.
    fn is_new(&self, parent: &str) -> bool {
        matches!(&self.last, Some((last, Home::Fresh(_))) if **last == *parent)
    }
}

/// Where the temporaries for a directory of out/ are.
enum Home {
    /// In the thread's own directory.
    Slot,
    /// Under their own names, in a tree that may become part of out/.
    Fresh(fresh::Directory),
    /// In this directory of out/.
    Tree(Box<str>),
}

/// The staging directory of one build.
pub(super) struct Staging {
    state: PathBuf,
    prefix: String,
    root: OwnedFd,
    volume: Volume,
    /// Whether the umask or a default ACL takes something away from new files.
    restricted: bool,
    /// The group that everything should have.
    group: Option<Gid>,
    /// Whether new files have that group by themselves.
    inherits: bool,
    /// User and group of new files.
    new_file: (u32, u32),
    /// What the file system's clock said at the begin.
    begin: i64,
    slots: Mutex<BTreeMap<u32, Slot>>,
    next_slot: AtomicU32,
    next_in_tree: AtomicU64,
    in_tree: AtomicBool,
    marking: Mutex<()>,
    fresh: Fresh,
}

impl Staging {
    /// Makes the directory, and finds out what a new file looks like here.
    /// Temporaries in out/ begin with `prefix`.
    pub(super) fn open(state: &Path, group: Option<u32>, prefix: &str) -> Result<Self, Fault> {
        let path = state.join(DIRECTORY);
        let open = || -> io::Result<_> {
            match fs::mkdir(&path, Mode::RWXU) {
                Err(e) if e != Errno::EXIST => return Err(e.into()),
                _ => {}
            }
            let root = fs::open(&path, OPEN_DIRECTORY, Mode::empty())?;
            let probe = fs::openat(&root, "probe", CREATE, file_mode(false));
            let probe = match probe {
                Err(Errno::EXIST) => {
                    fs::unlinkat(&root, "probe", AtFlags::empty())?;
                    fs::openat(&root, "probe", CREATE, file_mode(false))?
                }
                other => other?,
            };
            let found = fs::fstat(&probe)?;
            let group = group.map(Gid::from_raw);
            let inherits = group.is_none_or(|group| group.as_raw() == found.st_gid);
            let refused = !inherits && fs::fchown(&probe, None, group).is_err();
            fs::unlinkat(&root, "probe", AtFlags::empty())?;
            Ok((volume(&root)?, root, found, group, inherits, refused))
        };
        let (volume, root, found, group, inherits, refused) =
            open().map_err(|e| system(&e, "write to", &path))?;
        if let Some(group) = group.filter(|_| refused) {
            return Err(super::accounts::refused(group.as_raw()));
        }
        Ok(Self {
            state: state.to_owned(),
            prefix: prefix.to_owned(),
            root,
            volume,
            restricted: Mode::from_raw_mode(found.st_mode) != file_mode(false),
            group,
            inherits,
            new_file: (found.st_uid, found.st_gid),
            begin: nanoseconds(found.st_mtime, found.st_mtime_nsec),
            slots: Mutex::default(),
            next_slot: AtomicU32::new(0),
            next_in_tree: AtomicU64::new(0),
            in_tree: AtomicBool::new(false),
            marking: Mutex::default(),
            fresh: Fresh::default(),
        })
    }

    pub(super) fn root(&self) -> &OwnedFd {
        &self.root
    }

    /// The group that everything should have.
    pub(super) fn group(&self) -> Option<Gid> {
        self.group
    }

    /// User and group that a new file has without being given any.
    pub(super) fn new_file(&self) -> (u32, u32) {
        self.new_file
    }

    /// How temporaries in out/ begin.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The directories that are written whole.
    pub(super) fn fresh(&self) -> &Fresh {
        &self.fresh
    }

    /// Whether any temporary lies in out/.
    pub(super) fn in_tree(&self) -> bool {
        self.in_tree.load(Ordering::Acquire)
    }

    /// What the file system's clock said at the begin.
    pub(super) fn begin(&self) -> i64 {
        self.begin
    }

    /// What the file system's clock says, as the time of a file made now.
    pub(super) fn now(&self) -> io::Result<i64> {
        let probe = fs::openat(&self.root, "probe", CREATE, file_mode(false))?;
        let found = fs::fstat(&probe)?;
        fs::unlinkat(&self.root, "probe", AtFlags::empty())?;
        Ok(nanoseconds(found.st_mtime, found.st_mtime_nsec))
    }

    fn slot(&self) -> Result<Slot, Fault> {
        let idle = self.slots.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
        if let Some((_, slot)) = idle {
            return Ok(slot);
        }
        let index = self.next_slot.fetch_add(1, Ordering::Relaxed);
        let name = index.to_string();
        let make = || -> io::Result<OwnedFd> {
            fs::mkdirat(&self.root, &name, Mode::RWXU)?;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Ok(fs::openat(&self.root, &name, flags, Mode::empty())?)
        };
        let directory = make().map_err(|e| system(&e, "create", &self.state.join(DIRECTORY).join(&name)))?;
        Ok(Slot { index, directory, next: 0, buffer: vec![0; BUFFER], parent: None, last: None })
    }

    /// Compares and writes one artifact.
    pub(super) fn stage(
        &self,
        tree: &Tree,
        manifest: &Manifest,
        artifact: &Artifact,
    ) -> Result<Staged, Fault> {
        let mut slot = self.slot()?;
        let staged = self.stage_with(&mut slot, tree, manifest, artifact);
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).insert(slot.index, slot);
        staged
    }

    fn stage_with(
        &self,
        slot: &mut Slot,
        tree: &Tree,
        manifest: &Manifest,
        artifact: &Artifact,
    ) -> Result<Staged, Fault> {
        let mut source = Source::open(&artifact.content)?;
        let known = manifest.find(artifact.path.as_str());
        let group = self.group.map(Gid::as_raw);
        let found = if known.is_none() && slot.is_new(artifact.path.parent()) {
            Found::just(Standing::Nothing)
        } else {
            Comparison { tree, artifact, known, group, begin: self.begin }.quick_or_full(
                &mut slot.parent,
                &mut source,
                &mut slot.buffer,
            )?
        };
        if let Some(digest) = found.digest {
            return Ok(Staged {
                stamp: found.stamp,
                ..staged(artifact, found.standing, digest, source.size())
            });
        }
        let (temp, mut file) = self.create(slot, tree, artifact)?;
        let poured = source.pour(Some(&mut file), &mut slot.buffer).and_then(|poured| {
            if matches!(temp, Temp::Staging(_)) {
                self.finish(&file, artifact.sensitive).map_err(Side::Target)?;
            }
            let stat = fs::fstat(&file).map_err(|e| Side::Target(e.into()))?;
            Ok((poured, Stamp::new(&stat, 0)))
        });
        match poured {
            Ok(((digest, size), stamp)) => Ok(Staged {
                temp: Some(temp),
                stamp: Some(stamp),
                ..staged(artifact, found.standing, digest, size)
            }),
            Err(side) => {
                self.discard(tree, &temp);
                Err(match side {
                    Side::Source(fault) => fault,
                    Side::Target(e) => system(&e, "write", &tree.shown(artifact.path.as_str())),
                })
            }
        }
    }

    /// Creates a temporary for the artifact where it belongs.
    fn create(&self, slot: &mut Slot, tree: &Tree, artifact: &Artifact) -> Result<(Temp, File), Fault> {
        let parent = artifact.path.parent();
        if slot.last.as_ref().is_none_or(|(last, _)| **last != *parent) {
            slot.last = Some((parent.into(), self.home(tree, parent)?));
        }
        match &slot.last {
            Some((_, Home::Tree(directory))) => return self.create_in_tree(tree, directory),
            Some((_, Home::Fresh(directory))) => {
                let created = directory.create(artifact.path.name(), artifact.sensitive);
                let shown = || self.state.join(DIRECTORY).join(fresh::below(artifact.path.as_str()));
                if let Some(created) = created.map_err(|e| system(&e, "create", &shown()))? {
                    return Ok(created);
                }
            }
            _ => {}
        }
        self.create_in_slot(slot, artifact)
    }

    fn create_in_slot(&self, slot: &mut Slot, artifact: &Artifact) -> Result<(Temp, File), Fault> {
        let name = slot.next.to_string();
        slot.next += 1;
        let file = fs::openat(&slot.directory, &name, CREATE, file_mode(artifact.sensitive));
        let shown = || self.state.join(DIRECTORY).join(slot.index.to_string()).join(&name);
        let file = file.map_err(|e| system(&e.into(), "create", &shown()))?;
        Ok((Temp::Staging(format!("{}/{name}", slot.index)), file.into()))
    }

    fn create_in_tree(&self, tree: &Tree, directory: &str) -> Result<(Temp, File), Fault> {
        self.mark()?;
        let name = format!("{}{}", self.prefix, self.next_in_tree.fetch_add(1, Ordering::Relaxed));
        let create = || -> io::Result<OwnedFd> {
            let directory = tree.directory(directory)?;
            Ok(fs::openat(&directory, &name, CREATE, Mode::RUSR | Mode::WUSR)?)
        };
        let file = create().map_err(|e| system(&e, "create a file in", &tree.shown(directory)))?;
        Ok((Temp::Tree(directory.into(), name), file.into()))
    }

    /// Leaves word that out/ must be searched for temporaries if this build does not end. Until the word is on
    /// disk nobody goes on: a temporary that nobody knows of would stay in out/ for good.
    pub(super) fn mark(&self) -> Result<(), Fault> {
        if self.in_tree() {
            return Ok(());
        }
        let _one_at_a_time = self.marking.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.in_tree() {
            let marker = self.state.join(MARKER);
            File::create(&marker).map_err(|e| system(&e, "create", &marker))?;
            self.in_tree.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Where temporaries for `parent` are to lie.
    fn home(&self, tree: &Tree, parent: &str) -> Result<Home, Fault> {
        let (nearest, volume) = tree.nearest(parent).map_err(|e| system(&e, "open", &tree.shown(parent)))?;
        if volume != self.volume {
            return Ok(Home::Tree(nearest.into()));
        }
        let fresh = self.fresh.directory(&self.root, tree, nearest, parent);
        let shown = || self.state.join(DIRECTORY).join(fresh::below(parent));
        Ok(fresh.map_err(|e| system(&e, "create", &shown()))?.map_or(Home::Slot, Home::Fresh))
    }

    /// Mode and group of a new file, where they did not come by themselves.
    pub(super) fn finish(&self, file: &File, sensitive: bool) -> io::Result<()> {
        if !self.inherits {
            fs::fchown(file, None, self.group)?;
        }
        if self.restricted {
            fs::fchmod(file, file_mode(sensitive))?;
        }
        Ok(())
    }

    /// Removes a temporary that is not wanted; what stays is swept by the next build.
    pub(super) fn discard(&self, tree: &Tree, temp: &Temp) {
        let _ = match temp {
            Temp::Staging(path) => {
                self.fresh.discarded(path);
                fs::unlinkat(&self.root, path, AtFlags::empty()).map_err(io::Error::from)
            }
            Temp::Tree(directory, name) => tree
                .directory(directory)
                .and_then(|at| fs::unlinkat(&at, name, AtFlags::empty()).map_err(io::Error::from)),
        };
    }
}

pub(super) fn staged(artifact: &Artifact, standing: Standing, digest: FileDigest, size: u64) -> Staged {
    Staged {
        path: artifact.path.clone(),
        owner: artifact.owner.clone(),
        digest,
        size,
        sensitive: artifact.sensitive,
        standing,
        temp: None,
        stamp: None,
        claims: Vec::new(),
        tighten: false,
    }
}
