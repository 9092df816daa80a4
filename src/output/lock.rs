//! One build at a time for one out/.
//!
//! The kernel's file lock goes away with the process however it ends, so a crash never leaves a lock
//! behind. The file itself stays: removing it would let two builds lock two files of one name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use super::codes;
use super::errors::{Fault, system};
use crate::diagnostic::Diagnostic;

/// How often a waiting build looks again.
const STEP: Duration = Duration::from_millis(50);

/// The lock, held until it is dropped.
pub(super) struct Lock {
    file: File,
    exclusive: bool,
    signed: bool,
}

impl Lock {
    /// Takes the lock for a build, and leaves word of who holds it.
    pub(super) fn exclusive(path: &Path, command: &str, wait: Duration) -> Result<Self, Fault> {
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = opened.map_err(|e| system(&e, "open the lock", path))?;
        let mut lock = Self { file, exclusive: true, signed: false };
        lock.wait(path, wait)?;
        lock.sign(command).map_err(|e| system(&e, "write the lock", path))?;
        Ok(lock)
    }

    /// Keeps builds out while reading, and writes nothing; `None` where no build ever was.
    pub(super) fn shared(path: &Path, wait: Duration) -> Result<Option<Self>, Fault> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(e) => return Err(system(&e, "open the lock", path)),
        };
        let mut lock = Self { file, exclusive: false, signed: false };
        lock.wait(path, wait)?;
        Ok(Some(lock))
    }

    fn wait(&mut self, path: &Path, wait: Duration) -> Result<(), Fault> {
        // Counting steps needs no clock; what a step overshoots does not matter here.
        let mut waited = Duration::ZERO;
        loop {
            let tried = if self.exclusive { self.file.try_lock() } else { self.file.try_lock_shared() };
            match tried {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(e)) => return Err(system(&e, "lock", path)),
                Err(TryLockError::WouldBlock) if waited < wait => {
                    let step = STEP.min(wait.saturating_sub(waited));
                    std::thread::sleep(step);
                    waited += step;
                }
                Err(TryLockError::WouldBlock) => return Err(self.held(path, wait)),
            }
        }
    }

    fn held(&mut self, path: &Path, wait: Duration) -> Fault {
        let mut holder = String::new();
        // Only for the message: what cannot be read is not named.
        let _ = Read::by_ref(&mut self.file).take(4096).read_to_string(&mut holder);
        let holder = match holder.trim() {
            "" => "another provc process".to_owned(),
            named => format!("`{}`", named.replace(char::is_control, " ")),
        };
        let message = format!("out/ is locked by {holder}; waited {} s", wait.as_secs_f32());
        Box::new(
            Diagnostic::error(codes::LOCKED, message)
                .note(format!("the lock is `{}`", path.display()))
                .help("let the other build end, or stop it, and build again"),
        )
    }

    fn sign(&mut self, command: &str) -> io::Result<()> {
        self.signed = true;
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "{command} (process {})", std::process::id())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.signed {
            // A name left behind would only mislead; the lock itself goes with the file.
            let _ = self.file.set_len(0);
        }
    }
}
