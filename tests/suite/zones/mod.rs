//! Every zone of the IANA database on every version of every family: what the files tell the phones is read
//! back by the vendor's documents, without a look at the templates, and held against the database from 2026
//! to the end of 2030.
//!
//! A family has a file here with its [`Case`]s, one for each of its versions and each syntax of a time zone,
//! and a test that hands them to [`every_zone`]. Its cases stand in [`FAMILIES`], so that a version without
//! one is noticed.

mod aastra;
mod cisco_mpp;
mod cisco_spa;
mod digium;
mod fanvil;
mod grandstream;
mod iana;
mod polycom;
mod rule;
mod snom;
mod yealink;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use provc::inventory::timezone;

use self::rule::Rule;
use crate::support::Repository;

/// All readers. A family adds a line.
const FAMILIES: &[&[Case]] = &[
    aastra::CASES, //
    digium::CASES,
    fanvil::CASES,
    grandstream::CASES,
    cisco_mpp::CASES,
    cisco_spa::CASES,
    polycom::CASES,
    snom::CASES,
    yealink::CASES,
];

/// Versions that need no reader, each with the reason.
const WITHOUT_CLOCK: &[(&str, &str)] = &[
    ("cisco_spa-1.2.2", "the ATA190 takes names of zones that only Cisco's own servers know"),
    ("linphone-5.0.0", "a program that shows its computer's time"),
    ("linphone-5.4.0", "a program that shows its computer's time"),
];

/// One syntax of a time zone in the files of one version.
pub struct Case {
    /// The plugin's id.
    plugin: &'static str,
    /// A model that shows the time.
    model: &'static str,
    /// The file that says it, with `{mac}` or `{MAC}` for the phone's address.
    file: &'static str,
    /// How many zones the plugin refuses, with a message that names the zone. Exactly so many, so that a reader
    /// does not pass because all are refused.
    refused: usize,
    /// What the phone will do, from the text of the file; an error says what could not be understood.
    read: fn(&str) -> Result<Clock, String>,
}

/// What a phone is told of its zone.
#[derive(Debug)]
pub enum Clock {
    /// An IANA name; the phone's own database says the rest.
    Name(String),
    /// Offsets and, maybe, yearly changes.
    Rule(Rule),
}

/// A device for every zone, by address.
fn devices() -> BTreeMap<String, &'static str> {
    (0x0015_6500_0000_u64..).zip(timezone::names()).map(|(mac, zone)| (format!("{mac:012x}"), zone)).collect()
}

fn inventory(case: &Case, vendor: &str) -> String {
    let mut text = format!(
        "site: {{http_url: \"http://192.0.2.1\", tftp_host: 192.0.2.1}}\nprofiles:\n  base:\n    vendor: {vendor}\n    \
         model: \"{}\"\n    plugin: {}\n    locale: en_US\n    sip: {{proxy: 192.0.2.10}}\n    \
         network: {{ntp: 192.0.2.20}}\ndevices:\n",
        case.model, case.plugin
    );
    for (mac, zone) in devices() {
        writeln!(text, "  - {{mac: \"{mac}\", timezone: {zone}}}").unwrap();
    }
    text
}

/// Builds a device for every zone with each case and compares. Families call it in a test of their own, so that
/// they run side by side.
#[track_caller]
pub fn every_zone(cases: &[Case]) {
    let wrong: Vec<String> = cases.iter().flat_map(wrong_zones).collect();
    let shown = wrong.iter().take(40).fold(String::new(), |text, line| text + line + "\n");
    assert!(wrong.is_empty(), "{} wrong:\n{shown}", wrong.len());
}

/// The zones of a case that the phones would get wrong, a line each.
fn wrong_zones(case: &Case) -> Vec<String> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins");
    let manifest = set();
    let vendor = &manifest.get(case.plugin).expect(case.plugin).manifest.vendor.value;
    let repository = Repository::new(&[("inventory/all.yaml", &inventory(case, vendor))]);
    // A zone that is refused must not keep the others from being written.
    let run = repository.provc(&[
        "--plugins",
        plugins.to_str().unwrap(),
        "--format",
        "json",
        "build",
        "--keep-going",
    ]);
    assert!(run.status <= 1, "{}", run.stderr);
    let said = run.json();
    let errors: Vec<String> = said["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|d| d["severity"] == "error")
        .map(ToString::to_string)
        .collect();

    let (mut wrong, mut refused) = (Vec::new(), BTreeSet::new());
    for (mac, zone) in devices() {
        let path = case.file.replace("{mac}", &mac).replace("{MAC}", &mac.to_uppercase());
        let Ok(text) = std::fs::read_to_string(repository.path().join("out").join(&path)) else {
            refused.insert(zone);
            if !errors.iter().any(|error| error.contains(zone)) {
                wrong
                    .push(format!("{zone}: there is no out/{path}, and no error names the zone: {errors:?}"));
            }
            continue;
        };
        if let Err(problem) = (case.read)(&text).and_then(|clock| compare(zone, &clock)) {
            wrong.push(format!("{} {}: {zone}: {problem}", case.plugin, case.model));
        }
    }
    if refused.len() != case.refused {
        let (n, expected) = (refused.len(), case.refused);
        wrong.push(format!("{}: {n} zones are refused instead of {expected}: {refused:?}", case.plugin));
    }
    wrong
}

/// Holds what the phone will do against the database. Where provc says that no yearly rule can tell the zone
/// exactly, the standard offset has to be right.
fn compare(zone: &str, clock: &Clock) -> Result<(), String> {
    let told = timezone::lookup(zone).expect(zone);
    let truth = iana::timeline(zone).expect(zone);
    let (rule, said) = match clock {
        Clock::Name(name) => {
            let said = iana::timeline(name).ok_or_else(|| format!("there is no zone {name:?}"))?;
            return same(&said, &truth, &format!("the name {name:?}"));
        }
        Clock::Rule(rule) => (rule, rule.timeline()?),
    };
    if told.exact {
        return same(&said, &truth, &format!("{rule:?}"));
    }
    if rule.utc_offset != i64::from(told.utc_offset) {
        return Err(format!("the standard offset is {}, not {}", rule.utc_offset, told.utc_offset));
    }
    Ok(())
}

fn same(said: &[(i64, i64)], truth: &[(i64, i64)], what: &str) -> Result<(), String> {
    if said == truth {
        return Ok(());
    }
    let differs = said.iter().zip(truth).find(|(said, truth)| said != truth);
    Err(match differs {
        Some((said, truth)) => format!(
            "by {what} the offset becomes {} at {}; by the database {} at {}",
            said.1,
            iana::utc(said.0),
            truth.1,
            iana::utc(truth.0)
        ),
        None => {
            format!("by {what} there are {} changes, by the database {}", said.len() - 1, truth.len() - 1)
        }
    })
}

fn set() -> provc::plugin::PluginSet {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins");
    let (mut sources, mut out) = <_>::default();
    provc::plugin::PluginSet::load(&[plugins], None, &mut sources, &mut out)
}

/// The comparison that all readers rely on finds what is wrong.
#[test]
fn wrong_clocks_are_told() {
    let told = |zone: &str, rule: &str| compare(zone, &Clock::Rule(rule::posix(rule).unwrap()));
    told("Europe/Paris", "CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    told("Pacific/Apia", "<+13>-13").unwrap();
    for (zone, rule, said) in [
        ("Europe/Paris", "CET-1CEST,M3.4.0,M10.5.0/3", "becomes 7200 at 2026-03-22T01:00:00Z"),
        ("Europe/Paris", "CET-1CEST,M3.5.0,M10.5.0/2", "at 2026-10-25T00:00:00Z"),
        ("Europe/Paris", "CET-1", "there are 0 changes, by the database 10"),
        ("Asia/Kathmandu", "<+0530>-5:30", "becomes 19800"),
        // No yearly rule says how Vancouver ends its changes, but its standard time is known.
        ("America/Vancouver", "PST8", "the standard offset is -28800, not -25200"),
    ] {
        let problem = told(zone, rule).expect_err(rule);
        assert!(problem.contains(said), "{zone} {rule}: {problem}");
    }
    told("America/Vancouver", "MST7").unwrap();
    assert!(compare("Europe/Kyiv", &Clock::Name("Europe/Kiev".to_owned())).is_ok());
    assert!(compare("Europe/Kyiv", &Clock::Name("Europe/Kijew".to_owned())).is_err());
    assert!(compare("Europe/Kyiv", &Clock::Name("Europe/Lisbon".to_owned())).is_err());
}

#[test]
fn every_version_has_a_reader() {
    let read: BTreeSet<&str> = FAMILIES.iter().copied().flatten().map(|case| case.plugin).collect();
    let excused: BTreeSet<&str> = WITHOUT_CLOCK.iter().map(|(plugin, _)| *plugin).collect();
    let known = set();
    let known: BTreeSet<&str> = known.iter().map(|plugin| plugin.id()).collect();
    let missing: Vec<_> = known.iter().filter(|id| !read.contains(*id) && !excused.contains(*id)).collect();
    assert!(missing.is_empty(), "no case in tests/suite/zones/ reads the time zone of {missing:?}");
    let unknown: Vec<_> = read.union(&excused).filter(|id| !known.contains(*id)).collect();
    assert!(unknown.is_empty(), "there are no such plugins: {unknown:?}");
}
