//! Whether an artifact's bytes are what stands in out/ already.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{self, AtFlags, FileType, Mode};
use rustix::io::Errno;

use super::Artifact;
use super::content::{BUFFER, Side, Source};
use super::errors::{Fault, system};
use super::manifest::Manifest;
use super::record::{FileDigest, Record, Stamp};
use super::staging::{Staged, Standing, file_mode, staged};
use super::tree::Tree;

/// Compares an artifact without writing anything, as a dry run does.
pub(super) fn compare_only(
    tree: Option<&Tree>,
    manifest: &Manifest,
    artifact: &Artifact,
    group: Option<u32>,
) -> Result<Staged, Fault> {
    let mut source = Source::open(&artifact.content)?;
    // For bytes in memory with nothing to compare them to there is nothing to be read.
    let idle = tree.is_none() && matches!(source, Source::Bytes(_));
    let mut buffer = vec![0; if idle { 0 } else { BUFFER }];
    let found = match tree {
        Some(tree) => {
            let known = manifest.find(artifact.path.as_str());
            Comparison { tree, artifact, known, group, begin: 0 }.compare(&mut source, &mut buffer)?
        }
        None => Found::just(Standing::Nothing),
    };
    if let Some(digest) = found.digest {
        return Ok(staged(artifact, found.standing, digest, source.size()));
    }
    let poured = source.pour(None, &mut buffer).map_err(|side| match side {
        Side::Source(fault) => fault,
        Side::Target(e) => system(&e, "read", Path::new(artifact.path.as_str())),
    })?;
    Ok(staged(artifact, found.standing, poured.0, poured.1))
}

/// A look at what stands under a planned path.
pub(super) struct Comparison<'a> {
    pub(super) tree: &'a Tree,
    pub(super) artifact: &'a Artifact,
    /// What an earlier build wrote there.
    pub(super) known: Option<Record<'a>>,
    pub(super) group: Option<u32>,
    /// The file system's clock before the look.
    pub(super) begin: i64,
}

pub(super) struct Found {
    pub(super) standing: Standing,
    /// If it has the same bytes.
    pub(super) digest: Option<FileDigest>,
    pub(super) stamp: Option<Stamp>,
}

impl Found {
    pub(super) fn just(standing: Standing) -> Self {
        Self { standing, digest: None, stamp: None }
    }
}

impl Comparison<'_> {
    /// What stands there, with the digest if it has the same bytes. The size is looked at first: most
    /// changes change it, and then nothing has to be read. Nor has a file that `stat` proves to be the one
    /// that was written.
    fn compare(&self, source: &mut Source<'_>, buffer: &mut [u8]) -> Result<Found, Fault> {
        let path = self.artifact.path.as_str();
        let shown = || self.tree.shown(path);
        let mut file = match self.tree.file(path).map_err(|e| Errno::from_io_error(&e).ok_or(e)) {
            Ok(file) => file,
            // Whether a part of the way is a link or a file is looked at for all directories at once, later.
            Err(Ok(Errno::NOENT | Errno::NOTDIR)) => return Ok(Found::just(Standing::Nothing)),
            Err(Ok(Errno::LOOP | Errno::ACCESS | Errno::NXIO | Errno::NODEV)) => {
                return Ok(Found::just(Standing::Other));
            }
            Err(Ok(errno)) => return Err(system(&errno.into(), "read", &shown())),
            Err(Err(e)) => return Err(system(&e, "read", &shown())),
        };
        let stat = fs::fstat(&file).map_err(|e| system(&e.into(), "read", &shown()))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Ok(Found::just(Standing::Directory)),
            _ => return Ok(Found::just(Standing::Other)),
        }
        if u64::try_from(stat.st_size) != Ok(source.size()) {
            return Ok(Found::just(Standing::Different));
        }
        let digest = match self.proven(&stat) {
            Some(known) => {
                let ours = source.digest(buffer).map_err(|e| self.side(e))?;
                (ours == known.digest).then_some(ours)
            }
            None => source.equals(&mut file, buffer).map_err(|e| self.side(e))?,
        };
        Ok(digest.map_or(Found::just(Standing::Different), |digest| self.same(&stat, digest)))
    }

    /// The same without opening a file that `stat` proves to be the one that was written.
    pub(super) fn quick_or_full(
        &self,
        parent: &mut Option<(Box<str>, OwnedFd)>,
        source: &mut Source<'_>,
        buffer: &mut [u8],
    ) -> Result<Found, Fault> {
        if self.known.is_some_and(|known| known.size == source.size())
            && let Some(stat) = self.look(parent)
            && let Some(known) = self.proven(&stat)
        {
            let ours = source.digest(buffer).map_err(|e| self.side(e))?;
            let same = ours == known.digest;
            return Ok(if same { self.same(&stat, ours) } else { Found::just(Standing::Different) });
        }
        self.compare(source, buffer)
    }

    /// Looks at the file by its open directory; whatever does not work out is told by the full comparison.
    fn look(&self, parent: &mut Option<(Box<str>, OwnedFd)>) -> Option<fs::Stat> {
        let path = &self.artifact.path;
        if parent.as_ref().is_none_or(|(last, _)| **last != *path.parent()) {
            *parent = Some((path.parent().into(), self.tree.directory(path.parent()).ok()?));
        }
        let (_, at) = parent.as_ref()?;
        fs::statat(at, path.name(), AtFlags::SYMLINK_NOFOLLOW).ok()
    }

    /// The record of the file, if `stat` proves that it still has the recorded bytes.
    fn proven(&self, stat: &fs::Stat) -> Option<&Record<'_>> {
        self.known.as_ref().filter(|known| {
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
                && u64::try_from(stat.st_size) == Ok(known.size)
                && known.stamp.is_some_and(|stamp| stamp.proves(stat))
        })
    }

    /// A file with the right bytes.
    fn same(&self, stat: &fs::Stat, digest: FileDigest) -> Found {
        let mode = Mode::from_raw_mode(stat.st_mode);
        let group = self.group.is_none_or(|group| group == stat.st_gid);
        // Another user's file cannot be given a mode, but it can be replaced.
        let ours = || {
            let user = rustix::process::geteuid();
            user.is_root() || user.as_raw() == stat.st_uid
        };
        if mode == file_mode(self.artifact.sensitive) && group || ours() {
            let known = self.proven(stat).and_then(|known| known.stamp);
            let stamp = known.or_else(|| Some(Stamp::new(stat, self.begin)));
            Found { standing: Standing::Same { mode: mode.bits(), group }, digest: Some(digest), stamp }
        } else {
            Found::just(Standing::Different)
        }
    }

    fn side(&self, side: Side) -> Fault {
        match side {
            Side::Source(fault) => fault,
            Side::Target(e) => system(&e, "read", &self.tree.shown(self.artifact.path.as_str())),
        }
    }
}
