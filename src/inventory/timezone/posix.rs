//! POSIX TZ rules (POSIX.1-2017 section 8.3, hours extended to -167..167 by RFC 8536 section 3.3.1).

/// A rule as written. Offsets are in seconds east of Greenwich (POSIX writes them west).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Offset of the time named first.
    pub std: i32,
    /// The time named second, if any.
    pub dst: Option<RuleDst>,
}

/// The second time of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RuleDst {
    /// Its offset; may be behind the first (Dublin).
    pub offset: i32,
    /// When it begins, in the first time.
    pub start: When,
    /// When it ends, in its own time.
    pub end: When,
}

/// A yearly moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct When {
    /// The day.
    pub day: Day,
    /// Seconds after that day's midnight; may be negative or longer than a day.
    pub time: i32,
}

/// A day of every year.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Day {
    /// `Mm.w.d`.
    Weekday {
        /// 1 to 12.
        month: u8,
        /// 1 to 5, 5 is the last.
        week: u8,
        /// 0 is Sunday.
        weekday: u8,
    },
    /// `Jn`: 1 to 365, 29 February never counted.
    Julian(u16),
    /// `n`: 0 to 365, 29 February counted.
    Ordinal(u16),
}

const DEFAULT_TIME: i32 = 2 * 3600;

/// Reads a rule; `None` if it is not one.
pub fn parse(text: &str) -> Option<Rule> {
    let mut rest = Cursor(text.as_bytes());
    rest.name()?;
    let std = -rest.time(24)?;
    if rest.0.is_empty() {
        return Some(Rule { std, dst: None });
    }
    rest.name()?;
    let offset = if rest.0.first() == Some(&b',') { std + 3600 } else { -rest.time(24)? };
    let start = rest.when()?;
    let end = rest.when()?;
    rest.0.is_empty().then_some(Rule { std, dst: Some(RuleDst { offset, start, end }) })
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn eat(&mut self, wanted: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == wanted => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn need(&mut self, wanted: u8) -> Option<()> {
        self.eat(wanted).then_some(())
    }

    /// Skips a name: letters, or anything in angle brackets.
    fn name(&mut self) -> Option<()> {
        let quoted = self.0.first() == Some(&b'<');
        let length = if quoted {
            self.0.iter().position(|byte| *byte == b'>')? + 1
        } else {
            self.0.iter().take_while(|byte| byte.is_ascii_alphabetic()).count()
        };
        self.0 = self.0.get(length..)?;
        (length >= 3).then_some(())
    }

    fn number(&mut self, range: std::ops::RangeInclusive<u16>) -> Option<u16> {
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(digits).ok()?.parse().ok().filter(|number| range.contains(number))
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    fn time(&mut self, max_hours: u16) -> Option<i32> {
        let negative = self.eat(b'-');
        if !negative {
            self.eat(b'+');
        }
        let mut seconds = i32::from(self.number(0..=max_hours)?) * 3600;
        for unit in [60, 1] {
            if !self.eat(b':') {
                break;
            }
            seconds += i32::from(self.number(0..=59)?) * unit;
        }
        Some(if negative { -seconds } else { seconds })
    }

    fn when(&mut self) -> Option<When> {
        self.need(b',')?;
        let day = if self.eat(b'M') {
            let month = self.number(1..=12)?;
            self.need(b'.')?;
            let week = self.number(1..=5)?;
            self.need(b'.')?;
            let weekday = self.number(0..=6)?;
            Day::Weekday {
                month: u8::try_from(month).ok()?,
                week: u8::try_from(week).ok()?,
                weekday: u8::try_from(weekday).ok()?,
            }
        } else if self.eat(b'J') {
            Day::Julian(self.number(1..=365)?)
        } else {
            Day::Ordinal(self.number(0..=365)?)
        };
        let time = if self.eat(b'/') { self.time(167)? } else { DEFAULT_TIME };
        Some(When { day, time })
    }
}
