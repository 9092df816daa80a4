//! Polycom: an offset in seconds and, for summer time of one hour, `tcpIpApp.sntp.daylightSavings.*`. The
//! Administrator's Guides: weekdays count from 1, which is Sunday; `date` is the day of the month on or after
//! which the weekday is looked for, unless `lastInMonth` is set; `time` is an hour of the clock on the wall.

use super::rule::{Day, Dst, In, Moment, Rule, number};
use super::{Case, Clock};
use crate::xml::Element;

/// All versions.
pub const CASES: &[Case] = &[
    case("polycom-3.1.6", "SPIP501"),
    case("polycom-3.2.4", "SPIP430"),
    case("polycom-4.0.11", "SPIP450"),
    case("polycom-5.4.3", "VVX300"),
    case("polycom-5.5.1", "VVX410"),
    case("polycom-5.8.2", "VVX150"),
    case("polycom-5.9.2", "VVX350"),
    case("polycom-6.4.6", "VVX601"),
];

/// Refused are the zones whose summer time is not one hour (Lord Howe, Troll) or does not begin on the hour
/// (Chatham), under all their names.
const fn case(plugin: &'static str, model: &'static str) -> Case {
    Case { plugin, model, file: "{mac}-user.cfg", refused: 5, read }
}

fn read(text: &str) -> Result<Clock, String> {
    let config = Element::parse(text);
    let get =
        |name: &str| number(config.get(&format!("tcpIpApp.sntp.{name}"))).map_err(|e| format!("{name}: {e}"));
    if get("gmtOffset.overrideDHCP")? != 1 {
        return Err("an offset from DHCP goes first".to_owned());
    }
    let utc_offset = get("gmtOffset")?;
    match get("daylightSavings.enable")? {
        0 => return Ok(Clock::Rule(Rule::fixed(utc_offset))),
        1 if get("daylightSavings.fixedDayEnable")? == 0 => {}
        _ => return Err("no changes by weekday".to_owned()),
    }
    let change = |which: &str| {
        let get = |name: &str| get(&format!("daylightSavings.{which}.{name}"));
        let (weekday, hour) = (get("dayOfWeek")? - 1, get("time")?);
        if !(0..=23).contains(&hour) {
            return Err(format!("{hour} is no hour"));
        }
        let day = match get("dayOfWeek.lastInMonth")? {
            1 => Day::Last(weekday),
            _ => Day::OnOrAfter(weekday, get("date")?),
        };
        Ok(Moment { month: get("month")?, day, time: hour * 3600, clock: In::Wall })
    };
    let dst = Dst { utc_offset: utc_offset + 3600, start: change("start")?, end: change("stop")? };
    Ok(Clock::Rule(Rule { utc_offset, dst: Some(dst) }))
}

#[test]
fn zones() {
    super::every_zone(CASES);
}
