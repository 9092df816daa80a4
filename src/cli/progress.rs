//! Progress bars: on a terminal, for builds that take a while.
//!
//! A thread of its own looks at the build's numbers ten times a second and draws them on stderr. It begins
//! after half a second, so that what is quickly done leaves no flicker, and the line is cleared before
//! anything else is printed.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::print::Printer;
use crate::pipeline::{Phase, Progress};

/// How long a build may take before it is drawn.
const BEGIN: Duration = Duration::from_millis(500);
/// How often it is drawn then.
const STEP: Duration = Duration::from_millis(100);

/// Does the work, with its progress drawn where somebody can see it.
pub(super) fn drawn<T>(printer: &Printer, progress: &Arc<Progress>, work: impl FnOnce() -> T) -> T {
    if !printer.draws() {
        return work();
    }
    let (end, ended) = mpsc::channel();
    let progress = Arc::clone(progress);
    let thread = std::thread::Builder::new().spawn(move || draw(&progress, &ended));
    let result = work();
    drop(end);
    // Without a thread to be had there is no bar, and the work is done all the same.
    if let Ok(thread) = thread {
        let _ = thread.join();
    }
    result
}

fn draw(progress: &Progress, ended: &Receiver<()>) {
    let on = || matches!(ended.recv_timeout(STEP), Err(RecvTimeoutError::Timeout));
    if !matches!(ended.recv_timeout(BEGIN), Err(RecvTimeoutError::Timeout)) {
        return;
    }
    let interrupts = Interrupts::begin();
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let mut shown = None;
    loop {
        let look = progress.look();
        let now = (look.phase, look.total > 0);
        if shown != Some(now) {
            shown = Some(now);
            bar.reset();
            bar.set_style(style(look.total > 0));
            bar.set_message(name(look.phase));
        }
        if look.total > 0 {
            bar.set_length(look.total);
            bar.set_position(look.done.min(look.total));
        }
        bar.tick();
        if !on() {
            break;
        }
        if let Some(signal) = interrupts.and_then(Interrupts::came) {
            bar.finish_and_clear();
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    }
    bar.finish_and_clear();
    if let Some(interrupts) = interrupts {
        interrupts.end();
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Reading => "reading files",
        Phase::Rendering => "rendering devices",
        Phase::Writing => "writing files",
    }
}

/// A bar where it is known how much there is, else only that something goes on.
fn style(bar: bool) -> ProgressStyle {
    let template = if bar {
        "{msg} [{bar:30}] {human_pos}/{human_len}, {rate}, {eta} left"
    } else {
        "{msg} {spinner} {elapsed}"
    };
    let rate = |state: &ProgressState, out: &mut dyn Write| {
        let _ = write!(out, "{:.0}/s", state.per_sec());
    };
    // Both templates are sound; with another one the bar would only look plainer.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("rate", rate).progress_chars("=> ")
}

/// While a bar is drawn, Ctrl-C and SIGTERM clear it before they end the process; at any other time they end
/// it at once, as without a handler.
#[derive(Clone, Copy)]
struct Interrupts {
    idle: &'static AtomicBool,
    came: &'static AtomicUsize,
}

impl Interrupts {
    /// `None` where no handler can be set: then an interrupted bar stays on the screen.
    fn begin() -> Option<Self> {
        static HANDLERS: OnceLock<Option<(Arc<AtomicBool>, Arc<AtomicUsize>)>> = OnceLock::new();
        let handlers = HANDLERS.get_or_init(|| {
            let (idle, came) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
            for signal in [SIGINT, SIGTERM] {
                signal_hook::flag::register_conditional_default(signal, Arc::clone(&idle)).ok()?;
                let number = usize::try_from(signal).ok()?;
                signal_hook::flag::register_usize(signal, Arc::clone(&came), number).ok()?;
            }
            Some((idle, came))
        });
        let (idle, came) = handlers.as_ref()?;
        idle.store(false, Ordering::SeqCst);
        Some(Self { idle, came })
    }

    /// The signal that came.
    fn came(self) -> Option<i32> {
        i32::try_from(self.came.swap(0, Ordering::SeqCst)).ok().filter(|signal| *signal != 0)
    }

    fn end(self) {
        self.idle.store(true, Ordering::SeqCst);
        // One that came at the very end.
        if let Some(signal) = self.came() {
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    }
}
