//! One file that a build left in out/: what the manifest remembers of it.
//!
//! Records are read where they lie in the manifest, so they borrow from it: 200,000 of them cost nothing to
//! open.

use rustix::fs::Stat;

use super::Owner;

/// A sha1 digest of a file's bytes.
pub(super) type FileDigest = [u8; 20];

/// How far a file system's clock may lag behind itself: Linux stamps files with the time of the last timer
/// tick, at most 10 ms ago.
const GRAIN: i64 = 20_000_000;
/// The same where times are whole seconds, or every second one.
const COARSE: i64 = 2_000_000_000;

/// An [`Owner`] where its name lies in a table. The order is the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum OwnerRef<'a> {
    Static,
    Plugin(&'a str),
    Device(&'a str),
}

impl<'a> OwnerRef<'a> {
    pub(super) fn kind(self) -> u32 {
        match self {
            Self::Static => 0,
            Self::Plugin(_) => 1,
            Self::Device(_) => 2,
        }
    }

    pub(super) fn id(self) -> &'a str {
        match self {
            Self::Static => "",
            Self::Plugin(id) | Self::Device(id) => id,
        }
    }

    pub(super) fn from_kind(kind: u32, id: &'a str) -> Option<Self> {
        match kind {
            0 => Some(Self::Static),
            1 => Some(Self::Plugin(id)),
            2 => Some(Self::Device(id)),
            _ => None,
        }
    }

    pub(super) fn to_owner(self) -> Owner {
        match self {
            Self::Static => Owner::Static,
            Self::Plugin(id) => Owner::Plugin(id.to_owned()),
            Self::Device(id) => Owner::Device(id.to_owned()),
        }
    }

    pub(super) fn is_device(self) -> bool {
        matches!(self, Self::Device(_))
    }
}

impl Owner {
    pub(super) fn as_ref(&self) -> OwnerRef<'_> {
        match self {
            Self::Static => OwnerRef::Static,
            Self::Plugin(id) => OwnerRef::Plugin(id),
            Self::Device(id) => OwnerRef::Device(id),
        }
    }
}

/// What a file looked like to `stat` while it had the recorded bytes; its size is in the record. Times in
/// nanoseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    pub(super) mtime: i64,
    pub(super) ctime: i64,
    pub(super) inode: u64,
    /// Whether any later change shows. Without it the file was changed so shortly before it was looked at
    /// that another change could have got the same time: equal times then prove nothing.
    pub(super) settled: bool,
}

impl Stamp {
    /// `now` is what the file system's clock said before the look, as the time of a file made then.
    pub(super) fn new(stat: &Stat, now: i64) -> Self {
        let stamp = Self {
            mtime: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            ctime: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
            inode: stat.st_ino,
            settled: false,
        };
        stamp.alone_until(now)
    }

    /// The same for a file that nobody else could reach before the clock said `now`.
    pub(super) fn alone_until(self, now: i64) -> Self {
        let grain = if self.ctime % 1_000_000_000 == 0 { COARSE } else { GRAIN };
        Self { settled: self.ctime.saturating_add(grain) < now, ..self }
    }

    /// Whether `stat` shows that nothing happened to the file.
    pub(super) fn proves(&self, stat: &Stat) -> bool {
        self.settled
            && self.inode == stat.st_ino
            && self.ctime == nanoseconds(stat.st_ctime, stat.st_ctime_nsec)
            && self.mtime == nanoseconds(stat.st_mtime, stat.st_mtime_nsec)
    }

    /// Whether it is the same file with the same time of last writing; a rename or a new mode may lie
    /// between.
    pub(super) fn follows(&self, earlier: &Self) -> bool {
        self.inode == earlier.inode && self.mtime == earlier.mtime
    }
}

/// The time of a `stat` in one number.
pub(super) fn nanoseconds(seconds: impl TryInto<i64>, nanoseconds: impl TryInto<i64>) -> i64 {
    let (seconds, rest) = (seconds.try_into().unwrap_or(0), nanoseconds.try_into().unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// One file of a build.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Record<'a> {
    pub(super) path: &'a str,
    pub(super) digest: FileDigest,
    pub(super) size: u64,
    /// Whether it is sensitive for any owner.
    pub(super) sensitive: bool,
    /// The first of its owners.
    pub(super) owner: OwnerRef<'a>,
    /// Whether there are more owners; the table knows them.
    pub(super) shared: bool,
    /// Nothing where the file has not been looked at since it was placed.
    pub(super) stamp: Option<Stamp>,
}

/// An owner of a file, and whether the file is sensitive for that owner.
pub(super) type Claim<'a> = (OwnerRef<'a>, bool);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_settled_once_the_clock_has_moved_on() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a");
        std::fs::write(&path, "x").unwrap();
        let stat = rustix::fs::stat(&path).unwrap();
        let ctime = nanoseconds(stat.st_ctime, stat.st_ctime_nsec);
        assert!(!Stamp::new(&stat, ctime).settled && !Stamp::new(&stat, ctime).proves(&stat));
        assert!(Stamp::new(&stat, ctime + COARSE + 1).proves(&stat));
        let mut whole = stat;
        whole.st_ctime_nsec = 0;
        let second = nanoseconds(stat.st_ctime, 0);
        assert!(!Stamp::new(&whole, second + GRAIN + 1).settled);
        assert!(Stamp::new(&whole, second + COARSE + 1).settled);
    }

    #[test]
    fn owners_sort_alike_in_both_forms() {
        let owners = [
            Owner::Static,
            Owner::Plugin("a".into()),
            Owner::Plugin("b".into()),
            Owner::Device("A".into()),
            Owner::Device("a".into()),
        ];
        assert!(owners.is_sorted() && owners.iter().map(Owner::as_ref).is_sorted());
        for owner in owners {
            assert_eq!(owner.as_ref().to_owner(), owner);
            assert_eq!(OwnerRef::from_kind(owner.as_ref().kind(), owner.as_ref().id()), Some(owner.as_ref()));
        }
        assert_eq!(OwnerRef::from_kind(3, "x"), None);
    }
}
