//! `merge`: the end of a build in shards.

use std::time::Instant;

use serde_json::json;

use super::args::{Format, Global, Merge};
use super::print::Printer;
use super::settings::{self, Site};
use super::{Status, build, progress};
use crate::output::{self, PartTree};
use crate::pipeline::{self, Progress};

/// Runs `merge`. Each site succeeds or fails by itself.
pub(super) fn run(args: &Merge, global: &Global, printer: &Printer) -> Status {
    let sites = match settings::resolve(global) {
        Ok(sites) => sites,
        Err((problems, sources)) => {
            return build::unresolved(problems, sources, printer);
        }
    };
    if !args.trees.is_empty() && sites.len() > 1 {
        printer.error("error: trees of shards are merged into one site's out directory: name it with --site");
        return Status::Usage;
    }
    let mut ok = true;
    let mut objects = serde_json::Map::new();
    for site in &sites {
        #[expect(clippy::disallowed_methods, reason = "the report says how long the work took")]
        let start = Instant::now();
        let progress = Progress::merging();
        let output = output::Options { placing: progress.placing(), ..options(args, site) };
        let trees: Vec<PartTree> =
            args.trees.iter().map(|out| PartTree { out: out.clone(), state: None }).collect();
        let report = progress::drawn(printer, &progress, || pipeline::merge(&output, args.shards, &trees));
        let seconds = start.elapsed().as_secs_f64();
        ok &= report.ok;
        match (printer.format(), site.inputs.name.clone()) {
            (Format::Json, Some(name)) => drop(objects.insert(name, build::object(&report, seconds))),
            (Format::Json, None) => printer.result(&format!("{}\n", build::object(&report, seconds))),
            (_, _) => build::tell(&report, site, Some(&output), "merge", seconds, printer),
        }
    }
    if !objects.is_empty() {
        printer.result(&format!("{}\n", json!({"ok": ok, "sites": objects})));
    }
    if ok { Status::Done } else { Status::Failed }
}

fn options(args: &Merge, site: &Site) -> output::Options {
    output::Options {
        state: site.state.clone(),
        group: site.group.clone(),
        command: "provc merge".to_owned(),
        dry_run: args.writing.dry_run,
        durable: args.writing.durable,
        adopt: args.writing.adopt,
        allow_removals: args.writing.allow_removals,
        ..output::Options::new(&site.out)
    }
}
