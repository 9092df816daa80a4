//! The kinds of mistake that this module reports.

use crate::diagnostic::Code;

/// The system does not tell of changes: provc looks for them itself, every few seconds (a warning).
pub const CANNOT_WATCH: Code = Code("PV0901");
