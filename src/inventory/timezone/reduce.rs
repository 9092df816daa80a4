//! From a zone's rule and explicit changes to what a phone can be told.

use super::calendar::{DAY, is_leap, local_second, nth_weekday, year_start};
use super::posix::{Day, Rule, When};
use super::tzif::File;
use super::{Change, Dst, TimeZone};

/// The years for which `exact` answers. Fixed, because a build must not depend on its date.
const YEARS: std::ops::Range<i64> = 2026..2038;

/// Works out a zone.
pub fn reduce(name: &str, file: &File<'_>, rule: &Rule) -> TimeZone {
    let (utc_offset, dst) = said_to_phones(rule);
    let said = said_changes(utc_offset, dst.as_ref());
    let exact = said == true_changes(file, rule);
    TimeZone { name: name.to_owned(), posix: file.footer.to_owned(), utc_offset, dst, exact }
}

fn said_to_phones(rule: &Rule) -> (i32, Option<Dst>) {
    let Some(dst) = rule.dst else { return (rule.std, None) };
    let start = change(&dst.start);
    let end = change(&dst.end);
    let (standard, summer, start, end) = if dst.offset >= rule.std {
        (rule.std, dst.offset, start, end)
    } else {
        // A winter time that is behind "standard": what ends is the summer time that phones know.
        (dst.offset, rule.std, end, start)
    };
    (standard, Some(Dst { save: summer - standard, utc_offset: summer, start, end }))
}

/// The moment as month, week, weekday and time of that day; where there is none, the one that is right
/// in most of [`YEARS`] and nearest in the others.
fn change(when: &When) -> Change {
    let time = i64::from(when.time).rem_euclid(DAY);
    let time = i32::try_from(time).unwrap_or_default();
    if let (Day::Weekday { month, week, weekday }, true) = (when.day, when.time == time) {
        return Change { month, week, weekday, time };
    }
    let mut best: Option<((usize, i64), Change)> = None;
    for month in 1..=12 {
        for week in 1..=5 {
            for weekday in 0..=6 {
                let candidate = Change { month, week, weekday, time };
                let (mut wrong, mut far) = (0, 0);
                for year in YEARS {
                    let distance = (second(year, when) - local_second(year, &candidate)).abs();
                    wrong += usize::from(distance != 0);
                    far += distance;
                }
                if best.is_none_or(|(score, _)| (wrong, far) < score) {
                    best = Some(((wrong, far), candidate));
                }
            }
        }
    }
    best.map_or(Change { month: 1, week: 1, weekday: 0, time }, |(_, change)| change)
}

/// The local second of a rule's moment in a year.
fn second(year: i64, when: &When) -> i64 {
    let day = match when.day {
        Day::Weekday { month, week, weekday } => nth_weekday(year, month, week, weekday),
        Day::Julian(day) => year_start(year) + i64::from(day) - 1 + i64::from(day >= 60 && is_leap(year)),
        Day::Ordinal(day) => year_start(year) + i64::from(day),
    };
    day * DAY + i64::from(when.time)
}

/// The offset at the beginning of [`YEARS`] and every change within, as (Unix second, offset).
type Changes = Vec<(i64, i32)>;

fn window() -> (i64, i64) {
    (year_start(YEARS.start) * DAY, year_start(YEARS.end) * DAY)
}

/// Sorts, drops what changes nothing, and folds all before the window into its first second.
fn normal(mut changes: Changes) -> Changes {
    let (begin, end) = window();
    changes.sort_unstable();
    let mut out: Changes = Vec::new();
    for (at, offset) in changes {
        let at = at.max(begin);
        if at >= end {
            break;
        }
        if out.last().is_some_and(|last| last.0 == at) {
            out.pop();
        }
        if out.last().is_none_or(|last| last.1 != offset) {
            out.push((at, offset));
        }
    }
    out
}

fn said_changes(utc_offset: i32, dst: Option<&Dst>) -> Changes {
    let Some(dst) = dst else { return normal(vec![(i64::MIN, utc_offset)]) };
    let mut changes = Vec::new();
    for year in YEARS.start - 1..YEARS.end {
        changes.push((local_second(year, &dst.start) - i64::from(utc_offset), dst.utc_offset));
        changes.push((local_second(year, &dst.end) - i64::from(dst.utc_offset), utc_offset));
    }
    normal(changes)
}

fn true_changes(file: &File<'_>, rule: &Rule) -> Changes {
    let mut changes = file.changes.clone();
    let last = changes.last().map_or(i64::MIN, |last| last.0);
    match rule.dst {
        None => changes.push((last.saturating_add(1), rule.std)),
        Some(dst) => {
            for year in YEARS.start - 1..YEARS.end {
                changes.push((second(year, &dst.start) - i64::from(rule.std), dst.offset));
                changes.push((second(year, &dst.end) - i64::from(dst.offset), rule.std));
            }
            let explicit = file.changes.len();
            let mut at = 0;
            // The rule speaks only after the last explicit change.
            changes.retain(|change| {
                at += 1;
                at <= explicit || change.0 > last
            });
        }
    }
    normal(changes)
}

/// Kept beside the arithmetic it leans on: a weekday is what the calendar says it is.
#[cfg(test)]
mod tests {
    use super::super::calendar::weekday;
    use super::*;

    #[test]
    fn the_calendar_knows_some_days() {
        assert_eq!(year_start(1970), 0);
        assert_eq!(year_start(2026), 20_454);
        assert_eq!(weekday(0), 4);
        assert_eq!(nth_weekday(2026, 3, 5, 0), year_start(2026) + 31 + 28 + 28, "29 March 2026 is a Sunday");
        assert_eq!(nth_weekday(2028, 2, 5, 2), year_start(2028) + 31 + 28, "29 February 2028 is a Tuesday");
        assert_eq!(nth_weekday(2026, 12, 5, 4), year_start(2027) - 1, "31 December 2026 is a Thursday");
    }

    #[test]
    fn days_of_the_year_are_counted_with_and_without_february_29() {
        let at = |year, day| (second(year, &When { day, time: 0 }) - year_start(year) * DAY) / DAY;
        assert_eq!(at(2028, Day::Julian(59)), 58);
        assert_eq!(at(2028, Day::Julian(60)), 60);
        assert_eq!(at(2027, Day::Julian(60)), 59);
        assert_eq!(at(2028, Day::Ordinal(59)), 59);
        assert_eq!(weekday(year_start(2026)), 4);
    }
}
