//! `build --watch`: builds whenever an input changes.
//!
//! Each site keeps a memory of its own between builds. `provc.yaml` is watched like an input of all sites:
//! where it says something else of a site, that site starts over. While it is broken nothing is built.

mod running;
mod signals;
mod tell;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::running::Running;
use self::signals::Asked;
use super::args::{Build, Format, Global};
use super::print::Printer;
use super::{Status, build, codes, in_pool, settings};
use crate::diagnostic::{self, Diagnostic, SourceMap};
use crate::pipeline::{Hint, Report};
use crate::watch::{Change, Id, Subject, Wake, Watching};

/// The settings, among those that the watch tells of changes. Sites are counted from 1.
const SETTINGS: Id = 0;
/// What the builds leave for the next process is written once nothing happened for this long.
const SAVE: Duration = Duration::from_millis(500);

/// Runs until it is told to end.
pub(super) fn run(args: &Build, global: &Global, printer: &Printer) -> Status {
    if global.format == Format::Github {
        printer.error("error: --format github is not for `build --watch`, which no workflow can wait for");
        return Status::Usage;
    }
    let poll = args.poll.map(|seconds| Duration::from_secs(seconds.into()));
    let begun = std::env::current_dir().and_then(|here| here.canonicalize()).and_then(|here| {
        let watching = Watching::new(here, poll);
        let asked = Asked::listen(watching.stopper())?;
        Ok((watching, asked))
    });
    let (watching, asked) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            let found = Diagnostic::error(codes::CANNOT_START, format!("cannot watch: {error}"));
            let found =
                found.help("run it in a directory that exists, as a user who may have more open files");
            printer.drawn(&[found], &SourceMap::default());
            return Status::Failed;
        }
    };
    let mut session = Session {
        args,
        global,
        printer,
        asked,
        watching,
        sites: Vec::new(),
        next: SETTINGS + 1,
        broken: None,
        save_at: None,
        greeted: false,
    };
    in_pool(args.work.jobs, || session.run());
    Status::Done
}

struct Session<'a> {
    args: &'a Build,
    global: &'a Global,
    printer: &'a Printer,
    asked: Asked,
    watching: Watching,
    sites: Vec<Running>,
    /// The next site's name in the watch.
    next: Id,
    /// What is wrong with the settings, if anything is: as printed.
    broken: Option<Vec<Value>>,
    /// When the memories are to be saved, if nothing happens before.
    save_at: Option<Duration>,
    /// Whether it was said how changes are noticed.
    greeted: bool,
}

impl Session<'_> {
    fn run(&mut self) {
        self.settings();
        loop {
            self.builds();
            if self.asked.to_stop() {
                break;
            }
            if !self.greeted {
                self.greeted = true;
                self.printer.note(&match self.watching.polls() {
                    None => "watching; Ctrl-C ends it".to_owned(),
                    Some(every) => format!("looking for changes every {} s; Ctrl-C ends it", every.as_secs()),
                });
            }
            let now = self.watching.now();
            let again = self.sites.iter().filter_map(Running::again_at).min();
            let until = self.save_at.into_iter().chain(again.filter(|_| self.broken.is_none())).min();
            match self.watching.wait(until.map(|until| until.saturating_sub(now))) {
                Wake::Stop => break,
                Wake::Changed(changes) => self.changed(changes),
                Wake::Look => self.look(),
                Wake::Idle => self.idle(),
            }
            self.say_problem();
        }
        self.save();
    }

    /// Reads the settings. Sites of which they say what they said before go on as they are.
    fn settings(&mut self) {
        // Watched first, then read.
        let files = settings::paths(self.global);
        self.watching.set(SETTINGS, Subject { files, ..Subject::default() });
        self.say_problem();
        let sites = match settings::resolve(self.global) {
            Ok(sites) => sites,
            Err((problems, sources)) => {
                let report =
                    Report { diagnostics: problems.into_sorted(&sources), sources, ..Report::default() };
                return self.broken(&report);
            }
        };
        self.broken = None;
        let mut before = std::mem::take(&mut self.sites);
        for mut site in sites {
            site.inputs.render.allow_unsupported = self.args.work.allow_unsupported;
            let same = before.iter().position(|running| running.site == site);
            let running = match same {
                Some(i) => before.swap_remove(i),
                None => {
                    let id = self.next;
                    self.next += 1;
                    let action = build::action(self.args, &site);
                    Running::new(id, site, action)
                }
            };
            self.watching.set(running.id, running.subject());
            self.sites.push(running);
        }
        for mut gone in before {
            gone.save();
            self.watching.remove(gone.id);
        }
    }

    fn broken(&mut self, report: &Report) {
        let found = report.diagnostics.iter().map(|found| diagnostic::json(found, &report.sources));
        let found = Some(found.collect());
        if self.broken == found {
            return;
        }
        self.broken = found;
        self.printer.diagnostics(&report.diagnostics, &report.sources);
        if self.printer.format() == Format::Json {
            self.printer.result(&format!("{}\n", build::object(report, 0.0)));
        } else {
            self.printer.note("nothing is built until the settings are mended; watching for the next change");
        }
    }

    /// Builds what is due.
    fn builds(&mut self) {
        for running in &mut self.sites {
            // A build that finds more to watch is followed by another, which looks whether it changed before
            // it was watched.
            while running.is_due() && self.broken.is_none() && !self.asked.to_stop() {
                #[expect(clippy::disallowed_methods, reason = "the report says how long the work took")]
                let start = Instant::now();
                let now = self.watching.now();
                let (report, paths) = self.asked.while_building(|| running.build(now));
                let seconds = start.elapsed().as_secs_f64();
                tell::tell(running, report, paths, seconds, self.printer);
                if self.watching.set(running.id, running.subject()) {
                    running.change(Change::default());
                }
                self.save_at = Some(self.watching.now() + SAVE);
            }
        }
        self.say_problem();
    }

    fn changed(&mut self, mut changes: BTreeMap<Id, Change>) {
        if changes.remove(&SETTINGS).is_some() {
            self.settings();
        }
        for running in &mut self.sites {
            if let Some(change) = changes.remove(&running.id) {
                running.change(change);
            }
        }
    }

    /// The system does not tell what changed: whatever differs is found by building.
    fn look(&mut self) {
        self.settings();
        for running in &mut self.sites {
            running.change(Change { hint: Hint::Unknown, ..Change::default() });
        }
    }

    fn idle(&mut self) {
        let now = self.watching.now();
        if self.save_at.is_some_and(|at| at <= now) {
            self.save();
        }
        for running in &mut self.sites {
            if running.again_at().is_some_and(|at| at <= now) {
                running.change(Change::default());
            }
        }
    }

    fn save(&mut self) {
        self.sites.iter_mut().for_each(Running::save);
        self.save_at = None;
    }

    fn say_problem(&mut self) {
        if let Some(problem) = self.watching.take_problem() {
            self.printer.drawn(&[problem], &SourceMap::default());
            if let Some(every) = self.watching.polls().filter(|_| self.greeted) {
                self.printer.note(&format!("looking for changes every {} s instead", every.as_secs()));
            }
        }
    }
}
