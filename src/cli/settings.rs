//! `provc.yaml` and the flags, resolved once into sites. A flag wins over the file; a site's own key wins
//! over the same key above `sites`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::Global;
use super::codes;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceMap, nearest};
use crate::output::OutPath;
use crate::pipeline;
use crate::yaml::decode::{self, Fields};
use crate::yaml::{self, Node};

/// The file of settings where none is named.
const USUAL: &str = "provc.yaml";

/// Where one site's inputs and outputs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    /// Its inputs.
    pub inputs: pipeline::Site,
    /// The directory that phones are served from.
    pub out: PathBuf,
    /// Where the state of builds is, if not beside `out`.
    pub state: Option<PathBuf>,
    /// The group that may read sensitive files.
    pub group: Option<String>,
}

/// The keys of `provc.yaml`, which are also those of one of its sites.
#[derive(Clone, Debug, Default)]
struct Keys {
    inventory: Option<Vec<PathBuf>>,
    plugins: Option<Vec<PathBuf>>,
    overrides: Option<PathBuf>,
    statics: Option<PathBuf>,
    out: Option<PathBuf>,
    group: Option<String>,
    plugin_root: BTreeMap<String, String>,
    shared_files: BTreeMap<String, String>,
}

/// The sites that a command is to work on, or all that is wrong with the settings.
pub(super) fn resolve(global: &Global) -> Result<Vec<Site>, (Diagnostics, SourceMap)> {
    let mut sources = SourceMap::default();
    let mut out = Diagnostics::default();
    let sites = sites(global, &mut sources, &mut out);
    if out.has_errors() { Err((out, sources)) } else { Ok(sites) }
}

/// The file of settings, if it exists or was asked for.
fn file(global: &Global) -> Option<PathBuf> {
    match &global.config {
        Some(path) => Some(path.clone()),
        None => Some(PathBuf::from(USUAL)).filter(|path| path.exists()),
    }
}

/// The paths on which the settings depend, whether they exist or not.
pub(super) fn paths(global: &Global) -> Vec<PathBuf> {
    let file = file(global).unwrap_or_else(|| USUAL.into());
    let repository = file.parent().unwrap_or(Path::new(""));
    let usual = ["plugins", "overrides", "static"].map(|path| repository.join(path));
    usual.into_iter().chain([file.clone()]).collect()
}

fn sites(global: &Global, sources: &mut SourceMap, out: &mut Diagnostics) -> Vec<Site> {
    let Some(file) = file(global) else {
        return no_such_site(global, &BTreeMap::new(), out)
            .unwrap_or_else(|| vec![site(None, Keys::default(), global, Path::new(""))]);
    };
    let Some((base, sites)) = read(&file, sources, out) else { return Vec::new() };
    let repository = file.parent().unwrap_or(Path::new(""));
    if sites.is_empty() {
        return no_such_site(global, &sites, out)
            .unwrap_or_else(|| vec![site(None, base, global, repository)]);
    }
    if let Some(none) = no_such_site(global, &sites, out) {
        return none;
    }
    let wanted = |name: &String| global.site.as_ref().is_none_or(|only| only == name);
    let sites: Vec<Site> = sites
        .into_iter()
        .map(|(name, own)| {
            let mut keys = own.over(&base);
            let all = base.out.clone().unwrap_or_else(|| "out".into());
            keys.out = Some(keys.out.unwrap_or_else(|| all.join(&name)));
            site(Some(name), keys, global, repository)
        })
        .collect();
    distinct(&sites, out);
    sites.into_iter().filter(|site| site.inputs.name.as_ref().is_none_or(wanted)).collect()
}

/// `--site` with a name that is not there: nothing to work on, and why.
fn no_such_site(global: &Global, sites: &BTreeMap<String, Keys>, out: &mut Diagnostics) -> Option<Vec<Site>> {
    let name = global.site.as_ref().filter(|name| !sites.contains_key(*name))?;
    let help = match nearest(name, sites.keys().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if sites.is_empty() => "take --site away: no `sites` are defined in provc.yaml".into(),
        None => format!("there are {}", sites.keys().cloned().collect::<Vec<_>>().join(", ")),
    };
    out.push(Diagnostic::error(codes::NO_SUCH_SITE, format!("there is no site `{name}`")).help(help));
    Some(Vec::new())
}

/// Two sites in one directory would take turns at removing each other's files.
fn distinct(sites: &[Site], out: &mut Diagnostics) {
    let mut seen: BTreeMap<&Path, &str> = BTreeMap::new();
    for site in sites {
        let name = site.inputs.name.as_deref().unwrap_or_default();
        if let Some(other) = seen.insert(&site.out, name) {
            let message = format!("the sites `{other}` and `{name}` both write to {}", site.out.display());
            out.push(
                Diagnostic::error(codes::BAD_SETTINGS, message).help("give each site an `out` of its own"),
            );
        }
    }
}

fn site(name: Option<String>, keys: Keys, global: &Global, repository: &Path) -> Site {
    let here = |path: PathBuf| repository.join(path);
    // Directories that are only there by convention need not be there.
    let usual = |path: &str| Some(here(path.into())).filter(|path| path.is_dir());
    let flags = |flags: &[PathBuf]| (!flags.is_empty()).then(|| flags.to_vec());
    let several = |list: Vec<PathBuf>| list.into_iter().map(here).collect::<Vec<_>>();
    let inventory = flags(&global.inventory)
        .or_else(|| keys.inventory.map(several))
        .unwrap_or_else(|| vec![here("inventory".into())]);
    let plugins = flags(&global.plugins)
        .or_else(|| keys.plugins.map(several))
        .unwrap_or_else(|| usual("plugins").into_iter().collect());
    // A directory given for several sites holds one for each of them.
    let one_of_many = |path: &PathBuf| match &name {
        Some(name) if global.site.is_none() => path.join(name),
        _ => path.clone(),
    };
    Site {
        out: global
            .out
            .as_ref()
            .map(one_of_many)
            .unwrap_or_else(|| here(keys.out.unwrap_or_else(|| "out".into()))),
        state: global.state.as_ref().map(one_of_many),
        group: keys.group,
        inputs: pipeline::Site {
            repository: repository.to_path_buf(),
            inventory,
            plugins,
            overrides: keys.overrides.map(here).or_else(|| usual("overrides")),
            statics: keys.statics.map(here).or_else(|| usual("static")),
            render: crate::render::Options {
                allow_unsupported: false,
                plugin_root: keys.plugin_root,
                shared_files: keys.shared_files,
            },
            name,
        },
    }
}

fn read(
    path: &Path,
    sources: &mut SourceMap,
    out: &mut Diagnostics,
) -> Option<(Keys, BTreeMap<String, Keys>)> {
    let id = sources.reserve(path);
    let text = std::fs::read(path)
        .map_err(|error| {
            let message = format!("cannot read {}: {error}", path.display());
            Diagnostic::error(codes::BAD_SETTINGS, message)
                .help("check the path, and that the file may be read")
        })
        .and_then(|bytes| yaml::decode_utf8(id, bytes))
        .map_err(|problem| out.push(problem))
        .ok()?;
    sources.set_text(id, text.as_str());
    let Some(node) = yaml::parse(id, &text, out) else { return Some(<_>::default()) };
    let mut fields = Fields::of(&node, "provc.yaml", out)?.ignoring("x-");
    let keys = Keys::read(&mut fields, out);
    let sites = fields.read("sites", out, |node, what, out| {
        decode::map_of(node, what, out, |node, what, out| {
            let mut fields = Fields::of(node, what, out)?;
            let keys = Keys::read(&mut fields, out);
            fields.finish(out);
            Some(keys)
        })
    });
    fields.finish(out);
    let mut by_name = BTreeMap::new();
    for (name, keys) in sites.unwrap_or_default() {
        // The name may become a directory.
        if OutPath::new(&name.value).is_err() || name.value.contains('/') {
            let message = format!("`{}` cannot be the name of a site", name.value);
            let found = Diagnostic::error(codes::BAD_SETTINGS, message).at(name.span);
            out.push(found.help("use letters, digits and `-`"));
            continue;
        }
        by_name.insert(name.value, keys);
    }
    Some((keys, by_name))
}

impl Keys {
    fn read(fields: &mut Fields<'_, '_>, out: &mut Diagnostics) -> Self {
        let paths = |node: &Node<'_>, what: &str, out: &mut Diagnostics| {
            decode::one_or_list(node, what, out, |node, what, out| {
                Some(decode::text(node, what, out)?.value.into())
            })
        };
        let path = |text: decode::Spanned<String>| PathBuf::from(text.value);
        Self {
            inventory: fields.read("inventory", out, paths),
            plugins: fields.read("plugins", out, paths),
            overrides: fields.text("overrides", out).map(path),
            statics: fields.text("static", out).map(path),
            out: fields.text("out", out).map(path),
            group: fields.text("group", out).map(|text| text.value),
            plugin_root: texts(fields, "plugin_root", out, |text, out| {
                if let Err(problem) = OutPath::new(&text.value) {
                    let message = format!("the directory `{}` {problem}", text.value);
                    let found = Diagnostic::error(codes::BAD_SETTINGS, message).at(text.span);
                    out.push(found.help("write a directory below `out`, such as `legacy`"));
                }
            }),
            shared_files: texts(fields, "shared_files", out, |_, _| {}),
        }
    }

    /// These keys, and where they say nothing those of `below`.
    fn over(self, below: &Self) -> Self {
        let join = |below: &BTreeMap<String, String>, own: BTreeMap<String, String>| {
            let mut all = below.clone();
            all.extend(own);
            all
        };
        Self {
            inventory: self.inventory.or_else(|| below.inventory.clone()),
            plugins: self.plugins.or_else(|| below.plugins.clone()),
            overrides: self.overrides.or_else(|| below.overrides.clone()),
            statics: self.statics.or_else(|| below.statics.clone()),
            // Not that of `below`: sites need one each.
            out: self.out,
            group: self.group.or_else(|| below.group.clone()),
            plugin_root: join(&below.plugin_root, self.plugin_root),
            shared_files: join(&below.shared_files, self.shared_files),
        }
    }
}

fn texts(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    out: &mut Diagnostics,
    check: impl Fn(&decode::Spanned<String>, &mut Diagnostics),
) -> BTreeMap<String, String> {
    let entries = fields.read(name, out, |node, what, out| {
        decode::map_of(node, what, out, |node, what, out| {
            let text = decode::text(node, what, out)?;
            check(&text, out);
            Some(text.value)
        })
    });
    entries.unwrap_or_default().into_iter().map(|(name, text)| (name.value, text)).collect()
}
