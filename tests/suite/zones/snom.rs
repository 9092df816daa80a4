//! Snom desk phones: `utc_offset` in seconds and `dst`, such as `3600 03.05.07 02:00:00 10.05.07 03:00:00`: what
//! the clock gains, then month, week (5 is the last), weekday (Monday is 1) and wall clock of both changes.
//! The name in `timezone` has to agree with the offset.
//!
//! DECT bases: the offset stands in the name, `AUS+9.5` in hours; `dst_start_...` and `dst_stop_...` have a
//! setting each for month, hour, weekday (Sunday is 1) and week, where 5 is the last and 4 the last but one.

use super::rule::{Day, Dst, In, Moment, Rule};
use super::{Case, Clock};
use crate::xml::Element;

/// All versions.
pub const CASES: &[Case] = &[
    desk("snom-8.7.5.35", "320"),
    desk("snom-8.9.3.80", "D315"),
    desk("snom-10.1.54.13", "D120"),
    desk("snom-10.1.215.13", "D713"),
    dect("snom-05.20.0001", "M300"),
    dect("snom-07.40.0104", "M400"),
];

const fn desk(plugin: &'static str, model: &'static str) -> Case {
    Case { plugin, model, file: "{MAC}.xml", refused: 0, read: read_desk }
}

// Refused are zones without a name (Kabul, Kathmandu, Yangon, Eucla, the Marquesas, west of -10 and east of +13 hours),
// half an hour or two of summer time (Lord Howe, Troll), and changes at a quarter to (the Chathams).
const fn dect(plugin: &'static str, model: &'static str) -> Case {
    Case { plugin, model, file: "{MAC}.xml", refused: 22, read: read_dect }
}

fn setting<'e>(section: &'e Element, name: &str) -> Result<&'e str, String> {
    match section.all(name).as_slice() {
        [one] => Ok(one.text.trim()),
        found => Err(format!("{} settings {name}", found.len())),
    }
}

fn number(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

/// The seconds that a zone's name ends in: `GER+1`, `AUS2+9.5`.
fn offset_of(name: &str) -> Result<i64, String> {
    let at = name.find(['+', '-']).ok_or_else(|| format!("{name:?} has no offset"))?;
    let (sign, hours) = name.split_at(at).1.split_at(1);
    let (whole, part) = hours.split_once('.').unwrap_or((hours, "0"));
    let minutes = match part {
        "0" => 0,
        "5" => 30,
        "75" => 45,
        other => return Err(format!("{name:?} ends in .{other}")),
    };
    let seconds = number(whole)? * 3600 + minutes * 60;
    Ok(if sign == "-" { -seconds } else { seconds })
}

fn read_desk(text: &str) -> Result<Clock, String> {
    let root = Element::parse(text);
    let settings = root.only("phone-settings");
    let utc_offset = number(setting(settings, "utc_offset")?)?;
    if let Some(zone) = settings.all("timezone").first() {
        let named = offset_of(zone.text.trim())?;
        if named != utc_offset {
            return Err(format!("{:?} is not {utc_offset}", zone.text));
        }
    }
    let words: Vec<&str> = setting(settings, "dst")?.split(' ').filter(|word| !word.is_empty()).collect();
    let dst = match words.as_slice() {
        [] => None,
        [gains, from, from_time, to, to_time] => Some(Dst {
            utc_offset: utc_offset + number(gains)?,
            start: moment(from, from_time)?,
            end: moment(to, to_time)?,
        }),
        _ => return Err(format!("dst is {words:?}")),
    };
    Ok(Clock::Rule(Rule { utc_offset, dst }))
}

/// `03.05.07` and `02:00:00`.
fn moment(date: &str, time: &str) -> Result<Moment, String> {
    let numbers = |text: &str, separator| {
        let read: Result<Vec<i64>, String> = text.split(separator).map(number).collect();
        <[i64; 3]>::try_from(read?).map_err(|_| format!("{text:?} has not three numbers"))
    };
    let [month, week, weekday] = numbers(date, '.')?;
    let [hours, minutes, seconds] = numbers(time, ':')?;
    if !(1..=7).contains(&weekday) {
        return Err(format!("there is no weekday {weekday}"));
    }
    let day = Day::week(week, weekday % 7);
    Ok(Moment { month, day, time: hours * 3600 + minutes * 60 + seconds, clock: In::Wall })
}

fn read_dect(text: &str) -> Result<Clock, String> {
    let root = Element::parse(text);
    let settings = root.only("phone-settings");
    if setting(settings, "timezone_by_country_region")? != "off" {
        return Err("the base takes its zone from its country".to_owned());
    }
    let utc_offset = offset_of(setting(settings, "timezone")?)?;
    if setting(settings, "dst_by_country_region")? != "off" {
        // The base knows better than any rule: the offset is all that can be read.
        return Ok(Clock::Rule(Rule::fixed(utc_offset)));
    }
    let dst = match setting(settings, "dst_enable")? {
        "disabled" => None,
        "auto" if setting(settings, "dst_fixed_day_enable")? == "off" => Some(Dst {
            utc_offset: utc_offset + 3600,
            start: change(settings, "start")?,
            end: change(settings, "stop")?,
        }),
        other => return Err(format!("dst_enable is {other:?}")),
    };
    Ok(Clock::Rule(Rule { utc_offset, dst }))
}

fn change(settings: &Element, which: &str) -> Result<Moment, String> {
    let value = |name: &str| number(setting(settings, &format!("dst_{which}_{name}"))?);
    let weekday = value("day_of_week")? - 1;
    let day = match value("wday_last_in_month")? {
        5 => Day::Last(weekday),
        4 => return Err("the last weekday but one is nobody's rule".to_owned()),
        nth => Day::Nth(nth, weekday),
    };
    Ok(Moment { month: value("month")?, day, time: value("time")? * 3600, clock: In::Wall })
}

#[test]
fn zones() {
    super::every_zone(CASES);
}
