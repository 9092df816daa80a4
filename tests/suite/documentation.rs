//! Which codes there are.
