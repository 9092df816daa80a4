//! Running the real binary in a repository of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A repository in a temporary directory.
pub struct Repository {
    directory: TempDir,
}

impl Repository {
    /// A repository with these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let repository = Self { directory: tempfile::tempdir().unwrap() };
        files.iter().for_each(|(path, text)| repository.write(path, text));
        repository
    }

    /// A repository with a copy of a directory, symbolic links kept as links.
    pub fn copy_of(source: &Path) -> Self {
        let repository = Self::new(&[]);
        copy(source, repository.path());
        repository
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file and the directories above it.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The text of a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// All files below a directory of it, sorted, relative to that directory.
    pub fn files(&self, below: &str) -> Vec<PathBuf> {
        let root = self.path().join(below);
        let entries = walkdir::WalkDir::new(&root).sort_by_file_name().into_iter().map(Result::unwrap);
        let files = entries.filter(|entry| !entry.file_type().is_dir());
        files.map(|entry| entry.path().strip_prefix(&root).unwrap().to_path_buf()).collect()
    }

    /// Runs provc in it.
    pub fn provc(&self, args: &[&str]) -> Output {
        provc(self.path(), args)
    }
}

/// Copies what a directory holds, symbolic links kept as links.
pub fn copy(source: &Path, target: &Path) {
    for entry in fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), target.join(entry.file_name()));
        if kind.is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What a run left.
#[derive(Debug)]
pub struct Output {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Panics with all that was printed unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// A command that sees nothing of the machine but its programs.
pub fn command(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_provc"));
    command.args(args).current_dir(directory).env_clear().env("NO_COLOR", "1").stdin(Stdio::null());
    command.env("PATH", option_env!("PATH").unwrap_or("/usr/bin:/bin"));
    command
}

/// Runs provc in a directory, without environment and colour.
pub fn provc(directory: &Path, args: &[&str]) -> Output {
    run(&mut command(directory, args))
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    Output {
        status: output.status.code().expect("provc was killed"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Whether pinned texts are to be written anew instead of compared.
pub fn blessing() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the tests are asked by a variable to write what they pin")]
    std::env::var_os("PROVC_BLESS").is_some()
}
