//! A digest of what a shard is made from, to tell that all shards of a build were made from the same.
//!
//! Other machines have the repository elsewhere: only paths below each input directory count. Of `static/`
//! only names and sizes do: it may be large, and one shard alone brings it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rayon::prelude::*;
use sha1::{Digest, Sha1};
use walkdir::WalkDir;

use super::Site;
use crate::output::Inputs;

/// The digests by kind, with the names that a person knows the kinds by. What cannot be read counts as that:
/// it was reported when it was loaded.
pub(super) fn fingerprint(site: &Site) -> Inputs {
    let options = &site.render;
    let mut settings = Sha1::new();
    settings.update([u8::from(options.allow_unsupported)]);
    for map in [&options.plugin_root, &options.shared_files] {
        settings.update((map.len() as u64).to_le_bytes());
        for text in map.iter().flat_map(|(key, value)| [key, value]) {
            settings.update((text.len() as u64).to_le_bytes());
            settings.update(text.as_bytes());
        }
    }
    let directories = |directories: &mut dyn Iterator<Item = &std::path::PathBuf>, whole: bool| {
        let mut hash = Sha1::new();
        directories.for_each(|directory| hash.update(below(directory, whole)));
        hex(&hash.finalize())
    };
    let inventory = directories(&mut site.inventory.iter(), true);
    let plugins = directories(&mut site.plugins.iter(), true);
    let overrides = directories(&mut site.overrides.iter(), true);
    let statics = directories(&mut site.statics.iter(), false);
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let settings = hex(&settings.finalize());
    let all = [
        ("the inventory", inventory),
        ("the plugins", plugins),
        ("the overrides", overrides),
        ("static/", statics),
        ("the settings", settings),
        ("the version of provc", version),
    ];
    all.into_iter().map(|(name, digest)| (name.to_owned(), digest)).collect()
}

/// The digest of all files below a directory: of their names, and of the bytes of each or of its size.
fn below(directory: &Path, whole: bool) -> [u8; 20] {
    // As the inventory and the plugins are read: links are followed, dot files are an editor's or git's.
    let visible = |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
    };
    let walk = WalkDir::new(directory).follow_links(whole).sort_by_file_name().into_iter();
    let files = walk.filter_entry(|entry| !whole || visible(entry)).filter_map(Result::ok);
    let files: Vec<_> = files.filter(|entry| !entry.file_type().is_dir()).collect();
    let digests: Vec<[u8; 20]> = files
        .par_iter()
        .map(|entry| {
            let path = entry.path().strip_prefix(directory).unwrap_or(entry.path());
            let mut hash = Sha1::new();
            hash.update(path.as_os_str().as_encoded_bytes());
            hash.update([0]);
            match whole {
                true => match content(entry.path()) {
                    Ok(digest) => hash.update(digest),
                    Err(_) => hash.update(b"unreadable"),
                },
                false => hash.update(entry.metadata().map_or(0, |found| found.len()).to_le_bytes()),
            }
            hash.finalize().into()
        })
        .collect();
    let mut hash = Sha1::new();
    digests.iter().for_each(|digest| hash.update(digest));
    hash.finalize().into()
}

fn content(path: &Path) -> io::Result<[u8; 20]> {
    let (mut file, mut hash, mut buffer) = (File::open(path)?, Sha1::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(read) => hash.update(buffer.get(..read).unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn site(root: &Path) -> Site {
        let below = |name: &str| root.join(name);
        Site {
            inventory: vec![below("inventory")],
            plugins: vec![below("plugins")],
            overrides: Some(below("overrides")),
            statics: Some(below("static")),
            ..Site::default()
        }
    }

    #[test]
    fn each_kind_of_input_tells_its_own_changes_wherever_it_lies() {
        let places = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        for place in &places {
            for name in ["inventory/a.yaml", "plugins/x/plugin.yaml", "overrides/y", "static/z"] {
                let path = place.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "text").unwrap();
            }
        }
        let [first, second] = &places;
        let before = fingerprint(&site(first.path()));
        assert_eq!(before, fingerprint(&site(second.path())));
        let change = |name: &str, text: &str, kind: &str| {
            fs::write(second.path().join(name), text).unwrap();
            let after = fingerprint(&site(second.path()));
            let differ: Vec<&String> = before.keys().filter(|kind| before[*kind] != after[*kind]).collect();
            assert_eq!(differ, [kind], "{name}");
            let old = first.path().join(name);
            match old.exists() {
                true => drop(fs::copy(old, second.path().join(name)).unwrap()),
                false => fs::remove_file(second.path().join(name)).unwrap(),
            }
        };
        change("inventory/a.yaml", "tex2", "the inventory");
        change("inventory/b.yaml", "", "the inventory");
        change("plugins/x/plugin.yaml", "more text", "the plugins");
        change("overrides/new", "", "the overrides");
        change("static/z", "longer", "static/");
        // What an editor leaves behind is nobody's input.
        fs::write(second.path().join("inventory/.a.yaml.swp"), "x").unwrap();
        let mut other = site(second.path());
        assert_eq!(before, fingerprint(&other));
        other.render.plugin_root.insert("a".into(), "b".into());
        assert_ne!(before["the settings"], fingerprint(&other)["the settings"]);
    }
}
