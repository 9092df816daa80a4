//! The command line: the only place that prints.

mod args;
mod build;
pub mod codes;
mod completions;
mod identify;
mod init;
mod list;
mod merge;
mod plugin;
mod print;
mod progress;
mod settings;
mod show;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use self::args::{Cli, Command, Format};
use self::print::Printer;

/// How a command ended, by whose fault.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    /// It did what was asked.
    Done,
    /// Something is wrong with the inputs, or the work failed.
    Failed,
    /// The command line makes no sense.
    Usage,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        match status {
            Status::Done => Self::SUCCESS,
            Status::Failed => Self::from(1),
            // EX_USAGE of sysexits.h.
            Status::Usage => Self::from(64),
        }
    }
}

/// Runs the program and tells its exit status.
pub fn run() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => command(&cli).into(),
        Err(error) => {
            let _ = error.print();
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Status::Done,
                _ => Status::Usage,
            }
            .into()
        }
    }
}

fn command(cli: &Cli) -> Status {
    let (global, printer) = (&cli.global, Printer::new(&cli.global));
    if global.format == Format::Github && !matches!(cli.command, Command::Check(_) | Command::Build(_)) {
        printer.error("error: --format github is for `check` and `build`");
        return Status::Usage;
    }
    if global.format == Format::Markdown && !matches!(cli.command, Command::Plugin(args::Plugin::List(_))) {
        printer.error("error: --format markdown is for `plugin list`");
        return Status::Usage;
    }
    match &cli.command {
        Command::Init(args) => init::run(args, &printer),
        Command::Check(args) => build::check(args, global, &printer),
        Command::Build(args) => build::build(args, global, &printer),
        Command::Merge(args) => merge::run(args, global, &printer),
        Command::Show(args) => show::run(args, global, &printer),
        Command::List => list::run(global, &printer),
        Command::Identify(args) => identify::run(args, global, &printer),
        Command::Plugin(args) => plugin::run(args, global, &printer),
        Command::Completions(args) => completions::run(args),
    }
}

/// Runs work on a number of threads; on as many as there are processors if none is given.
fn in_pool<T: Send>(jobs: Option<u16>, work: impl FnOnce() -> T + Send) -> T {
    let pool =
        jobs.and_then(|jobs| rayon::ThreadPoolBuilder::new().num_threads(usize::from(jobs)).build().ok());
    match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }
}
