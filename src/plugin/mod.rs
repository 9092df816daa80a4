//! Plugins: data that says which files a family of phones fetches and how they are written.
//!
//! [`set`] finds and loads them, [`associate`] chooses one for a device, [`templates`] renders its files.
//! Nothing here knows an inventory: a device is a few strings, a context is handed in.

pub mod associate;
pub mod codes;
mod embedded;
pub mod filters;
pub mod format;
pub mod identify;
mod layers;
pub mod manifest;
pub mod names;
mod requirement;
pub mod scan;
pub mod set;
pub mod size;
pub mod slots;
pub mod source;
pub mod templates;
mod version;

pub use associate::Choice;
pub use manifest::{Bank, FileKind, FileSpec, Manifest, Model, ModelsOf, ModuleModel, Protocol, plugin_id};
pub use requirement::{Firmware, FirmwareMatch, Requirement};
pub use set::{Plugin, PluginSet};
pub use slots::{Slot, key_slots};
pub use templates::{TemplateError, Templates};
pub use version::Version;

#[cfg(test)]
mod testing;
