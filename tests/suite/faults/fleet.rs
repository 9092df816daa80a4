//! Made inventories: a few hundred phones that come from a seed, and random edits of them.
//!
//! Phones are of two vendors, so that there are files with and without secrets, directories that come and go,
//! and shared files; static/ swaps a file for a directory of the same name now and then. Every edit is one
//! that people make: a phone more, a new server for all, another template.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A small generator of random numbers (splitmix64), so that a seed means the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 for 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// True once in so many times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const PLUGIN: &str = "\
id: acme-1.0
version: 1.0.0
description: Acme
vendor: Acme
firmware: 1.0
models: {A1: {type: softphone, lines: 2}}
files:
  device:
    - {path: '{{ vars.room }}/{{ device.id }}.txt', template: a.tera, format: text}
    - {path: '{{ vars.room }}/keys/{{ device.id }}.txt', template: a.tera, format: text, sensitive: true}
";

/// How many phones share a file.
const TOGETHER: u32 = 25;

#[derive(Clone, Debug)]
struct Phone {
    acme: bool,
    name: usize,
    /// Whether it has the profile `desk`.
    desk: bool,
    room: usize,
}

/// An inventory.
#[derive(Clone, Debug)]
pub struct Fleet {
    phones: BTreeMap<u32, Phone>,
    next: u32,
    least: usize,
    server: usize,
    desk: usize,
    label: usize,
    template: Option<usize>,
    statics: BTreeMap<String, usize>,
}

impl Fleet {
    /// About so many phones.
    pub fn new(phones: usize, random: &mut Random) -> Self {
        let mut fleet = Self {
            phones: BTreeMap::new(),
            next: 0,
            least: phones,
            server: 1,
            desk: 1,
            label: 1,
            template: None,
            statics: BTreeMap::from([("logo.txt".to_owned(), 1), ("tones/one.wav".to_owned(), 1)]),
        };
        fleet.add(phones, random);
        fleet
    }

    fn add(&mut self, count: usize, random: &mut Random) {
        for _ in 0..count {
            let acme = random.one_in(5);
            let phone = Phone { acme, name: 0, desk: random.one_in(3), room: random.below(4) };
            self.phones.insert(self.next, phone);
            self.next += 1;
        }
    }

    fn some(&self, most: usize, random: &mut Random) -> BTreeSet<u32> {
        let all: Vec<u32> = self.phones.keys().copied().collect();
        (0..1 + random.below(most)).map(|_| *random.pick(&all)).collect()
    }

    /// Changes something.
    pub fn edit(&mut self, random: &mut Random) {
        for _ in 0..1 + random.below(3) {
            match random.below(9) {
                0 => self.add(1 + random.below(20), random),
                1 if self.phones.len() > self.least / 2 => {
                    let gone = self.some(20, random);
                    self.phones.retain(|n, _| !gone.contains(n));
                }
                2 => {
                    for n in self.some(10, random) {
                        self.phones.entry(n).and_modify(|phone| phone.name += 1);
                    }
                }
                3 => {
                    for n in self.some(40, random) {
                        let room = random.below(4);
                        self.phones.entry(n).and_modify(|phone| phone.room = room);
                    }
                }
                4 | 5 => self.server = 1 + random.below(200),
                6 => self.desk += 1,
                7 => self.template = (!random.one_in(3)).then(|| random.below(1000)),
                _ => self.edit_statics(random),
            }
        }
        self.label += usize::from(random.one_in(4));
    }

    fn edit_statics(&mut self, random: &mut Random) {
        // A name that is a file in one build and a directory in the next.
        if self.statics.remove("swap").is_some() {
            self.statics.insert("swap/inside.txt".to_owned(), random.below(1000));
        } else {
            self.statics.remove("swap/inside.txt");
            self.statics.insert("swap".to_owned(), random.below(1000));
        }
        self.statics.insert("logo.txt".to_owned(), random.below(1000));
        if random.one_in(2) {
            self.statics.remove("tones/one.wav");
        } else {
            self.statics.insert("tones/one.wav".to_owned(), random.below(1000));
        }
    }

    /// Changes every file of a Digium phone.
    pub fn edit_all(&mut self, random: &mut Random) {
        self.server = self.server % 200 + 1 + random.below(20);
    }

    /// Gives static/ a file that takes many writes.
    pub fn large(&mut self, version: usize) {
        self.statics.insert("large.bin".to_owned(), version);
    }

    fn texts(&self) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        let (server, desk, label) = (self.server, self.desk, self.label);
        let site = format!(
            "site: {{name: test, http_url: 'http://192.0.2.1:8667'}}\n\
             profiles:\n\
             \x20 base: {{firmware: 1.4.0.0, sip: {{proxy: 192.0.2.{server}}}}}\n\
             \x20 desk: {{vars: {{contacts_group: Desk {desk}}}}}\n\
             lines: {{alice: {{number: '1001', username: alice, password: secret1, label: Alice {label}}}}}\n"
        );
        texts.insert("inventory/site.yaml".to_owned(), site);
        for (n, phone) in &self.phones {
            let file = texts.entry(format!("inventory/phones/{:03}.yaml", n / TOGETHER));
            let text = file.or_insert_with(|| "devices:\n".to_owned());
            let profiles = if phone.desk { ", profiles: [desk]" } else { "" };
            let name = format!("name: phone-{n}-{}", phone.name);
            *text += &if phone.acme {
                let room = phone.room;
                format!(
                    "  - {{id: acme{n}, {name}, vendor: Acme, model: A1, firmware: 1.0, vars: {{room: room{room}}}{profiles}}}\n"
                )
            } else {
                format!(
                    "  - {{mac: '000fd30{n:05x}', {name}, vendor: Digium, model: D40, lines: [alice]{profiles}}}\n"
                )
            };
        }
        if self.phones.is_empty() {
            texts.insert("inventory/phones/none.yaml".to_owned(), "devices: []\n".to_owned());
        }
        texts.insert("plugins/acme/v1_0/plugin.yaml".to_owned(), PLUGIN.to_owned());
        let template = "{{ device.name }} of {{ vars.room }} calls {{ sip.proxy.host }}\n";
        texts.insert("plugins/acme/v1_0/templates/a.tera".to_owned(), template.to_owned());
        if let Some(version) = self.template {
            let standard = include_str!("../../../plugins/digium/common/templates/contacts.xml.tera");
            let other = standard.replace("<phonebooks>", &format!("<phonebooks>\n<!-- {version} -->"));
            texts.insert("overrides/digium/templates/contacts.xml.tera".to_owned(), other);
        }
        for (name, version) in &self.statics {
            // Large enough for several writes.
            let times = if name.starts_with("large") { 80_000 } else { 3000 };
            texts.insert(format!("static/{name}"), format!("{name} {version}\n").repeat(times));
        }
        texts
    }

    /// Makes the directory hold this inventory; files that stay as they are are not touched.
    pub fn write(&self, root: &Path) {
        let texts = self.texts();
        for top in ["inventory", "overrides", "static"] {
            for name in super::tree::contents(&root.join(top)).into_keys() {
                let name = format!("{top}/{name}");
                if !texts.contains_key(&name) {
                    let path = root.join(&name);
                    fs::remove_file(&path).unwrap();
                    // Only an empty one goes: a file may come in its place.
                    path.ancestors().skip(1).take_while(|above| *above != root).for_each(|above| {
                        let _ = fs::remove_dir(above);
                    });
                }
            }
        }
        for (name, text) in texts {
            let path = root.join(name);
            if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
    }
}
