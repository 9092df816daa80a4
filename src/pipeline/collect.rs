//! What the threads of one build bring together.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::index::Sorts;
use crate::diagnostic::Diagnostics;
use crate::output::{Owner, Staged};
use crate::plugin::Plugin;
use crate::render::Used;

/// What was made of a run of devices.
#[derive(Default)]
pub(super) struct Collected {
    /// Files, compared with out/ and set aside where they differ.
    pub staged: Vec<Staged>,
    /// Plugins and models in use.
    pub used: Used,
    /// The keys of the devices that were made, by plugin and model.
    pub made: Sorts,
    /// Owners that have mistakes.
    pub failed: BTreeSet<Owner>,
    /// The mistakes.
    pub diagnostics: Diagnostics,
}

impl Collected {
    /// Notes that a device was made.
    pub fn note(&mut self, plugin: &Arc<Plugin>, model: &str, device: u64) {
        self.used.add(plugin, model);
        match self.made.get_mut(plugin.id()).and_then(|models| models.get_mut(model)) {
            Some(devices) => devices.push(device),
            None => {
                let models = self.made.entry(plugin.id().to_owned()).or_default();
                models.entry(model.to_owned()).or_default().push(device);
            }
        }
    }

    /// Two runs as one; where one of them is empty nothing is copied.
    pub fn join(mut self, mut other: Self) -> Self {
        if self.staged.len() < other.staged.len() {
            std::mem::swap(&mut self, &mut other);
        }
        self.staged.append(&mut other.staged);
        self.used.join(other.used);
        for (plugin, models) in other.made {
            let own = self.made.entry(plugin).or_default();
            for (model, mut devices) in models {
                own.entry(model).or_default().append(&mut devices);
            }
        }
        self.failed.append(&mut other.failed);
        self.diagnostics.append(other.diagnostics);
        self
    }
}
