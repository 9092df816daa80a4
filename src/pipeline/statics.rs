//! Files that are copied as they are: the site's `static/` and those of the plugins in use.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use walkdir::WalkDir;

use super::{Site, bad_path};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::output::{Artifact, Content, OutPath, Owner, Staged, Transaction};
use crate::plugin::{Plugin, source};
use crate::render::{Used, choose, codes};

/// Stages one.
fn add(
    transaction: &Transaction,
    (path, content, owner): (&str, Content, Owner),
    staged: &mut Vec<Staged>,
    out: &mut Diagnostics,
) {
    let path = match OutPath::new(path) {
        Ok(path) => path,
        Err(problem) => return out.push(bad_path(path, &problem)),
    };
    match transaction.stage(&Artifact { path, content, sensitive: false, owner }) {
        Ok(file) => staged.push(file),
        Err(fault) => out.push(*fault),
    }
}

/// Stages those of the plugins in use.
pub(super) fn stage_plugins(
    site: &Site,
    transaction: &Transaction,
    used: &Used,
    staged: &mut Vec<Staged>,
    out: &mut Diagnostics,
) {
    let mut planned: BTreeMap<String, Vec<(Arc<Plugin>, source::Content)>> = BTreeMap::new();
    for plugin in used.plugins() {
        for file in plugin.static_files(out) {
            let path = match site.render.plugin_root.get(plugin.id()) {
                Some(root) => format!("{root}/{}", file.path),
                None => file.path,
            };
            planned.entry(path).or_default().push((Arc::clone(plugin), file.content));
        }
    }
    for (path, versions) in planned {
        for (plugin, content) in choose(&site.render, &path, versions, differ, out) {
            let content = match content {
                source::Content::Embedded(bytes) => Content::Bytes(bytes.to_vec()),
                source::Content::File(path) => Content::File(path),
            };
            add(transaction, (&path, content, Owner::Plugin(plugin.id().to_owned())), staged, out);
        }
    }
}

/// Stages the site's own.
pub(super) fn stage_site(
    site: &Site,
    transaction: &Transaction,
    staged: &mut Vec<Staged>,
    out: &mut Diagnostics,
) {
    let Some(root) = &site.statics else { return };
    for entry in WalkDir::new(root).sort_by_file_name() {
        match entry {
            // A link could lead anywhere, also to a key: it is not followed, and that is said.
            Ok(entry) if entry.path_is_symlink() => {
                let message = format!("{} is a symbolic link", entry.path().display());
                let found = Diagnostic::error(codes::BAD_STATIC, message);
                out.push(found.help("copy the file there: links in static/ are not followed"));
            }
            Ok(entry) if entry.file_type().is_file() => match relative(entry.path(), root) {
                Some(path) => {
                    let content = Content::File(entry.path().to_path_buf());
                    add(transaction, (&path, content, Owner::Static), staged, out);
                }
                None => {
                    let message = format!("the name of {} is not UTF-8", entry.path().display());
                    out.push(Diagnostic::error(codes::BAD_STATIC, message).help("rename it"));
                }
            },
            Ok(_) => {}
            Err(error) => {
                let message = format!("cannot read {}: {error}", root.display());
                out.push(Diagnostic::error(codes::BAD_STATIC, message));
            }
        }
    }
}

/// Whether two versions of a family bring different files. (One that cannot be read is reported when it is
/// copied.)
fn differ(one: &source::Content, other: &source::Content) -> bool {
    let bytes = |content: &source::Content| match content {
        source::Content::Embedded(bytes) => Some(bytes.to_vec()),
        source::Content::File(path) => std::fs::read(path).ok(),
    };
    one != other && bytes(one) != bytes(other)
}

fn relative(path: &Path, root: &Path) -> Option<String> {
    let parts = path.strip_prefix(root).ok()?.components().map(|part| part.as_os_str().to_str());
    Some(parts.collect::<Option<Vec<_>>>()?.join("/"))
}
