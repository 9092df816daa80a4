//! The inventory: what the user wrote, and what each device's settings come out as.

pub mod timezone;
