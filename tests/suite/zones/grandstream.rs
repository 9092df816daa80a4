//! Grandstream: an own rule as `std offset dst offset,start/time,end/time` with offsets west of Greenwich (the
//! administration guides, "Self-Defined Time Zone"), in a P-value or an item; before that minutes from 720 and a
//! rule of month, day, weekday, hour and minute (user manuals of the GXP20xx and of the HandyTone 386, "Daylight
//! Savings Time").

use super::rule::{self, Day, Dst, In, Moment, Rule};
use super::{Case, Clock};
use crate::xml::Element;

/// All versions.
pub const CASES: &[Case] = &[
    case("grandstream-1.0.1.44", "WP826", item),
    case("grandstream-1.0.2.16", "DP750", p_value),
    case("grandstream-1.0.3.25", "GXV3380", zone_item),
    case("grandstream-1.0.3.27", "GXP2200", zone_p_value),
    case("grandstream-1.0.5.10", "HT801V2", p_value),
    case("grandstream-1.0.5.48", "GRP2612", item),
    case("grandstream-1.0.7.13", "GXP1610", p_value),
    case("grandstream-1.0.8.6", "GXP1405", p_value),
    case("grandstream-1.0.9.103", "GRP2612", item),
    case("grandstream-1.0.11.79", "GXP2130", item),
    case("grandstream-1.0.27.2", "HT801", p_value),
    case("grandstream-1.2.5.3", "GXP2000", minutes),
];

const fn case(plugin: &'static str, model: &'static str, read: fn(&str) -> Result<Clock, String>) -> Case {
    Case { plugin, model, file: "Grandstream/cfg{mac}.xml", refused: 0, read }
}

/// `dateTime.timezone` is `customize` and `dateTime.timezone.custom` the rule.
fn item(text: &str) -> Result<Clock, String> {
    let document = Element::parse(text);
    own_rule(&named(&document, "dateTime.timezone")?, || named(&document, "dateTime.timezone.custom"))
}

/// P64 is `customize` and P246 the rule.
fn p_value(text: &str) -> Result<Clock, String> {
    let document = Element::parse(text);
    own_rule(&p(&document, "P64")?, || p(&document, "P246"))
}

/// Android phones: the zone is the rule.
fn zone_item(text: &str) -> Result<Clock, String> {
    rule::posix(&named(&Element::parse(text), "dateTime.timezone")?).map(Clock::Rule)
}

fn zone_p_value(text: &str) -> Result<Clock, String> {
    rule::posix(&p(&Element::parse(text), "P64")?).map(Clock::Rule)
}

fn own_rule(zone: &str, rule: impl Fn() -> Result<String, String>) -> Result<Clock, String> {
    match zone {
        "customize" => {
            let rule = rule()?;
            if rule.len() > 64 {
                return Err(format!("{rule:?} is longer than 64 characters"));
            }
            rule::posix(&rule).map(Clock::Rule)
        }
        other => Err(format!("{other:?} is no zone of one's own")),
    }
}

/// P64 counts minutes with Greenwich at 720; P75 switches the rule in P246 on: start, end and minutes saved.
fn minutes(text: &str) -> Result<Clock, String> {
    let document = Element::parse(text);
    let utc_offset = (rule::number(&p(&document, "P64")?)? - 720) * 60;
    if p(&document, "P75")? == "0" {
        return Ok(Clock::Rule(Rule::fixed(utc_offset)));
    }
    let said = p(&document, "P246")?;
    let [start, end, saved] = said.split(';').collect::<Vec<_>>()[..] else {
        return Err(format!("{said:?} has not three parts"));
    };
    let dst =
        Dst { utc_offset: utc_offset + rule::number(saved)? * 60, start: moment(start)?, end: moment(end)? };
    Ok(Clock::Rule(Rule { utc_offset, dst: Some(dst) }))
}

/// `month,day,weekday,hour,minute`: the day-th weekday of the month, from its end where the day is negative;
/// Monday is 1 and Sunday 7.
fn moment(text: &str) -> Result<Moment, String> {
    let numbers = text.split(',').map(rule::number).collect::<Result<Vec<_>, _>>()?;
    let [month, day, weekday @ 1..=7, hour @ 0..=23, minute @ 0..=59] = numbers[..] else {
        return Err(format!("{text:?} is no moment"));
    };
    let day = match day {
        -1 => Day::Last(weekday % 7),
        n @ 1..=4 => Day::Nth(n, weekday % 7),
        n => return Err(format!("there is no week {n}")),
    };
    Ok(Moment { month, day, time: hour * 3600 + minute * 60, clock: In::Wall })
}

/// The text of an item.
fn named(document: &Element, name: &str) -> Result<String, String> {
    let items = document.all("item");
    let found = items.iter().find(|item| item.get("name") == name);
    found.map(|item| item.text.clone()).ok_or_else(|| format!("no {name}"))
}

/// A P-value.
fn p(document: &Element, name: &str) -> Result<String, String> {
    document.all(name).first().map(|element| element.text.clone()).ok_or_else(|| format!("no {name}"))
}

#[test]
fn zones() {
    super::every_zone(CASES);
}
