//! One site with a phone of every version of every family (`tests/fixtures/mixed`): all of them in one tree, no
//! warning, every phone's account in its own files and in nobody else's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::Repository;
use crate::xml::Element;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// All passwords of lines begin so.
const SECRET: &str = "mixed-";

struct Site {
    repository: Repository,
    /// What `list` says of each phone.
    devices: Vec<Value>,
    /// All files with what is in them; their bytes are text in all families.
    files: BTreeMap<PathBuf, String>,
}

fn provc(repository: &Repository, args: &[&str]) -> crate::support::Output {
    let plugins = Path::new(ROOT).join("plugins");
    repository.provc(&[&["--plugins", plugins.to_str().unwrap()], args].concat()).expect(0)
}

fn site() -> Site {
    let repository = Repository::copy_of(&Path::new(ROOT).join("tests/fixtures/mixed"));
    let built = provc(&repository, &["build", "--quiet"]);
    assert_eq!(built.stderr, "", "a mixed site builds without a word");
    let devices = provc(&repository, &["list", "--format", "json"]).json().as_array().unwrap().clone();
    let files = repository.files("out").into_iter();
    let read = |path: PathBuf| {
        let bytes = fs::read(repository.path().join("out").join(&path)).unwrap();
        (path, String::from_utf8_lossy(&bytes).into_owned())
    };
    let files = files.map(read).collect();
    Site { repository, devices, files }
}

fn texts(value: &Value) -> BTreeSet<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// The passwords that stand in a text.
fn secrets(text: &str) -> BTreeSet<&str> {
    let found = text.match_indices(SECRET).map(|(at, _)| text.split_at(at).1);
    found.map(|rest| rest.split_once("-secret").map_or(rest, |(secret, _)| secret)).collect()
}

#[test]
fn every_version_of_every_family_is_there_and_all_of_it_is_sound() {
    let site = site();
    assert!(site.devices.len() >= 60, "{} phones", site.devices.len());

    let listed = provc(&site.repository, &["plugin", "list", "--format", "json"]).json();
    let plugins: BTreeSet<&str> =
        listed.as_array().unwrap().iter().map(|plugin| plugin["id"].as_str().unwrap()).collect();
    let used: BTreeSet<&str> = site.devices.iter().map(|device| device["plugin"].as_str().unwrap()).collect();
    assert_eq!(used, plugins, "each version has a phone in tests/fixtures/mixed");
    for device in &site.devices {
        assert!(["exact", "complete", "probable"].contains(&device["support"].as_str().unwrap()), "{device}");
    }

    for (path, text) in &site.files {
        assert!(!text.is_empty(), "{} is empty", path.display());
        // What calls itself XML is XML, whatever the file is called.
        if text.starts_with("<?xml") {
            Element::parse(text);
        } else {
            assert!(path.extension().is_none_or(|extension| extension != "xml"), "{}", path.display());
        }
    }

    let again = provc(&site.repository, &["build", "--format", "json"]).json();
    assert_eq!((&again["files"]["written"], &again["files"]["removed"]), (&0.into(), &0.into()));
}

#[test]
fn an_account_stands_in_its_own_phones_files_and_nowhere_else() {
    let site = site();
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    let mut of_devices: BTreeSet<&Path> = BTreeSet::new();
    for device in &site.devices {
        let (id, paths) = (device["id"].as_str().unwrap(), texts(&device["files"]));
        assert!(!paths.is_empty(), "{device}");
        let mut own = BTreeSet::new();
        for path in paths {
            let path = Path::new(path).strip_prefix("out").unwrap_or(Path::new(path));
            let (path, text) =
                site.files.get_key_value(path).unwrap_or_else(|| panic!("{} of {id}", path.display()));
            of_devices.insert(path);
            own.extend(secrets(text));
        }
        assert!(!own.is_empty(), "no password of {id} is in its files");
        for secret in own {
            assert_eq!(owners.insert(secret, id), None, "{secret}");
        }
    }
    for (path, text) in site.files.iter().filter(|(path, _)| !of_devices.contains(path.as_path())) {
        assert!(secrets(text).is_empty(), "{} is for everybody and has a password", path.display());
        for device in &site.devices {
            let Some(mac) = device["mac"].as_str() else { continue };
            let bare = mac.replace(':', "");
            let text = text.to_ascii_lowercase();
            assert!(!text.contains(mac) && !text.contains(&bare), "{} names {mac}", path.display());
        }
    }
}
