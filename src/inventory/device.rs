//! A device with everything resolved: layers merged, references followed, defaults filled in. What it
//! holds still knows where each value was written.

use std::sync::Arc;

use super::file::DeviceId;
use super::value::{Item, Map};
use crate::diagnostic::Span;

/// A resolved device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its MAC or id.
    pub id: DeviceId,
    /// Where that stands.
    pub span: Span,
    /// Whether it, or something that it uses, has a mistake: it cannot be built.
    pub broken: bool,
    /// All settings, merged: `name`, `vendor`, `timezone`, `network`, `vars` ...
    pub settings: Arc<Map>,
    /// SIP settings with their defaults (registrar from proxy).
    pub sip: Arc<Map>,
    /// `site`, with the device's `server` laid over it.
    pub site: Arc<Map>,
    /// Lines by position.
    pub lines: Vec<Line>,
    /// Function keys.
    pub keys: Keys,
    /// Expansion modules in order.
    pub modules: Vec<Module>,
    /// Contact lists in order.
    pub contacts: Vec<ContactList>,
}

/// What a device says it is: all that the choice of its plugin depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// `vendor`.
    pub vendor: Option<Arc<str>>,
    /// `model`.
    pub model: Option<Arc<str>>,
    /// `firmware`.
    pub firmware: Option<Arc<str>>,
    /// `plugin`.
    pub plugin: Option<Arc<str>>,
    /// `protocol`.
    pub protocol: Option<Arc<str>>,
}

impl Identity {
    /// The settings that it is made of.
    pub(super) const FIELDS: [&str; 5] = ["vendor", "model", "firmware", "plugin", "protocol"];

    pub(super) fn new(get: impl Fn(&str) -> Option<Arc<str>>) -> Self {
        Self {
            vendor: get("vendor"),
            model: get("model"),
            firmware: get("firmware"),
            plugin: get("plugin"),
            protocol: get("protocol"),
        }
    }
}

/// A line of a device.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its position, from 1.
    pub position: u32,
    /// Its name under `lines`; none if written in place.
    pub name: Option<Arc<str>>,
    /// Where the device names it.
    pub span: Span,
    /// number, username, password ... with their defaults.
    pub values: Arc<Map>,
    /// The SIP settings of this line: its own over the device's.
    pub sip: Arc<Map>,
}

/// The function keys of a device, not yet laid on its model.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Keys with a position, in order.
    pub fixed: Vec<Key>,
    /// BLF keys for a set of lines.
    pub auto: Option<Auto>,
    /// Keys of a layout written as a list: they take the positions left free.
    pub floating: Vec<Key>,
}

/// One function key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its position, from 1; 0 while it has none.
    pub position: u32,
    /// Where it was written.
    pub span: Span,
    /// One of [`super::schema::KEY_TYPES`].
    pub kind: Arc<str>,
    /// Where the type was written.
    pub kind_span: Span,
    /// What it dials, watches or opens.
    pub value: Option<Item>,
    /// What stands beside it.
    pub label: Option<Item>,
    /// The line that it uses and where that was written.
    pub line: Option<(u32, Span)>,
}

/// Keys for a set of lines.
#[derive(Clone, Debug)]
pub struct Auto {
    /// Where `auto` was written.
    pub span: Span,
    /// The first position to use; the first free one if absent.
    pub start: Option<u32>,
    /// Whether keys that find no place are dropped instead of reported.
    pub drop: bool,
    /// The keys, in order, without positions.
    pub keys: Vec<Key>,
}

/// An expansion module with its keys.
#[derive(Clone, Debug)]
pub struct Module {
    /// Where it was written.
    pub span: Span,
    /// Its model and where that was written.
    pub model: Option<(Arc<str>, Span)>,
    /// Its keys by position.
    pub keys: Vec<Key>,
}

/// A contact list put on a device.
#[derive(Clone, Debug)]
pub struct ContactList {
    /// Its name.
    pub name: Arc<str>,
    /// Its contacts.
    pub contacts: Arc<Vec<Item>>,
}

impl Device {
    /// What it says it is.
    pub fn identity(&self) -> Identity {
        Identity::new(|name| self.settings.text(name).cloned())
    }

    /// The name for people, if it has one.
    pub fn name(&self) -> Option<&Arc<str>> {
        self.settings.text("name")
    }
}
