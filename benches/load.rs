//! Memory and CPU of loading an inventory and of resolving its devices, for one phone.
//!
//! `cargo bench --bench load [-- PHONES]`, 100,000 phones if no number is given, on two threads. Memory is
//! what the process holds (`VmRSS`, proc(5)) afterwards less what it held before, and the peak likewise.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures and prints")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot write has nothing to say")]

mod generate;

use std::fs;
use std::time::{Duration, Instant};

use provc::diagnostic::{Diagnostics, SourceMap};
use provc::inventory::{self, Resolver, Secrets};
use rayon::prelude::*;

/// CPU seconds of this process so far, user and system.
fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32).as_secs_f64()
}

/// A figure of `/proc/self/status` in bytes; 0 where there is no such file.
fn memory(field: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default() * 1024.0
}

fn measure<T>(name: &str, phones: usize, work: impl FnOnce() -> T) -> T {
    // Resets the peak, proc(5).
    let _ = fs::write("/proc/self/clear_refs", "5");
    let (held, start, before) = (memory("VmRSS"), Instant::now(), cpu());
    let result = work();
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu() - before);
    let each = |total: f64| total / phones as f64;
    println!(
        "{name:<10} {:>8.2} us CPU  {:>8.2} us wall  {:>7.0} bytes held  {:>7.0} bytes at the peak   each; {:.2} s, {:.0} MB in all",
        each(cpu * 1e6),
        each(wall * 1e6),
        each(memory("VmRSS") - held),
        each(memory("VmHWM") - held),
        wall,
        memory("VmHWM") / 1e6,
    );
    result
}

fn main() {
    // `cargo test --all-targets` runs benchmarks without `--bench`: then only see that it works.
    let usual = if std::env::args().any(|arg| arg == "--bench") { 100_000 } else { 200 };
    let phones: usize = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(usual);
    rayon::ThreadPoolBuilder::new().num_threads(2).build_global().unwrap();
    let place = tempfile::tempdir().unwrap();
    generate::inventory(place.path(), phones).unwrap();

    let mut sources = SourceMap::default();
    let mut problems = Diagnostics::default();
    let inventory =
        measure("load", phones, || inventory::load(&[place.path().to_owned()], &mut sources, &mut problems));
    assert!(problems.is_empty() && inventory.devices.len() == phones);
    let secrets = Secrets::new(place.path());
    measure("resolve", phones, || {
        let resolver = Resolver::new(&inventory, &secrets);
        inventory.devices.par_iter().for_each(|entry| {
            assert!(!resolver.device(entry, &mut Diagnostics::default()).broken);
        });
    });
    measure("free", phones, || drop((inventory, sources)));
}
