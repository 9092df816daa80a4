//! What a build may cost, beside what the disk alone costs: each figure with the bar that it is held to.
//!
//! `cargo bench --bench bars [-- PHONES [MORE]]`: 10,000 phones if no number is given; the cost of one phone
//! among MORE is compared with that of one among PHONES. Everything happens below the temporary directory,
//! in this process on two threads, but for what is measured of whole processes, which runs the binary. All
//! ratios are of one run; on a machine that does other things meanwhile, repeat it.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures and prints")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot write has nothing to say")]

mod generate;
mod measure;

use std::collections::BTreeSet;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use measure::{Bare, Cost, THREADS, bare, measure};
use provc::output::{self, Options};
use provc::pipeline::{self, Action, Hint, Memory, Report, Site};
use walkdir::WalkDir;

/// How often what is short is measured; the median counts.
const TIMES: usize = 9;

struct Fleet {
    place: tempfile::TempDir,
    phones: usize,
}

impl Fleet {
    fn new(phones: usize) -> Self {
        let place = tempfile::tempdir().unwrap();
        generate::inventory(&place.path().join("inventory"), phones).unwrap();
        Self { place, phones }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.place.path().join(path)
    }

    fn run(&self, action: impl FnOnce(Options) -> Action, memory: &mut Memory, hint: &Hint) -> Report {
        let site = Site {
            repository: self.place.path().to_owned(),
            inventory: vec![self.path("inventory")],
            ..Site::default()
        };
        let report = pipeline::run_with(&site, &action(Options::new(self.path("out"))), memory, hint);
        assert!(report.ok, "{:?}", report.diagnostics.first());
        report
    }

    fn build(&self) -> Report {
        self.run(Action::build, &mut Memory::default(), &Hint::Unknown)
    }

    /// The whole process.
    fn process(&self, args: &[&str]) -> f64 {
        let start = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_provc"));
        let output = command.args(args).current_dir(self.place.path()).output().unwrap();
        let seconds = start.elapsed().as_secs_f64();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        seconds
    }

    /// Gives the phone in the middle another language.
    fn edit(&self, n: usize) -> PathBuf {
        let middle = self.phones / 2;
        let file = self.path(&format!("inventory/devices/{:05}.yaml", middle / generate::PER_FILE));
        let text = fs::read_to_string(&file).unwrap();
        let head = format!("    name: phone-{middle}\n");
        let (before, after) = text.split_once(&head).unwrap();
        let after = after.trim_start_matches("    locale: fr_FR\n").trim_start_matches("    locale: en_US\n");
        let locale = ["fr_FR", "en_US"][n % 2];
        fs::write(&file, format!("{before}{head}    locale: {locale}\n{after}")).unwrap();
        file
    }
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// `stat` of every file of the inventory, and the reading of what the last build left.
fn stat_and_open(fleet: &Fleet) -> f64 {
    let start = Instant::now();
    for entry in WalkDir::new(fleet.path("inventory")) {
        black_box(fs::metadata(entry.unwrap().path()).unwrap());
    }
    black_box(fs::read(fleet.path(".out.provc/state")).unwrap());
    black_box(output::manifest_id(&Options::new(fleet.path("out"))).unwrap());
    start.elapsed().as_secs_f64()
}

fn bar(what: &str, value: String, ratio: f64, most: f64) {
    let verdict = if ratio <= most { "met" } else { "not met" };
    println!("{what:<46} {value:>22}   {ratio:>7.2}   at most {most:<5} {verdict}");
}

/// A cold build, and the bare loop that writes the same.
fn cold(fleet: &Fleet) -> (Report, Cost, Cost) {
    let (report, cost) = measure(|| fleet.build());
    let writing = bare(&fleet.path("out"), &fleet.path("bare"), Bare::Write);
    (report, cost, writing)
}

fn main() {
    // `cargo test --all-targets` runs benchmarks without `--bench`: then only see that it works.
    let usual = if std::env::args().any(|arg| arg == "--bench") { 10_000 } else { 200 };
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse::<usize>().ok());
    let (phones, more) = (numbers.next().unwrap_or(usual), numbers.next());
    rayon::ThreadPoolBuilder::new().num_threads(THREADS).build_global().unwrap();
    let fleet = Fleet::new(phones);

    let (report, first, writing) = cold(&fleet);
    println!("{phones} phones, {} files, {THREADS} threads; ratios of wall time", report.written.len());
    println!(
        "CPU: cold build {:.2} s, bare loop {:.2} s, ratio {:.2}",
        first.cpu,
        writing.cpu,
        first.cpu / writing.cpu
    );
    let seconds = |s: f64| format!("{s:.3} s");
    let of = |a: f64, b: f64| format!("{:.2} / {:.2} ms", a * 1e3, b * 1e3);
    bar("cold build / bare write and rename", seconds(first.wall), first.wall / writing.wall, 1.5);
    bar("memory of a cold build, MB / 600", format!("{:.0} MB", first.memory), first.memory / 600.0, 1.0);

    let comparing = bare(&fleet.path("out"), &fleet.path("bare"), Bare::Compare);
    drop(fs::remove_dir_all(fleet.path("bare")));
    fs::remove_file(fleet.path(".out.provc/state")).unwrap();
    let (again, second) = measure(|| fleet.build());
    assert!(again.written.is_empty());
    bar(
        "everything made and compared / bare compare",
        seconds(second.wall),
        second.wall / comparing.wall,
        1.5,
    );
    let (_, verify) = measure(|| {
        let verify =
            |output| Action::Build { output, keep_going: false, verify: true, refresh_secrets: false };
        fleet.run(verify, &mut Memory::default(), &Hint::Unknown)
    });
    bar("--verify, nothing changed / bare compare", seconds(verify.wall), verify.wall / comparing.wall, 1.5);

    // Past the grain of the clock, so that `stat` proves what it can.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    fleet.process(&["build", "-q"]);
    let unchanged = median((0..TIMES).map(|_| fleet.process(&["build", "-q"])).collect());
    let bare_stat = median((0..TIMES).map(|_| stat_and_open(&fleet)).collect());
    bar("nothing changed, whole process, ms / 50", of(unchanged, 0.05), unchanged / 0.05, 1.0);
    bar("nothing changed / stat and open the state", of(unchanged, bare_stat), unchanged / bare_stat, 3.0);
    let one = median(
        (0..TIMES)
            .map(|n| {
                fleet.edit(n);
                fleet.process(&["build", "-q"])
            })
            .collect(),
    );
    bar("one device changed / nothing changed", of(one, unchanged), one / unchanged, 3.0);

    let mut memory = Memory::lasting();
    fleet.run(Action::build, &mut memory, &Hint::Unknown);
    // What watch keeps is there after the first build of everything.
    fs::remove_file(fleet.path(".out.provc/state")).unwrap();
    let mut memory = Memory::lasting();
    fleet.run(Action::build, &mut memory, &Hint::Unknown);
    let watched = median(
        (0..TIMES)
            .map(|n| {
                let file = fleet.edit(n + TIMES);
                let start = Instant::now();
                let report = fleet.run(Action::build, &mut memory, &Hint::Files(BTreeSet::from([file])));
                let seconds = start.elapsed().as_secs_f64();
                assert_eq!(report.changed.len(), 1);
                seconds
            })
            .collect(),
    );
    bar("one device changed, in watch, ms / 5", of(watched, 0.005), watched / 0.005, 1.0);
    drop(memory);

    if let Some(more) = more {
        let each = first.wall / phones as f64;
        drop(fleet);
        let fleet = Fleet::new(more);
        let (_, cost) = measure(|| fleet.build());
        let per_phone = cost.wall / more as f64;
        println!("{more} phones: {:.1} s, {:.1} s of CPU, {:.0} MB", cost.wall, cost.cpu, cost.memory);
        bar("one phone of these / one of those", of(per_phone, each), per_phone / each, 1.3);
    }
}
