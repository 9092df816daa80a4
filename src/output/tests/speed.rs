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
