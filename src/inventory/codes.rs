//! The kinds of mistake that an inventory can hold.

use crate::diagnostic::Code;

/// A list where a mapping is expected, and the like.
pub const WRONG_TYPE: Code = Code("PV0202");
/// A word that is not one of the allowed ones.
pub const BAD_CHOICE: Code = Code("PV0203");
/// Not a whole number, or out of bounds.
pub const BAD_INTEGER: Code = Code("PV0204");
/// Not HOST or HOST:PORT.
pub const BAD_ENDPOINT: Code = Code("PV0205");
/// Not a MAC address that a phone can have.
pub const BAD_MAC: Code = Code("PV0206");
/// Not an IP address.
pub const BAD_IP: Code = Code("PV0207");
/// Not a netmask.
pub const BAD_NETMASK: Code = Code("PV0208");
/// Not a URL.
pub const BAD_URL: Code = Code("PV0209");
/// Not language_COUNTRY.
pub const BAD_LOCALE: Code = Code("PV0210");
/// Not a zone of the IANA database.
pub const UNKNOWN_TIMEZONE: Code = Code("PV0211");
/// Not a country code.
pub const BAD_COUNTRY: Code = Code("PV0212");
/// Neither true nor false.
pub const BAD_BOOLEAN: Code = Code("PV0213");
/// Text of several lines, or with a tab.
pub const NOT_ONE_LINE: Code = Code("PV0214");
/// A position that is not a number from 1.
pub const BAD_POSITION: Code = Code("PV0215");
/// A mapping that is almost a secret.
pub const BAD_SECRET: Code = Code("PV0216");
/// A date format that no phone knows.
pub const BAD_DATE_FORMAT: Code = Code("PV0217");
/// Something that has to be there and is not.
pub const MISSING: Code = Code("PV0218");
/// An empty name.
pub const EMPTY_NAME: Code = Code("PV0219");
/// Letters in a value that a phone takes from its keypad.
pub const NOT_DIGITS: Code = Code("PV0220");
/// Two things said where only one can hold.
pub const CONTRADICTION: Code = Code("PV0221");
/// An id that cannot be part of a file name.
pub const BAD_ID: Code = Code("PV0222");
/// No inventory directory, or no inventory in it.
pub const NO_INVENTORY: Code = Code("PV0223");

/// The same profile, line, layout, list or key of `site` defined twice.
pub const DEFINED_TWICE: Code = Code("PV0301");
/// The same MAC or id twice.
pub const DEVICE_TWICE: Code = Code("PV0302");
/// Two devices of one name.
pub const NAME_TWICE: Code = Code("PV0303");
/// A profile that does not exist.
pub const UNKNOWN_PROFILE: Code = Code("PV0304");
/// Profiles that extend each other in a ring.
pub const PROFILE_CYCLE: Code = Code("PV0305");
/// A line that does not exist.
pub const UNKNOWN_LINE: Code = Code("PV0306");
/// A key layout that does not exist.
pub const UNKNOWN_LAYOUT: Code = Code("PV0307");
/// A contact list that does not exist.
pub const UNKNOWN_CONTACTS: Code = Code("PV0308");
/// A device that lacks vendor or model after merging.
pub const NO_MODEL: Code = Code("PV0309");
/// A line with neither number nor user name.
pub const NO_NUMBER: Code = Code("PV0310");
/// A pattern that no line matches.
pub const NO_MATCH: Code = Code("PV0311");
/// A function key that lacks its type or value after merging.
pub const INCOMPLETE_KEY: Code = Code("PV0312");
/// An environment variable that is not set.
pub const ENV_SECRET: Code = Code("PV0313");
/// A secret file that cannot be read.
pub const FILE_SECRET: Code = Code("PV0314");
/// A secret command that failed.
pub const COMMAND_SECRET: Code = Code("PV0315");
/// A secret whose text a phone's file cannot hold.
pub const SECRET_TEXT: Code = Code("PV0316");
/// A certificate or key that is not PEM.
pub const BAD_PEM: Code = Code("PV0317");
/// A key, handset or port that names a line which the device does not have.
pub const NO_SUCH_LINE: Code = Code("PV0318");
