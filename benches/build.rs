//! Devices per second of a whole build, beside a bare loop that writes the same files.
//!
//! `cargo bench --bench build [-- PHONES]`, 10,000 phones if no number is given. Everything happens in a
//! directory of its own below the temporary directory, on two threads. The bare loop writes the same bytes
//! to the same names by a temporary file and a rename; for the second build it reads and compares them.
//! Times are of the wall and of this process's CPU; ratios are taken within one run.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures and prints")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot write has nothing to say")]

mod generate;
mod measure;

use std::path::Path;

use provc::diagnostic::Diagnostics;
use provc::inventory::Resolver;
use provc::output;
use provc::pipeline::{self, Action, Report, Site};
use rayon::prelude::*;
use walkdir::WalkDir;

use measure::{Bare, Cost, THREADS, bare, measure};

fn run(site: &Site, action: &Action) -> Report {
    let report = pipeline::run(site, action);
    assert!(report.ok, "{:?}", report.diagnostics.first());
    report
}

fn main() {
    // `cargo test --all-targets` runs benchmarks without `--bench`: then only see that it works.
    let usual = if std::env::args().any(|arg| arg == "--bench") { 10_000 } else { 200 };
    let phones: usize = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(usual);
    rayon::ThreadPoolBuilder::new().num_threads(THREADS).build_global().unwrap();

    let place = tempfile::tempdir().unwrap();
    let inventory = place.path().join("inventory");
    generate::inventory(&inventory, phones).unwrap();
    let site =
        Site { repository: place.path().to_owned(), inventory: vec![inventory.clone()], ..Site::default() };
    let out = place.path().join("out");
    let build = Action::build(output::Options::new(&out));

    let (loaded, load) = measure(|| {
        let mut problems = Diagnostics::default();
        let loaded = pipeline::load(&site, &mut problems);
        assert!(problems.is_empty());
        loaded
    });
    let ((), resolve) = measure(|| {
        let resolver = Resolver::new(&loaded.inventory, &loaded.secrets);
        loaded.inventory.devices.par_iter().for_each(|entry| {
            assert!(!resolver.device(entry, &mut Diagnostics::default()).broken);
        });
    });
    drop(loaded);
    let (_, check) = measure(|| run(&site, &Action::Check));
    let (cold, first) = measure(|| run(&site, &build));
    // Without what the first one remembers: everything is made again and compared.
    std::fs::remove_file(place.path().join(".out.provc/state")).unwrap();
    let (again, second) = measure(|| run(&site, &build));
    assert!(again.written.is_empty() && again.unchanged == cold.written.len());
    let copy = place.path().join("bare");
    let writing = bare(&out, &copy, Bare::Write);
    let comparing = bare(&out, &copy, Bare::Compare);

    let input: u64 = size(&inventory);
    let output: u64 = size(&out);
    println!(
        "{phones} phones, {:.1} MB of inventory, {} files of {:.1} MB, {THREADS} threads",
        input as f64 / 1e6,
        cold.written.len(),
        output as f64 / 1e6
    );
    println!("{:<34} {:>8} {:>8} {:>12} {:>8}", "", "wall s", "CPU s", "phones/wall s", "peak MB");
    let line = |name: &str, cost: Cost| {
        let rate = phones as f64 / cost.wall;
        println!("{name:<34} {:>8.3} {:>8.3} {rate:>12.0} {:>8.0}", cost.wall, cost.cpu, cost.memory);
    };
    line("load (read, parse, decode, join)", load);
    line("resolve", resolve);
    line("check (load, resolve, render)", check);
    line("build, cold", first);
    line("build, all compared", second);
    line("bare loop: write and rename", writing);
    line("bare loop: read and compare", comparing);
    println!(
        "cold build / bare loop:         wall {:.2}, CPU {:.2}",
        first.wall / writing.wall,
        first.cpu / writing.cpu
    );
    println!(
        "all compared / bare compare:    wall {:.2}, CPU {:.2}",
        second.wall / comparing.wall,
        second.cpu / comparing.cpu
    );
}

/// Bytes in the files below a directory.
fn size(place: &Path) -> u64 {
    let files = WalkDir::new(place).into_iter().map(Result::unwrap);
    files.filter(|entry| entry.file_type().is_file()).map(|entry| entry.metadata().unwrap().len()).sum()
}
