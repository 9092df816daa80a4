//! The one integration test binary: a file for each topic, built and linked once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that fails is a test that fails, and clippy sees only functions marked as tests"
)]

mod architecture;
mod cli;
mod diagnostics;
mod digium;
mod docs;
mod documentation;
mod failures;
mod faults;
mod identify;
mod incremental;
mod keys;
mod linphone;
mod mixed;
mod models;
mod nasty;
mod ownership;
mod plugin_cases;
mod plugin_guide;
mod plugins;
mod progress;
mod properties;
mod readme;
mod rebuild;
mod render;
mod resolve;
mod secrets;
mod servers;
mod shards;
mod slurm;
mod support;
mod tree;
mod watch;
mod xml;
mod yealink;
mod zones;
