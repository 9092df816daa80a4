//! Any sequence of builds, full and partial, some of them killed: the tree is exactly the last set, with the
//! foreign files.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::output::stop::{Stop, stopping};
use crate::output::{ManifestCache, manifest_id, owned_files};

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

/// What each of three devices plans: text and secrecy by path.
type World = Vec<BTreeMap<String, (u8, bool)>>;

#[derive(Clone, Debug)]
struct Edit {
    /// New plans of some devices.
    plans: BTreeMap<usize, BTreeMap<String, (u8, bool)>>,
    /// Whether all plans are those of the last build that ended well, as after an edit is taken back.
    back: bool,
    /// Where the build is stopped, and whether by a crash or by a full disk.
    stop: Option<(usize, bool)>,
    /// Whether the manifest is kept in memory.
    cached: bool,
}

/// Mostly the same, so that more paths are shared than in dispute.
fn text() -> impl Strategy<Value = u8> {
    prop_oneof![9 => Just(0), 1 => Just(1)]
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let plan =
        proptest::collection::btree_map("c|[ab]|[cd]/[ab]|[cd]/[cd]/[ab]", (text(), any::<bool>()), 0..4);
    let plans = proptest::collection::btree_map(0..3usize, plan, 0..3);
    let stop = proptest::option::weighted(0.4, (0..9usize, any::<bool>()));
    let edit = (plans, any::<bool>(), stop, any::<bool>()).prop_map(|(plans, back, stop, cached)| Edit {
        plans,
        back,
        stop,
        cached,
    });
    proptest::collection::vec(edit, 1..10)
}

fn planned(world: &World, devices: &BTreeSet<usize>) -> Vec<Artifact> {
    let all = devices.iter().flat_map(|n| world[*n].iter().map(|planned| (*n, planned)));
    all.map(|(n, (path, (text, sensitive)))| Artifact {
        sensitive: *sensitive,
        ..file(path, &format!("text {text}"), device(n))
    })
    .collect()
}

fn modes(site: &Site) -> BTreeMap<PathBuf, (u32, String)> {
    let out = &site.options.out;
    if !out.exists() {
        return BTreeMap::new();
    }
    let all = listing(out).into_keys().filter(|path| path != out).map(|path| {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mode = fs::symlink_metadata(&path).unwrap().mode();
        (path.strip_prefix(out).unwrap().to_owned(), (mode, text))
    });
    all.collect()
}

/// As the pipeline does: a part, if the manifest is the one of the last build that ended well.
fn next_build(
    site: &Site,
    cache: Option<&ManifestCache>,
    world: &World,
    changed: &BTreeSet<usize>,
    last: Option<[u8; 20]>,
) -> Result<(bool, Option<[u8; 20]>), Diagnostics> {
    let part = last.is_some() && manifest_id(&site.options) == last;
    let transaction = match (cache, part) {
        (Some(cache), true) => Transaction::begin_some(&site.options, cache),
        (None, true) => Transaction::begin_some(&site.options, &ManifestCache::default()),
        (Some(cache), false) => Transaction::begin_with(&site.options, cache),
        (None, false) => Transaction::begin(&site.options),
    }
    .unwrap();
    let part = last.is_some() && transaction.manifest_id() == last;
    let devices = if part { changed.clone() } else { (0..3).collect() };
    let owners = devices.iter().map(|n| device(*n)).collect();
    let staged = planned(world, &devices).iter().map(|a| transaction.stage(a).unwrap()).collect();
    let failed = Failed::default();
    let scope = if part { Scope::Only { owners, failed } } else { Scope::All(failed) };
    let (report, held) = transaction.commit_and_hold(staged, &scope)?;
    assert!(report.warnings.is_empty() && report.adopted.is_empty(), "{report:?}");
    Ok((part, held.manifest_id()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn partial_builds_end_where_a_clean_build_does(edits in edits()) {
        let mut site = Site::new();
        site.options.allow_removals = true;
        let cache = ManifestCache::default();
        let mut world: World = vec![BTreeMap::new(); 3];
        let (mut built, mut last) = (world.clone(), None);
        for edit in &edits {
            if edit.back {
                world = built.clone();
            } else {
                for (n, plan) in &edit.plans {
                    world[*n] = plan.clone();
                }
            }
            let changed: BTreeSet<usize> = (0..3).filter(|n| world[*n] != built[*n]).collect();
            let cache = edit.cached.then_some(&cache);
            if let Some((after, crash)) = edit.stop {
                let stop = if crash { Stop::Crash(after) } else { Stop::Full(after) };
                let ended = stopping(stop, || next_build(&site, cache, &world, &changed, last));
                if let Some(Ok((_, id))) = ended {
                    (built, last) = (world.clone(), id);
                }
                continue;
            }
            let clean = Site::new();
            let wanted = clean.build(&planned(&world, &(0..3).collect()));
            let before = modes(&site);
            match next_build(&site, cache, &world, &changed, last) {
                Ok((_, id)) => {
                    prop_assert!(wanted.is_ok(), "{:?}", world);
                    prop_assert_eq!(modes(&site), modes(&clean));
                    prop_assert_eq!(manifest_id(&site.options), id);
                    let records = |site: &Site| -> Vec<_> {
                        let all = owned_files(&site.options).unwrap().into_iter();
                        all.map(|f| (f.path, f.owner, f.size, f.sensitive, f.present)).collect()
                    };
                    prop_assert_eq!(records(&site), records(&clean));
                    (built, last) = (world.clone(), id);
                    let wrong = Transaction::begin(&site.options).unwrap().verify_standing().unwrap();
                    prop_assert!(wrong.is_empty());
                }
                Err(problems) => {
                    let codes = |problems: &Diagnostics| -> BTreeSet<_> {
                        problems.iter().map(|d| d.code).collect()
                    };
                    prop_assert_eq!(codes(&problems), codes(&wanted.unwrap_err()));
                    prop_assert_eq!(modes(&site), before);
                }
            }
        }
    }
}
