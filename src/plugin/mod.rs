//! Plugins: data that says which files a family of phones fetches and how they are written.

pub mod filters;
pub mod format;
pub mod names;
pub mod scan;
