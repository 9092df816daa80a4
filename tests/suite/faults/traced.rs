//! Builds under strace: which system calls they make, and what happens when the nth of a kind is the last one
//! or fails.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Place, Running};
use crate::tree::skip;

/// The calls by which a build changes anything on disk.
pub const CHANGING: &str = "openat,write,pwrite64,ftruncate,fallocate,mkdir,mkdirat,rename,renameat,renameat2,\
    link,linkat,unlink,unlinkat,rmdir,chmod,fchmod,fchmodat,fchown,fchownat,copy_file_range,sendfile,syncfs,fsync,\
    fdatasync";

/// One system call of a build.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: String,
    /// Its arguments, as strace prints them.
    pub arguments: String,
    /// Which call of this name of its thread it is, from 1.
    pub number: usize,
    pub failed: bool,
}

impl Call {
    /// Whether it changes anything.
    pub fn changes(&self) -> bool {
        !self.failed && (self.name != "openat" || self.arguments.contains("O_CREAT"))
    }
}

/// Whether strace is there and may trace; a test that cannot be done says so.
pub fn can_trace(test: &str) -> bool {
    let mut tried = Command::new("strace");
    tried.args(["-f", "-o", "/dev/null", "-e", "trace=openat", "-e", "inject=openat:delay_enter=1", "true"]);
    match tried.stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => return true,
        Ok(_) => skip(test, "strace may not trace here"),
        Err(error) => panic!("strace: {error}; tests/run installs what the tests need"),
    }
    false
}

/// A build under strace, on one thread so that calls have numbers.
fn under_strace(place: &Place, options: &[&str], more: &[&str]) -> Command {
    let build = place.build(&[&["--jobs", "1"], more].concat());
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-s", "200"]).args(options).arg(build.get_program()).args(build.get_args());
    traced.current_dir(place.root()).env_clear().env("NO_COLOR", "1");
    traced.env("PATH", option_env!("PATH").unwrap_or("/usr/bin:/bin"));
    traced.stdin(Stdio::null()).stdout(Stdio::null());
    traced
}

/// Builds, and tells the calls among `which`.
pub fn calls(place: &Place, which: &str, more: &[&str]) -> Vec<Call> {
    let log = place.root().join("strace.log");
    let options = ["-o", log.to_str().unwrap(), "-e", &format!("trace={which}")];
    crate::support::run(&mut under_strace(place, &options, more)).expect(0);
    let found = read(&log);
    std::fs::remove_file(&log).unwrap();
    found
}

fn read(log: &Path) -> Vec<Call> {
    let mut numbers: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in std::fs::read_to_string(log).unwrap().lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        // The second half of a call that another thread came between.
        let Some((name, arguments)) =
            rest.trim_start().split_once('(').filter(|_| !rest.contains("resumed>"))
        else {
            continue;
        };
        // A thread that ends while strace looks at it: `??? ( <detached ...>`.
        if name == "???" {
            continue;
        }
        let number = numbers.entry((thread.to_owned(), name.to_owned())).or_default();
        *number += 1;
        let failed = arguments.contains(") = -1 ") || arguments.contains(")  = -1 ");
        calls.push(Call {
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            number: *number,
            failed: failed || arguments.rsplit_once(" = ").is_some_and(|(_, result)| result.starts_with('-')),
        });
    }
    calls
}

/// What to do at a call: strace's words, such as `signal=KILL` or `error=EIO`.
pub fn at_call(place: &Place, call: &Call, what: &str, more: &[&str]) -> Command {
    let trace = format!("trace={}", call.name);
    let inject = format!("inject={}:{what}:when={}", call.name, call.number);
    under_strace(place, &["-o", "/dev/null", "-e", &trace, "-e", &inject], more)
}

/// Kills a build just before a call.
pub fn killed_at(place: &Place, call: &Call, more: &[&str]) -> bool {
    let mut build = at_call(place, call, "signal=KILL", more);
    let mut build = Running::start(build.stderr(Stdio::null()));
    build.ended_by(rustix::process::Signal::KILL)
}
