//! What one event of the system says, in the few words that matter here.

use std::path::Path;

use notify::event::{AccessKind, AccessMode, CreateKind, MetadataKind, ModifyKind, RenameMode};
use notify::{Event, EventKind};

/// What is said of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Somebody began to write there and has not closed the file.
    Begun,
    /// What was written is complete.
    Written,
    /// Its mode, owner or time stamp is another.
    Changed,
    /// A file came under this name, still open to be written.
    Created,
    /// Something came under this name, whole.
    Came,
    /// What was under this name is no longer there.
    Gone,
}

impl Sign {
    /// Whether the name itself came or went, so that it may now stand for something else.
    pub fn is_of_name(self) -> bool {
        matches!(self, Self::Created | Self::Came | Self::Gone)
    }
}

/// Events were lost, or say what nobody knows: anything may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost;

/// Whether this system tells that a written file was closed. Elsewhere every write is taken for the last.
const TELLS_CLOSE: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// What an event says of which paths. Reading says nothing.
pub(super) fn read(event: &Event) -> Result<Vec<(Sign, &Path)>, Lost> {
    if event.need_rescan() {
        return Err(Lost);
    }
    let sign = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Sign::Written,
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime)) => {
            return Ok(Vec::new());
        }
        EventKind::Create(CreateKind::File) if TELLS_CLOSE => Sign::Created,
        EventKind::Create(_) => Sign::Came,
        EventKind::Modify(ModifyKind::Data(_)) if TELLS_CLOSE => Sign::Begun,
        EventKind::Modify(ModifyKind::Data(_)) => Sign::Written,
        EventKind::Modify(ModifyKind::Metadata(_)) => Sign::Changed,
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {
            let signs = [Sign::Gone, Sign::Came].into_iter();
            return Ok(signs.zip(event.paths.iter().map(|path| path.as_path())).collect());
        }
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => Sign::Gone,
        EventKind::Modify(_) => Sign::Came,
        EventKind::Any | EventKind::Other => return Err(Lost),
    };
    Ok(event.paths.iter().map(|path| (sign, path.as_path())).collect())
}
