//! Day arithmetic in the proleptic Gregorian calendar. Days count from 1970-01-01.

use super::Change;

/// Seconds in a day.
pub const DAY: i64 = 86_400;

const DAYS_BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// Whether the year has a 29 February.
pub fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The day on which the year begins.
pub fn year_start(year: i64) -> i64 {
    let before = year - 1;
    let leaps = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    before * 365 + leaps - 719_162
}

/// The day on which the month (1 to 12; 13 is the next year's first) begins.
pub fn month_start(year: i64, month: u8) -> i64 {
    match DAYS_BEFORE.get(usize::from(month).wrapping_sub(1)) {
        Some(days) => year_start(year) + days + i64::from(month > 2 && is_leap(year)),
        None => year_start(year + 1),
    }
}

/// The weekday, 0 is Sunday.
pub fn weekday(day: i64) -> i64 {
    (day + 4).rem_euclid(7)
}

/// The day of the week-th weekday of a month; week 5 is the last.
pub fn nth_weekday(year: i64, month: u8, week: u8, wanted: u8) -> i64 {
    let first = month_start(year, month);
    let day = first + (i64::from(wanted) - weekday(first)).rem_euclid(7) + 7 * (i64::from(week) - 1);
    if day >= month_start(year, month + 1) { day - 7 } else { day }
}

/// The local second of a change in a year.
pub fn local_second(year: i64, change: &Change) -> i64 {
    nth_weekday(year, change.month, change.week, change.weekday) * DAY + i64::from(change.time)
}
