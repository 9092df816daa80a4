//! The one integration test binary: a file for each topic, built and linked once.

mod architecture;
mod cli;
mod diagnostics;
mod documentation;
mod secrets;
mod support;
