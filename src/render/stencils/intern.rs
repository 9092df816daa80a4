//! Mappings and lists by number: what is equal has the same.
//!
//! Devices share most of their mappings by pointer, so that a number costs one look at an address. One that
//! is new is compared by content, without the places where it was written.

use std::collections::HashMap;
use std::sync::Arc;

use crate::inventory::{Datum, Item, Map};

/// More addresses than this are not of shared mappings.
const MOST_ADDRESSES: usize = 4096;
/// More different contents than this are not of shared mappings.
const MOST_CONTENTS: usize = 1 << 16;

/// The numbers.
#[derive(Default)]
pub(in crate::render) struct Interned {
    /// What has been seen is kept alive, so that its address stays its own.
    maps: HashMap<usize, (Arc<Map>, u32)>,
    lists: HashMap<usize, (Arc<Vec<Item>>, u32)>,
    contents: HashMap<Vec<u8>, u32>,
}

impl Interned {
    /// The number of a mapping.
    pub fn map(&mut self, map: &Arc<Map>) -> u32 {
        let address = Arc::as_ptr(map) as usize;
        if let Some((_, number)) = self.maps.get(&address) {
            return *number;
        }
        let mut content = vec![b'm'];
        write_map(map, &mut content);
        let number = self.number(content);
        self.maps.insert(address, (Arc::clone(map), number));
        number
    }

    /// The number of a list.
    pub fn list(&mut self, list: &Arc<Vec<Item>>) -> u32 {
        let address = Arc::as_ptr(list) as usize;
        if let Some((_, number)) = self.lists.get(&address) {
            return *number;
        }
        let mut content = vec![b'l'];
        write_list(list, &mut content);
        let number = self.number(content);
        self.lists.insert(address, (Arc::clone(list), number));
        number
    }

    fn number(&mut self, content: Vec<u8>) -> u32 {
        let next = u32::try_from(self.contents.len()).unwrap_or(u32::MAX);
        *self.contents.entry(content).or_insert(next)
    }

    /// Whether it is time to begin anew.
    pub fn is_large(&self) -> bool {
        self.contents.len() > MOST_CONTENTS
    }

    /// Forgets addresses once they are many; their contents keep their numbers.
    pub fn trim(&mut self) {
        if self.maps.len() > MOST_ADDRESSES {
            self.maps.clear();
        }
        if self.lists.len() > MOST_ADDRESSES {
            self.lists.clear();
        }
    }
}

/// Writes a text so that nothing after it can be taken for a part of it.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    write_count(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn write_count(count: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&(count as u64).to_le_bytes());
}

/// Writes a value without its place: equal bytes are equal values.
pub(super) fn write_datum(datum: &Datum, out: &mut Vec<u8>) {
    match datum {
        Datum::Removed => out.push(0),
        Datum::Broken => out.push(1),
        Datum::Text(text) => {
            out.push(2);
            write_text(text, out);
        }
        Datum::Bool(set) => out.extend_from_slice(&[3, u8::from(*set)]),
        Datum::Int(number) => {
            out.push(4);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Datum::Float(number) => {
            out.push(5);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Datum::Endpoint(endpoint) => {
            out.push(6);
            write_text(&endpoint.host, out);
            // No port is 0.
            out.extend_from_slice(&endpoint.port.unwrap_or_default().to_le_bytes());
        }
        Datum::Secret(secret) => {
            out.push(7);
            write_text(&secret.describe(), out);
        }
        Datum::List(list) => {
            out.push(8);
            write_list(list, out);
        }
        Datum::Map(map) => {
            out.push(9);
            write_map(map, out);
        }
    }
}

fn write_list(list: &[Item], out: &mut Vec<u8>) {
    write_count(list.len(), out);
    list.iter().for_each(|item| write_datum(&item.datum, out));
}

fn write_map(map: &Map, out: &mut Vec<u8>) {
    write_count(map.len(), out);
    for (name, item) in map.iter() {
        write_text(name, out);
        write_datum(&item.datum, out);
    }
}
