//! Secrets as inputs. What is kept of each is a digest under a random key that never leaves the state
//! directory, so that the state tells nobody which devices have the same password as another fleet's, and
//! no table of digests of PINs fits it.
//!
//! A variable of the environment is compared with every build. A file is read again if its times changed; a
//! command runs again if a file that its arguments name changed, or if that was asked for.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};

use super::inputs::{Digest, Input, Moment, Standing};
use crate::diagnostic::{FileId, Span};
use crate::inventory::summary::secret_key;
use crate::inventory::{SecretRef, Secrets, Source};

/// A random key.
pub(super) type Key = [u8; 16];

/// A new key; nothing if the system has no random numbers to give.
pub(super) fn new_key() -> Option<Key> {
    let mut key = Key::default();
    let given = rustix::rand::getrandom(&mut key, rustix::rand::GetRandomFlags::empty()).ok()?;
    (given == key.len()).then_some(key)
}

/// A secret as it was when a build used it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SecretInput {
    source: Source,
    digest: Digest,
    /// The files that decide whether it is fetched again.
    files: Vec<Input>,
}

/// What became of a secret.
pub(super) enum Fate {
    /// Nothing.
    Same,
    /// Nothing, but this is what it has to be compared with from now on.
    Settled(SecretInput),
    /// It changed, or cannot be fetched any more.
    Changed,
}

impl SecretInput {
    /// A secret that was fetched.
    pub fn new(source: &Source, text: &str, key: &Key, repository: &Path, moment: Moment) -> Self {
        let files = files(source, repository);
        Self {
            source: source.clone(),
            digest: digest(text, key),
            files: files.iter().map(|path| Input::look_only(path, moment)).collect(),
        }
    }

    /// Its key among the references of an entry.
    pub fn key(&self) -> u64 {
        secret_key(&self.source)
    }

    /// The files to watch.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|input| &*input.path)
    }

    /// Whether both are of the same text, under one key.
    pub fn agrees(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// Whether the text differs from the one that it was made of.
    fn differs(&self, text: &str, key: &Key) -> bool {
        self.digest != digest(text, key)
    }

    /// Compares it with what it is now, fetching it only if need be. `refresh` runs commands in any case.
    pub fn fate(
        &self,
        secrets: &Secrets,
        key: &Key,
        repository: &Path,
        moment: Moment,
        refresh: bool,
    ) -> Fate {
        let fetch = match self.source {
            Source::Env(_) => true,
            Source::Command(_) if refresh => true,
            _ => self.files.iter().any(|file| file.standing(moment) != Standing::Same),
        };
        if !fetch {
            return Fate::Same;
        }
        secrets.forget(&self.source);
        let nowhere = Span { file: FileId(u32::MAX), line: 0, column: 0, len: 0 };
        // Looked at before it is fetched: a change in between is then seen by the next build.
        let files: Vec<Input> =
            files(&self.source, repository).iter().map(|path| Input::look_only(path, moment)).collect();
        match secrets.fetch(&SecretRef::new(self.source.clone(), nowhere)) {
            Ok(text) if self.differs(&text, key) => Fate::Changed,
            Ok(_) if files == self.files => Fate::Same,
            Ok(_) => Fate::Settled(Self { files, ..self.clone() }),
            Err(_) => Fate::Changed,
        }
    }
}

fn digest(text: &str, key: &Key) -> Digest {
    // The key goes first and has a fixed length; nobody but us sees these digests, so that SHA-1's length
    // extension is no matter.
    Sha1::new().chain_update(key).chain_update(text).finalize().into()
}

/// The file of a secret, or those that its command names: the program and the arguments as far as they are
/// paths of files, seen from the repository, where it runs.
fn files(source: &Source, repository: &Path) -> Vec<PathBuf> {
    match source {
        Source::Env(_) => Vec::new(),
        Source::File(path) => vec![path.clone()],
        Source::Command(argv) => {
            let paths = argv.iter().map(|word| repository.join(&**word));
            paths.filter(|path| path.is_file()).collect()
        }
    }
}
