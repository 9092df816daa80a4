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
    let name = |i: usize| format!("Digium/{i:012x}.cfg");
    for round in 0..4 {
        let round = round % 3;
        let contents: Vec<_> = (0..FILES).map(|i| text(round, i)).collect();
        let place = tempfile::tempdir().unwrap();
        let site = Site::new();
        for pass in ["cold", "replace", "equal"] {
            let contents: Vec<_> =
                if pass == "cold" { contents.clone() } else { (0..FILES).map(|i| text(9, i)).collect() };
            let start = Instant::now();
            fs::create_dir_all(place.path().join("Digium")).unwrap();
            std::thread::scope(|scope| {
                for thread in 0..2 {
                    let (contents, place) = (&contents, place.path());
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
            let bare = start.elapsed();
            let plan: Vec<_> = contents
                .into_iter()
                .enumerate()
                .map(|(i, bytes)| Artifact {
                    content: Content::Bytes(bytes),
                    ..secret(&name(i), "", device(i))
                })
                .collect();
            let start = Instant::now();
            let transaction = Transaction::begin(&site.options).unwrap();
            let staged: Vec<_> = plan.par_iter().map(|a| transaction.stage(a).unwrap()).collect();
            let staging = start.elapsed();
            transaction.commit(staged, &Failed::default()).unwrap();
            let all = start.elapsed();
            let ratio = all.as_secs_f64() / bare.as_secs_f64();
            eprintln!("{pass}: bare loop {bare:?}, stage {staging:?}, all {all:?}, ratio {ratio:.2}");
        }
    }
}
