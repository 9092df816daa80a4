//! The kinds of mistakes that plugins can have: `PV04` manifests and files, `PV05` templates, `PV06`
//! the choice of a plugin for a device. Wrong shapes and unknown keys have the codes of [`crate::yaml`].

use crate::diagnostic::Code;

/// A value that has the right shape and says nothing that can be.
pub const BAD_VALUE: Code = Code("PV0402");
/// One of several fields must be there and none is.
pub const MISSING_FIELD: Code = Code("PV0403");
/// The `id` is not the family and the directory's name.
pub const WRONG_ID: Code = Code("PV0404");
/// A regular expression that does not compile, or names a group that means nothing.
pub const BAD_PATTERN: Code = Code("PV0405");
/// A layer that the family does not have.
pub const UNKNOWN_LAYER: Code = Code("PV0406");
/// A file or directory that cannot be read.
pub const UNREADABLE: Code = Code("PV0407");
/// A file larger than its kind may be.
pub const TOO_LARGE: Code = Code("PV0408");
/// A symbolic link that leads out of the plugin.
pub const SYMLINK: Code = Code("PV0409");
/// A name or path that would leave its directory.
pub const UNSAFE_PATH: Code = Code("PV0410");
/// An override of a family or plugin that does not exist.
pub const UNKNOWN_OVERRIDE: Code = Code("PV0411");
/// A field that an override may not change.
pub const OVERRIDE_FIELD: Code = Code("PV0412");
/// A template named by the manifest that no layer has.
pub const MISSING_TEMPLATE: Code = Code("PV0413");
/// A model named where the manifest has no such model.
pub const UNKNOWN_MODEL_NAME: Code = Code("PV0414");
/// Two things of one name where names must be unique.
pub const DUPLICATE: Code = Code("PV0415");
/// A directory in a family that is neither a version nor a layer.
pub const STRAY_DIRECTORY: Code = Code("PV0416");
/// A firmware requirement that cannot be read.
pub const BAD_REQUIREMENT: Code = Code("PV0417");

/// A template that cannot be parsed.
pub const TEMPLATE_SYNTAX: Code = Code("PV0501");
/// A template that calls a filter, function, test, component or template that does not exist.
pub const TEMPLATE_REFERENCE: Code = Code("PV0502");
/// A template that extends a template which does not exist.
pub const TEMPLATE_PARENT: Code = Code("PV0503");
/// Templates that extend or include one another in a circle.
pub const TEMPLATE_CIRCLE: Code = Code("PV0504");
/// Anything else for which the engine refuses a set of templates.
pub const TEMPLATE_REFUSED: Code = Code("PV0505");
/// A name in a template that no context has.
pub const TEMPLATE_NAME: Code = Code("PV0506");
/// A template that failed while a file was rendered.
pub const TEMPLATE_FAILED: Code = Code("PV0507");

/// A vendor of which no plugin knows.
pub const UNKNOWN_VENDOR: Code = Code("PV0601");
/// A model that no plugin of its vendor knows.
pub const UNKNOWN_MODEL: Code = Code("PV0602");
/// A pin that names no plugin.
pub const UNKNOWN_PLUGIN: Code = Code("PV0603");
/// A pinned plugin that does not have the device's model.
pub const PIN_WITHOUT_MODEL: Code = Code("PV0604");
/// A firmware that the plugins which know the model refuse.
pub const REFUSED_FIRMWARE: Code = Code("PV0605");
/// A protocol that no plugin speaks on that model.
pub const NO_PROTOCOL: Code = Code("PV0606");
/// A device of which neither model nor vendor can be told.
pub const NO_MODEL: Code = Code("PV0607");
/// A model without a vendor that several vendors make.
pub const AMBIGUOUS_VENDOR: Code = Code("PV0608");
/// A pinned plugin of another vendor.
pub const PIN_OTHER_VENDOR: Code = Code("PV0609");
