//! The watch itself: waits for events, gathers them into batches and tells what each means for whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use notify::Event;

use super::change::{Change, Sum, Touch};
use super::lookup::{look, may_be_open};
use super::plan::Plan;
use super::sign::{self, Lost};
use super::subject::Subject;
use super::watcher::Watcher;
use super::window::{QUIET, Window};
use crate::diagnostic::Diagnostic;

/// Who is told: the caller's name for a [`Subject`].
pub type Id = usize;

/// More touched names than this are not told apart: everything is looked at.
const MOST: usize = 100_000;
/// How often is looked where the system does not tell and nobody said how often.
const LOOK: Duration = Duration::from_secs(2);

/// What can wake the watch.
pub(super) enum Message {
    Event(notify::Result<Event>),
    Stop,
}

/// Why [`Watching::wait`] returned.
#[derive(Debug, PartialEq, Eq)]
pub enum Wake {
    /// Something changed for these.
    Changed(BTreeMap<Id, Change>),
    /// The system does not tell: it is time to look whether anything changed.
    Look,
    /// Nothing happened for as long as was asked.
    Idle,
    /// [`Stopper::stop`] was called.
    Stop,
}

/// Ends the watch, from another thread.
#[derive(Clone)]
pub struct Stopper(Sender<Message>);

impl Stopper {
    /// Lets the next [`Watching::wait`] return [`Wake::Stop`].
    pub fn stop(&self) {
        // If nobody waits any more, it has ended.
        let _ = self.0.send(Message::Stop);
    }
}

/// Watches for any number of subjects.
pub struct Watching {
    /// Where relative paths begin, links followed.
    here: PathBuf,
    parties: BTreeMap<Id, Party>,
    /// None where the system does not tell.
    watcher: Option<Watcher>,
    /// How often is looked without it.
    poll: Duration,
    problem: Option<Diagnostic>,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    batch: Batch,
    start: Instant,
}

struct Party {
    subject: Subject,
    plan: Plan,
}

#[derive(Default)]
struct Batch {
    window: Window,
    touched: BTreeMap<PathBuf, Touch>,
    lost: bool,
}

impl Watching {
    /// A watch for nobody yet. Relative paths of subjects begin at `here`. With `poll` the system is not
    /// asked, as it knows nothing of what others write to a network file system: [`Wake::Look`] comes every
    /// so often instead.
    pub fn new(here: PathBuf, poll: Option<Duration>) -> Self {
        let (sender, receiver) = channel();
        #[expect(clippy::disallowed_methods, reason = "a batch of events ends after some time")]
        let start = Instant::now();
        let mut watching = Self {
            here,
            parties: BTreeMap::new(),
            watcher: None,
            poll: poll.unwrap_or(LOOK),
            problem: None,
            sender,
            receiver,
            batch: Batch::default(),
            start,
        };
        if poll.is_none() {
            watching.begin();
        }
        watching
    }

    /// What ends the watch from another thread.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.sender.clone())
    }

    /// Why the system does not tell of changes, where it should: once.
    pub fn take_problem(&mut self) -> Option<Diagnostic> {
        self.problem.take()
    }

    /// Whether looking every so often takes the place of the system's events; and how often.
    pub fn polls(&self) -> Option<Duration> {
        self.watcher.is_none().then_some(self.poll)
    }

    /// Sets what somebody depends on. True if it is watched from now on, but was not before: whoever read
    /// there before has to look once more.
    pub fn set(&mut self, id: Id, subject: Subject) -> bool {
        if self.parties.get(&id).is_some_and(|party| party.subject == subject) {
            return false;
        }
        self.parties.insert(id, Party { subject, plan: Plan::default() });
        self.plan(&BTreeSet::from([id]))
    }

    /// Nobody of this name is there any more.
    pub fn remove(&mut self, id: Id) {
        self.parties.remove(&id);
    }

    fn begin(&mut self) {
        match Watcher::new(self.sender.clone()) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(problem) => self.cannot(problem),
        }
    }

    fn cannot(&mut self, problem: Diagnostic) {
        self.watcher = None;
        self.problem = Some(problem);
    }

    /// Plans anew and watches accordingly, until nothing new is found: what was listed before it was watched
    /// may have changed in between. True if anything was new.
    fn plan(&mut self, ids: &BTreeSet<Id>) -> bool {
        let mut ever = false;
        while let Some(watcher) = &mut self.watcher {
            for id in ids {
                if let Some(party) = self.parties.get_mut(id) {
                    party.plan = Plan::make(&party.subject, &self.here);
                }
            }
            let wanted = self.parties.values().flat_map(|party| party.plan.watched.iter().cloned()).collect();
            match watcher.hold(&wanted) {
                Ok(false) => break,
                Ok(true) => ever = true,
                Err(problem) => {
                    self.cannot(problem);
                    return true;
                }
            }
        }
        ever
    }

    /// Waits for the next thing to do, at most for `idle`.
    pub fn wait(&mut self, idle: Option<Duration>) -> Wake {
        let begun = self.now();
        let idle = idle.map(|idle| begun + idle);
        let mut held_back: Option<Duration> = None;
        loop {
            let poll = self.polls().map(|poll| begun + poll);
            let due = self.batch.window.due().map(|due| due.max(held_back.unwrap_or_default()));
            // What began is ended first.
            let next = due.or([idle, poll].into_iter().flatten().min());
            let message = match next {
                Some(next) => self.receiver.recv_timeout(next.saturating_sub(self.now())),
                None => self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(Message::Stop) => return Wake::Stop,
                Ok(Message::Event(event)) => self.note(event),
                Err(_) => {}
            }
            let now = self.now();
            let Some(due) = self.batch.window.due() else {
                if poll.is_some_and(|poll| poll <= now) {
                    return Wake::Look;
                }
                if idle.is_some_and(|idle| idle <= now) {
                    return Wake::Idle;
                }
                continue;
            };
            if due <= now && held_back.is_none_or(|until| until <= now) {
                let complete = self.complete();
                if complete.is_some_and(|complete| now < complete) {
                    // Looked at again soon: git may be done, the file closed.
                    held_back = complete.map(|complete| complete.min(now + QUIET));
                    continue;
                }
                held_back = None;
                let changed = self.gather();
                if !changed.is_empty() {
                    return Wake::Changed(changed);
                }
            }
        }
    }

    fn complete(&mut self) -> Option<Duration> {
        let busy = self.parties.values().any(|party| party.plan.repository_is_busy());
        self.batch.window.complete(busy, may_be_open)
    }

    /// The time since the watch began.
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn note(&mut self, event: notify::Result<Event>) {
        let now = self.now();
        let signs = event.as_ref().map_err(|_| Lost).and_then(sign::read);
        let Ok(signs) = signs else {
            self.batch.lost = true;
            self.batch.window.stir(now);
            return;
        };
        for (sign, path) in signs {
            if sign.is_of_name()
                && let Some(watcher) = &mut self.watcher
            {
                watcher.forget(path);
            }
            if self.parties.values().any(|party| party.plan.concerns(sign, path)) {
                self.batch.note(sign, path, now);
            }
        }
    }

    /// What the batch means. Whoever's directories may be others is planned anew before, so that what the
    /// build will read is watched by then.
    fn gather(&mut self) -> BTreeMap<Id, Change> {
        let batch = std::mem::take(&mut self.batch);
        if batch.lost && self.watcher.is_some() {
            // The system's own bookkeeping may be wrong as well.
            self.begin();
        }
        let mut sums: BTreeMap<Id, Sum> = BTreeMap::new();
        for (path, touch) in &batch.touched {
            let look = look(path);
            for (id, party) in &self.parties {
                sums.entry(*id).or_default().add(&party.plan, path, *touch, look);
            }
        }
        if batch.lost {
            self.parties.keys().for_each(|id| sums.entry(*id).or_default().lose());
        }
        let restructured: BTreeSet<Id> =
            sums.iter().filter(|(_, sum)| sum.structure).map(|(id, _)| *id).collect();
        if !restructured.is_empty() {
            self.plan(&restructured);
        }
        sums.into_iter().filter_map(|(id, sum)| Some((id, sum.change()?))).collect()
    }
}

impl Batch {
    fn note(&mut self, sign: sign::Sign, path: &Path, now: Duration) {
        self.window.note(sign, path, now);
        if let Some(touch) = self.touched.get_mut(path) {
            touch.add(sign);
        } else if self.touched.len() < MOST {
            self.touched.insert(path.into(), Touch::new(sign));
        } else {
            self.lost = true;
        }
    }
}
