//! The inventory: read with positions, joined from all its files, merged layer by layer and resolved to
//! devices in which every value knows where it was written.

pub mod codes;
mod device;
mod file;
mod join;
mod keys;
mod lines;
mod load;
mod mac;
mod merge;
mod names;
mod pack;
mod patterns;
mod read;
mod resolve;
mod scalar;
pub mod schema;
mod secret;
mod shown;
pub mod summary;
mod table;
pub mod timezone;
mod value;

#[cfg(test)]
mod tests;

pub use device::{Auto, ContactList, Device, Identity, Key, Keys, Line, Module};
pub use file::{DeviceId, Entry, File, Named, read as read_file};
pub use join::join;
pub use load::{Files, Found, Inventory, ReadFile, find, load, read_found};
pub use mac::Mac;
pub use merge::overlay;
pub use pack::Packed;
pub use resolve::Resolver;
pub use scalar::json as typed_scalar;
pub use secret::{SecretRef, Secrets, Source};
pub use table::Table;
pub use value::{Datum, Endpoint, Item, Map, Name, is_host};
