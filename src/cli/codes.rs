//! The kinds of mistake on the command line and in `provc.yaml`.

use crate::diagnostic::Code;

/// `provc.yaml` cannot be read, or says something that cannot be.
pub const BAD_SETTINGS: Code = Code("PV0001");
/// `--site` names none.
pub const NO_SUCH_SITE: Code = Code("PV0002");
/// `show` names no device.
pub const NO_SUCH_DEVICE: Code = Code("PV0003");
/// `init` would overwrite something.
pub const NOT_EMPTY: Code = Code("PV0004");
/// Something cannot be written.
pub const CANNOT_WRITE: Code = Code("PV0005");
/// `build --watch` cannot begin: the directory, or the system, does not let it.
pub const CANNOT_START: Code = Code("PV0006");
/// A line of `identify --batch` is no request.
pub const BAD_REQUEST: Code = Code("PV0007");
/// The sites have different plugins, and none of them is chosen.
pub const SITE_NEEDED: Code = Code("PV0008");
/// A command names a plugin or family that does not exist.
pub const NO_SUCH_PLUGIN: Code = Code("PV0009");
/// `plugin test` finds no tests.
pub const NO_TESTS: Code = Code("PV0010");
