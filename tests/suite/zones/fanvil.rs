//! Fanvil: the zone in quarters of an hour to the east (older C series: a number in a list of zones), and summer time
//! by month, week (5 is the last), weekday (0 is Sunday) and hour of the wall. The newer firmware writes
//! `<DSTStartMon>`, the older one `<DST_Start_Mon>`.

use std::collections::BTreeMap;

use super::rule::{Day, Dst, In, Moment, Rule};
use super::{Case, Clock};

/// All versions, and the phones with a list of zones.
pub const CASES: &[Case] = &[
    case("fanvil-1.12.2", "X5S"),
    case("fanvil-2.3", "X2"),
    case("fanvil-2.6.10", "V67"),
    case("fanvil-2.12.20", "X3SG"),
    case("fanvil-2.12.44", "i10S"),
    case("fanvil-2.14.0", "X2"),
    case("fanvil-2.16.10", "W610W"),
    // The list knows full hours from 12 to the west to 12 to the east.
    Case {
        plugin: "fanvil-2.3",
        model: "C58",
        file: "Fanvil/{mac}.cfg",
        refused: LIST_REFUSES,
        read: listed,
    },
];

/// Zones of half hours and of 13 and 14 hours, and the three of [`case`].
const LIST_REFUSES: usize = 34;

/// Chatham's change at 2:45, by two names, and Troll's by two hours are more than the phones can do.
const fn case(plugin: &'static str, model: &'static str) -> Case {
    Case { plugin, model, file: "Fanvil/{mac}.cfg", refused: 3, read }
}

/// The number of each zone of the C series, and its hours to the east.
const LIST: &[(i64, i64)] = &[
    (0, -12),
    (1, -11),
    (2, -10),
    (3, -9),
    (4, -8),
    (5, -7),
    (8, -6),
    (12, -5),
    (15, -4),
    (19, -3),
    (22, -2),
    (23, -1),
    (25, 0),
    (27, 1),
    (32, 2),
    (38, 3),
    (43, 4),
    (46, 5),
    (50, 6),
    (54, 7),
    (56, 8),
    (61, 9),
    (66, 10),
    (71, 11),
    (72, 12),
];

fn read(text: &str) -> Result<Clock, String> {
    clock(text, |zone| if (-48..=56).contains(&zone) { Ok(900 * zone) } else { Err(format!("zone {zone}")) })
}

fn listed(text: &str) -> Result<Clock, String> {
    let hours = |zone| LIST.iter().find(|(number, _)| *number == zone).map(|(_, hours)| 3600 * hours);
    clock(text, |zone| hours(zone).ok_or_else(|| format!("there is no zone {zone}")))
}

fn clock(text: &str, zone: impl Fn(i64) -> Result<i64, String>) -> Result<Clock, String> {
    // Elements by their names without underscores; those of the clock stand once.
    let said: BTreeMap<String, &str> = text
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.trim().strip_prefix('<')?.split_once('>')?;
            Some((name.replace('_', ""), rest.split_once("</")?.0))
        })
        .collect();
    let number = |name: &str| {
        let value = said.get(name).ok_or_else(|| format!("no `{name}`"))?;
        value.parse::<i64>().map_err(|error| format!("`{name}`: {error}"))
    };
    let utc_offset = zone(number("TimeZone")?)?;
    // Newer firmware calls it `DSTType`.
    if said.get("DSTType").is_some_and(|kind| Some(kind) != said.get("EnableDST")) {
        return Err("the two switches of summer time differ".to_owned());
    }
    match number("EnableDST")? {
        0 => return Ok(Clock::Rule(Rule::fixed(utc_offset))),
        2 => {}
        other => return Err(format!("`EnableDST` is {other}")),
    }
    let moment = |edge: &str| {
        let part = |name: &str| number(&format!("DST{edge}{name}"));
        let (week, hour) = (part("Week")?, part("Hour")?);
        if !(1..=5).contains(&week) || !(0..=23).contains(&hour) {
            return Err(format!("week {week}, hour {hour}"));
        }
        let day = Day::week(week, part("Wday")?);
        Ok(Moment { month: part("Mon")?, day, time: 3600 * hour, clock: In::Wall })
    };
    let minutes = number("DSTMinOffset")?;
    let dst = Dst { utc_offset: utc_offset + 60 * minutes, start: moment("Start")?, end: moment("End")? };
    Ok(Clock::Rule(Rule { utc_offset, dst: Some(dst) }))
}

#[test]
fn zones() {
    super::every_zone(CASES);
}
