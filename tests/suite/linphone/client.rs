//! linphonec, Linphone's client of a terminal, which takes commands on stdin.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::servers::{program, started};

use super::{poll, shown};

/// A user's client: what it keeps from one start to the next.
pub struct User {
    place: PathBuf,
}

/// A running client; it ends with the test.
pub struct Client {
    child: Child,
    output: PathBuf,
}

impl User {
    /// A user who has told the client nothing but where its configuration is.
    pub fn new(place: PathBuf, url: &str) -> Self {
        // Without this directory the client cannot open its databases and ends.
        fs::create_dir_all(place.join(".local/share/linphone")).unwrap();
        fs::write(place.join("linphonerc"), format!("[misc]\nconfig-uri={url}\n")).unwrap();
        Self { place }
    }

    /// Starts the client. It answers calls by itself.
    pub fn start(&self) -> Client {
        let output = self.place.join("output");
        let file = File::create(&output).unwrap();
        let mut command = program("linphonec");
        command.arg("-c").arg(self.place.join("linphonerc")).arg("-a").current_dir(&self.place);
        command.env("HOME", &self.place).env("LC_ALL", "C.UTF-8").stdin(Stdio::piped());
        command.stdout(file.try_clone().unwrap()).stderr(file);
        Client { child: started(command.spawn(), "linphonec"), output }
    }

    /// A file of its own.
    pub fn file(&self, name: &str) -> String {
        fs::read_to_string(self.place.join(name)).unwrap_or_default()
    }
}

impl Client {
    /// Gives it a command.
    pub fn tell(&mut self, command: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{command}").unwrap();
    }

    /// What it has printed.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// Gives it a command until it has answered so.
    #[track_caller]
    pub fn ask(&mut self, command: &str, answer: &str) {
        let found = poll(|| {
            self.tell(command);
            self.said().contains(answer)
        });
        assert!(found, "no {answer:?} to {command:?}: {}", shown(&self.output));
    }

    /// Waits until it has printed this.
    #[track_caller]
    pub fn expect(&self, text: &str) {
        assert!(poll(|| self.said().contains(text)), "no {text:?}: {}", shown(&self.output));
    }

    /// Ends it as its user would, so that it keeps what it keeps.
    #[track_caller]
    pub fn quit(mut self) {
        self.tell("quit");
        let ended = poll(|| !matches!(self.child.try_wait(), Ok(None)));
        assert!(ended, "linphonec does not quit: {}", shown(&self.output));
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A user below `place`.
pub fn user(place: &Path, name: &str, nginx: u16) -> User {
    User::new(place.join("users").join(name), &format!("http://127.0.0.1:{nginx}/Linphone/{name}.xml"))
}
