//! The kinds of mistake that this module reports.

use crate::diagnostic::Code;

/// Another build holds the lock.
pub const LOCKED: Code = Code("PV0802");
/// The manifest or the journal of earlier builds cannot be trusted (a warning).
pub const DAMAGED_STATE: Code = Code("PV0803");
/// The group that sensitive files should belong to does not exist.
pub const UNKNOWN_GROUP: Code = Code("PV0804");
/// The group exists, but this user may not give files to it.
pub const GROUP_REFUSED: Code = Code("PV0805");
/// Two different files are planned for one path.
pub const COLLISION: Code = Code("PV0806");
/// A path is planned both as a file and as a directory.
pub const FILE_AND_DIRECTORY: Code = Code("PV0807");
/// A file that no earlier build wrote stands under a planned path and differs.
pub const FOREIGN_FILE: Code = Code("PV0808");
/// A symbolic link stands where a directory is needed.
pub const SYMLINK: Code = Code("PV0809");
/// A directory stands where a file is planned.
pub const DIRECTORY_IN_THE_WAY: Code = Code("PV0810");
/// A build would remove a large part of what earlier builds wrote.
pub const MASS_REMOVAL: Code = Code("PV0811");
/// A file that should be removed was edited since it was written (a warning).
pub const EDITED_FILE: Code = Code("PV0812");
/// out/ or the state directory cannot be where it was asked for.
pub const BAD_PLACE: Code = Code("PV0813");
/// A file of static/ cannot be read.
pub const UNREADABLE_SOURCE: Code = Code("PV0814");
/// Not all shards of a build are there to be merged, or one is there twice.
pub const SHARDS_MISSING: Code = Code("PV0815");
/// The shards of a build were made from different inputs.
pub const SHARDS_DIFFER: Code = Code("PV0816");
/// Another build changed in out/ what a shard had compared or written.
pub const OVERTAKEN: Code = Code("PV0817");
/// The file system or the quota is full.
pub const NO_SPACE: Code = Code("PV0820");
/// The file system is read-only.
pub const READ_ONLY: Code = Code("PV0821");
/// This user may not do that.
pub const PERMISSION: Code = Code("PV0822");
/// The process or the system has no file descriptor left.
pub const TOO_MANY_FILES: Code = Code("PV0823");
/// The file system does not take a name of this length.
pub const NAME_TOO_LONG: Code = Code("PV0824");
/// Any other error of the system.
pub const IO: Code = Code("PV0825");
