//! Yealink: `local_time.time_zone = +5:30`, and by the administrator's guide `local_time.start_time =
//! month/week/weekday/hour` on the clock that the wall shows until then (week 5 is the last, weekday 1 is Monday), with
//! `local_time.offset_time` in minutes. Hours are full hours, which is why Chatham is refused.

use super::rule::{Day, Dst, In, Moment, Rule};
use super::{Case, Clock};

/// All versions, with models of few keys, and a DECT base.
pub const CASES: &[Case] = &[
    case("yealink-2.73.0.50", "T19P"),
    case("yealink-28.80.0.95", "CP860"),
    case("yealink-66.81.0.110", "T19P_E2"),
    case("yealink-66.83.0.35", "W60B"),
    case("yealink-66.86.0.15", "T30P"),
    case("yealink-96.87.0.15", "AX83H"),
];

const fn case(plugin: &'static str, model: &'static str) -> Case {
    // Pacific/Chatham and its old name.
    Case { plugin, model, file: "{mac}.cfg", refused: 2, read }
}

fn read(text: &str) -> Result<Clock, String> {
    let value = |name: &str| {
        let found: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(" = ")).collect();
        match found[..] {
            [value] => Ok(value),
            _ => Err(format!("{name} is there {} times", found.len())),
        }
    };
    let standard = offset(value("local_time.time_zone")?)?;
    match value("local_time.summer_time")? {
        "0" => return Ok(Clock::Rule(Rule::fixed(standard))),
        "1" => {}
        other => return Err(format!("summer_time {other}")),
    }
    if value("local_time.dst_time_type")? != "1" {
        return Err("not by week".to_owned());
    }
    let save = number(value("local_time.offset_time")?, -300..=300)? * 60;
    let start = moment(value("local_time.start_time")?)?;
    let end = moment(value("local_time.end_time")?)?;
    Ok(Clock::Rule(Rule { utc_offset: standard, dst: Some(Dst { utc_offset: standard + save, start, end }) }))
}

/// `0`, `+8`, `-3:30`.
fn offset(text: &str) -> Result<i64, String> {
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ if text == "0" => return Ok(0),
        _ => return Err(format!("{text:?} is no offset")),
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    Ok(sign * (number(hours, 0..=14)? * 3600 + number(minutes, 0..=59)? * 60))
}

fn moment(text: &str) -> Result<Moment, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let [month, week, weekday, hour] = parts[..] else { return Err(format!("{text:?} is no change")) };
    let day = Day::week(number(week, 1..=5)?, number(weekday, 1..=7)? % 7);
    Ok(Moment { month: number(month, 1..=12)?, day, time: number(hour, 0..=23)? * 3600, clock: In::Wall })
}

fn number(text: &str, range: std::ops::RangeInclusive<i64>) -> Result<i64, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("{text:?} is not within {range:?}"))
}

#[test]
fn zones() {
    super::every_zone(CASES);
}
