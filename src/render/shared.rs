//! Files that belong to no device: those of a plugin and of its models, made once for all phones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cache::Cache;
use super::context::Maker;
use super::files::{Artifact, Content, Job, Renderer, hidden};
use super::{Options, codes};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::Map;
use crate::plugin::{FileKind, FileSpec, ModelsOf, Plugin, Version};

/// Which plugins devices use, with the models they use of each.
#[derive(Clone, Debug, Default)]
pub struct Used(BTreeMap<String, (Arc<Plugin>, BTreeSet<String>)>);

impl Used {
    /// Notes a device's plugin and model.
    pub fn add(&mut self, plugin: &Arc<Plugin>, model: &str) {
        let entry = self.0.entry(plugin.id().to_owned());
        let (_, models) = entry.or_insert_with(|| (Arc::clone(plugin), BTreeSet::new()));
        if !models.contains(model) {
            models.insert(model.to_owned());
        }
    }

    /// Adds what another has noted.
    pub fn join(&mut self, other: Self) {
        for (plugin, models) in other.0.into_values() {
            for model in models {
                self.add(&plugin, &model);
            }
        }
    }

    /// The plugins, by id.
    pub fn plugins(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.0.values().map(|(plugin, _)| plugin)
    }
}

/// A shared file and the plugin that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedArtifact {
    /// The id of the plugin.
    pub plugin: String,
    /// The file.
    pub artifact: Artifact,
}

impl Renderer<'_> {
    /// The shared files of all used plugins, each path once for a family. `base` is what every device starts
    /// from: settings, SIP settings, site. False if some could not be made; the reasons are in `out`.
    pub fn shared(
        &self,
        used: &Used,
        base: (&Arc<Map>, &Arc<Map>, &Arc<Map>),
        out: &mut Diagnostics,
    ) -> (Vec<SharedArtifact>, bool) {
        let mut by_path: BTreeMap<String, Vec<(Arc<Plugin>, Artifact)>> = BTreeMap::new();
        let mut whole = true;
        for (plugin, models) in used.0.values() {
            match self.of_plugin(plugin, models, base, out) {
                Some(artifacts) => {
                    for artifact in artifacts {
                        by_path
                            .entry(artifact.path.clone())
                            .or_default()
                            .push((Arc::clone(plugin), artifact));
                    }
                }
                None => whole = false,
            }
        }
        let mut files = Vec::new();
        for (path, planned) in by_path {
            let owners = choose(self.options, &path, planned, |a, b| a.bytes != b.bytes, out);
            files.extend(
                owners
                    .into_iter()
                    .map(|(plugin, artifact)| SharedArtifact { plugin: plugin.id().to_owned(), artifact }),
            );
        }
        (files, whole)
    }

    fn of_plugin(
        &self,
        plugin: &Arc<Plugin>,
        used: &BTreeSet<String>,
        base: (&Arc<Map>, &Arc<Map>, &Arc<Map>),
        out: &mut Diagnostics,
    ) -> Option<Vec<Artifact>> {
        let templates = self.templates.get(plugin.id())?;
        let mut cache = Cache::default();
        let mut artifacts = Vec::new();
        // By path: the model that a file was made for.
        let mut models: BTreeMap<String, (&str, Vec<u8>)> = BTreeMap::new();
        let mut fine = true;
        let mask = || hidden(self.secrets, [&**base.0]);
        let job = Job { templates, plugin, options: self.options, content: Content::Bytes, mask: &mask };
        let mut maker =
            Maker { secrets: self.secrets, options: self.options, plugin, cache: &mut cache, out };
        let mut context = maker.shared(base, None);
        match job.files(FileKind::Common, &mut context, out) {
            Some(made) => artifacts.extend(made),
            None => fine = false,
        }
        for (index, spec) in plugin.manifest.files.of(FileKind::Model).iter().enumerate() {
            let wanted = |name: &String| spec.models == ModelsOf::All || used.contains(name);
            for model in plugin.manifest.models.iter().filter(|model| wanted(&model.name)) {
                let mut maker =
                    Maker { secrets: self.secrets, options: self.options, plugin, cache: &mut cache, out };
                let mut context = maker.shared(base, Some(model));
                let first = artifacts.len();
                let made = job.file(FileKind::Model, index, spec, &mut context, &mut artifacts, out);
                fine &= made.is_some();
                for artifact in artifacts.get(first..).unwrap_or_default() {
                    let own = || (model.name.as_str(), artifact.bytes.clone());
                    let (other, bytes) = models.entry(artifact.path.clone()).or_insert_with(own);
                    if *bytes != artifact.bytes {
                        out.push(collision(plugin, spec, &artifact.path, [other, &model.name]));
                        fine = false;
                    }
                }
            }
        }
        // Models may share a file (one name for a series): equal bytes are one file.
        artifacts.sort_by(|a, b| (&a.path, &a.bytes).cmp(&(&b.path, &b.bytes)));
        artifacts.dedup();
        fine.then_some(artifacts)
    }
}

/// Whose file each family uses of those that its versions have at one path: that of the version which the
/// site names, else of the newest. That others differ is told.
pub fn choose<T>(
    options: &Options,
    path: &str,
    planned: Vec<(Arc<Plugin>, T)>,
    differ: impl Fn(&T, &T) -> bool,
    out: &mut Diagnostics,
) -> Vec<(Arc<Plugin>, T)> {
    let mut families: BTreeMap<String, Vec<(Arc<Plugin>, T)>> = BTreeMap::new();
    for (plugin, file) in planned {
        families.entry(plugin.family.clone()).or_default().push((plugin, file));
    }
    let mut chosen = Vec::new();
    for (family, mut versions) in families {
        versions.sort_by(|(a, _), (b, _)| newest(b).cmp(&newest(a)).then_with(|| a.id().cmp(b.id())));
        let named = options.shared_files.get(&family);
        let at = versions.iter().position(|(plugin, _)| Some(plugin.id()) == named.map(String::as_str));
        let mut pairs = versions.windows(2);
        if at.is_none() && pairs.any(|pair| matches!(pair, [(_, a), (_, b)] if differ(a, b))) {
            let ids: Vec<&str> = versions.iter().map(|(plugin, _)| plugin.id()).collect();
            let owner = ids.first().copied().unwrap_or_default();
            let message =
                format!("{} each want their own `{path}`; it is that of {owner}", ids.join(" and "));
            let help = format!("to choose another, write `shared_files: {{{family}: ID}}` in provc.yaml");
            out.push(Diagnostic::warning(codes::SHARED_FILE, message).help(help));
        }
        chosen.extend(versions.into_iter().nth(at.unwrap_or(0)));
    }
    chosen
}

fn collision(plugin: &Plugin, spec: &FileSpec, path: &str, [one, other]: [&str; 2]) -> Diagnostic {
    let message = format!("models {one} and {other} of {} each want their own `{path}`", plugin.id());
    Diagnostic::error(codes::MODELS_COLLIDE, message)
        .at(spec.path.span)
        .help("name the model in the path, or let its content be the same for both")
}

/// What is compared of a plugin's firmware: a Yealink's first number is its model and says nothing of age.
fn newest(plugin: &Plugin) -> Version {
    plugin.manifest.associate.compared(plugin.manifest.firmware.value.reference().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceMap;
    use crate::plugin::PluginSet;
    use crate::plugin::source::Source;

    /// What is newest is asked of the firmware from its generation on: 28.87 is newer than 108.86.
    #[test]
    fn the_newest_is_not_the_greatest_number() {
        let manifest = |firmware: &str| {
            let text = format!(
                "id: yealink-{firmware}\nversion: 1.0.0\ndescription: x\nvendor: Yealink\nfirmware: '{firmware}'\n\
                 associate: {{generation: '^\\d+\\.(\\d+)'}}\n"
            );
            (&*format!("yealink/v{}/plugin.yaml", firmware.replace('.', "_")).leak(), text.leak().as_bytes())
        };
        let mut files = vec![manifest("108.86.0.90"), manifest("28.87.0.10"), manifest("9.87.0.9")];
        files.sort_unstable();
        let (mut sources, mut out) = (SourceMap::default(), Diagnostics::default());
        let set = PluginSet::load_from(vec![Source::Embedded(files.leak())], None, &mut sources, &mut out);
        let planned: Vec<_> = set.iter().map(|plugin| (Arc::clone(plugin), ())).collect();
        assert_eq!(planned.len(), 3);
        let chosen = choose(&Options::default(), "common.cfg", planned, |(), ()| false, &mut out);
        let ids: Vec<&str> = chosen.iter().map(|(plugin, ())| plugin.id()).collect();
        assert_eq!(ids, ["yealink-28.87.0.10"]);
    }
}
