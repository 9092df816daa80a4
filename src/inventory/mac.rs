//! MAC addresses: read in any usual spelling, one form inside, printed as `00:1a:2b:3c:4d:e0`.

use std::fmt;

/// The hardware address of a phone (IEEE 802 EUI-48).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac([u8; 6]);

impl Mac {
    /// Reads `00:1a:2b:3c:4d:e0`, `00-1A-2B-3C-4D-E0`, `001a.2b3c.4de0`, `001A2B3C4DE0` and mixtures of
    /// case; a group of a single digit (`0:1a:...`) counts as with a leading zero.
    ///
    /// # Errors
    /// The reason, for a person: the wrong form, or an address that no phone can have.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mac = digits(text).ok_or("a MAC address has twelve hexadecimal digits")?;
        match mac {
            [0, 0, 0, 0, 0, 0] => Err("all zeros is no phone's address"),
            [first, ..] if first & 1 == 1 => Err("this is a group (multicast) address, not a phone's"),
            _ => Ok(Self(mac)),
        }
    }

    /// The six bytes.
    pub fn bytes(self) -> [u8; 6] {
        self.0
    }
}

fn digits(text: &str) -> Option<[u8; 6]> {
    let groups: Vec<&str> = text.trim().split([':', '-', '.', ' ']).collect();
    let width = match groups.len() {
        1 => 12,
        2 => 6,
        3 => 4,
        6 => 2,
        _ => return None,
    };
    let mut hex = String::with_capacity(12);
    for group in groups {
        let short = width == 2 && group.len() == 1;
        if !(group.len() == width || short) || !group.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        if short {
            hex.push('0');
        }
        hex.push_str(group);
    }
    let number = u64::from_str_radix(&hex, 16).ok()?;
    let [_, _, mac @ ..] = number.to_be_bytes();
    Some(mac)
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every device is named several times in a build, and the formatter shows in profiles.
        let digit = |n: u8| char::from(if n < 10 { b'0' + n } else { b'a' + n - 10 });
        let mut text = String::with_capacity(17);
        for (at, byte) in self.0.into_iter().enumerate() {
            if at > 0 {
                text.push(':');
            }
            text.extend([digit(byte >> 4), digit(byte & 15)]);
        }
        f.write_str(&text)
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::Mac;
    use proptest::prelude::*;

    #[test]
    fn spellings() {
        for text in [
            "00:1a:2b:3c:4d:e0",
            "00-1A-2B-3C-4D-E0",
            "001a.2b3c.4de0",
            "001A2B3C4DE0",
            "0:1A:2b:3C:4d:E0",
            "001a2b-3c4de0",
        ] {
            assert_eq!(
                Mac::parse(text).map(|m| m.to_string()),
                Ok("00:1a:2b:3c:4d:e0".to_string()),
                "{text}"
            );
        }
        // Digits alone stay digits: no number was made of them on the way.
        assert_eq!(Mac::parse("801234567890").map(|m| m.to_string()), Ok("80:12:34:56:78:90".into()));
    }

    #[test]
    fn refused() {
        for text in [
            "",
            "00:1a:2b:3c:4d",
            "00:1a:2b:3c:4d:e0:11",
            "00:1a:2b:3c:4d:g0",
            "+01a2b3c4de0",
            "000000000000",
            "01:00:5e:00:00:01",
            "ff:ff:ff:ff:ff:ff",
        ] {
            assert!(Mac::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_round_trips(text in "\\PC{0,20}", bytes: [u8; 6]) {
            let _ = Mac::parse(&text);
            let mac = Mac([bytes[0] & 0xfe, bytes[1], bytes[2], bytes[3], bytes[4], bytes[5] | 1]);
            prop_assert_eq!(Mac::parse(&mac.to_string()), Ok(mac));
        }
    }
}
