//! Secrets by reference: `{env: NAME}`, `{file: path}`, `{command: [argv]}`.
//!
//! What is written is kept as a reference; the text is fetched when a device first needs it, once for
//! each distinct source in a build, and lives only in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use serde::{Deserialize, Serialize};

use super::codes;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::yaml::{Node, Value};

/// Where a secret's text is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Source {
    /// An environment variable.
    Env(Box<str>),
    /// A file, less one trailing newline.
    File(PathBuf),
    /// The standard output of a program, less one trailing newline.
    Command(Vec<Box<str>>),
}

/// A secret as written: a source and a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRef {
    /// Where the text is.
    pub source: Source,
    /// Where the reference stands.
    pub span: Span,
}

impl SecretRef {
    /// A reference.
    pub fn new(source: Source, span: Span) -> Self {
        Self { source, span }
    }

    /// The reference as a person may see it: the source, never the text.
    pub fn describe(&self) -> String {
        match &self.source {
            Source::Env(name) => format!("{{env: {name}}}"),
            Source::File(path) => format!("{{file: {}}}", path.display()),
            Source::Command(argv) => format!("{{command: [{}]}}", argv.join(", ")),
        }
    }
}

/// A mapping that is a secret by its one key.
pub struct Written<'n, 'a> {
    key: &'static str,
    value: &'n Node<'a>,
    extra: Option<Span>,
}

/// Whether a node is written as a secret: a mapping with `env`, `file` or `command`.
pub fn written<'n, 'a>(node: &'n Node<'a>) -> Option<Written<'n, 'a>> {
    let Value::Map(entries) = &node.value else { return None };
    let word = |text: &str| ["env", "file", "command"].into_iter().find(|word| *word == text);
    let (key, value) = entries.iter().find_map(|(key, value)| Some((word(&key.text)?, value)))?;
    let extra = entries.iter().find(|(other, _)| other.text != key).map(|(other, _)| other.span);
    Some(Written { key, value, extra })
}

impl Written<'_, '_> {
    /// Whether nothing else stands in the mapping. Under `vars`, `{file: a, size: 3}` is no secret.
    pub fn is_alone(&self) -> bool {
        self.extra.is_none()
    }

    /// Checks what is written. `dir` is the directory of the YAML file.
    pub fn read(&self, dir: &Path) -> Result<Source, Diagnostic> {
        if let Some(span) = self.extra {
            let found = Diagnostic::error(codes::BAD_SECRET, "a secret has exactly one key").at(span);
            return Err(found.help("keep one of `env`, `file` and `command`"));
        }
        let text = |node: &Node<'_>| match &node.value {
            Value::Scalar(scalar) if !scalar.is_null() && !scalar.text.is_empty() => {
                Some(Box::<str>::from(&*scalar.text))
            }
            _ => None,
        };
        let refuse = |what: &str| {
            let message = format!("`{}` takes {what}", self.key);
            Err(Diagnostic::error(codes::BAD_SECRET, message).at(self.value.span))
        };
        match (self.key, &self.value.value) {
            ("command", Value::Seq(nodes)) => match nodes.iter().map(text).collect::<Option<Vec<_>>>() {
                Some(argv) if !argv.is_empty() => Ok(Source::Command(argv)),
                _ => refuse("a list of a program and its arguments"),
            },
            ("command", _) => refuse("a list of a program and its arguments"),
            ("env", _) => match text(self.value) {
                Some(name) if !name.contains(['=', '\0']) => Ok(Source::Env(name)),
                _ => refuse("the name of an environment variable"),
            },
            (_, _) => match text(self.value) {
                Some(path) => Ok(Source::File(dir.join(&*path))),
                None => refuse("the path of a file"),
            },
        }
    }
}

type Fetched = Arc<OnceLock<Result<Arc<str>, Failure>>>;

#[derive(Clone)]
struct Failure {
    code: Code,
    message: String,
    help: &'static str,
}

/// The secrets of one build: each source is asked once, also when many threads want it.
#[derive(Default)]
pub struct Secrets {
    /// Where commands run: the repository.
    directory: PathBuf,
    fetched: Mutex<BTreeMap<Source, Fetched>>,
}

impl Secrets {
    /// An empty store. Commands will run in `directory`.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), fetched: Mutex::default() }
    }

    /// Lets commands run in another directory from now on.
    pub fn run_in(&mut self, directory: &Path) {
        self.directory = directory.to_owned();
    }

    /// The text of a secret, fetched now if it was not yet.
    ///
    /// # Errors
    /// A diagnostic at the reference, which never holds the text.
    pub fn fetch(&self, secret: &SecretRef) -> Result<Arc<str>, Diagnostic> {
        let cell = {
            let mut fetched = self.fetched.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(fetched.entry(secret.source.clone()).or_default())
        };
        let result = cell.get_or_init(|| self.ask(&secret.source).map(Arc::from));
        result.clone().map_err(|f| Diagnostic::error(f.code, f.message).at(secret.span).help(f.help))
    }

    /// The text of a secret that stands where one line of text is meant.
    ///
    /// # Errors
    /// As [`Secrets::fetch`], and if it holds a line break or another control character.
    pub fn line(&self, secret: &SecretRef) -> Result<Arc<str>, Diagnostic> {
        let text = self.fetch(secret)?;
        match text.chars().any(char::is_control) {
            false => Ok(text),
            true => Err(Diagnostic::error(
                codes::SECRET_TEXT,
                "this secret holds a line break or another control character",
            )
            .at(secret.span)
            .help("let it be one line of text: a phone's file has no place for more")),
        }
    }

    /// Every source asked so far that answered, with its text.
    pub fn fetched(&self) -> Vec<(Source, Arc<str>)> {
        let fetched = self.fetched.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let answered =
            |(source, cell): (&Source, &Fetched)| Some((source.clone(), cell.get()?.as_ref().ok()?.clone()));
        fetched.iter().filter_map(answered).collect()
    }

    /// Forgets what a source answered: it is asked again when its text is next needed.
    pub fn forget(&self, source: &Source) {
        self.fetched.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(source);
    }

    /// Forgets which sources did not answer: they are asked again.
    pub fn forget_failures(&self) {
        let mut fetched = self.fetched.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        fetched.retain(|_, cell| cell.get().is_some_and(Result::is_ok));
    }

    /// Every text fetched so far: what has to be masked where a message may quote a value.
    pub fn texts(&self) -> Vec<Arc<str>> {
        let fetched = self.fetched.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        fetched.values().filter_map(|cell| cell.get()?.as_ref().ok().cloned()).collect()
    }

    fn ask(&self, source: &Source) -> Result<String, Failure> {
        let text = match source {
            Source::Env(name) => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "an env: secret is an input that the user names"
                )]
                let value = std::env::var(&**name);
                value.map_err(|error| Failure {
                    code: codes::ENV_SECRET,
                    message: match error {
                        std::env::VarError::NotPresent => {
                            format!("the environment variable `{name}` is not set")
                        }
                        std::env::VarError::NotUnicode(_) => {
                            format!("the environment variable `{name}` is not UTF-8")
                        }
                    },
                    help: "set it before running provc",
                })?
            }
            Source::File(path) => read_file(path)?,
            Source::Command(argv) => self.run(argv)?,
        };
        Ok(text)
    }

    fn run(&self, argv: &[Box<str>]) -> Result<String, Failure> {
        let failure = |message: String, help| Failure { code: codes::COMMAND_SECRET, message, help };
        let Some((program, arguments)) = argv.split_first() else {
            return Err(failure("the command is empty".into(), "name a program"));
        };
        let output = Command::new(&**program)
            .args(arguments.iter().map(|a| &**a))
            .current_dir(if self.directory.as_os_str().is_empty() { Path::new(".") } else { &self.directory })
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .map_err(|error| {
                failure(format!("cannot run `{program}`: {error}"), "install it, or give its whole path")
            })?;
        if !output.status.success() {
            // Its stderr is not shown: a program may print there what it was asked to keep.
            let message = format!("`{}` failed: {}", argv.join(" "), output.status);
            return Err(failure(message, "run it by hand, in the repository, to see why"));
        }
        String::from_utf8(output.stdout)
            .map(without_newline)
            .map_err(|_| failure(format!("what `{program}` printed is not UTF-8"), "let it print text"))
    }
}

fn read_file(path: &Path) -> Result<String, Failure> {
    let failure = |what: String| Failure {
        code: codes::FILE_SECRET,
        message: format!("cannot read {}: {what}", path.display()),
        help: "the path is relative to the YAML file that names it (certificates: to the inventory directory)",
    };
    let bytes = std::fs::read(path).map_err(|error| failure(error.to_string()))?;
    String::from_utf8(bytes).map(without_newline).map_err(|_| failure("it is not UTF-8".into()))
}

fn without_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}
