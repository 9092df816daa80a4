//! Cisco SPA phones and adapters, from their administration guides: `Time_Zone` is one of a list (`GMT+05:30`), to
//! which `Time_Offset__HH_mm_` adds hours and minutes, and `Daylight_Saving_Time_Rule` holds the changes. Adapters
//! that are routers have a code for zone and kind of summer time instead, which a rule of that syntax precedes.

use super::rule::{Day, Dst, In, Moment, Rule, hms, number};
use super::{Case, Clock};
use crate::xml::Element;

/// All versions that have a clock, the adapters that are routers last.
pub const CASES: &[Case] = &[
    phone("cisco_spa-7.5.5", "SPA504G"),
    phone("cisco_spa-6.1.5", "SPA942"),
    phone("cisco_spa-5.1.8", "SPA941"),
    phone("cisco_spa-5.2.12", "SPA2102"),
    phone("cisco_spa-6.1.11", "SPA8000"),
    // Codes for a few places, with three kinds of summer time.
    router("cisco_spa-1.3.5p", "SPA112", 65),
    // Codes for most whole hours and few others; summer time has a rule.
    router("cisco_spa-11.1.0", "ATA191", 28),
];

/// What `Time_Zone` may be beside whole hours from -12 to +13; Greenwich is `GMT` alone.
const HALF_HOURS: &[&str] = &["-03:30", "+03:30", "+05:30", "+05:45", "+06:30", "+09:30"];

const fn phone(plugin: &'static str, model: &'static str) -> Case {
    Case { plugin, model, file: "{mac}.xml", refused: 0, read: flat_profile }
}

const fn router(plugin: &'static str, model: &'static str, refused: usize) -> Case {
    Case { plugin, model, file: "{mac}.xml", refused, read: router_configuration }
}

/// The clock of a flat profile.
pub fn flat_profile(text: &str) -> Result<Clock, String> {
    let profile = Element::parse(text);
    let get = |name: &str| profile.only(name).text.clone();
    let utc_offset = zone(&get("Time_Zone"))? + offset(&get("Time_Offset__HH_mm_"))?;
    let dst = match get("Daylight_Saving_Time_Enable").as_str() {
        "Yes" => Some(rule(&get("Daylight_Saving_Time_Rule"), utc_offset)?),
        "No" => None,
        other => return Err(format!("Daylight_Saving_Time_Enable is {other:?}")),
    };
    Ok(Clock::Rule(Rule { utc_offset, dst }))
}

fn zone(text: &str) -> Result<i64, String> {
    let wrong = || format!("the phones have no zone {text:?}");
    let offset = text.strip_prefix("GMT").ok_or_else(wrong)?;
    let seconds = if offset.is_empty() { 0 } else { hms(offset)? };
    let listed = match offset.len() {
        0 => true,
        6 if seconds % 3600 == 0 => seconds != 0 && (-12..=13).contains(&(seconds / 3600)),
        _ => HALF_HOURS.contains(&offset),
    };
    if listed { Ok(seconds) } else { Err(wrong()) }
}

fn offset(text: &str) -> Result<i64, String> {
    let Some((hours, minutes)) = text.split_once('/') else {
        return if text.is_empty() { Ok(0) } else { Err(format!("{text:?} is not HH/mm")) };
    };
    Ok(number(hours)? * 3600 + number(minutes)? * 60)
}

/// `start=M/D/W/h:m:s;end=M/D/W/h:m:s;save=h:m:s`.
fn rule(text: &str, utc_offset: i64) -> Result<Dst, String> {
    let fields: Vec<&str> = text.split(';').collect();
    let [start, end, save] = fields.as_slice() else { return Err(format!("{text:?} has not three fields")) };
    let value = |field: &str, name: &str| {
        let value = field.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
        value.map(str::to_owned).ok_or_else(|| format!("{field:?} is not {name}"))
    };
    let save = hms(&value(save, "save")?)?;
    let (start, end) = (moment(&value(start, "start")?)?, moment(&value(end, "end")?)?);
    Ok(Dst { utc_offset: utc_offset + save, start, end })
}

/// Weekdays count from 1, which is Monday; 0 means the very date. The day is the first on or after which, or where
/// it is negative, on or before which (-1: of the month's last).
fn moment(text: &str) -> Result<Moment, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let [month, day, weekday, time] = parts.as_slice() else { return Err(format!("{text:?} is no moment")) };
    let day = match (number(day)?, number(weekday)?) {
        (day @ 1..=31, 0) => Day::Date(day),
        (day @ 1..=31, weekday @ 1..=7) => Day::OnOrAfter(weekday % 7, day),
        (-1, weekday @ 1..=7) => Day::Last(weekday % 7),
        (day @ -31..=-2, weekday @ 1..=7) => Day::OnOrBefore(weekday % 7, -day),
        _ => return Err(format!("{text:?} is no day")),
    };
    Ok(Moment { month: number(month)?, day, time: hms(time)?, clock: In::Wall })
}

/// The clock of a router's part of the file.
fn router_configuration(text: &str) -> Result<Clock, String> {
    let profile = Element::parse(text);
    let setup = profile.only("Time_Setup");
    let code = &setup.only("Time_Zone").text;
    let parts: Vec<&str> = code.split(' ').collect();
    let [hours, _, kind] = parts.as_slice() else { return Err(format!("{code:?} is no code of a zone")) };
    let utc_offset = match hours.split_once('.') {
        Some((hours, "5")) => hms(&format!("{hours}:30"))?,
        Some(_) => return Err(format!("{code:?} is no code of a zone")),
        None => hms(hours)?,
    };
    let own = setup.all("Daylight_Saving_Time_Rule").first().map_or("", |rule| rule.text.as_str());
    let dst = match (setup.only("Auto_Adjust_Clock").text.as_str(), own, *kind) {
        ("0", "", _) => None,
        ("1", "", kind) => Some(built_in(kind, utc_offset)?),
        ("1", own, _) => Some(rule(own, utc_offset)?),
        _ => return Err("Auto_Adjust_Clock and Daylight_Saving_Time_Rule disagree".to_owned()),
    };
    Ok(Clock::Rule(Rule { utc_offset, dst }))
}

/// The United States' changes at two o'clock of the wall, and the European Union's at one o'clock in Greenwich.
fn built_in(kind: &str, utc_offset: i64) -> Result<Dst, String> {
    let at = |month, day, time, clock| Moment { month, day, time, clock };
    let (start, end) = match kind {
        "1" => (at(3, Day::Nth(2, 0), 7200, In::Wall), at(11, Day::Nth(1, 0), 7200, In::Wall)),
        "2" => (at(3, Day::Last(0), 3600, In::Utc), at(10, Day::Last(0), 3600, In::Utc)),
        _ => return Err(format!("there is no kind {kind:?} of summer time")),
    };
    Ok(Dst { utc_offset: utc_offset + 3600, start, end })
}

#[test]
fn zones_of_phones() {
    super::every_zone(&CASES[..5]);
}

#[test]
fn zones_of_routers() {
    super::every_zone(&CASES[5..]);
}
