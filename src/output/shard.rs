//! One part of a build in many: which owners are its own, and what it is called on disk.

use std::fmt;
use std::str::FromStr;

use sha1::{Digest, Sha1};

use super::path::TEMP_PREFIX;

/// How every shard's temporaries in out/ begin, behind [`TEMP_PREFIX`].
const TEMPORARY: &str = "shard-";

/// Shard `index` of `of`, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Shard {
    index: u16,
    of: u16,
}

impl Shard {
    /// Shard `index` of `of`; none if there is no such shard.
    pub fn new(index: u16, of: u16) -> Option<Self> {
        (1..=of).contains(&index).then_some(Self { index, of })
    }

    /// Its number, from 1.
    pub fn index(self) -> u16 {
        self.index
    }

    /// How many there are.
    pub fn of(self) -> u16 {
        self.of
    }

    /// Whether it is the one that also makes what belongs to no device.
    pub fn is_first(self) -> bool {
        self.index == 1
    }

    /// Whether it builds the device with this canonical MAC or id. It follows from the text and from `of`
    /// alone (the first eight bytes of its sha1 as a big-endian number, modulo `of`), so that no device moves
    /// because another comes or goes, on any machine and in any later version.
    pub fn holds(self, id: &str) -> bool {
        let digest: [u8; 20] = Sha1::digest(id.as_bytes()).into();
        let first = digest.first_chunk().copied().map_or(0, u64::from_be_bytes);
        first % u64::from(self.of) == u64::from(self.index - 1)
    }

    /// The name of its directory in the state directory.
    pub(super) fn directory(self) -> String {
        format!("shard-{}-of-{}", self.index, self.of)
    }

    /// The shard of such a name.
    pub(super) fn of_directory(name: &str) -> Option<Self> {
        let (index, of) = name.strip_prefix("shard-")?.split_once("-of-")?;
        let shard = Self::new(index.parse().ok()?, of.parse().ok()?)?;
        (shard.directory() == name).then_some(shard)
    }

    /// How its temporaries in out/ begin.
    pub(super) fn temporary(self) -> String {
        format!("{TEMP_PREFIX}{TEMPORARY}{}-{}-", self.index, self.of)
    }

    /// Whether a file of that name in out/ is some shard's temporary.
    pub(super) fn is_temporary(name: &str) -> bool {
        name.strip_prefix(TEMP_PREFIX).is_some_and(|rest| rest.starts_with(TEMPORARY))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {} of {}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    /// Reads `i/n`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?;
        let Some((index, of)) = text.split_once('/') else {
            return Err("write it as i/n, like 2/4: the second of four shards".to_owned());
        };
        let (Some(index), Some(of)) = (number(index), number(of)) else {
            return Err(format!("i and n are whole numbers from 1 to {}", u16::MAX));
        };
        Self::new(index, of).ok_or_else(|| match (index, of) {
            (_, 0) => "n is how many shards there are, 1 at least".to_owned(),
            (0, _) => format!("i counts from 1 to n: the first of {of} shards is 1/{of}"),
            _ => format!("i counts from 1 to n: there are {of} shards and no shard {index}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_shard_is_refused_with_a_reason() {
        for (text, why) in [
            ("", "like 2/4"),
            ("3", "like 2/4"),
            ("a/3", "whole numbers"),
            ("1/", "whole numbers"),
            ("+1/2", "whole numbers"),
            ("1/2/3", "whole numbers"),
            ("1/65536", "whole numbers"),
            ("-1/4", "whole numbers"),
            ("0/4", "the first of 4 shards is 1/4"),
            ("5/4", "no shard 5"),
            ("1/0", "1 at least"),
            ("0/0", "1 at least"),
        ] {
            let error = text.parse::<Shard>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        let shard: Shard = "2/4".parse().unwrap();
        assert_eq!((shard.index(), shard.of(), shard.to_string()), (2, 4, "shard 2 of 4".to_owned()));
        assert!(!shard.is_first());
    }

    #[test]
    fn its_names_are_read_back() {
        let shard = Shard::new(2, 40).unwrap();
        assert_eq!(Shard::of_directory(&shard.directory()), Some(shard));
        for name in ["shard-2", "shard-02-of-40", "shard-41-of-40", "shard-0-of-4", "staging"] {
            assert_eq!(Shard::of_directory(name), None, "{name}");
        }
        assert!(Shard::is_temporary(&format!("{}7", shard.temporary())));
        assert!(!Shard::is_temporary(".provc-tmp-7"));
    }

    /// Pinned: another choice would move every device of every fleet.
    #[test]
    fn the_choice_never_changes() {
        let shard_of = |id: &str| (1..=5).find(|i| Shard::new(*i, 5).unwrap().holds(id)).unwrap();
        let ids = ["00:0f:d3:05:48:48", "00:0f:d3:05:48:49", "00:0f:d3:05:48:4a", "reception", ""];
        assert_eq!(ids.map(shard_of), [3, 2, 1, 2, 1]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_device_is_in_exactly_one_shard(id in "\\PC{0,20}", of in 1u16..300) {
            let all = (1..=of).filter(|index| Shard::new(*index, of).unwrap().holds(&id));
            prop_assert_eq!(all.count(), 1);
        }
    }
}
