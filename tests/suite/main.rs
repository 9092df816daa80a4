//! The one integration test binary: a file for each topic, built and linked once.

mod digium;
mod plugin_cases;
mod support;
mod xml;
