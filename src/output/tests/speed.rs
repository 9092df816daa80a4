//! How near staging and committing come to a bare loop that writes and renames.

use super::*;

const FILES: usize = 20_000;
const SIZE: usize = 3_000;

/// `cargo test --release --lib output::tests::speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "it measures, and tells")]
fn a_build_beside_a_bare_loop() {
    use std::time::Instant;
    let text = |round: usize, i: usize| format!("{round} {i} ").repeat(SIZE).into_bytes()[..SIZE].to_vec();
    fn name(i: usize) -> String {
        format!("Digium/{i:012x}.cfg")
    }
    let bare = |place: &Path, contents: &[Vec<u8>]| {
        let start = Instant::now();
        fs::create_dir_all(place.join("Digium")).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..2 {
                scope.spawn(move || {
                    let temp = place.join(format!("temp{thread}"));
                    fs::create_dir_all(&temp).unwrap();
                    for i in (thread..FILES).step_by(2) {
                        let aside = temp.join(i.to_string());
                        fs::write(&aside, &contents[i]).unwrap();
                        fs::rename(&aside, place.join(name(i))).unwrap();
                    }
                });
            }
        });
        start.elapsed()
    };
    let ours = |site: &Site, contents: &[Vec<u8>]| {
        let artifact = |(i, bytes): (usize, &Vec<u8>)| Artifact {
            content: Content::Bytes(bytes.clone()),
            ..secret(&name(i), "", device(i))
        };
        let plan: Vec<_> = contents.iter().enumerate().map(artifact).collect();
        let start = Instant::now();
        let transaction = Transaction::begin(&site.options).unwrap();
        let staged: Vec<_> = plan.par_iter().map(|a| transaction.stage(a).unwrap()).collect();
        let staging = start.elapsed();
        transaction.commit(staged, &Scope::default()).unwrap();
        (staging, start.elapsed())
    };
    for round in 0..4 {
        let (place, site) = (tempfile::tempdir().unwrap(), Site::new());
        for (pass, which) in [("cold", 0), ("replace", 1), ("equal", 1)] {
            let contents: Vec<_> = (0..FILES).map(|i| text(which, i)).collect();
            // What the one left unwritten must not slow the other down; each goes first in turn.
            rustix::fs::sync();
            let (mut loop_time, mut build) = (Duration::ZERO, (Duration::ZERO, Duration::ZERO));
            for turn in 0..2 {
                if turn == round % 2 {
                    loop_time = bare(place.path(), &contents);
                } else {
                    build = ours(&site, &contents);
                }
                rustix::fs::sync();
            }
            let ratio = build.1.as_secs_f64() / loop_time.as_secs_f64();
            eprintln!(
                "{pass}: bare loop {loop_time:?}, stage {:?}, all {:?}, ratio {ratio:.2}",
                build.0, build.1
            );
        }
    }
}

/// `cargo test --release --lib output::tests::speed::a_manifest -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "it measures, and tells")]
fn a_manifest_of_many_files() {
    use crate::output::layout::Kind;
    use crate::output::manifest::Manifest;
    use crate::output::table::Table;
    use crate::output::{ManifestCache, manifest_id};
    use std::time::Instant;

    let devices = 100_000;
    let owner =
        |n: usize| Owner::Device(format!("00:15:65:{:02x}:{:02x}:{:02x}", n >> 16, n >> 8 & 255, n & 255));
    let files = |n: usize, text: &str| {
        [
            Artifact { sensitive: true, ..file(&format!("Yealink/001565{n:06x}.cfg"), text, owner(n)) },
            file(&format!("Yealink/001565{n:06x}-contacts.xml"), text, owner(n)),
        ]
    };
    let site = Site::new();
    fn timed<T>(what: &str, work: impl Fn() -> T) -> T {
        let mut best: Option<(Duration, Duration, T)> = None;
        for _ in 0..5 {
            let cpu = || {
                let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
                Duration::new(now.tv_sec.cast_unsigned(), u32::try_from(now.tv_nsec).unwrap())
            };
            let (start, before) = (Instant::now(), cpu());
            let value = work();
            let (took, cpu) = (start.elapsed(), cpu() - before);
            if best.as_ref().is_none_or(|best| took < best.0) {
                best = Some((took, cpu, value));
            }
        }
        let (took, cpu, value) = best.unwrap();
        eprintln!("{what}: {took:?}, cpu {cpu:?}");
        value
    }
    let all: Vec<Artifact> = (0..devices).flat_map(|n| files(n, "text")).collect();
    let start = Instant::now();
    build(&site.options, &all, &Scope::default()).unwrap();
    eprintln!("full build: {:?}", start.elapsed());
    std::thread::sleep(Duration::from_millis(100));
    timed("full compare", || build(&site.options, &all, &Scope::default()).unwrap().unchanged);
    let path = site.state().join("manifest");
    let bytes = timed("read", || fs::read(&path).unwrap());
    eprintln!("{} bytes, {} a record", bytes.len(), bytes.len() / all.len());
    let copies = std::cell::RefCell::new(vec![bytes.clone(); 5]);
    timed("decode", || Table::decode(Kind::Manifest, copies.borrow_mut().pop().unwrap()).unwrap());
    let manifest = Manifest::of(Table::decode(Kind::Manifest, bytes.clone()).unwrap());
    timed("encode", || manifest.encode_all(&mut manifest.parts()).len());
    timed("name on disk", || manifest_id(&site.options));
    let count = std::cell::Cell::new(0);
    let part = |cache: Option<&ManifestCache>| {
        count.set(count.get() + 1);
        let n = 500 + count.get();
        let transaction = match cache {
            Some(cache) => Transaction::begin_with(&site.options, cache).unwrap(),
            None => Transaction::begin(&site.options).unwrap(),
        };
        let begun = Instant::now();
        let text = format!("text {}", count.get());
        let staged = files(n, &text).iter().map(|artifact| transaction.stage(artifact).unwrap()).collect();
        let scope = Scope::Only { owners: [owner(n)].into(), failed: Failed::default() };
        let report = transaction.commit(staged, &scope).unwrap();
        assert_eq!(report.written.len(), 2);
        begun.elapsed()
    };
    let rest = timed("one device, from the disk", || part(None));
    eprintln!("  of which after the begin {rest:?}");
    let cache = ManifestCache::default();
    part(Some(&cache));
    timed("one device, from memory", || part(Some(&cache)));
    for _ in 0..3000 {
        part(Some(&cache));
    }
    timed("one device, from memory, after 3000 changes", || part(Some(&cache)));
    timed("one device, from the disk, after 3000 changes", || part(None));
    timed("begin", || drop(Transaction::begin(&site.options).unwrap()));
    timed("begin and verify", || {
        assert!(Transaction::begin(&site.options).unwrap().verify_standing().unwrap().is_empty());
    });
    timed("begin from memory and verify", || {
        assert!(
            Transaction::begin_with(&site.options, &cache).unwrap().verify_standing().unwrap().is_empty()
        );
    });
}
