//! Aastra and Mitel: `time zone name: Custom` with minutes to the west, and `dst start` and `dst end` by week and
//! weekday. By the administrator guide a week from 1 to 4 is a full one, which begins on a Sunday; -1 is the last
//! such day of the month; hours are those of the wall.

use std::collections::BTreeMap;

use super::rule::{Day, Dst, In, Moment, Rule};
use super::{Case, Clock};

/// All versions: their zones are written alike.
pub const CASES: &[Case] = &[
    case("aastra-3.3.1", "6731i"),
    case("aastra-4.2.0", "6863i"),
    case("aastra-4.3.0", "6863i"),
    case("aastra-5.0.0", "6863i"),
    case("aastra-5.1.0", "6930"),
    case("aastra-6.4.0", "6905"),
];

/// Chatham's change at 2:45, by two names, and Troll's by two hours are more than the phones can do; of Easter
/// Island's first Saturday, by two names, the guide does not say which it is.
const fn case(plugin: &'static str, model: &'static str) -> Case {
    Case { plugin, model, file: "Aastra/{MAC}.cfg", refused: 5, read }
}

fn read(text: &str) -> Result<Clock, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let said: BTreeMap<&str, &str> = lines.filter_map(|line| line.split_once(": ")).collect();
    let number = |name: &str| {
        let value = said.get(name).ok_or_else(|| format!("no `{name}`"))?;
        value.parse::<i64>().map_err(|error| format!("`{name}`: {error}"))
    };
    if said.get("time zone name") != Some(&"Custom") {
        return Err("the zone is not `Custom`".to_owned());
    }
    let utc_offset = -60 * number("time zone minutes")?;
    match number("dst config")? {
        0 => return Ok(Clock::Rule(Rule::fixed(utc_offset))),
        3 => {}
        other => return Err(format!("`dst config` is {other}")),
    }
    let minutes = number("dst minutes")?;
    if !(0..=60).contains(&minutes) || number("dst [start|end] relative date")? != 1 {
        return Err("summer time is not an hour at most, by weekdays".to_owned());
    }
    let moment = |edge: &str| {
        let part = |name: &str| number(&format!("dst {edge} {name}"));
        let (weekday, hour) = (part("day")? - 1, part("hour")?);
        let day = match part("week")? {
            -1 => Day::Last(weekday),
            week @ 1..=4 => Day::OnOrAfter(weekday, 7 * week - 6 + weekday),
            week => return Err(format!("week {week}")),
        };
        if !(0..=23).contains(&hour) {
            return Err(format!("hour {hour}"));
        }
        Ok(Moment { month: part("month")?, day, time: 3600 * hour, clock: In::Wall })
    };
    let dst = Dst { utc_offset: utc_offset + 60 * minutes, start: moment("start")?, end: moment("end")? };
    Ok(Clock::Rule(Rule { utc_offset, dst: Some(dst) }))
}

#[test]
fn zones() {
    super::every_zone(CASES);
}
