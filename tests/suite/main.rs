//! The one integration test binary: a file for each topic, built and linked once.

mod keys;
mod render;
mod resolve;
mod support;
