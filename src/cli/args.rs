//! The command line as typed. What it means together with `provc.yaml` is worked out once, in
//! [`super::settings`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::output::Shard;

/// A compiler for phone provisioning: a declarative inventory in, every phone's files out.
#[derive(Parser, Debug)]
#[command(name = "provc", version, propagate_version = true, after_help = EXIT_STATUS)]
pub(super) struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_STATUS: &str = "\
Exit status: 0 done; 1 something is wrong with the inputs or the work failed; 64 wrong usage.
A colour only on a terminal; NO_COLOR is honoured.";

const MERGE: &str = "\
Four jobs on one file system, then one that ends the build:
  provc build --shard 1/4        ... up to 4/4, at the same time
  provc merge --shards 4
Jobs on machines of their own:
  provc build --shard 2/4 --out part2        keep part2/ and .part2.provc/
  provc merge part1 part2 part3 part4 --out out
Exit status: 0 done; 1 a shard is missing or the shards do not agree; 64 wrong usage.";

/// What every command takes.
#[derive(Args, Debug)]
pub(super) struct Global {
    /// A directory of inventory files; may be repeated [default: inventory]
    #[arg(long, value_name = "DIR", global = true)]
    pub inventory: Vec<PathBuf>,
    /// A directory of plugins, over the standard ones; may be repeated [default: plugins]
    #[arg(long, value_name = "DIR", global = true)]
    pub plugins: Vec<PathBuf>,
    /// The directory that phones are served from [default: out]
    #[arg(long, value_name = "DIR", global = true)]
    pub out: Option<PathBuf>,
    /// Where the state of builds is kept [default: .NAME.provc beside the out directory]
    #[arg(long, value_name = "DIR", global = true)]
    pub state: Option<PathBuf>,
    /// The settings of the repository [default: provc.yaml, if there is one]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// One of the sites in the settings, instead of all
    #[arg(long, value_name = "NAME", global = true)]
    pub site: Option<String>,
    /// How results and mistakes are printed
    #[arg(long, value_enum, default_value_t = Format::Human, global = true)]
    pub format: Format,
    /// When to use colour
    #[arg(long, value_enum, default_value_t = Color::Auto, global = true)]
    pub color: Color,
    /// Print nothing but mistakes and results
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print what was done to which file
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// How results are printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(super) enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
    /// Annotations of a GitHub workflow (check and build).
    Github,
}

/// When to use colour.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Also into files and pipes.
    Always,
    /// Nowhere.
    Never,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Make a small working repository
    #[command(after_help = EXIT_STATUS)]
    Init(Init),
    /// Find every mistake; write nothing
    #[command(after_help = EXIT_STATUS)]
    Check(Check),
    /// Render what the inventory says into the out directory
    #[command(after_help = EXIT_STATUS)]
    Build(Build),
    /// Join the parts of a build that was made with --shard
    #[command(after_help = MERGE)]
    Merge(Merge),
    /// Show one device with everything resolved
    #[command(after_help = EXIT_STATUS)]
    Show(Show),
    /// List the devices with their plugins and files
    #[command(after_help = EXIT_STATUS)]
    List,
    /// Print a completion script for a shell
    #[command(after_help = EXIT_STATUS)]
    Completions(Completions),
}

#[derive(Args, Debug)]
pub(super) struct Init {
    /// Where; it is created if it does not exist
    #[arg(default_value = ".")]
    pub dir: PathBuf,
}

#[derive(Args, Debug)]
pub(super) struct Check {
    #[command(flatten)]
    pub work: Work,
}

#[derive(Args, Debug)]
pub(super) struct Build {
    #[command(flatten)]
    pub work: Work,
    /// Build the healthy devices and leave the others' old files alone
    #[arg(long)]
    pub keep_going: bool,
    #[command(flatten)]
    pub writing: Writing,
    /// Also look whether out/ still is what the last build left, and repair what is not
    #[arg(long)]
    pub verify: bool,
    /// Run the commands of secrets again, although no file that they name has changed
    #[arg(long)]
    pub refresh_secrets: bool,
    /// Go on until Ctrl-C: build again 30 ms after the last change of an input, or once git is done with
    /// the work tree
    #[arg(long, conflicts_with_all = ["dry_run", "shard"])]
    pub watch: bool,
    /// With --watch: look for changes every so often, where the kernel does not tell of them (network file
    /// systems)
    #[arg(long, value_name = "SECONDS", requires = "watch",
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub poll: Option<u32>,
    /// Build one of N parts, the I-th counted from 1; `provc merge` joins them
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
}

#[derive(Args, Debug)]
pub(super) struct Merge {
    /// Out directories that the shards were built in, one or more in each; without any, they were built in
    /// the out directory itself
    #[arg(value_name = "TREE")]
    pub trees: Vec<PathBuf>,
    /// How many shards there are [default: as many as those that are found say]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub shards: Option<u16>,
    #[command(flatten)]
    pub writing: Writing,
}

/// How what is planned gets into the out directory: what both build and merge take.
#[derive(Args, Debug)]
pub(super) struct Writing {
    /// Tell what would be written and removed; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Wait for the disk before names change
    #[arg(long)]
    pub durable: bool,
    /// Let many files be removed, or all
    #[arg(long)]
    pub allow_removals: bool,
    /// Overwrite files at planned paths that provc did not write
    #[arg(long)]
    pub adopt: bool,
}

/// What both check and build take.
#[derive(Args, Debug)]
pub(super) struct Work {
    /// Leave out what a phone cannot do, with a warning, instead of refusing it
    #[arg(long)]
    pub allow_unsupported: bool,
    /// How many threads [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
}

#[derive(Args, Debug)]
pub(super) struct Show {
    /// The MAC address, in any spelling, or the name or id of the device
    #[arg(value_name = "MAC|NAME")]
    pub device: String,
    /// Tell for each value the file, line and column that it came from
    #[arg(long)]
    pub origin: bool,
}

#[derive(Args, Debug)]
pub(super) struct Completions {
    /// For which shell
    pub shell: clap_complete::Shell,
}
