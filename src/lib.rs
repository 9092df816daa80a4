//! provc compiles an inventory of phones into the files that the phones fetch.
//!
//! Data flows one way: load, resolve, associate, plan, render, commit. Each module imports only
//! those above it in this list; `tests/architecture.rs` holds them to it.

pub mod diagnostic;
pub mod yaml;

pub mod inventory;
pub mod plugin;

pub mod render;

pub mod output;

pub mod pipeline;

pub mod watch;

pub mod cli;
