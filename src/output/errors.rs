//! Errors of the system, told with the path and the way out.

use std::io;
use std::path::Path;

use rustix::io::Errno;

use super::codes;
use crate::diagnostic::{Code, Diagnostic};

/// A diagnostic is large and errors are rare: boxed, it does not weigh on every result.
pub type Fault = Box<Diagnostic>;

/// What an error number means to a person, and what to do.
const KNOWN: [(Errno, Code, &str, &str); 10] = [
    (Errno::NOSPC, codes::NO_SPACE, "no space is left on the file system", FREE_SPACE),
    (Errno::DQUOT, codes::NO_SPACE, "the disk quota is used up", FREE_SPACE),
    (Errno::FBIG, codes::NO_SPACE, "the file is larger than this process may write", FREE_SPACE),
    (
        Errno::ROFS,
        codes::READ_ONLY,
        "the file system is read-only",
        "mount it read-write, or choose another place with --out and --state",
    ),
    (Errno::ACCESS, codes::PERMISSION, "permission denied", PERMISSION_HELP),
    (Errno::PERM, codes::PERMISSION, "this user is not permitted to do that", PERMISSION_HELP),
    (
        Errno::MFILE,
        codes::TOO_MANY_FILES,
        "this process has too many files open",
        "raise the limit (`ulimit -n`) or use fewer --jobs",
    ),
    (
        Errno::NFILE,
        codes::TOO_MANY_FILES,
        "the system has too many files open",
        "close other programs or raise fs.file-max",
    ),
    (
        Errno::NAMETOOLONG,
        codes::NAME_TOO_LONG,
        "the name is too long for this file system",
        "shorten the name, or place out/ higher up",
    ),
    (
        Errno::NOTDIR,
        codes::BAD_PLACE,
        "a part of the path is not a directory",
        "move the file that is in the way, or choose another place with --out and --state",
    ),
];

const FREE_SPACE: &str = "free some space there and build again";
const PERMISSION_HELP: &str = "run provc as a user who may write there, or give that user the directory";

/// `doing` is a verb and `path` what it was done to: "cannot write `out/a.cfg`: permission denied".
pub(super) fn system(error: &io::Error, doing: &str, path: &Path) -> Fault {
    let known = Errno::from_io_error(error).and_then(|errno| KNOWN.iter().find(|row| row.0 == errno));
    let (code, what, help) = match known {
        Some((_, code, what, help)) => (*code, (*what).to_owned(), Some((*help).to_owned())),
        None => (codes::IO, error.to_string(), None),
    };
    let message = format!("cannot {doing} `{}`: {what}", path.display());
    Box::new(Diagnostic::error(code, message).maybe_help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_errors_name_the_path_and_the_way_out() {
        for (errno, code, what, help) in KNOWN {
            let d = system(&errno.into(), "write", Path::new("out/a"));
            assert_eq!(d.code, code);
            assert_eq!(d.message, format!("cannot write `out/a`: {what}"));
            assert_eq!(d.help.as_deref(), Some(help));
        }
        assert_eq!(system(&Errno::IO.into(), "read", Path::new("x")).code, codes::IO);
    }
}
