//! Builds in shards: side by side, in any order, killed and begun again; merged, they are a whole build.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::output::stop::{Stop, stopping};
use crate::output::{Merged, Part, PartTree, Shard, codes, merge, owned_files};

fn shard(index: u16, of: u16) -> Shard {
    Shard::new(index, of).unwrap()
}

fn options(site: &Site, shard: Shard) -> Options {
    Options { shard: Some(shard), ..site.options.clone() }
}

fn part(shard: Shard, inputs: &str) -> Part {
    let inputs = [("the inventory".to_owned(), inputs.to_owned()), ("static/".to_owned(), "s".to_owned())];
    Part { shard, inputs: inputs.into(), devices: 1, failed: Failed::default() }
}

/// Builds one shard, which speaks for the owners of its files and for `more`.
fn build_shard(
    options: &Options,
    artifacts: &[Artifact],
    more: &[Owner],
    inputs: &str,
) -> Result<Report, Diagnostics> {
    let transaction = Transaction::begin(options).unwrap();
    let staged = artifacts.iter().map(|artifact| transaction.stage(artifact).unwrap()).collect();
    let owners = artifacts.iter().map(|artifact| artifact.owner.clone()).chain(more.iter().cloned());
    transaction.commit_shard(staged, owners.collect(), part(options.shard.unwrap(), inputs))
}

impl Site {
    fn shard(&self, index: u16, of: u16, artifacts: &[Artifact]) -> Result<Report, Diagnostics> {
        build_shard(&options(self, shard(index, of)), artifacts, &[], "same")
    }

    fn merge(&self) -> Result<Merged, Diagnostics> {
        merge(&self.options, None, &[])
    }

    /// The files of out/ with their modes, and what the manifest says of them.
    fn whole(&self) -> (BTreeMap<PathBuf, (u32, String)>, Vec<String>) {
        let out = &self.options.out;
        let all = listing(out).into_keys().filter(|path| path != out).map(|path| {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let mode = fs::symlink_metadata(&path).unwrap().mode();
            (path.strip_prefix(out).unwrap().to_owned(), (mode, text))
        });
        let records = owned_files(&self.options).unwrap();
        (all.collect(), records.iter().map(|record| format!("{record:?}")).collect())
    }
}

fn code(result: Result<Merged, Diagnostics>) -> (crate::diagnostic::Code, String) {
    let problems = result.unwrap_err();
    let first = problems.iter().next().unwrap();
    let notes: Vec<String> = first.notes.iter().map(|note| format!("{note:?}")).collect();
    (first.code, format!("{} {}", first.message, notes.join(" ")))
}

#[test]
fn shards_side_by_side_make_the_tree_of_a_whole_build() {
    let all = [
        secret("d/a", "1", device(1)),
        file("d/b", "1", device(2)),
        secret("e/c", "1", device(3)),
        secret("shared", "1", device(1)),
        file("shared", "1", device(2)),
        file("logo", "png", Owner::Static),
        file("d/common", "1", Owner::Plugin("p".into())),
    ];
    let clean = Site::new();
    clean.build(&all).unwrap();
    let site = Site::new();
    let mine = |n: usize| -> Vec<Artifact> { all.iter().filter(|a| a.owner == device(n)).cloned().collect() };
    // All three are begun before the first ends.
    let parts = [[mine(1), all[5..].to_vec()].concat(), mine(2), mine(3)];
    let begun: Vec<_> = parts
        .iter()
        .zip(1..)
        .map(|(artifacts, i)| {
            let transaction = Transaction::begin(&options(&site, shard(i, 3))).unwrap();
            let staged: Vec<_> = artifacts.iter().map(|a| transaction.stage(a).unwrap()).collect();
            let owners = artifacts.iter().map(|a| a.owner.clone()).collect();
            (transaction, staged, owners, part(shard(i, 3), "same"))
        })
        .collect();
    assert!(texts(&site.options.out).is_empty());
    for (transaction, staged, owners, part) in begun {
        transaction.commit_shard(staged, owners, part).unwrap();
    }
    let done = site.merge().unwrap();
    assert_eq!((done.shards, done.devices), (3, 3));
    assert_eq!((done.report.written.len(), done.report.unchanged, done.report.removed.len()), (0, 6, 0));
    assert_eq!(site.whole(), clean.whole());
    // Merging once more, and building, changes nothing.
    let before = listing(&site.options.out);
    site.merge().unwrap();
    let report = site.build(&all).unwrap();
    assert_eq!((report.written.len(), report.unchanged, report.adopted.len()), (0, 6, 0));
    assert_eq!(listing(&site.options.out), before);
    // But the whole build, though it changed nothing, is the end of the shards.
    assert_eq!(code(site.merge()).0, codes::SHARDS_MISSING);
}

#[test]
fn what_no_shard_plans_goes_with_the_merge() {
    let site = Site::new();
    let old = [file("a", "1", device(1)), file("b", "1", device(2)), file("gone/x", "1", device(3))];
    site.build(&old).unwrap();
    // A file of its own that a shard no longer plans goes at once, as in a build of some devices.
    let report = site.shard(1, 2, &[file("a2", "1", device(1))]).unwrap();
    assert_eq!(paths(&report.removed), ["a"]);
    // A device takes over the path of one that is gone.
    site.shard(2, 2, &[file("b", "1", device(2)), file("gone/x", "2", device(2))]).unwrap();
    assert_eq!(texts(&site.options.out).len(), 3);
    assert!(site.merge().unwrap().report.removed.is_empty());
    assert_eq!(site.read("gone/x"), "2");
    site.shard(1, 2, &[file("a2", "1", device(1))]).unwrap();
    // A device that is gone is in no shard; shards leave its files alone.
    site.shard(2, 2, &[]).unwrap();
    assert_eq!(texts(&site.options.out).len(), 3);
    let done = site.merge().unwrap();
    assert_eq!(paths(&done.report.removed), ["b", "gone/x"]);
    assert!(!site.out("gone").exists());
}

#[test]
fn the_guard_stands_before_shards_and_before_the_merge() {
    let site = Site::new();
    site.build(&many(300)).unwrap();
    // 25 are less than a tenth of all, but more of what this shard has.
    let of_one: Vec<Owner> = (0..100).map(device).collect();
    let few = &many(300)[25..100];
    let result = build_shard(&options(&site, shard(1, 3)), few, &of_one, "same");
    let d = only(result);
    assert!(d.code == codes::MASS_REMOVAL && d.message.contains("25 of the 100"), "{}", d.message);
    // Devices that are gone: the merge is asked.
    site.shard(1, 2, &many(300)[..200]).unwrap();
    site.shard(2, 2, &[]).unwrap();
    assert_eq!(texts(&site.options.out).len(), 300);
    let (found, message) = code(site.merge());
    assert!(found == codes::MASS_REMOVAL && message.contains("100 of the 300"), "{message}");
    let mut allowing = site.options.clone();
    allowing.allow_removals = true;
    assert_eq!(merge(&allowing, None, &[]).unwrap().report.removed.len(), 100);
    // An inventory without devices.
    site.shard(1, 2, &[]).unwrap();
    site.shard(2, 2, &[]).unwrap();
    let (found, message) = code(site.merge());
    assert!(found == codes::MASS_REMOVAL && message.contains("no device at all"), "{message}");
}

#[test]
fn a_merge_needs_all_shards_of_one_build() {
    let site = Site::new();
    let (found, message) = code(site.merge());
    assert!(found == codes::SHARDS_MISSING && message.contains("no shard was built in"), "{message}");
    site.shard(1, 3, &[file("a", "1", device(1))]).unwrap();
    site.shard(3, 3, &[file("c", "1", device(3))]).unwrap();
    let (found, message) = code(site.merge());
    assert!(found == codes::SHARDS_MISSING && message.contains("shard 2 of 3 is missing"), "{message}");
    assert!(message.contains("has not been built"));
    // Begun, but not ended.
    drop(Transaction::begin(&options(&site, shard(2, 3))).unwrap());
    assert!(code(site.merge()).1.contains("was begun, but did not end"));
    site.shard(2, 3, &[file("b", "1", device(2))]).unwrap();
    assert_eq!(code(merge(&site.options, Some(4), &[])).0, codes::SHARDS_MISSING);
    let before = site.listing();
    let dry = Options { dry_run: true, ..site.options.clone() };
    merge(&dry, Some(3), &[]).unwrap();
    assert_eq!(site.listing(), before);

    // A damaged part counts as none.
    let path = site.state().join("shard-2-of-3/part");
    let bytes = fs::read(&path).unwrap();
    let parts = [&bytes[..bytes.len() - 1], &bytes[..3], b"", b"\xff\xff\xff\xff{}"];
    for bytes in parts.into_iter().chain([[&bytes[..20], b"x", &bytes[21..]].concat().as_slice()]) {
        fs::write(&path, bytes).unwrap();
        let (found, message) = code(site.merge());
        assert!(found == codes::SHARDS_MISSING && message.contains("cannot be used"), "{message}");
    }
    fs::write(&path, fs::read(site.state().join("shard-3-of-3/part")).unwrap()).unwrap();
    assert!(code(site.merge()).1.contains("another shard's"));
    fs::write(&path, bytes).unwrap();
    site.merge().unwrap();

    // A build in another number of parts takes the place of this one.
    site.shard(1, 2, &[file("a", "1", device(1))]).unwrap();
    assert!(code(site.merge()).1.contains("shard 2 of 2 is missing"));
    site.shard(2, 2, &[file("b", "1", device(2)), file("c", "1", device(3))]).unwrap();
    site.merge().unwrap();
}

#[test]
fn shards_of_different_inputs_are_told_apart() {
    let site = Site::new();
    site.shard(1, 2, &[file("a", "1", device(1))]).unwrap();
    build_shard(&options(&site, shard(2, 2)), &[file("b", "1", device(2))], &[], "other").unwrap();
    let before = site.listing();
    let (found, message) = code(site.merge());
    assert_eq!(found, codes::SHARDS_DIFFER);
    let expected = "shard 2 of 2 was made from other inputs than shard 1 of 2: they differ in the inventory";
    assert!(message.contains(expected), "{message}");
    assert_eq!(
        listing(&site.options.out),
        before.into_iter().filter(|f| f.0.starts_with(&site.options.out)).collect()
    );
}

#[test]
fn two_shards_with_different_files_for_one_path_collide_in_the_merge() {
    let site = Site::new();
    site.shard(1, 2, &[file("x", "1", device(1))]).unwrap();
    site.shard(2, 2, &[file("x", "2", device(2)), file("y", "1", device(2))]).unwrap();
    let (found, message) = code(site.merge());
    assert_eq!(found, codes::COLLISION);
    let expected = format!("{} and {} both plan `x`, with different content", device(1), device(2));
    assert!(message.contains(&expected), "{message}");
    // Within one shard it is refused at once, and nothing is changed.
    let before = texts(&site.options.out);
    let d = only(site.shard(2, 2, &[file("y", "2", device(2)), file("y", "3", device(4))]));
    assert_eq!((d.code, texts(&site.options.out)), (codes::COLLISION, before));
    assert!(code(site.merge()).1.contains("shard 2 of 2 is missing"));
}

#[test]
fn paths_that_change_hands_between_shards_are_no_collision() {
    let site = Site::new();
    site.build(&[file("a", "1", device(1)), file("b", "2", device(2)), file("k", "k", device(3))]).unwrap();
    // The two devices swap their files, whichever shard comes first.
    for order in [[1, 2], [2, 1]] {
        let text = |n: usize| format!("{n}{}", order[0]);
        for n in order {
            let path = if (n == 1) == (order[0] == 1) { "b" } else { "a" };
            site.shard(n, 2, &[file(path, &text(n.into()), device(n.into()))]).unwrap();
        }
        site.merge().unwrap();
        assert_eq!(texts(&site.options.out).len(), 2);
    }
}

#[test]
fn a_build_that_comes_between_is_noticed() {
    let site = Site::new();
    let (one, two) = ([file("a", "1", device(1))], [file("b", "1", device(2))]);
    site.build(&[one.clone(), two.clone()].concat()).unwrap();
    let transaction = Transaction::begin(&options(&site, shard(1, 2))).unwrap();
    let staged = vec![transaction.stage(&one[0]).unwrap()];
    // It was equal, so nothing was written aside.
    site.build(&[file("a", "2", device(1)), two[0].clone()]).unwrap();
    let d = only(transaction.commit_shard(staged, [device(1)].into(), part(shard(1, 2), "same")));
    assert_eq!((d.code, site.read("a")), (codes::OVERTAKEN, "2".into()));
    // What was written aside is placed all the same.
    let transaction = Transaction::begin(&options(&site, shard(1, 2))).unwrap();
    let staged = vec![transaction.stage(&one[0]).unwrap()];
    site.build(&[file("a", "3", device(1)), two[0].clone()]).unwrap();
    transaction.commit_shard(staged, [device(1)].into(), part(shard(1, 2), "same")).unwrap();
    assert_eq!(site.read("a"), "1");
    site.shard(2, 2, &two).unwrap();
    // A build of some devices between the shards and the merge is the shards' end too.
    build(
        &site.options,
        &[file("a", "4", device(1))],
        &Scope::Only { owners: [device(1)].into(), failed: Failed::default() },
    )
    .unwrap();
    assert_eq!(code(site.merge()).0, codes::SHARDS_MISSING);
}

/// Three shards share a file: one finds none, one finds that of the third, whose turn came in between.
#[test]
fn a_file_that_several_shards_plan_is_placed_once() {
    let site = Site::new();
    site.build(&[file("x", "1", device(9))]).unwrap();
    let begin = |n: u16| {
        let transaction = Transaction::begin(&options(&site, shard(n, 3))).unwrap();
        (transaction, n)
    };
    let stage = |(transaction, n): &(Transaction, u16)| {
        vec![transaction.stage(&file("all", "1", device((*n).into()))).unwrap()]
    };
    let commit = |(transaction, n): (Transaction, u16), staged| {
        transaction.commit_shard(staged, [device(n.into())].into(), part(shard(n, 3), "same")).unwrap()
    };
    let (one, two, three) = (begin(1), begin(2), begin(3));
    let (of_one, of_two) = (stage(&one), stage(&two));
    assert_eq!(commit(one, of_one).written.len(), 1);
    let of_three = stage(&three);
    let inode = |path: &str| fs::metadata(site.out(path)).unwrap().ino();
    let before = inode("all");
    assert_eq!(commit(two, of_two).written.len(), 0);
    assert_eq!((commit(three, of_three).written.len(), inode("all")), (0, before));
    assert_eq!(texts(&site.state().join("shard-2-of-3/staging")).len(), 0);
    assert_eq!(paths(&site.merge().unwrap().report.removed), ["x"]);
}

#[test]
fn a_shard_waits_for_the_lock_only_to_commit() {
    let site = Site::new();
    let holder = Transaction::begin(&site.options).unwrap();
    let transaction = Transaction::begin(&options(&site, shard(1, 1))).unwrap();
    let staged = vec![transaction.stage(&file("a", "1", device(1))).unwrap()];
    let d = only(transaction.commit_shard(staged, [device(1)].into(), part(shard(1, 1), "same")));
    assert_eq!(d.code, codes::LOCKED);
    drop(holder);
    site.shard(1, 1, &[file("a", "1", device(1))]).unwrap();
    // The same shard twice at a time.
    let first = Transaction::begin(&options(&site, shard(1, 1))).unwrap();
    assert_eq!(Transaction::begin(&options(&site, shard(1, 1))).err().unwrap().code, codes::LOCKED);
    drop(first);
}

#[test]
fn a_dry_run_of_a_shard_changes_nothing() {
    let site = Site::new();
    let dry = Options { dry_run: true, ..options(&site, shard(1, 2)) };
    let report = build_shard(&dry, &[file("a", "1", device(1))], &[], "same").unwrap();
    assert_eq!(paths(&report.written), ["a"]);
    assert!(!site.options.out.exists() && !site.state().exists());
    site.build(&[file("a", "1", device(1)), file("b", "1", device(2))]).unwrap();
    let before = site.listing();
    let report = build_shard(&dry, &[file("a", "2", device(1))], &[], "same").unwrap();
    assert_eq!((paths(&report.written), report.removed.len()), (vec!["a"], 0));
    assert_eq!(site.listing(), before);
}

#[test]
fn what_a_killed_shard_left_is_cleared_away() {
    let site = Site::new();
    // As a kill leaves it: no destructor runs.
    let killed = Transaction::begin(&options(&site, shard(1, 2))).unwrap();
    let staged = killed.stage(&file("a", "1", device(1))).unwrap();
    let place = site.state().join("shard-1-of-2");
    site.put(".provc-tmp-shard-1-2-0", "torn");
    site.put(".provc-tmp-shard-2-2-0", "of another");
    fs::write(place.join("temporaries-in-out"), "").unwrap();
    let written = || texts(&place.join("staging")).len();
    assert_eq!(written(), 1);
    // While it may be at work, nobody touches what is its own.
    site.build(&[file("b", "1", device(2))]).unwrap();
    assert_eq!((written(), site.out(".provc-tmp-shard-1-2-0").exists()), (1, true));
    std::mem::forget(staged);
    let Transaction { .. } = &killed;
    drop(killed);
    fs::create_dir_all(place.join("staging/0")).unwrap();
    fs::write(place.join("staging/0/0"), "torn").unwrap();
    fs::write(place.join("temporaries-in-out"), "").unwrap();
    site.put(".provc-tmp-shard-1-2-0", "torn");
    site.build(&[file("b", "1", device(2))]).unwrap();
    assert_eq!((written(), site.out(".provc-tmp-shard-1-2-0").exists()), (0, false));
    assert!(site.out(".provc-tmp-shard-2-2-0").exists());
}

#[test]
fn shards_with_their_state_on_another_file_system() {
    let Some((mut site, _other)) = places::two_file_systems() else {
        return skip("/dev/shm is no other file system");
    };
    site.options.allow_removals = true;
    let files = |n: usize| [file("d/all", "1", device(n)), secret(&format!("d/{n}"), "1", device(n))];
    let clean = Site::new();
    clean.build(&[files(1), files(2)].concat()).unwrap();
    site.build(&[file("d/old", "1", device(3))]).unwrap();
    // Both have temporaries in out/, under names of their own.
    let begun = [1, 2].map(|n: u16| {
        let transaction = Transaction::begin(&options(&site, shard(n, 2))).unwrap();
        let staged = files(n.into()).map(|artifact| transaction.stage(&artifact).unwrap());
        (transaction, staged, n)
    });
    assert_eq!(texts(&site.options.out).len(), 5);
    // Neither a whole build nor the other shard sweeps them away.
    site.build(&[file("d/old", "2", device(3))]).unwrap();
    assert_eq!(texts(&site.options.out).len(), 5);
    for (transaction, staged, n) in begun {
        let owners = [device(n.into())].into();
        transaction.commit_shard(staged.into(), owners, part(shard(n, 2), "same")).unwrap();
    }
    site.merge().unwrap();
    assert_eq!(site.whole(), clean.whole());
    assert!(!site.state().join("shard-1-of-2/temporaries-in-out").exists());
}

#[test]
fn separate_trees_are_brought_together() {
    let place = Site::new();
    let tree = |n: usize| {
        let mut options = Options::new(place.place.path().join(format!("part{n}")));
        options.lock_wait = place.options.lock_wait;
        options
    };
    let files = |n: usize| {
        vec![
            secret(&format!("d{n}/own"), &format!("{n}"), device(n)),
            file("shared", "1", device(n)),
            secret("half", "1", device(n)),
        ]
    };
    let all: Vec<Artifact> = (1..=3).flat_map(files).collect();
    let clean = Site::new();
    clean.build(&all).unwrap();
    for n in 1..=3 {
        let shard = shard(n as u16, 3);
        build_shard(&Options { shard: Some(shard), ..tree(n) }, &files(n), &[], "same").unwrap();
    }
    let trees = |which: &[usize]| -> Vec<PartTree> {
        which.iter().map(|n| PartTree { out: tree(*n).out, state: None }).collect()
    };
    assert!(code(merge(&place.options, None, &trees(&[1, 3]))).1.contains("shard 2 of 3 is missing"));
    assert!(code(merge(&place.options, None, &trees(&[1, 2, 3, 2]))).1.contains("is there twice"));
    assert!(!place.options.out.exists());
    let before = listing(&tree(1).out);
    let done = merge(&place.options, Some(3), &trees(&[3, 1, 2])).unwrap();
    assert_eq!((done.report.written.len(), done.report.unchanged), (5, 0));
    assert_eq!((place.whole(), listing(&tree(1).out)), (clean.whole(), before));
    // Once more: nothing is written.
    let before = listing(&place.options.out);
    let done = merge(&place.options, None, &trees(&[1, 2, 3])).unwrap();
    assert_eq!((done.report.written.len(), listing(&place.options.out)), (0, before));

    // A crash in the middle is mended by the next merge.
    for n in 1..=3 {
        let shard = shard(n as u16, 3);
        let mut files = files(n);
        files[0] = secret(&format!("d{n}/own"), "new", device(n));
        build_shard(&Options { shard: Some(shard), ..tree(n) }, &files, &[], "new").unwrap();
    }
    let crashed = stopping(Stop::Crash(1), || merge(&place.options, None, &trees(&[1, 2, 3])).map(|_| ()));
    assert!(crashed.is_none());
    merge(&place.options, None, &trees(&[1, 2, 3])).unwrap();
    assert_eq!((1..=3).filter(|n| place.read(&format!("d{n}/own")) == "new").count(), 3);
    assert!(place.build(&[]).is_err());

    // Somebody changed a file there, or took it away.
    fs::write(tree(2).out.join("d2/own"), "edited").unwrap();
    let (found, message) = code(merge(&place.options, None, &trees(&[1, 2, 3])));
    assert!(found == codes::OVERTAKEN && message.contains("no longer what shard 2 of 3 wrote"), "{message}");
    fs::remove_file(tree(2).out.join("d2/own")).unwrap();
    assert_eq!(code(merge(&place.options, None, &trees(&[1, 2, 3]))).0, codes::UNREADABLE_SOURCE);
    assert_eq!(place.read("d2/own"), "new");
}

#[test]
fn failed_owners_of_any_shard_keep_their_files() {
    let site = Site::new();
    site.build(&[file("a", "1", device(1)), file("b", "1", device(2)), file("c", "1", device(3))]).unwrap();
    site.shard(1, 2, &[file("a", "2", device(1))]).unwrap();
    let options = options(&site, shard(2, 2));
    let transaction = Transaction::begin(&options).unwrap();
    let failed = Failed { owners: [device(2)].into(), inputs_incomplete: false };
    let failing = Part { failed, ..part(shard(2, 2), "same") };
    transaction.commit_shard(vec![], [device(2)].into(), failing).unwrap();
    let done = site.merge().unwrap();
    assert_eq!(paths(&done.report.removed), ["c"]);
    assert_eq!((site.read("a"), site.read("b")), ("2".into(), "1".into()));
}

/// A killed shard had already removed a file that its manifest still has, and that another shard found equal.
#[test]
fn what_a_killed_shard_removed_is_not_taken_for_granted() {
    let site = Site::new();
    site.build(&[file("a", "1", device(1)), file("b", "1", device(1)), file("x", "1", device(1))]).unwrap();
    let taking = file("x", "1", device(2));
    let begin = || {
        let transaction = Transaction::begin(&options(&site, shard(2, 2))).unwrap();
        let staged = vec![transaction.stage(&taking).unwrap()];
        (transaction, staged)
    };
    let (transaction, staged) = begin();
    let commit = || site.shard(1, 2, &[file("c", "1", device(1))]).map(|_| ());
    assert!(stopping(Stop::Crash(4), commit).is_none());
    assert!(!site.out("x").exists());
    let commit = |transaction: Transaction, staged| {
        transaction.commit_shard(staged, [device(2)].into(), part(shard(2, 2), "same"))
    };
    assert_eq!(only(commit(transaction, staged)).code, codes::OVERTAKEN);
    let (transaction, staged) = begin();
    commit(transaction, staged).unwrap();
    assert!(code(site.merge()).1.contains("shard 1 of 2 is missing"));
    site.shard(1, 2, &[file("c", "1", device(1))]).unwrap();
    site.merge().unwrap();
    assert_eq!(texts(&site.options.out).len(), 2);
    // Nor is anything else that is not as it was when its shard ended.
    site.put("x", "edited");
    let (found, message) = code(site.merge());
    assert!(found == codes::OVERTAKEN && message.contains("no longer what shard 2 of 2 wrote"), "{message}");
}

/// What each of four devices plans: text and secrecy by path. Devices 0 and 1 are the first shard's.
type World = Vec<BTreeMap<String, (u8, bool)>>;

#[derive(Clone, Debug)]
struct Edit {
    plans: BTreeMap<usize, BTreeMap<String, (u8, bool)>>,
    /// Which shard commits first.
    second_first: bool,
    /// Where the first of them to commit is killed.
    crash: Option<usize>,
    /// A whole build comes instead.
    whole: bool,
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let text = prop_oneof![9 => Just(0), 1 => Just(1)];
    let plan = proptest::collection::btree_map("[abc]|d/[ab]|e/[ab]|[ab]/x", (text, any::<bool>()), 0..4);
    let plans = proptest::collection::btree_map(0..4usize, plan, 0..4);
    let crash = proptest::option::weighted(0.3, 0..6usize);
    let edit = (plans, any::<bool>(), crash, proptest::bool::weighted(0.1));
    let edit =
        edit.prop_map(|(plans, second_first, crash, whole)| Edit { plans, second_first, crash, whole });
    proptest::collection::vec(edit, 1..8)
}

fn planned(world: &World, devices: &[usize]) -> Vec<Artifact> {
    let all = devices.iter().flat_map(|n| world[*n].iter().map(|planned| (*n, planned)));
    all.map(|(n, (path, (text, sensitive)))| Artifact {
        sensitive: *sensitive,
        ..file(path, &format!("text {text}"), device(n))
    })
    .collect()
}

/// Both shards begin, then commit one after the other; the first may be killed in the middle of that.
fn both(site: &Site, world: &World, edit: &Edit, crash: Option<usize>) -> Result<bool, Diagnostics> {
    let begun: Vec<_> = [[0, 1], [2, 3]]
        .iter()
        .zip(1..)
        .map(|(devices, i)| {
            let transaction = Transaction::begin(&options(site, shard(i, 2))).unwrap();
            let staged = planned(world, devices).iter().map(|a| transaction.stage(a).unwrap()).collect();
            let owners = devices.iter().map(|n| device(*n)).collect();
            (transaction, staged, owners, part(shard(i, 2), "same"))
        })
        .collect();
    let begun: Vec<_> = if edit.second_first { begun.into_iter().rev().collect() } else { begun };
    let mut whole = true;
    for (i, (transaction, staged, owners, part)) in begun.into_iter().enumerate() {
        let commit = || transaction.commit_shard(staged, owners, part).map(|_| ());
        match crash.filter(|_| i == 0) {
            Some(after) => match stopping(Stop::Crash(after), commit) {
                Some(result) => result?,
                None => whole = false,
            },
            None => commit()?,
        }
    }
    Ok(whole)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merged_shards_are_a_clean_build(edits in edits()) {
        let mut site = Site::new();
        site.options.allow_removals = true;
        let mut world: World = vec![BTreeMap::new(); 4];
        for edit in &edits {
            for (n, plan) in &edit.plans {
                world[*n] = plan.clone();
            }
            let all = planned(&world, &[0, 1, 2, 3]);
            let clean = Site::new();
            let wanted = clean.build(&all);
            if edit.whole {
                prop_assert_eq!(site.build(&all).is_ok(), wanted.is_ok());
                continue;
            }
            let mut done = both(&site, &world, edit, edit.crash);
            // A killed shard is run again; and so is one that met what the other was about to take away.
            for _ in 0..2 {
                if !matches!(done, Ok(true)) {
                    done = both(&site, &world, edit, None);
                }
            }
            match (done, &wanted) {
                (Ok(_), Ok(_)) => {
                    let merged = site.merge().unwrap();
                    prop_assert!(merged.report.written.is_empty() && merged.report.warnings.is_empty());
                    prop_assert_eq!(site.whole(), clean.whole());
                    let before = listing(&site.options.out);
                    let report = site.build(&all).unwrap();
                    prop_assert!(report.written.is_empty() && report.adopted.is_empty());
                    prop_assert_eq!(listing(&site.options.out), before);
                }
                (Ok(_), Err(wanted)) => {
                    let codes = |problems: &Diagnostics| -> BTreeSet<_> { problems.iter().map(|d| d.code).collect() };
                    let found = codes(&site.merge().unwrap_err());
                    prop_assert!(found.is_subset(&codes(wanted)), "{:?}", found);
                }
                (Err(found), wanted) => {
                    // A file stands where a directory is needed, and only a build of everything can tell
                    // that nobody plans it any more.
                    let known = found.iter().all(|d| d.code == codes::FILE_AND_DIRECTORY || wanted.is_err());
                    prop_assert!(known, "{:?}", found);
                    prop_assert_eq!(site.build(&all).is_ok(), wanted.is_ok());
                    if wanted.is_ok() {
                        prop_assert_eq!(site.whole(), clean.whole());
                    }
                }
            }
        }
    }
}
