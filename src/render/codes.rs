//! The kinds of mistake found when devices meet their models (PV06) and when files are made (PV07).

use crate::diagnostic::Code;

/// More expansion modules than the phone takes.
pub const TOO_MANY_MODULES: Code = Code("PV0620");
/// A module that the phone does not take.
pub const UNKNOWN_MODULE: Code = Code("PV0621");
/// A position past the phone's keys.
pub const NO_SUCH_KEY: Code = Code("PV0622");
/// A key type that the phone cannot do at that place.
pub const UNSUPPORTED_TYPE: Code = Code("PV0623");
/// A key that uses a line which the device does not have.
pub const KEY_WITHOUT_LINE: Code = Code("PV0624");
/// A line that no key shows.
pub const LINE_WITHOUT_KEY: Code = Code("PV0625");
/// Keys without a position that find no place.
pub const NO_ROOM: Code = Code("PV0626");
/// More lines than the phone has, or a line past them.
pub const TOO_MANY_LINES: Code = Code("PV0627");
/// More contacts than the phone holds.
pub const TOO_MANY_CONTACTS: Code = Code("PV0628");
/// Handsets on a phone that takes none, or too many.
pub const TOO_MANY_HANDSETS: Code = Code("PV0629");
/// Ports that the device does not have.
pub const NO_SUCH_PORT: Code = Code("PV0630");
/// Extra parameters for a family that takes none, or of a name that it cannot take.
pub const BAD_EXTRA: Code = Code("PV0631");
/// A time zone whose rule the phone cannot be told exactly.
pub const INEXACT_TIMEZONE: Code = Code("PV0632");
/// A setting that the phone cannot follow.
pub const NO_EFFECT: Code = Code("PV0633");
/// A line that nothing tells where to register.
pub const NO_SERVER: Code = Code("PV0634");
/// A phone without a MAC address.
pub const ID_OF_PHONE: Code = Code("PV0635");

/// A path that leaves out/ or is no path.
pub const BAD_PATH: Code = Code("PV0701");
/// A finished file that is not well-formed.
pub const MALFORMED: Code = Code("PV0703");
/// Text that the file's encoding does not have.
pub const UNENCODABLE: Code = Code("PV0704");
/// Several versions of a family want the same shared file.
pub const SHARED_FILE: Code = Code("PV0705");
/// `shared_files` or `plugin_root` names something that is not there.
pub const BAD_SETTING: Code = Code("PV0706");
/// A file of `static/` that cannot be copied.
pub const BAD_STATIC: Code = Code("PV0707");
/// Models of one plugin want different content under one path.
pub const MODELS_COLLIDE: Code = Code("PV0708");
