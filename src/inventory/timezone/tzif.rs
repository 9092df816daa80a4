//! The parts of a TZif file (RFC 8536, version 2 and later) that matter here: the explicit changes of
//! the offset and the closing rule.

/// What was read. Changes are in order of time.
pub struct File<'a> {
    /// Unix second of each change, and the offset from then on.
    pub changes: Vec<(i64, i32)>,
    /// The POSIX rule that holds after the last change.
    pub footer: &'a str,
}

const HEADER: usize = 44;

/// The six counts of a header, in the order of the file.
struct Counts {
    utc: usize,
    wall: usize,
    leap: usize,
    times: usize,
    types: usize,
    chars: usize,
}

impl Counts {
    fn read(data: &[u8]) -> Option<Self> {
        if data.get(..4)? != b"TZif" {
            return None;
        }
        let count = |at: usize| -> Option<usize> { usize::try_from(be32(data, 20 + 4 * at)?).ok() };
        Some(Self {
            utc: count(0)?,
            wall: count(1)?,
            leap: count(2)?,
            times: count(3)?,
            types: count(4)?,
            chars: count(5)?,
        })
    }

    /// Length of the data after the header, where a time takes `width` bytes.
    fn body(&self, width: usize) -> usize {
        self.times * (width + 1)
            + self.types * 6
            + self.chars
            + self.leap * (width + 4)
            + self.wall
            + self.utc
    }
}

fn be32(data: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?))
}

fn be64(data: &[u8], at: usize) -> Option<i64> {
    Some(i64::from_be_bytes(data.get(at..at + 8)?.try_into().ok()?))
}

/// Reads a file; `None` if it is not one, or of version 1 (which has no closing rule).
pub fn parse(data: &[u8]) -> Option<File<'_>> {
    // The first part repeats the second with 32-bit times, for old readers.
    let skipped = Counts::read(data)?.body(4) + HEADER;
    let data = data.get(skipped..)?;
    let counts = Counts::read(data)?;
    let footer = std::str::from_utf8(data.get(HEADER + counts.body(8)..)?).ok()?.trim_matches('\n');

    let indexes = HEADER + counts.times * 8;
    let types = indexes + counts.times;
    let mut changes = Vec::with_capacity(counts.times);
    for at in 0..counts.times {
        let kind = usize::from(*data.get(indexes + at)?);
        changes.push((be64(data, HEADER + at * 8)?, be32(data, types + kind * 6)?));
    }
    Some(File { changes, footer })
}
