//! Measuring in one process, and the bare loops that builds are compared with.
//!
//! Times are of the wall and of this process's CPU. The bare loops are two threads that do nothing but write
//! the files of a tree, each by a temporary file and a rename, or read and compare them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use walkdir::WalkDir;

/// The threads of builds and bare loops.
pub const THREADS: usize = 2;

/// What something took.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    pub wall: f64,
    pub cpu: f64,
    /// The most memory that the process held at a time, in MB, since the measurement began.
    pub memory: f64,
}

/// CPU seconds of this process so far, user and system.
fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32).as_secs_f64()
}

/// The peak of the memory in MB (`VmHWM`, proc(5)); 0 where there is no such file.
fn peak() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default() / 1000.0
}

pub fn measure<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    // Resets the peak, proc(5).
    let _ = fs::write("/proc/self/clear_refs", "5");
    let (start, before) = (Instant::now(), cpu());
    let result = work();
    (result, Cost { wall: start.elapsed().as_secs_f64(), cpu: cpu() - before, memory: peak() })
}

/// What the bare loop does with a file.
#[derive(Clone, Copy)]
pub enum Bare {
    Write,
    Compare,
}

/// Two threads that do nothing but write, or read and compare, the files of `model`. The bytes are read
/// into memory in portions beforehand, which is not counted.
pub fn bare(model: &Path, target: &Path, what: Bare) -> Cost {
    let files: Vec<PathBuf> = WalkDir::new(model)
        .sort_by_file_name()
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().strip_prefix(model).unwrap().to_owned())
        .collect();
    for file in &files {
        fs::create_dir_all(target.join(file).parent().unwrap()).unwrap();
    }
    for thread in 0..THREADS {
        fs::create_dir_all(target.join(format!(".temp{thread}"))).unwrap();
    }
    let mut total = Cost::default();
    for portion in files.chunks(10_000) {
        let contents: Vec<(&PathBuf, Vec<u8>)> =
            portion.iter().map(|file| (file, fs::read(model.join(file)).unwrap())).collect();
        let ((), cost) = measure(|| {
            std::thread::scope(|scope| {
                for (thread, half) in contents.chunks(contents.len().div_ceil(THREADS)).enumerate() {
                    scope.spawn(move || {
                        for (n, (file, bytes)) in half.iter().enumerate() {
                            let place = target.join(file);
                            match what {
                                Bare::Compare => assert!(fs::read(&place).unwrap() == *bytes),
                                Bare::Write => {
                                    let temp = target.join(format!(".temp{thread}/{n}"));
                                    fs::write(&temp, bytes).unwrap();
                                    fs::rename(&temp, &place).unwrap();
                                }
                            }
                        }
                    });
                }
            });
        });
        total.wall += cost.wall;
        total.cpu += cost.cpu;
    }
    total
}
