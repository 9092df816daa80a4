//! Any sequence of builds: the tree is exactly the last set, with the foreign files.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::output::stop::{Stop, stopping};

#[derive(Clone, Debug)]
struct Step {
    files: BTreeMap<String, (u8, bool, u8)>,
    crash: Option<usize>,
    shuffle: usize,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Names that collide as files and directories are dropped below; few names make many changes.
    let files = proptest::collection::btree_map("[ab](/[ab]){0,2}", (0..3u8, any::<bool>(), 0..3u8), 0..8);
    let step = (files, proptest::option::weighted(0.3, 0..5usize), 0..8usize)
        .prop_map(|(files, crash, shuffle)| Step { files: without_conflicts(files), crash, shuffle });
    proptest::collection::vec(step, 1..6)
}

fn without_conflicts<T>(files: BTreeMap<String, T>) -> BTreeMap<String, T> {
    let mut directories = BTreeSet::new();
    for path in files.keys() {
        directories.extend(crate::output::path::ancestors(path).map(str::to_owned));
    }
    files.into_iter().filter(|(path, _)| !directories.contains(path)).collect()
}

fn artifacts(step: &Step) -> Vec<Artifact> {
    let mut list: Vec<_> = step
        .files
        .iter()
        .map(|(path, (text, sensitive, owner))| Artifact {
            sensitive: *sensitive,
            ..file(path, &format!("text {text}"), device((*owner).into()))
        })
        .collect();
    if !list.is_empty() {
        let by = step.shuffle % list.len();
        list.rotate_left(by);
    }
    list
}

/// Inode and time of the last change of content of every file.
fn stamps(site: &Site) -> BTreeMap<PathBuf, (u64, i64, i64)> {
    let files = listing(&site.options.out).into_keys().map(|path| {
        let found = fs::symlink_metadata(&path).unwrap();
        (path, (found.ino(), found.mtime(), found.mtime_nsec()))
    });
    files.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_tree_is_the_last_set_and_foreign_files(steps in steps()) {
        let mut site = Site::new();
        site.options.allow_removals = true;
        let foreign = [("foreign", "f"), ("c/foreign", "g")];
        for (path, text) in foreign {
            site.put(path, text);
        }
        for step in &steps {
            let list = artifacts(step);
            if let Some(after) = step.crash {
                stopping(Stop::Crash(after), || site.build(&list).map(|_| ()));
            } else {
                let before = stamps(&site);
                let report = site.build(&list).unwrap();
                prop_assert!(report.warnings.is_empty() && report.adopted.is_empty());
                let mut expected: BTreeMap<String, String> =
                    step.files.iter().map(|(path, f)| (path.clone(), format!("text {}", f.0))).collect();
                expected.extend(foreign.map(|(path, text)| (path.to_owned(), text.to_owned())));
                prop_assert_eq!(texts(&site.options.out), expected);
                // Only directories that are needed are left.
                let needed: BTreeSet<PathBuf> = step.files.keys().chain([&"c/foreign".to_owned()])
                    .flat_map(|path| site.out(path).ancestors().skip(1).map(Path::to_owned).collect::<Vec<_>>())
                    .collect();
                let after = listing(&site.options.out);
                prop_assert!(after.keys().filter(|path| path.is_dir()).all(|path| needed.contains(path)));
                let written: BTreeSet<PathBuf> = report.written.iter().map(|path| site.out(path.as_str())).collect();
                for (path, f) in &step.files {
                    prop_assert_eq!(site.mode(path), if f.1 { 0o640 } else { 0o644 });
                    if !written.contains(&site.out(path)) {
                        let now = stamps(&site);
                        prop_assert_eq!(before.get(&site.out(path)), now.get(&site.out(path)));
                    }
                }
                prop_assert_eq!(site.build(&list).unwrap().written.len(), 0);
                prop_assert_eq!(listing(&site.options.out), after);
            }
        }
    }
}
