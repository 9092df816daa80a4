//! `plugin`: what there is of plugins, and whether they do what they promise.

mod list;
pub(super) mod load;
mod markdown;
mod test;

use super::Status;
use super::args::{Global, Plugin};
use super::print::Printer;

/// Runs `plugin ...`.
pub(super) fn run(args: &Plugin, global: &Global, printer: &Printer) -> Status {
    let Some(loaded) = load::load(global, printer) else { return Status::Failed };
    match args {
        Plugin::List(args) => list::run(args, &loaded, printer),
        Plugin::Test(args) => test::run(args, &loaded, printer),
    }
}

/// Whether a plugin of this family and id is one of those that were asked for; without names all are.
fn wanted(names: &[String], family: &str, id: &str) -> bool {
    names.is_empty() || names.iter().any(|name| name == family || name == id)
}
