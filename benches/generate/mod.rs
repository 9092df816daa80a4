//! Inventories of any size for benchmarks and tests: Digium phones with all that an office gives them.
//!
//! What is written depends on the number of phones alone. Devices and lines lie in files of about eighty,
//! as people split them by floor or by customer; a device with its line takes about 630 bytes.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// How many devices, and how many lines, one file holds.
pub const PER_FILE: usize = 80;

/// Model, firmware, and how many function keys the phone gets: no more than it has.
const MODELS: [(&str, &str, usize); 8] = [
    ("D40", "1.4.0.0", 0),
    ("D50", "1.4.0.0", 6),
    ("D60", "2.2.1.8", 1),
    ("D45", "2.2.1.8", 0),
    ("D65", "2.2.1.8", 6),
    ("D65", "2.8.1", 6),
    ("D65", "2.8.1", 6),
    ("D70", "2.8.1", 6),
];
const NAMES: [&str; 10] =
    ["Alice", "Bruno", "Chloé", "David", "Emma", "François", "Günther", "Hélène", "Igor", "Jeanne"];

/// Writes the inventory of `phones` phones below `place`.
///
/// # Errors
/// What the file system answers.
pub fn inventory(place: &Path, phones: usize) -> io::Result<()> {
    for directory in ["devices", "lines"] {
        fs::create_dir_all(place.join(directory))?;
    }
    fs::write(place.join("site.yaml"), SITE)?;
    fs::write(place.join("contacts.yaml"), contacts())?;
    for start in (0..phones).step_by(PER_FILE) {
        let (mut devices, mut lines) = (String::from("devices:\n"), String::from("lines:\n"));
        for n in start..phones.min(start + PER_FILE) {
            device(n, phones, &mut devices);
            line(n, &mut lines);
        }
        let name = format!("{:05}.yaml", start / PER_FILE);
        fs::write(place.join("devices").join(&name), devices)?;
        fs::write(place.join("lines").join(&name), lines)?;
    }
    Ok(())
}

const SITE: &str = r#"site:
  name: bench
  http_url: http://10.0.0.1:8667

profiles:
  base:
    vendor: Digium
    locale: fr_FR
    timezone: Europe/Paris
    sip:
      proxy: 10.0.0.10
      backup_proxy: 10.0.0.11
      transport: udp
      subscribe_mwi: true
      codecs: [g722, pcma, pcmu]
      register_expires: 3600
    network:
      ntp: 10.0.0.8
    feature_codes: {voicemail: "*98", pickup: "*8", park: "700", intercom: "*80"}
    admin: {pin: "2468"}
    contacts: [company]
  office:
    function_keys:
      1: {type: park, value: "701", label: Parc 1}
  paris:
    locale: fr_FR
  montreal:
    locale: fr_CA
    timezone: America/Montreal
    sip: {proxy: 10.1.0.10, backup_proxy: 10.0.0.10}
    network: {ntp: 10.1.0.8}
  voice_vlan:
    network:
      vlan: {id: 100, priority: 5}
"#;

fn contacts() -> String {
    let mut text = String::from("contacts:\n  company:\n");
    for (n, name) in NAMES.iter().enumerate() {
        let _ = writeln!(
            text,
            "    - {{first_name: {name}, last_name: Martin, organization: R&D, numbers: {{work: \"10{n:02}\"}}}}"
        );
    }
    text
}

fn device(n: usize, phones: usize, text: &mut String) {
    let (hi, mid, low) = (n >> 16 & 255, n >> 8 & 255, n & 255);
    let (model, firmware, keys) = MODELS[n % MODELS.len()];
    let place = match n / PER_FILE % 3 {
        0 => "paris",
        1 => "montreal",
        _ => "voice_vlan",
    };
    // Its first key is the one of this profile.
    let office = if keys == 0 { "" } else { "office, " };
    let (floor, building) = (n / PER_FILE % 10, n / 800);
    let _ = write!(
        text,
        r#"  - mac: 00:0f:d3:{hi:02x}:{mid:02x}:{low:02x}
    name: phone-{n}
    model: {model}
    firmware: {firmware}
    profiles: [{office}{place}]
    tags: [floor-{floor}, building-{building}]
    note: "Room {low}, desk {n}"
    lines: [line-{n}]
"#,
    );
    if keys > 1 {
        text.push_str("    function_keys:\n");
    }
    for position in 2..=keys {
        let colleague = (n + position) % phones;
        let _ = match position {
            2 | 3 => writeln!(text, "      {position}: {{type: blf, target: line-{colleague}}}"),
            4 => {
                writeln!(text, "      4: {{type: blf, target: line-{colleague}, label: Bureau {colleague}}}")
            }
            5 => writeln!(text, "      5: {{type: speeddial, value: \"+331{n:08}\", label: Taxi}}"),
            _ => writeln!(text, "      {position}: {{type: park, value: \"702\", label: Parc 2}}"),
        };
    }
    // One in ten says something of its own about SIP, which it then shares with nobody.
    if n.is_multiple_of(10) {
        let _ = writeln!(text, "    sip: {{register_expires: {}}}", 1800 + n % 7);
    }
}

fn line(n: usize, text: &mut String) {
    let _ = write!(
        text,
        r#"  line-{n}:
    number: "{number}"
    username: user{n}
    password: Xk3{n}vQ9z
    display_name: "{name} N'Diaye {n}"
    label: "{name} {number}"
    voicemail: "*98{n}"
"#,
        number = 100_000 + n,
        name = NAMES[n % NAMES.len()],
    );
}
