//! Ctrl-C and `kill`: the first lets the watch end in good order, the second ends it at once, which is safe
//! too, only less tidy: what was under way is put right by the next build.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::watch::Stopper;

/// What the signals set.
#[derive(Clone, Default)]
pub(super) struct Asked {
    stop: Arc<AtomicBool>,
    building: Arc<AtomicBool>,
}

impl Asked {
    /// From now on signals are heard.
    ///
    /// # Errors
    /// Those of the system.
    pub fn listen(stopper: Stopper) -> io::Result<Self> {
        let asked = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag unset.
            flag::register_conditional_default(signal, Arc::clone(&asked.stop))?;
            flag::register(signal, Arc::clone(&asked.stop))?;
        }
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let building = Arc::clone(&asked.building);
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            for _ in signals.forever() {
                stopper.stop();
                if building.load(Ordering::SeqCst) {
                    let _ = writeln!(io::stderr(), "ending after this build; once more ends at once");
                }
            }
        })?;
        Ok(asked)
    }

    /// Whether the watch is to end.
    pub fn to_stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Does work that a first signal does not end.
    pub fn while_building<T>(&self, work: impl FnOnce() -> T) -> T {
        self.building.store(true, Ordering::SeqCst);
        let done = work();
        self.building.store(false, Ordering::SeqCst);
        done
    }
}
