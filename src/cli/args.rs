//! The command line as typed. What it means together with `provc.yaml` is worked out once, in
//! [`super::settings`].

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::inventory::Mac;
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

const IDENTIFY: &str = "\
One request:
  provc identify --dhcp digium_D40_1_4_0_0_57389
  provc identify --http /Digium/000fd3000001.cfg --user-agent 'Digium D40 1_4_0_0_57389'
A batch has a JSON object on each line of stdin, and an answer for each on stdout:
  {\"http\": \"/Digium/000fd3000001.cfg\", \"user_agent\": \"Digium D40 1_4_0_0_57389\"}
Its keys are dhcp, http, tftp, user_agent, options, headers and mac; empty lines are passed over.
Exit status: 0 done, also where nothing is known; 1 a plugin, or a line of a batch, has a mistake; 64 wrong usage.";

const PLUGIN_TEST: &str = "\
A case is an inventory, FAMILY/VERSION/tests/CASE.yaml, and tests/CASE/ is the tree that it
becomes, byte for byte and without a warning. Overrides of the site are not laid over the plugins.
Exit status: 0 every case is as expected; 1 one is not, or there are none; 64 wrong usage.";

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
    /// A page of documentation (plugin list).
    Markdown,
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
    /// Tell who is asking, by what a phone says
    #[command(after_help = IDENTIFY)]
    Identify(Identify),
    /// List plugins, or run their tests
    #[command(subcommand)]
    Plugin(Plugin),
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

/// What to do with plugins.
#[derive(Subcommand, Debug)]
pub(super) enum Plugin {
    /// List the plugins with their models and what these can do
    #[command(after_help = EXIT_STATUS)]
    List(PluginList),
    /// Run the tests that plugins bring along
    #[command(after_help = PLUGIN_TEST)]
    Test(PluginTest),
}

#[derive(Args, Debug)]
pub(super) struct PluginList {
    /// Families or plugins, instead of all
    #[arg(value_name = "ID|FAMILY")]
    pub names: Vec<String>,
}

#[derive(Args, Debug)]
pub(super) struct PluginTest {
    /// Families or plugins, instead of all
    #[arg(value_name = "ID|FAMILY")]
    pub names: Vec<String>,
    /// Write the expected files anew, for review
    #[arg(long)]
    pub bless: bool,
}

#[derive(Args, Debug)]
pub(super) struct Identify {
    /// The vendor class of a DHCP request (option 60)
    #[arg(long, value_name = "VCI", conflicts_with_all = ["http", "tftp", "user_agent", "header"])]
    pub dhcp: Option<OsString>,
    /// The path of an HTTP request
    #[arg(long, value_name = "PATH", conflicts_with_all = ["tftp", "option"])]
    pub http: Option<OsString>,
    /// The User-Agent of an HTTP request
    #[arg(long, value_name = "UA", conflicts_with_all = ["tftp", "option"])]
    pub user_agent: Option<OsString>,
    /// The file name of a TFTP request
    #[arg(long, value_name = "NAME", conflicts_with_all = ["option", "header"])]
    pub tftp: Option<OsString>,
    /// Another DHCP option, by number; may be repeated
    #[arg(long, value_name = "N=VALUE", value_parser = option)]
    pub option: Vec<(u8, String)>,
    /// Another HTTP header; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = header, conflicts_with = "option")]
    pub header: Vec<(String, String)>,
    /// The MAC address that the request came from, where the server knows it
    #[arg(long, value_name = "MAC", value_parser = Mac::parse)]
    pub mac: Option<Mac>,
    /// Read requests from stdin, a JSON object on each line
    #[arg(long, conflicts_with_all = ["dhcp", "http", "tftp", "user_agent", "option", "header", "mac"])]
    pub batch: bool,
}

fn option(text: &str) -> Result<(u8, String), String> {
    let (number, value) = text.split_once('=').ok_or("write it as N=VALUE")?;
    let number = number.trim().parse().map_err(|_| format!("`{number}` is no DHCP option number"))?;
    Ok((number, value.to_owned()))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[derive(Args, Debug)]
pub(super) struct Completions {
    /// For which shell
    pub shell: clap_complete::Shell,
}
