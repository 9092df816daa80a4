//! The binary: everything is in the library; here is only the exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    provc::cli::run()
}
