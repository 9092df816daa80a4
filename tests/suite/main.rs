//! The one integration test binary: a file for each topic, built and linked once.

mod failures;
mod nasty;
mod ownership;
mod properties;
mod servers;
mod support;
mod tree;
