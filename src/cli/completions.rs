//! `completions`.

use std::io::Write;

use clap::CommandFactory;

use super::Status;
use super::args::{Cli, Completions};

/// Prints the completion script of a shell.
pub(super) fn run(args: &Completions) -> Status {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "provc", &mut script);
    // Whoever closed the pipe has read enough.
    let _ = std::io::stdout().write_all(&script);
    Status::Done
}
