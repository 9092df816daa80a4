//! Values that try to be more than values: whatever an inventory holds, a phone's XML holds exactly that.
//!
//! The same inventory is built twice, with plain words and with nasty ones. Where the plain files have a
//! word, the nasty ones must have its counterpart, and nothing else may differ: not an element, not an
//! attribute.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Map, Value, json};

use super::support::Repository;
use super::tree::contents;
use super::xml::Element;

/// The firmware versions, and the lines and keys used on each model.
const D4_5_7: [(&str, usize, usize); 3] = [("D40", 2, 0), ("D50", 4, 10), ("D70", 6, 30)];
const D6: [(&str, usize, usize); 4] = [("D45", 2, 0), ("D60", 1, 1), ("D62", 1, 1), ("D65", 2, 30)];
const VERSIONS: [&str; 3] = ["1.4.0.0", "2.2.1.8", "2.8.1"];

const TEXTS: [&str; 22] = [
    "\"double\" 'single'",
    "\"/><setting id=\"pwned\" value=\"1",
    "R&D &amp; &#60; &lt;",
    "a < b > c",
    "]]> <![CDATA[x]]>",
    "--> <!-- <?xml?>",
    "{{ lines }}{% raw %}{# x #}",
    "  two  blanks  ",
    "Zoé Ünal",
    "e\u{301}t\u{e9} decomposed",
    "漢字かな 한국어",
    "👩‍👩‍👧‍👦 😀 \u{1f3f4}",
    "\u{5d0}\u{5d1} \u{202e}right to left\u{202c} \u{200f}",
    "\u{a0}no-break\u{200b}\u{fffd}",
    "null",
    "~",
    "0123",
    "!!str *x &y",
    "- a: b # c",
    "$(id) `id` ; | \\ %s %n",
    "<",
    "&",
];

const NUMBERS: [&str; 5] = ["+33123456789", "*98#", "#31#*+", "0123", "1001\"&<'"];

/// Words for an inventory, each used once, in pairs of a plain and a nasty one.
struct Words {
    nasty: bool,
    pairs: RefCell<Vec<(String, String)>>,
    passwords: RefCell<usize>,
}

impl Words {
    fn new(nasty: bool) -> Self {
        Self { nasty, pairs: RefCell::default(), passwords: RefCell::default() }
    }

    fn pair(&self, nasty: impl FnOnce(usize) -> String) -> String {
        let mut pairs = self.pairs.borrow_mut();
        let n = pairs.len();
        let pair = (format!("q{n:05}q"), nasty(n));
        let word = if self.nasty { pair.1.clone() } else { pair.0.clone() };
        pairs.push(pair);
        word
    }

    fn text(&self) -> String {
        self.pair(|n| TEXTS[n % TEXTS.len()].to_owned())
    }

    fn number(&self) -> String {
        self.pair(|n| NUMBERS[n % NUMBERS.len()].to_owned())
    }

    /// 200 characters.
    fn long(&self) -> String {
        self.pair(|n| {
            ["Ünal & \"Söhne\" ", "漢😀<&>'"][n % 2].chars().cycle().skip(n % 3).take(200).collect()
        })
    }

    /// A name that no other has.
    fn name(&self) -> String {
        self.pair(|n| format!("{} {n}", TEXTS[n % TEXTS.len()]))
    }

    /// Every printable ASCII character; each password begins and ends with other ones.
    fn password(&self) -> String {
        let mut n = self.passwords.borrow_mut();
        *n += 1;
        self.pair(|_| (0..95_u8).map(|i| char::from(b' ' + (i + *n as u8 % 95) % 95)).collect())
    }
}

/// Phones of every model that the firmware is for, until each character was the first of a password.
fn inventory(firmware: &str, words: &Words) -> String {
    let base = json!({
        "vendor": "Digium", "firmware": firmware, "locale": "fr_FR", "timezone": "Europe/Paris",
        "sip": {"proxy": "192.0.2.10:5070", "backup_proxy": "192.0.2.11"},
        "admin": {"password": words.password()},
        "http": {"username": words.text(), "password": words.password()},
        "network": {"ntp": "192.0.2.8", "dot1x": {"mode": "md5", "identity": words.text(), "password": words.password()}},
        "feature_codes": {"pickup": words.number(), "intercom": words.number()},
        "contacts": ["all"],
        "extra": {"digium": {"idle_company_text": words.text()}},
    });
    let contacts: Vec<Value> = (0..TEXTS.len())
        .map(|_| {
            json!({"first_name": words.text(), "last_name": words.text(), "organization": words.long(),
                   "numbers": {"work": words.number(), "mobile": words.number()}})
        })
        .chain([json!({"name": words.text(), "number": words.number()})])
        .collect();
    let models = D4_5_7.iter().chain(D6.iter().filter(|_| firmware != "1.4.0.0"));
    let (mut lines, mut devices) = (Map::new(), Vec::new());
    for (model, line_count, key_count) in models.cycle() {
        let names: Vec<String> = (0..*line_count).map(|_| words.name()).collect();
        for name in &names {
            let line = json!({
                "number": words.number(), "username": words.text(), "auth_username": words.text(),
                "password": words.password(), "display_name": words.text(), "label": words.long(),
                "voicemail": words.number(),
            });
            lines.insert(name.clone(), line);
        }
        let key = |n: usize| {
            let kind = ["blf", "speeddial", "intercom", "park"][n % 4];
            (n.to_string(), json!({"type": kind, "value": words.number(), "label": words.text()}))
        };
        let keys: Map<String, Value> = (1..=*key_count).map(key).collect();
        devices.push(json!({
            "mac": format!("000fd3{:06x}", devices.len()), "name": words.name(), "model": model,
            "lines": names, "function_keys": keys,
        }));
        if *words.passwords.borrow() > 100 {
            break;
        }
    }
    let inventory = json!({
        "site": {"name": "nasty", "http_url": "http://192.0.2.1:8667/a&b"},
        "profiles": {"base": base}, "lines": lines, "contacts": {"all": contacts}, "devices": devices,
    });
    // JSON is YAML.
    serde_json::to_string_pretty(&inventory).unwrap()
}

/// A repository of phones with nasty values.
pub fn repository(firmware: &str) -> Repository {
    Repository::new(&[("inventory/nasty.yaml", &inventory(firmware, &Words::new(true)))])
}

/// Every element in the order of the document with its path, and its attributes.
fn flat(element: &Element, above: &str, into: &mut Vec<(String, BTreeMap<String, String>)>) {
    let path = format!("{above}/{}", element.name);
    into.push((path.clone(), element.attributes.clone()));
    element.children.iter().for_each(|child| flat(child, &path, into));
}

/// The plain value with each plain word replaced by its nasty one.
fn counterpart(plain: &str, pairs: &[(String, String)], met: &mut [bool]) -> String {
    let mut parts = plain.split('q');
    let mut text = parts.next().unwrap_or_default().to_owned();
    let mut between = false;
    for part in parts {
        match part.parse::<usize>().ok().filter(|n| part.len() == 5 && *n < pairs.len()) {
            Some(n) => {
                met[n] = true;
                text.push_str(&pairs[n].1);
                between = true;
            }
            None => {
                text.push_str(if between { "" } else { "q" });
                text.push_str(part);
                between = false;
            }
        }
    }
    text
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn every_value_arrives_as_it_was_written() {
    for firmware in VERSIONS {
        let (plain_words, nasty_words) = (Words::new(false), Words::new(true));
        let plain = Repository::new(&[("inventory/a.yaml", &inventory(firmware, &plain_words))]);
        let nasty = Repository::new(&[("inventory/a.yaml", &inventory(firmware, &nasty_words))]);
        plain.provc(&["build"]).expect(0);
        nasty.provc(&["build"]).expect(0);
        let pairs = nasty_words.pairs.into_inner();
        let mut met = vec![false; pairs.len()];
        let (plain, nasty) = (contents(&plain.path().join("out")), contents(&nasty.path().join("out")));
        assert!(plain.len() > 20, "{firmware}: {}", plain.len());
        assert_eq!(plain.keys().collect::<Vec<_>>(), nasty.keys().collect::<Vec<_>>());
        for (name, bytes) in &plain {
            let parse = |bytes: &[u8]| {
                let mut all = Vec::new();
                flat(&Element::parse(std::str::from_utf8(bytes).unwrap()), "", &mut all);
                all
            };
            let (plain, nasty) = (parse(bytes), parse(&nasty[name]));
            assert_eq!(plain.len(), nasty.len(), "{firmware} {name}: other elements");
            for ((path, plain), (nasty_path, nasty)) in plain.iter().zip(&nasty) {
                assert_eq!(path, nasty_path, "{firmware} {name}");
                assert!(plain.keys().eq(nasty.keys()), "{firmware} {name} {path}: other attributes");
                for (attribute, value) in plain {
                    let wanted = counterpart(value, &pairs, &mut met);
                    // Names and passwords in addresses are percent-encoded.
                    let found = match attribute.as_str() {
                        "url" => percent_decoded(&nasty[attribute]),
                        _ => nasty[attribute].clone(),
                    };
                    assert_eq!(wanted, found, "{firmware} {name} {path} {attribute}");
                }
            }
        }
        // Names of lines and of devices are for the inventory alone; everything else is on a phone.
        let names = |(n, (_, nasty)): &(usize, &(String, String))| !nasty.ends_with(&format!(" {n}"));
        let lost: Vec<_> =
            pairs.iter().enumerate().filter(names).filter(|(n, _)| !met[*n]).map(|(_, pair)| pair).collect();
        assert!(lost.is_empty(), "{firmware}: {lost:?}");
    }
}

#[test]
fn xmllint_accepts_every_file() {
    for firmware in VERSIONS {
        let repository = repository(firmware);
        repository.provc(&["build"]).expect(0);
        let out = repository.path().join("out");
        let mut xmllint = Command::new("xmllint");
        xmllint.arg("--noout").args(repository.files("out")).current_dir(&out);
        let output =
            xmllint.output().unwrap_or_else(|error| panic!("xmllint: {error}; tests/run installs it"));
        assert!(output.status.success(), "{firmware}: {}", String::from_utf8_lossy(&output.stderr));

        // And reads a password as it was meant.
        let mut xmllint = Command::new("xmllint");
        xmllint.args(["--xpath", "string(//account[1]/@password)", "Digium/000fd3000000.cfg"]);
        let output = xmllint.current_dir(&out).output().unwrap();
        let password = String::from_utf8(output.stdout).unwrap();
        let mut characters: Vec<char> = password.trim_end_matches('\n').chars().collect();
        characters.sort_unstable();
        assert_eq!(characters, (b' '..=b'~').map(char::from).collect::<Vec<_>>());
    }
}

#[test]
fn characters_that_no_xml_can_hold_are_refused_where_they_are_written() {
    for bad in
        ["\\u0000", "\\u0001", "\\u001b", "\\n", "\\t", "\\u007f", "\\u0085", "\\u2028", "\\ufffe", "\\uffff"]
    {
        let inventory = format!(
            "profiles: {{base: {{vendor: Digium, model: D40, sip: {{proxy: 192.0.2.1}}}}}}\n\
             site: {{http_url: 'http://192.0.2.1'}}\n\
             lines:\n  a: {{number: '1', username: a, password: x, display_name: \"a{bad}b\"}}\n\
             devices: [{{mac: 000fd3000001, lines: [a]}}]\n"
        );
        let repository = Repository::new(&[("inventory/a.yaml", &inventory)]);
        let output = repository.provc(&["build"]).expect(1);
        assert!(output.stderr.contains("inventory/a.yaml:4:"), "{bad}: {}", output.stderr);
        assert!(contents(&repository.path().join("out")).is_empty(), "{bad}");
    }
}
