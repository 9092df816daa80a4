//! Yearly rules in the shapes that vendors have, and the moments that they imply. Readers of families put
//! together a [`Rule`] from the words of their syntax; nothing of provc's own arithmetic is used.

use jiff::civil::{Date, Weekday};

use super::iana::{BEGIN, END, normal};

/// Offsets and yearly changes. All in seconds, offsets east of Greenwich.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Offset of standard time.
    pub utc_offset: i64,
    /// Summer time, if there is one.
    pub dst: Option<Dst>,
}

/// Summer time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dst {
    /// Offset while it lasts.
    pub utc_offset: i64,
    /// When it begins.
    pub start: Moment,
    /// When it ends.
    pub end: Moment,
}

/// A yearly moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// 1 to 12.
    pub month: i64,
    /// Which day of the month.
    pub day: Day,
    /// Seconds after that day's midnight; may be negative or longer than a day.
    pub time: i64,
    /// Whose seconds.
    pub clock: In,
}

/// Which day of a month. Weekdays count from 0, which is Sunday.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Day {
    /// The n-th weekday of this name, from 1.
    Nth(i64, i64),
    /// The last weekday of this name.
    Last(i64),
    /// The first weekday of this name on or after a day of the month: weekday, day.
    OnOrAfter(i64, i64),
    /// The last weekday of this name on or before a day of the month: weekday, day.
    OnOrBefore(i64, i64),
    /// A day of the month.
    Date(i64),
}

/// By which clock a moment is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum In {
    /// What the clock on the wall shows until then: standard time at the start, summer time at the end.
    Wall,
    /// Standard time all the year.
    Standard,
    /// Greenwich.
    Utc,
}

impl Rule {
    /// A zone without summer time.
    pub fn fixed(utc_offset: i64) -> Self {
        Self { utc_offset, dst: None }
    }

    /// The offset at the beginning of 2026 and every change until the end of 2030, as the database's.
    pub fn timeline(&self) -> Result<Vec<(i64, i64)>, String> {
        let Some(dst) = &self.dst else { return Ok(vec![(BEGIN, self.utc_offset)]) };
        let mut changes = Vec::new();
        for year in 2025..=2030 {
            changes.push((dst.start.second(year, self.utc_offset, self.utc_offset)?, dst.utc_offset));
            changes.push((dst.end.second(year, self.utc_offset, dst.utc_offset)?, self.utc_offset));
        }
        changes.sort_unstable();
        let before = changes.iter().rev().find(|change| change.0 <= BEGIN).map_or(self.utc_offset, |c| c.1);
        changes.retain(|change| change.0 > BEGIN && change.0 < END);
        changes.push((BEGIN, before));
        Ok(normal(changes))
    }
}

impl Moment {
    /// The Unix second in a year, with standard time's offset and that of the wall clock until then.
    fn second(&self, year: i16, standard: i64, wall: i64) -> Result<i64, String> {
        let offset = match self.clock {
            In::Wall => wall,
            In::Standard => standard,
            In::Utc => 0,
        };
        let date = self.day.in_month(year, self.month)?;
        let days = date.since(Date::constant(1970, 1, 1)).map_err(|error| error.to_string())?.get_days();
        Ok(i64::from(days) * 86_400 + self.time - offset)
    }
}

impl Day {
    /// The date in a month.
    fn in_month(self, year: i16, month: i64) -> Result<Date, String> {
        let of = |day: i64| {
            let (month, day) = (i8::try_from(month).ok(), i8::try_from(day).ok());
            let date = month.zip(day).and_then(|(month, day)| Date::new(year, month, day).ok());
            date.ok_or_else(|| format!("there is no {year}-{month:?}-{day:?}"))
        };
        let weekday = |n: i64| {
            let n = i8::try_from(n).ok().and_then(|n| Weekday::from_sunday_zero_offset(n).ok());
            n.ok_or_else(|| "weekdays are 0 to 6".to_owned())
        };
        let on_or_after = |n: i64, date: Date| {
            let ahead = i64::from(weekday(n)?.since(date.weekday()));
            date.checked_add(jiff::Span::new().days(ahead)).map_err(|error| error.to_string())
        };
        let last = |n: i64, date: Date| {
            let behind = i64::from(date.weekday().since(weekday(n)?));
            date.checked_sub(jiff::Span::new().days(behind)).map_err(|error| error.to_string())
        };
        match self {
            Self::Date(day) => of(day),
            Self::OnOrAfter(n, day) => on_or_after(n, of(day)?),
            Self::OnOrBefore(n, day) => last(n, of(day)?),
            Self::Last(n) => last(n, of(1)?.last_of_month()),
            Self::Nth(n @ 1..=5, day) => {
                let date = on_or_after(day, of(1 + 7 * (n - 1))?)?;
                if date.month() == of(1)?.month() { Ok(date) } else { Err(format!("no week {n} in {year}")) }
            }
            Self::Nth(n, _) => Err(format!("there is no week {n}")),
        }
    }

    /// The `week`-th weekday of a month where 5 stands for the last, as POSIX and many vendors have it.
    pub fn week(week: i64, weekday: i64) -> Self {
        if week == 5 { Self::Last(weekday) } else { Self::Nth(week, weekday) }
    }
}

/// A number, for readers.
pub fn number(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is no number"))
}

/// `[+-]H[:MM[:SS]]` in seconds.
pub fn hms(text: &str) -> Result<i64, String> {
    let (sign, digits) = match text.trim().split_at_checked(1) {
        Some(("-", rest)) => (-1, rest),
        Some(("+", rest)) => (1, rest),
        _ => (1, text.trim()),
    };
    let parts: Vec<&str> = digits.split(':').collect();
    if parts.len() > 3 || parts.iter().any(|part| !part.bytes().all(|b| b.is_ascii_digit())) {
        return Err(format!("{text:?} is no time"));
    }
    let mut seconds = 0;
    for (part, unit) in parts.iter().zip([3600, 60, 1]) {
        seconds += number(part)? * unit;
    }
    Ok(sign * seconds)
}

/// A rule of POSIX.1-2017 section 8.3, with the hours of RFC 8536: `CET-1CEST,M3.5.0,M10.5.0/3`. Names in
/// angle brackets are read too.
pub fn posix(text: &str) -> Result<Rule, String> {
    let wrong = |what: &str| format!("{text:?}: {what}");
    let (_, rest) = zone_name(text).ok_or_else(|| wrong("no name"))?;
    let (offset, rest) = until(rest, |c| c.is_alphabetic() || c == '<' || c == ',');
    let utc_offset = -hms(offset)?;
    let Some((_, rest)) = zone_name(rest) else {
        return if rest.is_empty() { Ok(Rule::fixed(utc_offset)) } else { Err(wrong("no second name")) };
    };
    let (offset, rest) = until(rest, |c| c == ',');
    let summer = if offset.is_empty() { utc_offset + 3600 } else { -hms(offset)? };
    let parts: Vec<&str> = rest.trim_start_matches(',').split(',').collect();
    let [start, end] = parts.as_slice() else { return Err(wrong("not two changes")) };
    let moment = |text: &str| {
        let (day, time) = text.split_once('/').unwrap_or((text, "2"));
        let day = day.strip_prefix('M').ok_or_else(|| wrong("a change that is not Mm.w.d"))?;
        let parts: Vec<i64> = day.split('.').map(number).collect::<Result<_, _>>()?;
        let [month, week, weekday] = *parts else { return Err(wrong("a change that is not Mm.w.d")) };
        Ok(Moment { month, day: Day::week(week, weekday), time: hms(time)?, clock: In::Wall })
    };
    Ok(Rule { utc_offset, dst: Some(Dst { utc_offset: summer, start: moment(start)?, end: moment(end)? }) })
}

fn until(text: &str, stop: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(stop).unwrap_or(text.len()))
}

/// A name of three or more letters, or anything in angle brackets, and what follows.
fn zone_name(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('<') {
        return quoted.split_once('>');
    }
    let (name, rest) = until(text, |c| !c.is_alphabetic());
    (name.len() >= 3).then_some((name, rest))
}

/// Readers lean on this arithmetic, so it is held against dates from a calendar on paper.
#[test]
fn rules_imply_the_moments_that_they_say() {
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
    let paris = posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap().timeline().unwrap();
    let begin: Vec<_> = paris.iter().take(3).copied().collect();
    let expected = [(BEGIN, 3600), (at("2026-03-29T01:00:00Z"), 7200), (at("2026-10-25T01:00:00Z"), 3600)];
    assert_eq!((begin.as_slice(), paris.len()), (expected.as_slice(), 11));

    // The southern summer lasts over the new year.
    let sydney = posix("AEST-10AEDT,M10.1.0,M4.1.0/3").unwrap().timeline().unwrap();
    assert_eq!(&sydney[..2], [(BEGIN, 39_600), (at("2026-04-04T16:00:00Z"), 36_000)]);

    // The same moments by other clocks.
    let plain = posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    for (clock, start, end) in [(In::Standard, 7200, 7200), (In::Utc, 3600, 3600)] {
        let Some(Dst { utc_offset, start: a, end: b }) = plain.dst else { panic!("{plain:?}") };
        let (start, end) = (Moment { time: start, clock, ..a }, Moment { time: end, clock, ..b });
        let told = Rule { dst: Some(Dst { utc_offset, start, end }), ..plain };
        assert_eq!(told.timeline().unwrap(), paris, "{clock:?}");
    }

    let fixed = posix("<+0545>-5:45").unwrap().timeline().unwrap();
    assert_eq!(fixed, [(BEGIN, 20_700)]);
    assert!(posix("CET-1CEST").is_err() && posix("").is_err() && posix("CET-1CEST,M3.6.0,M10.5.0").is_ok());
    assert!(posix("CET-1CEST,M3.6.0,M10.5.0").unwrap().timeline().is_err(), "no sixth week");

    let days = [
        (Day::Nth(2, 0), "2026-03-08"),
        (Day::Last(0), "2026-03-29"),
        (Day::OnOrAfter(0, 8), "2026-03-08"),
        (Day::OnOrAfter(5, 23), "2026-03-27"),
        (Day::OnOrBefore(6, 31), "2026-03-28"),
        (Day::Date(31), "2026-03-31"),
    ];
    for (day, date) in days {
        assert_eq!(day.in_month(2026, 3).unwrap().to_string(), date, "{day:?}");
    }
    assert!(Day::Date(31).in_month(2026, 4).is_err() && Day::Nth(5, 1).in_month(2026, 4).is_err());
    assert_eq!((hms("-5:45"), hms("+02"), hms("1:02:03")), (Ok(-20_700), Ok(7200), Ok(3723)));
    assert!(hms("").is_err() && hms("2h").is_err());
}
