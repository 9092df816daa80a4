//! Whatever is edited in whatever order, a build that works on what changed leaves the tree that a build of
//! everything makes.
//!
//! A made inventory is edited at random: devices, lines, profiles, layouts and contacts come, go, change,
//! move and are renamed; base, site, secrets, templates, overrides and static files change; things are broken
//! and mended. After each build that succeeds out/ is compared with that of a first build elsewhere, and
//! after each that fails with what it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use provc::output;
use provc::pipeline::{self, Action, Hint, Memory, Report, Site};

use crate::support::{Repository, copy};
use crate::tree::{assert_same, listing};

/// A generator of random numbers (splitmix64): the same on every machine for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_of<'t, T>(&mut self, list: &'t [T]) -> &'t T {
        &list[self.below(list.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// An entry with the file that it stands in.
#[derive(Clone, Debug)]
struct Placed {
    file: usize,
    text: String,
}

/// The inventory as a person has it in mind.
struct Model {
    random: Random,
    site: String,
    base: String,
    profiles: BTreeMap<String, Placed>,
    lines: BTreeMap<String, Placed>,
    layouts: BTreeMap<String, Placed>,
    contacts: BTreeMap<String, Placed>,
    devices: BTreeMap<String, Placed>,
    /// What is wrong for now, in a file of its own.
    broken: Option<&'static str>,
    /// Files besides the inventory.
    others: BTreeMap<String, String>,
    counter: usize,
}

const FILES: usize = 5;
const BROKEN: [&str; 5] = [
    "devices: [{mac: nonsense}]\n",
    "devices:\n  - mac: 00:00:00:00:ff:01\n   model: [\n",
    "profiles:\n  p0-twin: {extends: nobody}\n",
    "devices: [{mac: 00:00:00:00:ff:02, model: A5, lines: [nobody]}]\n",
    "surprise: {a: 1}\n",
];
const TEMPLATES: [&str; 3] = ["device.cfg", "keys.txt", "model.txt"];

impl Model {
    fn new(seed: u64) -> Self {
        let mut model = Self {
            random: Random(seed),
            site: "http_url: http://prov.example".into(),
            base: "vendor: Acme, firmware: 2.1, sip: {proxy: pbx.example}".into(),
            profiles: BTreeMap::new(),
            lines: BTreeMap::new(),
            layouts: BTreeMap::new(),
            contacts: BTreeMap::new(),
            devices: BTreeMap::new(),
            broken: None,
            others: BTreeMap::new(),
            counter: 0,
        };
        for n in 0..3 {
            model.others.insert(format!("secrets/s{n}"), format!("secret{n}\n"));
        }
        model.others.insert("static/a.txt".into(), "a".into());
        for n in 0..4 {
            let text = model.layer(n > 1);
            model.profiles.insert(format!("p{n}"), Placed { file: 0, text });
        }
        for _ in 0..12 {
            model.add_line();
        }
        for n in 0..2 {
            let text = model.keys();
            model.layouts.insert(format!("k{n}"), Placed { file: 1, text });
            model.contacts.insert(format!("c{n}"), Placed { file: 1, text: model_contacts(n) });
        }
        for _ in 0..10 {
            model.add_device();
        }
        model
    }

    fn file(&mut self) -> usize {
        self.random.below(FILES)
    }

    fn fresh(&mut self) -> usize {
        self.counter += 1;
        self.counter
    }

    fn name(&mut self, of: fn(&Self) -> &BTreeMap<String, Placed>) -> Option<String> {
        let count = of(self).len();
        let at = if count == 0 { return None } else { self.random.below(count) };
        of(self).keys().nth(at).cloned()
    }

    fn password(&mut self) -> String {
        match self.random.below(4) {
            0 => format!("{{file: ../../secrets/s{}}}", self.random.below(3)),
            1 => format!("{{command: [cat, secrets/s{}]}}", self.random.below(3)),
            n => format!("pw{n}{}", self.random.below(9)),
        }
    }

    fn add_line(&mut self) {
        let (n, file, password) = (self.fresh(), self.file(), self.password());
        let name = format!("{}-{n}", self.random.one_of(&["sales", "lab"]));
        let text =
            format!("number: '{n}', password: {password}, display_name: Name {}", self.random.below(50));
        self.lines.insert(name, Placed { file, text });
    }

    fn keys(&mut self) -> String {
        let target = self.name(|m| &m.lines).unwrap_or("sales-1".into());
        match self.random.below(3) {
            0 => format!("[{{type: blf, target: {target}}}]"),
            1 => format!("{{1: {{type: speeddial, value: '{}'}}}}", self.random.below(900)),
            _ => "{auto: {from: [lab-*], sort: number, overflow: drop}}".into(),
        }
    }

    fn layer(&mut self, extends: bool) -> String {
        let mut text = format!("vars: {{note: v{}}}", self.random.below(20));
        if extends {
            write!(text, ", extends: p{}", self.random.below(2)).unwrap();
        }
        if self.random.chance(20) && !self.layouts.is_empty() {
            let layout = self.name(|m| &m.layouts).unwrap();
            write!(text, ", key_layout: {layout}").unwrap();
        }
        if self.random.chance(20) && !self.contacts.is_empty() {
            let list = self.name(|m| &m.contacts).unwrap();
            write!(text, ", contacts: {list}").unwrap();
        }
        text
    }

    fn device(&mut self) -> String {
        let model = *self.random.one_of(&["A10", "A10", "A5", "A0"]);
        let mut text = format!("model: {model}");
        if self.random.chance(60) {
            let profile = self.name(|m| &m.profiles).unwrap();
            write!(text, ", profiles: [{profile}]").unwrap();
        }
        if let Some(line) = self.name(|m| &m.lines) {
            write!(text, ", lines: [{line}]").unwrap();
        }
        if model == "A10" && self.random.chance(40) {
            let target = self.name(|m| &m.lines).unwrap_or("sales-1".into());
            let keys = *self
                .random
                .one_of(&["{2: {type: blf, target: TARGET}}", "{auto: {from: [sales-*], overflow: drop}}"]);
            write!(text, ", function_keys: {}", keys.replace("TARGET", &target)).unwrap();
        }
        if self.random.chance(30) {
            let list = self.name(|m| &m.contacts).unwrap();
            write!(text, ", contacts: [{list}]").unwrap();
        }
        if self.random.chance(50) {
            write!(text, ", name: phone {}", self.fresh()).unwrap();
        }
        if self.random.chance(15) {
            write!(text, ", firmware: {}", self.random.one_of(&["1.0", "2.0"])).unwrap();
        }
        text
    }

    fn add_device(&mut self) {
        let (n, file, text) = (self.fresh(), self.file(), self.device());
        self.devices.insert(format!("00:00:00:00:{:02x}:{:02x}", n / 256, n % 256), Placed { file, text });
    }

    /// One edit. It may leave something that refers to nothing: that too happens.
    fn edit(&mut self) {
        match self.random.below(24) {
            0..4 => self.add_device(),
            4 | 5 => drop(self.name(|m| &m.devices).and_then(|name| self.devices.remove(&name))),
            6..10 => {
                let text = self.device();
                if let Some(name) = self.name(|m| &m.devices) {
                    self.devices.get_mut(&name).unwrap().text = text;
                }
            }
            10 | 11 => {
                // To another file, without any other change.
                let file = self.file();
                if let Some(name) = self.name(|m| &m.devices) {
                    self.devices.get_mut(&name).unwrap().file = file;
                }
                if let Some(name) = self.name(|m| &m.lines) {
                    self.lines.get_mut(&name).unwrap().file = file;
                }
            }
            12 | 13 => {
                let password = self.password();
                if let Some(name) = self.name(|m| &m.lines) {
                    let text = format!("number: '{}', password: {password}", self.random.below(900));
                    self.lines.get_mut(&name).unwrap().text = text;
                }
            }
            14 => self.add_line(),
            15 => drop(self.name(|m| &m.lines).and_then(|name| self.lines.remove(&name))),
            16 => {
                // Renamed, and with it in all who name it.
                if let Some(old) = self.name(|m| &m.lines) {
                    let new = format!("lab-{}", self.fresh());
                    let line = self.lines.remove(&old).unwrap();
                    self.lines.insert(new.clone(), line);
                    let (old, new) = (format!("[{old}]"), format!("[{new}]"));
                    self.devices
                        .values_mut()
                        .for_each(|placed| placed.text = placed.text.replace(&old, &new));
                }
            }
            17 => {
                let name = format!("p{}", self.random.below(4));
                let text = self.layer(name > "p1".into());
                self.profiles.get_mut(&name).unwrap().text = text;
            }
            18 => {
                let (name, text) = (format!("k{}", self.random.below(2)), self.keys());
                self.layouts.get_mut(&name).unwrap().text = text;
            }
            19 => {
                let (name, n) = (format!("c{}", self.random.below(2)), self.random.below(30));
                self.contacts.get_mut(&name).unwrap().text = model_contacts(n);
            }
            20 => self.change_all(),
            21 => {
                let n = self.random.below(90);
                self.others.insert(format!("secrets/s{}", self.random.below(3)), format!("secret{n}\n"));
            }
            22 => {
                let (n, name) = (self.random.below(90), *self.random.one_of(&TEMPLATES));
                let (path, text) = match self.random.below(3) {
                    0 => (format!("static/{}.txt", self.random.below(3)), format!("text{n}")),
                    1 => {
                        let path = format!("plugins/acme/common/templates/{name}.tera");
                        let text = format!("{}# {n} {{{{ model.name }}}}\n", self.others[&path]);
                        (path, text)
                    }
                    _ => ("overrides/acme-2.1/templates/keys.txt.tera".to_owned(), format!("keys {n}\n")),
                };
                if path.starts_with("overrides") && self.others.remove(&path).is_some() {
                    return;
                }
                self.others.insert(path, text);
            }
            _ => self.broken = if self.broken.is_some() { None } else { Some(*self.random.one_of(&BROKEN)) },
        }
    }

    /// What reaches every device.
    fn change_all(&mut self) {
        let n = self.random.below(9);
        match self.random.below(2) {
            0 => self.site = format!("http_url: http://prov{n}.example"),
            _ => self.base = format!("vendor: Acme, firmware: 2.1, sip: {{proxy: pbx{n}.example}}"),
        }
    }

    /// All files that there should be.
    fn files(&self) -> BTreeMap<String, String> {
        let mut files = self.others.clone();
        files.insert(
            "inventory/site.yaml".into(),
            format!("site: {{{}}}\nprofiles:\n  base: {{{}}}\n", self.site, self.base),
        );
        for at in 0..FILES {
            let mut text = String::new();
            let mut section = |head: &str,
                               all: &BTreeMap<String, Placed>,
                               entry: fn(&str, &str) -> String| {
                let mut here = all.iter().filter(|(_, placed)| placed.file == at).peekable();
                if here.peek().is_some() {
                    writeln!(text, "{head}:").unwrap();
                }
                here.for_each(|(name, placed)| writeln!(text, "  {}", entry(name, &placed.text)).unwrap());
            };
            section("profiles", &self.profiles, |name, text| format!("{name}: {{{text}}}"));
            section("lines", &self.lines, |name, text| format!("{name}: {{{text}}}"));
            section("function_keys", &self.layouts, |name, text| format!("{name}: {text}"));
            section("contacts", &self.contacts, |name, text| format!("{name}: {text}"));
            section("devices", &self.devices, |mac, text| format!("- {{mac: \"{mac}\", {text}}}"));
            if !text.is_empty() {
                files.insert(format!("inventory/dir{}/f{at}.yaml", at % 2), text);
            }
        }
        if let Some(text) = self.broken {
            files.insert("inventory/wrong.yaml".into(), text.into());
        }
        files
    }
}

fn model_contacts(n: usize) -> String {
    format!("[{{name: Person {n}, number: '{n}'}}]")
}

/// Writes what differs and removes what is too much; tells which files of the inventory that were.
fn write(
    repository: &Repository,
    files: &BTreeMap<String, String>,
    before: &BTreeMap<String, String>,
) -> BTreeSet<PathBuf> {
    let mut touched = BTreeSet::new();
    for (path, text) in files.iter().filter(|(path, text)| before.get(*path) != Some(text)) {
        repository.write(path, text);
        touched.insert(repository.path().join(path));
    }
    for path in before.keys().filter(|path| !files.contains_key(*path)) {
        fs::remove_file(repository.path().join(path)).unwrap();
        touched.insert(repository.path().join(path));
    }
    touched
}

fn site(root: &Path) -> Site {
    let there = |path: &str| Some(root.join(path)).filter(|path| path.is_dir());
    Site {
        repository: root.to_owned(),
        inventory: vec![root.join("inventory")],
        plugins: vec![root.join("plugins")],
        overrides: there("overrides"),
        statics: there("static"),
        ..Site::default()
    }
}

fn build(root: &Path, out: &Path, memory: &mut Memory, hint: &Hint) -> Report {
    let output = output::Options { allow_removals: true, ..output::Options::new(out) };
    pipeline::run_with(&site(root), &Action::build(output), memory, hint)
}

/// Names, bytes and permissions.
fn shape(root: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    listing(root).into_iter().map(|(name, entry)| (name, (entry.mode, entry.bytes))).collect()
}

/// Runs a number of edits; tells how many builds succeeded in working on a part alone.
fn edits(seed: u64, count: usize, lasting: bool) -> usize {
    let repository = Repository::new(&[]);
    let plugins = repository.path().join("plugins/acme");
    fs::create_dir_all(&plugins).unwrap();
    fs::create_dir_all(repository.path().join("overrides")).unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugins/acme"), &plugins);
    let mut model = Model::new(seed);
    for name in TEMPLATES {
        let path = format!("plugins/acme/common/templates/{name}.tera");
        let text = repository.read(&path);
        model.others.insert(path, text);
    }
    let out = repository.path().join("out");
    let mut memory = if lasting { Memory::lasting() } else { Memory::default() };
    let mut before = BTreeMap::new();
    let (mut tree, mut partly, mut hinted) = (BTreeMap::new(), 0, BTreeSet::new());
    for step in 0..count {
        let files = model.files();
        hinted.extend(write(&repository, &files, &before));
        before = files;
        let plain = |path: &PathBuf| path.starts_with(repository.path().join("inventory"));
        let hint = match lasting && hinted.iter().all(plain) && model.random.chance(70) {
            true => Hint::Files(hinted.clone()),
            false => Hint::Unknown,
        };
        if !lasting {
            memory = Memory::default();
        } else if model.random.chance(10) {
            memory.save();
            memory = Memory::lasting();
        }
        let report = build(repository.path(), &out, &mut memory, &hint);
        hinted.clear();
        let clean = tempfile::tempdir().unwrap();
        let expected =
            build(repository.path(), &clean.path().join("out"), &mut Memory::default(), &Hint::Unknown);
        let place = format!("seed {seed}, step {step}, lasting {lasting}");
        assert_eq!(report.ok, expected.ok, "{place}: {:?}", report.diagnostics);
        if report.ok {
            let whole = shape(&clean.path().join("out"));
            assert_same(&whole, &shape(&out));
            assert_eq!(
                (report.devices, report.written.len() + report.unchanged),
                (expected.devices, expected.written.len()),
                "{place}"
            );
            partly += usize::from(step > 0 && report.inputs_changed.is_some());
            tree = whole;
        } else {
            let codes = |report: &Report| {
                report.diagnostics.iter().map(|d| (d.code, d.message.clone())).collect::<Vec<_>>()
            };
            assert_eq!(codes(&report), codes(&expected), "{place}");
            assert_same(&tree, &shape(&out));
            // Somebody sees to it, or the rest would be nothing but failures.
            if model.random.chance(60) {
                mend(&mut model);
            }
        }
        (0..=model.random.below(2)).for_each(|_| model.edit());
    }
    partly
}

/// Takes away what is wrong, and gives names that lead nowhere something to lead to.
fn mend(model: &mut Model) {
    model.broken = None;
    let mut text: String =
        model.devices.values().chain(model.layouts.values()).map(|placed| placed.text.clone()).collect();
    text.push(']');
    for n in 0..=model.counter {
        for kind in ["sales", "lab"] {
            let name = format!("{kind}-{n}");
            let named = text.contains(&format!("{name}]")) || text.contains(&format!("{name}}}"));
            if named && !model.lines.contains_key(&name) {
                model.lines.insert(name, Placed { file: 0, text: format!("number: '{n}'") });
            }
        }
    }
}

/// How many random histories each test tries: `PROVC_HISTORIES`, few if that is not set.
fn histories() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "how long to try is for whoever runs the test to say")]
    let asked = std::env::var("PROVC_HISTORIES").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(2)
}

#[test]
fn any_edits_give_what_a_first_build_gives_from_process_to_process() {
    let count = histories();
    let partly: usize = (0..count).map(|seed| edits(seed, 35, false)).sum();
    assert!(partly > 8 * count as usize, "hardly any build worked on a part: {partly}");
}

#[test]
fn any_edits_give_what_a_first_build_gives_in_one_process() {
    let count = histories();
    let partly: usize = (100..100 + count).map(|seed| edits(seed, 35, true)).sum();
    assert!(partly > 8 * count as usize, "hardly any build worked on a part: {partly}");
}
