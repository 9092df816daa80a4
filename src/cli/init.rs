//! `init`: a small working repository.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use super::Status;
use super::args::Init;
use super::codes;
use super::print::Printer;
use crate::diagnostic::{Diagnostic, SourceMap};

/// What is written, by path.
const FILES: [(&str, &str); 6] = [
    ("provc.yaml", include_str!("init/provc.yaml")),
    ("inventory/site.yaml", include_str!("init/site.yaml")),
    ("inventory/lines.yaml", include_str!("init/lines.yaml")),
    ("inventory/devices.yaml", include_str!("init/devices.yaml")),
    (".gitignore", include_str!("init/gitignore")),
    (".github/workflows/provc.yaml", include_str!("init/workflow.yaml")),
];

/// Runs `init`. Nothing that exists is overwritten: all paths are looked at before the first is written.
pub(super) fn run(args: &Init, printer: &Printer) -> Status {
    let fail = |found: Diagnostic| {
        printer.drawn(&[found], &SourceMap::default());
        Status::Failed
    };
    if args.dir.exists() && !args.dir.is_dir() {
        let found =
            Diagnostic::error(codes::CANNOT_WRITE, format!("{} is not a directory", args.dir.display()));
        return fail(found.help("choose another directory"));
    }
    let existing =
        FILES.iter().map(|(path, _)| args.dir.join(path)).find(|path| path.symlink_metadata().is_ok());
    if let Some(path) = existing {
        let found = Diagnostic::error(codes::NOT_EMPTY, format!("{} exists already", path.display()));
        return fail(found.help("choose another directory: `init` overwrites nothing"));
    }
    for (path, text) in FILES {
        let path = args.dir.join(path);
        if let Err(error) = write(&path, text) {
            let message = format!("cannot write {}: {error}", path.display());
            return fail(
                Diagnostic::error(codes::CANNOT_WRITE, message).help("check the directory's permissions"),
            );
        }
        printer.note(&format!("wrote {}", path.display()));
    }
    printer.note(&format!(
        "now edit {}, then run `provc check` and `provc build` there",
        args.dir.join("inventory").display()
    ));
    Status::Done
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
