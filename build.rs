//! Lists the files of `plugins/` for the binary to carry (`src/plugin/embedded.rs`).
//!
//! The list is sorted and its names are relative, so that the same tree gives the same binary on any
//! machine. Hidden files and editors' leavings are left out, and so are the tests of plugins: nothing reads
//! them at run time.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script where things are by the environment"
)]
fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("plugins");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=plugins");
    let mut files = Vec::new();
    if root.is_dir() {
        collect(&root, "", &mut files)?;
    }
    files.sort();
    let mut code = String::from("&[\n");
    for name in &files {
        let path = root.join(name);
        writeln!(code, "    ({name:?}, include_bytes!({:?})),", path.display().to_string())
            .map_err(io::Error::other)?;
    }
    code.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("embedded_plugins.rs"), code)
}

/// Adds the files below a directory by their names relative to the root, with `/` between parts.
fn collect(directory: &Path, prefix: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| io::Error::other("a name is not UTF-8"))?;
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        // FAMILY/VERSION/tests: a directory of templates may well be called `tests`.
        if name == "tests" && prefix.matches('/').count() == 2 {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), &format!("{prefix}{name}/"), files)?;
        } else if kind.is_file() {
            files.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}
