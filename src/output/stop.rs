//! Lets a test stop a commit between two renames, as a full disk or a crash would.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How a commit is stopped, and after how many renames.
#[derive(Clone, Copy)]
pub(super) enum Stop {
    Full(usize),
    Crash(usize),
}

thread_local! {
    static STOP: Cell<Option<Stop>> = const { Cell::new(None) };
}
static DONE: AtomicUsize = AtomicUsize::new(0);
static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());

pub(super) fn stop() -> Option<Stop> {
    STOP.get()
}

/// Runs `work` with the commits of this thread stopped; `None` after a crash.
pub(super) fn stopping<T>(stop: Stop, work: impl FnOnce() -> T) -> Option<T> {
    let _guard = ONE_AT_A_TIME.lock();
    DONE.store(0, Ordering::SeqCst);
    STOP.set(Some(stop));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    STOP.set(None);
    result.ok()
}

pub(super) fn step(stop: Option<Stop>) -> io::Result<()> {
    match stop {
        Some(Stop::Full(n)) if DONE.fetch_add(1, Ordering::SeqCst) >= n => {
            Err(rustix::io::Errno::NOSPC.into())
        }
        Some(Stop::Crash(n)) if DONE.fetch_add(1, Ordering::SeqCst) >= n => panic!("a crash"),
        _ => Ok(()),
    }
}
